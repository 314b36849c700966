"""Networks that take their channels first are seen as their twins that take them last are."""

import numpy as np
import pytest
from see_networks import fill, sample

import striate as keras
from striate import layers, see
from striate.see import probe


def network(order):
    """The same network over (height, width, channels), or over (channels, height, width)."""
    shape, axis = ((10, 8, 3), -1) if order == "channels_last" else ((3, 10, 8), 1)
    inputs = keras.Input(shape)
    x = layers.Conv2D(4, 3, padding="same", data_format=order, name="stem")(layers.Rescaling(2, name="scale")(inputs))
    x = layers.ReLU(name="relu")(layers.BatchNormalization(axis=axis, name="norm")(x))
    x = layers.Concatenate(axis=axis, name="both")([x, layers.Dropout(0.3, name="drop")(x)])
    x = layers.MaxPooling2D(2, data_format=order, name="largest")(x)
    x = layers.Conv2D(5, 2, activation="relu", data_format=order, name="last")(x)
    x = layers.GlobalAveragePooling2D(data_format=order, name="mean")(x)
    return fill(keras.Model(inputs, layers.Dense(3, activation="softmax", name="scores")(x), name="net"))


@pytest.fixture(scope="module")
def twins():
    last, first = network("channels_last"), network("channels_first")
    first.set_weights(last.get_weights())
    for model in (last, first):
        model.compile("sgd", "sparse_categorical_crossentropy")
    x = sample(last, 3)
    return (last, x), (first, np.moveaxis(x, -1, 1))


PLACES = ("scale", "stem", "norm", "relu", "both", "drop", "largest", "last")
Y = np.arange(3)
VIEWS = {
    "feature_maps": lambda model, x, layer: see.feature_maps(model, x, layer),
    "grad_cam": lambda model, x, layer: see.grad_cam(model, x, 1, layer),
    "patches": lambda model, x, layer: see.patches(model, x, layer, count=2),
    "receptive_field": lambda model, x, layer: see.receptive_field(model, layer, x[0], (1, 2)),
}
WHOLE = {
    "arithmetic": lambda model, x: [layer.flops for layer in see.arithmetic(model).layers],
    "doctor": lambda model, x: model.doctor(x, Y),
    "filters": lambda model, x: see.filters(model, "last"),
    "gradient_number": lambda model, x: see.gradient_number(model, x, Y, "last", (1, 0, 5, 3)),
    "invariance": lambda model, x: see.invariance(model, x[0], (0, 2)),
    "occlusion": lambda model, x: see.occlusion(model, x[0], 1),
    "passes": lambda model, x: see.passes(model, x[0], 1),
    "film": lambda model, x: see.film_of(model, x[0], "last", 3),
    "way_back": lambda model, x: see.film_of(model, x[0], "last", 3, 1, backward=True),
    "saliency": lambda model, x: see.saliency(model, x[0], 1),
}


def agree(one, two):
    """The same result: text, numbers and drawing."""
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            agree(one[key], two[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            agree(a, b)
    elif isinstance(one, (float, np.ndarray)):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)
    else:
        assert one == two


@pytest.mark.parametrize("layer", PLACES)
@pytest.mark.parametrize("view", VIEWS)
def test_layers_are_seen_alike(twins, view, layer):
    last, first = (VIEWS[view](model, x, layer) for model, x in twins)
    agree(last.data(), first.data())
    assert last.figure().svg().count("<image") == first.figure().svg().count("<image") > 0


@pytest.mark.parametrize("view", WHOLE)
def test_networks_are_seen_alike(twins, view):
    last, first = (WHOLE[view](model, x) for model, x in twins)
    agree(*(found if isinstance(found, list) else found.data() for found in (last, first)))


@pytest.mark.parametrize("layer,index", [(name, (3, 2, 1)) for name in PLACES] + [("mean", (4,)), ("scores", (2,))])
def test_sums_are_the_same(twins, layer, index):
    (last, x), (first, turned) = twins
    one = see.number(last, x[0], layer, index)
    two = see.number(first, turned[0], layer, (index[-1], *index[:-1]))
    assert two.index == one.index and len(two.terms) == len(one.terms)
    assert {term.place for term in two.terms} == {term.place for term in one.terms}
    assert two.value == pytest.approx(one.value, abs=1e-5)
    np.testing.assert_allclose(two.inputs, one.inputs, atol=1e-5)


def test_maximisation_takes_images_as_the_model_does(twins):
    (_, _), (first, _) = twins
    found = see.activation_maximisation(first, "last", [0, 4], steps=8)
    assert found.images.shape == (2, 10, 8, 3) and (found.after > found.before).all()


def test_what_has_no_format_of_its_own_goes_with_those_around_it(twins):
    (last, _), (first, _) = twins
    assert not any(node.channels_first for node in probe.network(last).nodes)
    assert [node.channels_first for node in probe.network(first).nodes] == [True] * 9 + [False] * 2
