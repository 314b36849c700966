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
    with pytest.raises(ArgumentError, match="from what tf.io.read_file gave"):
        tf_io.decode_png(b"\x89PNG")


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
    assert [str(path).rpartition("/")[2] for path in found] == ["a.png", "b.png"]
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
