"""The small `tensorflow`: functions against NumPy, pipelines, pictures, what scripts ask about the machine."""

import collections
import functools

import numpy as np
import pytest

import striate
from striate.runner import tf
from striate.runner.tf.data import Dataset
from striate.utils.tensor import as_tensor

generator = np.random.default_rng(5)


def test_constants_have_tensorflows_types():
    assert tf.constant([1.0, 2.0]).dtype == tf.float32 and tf.constant([1, 2]).dtype == tf.int32
    assert tf.convert_to_tensor(np.zeros(2)).dtype == tf.float64
    assert tf.constant(3, shape=(2, 2)).numpy().tolist() == [[3, 3], [3, 3]]
    assert repr(tf.constant([1])) == "<tf.Tensor: shape=(1,), dtype=int32, numpy=array([1], dtype=int32)>"
    assert str(tf.constant(2.0)) == "tf.Tensor(2.0, shape=(), dtype=float32)"
    assert f"{tf.constant(2.0):.2f} {tf.constant(2.0)} {tf.constant([1])}" == "2.00 2.0 [1]"
    assert str(tf.constant([[1], [2]])) == "tf.Tensor(\n[[1]\n [2]], shape=(2, 1), dtype=int32)"


def test_everything_computed_has_numpy():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    for item in (x + 1, x[0], x[0, 1], tf.reduce_sum(x), tf.matmul(x, x), -x, np.sqrt(x), tf.shape(x), x @ x):
        assert isinstance(item, tf.Tensor)
        assert not isinstance(item.numpy(), tf.Tensor)
    assert isinstance(tf.reduce_sum(x).numpy(), np.float32)


MATRIX, NUMBERS = tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([3, 1, 2])


@pytest.mark.parametrize(("result", "expected"), [
    (tf.cumsum(MATRIX), [[1, 2], [4, 6]]), (tf.cumsum(NUMBERS, exclusive=True, reverse=True), [3, 2, 0]),
    (tf.sort(MATRIX, direction="DESCENDING"), [[2, 1], [4, 3]]), (tf.argsort(NUMBERS), [1, 2, 0]),
    (tf.argsort(NUMBERS, direction="DESCENDING"), [0, 2, 1]), (tf.reverse(MATRIX, [1]), [[2, 1], [4, 3]]),
    (tf.roll(NUMBERS, 1, 0), [2, 3, 1]), (tf.broadcast_to(NUMBERS, (2, 3)), [[3, 1, 2]] * 2),
    (tf.boolean_mask(MATRIX, MATRIX > 2), [3, 4]), (tf.gather_nd(MATRIX, [[0, 1]]), [2]),
    (tf.map_fn(lambda row: row * 2, MATRIX), [[2, 4], [6, 8]]), (tf.cond(True, lambda: 1, lambda: 2), 1),
    (tf.clip_by_norm(MATRIX, 1.0), [[0.18257418, 0.36514837], [0.5477225, 0.73029673]]),
    (tf.clip_by_global_norm([MATRIX, None], 1.0)[1], 5.477226), (tf.linalg.norm(MATRIX), 5.477226),
    (tf.linalg.trace(MATRIX), 5), (tf.linalg.det(MATRIX), -2), (tf.math.count_nonzero(MATRIX), 4),
    (tf.math.confusion_matrix([0, 1, 1], [0, 1, 0]), [[1, 0], [1, 1]]), (tf.math.bincount([1, 1]), [0, 2]),
    (tf.math.floormod(NUMBERS, 2), [1, 1, 0]), (tf.math.erf(MATRIX)[0], [0.84270084, 0.99532235]),
    (tf.math.is_nan(MATRIX)[0], [False, False]), (tf.math.reduce_euclidean_norm(MATRIX), 5.477226),
    (tf.add(1, 2, name="sum"), 3), (tf.nn.relu(-MATRIX, name="relu"), [[0, 0], [0, 0]]),
    (tf.nn.gelu(MATRIX), [[0.8413447, 1.9544997], [2.9959502, 3.9998734]]), (tf.nn.top_k(MATRIX, 1)[1], [[1], [1]]),
    (tf.nn.moments(MATRIX, axes=[0])[1], [1, 1]), (tf.nn.embedding_lookup(MATRIX, [1]), [[3, 4]]),
    (tf.nn.batch_normalization(MATRIX, 0.0, 1.0, None, 2.0, 1e-3)[0], [1.9990008, 3.9980016]),
    (tf.nest.map_structure(lambda leaf: leaf + 1, [1, [2]]), [2, [3]]),
])
def test_functions_are_tensorflows(result, expected):
    """The numbers are TensorFlow 2.21's."""
    if isinstance(expected, list) and any(isinstance(part, list) and not isinstance(result, tf.Tensor)
                                          for part in expected):
        assert result == expected
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_colours_change_as_in_tensorflow():
    image = tf.constant(np.random.RandomState(0).rand(4, 4, 3).astype("float32"))
    assert tf.image.adjust_saturation(image, 3).numpy().mean() == pytest.approx(0.39786, abs=1e-4)
    np.testing.assert_allclose(tf.image.adjust_hue(image, 0.2).numpy().sum((0, 1)), [9.3585, 8.5207, 8.8721], atol=1e-3)
    assert tf.image.random_saturation(image, 1, 1).numpy() == pytest.approx(image.numpy(), abs=1e-6)
    assert tf.image.random_hue(tf.cast(image * 255, tf.uint8), 0.1).dtype == np.uint8
    assert tf.image.crop_to_bounding_box(image, 1, 0, 2, 3).numpy().tolist() == image[1:3, :3].numpy().tolist()


