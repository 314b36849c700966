"""`tf.io` and `tf.numpy_function`: pipelines that read pictures from files."""

import numpy as np
import pytest

from striate import utils
from striate.errors import ArgumentError


def test_a_pipeline_of_files(shim, tmp_path):
    import tensorflow as tf
    from tensorflow import io as tf_io

    pixels = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    for name in "ab":
        utils.save_img(tmp_path / f"{name}.png", pixels, scale=False)
    paths = [str(tmp_path / f"{name}.png") for name in "ab"]

    def load(path, label):
        picture = tf.image.decode_png(tf_io.read_file(path), channels=3)
        grey = tf_io.decode_image(tf_io.read_file(path), channels=1)
        turned = tf.numpy_function(np.rot90, [picture], tf.float32)
        return picture, turned, tf.py_function(lambda x: x.numpy() + 1, [grey], tf.int32), label
    rows = list(tf.data.Dataset.from_tensor_slices((paths, [0, 1])).map(load))
    picture, turned, grey, label = rows[1]
    np.testing.assert_array_equal(picture, pixels)
    np.testing.assert_array_equal(turned.numpy(), np.rot90(pixels).astype("float32"))
    assert grey.shape == (5, 4, 1) and grey.dtype == "int32" and int(label) == 1
    with pytest.raises(ArgumentError, match="1, 3 or 4 channels"):
        tf_io.decode_png(tf_io.read_file(paths[0]), channels=2)
    with pytest.raises(ArgumentError, match="the bytes of a file"):
        tf_io.decode_png(pixels)


def test_pictures_are_written_and_read_by_their_bytes(shim, tmp_path):
    import tensorflow as tf

    pixels = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    tf.io.write_file(str(tmp_path / "deep" / "a.png"), tf.io.encode_png(pixels))
    assert tf.io.matching_files(str(tmp_path / "*" / "*.png")).numpy().tolist() == [
        str(tmp_path / "deep" / "a.png").encode()]
    np.testing.assert_array_equal(tf.io.decode_png((tmp_path / "deep" / "a.png").read_bytes()), pixels)
    assert tf.image.decode_png(tf.io.encode_png(pixels[..., :1])).shape == (5, 4, 1)
    assert tf.io.decode_jpeg(tf.io.encode_jpeg(pixels)).shape == (5, 4, 3) and tf.io.gfile.exists(str(tmp_path))
    with pytest.raises(ArgumentError, match="picture of bytes"):
        tf.io.encode_png(pixels / 255)


def test_labels_from_paths(shim):
    import tensorflow as tf

    paths = tf.constant(["data/rose/1.png", "data/tulip/22.png"])
    assert repr(paths[0]) == "<tf.Tensor: shape=(), dtype=string, numpy=b'data/rose/1.png'>"
    assert str(paths) == "tf.Tensor([b'data/rose/1.png' b'data/tulip/22.png'], shape=(2,), dtype=string)"
    assert paths[0].numpy().decode() == "data/rose/1.png"
    parts = tf.strings.split(paths[1], "/")
    assert int(tf.argmax(parts[-2] == np.array(["rose", "tulip"]))) == 1
    assert tf.strings.split(paths, "/").shape == (2, 3)
    assert tf.strings.regex_replace(paths, r"data/(\w+)/.*", r"\1").numpy().tolist() == [b"rose", b"tulip"]
    assert tf.strings.regex_full_match(paths, ".*rose.*").numpy().tolist() == [True, False]
    assert tf.strings.join([paths, ".txt"]).numpy()[0] == b"data/rose/1.png.txt"
    assert tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=1, separator="-").numpy().tolist() == [b"a-b", b"c-d"]
    assert tf.strings.substr("hello", -3, 2).numpy() == b"ll" and int(tf.strings.length("\u00e9")) == 2
    assert tf.strings.to_number(["1.5", "2"]).numpy().tolist() == [1.5, 2.0]
    assert tf.strings.as_string(tf.constant([1.5])).numpy().tolist() == [b"1.500000"]
    assert tf.strings.upper(tf.strings.strip(tf.constant(" a "))).numpy() == b"A"
    assert tf.strings.lower("A").numpy() == b"a"
    with pytest.raises(ArgumentError, match="different numbers of parts"):
        tf.strings.split(["a/b", "c"], "/")
    with pytest.raises(AttributeError, match=r"tf\.strings\.unicode_script is not part"):
        tf.strings.unicode_script("a")


