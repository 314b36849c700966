"""Wrong data and losses: one clear message before anything is computed."""

import re
import warnings

import numpy as np
import pytest

from striate import Input, Model, Sequential, layers, losses
from striate.errors import ArgumentError, DataError, ShapeError, StriateError
from striate.models.training.arrays import to_arrays

IMAGES = np.random.default_rng(0).random((12, 8, 8), np.float32)
LABELS = np.arange(12) % 3


def network(units=3, activation="softmax", loss="sparse_categorical_crossentropy", shape=(8, 8, 1)):
    model = Sequential([Input(shape), layers.Flatten(), layers.Dense(units, activation=activation, name="last")],
                       name="net")
    model.compile("sgd", loss)
    return model


def refused(model, x, y, kind=DataError, **options):
    """The message of the refusal; the model's weights and optimiser must be untouched."""
    before = model.get_weights()
    with pytest.raises(kind) as caught:
        model.fit(x, y, verbose=0, **options)
    assert isinstance(caught.value, StriateError)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert int(model.optimizer.iterations) == 0
    return str(caught.value)


# ---- inputs ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape, data, advice", [
    ((12, 8, 8, 1), (12, 8, 8), "It describes one sample: input_shape=(8, 8, 1)"),
    ((12, 8, 8), (12, 8, 8), "It describes one sample: input_shape=(8, 8)."),
    ((8, 8, 1), (8, 8), "give a batch of one: x[numpy.newaxis]"),
    ((8, 8, 3), (8, 8, 3), "give a batch of one: x[numpy.newaxis]"),
    ((8, 8, 1), (12, 64), "x.reshape((-1, 8, 8, 1))"),
    ((8, 8, 3), (12, 3, 8, 8), "numpy.moveaxis(x, 1, -1)"),
    ((8, 8, 3), (12, 8, 8), "channel axis may be missing"),
    ((8, 8, 3), (12, 8, 8, 1), "The images have 1 channels, the model expects 3"),
    ((8, 8, 1), (12, 9, 9, 1), "expected shape (None, 8, 8, 1), where None is the number of samples. "
                               "Received: shape=(12, 9, 9, 1)."),
])
def test_shape_of_the_data(shape, data, advice):
    message = refused(network(shape=shape), np.zeros(data, np.float32), LABELS, ShapeError)
    assert "The data do not fit the input" in message and advice in message
    with pytest.raises(ShapeError, match=re.escape(advice)):
        network(shape=shape).predict(np.zeros(data, np.float32), verbose=0)


def test_missing_channel_axis_of_one_is_no_fault():
    assert network().fit(IMAGES, LABELS, verbose=0).history["loss"][0] > 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_numbers_in_the_data(value):
    bad = IMAGES.copy()
    bad[7, 2, 3] = value
    assert f"`x` holds {value} at index (7, 2, 3)" in refused(network(), bad, LABELS)
    targets = np.zeros((12, 1))
    targets[5] = value
    assert f"`y` holds {value} at index (5, 0)" in refused(network(1, None, "mse"), IMAGES, targets)


def test_found_beyond_the_first_chunk():
    bad = np.zeros((40000, 8, 8), np.float32)
    bad[39999, 7, 7] = np.nan
    assert "at index (39999, 7, 7)" in refused(network(), bad, np.zeros(40000, int))


@pytest.mark.parametrize("x, y, message", [
    (None, LABELS, "`x` is missing"),
    (np.zeros((0, 8, 8)), np.zeros(0), "`x` is empty"),
    (IMAGES, LABELS[:5], "`x` and `y` must have the same number of samples. Received: x=12, y=5"),
    (IMAGES, None, "`y` is missing for the output 'last', whose loss is 'sparse_categorical_crossentropy'"),
    (list(IMAGES), LABELS, "numpy.stack(x)"),
    (np.array(["cat", "dog"]), LABELS[:2], "`x` must hold numbers. Received: dtype='<U3'"),
    (np.array([IMAGES[0], IMAGES[1, :4]], dtype=object), LABELS[:2], "bring all images to one size"),
    ([[1.0, 2.0], [3.0]], LABELS[:2], "Its rows must have one length"),
    (IMAGES, np.array(["cat"] * 12), "numpy.unique(names, return_inverse=True)"),
    (IMAGES, [LABELS, LABELS], "The model has 1 output (last), so `y` must hold 1 array"),
    (3.0, LABELS, "must be an array with one entry for each sample"),
    (IMAGES.astype(complex), LABELS, "`x` must hold numbers. Received: dtype='complex128'"),
])
def test_things_that_are_no_data(x, y, message):
    assert message in refused(network(), x, y)


