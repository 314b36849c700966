"""The small `tensorflow`: functions against NumPy, pipelines, pictures, what scripts ask about the machine."""

import numpy as np
import pytest

import striate
from striate.runner import tf
from striate.runner.tf.data import Dataset

generator = np.random.default_rng(5)


def test_constants_have_tensorflows_types():
    assert tf.constant([1.0, 2.0]).dtype == tf.float32 and tf.constant([1, 2]).dtype == tf.int32
    assert tf.convert_to_tensor(np.zeros(2)).dtype == tf.float64
    assert tf.constant(3, shape=(2, 2)).numpy().tolist() == [[3, 3], [3, 3]]
    assert repr(tf.constant([1])) == "<tf.Tensor: shape=(1,), dtype=int32, numpy=array([1], dtype=int32)>"
    assert str(tf.constant(2.0)) == "tf.Tensor(2.0, shape=(), dtype=float32)"
    assert f"{tf.constant(2.0):.2f}" == "2.00"


def test_everything_computed_has_numpy():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    for item in (x + 1, x[0], x[0, 1], tf.reduce_sum(x), tf.matmul(x, x), -x, np.sqrt(x), tf.shape(x), x @ x):
        assert isinstance(item, tf.Tensor)
        assert not isinstance(item.numpy(), tf.Tensor)
    assert isinstance(tf.reduce_sum(x).numpy(), np.float32)


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
    with pytest.raises(ValueError, match="bicubic"):
        tf.image.resize(ramp, (2, 2), method="bicubic")


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
