"""Every frame's number is what the kernels computed; films save in every form."""

import io

import numpy as np
import pytest
from PIL import Image

from striate import errors, layers, see

LAYERS = [
    layers.Conv2D(2, 3),
    layers.Conv2D(2, (3, 2), strides=2, padding="same", activation="relu"),
    layers.Conv2D(2, 2, dilation_rate=2, padding="same"),
    layers.Conv2D(4, 3, groups=2),
    layers.Conv2DTranspose(2, 3, strides=2),
    layers.Conv2DTranspose(2, 2, strides=3, padding="same"),
    layers.DepthwiseConv2D(3, depth_multiplier=2), layers.SeparableConv2D(3, 3, depth_multiplier=2, padding="same"),
    layers.MaxPooling2D(2), layers.MaxPooling2D(3, 2, padding="same"), layers.AveragePooling2D(3, 1, padding="same"),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_frames_are_the_kernels_numbers(layer):
    x = np.random.default_rng(0).integers(-4, 5, (6, 7, 2)).astype(np.float32)
    film = see.animate(layer, x, channel=1)
    expected = np.asarray(layer(x[np.newaxis]))[0, ..., 1]
    assert film.output == pytest.approx(expected, abs=1e-5)
    assert film.count == expected.size
    for index, (place, value) in enumerate(np.ndenumerate(expected)):
        assert film.place(index) == place
        assert film.sum(index).value == pytest.approx(float(value), abs=1e-5)


@pytest.mark.parametrize("options", [{"padding": "causal", "dilation_rate": 2}, {"strides": 2, "padding": "same"}])
def test_lines(options):
    layer = layers.Conv1D(2, 3, **options)
    x = np.random.default_rng(0).integers(-4, 5, (9, 2)).astype(np.float32)
    film = see.animate(layer, x, channel=1)
    expected = np.asarray(layer(x[np.newaxis]))[0, :, 1]
    assert [film.sum(i).value for i in range(film.count)] == pytest.approx(expected.tolist(), abs=1e-5)


def test_pooling_sends_the_gradient_to_the_largest():
    x = np.array([[1, 5, 2, 0], [3, 4, 9, 8]], np.float32)
    film = see.animate(layers.MaxPooling2D(2), x, backward=True, gradient=[[7, -2]])
    assert film.gradient[1][..., 0].tolist() == [[0, 7, 0, 0], [0, 0, -2, 0]]
    assert film.arrived[0][..., 0].tolist() == [[0, 7, 0, 0], [0, 0, 0, 0]]


@pytest.mark.slow
@pytest.mark.parametrize("layer", [*LAYERS, layers.LpPooling2D(2)], ids=lambda layer: layer.name)
def test_the_way_back_ends_at_the_engines_gradient(layer):
    random = np.random.default_rng(1)
    x = random.integers(-4, 5, (6, 7, 2)).astype(np.float32)
    shape = np.asarray(layer(x[np.newaxis])).shape[1:-1]
    film = see.animate(layer, x, channel=1, backward=True, gradient=random.integers(-3, 4, shape))
    assert film.arrived[-1] == pytest.approx(film.gradient[1], abs=1e-4)
    assert film.count == len(film.arrived) and np.abs(film.gradient[1]).max() > 0
    assert "<svg" in film.frame(film.count - 1).svg()


def test_the_way_back_over_a_line():
    layer = layers.Conv1D(2, 3, padding="causal", dilation_rate=2, activation="relu")
    film = see.animate(layer, np.random.default_rng(0).normal(size=(9, 2)), backward=True)
    assert film.arrived[-1] == pytest.approx(film.gradient[1], abs=1e-5)
    assert any("ReLU was shut" in shape.text for i in range(9) for shape in film.frame(i).shapes
               if hasattr(shape, "anchor"))


def test_flat_films():
    x = np.random.default_rng(0).integers(1, 5, (3, 4, 2)).astype(np.float32)
    flat = see.animate(layers.Flatten(), x)
    assert (flat.output == x.ravel()).all()
    assert [flat.output[flat.part(i)].tolist() for i in range(flat.count)] == x.reshape(-1, 2).tolist()
    dense = see.animate(layers.Dense(3, activation="softmax"), x.ravel())
    assert [dense.sum(i).value for i in range(3)] == pytest.approx(dense.output.tolist(), abs=1e-6)
    drop = see.animate(layers.Dropout(0.5), x[..., 0])
    kept = drop.outputs[0] != 0
    assert (drop.outputs[0][kept] == 2 * x[..., 0][kept]).all()
    assert 0 < kept.sum() < kept.size and (drop.outputs[-1] == x[..., 0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["gif", "apng", "png", "svg", "html", "pdf", "json", "txt"])
def test_saving(tmp_path, ending):
    film = see.animate(layers.Conv2D(1, 2), np.arange(9.0).reshape(3, 3))
    path = film.save(tmp_path / f"film.{ending}")
    content = path.read_bytes()
    if ending in ("gif", "apng", "png"):
        assert Image.open(io.BytesIO(content)).n_frames == 4
    if ending in ("svg", "html"):
        assert content.count(b"<title>") >= 1 and b"http" not in content.replace(b"http://www.w3.org/2000/svg", b"")
    assert len(film.save_frames(tmp_path / "frames")) == 4


@pytest.mark.parametrize("frames", [1, 4])
def test_mp4(tmp_path, frames):
    av = pytest.importorskip("av")
    result = see.animate(layers.Conv2D(1, 2), np.arange(9.0).reshape(3, 3)) if frames == 4 else see.connectivity()
    with av.open(result.save(tmp_path / "film.mp4")) as film:
        shown = list(film.decode(video=0))
        assert len(shown) == frames and film.duration / 1e6 == (2.0 if frames == 4 else 3.0)
        assert shown[0].to_ndarray(format="rgb24")[:4, :4].min() > 240  # White paper.


def test_mp4_without_its_package(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(errors.ArgumentError, match=r"pip install 'striate\[film\]'"):
        see.connectivity().save(tmp_path / "film.mp4")


def test_notebooks_and_prompts(tmp_path):
    result = see.connectivity()
    assert repr(result) == str(result)
    assert result._repr_png_().startswith(b"\x89PNG") and result._repr_svg_().startswith("<svg")
    assert "<svg" in result._repr_html_()
    for ending in ("gif", "apng", "pdf", "html"):
        assert result.save(tmp_path / f"still.{ending}").stat().st_size > 1000
    with pytest.raises(errors.ArgumentError, match="ending says how"):
        result.save(tmp_path / "still.bmp")


def test_errors_help(tmp_path):
    with pytest.raises(errors.ArgumentError, match="more than 400 windows"):
        see.animate(layers.Conv2D(1, 3), np.ones((64, 64)))
    with pytest.raises(errors.ShapeError, match="without a batch axis"):
        see.animate(layers.Conv2D(1, 3), np.ones((1, 6, 6, 1)))
    with pytest.raises(errors.ArgumentError, match="without activation or with a ReLU"):
        see.animate(layers.Conv2D(1, 3, activation="tanh"), np.ones((6, 6)), backward=True)


def test_sums_of_rounded_numbers_are_not_called_equal():
    """8·(-0.1) is not -0.776: who multiplies what stands below a frame must not find it wrong."""
    layer, x = layers.Conv1D(1, 2, use_bias=False), np.array([8.0, 3.0, 1.0])
    film = see.animate(layer, x)
    layer.kernel.assign(np.array([-0.097, 2.0], np.float32).reshape(2, 1, 1))
    text = see.animate(layer, x).frame(0).svg()
    assert "8·(-0.1) + 3·2 ≈ 5.224" in text
    layer.kernel.assign(np.array([-0.5, 2.0], np.float32).reshape(2, 1, 1))
    assert "8·(-0.5) + 3·2 = 2" in see.animate(layer, x).frame(0).svg() and film.count == 2