def test_weights_of_another_length():
    assert "`sample_weight` must have one entry" in refused(network(), IMAGES, LABELS, sample_weight=np.ones(3))


@pytest.mark.parametrize("word", [5, -1])
def test_words_without_a_row(word):
    model = Sequential([Input((2,)), layers.Embedding(5, 2, name="words"), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    sentences = np.array([[0, 4], [1, word]])
    message = "Layer 'words' has rows for the integers 0 to 4: set `input_dim`"
    assert message in refused(model, sentences, np.ones(2), StriateError)
    with pytest.raises(StriateError, match=message):
        model.predict(sentences, verbose=0)


def test_names_of_inputs():
    one, other = Input((2,), name="one"), Input((2,), name="other")
    model = Model([one, other], layers.Dense(1)(layers.Concatenate()([one, other])))
    model.compile("sgd", "mse")
    x = np.zeros((3, 2), np.float32)
    assert "no value for the input 'other'" in refused(model, {"one": x}, np.zeros(3), ValueError)
    message = "takes 2 inputs (one, other), so `x` must hold 2 arrays. Received: arrays=1"
    assert message in refused(model, x, np.zeros(3))
    assert "lengths=[3, 2]" in refused(model, [x, x[:2]], np.zeros(3))


def test_bad_batch_of_a_generator():
    model = network()
    message = refused(model, iter([(IMAGES, LABELS + 1)]), None)
    assert "class numbers from 0 to 2" in message
    with pytest.raises(DataError, match="must be x, \\(x, y\\) or"):
        model.fit(iter([(IMAGES, LABELS, LABELS, LABELS)]), verbose=0)


def test_nested_lists_are_one_array_and_lists_of_arrays_several():
    assert to_arrays([[1, 2], [3, 4]], "x").shape == (2, 2)
    assert [a.shape for a in to_arrays([np.zeros(2), np.zeros(3)], "x")] == [(2,), (3,)]


# ---- labels ----------------------------------------------------------------------------------------------------------

def replaced(place, value, dtype=float):
    labels = LABELS.astype(dtype)
    labels[place] = value
    return labels


@pytest.mark.parametrize("loss, units, y, message", [
    ("sparse_categorical_crossentropy", 3, replaced(4, 3, int),
     "`y` must hold class numbers from 0 to 2, because the output has 3 units. Received: label=3, index=4; "
     "1 of 12 labels are wrong. Give the last layer 4 units"),
    ("sparse_categorical_crossentropy", 3, LABELS + 1, "The classes are counted from 1: use y - 1."),
    ("sparse_categorical_crossentropy", 3, replaced(2, -1, int), "label=-1, index=2"),
    ("sparse_categorical_crossentropy", 3, replaced(9, 0.5), "must hold whole class numbers for "
     "`sparse_categorical_crossentropy`. Received: label=0.5, index=9"),
    ("sparse_categorical_crossentropy", 3, np.eye(3)[LABELS], "looks one-hot. Received: y_shape=(12, 3)"),
    ("sparse_categorical_crossentropy", 1, LABELS, "For two classes and one unit use loss='binary_crossentropy'"),
    ("categorical_crossentropy", 3, LABELS, "Use loss='sparse_categorical_crossentropy', or "
     "keras.utils.to_categorical(y, 3)"),
    ("categorical_crossentropy", 3, LABELS[:, None], "looks like class numbers. Received: y_shape=(12, 1)"),
    ("binary_crossentropy", 1, LABELS, "`y` must lie between 0 and 1 for `binary_crossentropy`. Received: label=2, "),
    ("binary_crossentropy", 1, (LABELS > 0) * 2 - 1, "For labels -1 and 1 use (y + 1) / 2"),
])
@pytest.mark.filterwarnings("ignore:Output")
def test_labels_that_do_not_fit_the_loss(loss, units, y, message):
    assert message in refused(network(units, loss=loss), IMAGES, y)


@pytest.mark.parametrize("loss, units, y", [
    ("categorical_crossentropy", 3, np.eye(4)[LABELS]), ("binary_crossentropy", 3, LABELS > 0),
    ("mse", 1, np.zeros((12, 2))), ("mae", 3, np.zeros(12)), ("sparse_categorical_crossentropy", 3, np.zeros((12, 2))),
])
@pytest.mark.filterwarnings("ignore:Output")
def test_shapes_that_cannot_be_compared(loss, units, y):
    message = refused(network(units, loss=loss), IMAGES, y, ShapeError)
    assert f"y_shape={y.shape}" in message and f"output_shape=(None, {units})" in message


def test_ignored_class_is_allowed():
    model = network(loss=losses.SparseCategoricalCrossentropy(ignore_class=-1))
    everything = model.fit(IMAGES, replaced(2, -1, int), verbose=0).history["loss"][0]
    assert np.isfinite(everything) and everything > 0


def test_losses_of_the_users_take_any_targets():
    model = network(1, None, loss=lambda y_true, y_pred: (y_pred - 0.5) ** 2)
    targets = np.full((12, 7), np.nan)
    assert np.isfinite(model.fit(IMAGES, targets, verbose=0).history["loss"][0])


# ---- warnings --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("units, activation, loss, message", [
    (1, "softmax", "binary_crossentropy", "softmax over one unit always gives 1"),
    (1, "sigmoid", "categorical_crossentropy", "the same whatever the weights are"),
    (3, "softmax", losses.CategoricalCrossentropy(from_logits=True), "expects numbers before the softmax"),
    (3, None, "categorical_crossentropy", "Use activation='softmax', or a loss with from_logits=True"),
    (1, None, "binary_crossentropy", "Use activation='sigmoid', or"),
    (3, "gelu", "categorical_crossentropy", "the last layer's activation is gelu"),
    (3, "sigmoid", "categorical_crossentropy", "gives every class one of its own. Use activation='softmax'"),
])
def test_outputs_and_losses_that_do_not_go_together(units, activation, loss, message):
    y = np.eye(3)[LABELS] if units == 3 else (LABELS > 0).astype(int)
    with pytest.warns(UserWarning, match=message):
        network(units, activation, loss).fit(IMAGES, y, verbose=0)


