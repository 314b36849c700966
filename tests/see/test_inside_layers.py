"""Layers that hold others (attention, wrappers) are opened; volumes are shown by their slices."""

from xml.etree import ElementTree

import numpy as np
import pytest
from see_networks import fill, sample

import striate as keras
from striate import engine, errors, layers, see
from striate.see import probe

STEPS = [f"heads/{step}" for step in ("query", "key", "value", "scores", "weights", "mean", "attention_output")]


@pytest.fixture(autouse=True)
def by_reference(monkeypatch):
    """What is shown of a layer does not depend on who computes it, and the reference compiles nothing."""
    compiled = engine.compile_graph
    monkeypatch.setattr(engine, "compile_graph", lambda graph, mode: compiled(graph, "reference"))


def reader(**call):
    inputs = keras.Input((6, 4))
    x = layers.MultiHeadAttention(2, 3, name="heads")(inputs, inputs, **call)
    scores = layers.Dense(2, name="scores")(layers.GlobalAveragePooling1D(name="whole")(x))
    return fill(keras.Model(inputs, scores, name="reader"))


def volume():
    return fill(keras.Sequential([
        keras.Input((7, 8, 9, 2)), layers.Conv3D(4, 3, activation="relu", name="first"),
        layers.MaxPooling3D(2, name="largest"), layers.Conv3D(3, 2, name="second"),
        layers.GlobalAveragePooling3D(name="whole"), layers.Dense(3, activation="softmax", name="scores")]))


def film_reel():
    return fill(keras.Sequential([
        keras.Input((5, 9, 8, 2)), layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu"), name="each"),
        layers.TimeDistributed(layers.AveragePooling2D(2), name="mean"),
        layers.TimeDistributed(layers.GlobalAveragePooling2D()), layers.Flatten(), layers.Dense(3)]))


def test_attention_is_opened_and_computes_the_same():
    model = reader()
    x = sample(model, 2)
    graph = probe.network(model)
    assert [call.name for call in graph.calls] == [*STEPS, "whole", "scores"]
    np.testing.assert_allclose(probe.taps(model, x)[-1].output, model.predict(x, verbose=0), rtol=1e-5)
    assert probe.find_call(model, model.get_layer("heads")).name == probe.find_call(model, "heads").name == STEPS[-1]
    assert see.arithmetic(model).parameters == model.count_params()
    assert "3 * 2 * 4" not in str(see.arithmetic(model)) and "2 * 3 * 4 + 4 = 28" in str(see.arithmetic(model))
    assert not model.get_layer("heads")._query_dense._inbound_nodes, "looking leaves no trace"


def test_weights_of_attention_are_a_map_a_head():
    model = reader(use_causal_mask=True)
    x = sample(model, 2)
    maps = see.feature_maps(model, x, "heads/weights").maps
    assert maps.shape == (6, 6, 2)
    np.testing.assert_allclose(maps.sum(axis=1), 1, rtol=1e-5)
    assert not np.triu(maps[..., 0], 1).any()
    found = see.number(model, x, "heads/weights", (1, 2, 0))
    assert found.engine == pytest.approx(maps[2, 0, 1]) and "3 places that place 2 may read" in found.note
    assert see.number(model, x, "heads/weights", (1, 2, 4)).engine == 0


def test_a_second_call_is_one_of_the_same_steps():
    inputs, layer = keras.Input((6, 4)), layers.MultiHeadAttention(2, 3, name="heads")
    model = keras.Model(inputs, layer(layer(inputs, inputs), inputs))
    names = [call.name for call in probe.network(model).calls]
    assert names == [*STEPS, *(f"{name} (2)" for name in STEPS)]
    assert see.arithmetic(model).parameters == model.count_params()


def test_attention_that_reads_with_a_mask_stays_closed():
    words = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(words)
    masked = fill(keras.Model(words, layers.Attention(name="dot")([x, x])))
    x = np.array([[3, 1, 0, 0, 0]])
    np.testing.assert_allclose(probe.taps(masked, x)[-1].output, masked.predict(x, verbose=0), rtol=1e-5)
    with pytest.raises(errors.ArgumentError, match="'dot'|no plain sum.*mask"):
        see.number(masked, x, "dot", (0, 0))
    given = reader(attention_mask=np.tri(6, dtype=bool)[None])
    assert [call.name for call in probe.network(given).calls][0] == "heads"


