"""Models inside of models are opened: every layer has a name, and can be looked at wherever it stands."""

import numpy as np
import pytest
from see_networks import sample

import striate as keras
from striate import layers, see
from striate.errors import ArgumentError
from striate.see import probe

NAMES = ["scale", "base/eye/conv", "base/eye/conv (2)", "base/norm", "base/sum", "base/largest", "base/last", "flat",
         "scores"]


def calls(model):
    graph = probe.network(model)
    return [call.name for call in graph.calls]


def test_every_call_has_its_numbers(made):
    model, x = made["nested"], sample(made["nested"], 2)
    assert calls(model) == NAMES
    scale, once, again, norm, added, _, last, _, scores = probe.taps(model, x)
    base = model.get_layer("base")
    eye = base.get_layer("eye")
    assert (once.name, again.name) == ("base/eye/conv", "base/eye/conv (2)")
    np.testing.assert_array_equal(again.inputs, once.output)
    for actual, expected in ((scale.output, 0.5 * x), (once.output, eye.predict(scale.output, verbose=0)),
                             (again.output, eye.predict(once.output, verbose=0)),
                             (added.output, scale.output + norm.output),
                             (last.output, base.predict(scale.output, verbose=0)),
                             (scores.output, model.predict(x, verbose=0))):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_looking_leaves_no_trace_in_the_layers(made):
    model = made["nested"]
    base = model.get_layer("base")
    inner = [*base.layers, *base.get_layer("eye").layers, base]
    before = [len(layer._inbound_nodes) for layer in inner]
    probe._OPENED.pop(model, None)
    see.architecture(model)
    assert [len(layer._inbound_nodes) for layer in inner] == before


def test_layers_are_found_by_their_names(made):
    model = made["nested"]
    base = model.get_layer("base")
    conv, last = base.get_layer("eye").get_layer("conv"), base.get_layer("last")
    for asked in ("base/eye/conv", "conv", conv, 1, "base/eye", base.get_layer("eye")):
        assert probe.find_layer(model, asked) is conv
    for asked in ("base", base, "last", -3):
        assert probe.find_layer(model, asked) is last
    assert see.grad_cam(model, sample(model), layer="base").note.startswith("The maps of 'base/last'")
    assert see.filters(model).layer == "base/eye/conv"
    with pytest.raises(ArgumentError, match="0 scale, 1 base/eye/conv, 2 base/norm"):
        see.filters(model, "eye/conv")


def test_each_call_of_a_layer_can_be_looked_at(made):
    model, again = made["nested"], "base/eye/conv (2)"
    x = sample(model)
    once, twice = (tap.output for tap in probe.taps(model, x, {"base/eye/conv", again}))
    np.testing.assert_array_equal(see.feature_maps(model, x, "base/eye/conv").maps, once[0])
    np.testing.assert_array_equal(see.feature_maps(model, x, again).maps, twice[0])
    assert see.number(model, x, again, (3, 4, 1)).engine == twice[0, 3, 4, 1]
    assert see.receptive_field(model, "base/eye/conv", x).size == (3, 3)
    field = see.receptive_field(model, again, x)
    assert field.size == (5, 5) and [row[0] for row in field.table] == ["scale", "base/eye/conv", again]
    assert not np.array_equal(see.grad_cam(model, x, 0, "base/eye/conv").heat, see.grad_cam(model, x, 0, again).heat)
    kernel = probe.find_layer(model, again).kernel.numpy()
    climbed = see.activation_maximisation(model, "base/eye/conv", [1], steps=0, seed=3)
    noise = 0.5 * climbed.images[0]
    expected = np.mean([(np.pad(noise, ((1, 1), (1, 1), (0, 0)))[i:i + 3, j:j + 3, :, None] * kernel)[..., 1].sum()
                        for i in range(10) for j in range(9)]) + probe.find_layer(model, again).bias.numpy()[1]
    assert climbed.before[0] == pytest.approx(expected, rel=1e-4)


def test_a_name_that_several_layers_have_needs_the_model():
    def part(name, channels):
        return keras.Sequential([keras.Input((8, 8, channels)), layers.Conv2D(2, 3, name="conv")], name=name)
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 1, name="whole"), part("one", 1),
                              keras.Sequential([keras.Input((6, 6, 2)), layers.Conv2D(2, 3, name="conv")], name="two")])
    assert see.filters(model, "two/conv").weights.shape == (3, 3, 2, 2)
    with pytest.raises(ArgumentError, match="several layers of this name.*1 one/conv, 2 two/conv"):
        see.filters(model, "conv")


def test_a_chain_of_models_is_a_chain():
    part = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten()], name="part")
    model = keras.Sequential([keras.Input((8, 8, 1)), part, layers.Dense(2)])
    assert see.architecture(model).is_chain
    assert not see.architecture(keras.Model(model.inputs, layers.Add()([model(model.inputs[0]), layers.Dense(2)(
        part(model.inputs[0]))]))).is_chain


def test_an_inner_model_that_grew_is_opened_anew():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="one")], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner])
    assert calls(model) == ["inner/one"]
    inner.add(layers.Dense(3, name="two"))
    assert calls(model) == ["inner/one", "inner/two"]


def test_models_of_a_class_stay_closed():
    class Doubled(keras.Model):
        def call(self, x):
            return 2 * x
    model = keras.Sequential([keras.Input((4,)), Doubled(name="doubled"), layers.Dense(2, name="scores")])
    assert calls(model) == ["doubled", "scores"]
    np.testing.assert_array_equal(probe.tap(model, np.ones((1, 4)), "doubled").output, [[2, 2, 2, 2]])


def test_inputs_by_name_and_several_outputs():
    one, two = keras.Input((3,), name="one"), keras.Input((2,), name="two")
    both = layers.Concatenate(name="both")([one, two])
    inner = keras.Model({"two": two, "one": one}, {"b": layers.Dense(1, name="b")(both),
                                                   "a": layers.Dense(2, name="a")(both)}, name="inner")
    first, second = keras.Input((2,), name="first"), keras.Input((3,), name="second")
    found = inner({"one": second, "two": first})
    model = keras.Model([first, second], [found["a"], layers.Dense(4, name="c")(found["b"])])
    x = [np.ones((1, 2), np.float32), np.ones((1, 3), np.float32)]
    outputs = {tap.name: tap.output for tap in probe.taps(model, x)}
    assert set(outputs) == {"inner/both", "inner/a", "inner/b", "c"}
    for name, expected in zip(("inner/a", "c"), model.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(outputs[name], expected, rtol=1e-6)


def test_plans_say_which_model_a_layer_is_in(made):
    assert {"base/eye/conv", "base/last", "scores"} <= {row.layer for row in see.plan(made["nested"], 2).rows}
