"""What cannot be seen gets a sentence that says why and what to do: in Python and on the command line."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from see_networks import sample

import striate as keras
from striate import errors, layers, see
from striate.cli import main

OF_A_LAYER = {
    "number": lambda model, x, layer: see.number(model, x, layer, (0, 0, 0)),
    "gradient_number": lambda model, x, layer: see.gradient_number(model, x, [0], layer, (0, 0, 0, 0)),
    "feature_maps": see.feature_maps,
    "filters": lambda model, x, layer: see.filters(model, layer),
    "patches": lambda model, x, layer: see.patches(model, x, layer, 1),
    "activation_maximisation": lambda model, x, layer: see.activation_maximisation(model, layer),
    "grad_cam": lambda model, x, layer: see.grad_cam(model, x, layer=layer),
    "receptive_field": lambda model, x, layer: see.receptive_field(model, layer, x),
    "film_of": see.film_of,
    "embedding": lambda model, x, layer: see.embedding(model, np.repeat(x, 3, 0), layer=layer),
}
OF_AN_INPUT = {
    "number": lambda model, x: see.number(model, x, 0, (0, 0, 0)),
    "gradient_number": lambda model, x: see.gradient_number(model, x[np.newaxis], [0], 0, (0, 0, 0, 0), "mse"),
    "feature_maps": lambda model, x: see.feature_maps(model, x, 0),
    "patches": lambda model, x: see.patches(model, x, 0, 1),
    "saliency": see.saliency, "grad_cam": see.grad_cam, "occlusion": see.occlusion, "invariance": see.invariance,
    "receptive_field": lambda model, x: see.receptive_field(model, 0, x),
    "film_of": lambda model, x: see.film_of(model, x, 0),
    "passes": lambda model, x: see.passes(model, x, 0, "mse"),
    "embedding": lambda model, x: see.embedding(model, np.stack([x, x, x])),
    "confusion": lambda model, x: see.confusion(model, x[np.newaxis], [0]),
    "worst_mistakes": lambda model, x: see.worst_mistakes(model, x[np.newaxis], [0]),
    "most_confident": lambda model, x: see.most_confident(model, x[np.newaxis], [0]),
}


@pytest.mark.parametrize("item", list(OF_A_LAYER))
def test_a_layer_that_does_not_exist(made, item):
    with pytest.raises(errors.ArgumentError, match="has no such layer. It has: 0 grouped.*conv_9"):
        OF_A_LAYER[item](made["plain"], sample(made["plain"]), "conv_9")


@pytest.mark.parametrize("item", list(OF_AN_INPUT))
def test_an_image_of_the_wrong_size(made, item):
    with pytest.raises(errors.ShapeError, match=r"takes inputs of shape \(12, 10, 2\).*Resize the image"):
        OF_AN_INPUT[item](made["plain"], np.ones((9, 9, 2)))


@pytest.mark.parametrize("item", list(OF_AN_INPUT))
def test_an_image_of_the_wrong_number_of_channels(made, item):
    with pytest.raises(errors.ShapeError, match=r"2 channels, the image has 3: .*mean\(axis=-1"):
        OF_AN_INPUT[item](made["plain"], np.ones((12, 10, 3)))


@pytest.mark.parametrize("item", list(OF_AN_INPUT))
def test_an_image_with_nan(made, item):
    image = np.ones((12, 10, 2))
    image[3, 4, 1] = np.nan
    with pytest.raises(errors.ArgumentError, match=r"NaN or infinite, the first at \(0, 3, 4, 1\).*nan_to_num"):
        OF_AN_INPUT[item](made["plain"], image)


def test_no_sample_at_all(made):
    with pytest.raises(errors.ShapeError, match="no sample in the input"):
        see.saliency(made["plain"], np.ones((0, 12, 10, 2)))


@pytest.mark.parametrize("call", [
    see.filters, lambda model: see.grad_cam(model, np.ones(4)), lambda model: see.feature_maps(model, np.ones(4), 0),
    lambda model: see.receptive_field(model, 0, np.ones(4)), lambda model: see.patches(model, np.ones((8, 4))),
    lambda model: see.invariance(model, np.ones(4))])
def test_a_network_without_convolutions(call):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)])
    with pytest.raises(errors.ArgumentError, match="convolution|has no places|height, width|an image|whole input"):
        call(model)


def vectors():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2)], name="vectors")


def tokens():
    return keras.Sequential([keras.Input((5,), dtype="int32"), layers.Embedding(10, 4),
                             layers.GlobalAveragePooling1D(), layers.Dense(2)], name="tokens")


def pairs():
    first, second = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
    both = layers.Concatenate()([layers.Conv2D(2, 3, name="eye")(first), layers.Conv2D(2, 3)(second)])
    return keras.Model([first, second], layers.Dense(2)(layers.Flatten()(both)), name="pairs")


@pytest.mark.parametrize("make", [vectors, tokens, pairs])
@pytest.mark.parametrize("item", ["saliency", "grad_cam", "occlusion", "invariance", "feature_maps", "patches",
                                  "receptive_field"])
def test_models_whose_input_is_no_image_and_no_line(make, item):
    model = make()
    inputs = [np.ones((1, *tensor.shape[1:]), np.float32) for tensor in model.inputs]
    x = inputs if len(inputs) > 1 else inputs[0]
    layer = [x] if item in ("saliency", "grad_cam", "occlusion", "invariance") else \
        [0, x] if item == "receptive_field" else [x, 0]
    with pytest.raises(errors.ArgumentError, match="one input is an image|needs a convolution"):
        getattr(see, item)(model, *layer)


def test_an_input_is_no_layer_to_look_at():
    model = pairs()
    assert see.filters(model, 0).layer == "eye", "places are counted from the first layer behind the inputs"
    with pytest.raises(errors.ArgumentError, match="no such layer. It has: 0 eye"):
        see.filters(model, "left")


@pytest.mark.filterwarnings("error")
def test_weights_that_are_no_numbers():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, name="first"), layers.Flatten(),
                              layers.Dense(3)], name="spoilt")
    values = model.layers[0].kernel.numpy()
    values[0, 0, 0, 1] = np.nan
    model.layers[0].kernel.assign(values)
    x = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
    for result in (see.feature_maps(model, x, 0), see.filters(model, 0)):
        result.figure().svg()
    for refused in (see.embedding, see.saliency, see.grad_cam, see.occlusion):
        with pytest.raises(errors.ArgumentError, match="NaN or infinite"):
            refused(model, x)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape,first", [((8, 8, 3), layers.Conv2D(2, 3)), ((12, 2), layers.Conv1D(2, 3))])
@pytest.mark.parametrize("weights", [0.1, 0.0, 1e30, np.inf])
def test_constant_and_huge_numbers_are_shown_without_a_warning(shape, first, weights):
    model = keras.Sequential([keras.Input(shape), type(first).from_config(first.get_config()), layers.Flatten(),
                              layers.Dense(3)])
    model.layers[0].kernel.assign(np.full(model.layers[0].kernel.shape, weights, np.float32))
    for value in (0.0, 1.0, 3e38):
        x = np.full((2, *shape), value, np.float32)
        for result in (see.feature_maps(model, x, 0), see.filters(model, 0), see.invariance(model, x, 1),
                       see.samples(x), see.patches(model, x, 0, 2)):
            assert str(result) and result.figure().svg()


def explain(*words):
    return CliRunner().invoke(main, ["explain", *map(str, words)])


@pytest.mark.parametrize("words", [
    ("feature-maps", "lenet5", "--layer", "conv_9"), ("filters", "lenet5", "--layer", "conv_9"),
    ("receptive-field", "lenet5", "--layer", "conv_9"), ("film", "lenet5", "--layer", "conv_9"),
    ("maximise", "lenet5", "--layer", "conv_9"), ("number", "lenet5", "--layer", "conv_9", "--index", "0,0,0")])
def test_commands_name_the_layers_that_there_are(words):
    done = explain(*words)
    assert done.exit_code == 2 and "has no such layer. It has: 0 " in done.output


def test_commands_say_what_is_wrong_with_files(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "words.png").write_text("no picture")
    done = explain("confusion", "lenet5", tmp_path / "empty")
    assert done.exit_code == 2 and "one folder for each class" in done.output
    done = explain("why", "lenet5", "--image", tmp_path / "words.png")
    assert done.exit_code == 2 and "words.png" in done.output and "Traceback" not in done.output
    done = explain("arithmetic", tmp_path / "empty")
    assert done.exit_code in (2, 4) and "Traceback" not in done.output
    Image.new("L", (28, 28)).save(tmp_path / "black.png")
    done = explain("arithmetic", "lenet5", "--out", tmp_path / "table.docx")
    assert done.exit_code == 2 and "svg" in done.output
