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


IMAGE, SPARSE = np.ones((12, 10, 2), np.float32), "sparse_categorical_crossentropy"
ODD = {  # Each argument with things that it cannot be.
    "an index": (lambda model, odd: see.number(model, IMAGE, 0, odd),
                 [None, "a", "1,2", (), (0, 0), (0.5, 0, 0), (np.nan, 0, 0), [[0, 0, 0]], {}, (None,) * 3, 10 ** 30]),
    "a sample": (lambda model, odd: see.feature_maps(model, IMAGE, 0, odd), [1, -2, "a", None, 0.5]),
    "an input": (lambda model, odd: see.saliency(model, odd),
                 [None, "shoe.png", [], {}, [[1, 2], [3]], np.array(["a"]), IMAGE * 1j, b"x", IMAGE.astype(object)]),
    "a class": (lambda model, odd: see.saliency(model, IMAGE, odd), ["a", 99, -1, 1.5, [], np.nan]),
    "a weight": (lambda model, odd: see.gradient_number(model, IMAGE, [0], 0, odd, "mse"),
                 [None, "a", (0,), (0.5,) * 4]),
    "a target": (lambda model, odd: see.passes(model, IMAGE, odd, SPARSE),
                 [None, "a", 5, -1, 0.5, np.nan, {}]),
    "targets": (lambda model, odd: see.gradient_number(model, IMAGE, odd, 0, (0,) * 4, SPARSE),
                [None, "a", [5], [-1], [np.nan], [0, 1], ["a"], {}]),
    "labels": (lambda model, odd: see.confusion(model, IMAGE[None], odd), [None, "a", [5], [0.5], [np.nan], [None]]),
    "names": (lambda model, odd: see.confusion(model, IMAGE[None], [0], odd), [[], ["a"], 5, "ab", {}, b"abcde"]),
    "a count": (lambda model, odd: see.worst_mistakes(model, IMAGE[None], [0], count=odd),
                [None, "three", 0, -1, 1.5, np.nan, [], 10 ** 9]),
    "a count of samples": (lambda model, odd: see.samples(IMAGE[None], count=odd), ["a", 0, 1.5, None]),
    "classes of samples": (lambda model, odd: see.samples(IMAGE[None], odd), ["a", 5, ["a"], {}]),
    "a square": (lambda model, odd: see.occlusion(model, IMAGE, size=odd), ["a", 0, -1, 11, np.inf, []]),
    "a colour": (lambda model, odd: see.occlusion(model, IMAGE, fill=odd), ["a", [], np.nan]),
    "a shift": (lambda model, odd: see.invariance(model, IMAGE, odd), [None, "a", 0.5, 10, (1,), [], ("a", "b")]),
    "channels": (lambda model, odd: see.activation_maximisation(model, 0, odd, 1), ["a", [99], [-1], [0.5], {}]),
    "steps": (lambda model, odd: see.activation_maximisation(model, 0, steps=odd), ["a", -1, 1.5, None]),
    "a piece": (lambda model, odd: see.film_of(model, IMAGE, 0, odd), [None, "a", 0, 1.5, []]),
    "a channel": (lambda model, odd: see.film_of(model, IMAGE, 0, 4, odd), [None, "a", 99, -1, 1.5]),
    "a batch": (lambda model, odd: see.plan(model, odd), [None, "a", 0, 1.5]),
    "a part": (lambda model, odd: model.doctor(IMAGE[None], [0], validation_split=odd), ["a", -1, 1, np.nan]),
    "data": (lambda model, odd: model.doctor(IMAGE[None], [0], validation_data=odd), [5, "a", (IMAGE,), []]),
    "a line": (lambda model, odd: see.smoothing(odd), ["a", {}, [], 5, [np.nan], [[1, 2], [3]], ["a"]]),
    "noise": (lambda model, odd: see.matched_filter(noise=odd), [None, "a", [], np.nan]),
    "a system": (lambda model, odd: see.impulse_response(odd), ["a", 5]),
    "a kernel": (lambda model, odd: see.toeplitz(odd, 5), ["a", [], {}, [[1, 2], [3]]]),
    "a stride": (lambda model, odd: see.toeplitz([1, 2], 5, odd), [None, "a", 0, 1.5]),
    "pixels": (lambda model, odd: see.connectivity(odd), [None, "a", 0, 1.5, 10 ** 9]),
    "a folder": (lambda model, odd: see.time_travel(odd), [None, 5, "no/such/folder", b"x", "."]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", list(ODD))
def test_things_that_cannot_be(made, what):
    call, things = ODD[what]
    for odd in things:
        with pytest.raises(errors.StriateError, match="Received: ") as caught:
            call(made["plain"], odd)
        assert len(str(caught.value)) > 40, odd


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


@pytest.mark.parametrize("words,match", [
    (("why", "os:getcwd"), "function that gives a model"), (("why", "os:sep"), "function that gives a model"),
    (("animation", "--size", "-1"), "from 1 to 100"), (("animation", "--kernel", "0"), "from 1 to 100"),
    (("toeplitz", "nan"), "finite numbers"), (("forms", ""), "no larger"),
    (("connectivity", "--pixels", "99999"), "1,000")])
def test_commands_refuse_what_cannot_be(words, match):
    done = explain(*words)
    assert done.exit_code == 2 and match in done.output and "Received: " in done.output


def test_commands_give_noise_to_every_input(tmp_path):
    pairs().save(tmp_path / "pairs.keras")
    assert "eye[0, 0, 0]" in explain("number", tmp_path / "pairs.keras", "--layer", "eye", "--index", "0,0,0").stdout
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    done = explain("why", tmp_path / "pairs.keras", "--image", tmp_path / "black.png")
    assert done.exit_code == 2 and "models with one input" in done.output
    np.savez(tmp_path / "none.npz", x=np.zeros((0, 28, 28, 1)))
    done = explain("why", "lenet5", "--image", tmp_path / "none.npz")
    assert done.exit_code == 2 and "holds no sample" in done.output


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