def test_edges_and_likeness_are_tensorflows():
    picture = tf.constant(np.arange(144, dtype="float32").reshape(1, 12, 12, 1) % 7 / 7)
    edges = tf.image.sobel_edges(picture)
    assert edges.shape == (1, 12, 12, 1, 2)
    np.testing.assert_allclose(edges[0, 0, :, 0, 0], np.zeros(12), atol=1e-6)  # no edge across a reflected margin
    np.testing.assert_allclose(edges[0, 1, 1, 0], [1.7142857, -0.8571429], atol=1e-5)  # TensorFlow's numbers
    assert tf.image.ssim(picture, picture, max_val=1.0).numpy() == pytest.approx([1])
    assert tf.image.ssim(picture[0], 1 - picture[0], 1.0).shape == ()


def test_spectra_of_sounds():
    sound = np.sin(np.arange(1000) * (2 * np.pi * 16 / 256)).astype("float32")
    assert tf.signal.frame(sound, 300, 128).shape == (6, 300)
    padded = tf.signal.frame(sound[None], 300, 128, pad_end=True, pad_value=2)
    assert padded.shape == (1, 8, 300) and padded[0, -1, -1] == 2
    assert padded[0, 1].numpy().tolist() == sound[128:428].tolist()
    assert tf.signal.frame(np.ones((1000, 2)), 300, 128, axis=0).shape == (6, 300, 2)
    np.testing.assert_allclose(tf.signal.hann_window(4).numpy(), [0, 0.5, 1, 0.5], atol=1e-6)
    np.testing.assert_allclose(tf.signal.hann_window(3).numpy(), [0, 1, 0], atol=1e-6)
    spectra = tf.signal.stft(sound, 255, 128)
    assert spectra.shape == (6, 129) and spectra.dtype == "complex64"
    lengths = tf.abs(spectra)
    assert lengths.dtype == "float32" and tf.argmax(lengths, axis=1).numpy().tolist() == [16] * 6
    assert tf.math.real(spectra).dtype == "float32" and tf.abs(tf.constant([-2, 3])).numpy().tolist() == [2, 3]
    with pytest.raises(ValueError, match="keras.ops.stft"):
        tf.signal.stft(striate.Input((9,)), 3, 1)


def test_initializers_by_their_older_names():
    assert tf.random_normal_initializer(0.0, 0.02)((2, 3)).shape == (2, 3)
    assert tf.constant_initializer(3)((2,)).tolist() == [3, 3] and tf.ones_initializer()((1,)) == [1]


def test_print_shows_the_numbers(capsys):
    tf.print("loss:", tf.constant(2.0), MATRIX[0], sep="|")
    assert capsys.readouterr().err == "loss:|2.0|[1. 2.]\n"


def test_one_replica():
    strategy = tf.distribute.MirroredStrategy()
    with strategy.scope():
        assert strategy.num_replicas_in_sync == tf.distribute.get_strategy().num_replicas_in_sync == 1
    assert strategy.run(lambda x: x + 1, args=(2,)) == 3


