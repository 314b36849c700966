"""Maps, attributions, receptive fields, shifts, drawings, answers: numbers against NumPy, and every figure drawn."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from see_networks import sample

import striate as keras
from striate import errors, layers, see, zoo
from striate.see import fields, palette
from striate.see.geometry import window_of
from striate.see.palette import signed, text_width


def check(result, tmp_path):
    """The result prints, is JSON, and its figure is well-formed SVG with no text outside."""
    assert str(result) and result.json()
    canvas = result.figure()
    ElementTree.fromstring(canvas.svg())
    for shape in canvas.shapes:
        if hasattr(shape, "anchor"):
            width = text_width(shape.text, shape.size) * 0.85
            left = shape.x - {"start": 0, "middle": width / 2, "end": width}[shape.anchor]
            assert left >= -2 and left + width <= canvas.width + 2, shape.text
            assert 0 <= shape.y <= canvas.height + 2, shape.text
    image = canvas.image(0.5)
    assert image.size == (round(canvas.width / 2), round(canvas.height / 2))
    return result


def test_feature_maps_and_filters(made, tmp_path):
    model = made["plain"]
    x = sample(model)
    found = check(see.feature_maps(model, x, "grouped"), tmp_path)
    assert found.maps.shape == (6, 10, 4) and (found.maps >= 0).all()
    check(see.feature_maps(made["line"], sample(made["line"]), 0), tmp_path)
    assert check(see.filters(model), tmp_path).weights.shape == (3, 2, 1, 4)
    assert check(see.filters(made["line"]), tmp_path).weights.shape == (1, 3, 3, 4)
    with pytest.raises(errors.ArgumentError, match="has no places"):
        see.feature_maps(model, x, "scores")
    with pytest.raises(errors.ArgumentError, match="Filters are the weights of convolutions"):
        see.filters(keras.Sequential([keras.Input((3,)), layers.Dense(2)]))


def test_filters_of_lines_have_a_row_for_each_channel(made):
    """Their mean would hide what a filter for DNA looks for: which letter stands where."""
    model = made["line"]
    drawn = [shape for shape in see.filters(model).figure().shapes if hasattr(shape, "pixels")]
    weights = np.asarray(model.layers[0].kernel)
    assert len(drawn) == weights.shape[2] + 1, "and the scale of the colours"
    for index, shape in enumerate(drawn[:-1]):
        assert (shape.pixels == signed(weights[:, :, index].T, np.abs(weights).max())).all()
    many = keras.Sequential([keras.Input((20, 9)), layers.Conv1D(2, 4)])
    assert "mean over 9 input channels" in see.filters(many).figure().svg()


def test_a_drawing_is_written_as_its_name_says(made, tmp_path):
    """A frame of a film, for a slide: a PNG file that holds SVG is one that no program opens."""
    film = see.film_of(made["line"], sample(made["line"])[0], 0, piece=3)
    film.frame(0).save(tmp_path / "frame.png")
    with Image.open(tmp_path / "frame.png") as image:
        assert image.format == "PNG" and image.size[0] == 2 * film.frame(0).width
    film.frame(0).save(tmp_path / "frame.svg")
    ElementTree.fromstring((tmp_path / "frame.svg").read_text("utf-8"))
    with pytest.raises(errors.ArgumentError, match="svg or .png.*frame.pdf"):
        film.frame(0).save(tmp_path / "frame.pdf")


def test_patches_are_pieces_of_the_images(made, tmp_path):
    model = made["residual"]
    x = sample(model, 8)
    found = check(see.patches(model, x, "stem", count=3), tmp_path)
    n, i, j = found.places[1, 0]
    assert (found.patches[1, 0] == np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))[n, i:i + 3, j:j + 3]).all()


def test_saliency_is_the_gradient(made, tmp_path):
    model = made["residual"]
    x = sample(model)
    found = check(see.saliency(model, x, 1), tmp_path)
    step = 1e-2
    i, j = np.unravel_index(found.heat.argmax(), found.heat.shape)
    slopes = []
    for channel in range(3):
        up, down = x.copy(), x.copy()
        up[0, i, j, channel] += step
        down[0, i, j, channel] -= step
        slopes.append(abs(float(model(up)[0, 1] - model(down)[0, 1])) / (2 * step))
    assert found.heat[i, j] == pytest.approx(max(slopes), rel=0.05)


def test_attributions_draw(made, tmp_path):
    for name in ("plain", "residual", "line"):
        model = made[name]
        x = sample(model)
        for method in (see.saliency, see.grad_cam, see.occlusion):
            found = check(method(model, x), tmp_path)
            assert found.heat.shape == x.shape[1:-1] and found.heat.min() >= 0
    with pytest.raises(errors.ArgumentError, match="has none. Use see.saliency"):
        see.grad_cam(keras.Sequential([keras.Input((3, 3, 1)), layers.Flatten(), layers.Dense(2)]), np.ones((3, 3)))
    with pytest.raises(errors.ArgumentError, match="has 5 outputs"):
        see.saliency(made["plain"], sample(made["plain"]), 7)


def test_occlusion_finds_the_only_pixel_that_counts():
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)])
    kernel = np.zeros((64, 1), np.float32)
    kernel[3 * 8 + 5] = 1
    model.layers[1].kernel.assign(kernel)
    found = see.occlusion(model, np.ones((8, 8)), size=1, fill=0)
    assert np.argwhere(found.heat).tolist() == [[3, 5]]


def test_maximisation_climbs(made, tmp_path):
    found = check(see.activation_maximisation(made["plain"], "second", steps=10), tmp_path)
    assert (found.after > found.before).all()


@pytest.mark.parametrize("network,layer,size", [
    ("plain", "second", (9, 5)), ("residual", "mean", (7, 7)), ("line", "largest", (6,))])
def test_receptive_field_measured_lies_in_the_theoretical(made, tmp_path, network, layer, size):
    model = made[network]
    found = check(see.receptive_field(model, layer, sample(model, seed=5)), tmp_path)
    assert found.size == size
    for (low, high), first, length in zip(found.box, found.first, found.size, strict=True):
        assert first <= low < high <= first + length
    with pytest.raises(errors.ArgumentError, match="sees the whole input"):
        see.receptive_field(model, model.layers[-1])


@pytest.mark.parametrize("before,first,end", [
    ([layers.ZeroPadding2D(((3, 2), (1, 2)))], (8, 9), (11, 12)),
    ([layers.Cropping2D(((4, 0), (2, 0)))], (11, 10), (14, 13)),
    ([keras.Sequential([keras.Input((20, 20, 1)), layers.Conv2D(1, 5, padding="same")])], (7, 7), (14, 14)),
    ([layers.SpectralNormalization(layers.Conv2D(1, 5, padding="same"))], (7, 7), (14, 14)),
    ([layers.Conv2D(2, 3, padding="same"), layers.Dense(2), layers.Cropping2D(1)], (8, 8), (13, 13))])
def test_receptive_fields_move_with_padding_and_cropping(before, first, end):
    model = keras.Sequential([keras.Input((20, 20, 1)), *before, layers.Conv2D(2, 3, name="c")])
    found = see.receptive_field(model, "c")
    assert found.first == first and found.box == tuple(zip(first, end, strict=True))
    assert found.size == tuple(b - a for a, b in found.box)


@pytest.mark.parametrize("before,match", [
    (layers.UpSampling2D(2), r"behind 'before' \(UpSampling2D\) sees differs"),
    (type("Own", (keras.Model,), {"call": lambda self, x: x})(), "sees differs"),
    (layers.GroupNormalization(1), "sees the whole input")])
def test_no_receptive_field_is_told_where_none_is_known(before, match):
    before.name = "before"
    model = keras.Sequential([keras.Input((20, 20, 1)), before, layers.Conv2D(2, 3, name="c")])
    with pytest.raises(errors.ArgumentError, match=match):
        see.receptive_field(model, "c")


def test_receptive_fields_of_a_deep_residual_network_look_at_each_call_once(monkeypatch):
    inputs = x = keras.Input((60, 1))
    for _ in range(10):
        x = layers.Add()([x, layers.Conv1D(1, 3, padding="same")(x)])
    model, looked_at = keras.Model(inputs, layers.Conv1D(1, 2, name="c")(x)), []
    monkeypatch.setattr(fields, "window_of", lambda *of: looked_at.append(of) or window_of(*of))
    assert fields.field_of(model, "c") == [(22, 1, -10)]
    assert len(looked_at) == 21


def test_receptive_field_of_a_separable_convolution():
    model = keras.Sequential([keras.Input((9, 9, 2)), layers.SeparableConv2D(3, 3, strides=2, name="one"),
                              layers.SeparableConv2D(3, 2, name="two")])
    found = see.receptive_field(model, "two")
    assert found.size == (5, 5) and found.step == (2, 2)
    assert found.box == tuple((first, first + 5) for first in found.first)
    assert len(see.number(model, sample(model), "one", (0, 0, 1)).terms) == 18


def test_convolution_moves_along_and_pooling_partly():
    model = keras.Sequential([keras.Input((24, 24, 1)), layers.Conv2D(2, 3, padding="same"),
                              layers.MaxPooling2D(3, strides=1)])
    x = np.random.default_rng(0).random((24, 24))
    found = see.invariance(model, x, (0, 1))
    assert found.layers[0].equivariance == 1.0 and found.layers[0].unchanged < 0.05
    assert found.layers[1].equivariance == 1.0
    assert 0.2 < found.layers[1].unchanged < 0.7  # "only about half of the pooled values change"
    strided = keras.Sequential([keras.Input((24, 24, 1)), layers.Conv2D(2, 3, strides=2)])
    assert see.invariance(strided, x, 1).layers[0].equivariance is None
    assert see.invariance(strided, x, 2).layers[0].equivariance == 1.0


@pytest.mark.parametrize("name", ["plain", "residual", "line", "painter"])
def test_drawings(made, tmp_path, name):
    model = made[name]
    x = sample(model)
    found = check(see.architecture(model), tmp_path)
    assert found.is_chain == (name != "residual")
    check(see.arithmetic(model), tmp_path)
    first = next(layer for layer in model.layers if hasattr(layer, "kernel"))
    check(see.number(model, x, first, (0,) * (len(first.output.shape) - 1)), tmp_path)
    if name != "painter":
        check(see.invariance(model, x, 2), tmp_path)


@pytest.mark.parametrize("name", ["yale", "uva", "nova", "tue", "lenet5"])
def test_zoo_drawings(tmp_path, name):
    model = zoo.build(name)
    check(see.architecture(model), tmp_path)
    check(see.arithmetic(model), tmp_path)
    check(see.filters(model), tmp_path)


def test_demonstrations_draw(tmp_path):
    for result in (see.connectivity(), see.edge_detection(np.eye(9)), see.smoothing(), see.matched_filter(),
                   see.impulse_response(), see.noisy_sensor(), see.toeplitz([1, 2, 3], 5), see.x_or_o(),
                   see.convolution_forms(np.eye(4), [[1, 2], [3, 4]])):
        check(result, tmp_path)


def test_answers(made, tmp_path):
    model = made["plain"]
    x = sample(model, 40)
    probabilities = np.asarray(model.predict(x, verbose=0))
    y = probabilities.argmax(axis=1)
    y[:5] = (y[:5] + 1) % 5
    found = check(see.confusion(model, x, y, list("abcde")), tmp_path)
    assert found.accuracy == 35 / 40 and found.counts.sum() == 40
    worst = check(see.worst_mistakes(model, x, y), tmp_path)
    assert sorted(worst.indices.tolist()) == [0, 1, 2, 3, 4]
    assert (np.diff(worst.probabilities) <= 0).all()
    assert check(see.most_confident(model, x, y, count=3), tmp_path).indices[0] == probabilities.max(axis=1).argmax()
    with pytest.raises(errors.ArgumentError, match="one class number from 0 to 4"):
        see.confusion(model, x, y + 3)


@pytest.mark.slow
def test_plan(made, tmp_path):
    found = check(see.plan(made["plain"], 4, training=True, repeats=1), tmp_path)
    assert {"grouped", "second", "scores"} <= {row.layer for row in found.rows}
    assert all(row.microseconds > 0 and row.reason for row in found.rows)


@pytest.mark.parametrize("name", ["sequential", "functional"])
def test_models_that_real_keras_wrote(tmp_path, name):
    folder = Path(__file__).parents[1] / "saving" / "keras_files"
    model = keras.saving.load_model(folder / f"{name}.keras")
    x = sample(model)
    first = next(layer for layer in model.layers if hasattr(layer, "kernel"))
    check(see.architecture(model), tmp_path)
    check(see.number(model, x, first, (0,) * (len(first.output.shape) - 1)), tmp_path)
    check(see.feature_maps(model, x, first), tmp_path)


def test_long_names_stay_inside_and_legible(tmp_path):
    from striate.see.grid import LEAST_SIZE

    long = "block_3_residual_branch_2_depthwise_separable_convolution_with_a_name_like_this"
    inputs = keras.Input((8, 8, 2), name="the_picture_" + long)
    x = layers.Conv2D(3, 3, padding="same", name=long)(inputs)
    x = layers.Add(name="sum_" + long)([x, layers.Conv2D(3, 3, padding="same", name=long + "_b")(x)])
    model = keras.Model(inputs, layers.Dense(2, name="scores_" + long)(layers.GlobalMaxPooling2D()(x)), name=long)
    model.compile("sgd", "mse")
    x = sample(model)
    for result in (see.architecture(model), see.arithmetic(model), see.feature_maps(model, x, long + "_b"),
                   see.invariance(model, x, 1), see.receptive_field(model, long + "_b", x)):
        check(result, tmp_path)
        assert min(shape.size for shape in result.figure().shapes if hasattr(shape, "anchor")) >= LEAST_SIZE


@pytest.mark.parametrize("names", [
    ("real", "fake"), tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("normal mucosa (healthy control)", "tumour-infiltrating lymphocytes", "adenocarcinoma, poorly differentiated")])
def test_a_confusion_matrix_of_any_number_of_classes(names, tmp_path):
    from striate.see.answers import Confusion

    counts = np.random.default_rng(0).integers(0, 3000, (len(names), len(names)))
    check(Confusion("a model", names, counts), tmp_path)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (9, 8, 1), (16, 8)], ids=str)
def test_small_images_are_images_and_lines_of_many_channels_lines(shape, tmp_path):
    convolve = layers.Conv1D if len(shape) == 2 else layers.Conv2D
    size = min(3, *shape[:-1])
    model = keras.Sequential([keras.Input(shape), convolve(3, size, activation="relu"), layers.Flatten(),
                              layers.Dense(2, activation="softmax")])
    x = sample(model)
    for found in (see.feature_maps(model, x, 0), see.saliency(model, x), see.grad_cam(model, x),
                  see.occlusion(model, x), see.receptive_field(model, 0, x),
                  see.activation_maximisation(model, 0, steps=2)):
        check(found, tmp_path)
    if min(shape[:-1]) > 1:
        check(see.invariance(model, x), tmp_path)


def test_long_names_fit_below_their_blocks(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, name="a_very_long_name_" * 9),
                              layers.Flatten(name="层" * 60), layers.Dense(2)])
    check(see.architecture(model), tmp_path)


def test_letters_of_the_east_are_as_wide_as_high():
    assert text_width("网络層", 10) >= 30 > text_width("Слой", 10)


def test_what_is_no_number_is_said(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3, activation="relu"), layers.Flatten(),
                              layers.Dense(2)])
    kernel = model.layers[0].kernel.numpy()
    kernel[..., 0] = np.nan
    model.layers[0].kernel.assign(kernel)
    drawn = check(see.feature_maps(model, sample(model), 0), tmp_path).figure().svg()
    assert "36 are NaN or infinite" in drawn and "to nan" not in drawn


def test_numbers_on_every_colour_of_the_scales_can_be_read():
    shares = np.linspace(-1, 1, 401)
    for colours in (palette.signed(shares, 1.0), palette.heat(shares, -1, 1), palette.photograph(shares[None])[0]):
        assert min(palette.contrast(colour, palette.rgb(palette.readable_on(colour))) for colour in colours) >= 4.5