def test_filters_and_gradients_of_wrapped_layers():
    model = film_reel()
    x, y = sample(model, 2), np.array([0.5, 1.0, 2.0] * 2).reshape(2, 3)
    np.testing.assert_array_equal(see.filters(model).weights, model.layers[0].layer.kernel.numpy())
    found = see.gradient_number(model, x, y, "each", (1, 2, 0, 3), loss="mse")
    assert len(found.products) == 2 * 5 * 7 * 6 and found.inputs.shape == (10, 9, 8, 2)
    field = see.receptive_field(model, "mean", x[0])
    assert (field.size, field.step, field.place) == ((1, 4, 4), (1, 2, 2), (2, 1, 1))
    assert field.box[0] == (2, 3)
    assert see.film_of(model, x[0], "each", piece=4).frame(0).svg()

    divided = fill(keras.Sequential([keras.Input((6, 5, 2)), layers.SpectralNormalization(layers.Conv2D(3, 2)),
                                     layers.GlobalMaxPooling2D()]))
    layer = divided.layers[0]
    np.testing.assert_allclose(see.filters(divided).weights, layer.normalized_weights()[1], rtol=1e-6)
    assert np.abs(see.filters(divided).weights - layer.layer.kernel.numpy()).max() > 0.01
    assert see.receptive_field(divided, 0).size == (2, 2)
    with pytest.raises(errors.ArgumentError, match=r"SpectralNormalization\(Conv2D\)"):
        see.gradient_number(divided, sample(divided), np.zeros((1, 3)), 0, (0, 0, 0, 0), loss="mse")


SHOWN = {
    "feature_maps": (lambda model, x: see.feature_maps(model, x[0], 0), "Drawn is slice 3 of 0 to 6, in the middle."),
    "saliency": (lambda model, x: see.saliency(model, x[0]), "of 0 to 6, with the largest of them."),
    "grad_cam": (lambda model, x: see.grad_cam(model, x[0]), "of 0 to 6, with the largest of them."),
    "occlusion": (lambda model, x: see.occlusion(model, x[0]), "of 0 to 6, with the largest of them."),
    "invariance": (lambda model, x: see.invariance(model, x[0], (2, 0, 2)), "in the middle."),
    "receptive_field": (lambda model, x: see.receptive_field(model, "second", x[0]), "which counts most"),
    "patches": (lambda model, x: see.patches(model, x, "second", 2), "the slice in the middle of each"),
}


@pytest.mark.parametrize("item", list(SHOWN))
@pytest.mark.parametrize("make", [volume])
def test_volumes_are_shown_by_a_slice(make, item):
    model = make()
    show, said = SHOWN[item]
    result = show(model, sample(model, 3))
    ElementTree.fromstring(result.figure().svg())
    words = " ".join(text for _, text in _texts(result.figure()))
    assert said in words and str(result)
    if hasattr(result, "heat"):
        assert result.heat.shape == (7, 8, 9)


@pytest.mark.parametrize("make", [volume, film_reel])
def test_past_trainings_of_volumes_are_drawn(make, tmp_path, monkeypatch):
    monkeypatch.undo()  # Training goes by compiled programs.
    model, x = make(), sample(make(), 4)
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((4, 3)), batch_size=4, verbose=0, callbacks=[see.Recorder(tmp_path)])
    film = see.time_travel(tmp_path, image=x[0])
    ElementTree.fromstring(film.frame(film.count - 1).svg())


def _texts(canvas):
    root = ElementTree.fromstring(canvas.svg())
    return [(node.get("y"), node.text or "") for node in root.iter() if node.tag.endswith("text")]


def test_a_convolution_of_other_axes_is_not_laid_over_the_input():
    model = fill(keras.Sequential([keras.Input((6, 5, 2)), layers.Reshape((30, 2)), layers.Conv1D(3, 2, name="along"),
                                   layers.GlobalMaxPooling1D()], name="turned"))
    with pytest.raises(errors.ArgumentError, match="'turned' has none. Use see.saliency"):
        see.grad_cam(model, sample(model)[0])
    with pytest.raises(errors.ArgumentError, match=r"axes like those of the input.*'along'"):
        see.grad_cam(model, sample(model)[0], layer="along")