@pytest.mark.parametrize("name", ["math.zeta", "nn.crelu", "signal.mdct", "linalg.svd", "sparse"])
def test_what_is_not_there_is_named(name):
    with pytest.raises(AttributeError, match=rf"tf\.{name} is not part of striate's small `tensorflow`"):
        functools.reduce(getattr, name.split("."), tf)


def test_rates_of_schedules_are_tensors(shim):
    from keras.optimizers import SGD, schedules

    rate = schedules.ExponentialDecay(0.1, 10, 0.5)
    assert rate(20).numpy() == 0.025 and f"{rate(20):.3f}" == "0.025"
    model = striate.Sequential([striate.Input((2,)), striate.layers.Dense(1)])
    model.compile(SGD(rate), "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(float(rate(1)))


def test_results_of_keras_functions_are_tensors(shim):
    import keras
    from keras import ops

    for found in (ops.ones(3), ops.nn.relu(np.ones(3)), ops.linalg.norm(np.ones(9)), ops.qr(np.eye(2))[0],
                  ops.image.resize(np.ones((4, 4, 1)), (2, 2)), keras.random.normal((2,))):
        assert isinstance(found, tf.Tensor) and not isinstance(found.numpy(), tf.Tensor)
    pair = collections.namedtuple("Pair", "first second")(np.ones(2), np.ones(3))
    assert isinstance(as_tensor(pair).second, tf.Tensor)
    assert not isinstance(ops.convert_to_numpy(ops.ones(3)), tf.Tensor)
    assert ops.shape(ops.ones(3)) == (3,)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, ops.mean(ops.relu(inputs), axis=1))
    assert [layer["class_name"] for layer in model.get_config()["layers"]] == ["InputLayer", "Relu", "Mean"]


def test_masks_are_on_results_of_layers(shim):
    import keras

    embedded = keras.layers.Embedding(9, 2, mask_zero=True)(np.array([[1, 2, 0]]))
    assert embedded._keras_mask.numpy().tolist() == [[True, True, False]]
    assert keras.layers.GlobalAveragePooling1D()(embedded).numpy() == pytest.approx(embedded[:, :2].numpy().mean(1))


def test_numbers_of_losses_are_tensors(shim, tmp_path):
    import keras

    assert keras.losses.mse([1.0, 2.0], [1.0, 4.0]).numpy() == 2
    assert keras.metrics.binary_accuracy([[1.0], [1.0]], [[0.9], [0.1]]).numpy().tolist() == [[1], [0]]
    assert keras.losses.serialize(keras.losses.mse) == "mean_squared_error"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.mse, metrics=[keras.metrics.mean_absolute_error])
    model.save(tmp_path / "model.keras")
    assert keras.models.load_model(tmp_path / "model.keras").loss.__name__ == "mean_squared_error"


@pytest.mark.parametrize(("ours", "numpys"), [
    (lambda x: tf.reduce_mean(x, axis=1), lambda x: x.mean(1)),
    (lambda x: tf.reduce_max(x, axis=(0, 2), keepdims=True), lambda x: x.max((0, 2), keepdims=True)),
    (lambda x: tf.argmax(x), lambda x: x.argmax(0)),
    (lambda x: tf.argmin(x, axis=-1), lambda x: x.argmin(-1)),
    (lambda x: tf.reshape(x, (6, -1)), lambda x: x.reshape(6, -1)),
    (lambda x: tf.expand_dims(x, 1), lambda x: x[:, None]),
    (lambda x: tf.transpose(x, perm=[2, 0, 1]), lambda x: x.transpose(2, 0, 1)),
    (lambda x: tf.concat([x, x], axis=0), lambda x: np.concatenate([x, x])),
    (lambda x: tf.cast(x * 3, tf.int32), lambda x: (x * 3).astype(np.int32)),
    (lambda x: tf.clip_by_value(x, -0.5, 0.5), lambda x: x.clip(-0.5, 0.5)),
    (lambda x: tf.math.square(x), lambda x: x * x),
    (lambda x: tf.nn.relu(x), lambda x: np.maximum(x, 0)),
    (lambda x: tf.gather(x, [1, 0]), lambda x: x[[1, 0]]),
])
def test_functions_are_numpys(ours, numpys):
    x = generator.normal(size=(2, 3, 4)).astype(np.float32)
    assert np.allclose(ours(tf.constant(x)), numpys(x), atol=1e-6)
    assert ours(x).shape == numpys(x).shape