@pytest.mark.parametrize("units, activation, loss", [
    (3, "softmax", "categorical_crossentropy"), (3, None, losses.CategoricalCrossentropy(from_logits=True)),
    (3, "sigmoid", "binary_crossentropy"), (3, None, "mse"), (3, "relu", "mae"), (3, "sigmoid", "mse"),
    (3, "softmax", "kl_divergence")])
def test_good_pairs_are_not_warned_of(units, activation, loss):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network(units, activation, loss).fit(IMAGES, np.eye(3)[LABELS], verbose=0)


@pytest.mark.parametrize("last", [layers.Softmax(), layers.Activation("softmax")], ids=["layer", "activation"])
def test_softmax_of_softmax(last):
    model = Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, activation="softmax"), last])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match="softmax is applied twice"):
        model.fit(IMAGES, LABELS, verbose=0)


@pytest.mark.parametrize("activation, y, message", [
    ("sigmoid", LABELS, "`y` lies between 0 and 2, but the last layer's activation sigmoid gives numbers between 0 and "
     "1 only"), ("tanh", LABELS, "tanh gives numbers between -1 and 1 only"),
    ("relu", -LABELS, "relu gives numbers of at least 0 only")])
def test_targets_out_of_reach(activation, y, message):
    with pytest.warns(UserWarning, match=message):
        network(1, activation, "mse").fit(IMAGES, y, verbose=0)


@pytest.mark.parametrize("loss", ["mse", lambda y_true, y_pred: (y_true - y_pred) ** 2], ids=["name", "function"])
def test_targets_without_the_last_axis_are_not_broadcast(loss):
    """Labels (n,) beside outputs (n, 1) would make (n, n) differences."""
    model = network(1, None, loss)
    expected = np.square(model.predict(IMAGES, verbose=0)[:, 0] - LABELS).mean()
    for y in (LABELS, LABELS[:, None]):
        assert model.evaluate(IMAGES, y, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 3, 4), (2, 4), (2, 4, 4, 2)])
def test_class_numbers_of_other_pixels_than_the_outputs(shape):
    """A class for every pixel: as many rows and columns as the output has."""
    model = Sequential([Input((4, 4, 1)), layers.Conv2D(3, 1, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ShapeError, match="Class numbers must have the output's shape without its last axis"):
        model.fit(np.zeros((2, 4, 4, 1)), np.zeros(shape, np.int32), verbose=0)


def test_quantizing_is_refused_in_words():
    with pytest.raises(ArgumentError, match="all arithmetic is float32.*ONNX.*mode='int8'"):
        Sequential([Input((2,)), layers.Dense(1)]).quantize("int8")
