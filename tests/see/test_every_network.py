"""Everything that can be seen, on the lectures' networks, a residual one, a 1-D one, and files that Keras wrote."""

from pathlib import Path

import numpy as np
import pytest
from see_networks import line, residual, sample

import striate as keras
from striate import errors, see, zoo
from striate.see.geometry import is_convolution

FILES = Path(__file__).parents[1] / "saving" / "keras_files"
MODELS = {name: lambda name=name: zoo.build(name) for name in ("yale", "uva", "nova", "tue")} | {
    "residual": residual, "line": line} | {
    f"{name}.keras": lambda name=name: keras.saving.load_model(FILES / f"{name}.keras")
    for name in ("sequential", "functional")}


def drawn(result):
    assert str(result) and result.json() and "<svg" in result.figure().svg()
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MODELS))
def test_everything(name):
    model = MODELS[name]()
    x = sample(model, 3)
    units = model.output_shape[-1]
    y = np.arange(3) % max(units, 2)
    loss = "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy"
    convolutions = [layer for layer in model.layers if is_convolution(layer)]
    model.compile("sgd", loss)
    drawn(see.arithmetic(model))
    drawn(see.architecture(model))
    drawn(see.passes(model, x[0], y[0] if units > 1 else [0.0]))
    drawn(see.confusion(model, x, y))
    drawn(see.most_confident(model, x, y))
    drawn(see.embedding(model, x, y))
    drawn(see.saliency(model, x[:1]))
    drawn(see.occlusion(model, x[:1]))
    drawn(see.invariance(model, x[:1], 1))
    drawn(see.plan(model, 2, repeats=1))
    drawn(model.doctor(x, y))
    for layer in (convolutions[0], convolutions[-1]):
        place = (0,) * (len(layer.output.shape) - 1)
        drawn(see.number(model, x[0], layer, place))
        drawn(see.gradient_number(model, x[:2], y[:2], layer, (0,) * layer.kernel.ndim))
        drawn(see.feature_maps(model, x[0], layer))
        drawn(see.filters(model, layer))
        drawn(see.receptive_field(model, layer, x[0]))
        drawn(see.grad_cam(model, x[:1], layer=layer))
        drawn(see.film_of(model, x[0], layer, piece=8))
        drawn(see.activation_maximisation(model, layer, [0], steps=2))
        if len(layer.output.shape) == 4:
            drawn(see.patches(model, x, layer, count=2))
    if name in ("residual", "line"):
        assert "The arithmetic" in see.report(model, None, (x, y), (x, y)).html()


@pytest.mark.parametrize("call", [
    lambda model, x: see.number(model, x, "conv_9", (0, 0)), lambda model, x: see.feature_maps(model, x, "conv_9"),
    lambda model, x: see.receptive_field(model, "conv_9"), lambda model, x: see.film_of(model, x, "conv_9"),
    lambda model, x: see.filters(model, "conv_9"), lambda model, x: see.grad_cam(model, x, layer="conv_9"),
    lambda model, x: see.activation_maximisation(model, "conv_9"), lambda model, x: see.patches(model, x, "conv_9"),
    lambda model, x: see.embedding(model, np.repeat(x, 3, 0), layer="conv_9")])
def test_a_layer_that_does_not_exist(made, call):
    with pytest.raises(errors.ArgumentError, match="has no such layer. It has: 0 grouped"):
        call(made["plain"], sample(made["plain"]))


@pytest.mark.parametrize("call", [
    see.saliency, see.grad_cam, see.occlusion, see.invariance, lambda model, x: see.feature_maps(model, x, 0),
    lambda model, x: see.receptive_field(model, 0, x), lambda model, x: see.film_of(model, x, 0),
    lambda model, x: see.passes(model, x, 0, "mse"), lambda model, x: see.patches(model, x),
    lambda model, x: see.embedding(model, [x, x, x])])
def test_an_image_of_the_wrong_size(made, call):
    with pytest.raises(errors.ShapeError, match=r"takes inputs of shape \(12, 10, 2\).*Resize the image"):
        call(made["plain"], np.ones((9, 9, 2)))


@pytest.mark.parametrize("call", [
    see.filters, lambda model: see.grad_cam(model, np.ones(4)), lambda model: see.feature_maps(model, np.ones(4), 0),
    lambda model: see.receptive_field(model, 0, np.ones(4)), lambda model: see.patches(model, np.ones((8, 4))),
    lambda model: see.invariance(model, np.ones(4))])
def test_a_network_without_convolutions(call):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="relu"), keras.layers.Dense(2)])
    with pytest.raises(errors.ArgumentError, match="convolution|has no places|height, width|an image|whole input"):
        call(model)