def test_classes_and_probabilities():
    assert tf.one_hot([0, 2], 3).numpy().tolist() == [[1, 0, 0], [0, 0, 1]]
    assert tf.one_hot([1], depth=2, on_value=5.0, off_value=1.0).numpy().tolist() == [[1, 5]]
    logits = tf.constant([[0.0, np.log(3.0)]])
    assert np.allclose(tf.nn.softmax(logits), [[0.25, 0.75]])
    assert np.allclose(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[1], logits=logits), -np.log(0.75))
    assert np.allclose(tf.nn.softmax_cross_entropy_with_logits(labels=[[1.0, 0]], logits=logits), -np.log(0.25))
    assert tf.range(3).numpy().tolist() == [0, 1, 2] and tf.size(logits).numpy() == 2 and tf.rank(logits).numpy() == 2


def test_convolution_as_a_function_finds_edges():
    picture = np.zeros((1, 4, 4, 1), np.float32)
    picture[:, :, 2:] = 1
    kernel = np.float32([-1, 1]).reshape(1, 2, 1, 1)
    edges = tf.nn.conv2d(picture, kernel, strides=[1, 1, 1, 1], padding="VALID")
    assert edges.numpy()[0, :, :, 0].tolist() == [[0, 1, 0]] * 4
    assert tf.nn.max_pool2d(picture, 2, 2, "VALID").numpy()[0, 0, :, 0].tolist() == [0, 1]
    assert tf.nn.avg_pool2d(picture, [1, 4, 4, 1], [1, 4, 4, 1]).numpy().item() == 0.5


def test_random_numbers_repeat_after_the_seed_and_leave_numpys_alone():
    np.random.seed(0)
    expected = np.random.random(2)
    np.random.seed(0)
    tf.random.set_seed(11)
    first = tf.random.normal((3,)), tf.random.uniform((3,)), tf.random.uniform((50,), 0, 4, dtype=tf.int32)
    assert (np.random.random(2) == expected).all()
    tf.random.set_seed(11)
    again = tf.random.normal((3,)), tf.random.uniform((3,)), tf.random.uniform((50,), 0, 4, dtype=tf.int32)
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    assert set(first[2].numpy()) == {0, 1, 2, 3}


def test_functions_work_inside_models():
    def loss(y_true, y_pred):
        return tf.reduce_mean(tf.square(tf.cast(y_true, tf.float32) - y_pred), axis=-1)

    inputs = striate.Input((3,))
    outputs = striate.layers.Lambda(lambda x: tf.reduce_sum(tf.nn.relu(x), axis=1, keepdims=True))(inputs)
    model = striate.Model(inputs, outputs)
    assert np.asarray(model.predict(np.float32([[1, -2, 3]]), verbose=0)).tolist() == [[4.0]]
    model.compile("sgd", loss)
    assert model.evaluate(np.float32([[1, -2, 3]]), np.float32([[2]]), verbose=0) == 4.0


# ---- pipelines ----------------------------------------------------------------------------------------------------


def numbers(dataset):
    return [np.asarray(item).tolist() for item in dataset]


def test_pipelines():
    data = Dataset.from_tensor_slices((np.arange(5), {"twice": np.arange(5) * 2}))
    batches = list(data.map(lambda x, more: (x + 1, more["twice"])).batch(2))
    assert [part.numpy().tolist() for part in batches[0]] == [[1, 2], [0, 2]]
    assert len(batches) == 3 == len(data.batch(2)) and len(data.batch(2, drop_remainder=True)) == 2
    assert numbers(Dataset.range(6).filter(lambda x: x % 2 == 0).batch(2)) == [[0, 2], [4]]
    assert numbers(Dataset.range(6).skip(1).take(3)) == [1, 2, 3]
    assert numbers(Dataset.range(2).repeat(2)) == [0, 1, 0, 1]
    assert numbers(Dataset.range(2).repeat().take(5)) == [0, 1, 0, 1, 0]
    assert numbers(Dataset.range(5).batch(2).unbatch()) == [0, 1, 2, 3, 4]
    assert numbers(Dataset.range(2).concatenate(Dataset.range(3))) == [0, 1, 0, 1, 2]
    assert not hasattr(Dataset.range(2).repeat(), "__len__")
    assert Dataset.range(7).cardinality().numpy() == 7
    with pytest.raises(ValueError, match="same first length"):
        Dataset.from_tensor_slices((np.zeros(2), np.zeros(3)))


