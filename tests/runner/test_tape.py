"""`tf.GradientTape`: by the side of a model, in a training loop, and inside a `train_step`."""

import numpy as np
import pytest

import striate
from striate.errors import GraphError

X = np.random.RandomState(0).randn(6, 8, 8, 1).astype("float32")
Y = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2]]


@pytest.fixture
def tf(shim):
    import tensorflow

    return tensorflow


@pytest.fixture
def model(tf):
    keras = tf.keras
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
                             keras.layers.BatchNormalization(), keras.layers.GlobalAveragePooling2D(),
                             keras.layers.Dense(3, activation="softmax")])


def test_gradients_of_plain_formulas(tf):
    x = tf.constant([1.0, 2.0])
    w = tf.Variable([3.0, 4.0])
    unused = tf.Variable(1.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.reduce_sum(x * x * w)
        z = w * 2.0
    assert tape.gradient(y, {"x": x, "w": [w]})["x"].numpy().tolist() == [6.0, 16.0]
    assert tape.gradient(y, [w])[0].numpy().tolist() == [1.0, 4.0]
    assert tape.gradient(z, w).numpy().tolist() == [2.0, 2.0]
    assert tape.gradient(z, w, output_gradients=tf.constant([1.0, 5.0])).numpy().tolist() == [2.0, 10.0]
    assert tape.gradient(y, unused) is None
    assert float(tape.gradient(y, unused, unconnected_gradients="zero")) == 0.0
    assert tape.watched_variables() == (w,) and f"{y:.1f}" == "19.0"


def test_a_second_derivative(tf):
    x = tf.Variable(3.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = x * x * x
        first = inner.gradient(y, x)
    assert float(first) == 27.0 and float(outer.gradient(first, x)) == 18.0


def test_grad_cam(tf, model):
    grad_model = tf.keras.Model(model.inputs, [model.get_layer("conv").output, model.output])
    with tf.GradientTape() as tape:
        maps, predictions = grad_model(X[:1])
        index = tf.argmax(predictions[0])
        score = predictions[:, index]
    gradients = tape.gradient(score, maps)
    pooled = tf.reduce_mean(gradients, axis=(0, 1, 2))
    heat = tf.squeeze(maps[0] @ pooled[..., tf.newaxis])
    heat = (tf.maximum(heat, 0) / tf.math.reduce_max(tf.abs(heat))).numpy()
    assert heat.shape == (6, 6)

    def score_of(maps_now):
        y = np.asarray(maps_now)
        for layer in model.layers[1:]:
            y = layer(y)
        return float(np.asarray(y)[0, int(index)])
    step = np.zeros(maps.shape, np.float32)
    step[0, 2, 3, 1] = 0.5
    numeric = score_of(maps.numpy() + step) - score_of(maps.numpy() - step)
    np.testing.assert_allclose(gradients.numpy()[0, 2, 3, 1], numeric, rtol=2e-2, atol=1e-6)


def test_a_loop_learns_as_fit_does(tf, model):
    keras = tf.keras
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    optimizer, loss_of = keras.optimizers.SGD(0.1), keras.losses.CategoricalCrossentropy()
    metric = keras.metrics.CategoricalAccuracy()

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            predictions = model(x, training=True)
            loss = loss_of(y, predictions)
            metric.update_state(y, predictions)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss
    losses = [float(train_step(X, Y)) for _ in range(3)]
    expected = [float(twin.train_on_batch(X, Y)) for _ in range(3)]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for mine, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-5)
    assert metric.result() > 0


def test_two_tapes_of_one_block(tf):
    """As a GAN's training loop opens them; each is asked after the block."""
    one, other = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as first, tf.GradientTape() as second:
        product = one * one * other
    assert str(product) == "tf.Tensor(12.0, shape=(), dtype=float32)" and f"{product} {product:.2f}" == "12.0 12.00"
    assert first.gradient(product, one) == 12 and second.gradient(product, [one, other]) == [12, 4]
    assert [variable.numpy() for variable in second.watched_variables()] == [2, 3]


def test_gradient_ascent_on_a_part_of_an_image(tf):
    """The image of a step is a tensor that the next step watches, and cuts."""
    image = tf.constant(np.arange(6, dtype=np.float32).reshape(1, 6))
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_sum(image[:, 2:4] ** 2)
        image += 10.0 * tf.math.l2_normalize(tape.gradient(loss, image))
    np.testing.assert_allclose(image, [[0, 1, 2 + 20 * 2 / 13 ** 0.5, 3 + 20 * 3 / 13 ** 0.5, 4, 5]], rtol=1e-5)


def test_in_a_train_step_it_is_part_of_the_program(tf, model):
    keras = tf.keras

    class Own(keras.Model):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.tracker = inner, keras.metrics.Mean(name="loss")

        @property
        def metrics(self):
            return [self.tracker]

        def call(self, inputs):
            return self.inner(inputs)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(keras.losses.categorical_crossentropy(y, self.inner(x, training=True)))
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            self.tracker.update_state(loss)
            return {"loss": self.tracker.result()}
    own = Own(model)
    own.compile(keras.optimizers.SGD(0.5))
    history = own.fit(X, Y, epochs=3, batch_size=6, verbose=0, shuffle=False).history["loss"]
    assert history[-1] < history[0]


def test_without_a_block_there_is_nothing_to_differentiate(tf):
    with pytest.raises(GraphError, match="`with` block"):
        tf.GradientTape().gradient(tf.constant(1.0), striate.Variable(1.0))


@pytest.mark.parametrize("layer", [striate.layers.Dense(3), striate.layers.Conv2D(3, 2), striate.layers.Conv1D(3, 2),
                                   striate.layers.DepthwiseConv2D(2), striate.layers.Conv2DTranspose(3, 2)])
def test_gradients_of_weights_behind_pictures_of_bytes(tf, layer):
    shape = {"Dense": (2, 5), "Conv1D": (2, 5, 2)}.get(type(layer).__name__, (2, 5, 5, 2))
    pixels, found = np.random.RandomState(0).randint(0, 256, shape).astype("uint8"), []
    for x in (pixels, pixels.astype("float32")):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(x)))
        found.append(tape.gradient(loss, layer.trainable_weights))
    for of_bytes, expected in zip(*found, strict=True):
        assert of_bytes.dtype == "float32"
        np.testing.assert_allclose(of_bytes, expected, rtol=1e-6)