def test_parts_of_tensors(shim):
    import tensorflow as tf

    x = tf.reshape(tf.range(6.0), (2, 3))
    one, two = tf.split(x, [1, -1], axis=1)
    assert one.shape == (2, 1) and two.numpy().tolist() == [[1.0, 2.0], [4.0, 5.0]]
    assert float(tf.norm(tf.constant([3.0, 4.0]))) == 5.0
    assert tf.pad(x, [[0, 0], [1, 0]]).shape == (2, 4) and tf.add_n([x, x]).numpy()[1, 2] == 10.0
    assert float(tf.math.divide_no_nan(tf.constant(1.0), tf.constant(0.0))) == 0.0
    assert tf.math.top_k(x, k=2)[1].numpy().tolist() == [[2, 1], [2, 1]]
    assert tf.nn.depth_to_space(tf.ones((1, 2, 2, 4)), 2).shape == (1, 4, 4, 1)


def test_files_by_a_pattern(tmp_path):
    from striate.utils.pipeline import Dataset

    for name in ("b.png", "a.png", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    found = Dataset.list_files(tmp_path / "*.png", shuffle=False).as_numpy_iterator()
    assert [path.decode().rpartition("/")[2] for path in found] == ["a.png", "b.png"]
    assert len(list(Dataset.list_files([str(tmp_path / "*.png"), str(tmp_path / "*.txt")]))) == 3
    with pytest.raises(ArgumentError, match="No file matches"):
        Dataset.list_files(str(tmp_path / "*.gif"))


def test_pictures_are_changed_as_tensorflow_does(shim):
    import tensorflow as tf

    image = np.arange(5 * 4 * 1, dtype=np.uint8).reshape(5, 4, 1)
    assert tf.image.resize_with_crop_or_pad(image, 3, 7).shape == (3, 7, 1)
    assert tf.image.resize_with_crop_or_pad(image, 3, 7).numpy()[0, :, 0].tolist() == [0, 4, 5, 6, 7, 0, 0]
    assert tf.image.central_crop(image, 0.5).shape == (3, 2, 1)
    assert tf.image.adjust_brightness(image, 0.1).numpy()[0, :2, 0].tolist() == [25, 26]
    bright = tf.image.adjust_contrast(image.astype("float32"), 2.0).numpy()
    np.testing.assert_allclose(bright.mean(), image.mean(), rtol=1e-5)
    np.testing.assert_allclose(bright.std(), 2 * image.std(), rtol=1e-5)
    assert tf.image.rot90(image).shape == (4, 5, 1)
    turned = {tf.image.random_flip_left_right(image).numpy().tobytes() for _ in range(20)}
    assert turned == {image.tobytes(), image[:, ::-1].tobytes()}
    parts = {tf.image.random_crop(image, (2, 2, 1)).numpy()[0, 0, 0] for _ in range(40)}
    assert parts <= {4 * row + column for row in range(4) for column in range(3)} and len(parts) > 4
    assert tf.image.random_brightness(image, 0.2).dtype == "uint8"
    assert tf.image.random_contrast(image, 0.5, 1.5).shape == image.shape
    with pytest.raises(ArgumentError, match="none larger"):
        tf.image.random_crop(image, (9, 2, 1))
    assert tf.image.resize(image, (3, 9), preserve_aspect_ratio=True).shape == (3, 2, 1)
    assert tf.image.resize(image, (3, 3), method=tf.image.ResizeMethod.BICUBIC, antialias=True).dtype == "float32"
    assert tf.image.resize_with_pad(image, 5, 9).shape == (5, 9, 1) and tf.image.transpose(image).shape == (4, 5, 1)
    padded = tf.image.pad_to_bounding_box(image, 1, 2, 8, 8).numpy()
    np.testing.assert_array_equal(padded[1:6, 2:6], image)
    with pytest.raises(ArgumentError, match="does not fit"):
        tf.image.pad_to_bounding_box(image, 4, 0, 8, 8)
    colours = np.random.default_rng(0).uniform(size=(1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(colours)), colours, atol=1e-5)
    np.testing.assert_allclose(tf.image.adjust_gamma(colours, 2.0, 0.5), colours ** 2 / 2, rtol=1e-6)
    down, right = tf.image.image_gradients(colours)
    total = np.abs(down.numpy()).sum() + np.abs(right.numpy()).sum()
    np.testing.assert_allclose(tf.image.total_variation(colours), [total], rtol=1e-5)
    np.testing.assert_allclose(tf.image.psnr(colours, colours + 0.1, 1.0), [20.0], rtol=1e-4)
    assert tf.image.extract_patches(colours, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID").shape == (1, 2, 2, 12)