def test_shuffled_orders_are_new_each_time_but_repeatable():
    data = Dataset.range(100).shuffle(20, seed=3)
    first, second = numbers(data), numbers(data)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second and first != sorted(first)
    # With a buffer of 20 no element comes more than 19 places early.
    assert all(number - place < 20 for place, number in enumerate(first))
    striate.utils.set_random_seed(4)
    one = [numbers(Dataset.range(50).shuffle(50)) for _ in range(2)]
    striate.utils.set_random_seed(4)
    assert [numbers(Dataset.range(50).shuffle(50)) for _ in range(2)] == one
    fixed = Dataset.range(50).shuffle(50, reshuffle_each_iteration=False)
    assert numbers(fixed) == numbers(fixed)


def test_cache_asks_once():
    asked = []
    data = Dataset.range(3).map(lambda x: asked.append(int(x)) or x).cache()
    assert numbers(data) == numbers(data) == [0, 1, 2] and asked == [0, 1, 2]


def test_fit_takes_pipelines():
    x = generator.normal(size=(40, 3)).astype(np.float32)
    y = (x @ np.float32([[1], [2], [3]])).astype(np.float32)
    data = Dataset.from_tensor_slices((x, y)).shuffle(40).batch(8).prefetch(tf.data.AUTOTUNE)
    model = striate.Sequential([striate.Input((3,)), striate.layers.Dense(1)])
    model.compile(striate.optimizers.SGD(0.1), "mse")
    history = model.fit(data, epochs=5, validation_data=data.take(2), verbose=0)
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    model.fit(data.repeat(), steps_per_epoch=3, verbose=0)
    assert int(model.optimizer.iterations) == 28
    assert model.predict(data.map(lambda x, y: x), verbose=0).shape == (40, 1)


# ---- pictures and the machine -------------------------------------------------------------------------------------


def test_resizing():
    ramp = np.arange(4, dtype=np.uint8).reshape(1, 1, 4, 1)
    assert tf.image.resize(ramp, (1, 2)).numpy().ravel().tolist() == [0.5, 2.5]
    assert tf.image.resize(ramp, (1, 8)).numpy().ravel().tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    near = tf.image.resize(ramp, (2, 2), method="nearest")
    assert near.numpy()[0, :, :, 0].tolist() == [[1, 3], [1, 3]] and near.dtype == np.uint8
    with pytest.raises(ValueError, match="lanczos5"):
        tf.image.resize(ramp, (2, 2), method="area")


def test_pictures():
    picture = generator.integers(0, 256, (5, 6, 3)).astype(np.uint8)
    assert tf.image.rgb_to_grayscale(picture).shape == (5, 6, 1)
    assert (tf.image.flip_left_right(picture) == picture[:, ::-1]).all()
    assert (tf.image.flip_up_down(picture) == picture[::-1]).all()
    scaled = tf.image.convert_image_dtype(picture, tf.float32)
    assert scaled.numpy().max() <= 1 and (tf.image.convert_image_dtype(scaled, tf.uint8) == picture).all()
    standard = tf.image.per_image_standardization(picture).numpy()
    assert abs(standard.mean()) < 1e-5 and abs(standard.std() - 1) < 1e-5


def test_there_is_no_gpu():
    assert tf.config.list_physical_devices("GPU") == [] == tf.config.experimental.list_physical_devices("GPU")
    assert tf.config.list_physical_devices()[0].device_type == "CPU"
    tf.config.experimental.set_memory_growth(None, True)
    assert tf.test.is_gpu_available() is False and tf.test.gpu_device_name() == ""


def test_decorated_functions_stay():
    @tf.function
    def double(x):
        return x * 2

    @tf.function(jit_compile=True)
    def triple(x):
        return x * 3

    assert double(2) == 4 and triple(2) == 6 and tf.executing_eagerly()
    assert tf.losses is striate.losses
