"""Training steps of the user's own, and `run_eagerly`: the same numbers as the built-in step."""

import numpy as np
import pytest

from striate import Input, Model, Sequential, callbacks, engine, layers, losses, metrics, ops, optimizers, seeds

GENERATOR = np.random.default_rng(5)
X = GENERATOR.random((40, 6, 6, 1), np.float32)
Y = GENERATOR.integers(0, 3, 40)


class Own(Model):
    """Keras' guide on `train_step`, with the engine's gradients."""

    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = engine.gradients(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class Default(Model):
    """Calls the step that it overrides."""

    def train_step(self, data):
        return super().train_step(data) | {"doubled": ops.sum(data[0]) * 2.0}

    def test_step(self, data):
        return super().test_step(data)


def network(kind=Model, **options):
    seeds.set_random_seed(2)
    inputs = Input((6, 6, 1))
    x = layers.Conv2D(4, 3, activation="relu")(inputs)
    x = layers.Dropout(0.3)(layers.BatchNormalization()(x))
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(x))
    model = kind(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def trained(model, **options):
    history = model.fit(X, Y, epochs=3, batch_size=16, verbose=0, **options).history
    return history, model.get_weights()


@pytest.mark.parametrize("kind", [Own, Default])
def test_own_step_gives_what_the_built_in_one_gives(kind):
    expected, weights = trained(network(), validation_data=(X, Y))
    found, others = trained(network(kind), validation_data=(X, Y))
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found["accuracy"] == pytest.approx(expected["accuracy"])
    assert found["val_loss"] == pytest.approx(expected["val_loss"], rel=1e-6)
    assert len(found["loss"]) == 3 and ("doubled" in found) == (kind is Default)


def pair(kind, rate):
    """A model of two layers, each with an optimizer of its own."""
    class Pair(Model):
        def __init__(self):
            super().__init__()
            self.up, self.down = layers.Dense(4), layers.Dense(2)
            self.loss_tracker = metrics.Mean(name="error")
            self.down_optimizer = kind(rate)

        @property
        def metrics(self):
            return [self.loss_tracker]

        def call(self, inputs):
            return self.down(self.up(inputs))

        def train_step(self, data):
            x, y = data
            error = ops.mean(ops.square(y - self(x)))
            first, second = self.up.trainable_variables, self.down.trainable_variables
            found = engine.gradients(error, [*first, *second])
            self.optimizer.apply(found[:2], first)
            self.down_optimizer.apply_gradients(zip(found[2:], second, strict=True))
            self.loss_tracker.update_state(error)
            return {"error": self.loss_tracker.result()}

    model = Pair()
    model.compile(kind(rate))
    return model


def test_trackers_of_the_users_and_two_optimizers():
    x, y = GENERATOR.random((32, 3), np.float32), GENERATOR.random((32, 2), np.float32)
    model = pair(optimizers.SGD, 0.1)
    errors = model.fit(x, y, epochs=20, verbose=0).history["error"]
    assert errors[-1] < 0.5 * errors[0]
    assert int(model.optimizer.iterations) == int(model.down_optimizer.iterations) == 20


def test_two_optimizers_go_on_where_they_were(tmp_path):
    x, y = GENERATOR.random((32, 3), np.float32), GENERATOR.random((32, 2), np.float32)

    def weights(epochs, folder=None):
        seeds.set_random_seed(3)
        model = pair(optimizers.Adam, 0.01)
        model(x)
        kept = [] if folder is None else [callbacks.BackupAndRestore(folder, delete_checkpoint=False)]
        model.fit(x, y, epochs=epochs, batch_size=8, verbose=0, callbacks=kept)
        assert int(model.optimizer.iterations) == int(model.down_optimizer.iterations) == 4 * epochs
        return [variable.numpy() for optimizer in (model.optimizer, model.down_optimizer)
                for variable in (*optimizer.variables, *optimizer._trainable_variables)]
    expected = weights(4)
    weights(2, tmp_path)
    for one, other in zip(expected, weights(4, tmp_path), strict=True):
        np.testing.assert_array_equal(one, other)


def test_run_eagerly_prints_numbers_and_agrees(capsys):
    class Talking(layers.Layer):
        def call(self, inputs):
            print("sum", ops.sum(inputs))
            return inputs

    results = []
    for eager in (False, True):
        seeds.set_random_seed(2)
        model = Sequential([Input((6, 6, 1)), *([Talking()] if eager else []), layers.Flatten(), layers.Dropout(0.2),
                            layers.Dense(3, activation="softmax")])
        model.compile("adam", losses.SparseCategoricalCrossentropy(), run_eagerly=eager)
        results.append(trained(model))
    printed = [line for line in capsys.readouterr().out.splitlines() if line.endswith(">") and "." in line]
    assert len(printed) >= 9 and all(50 < float(line[:-1]) < 600 for line in printed)
    assert results[0][0]["loss"] == pytest.approx(results[1][0]["loss"], rel=1e-4)
    for one, other in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_run_eagerly_can_be_set_later():
    model = network()
    model.run_eagerly = True
    found, _ = trained(model)
    assert found["loss"] == pytest.approx(trained(network())[0]["loss"], rel=1e-3)


def test_steps_per_execution_changes_nothing():
    assert trained(network(steps_per_execution=4))[0] == trained(network())[0]


def test_own_compute_loss_and_resume(tmp_path):
    class Scaled(Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight, training)

    assert trained(network(Scaled))[0]["loss"][0] > 1.5 * trained(network())[0]["loss"][0]
    one = network(Own).fit(X, Y, epochs=4, batch_size=16, verbose=0).history
    network(Own).fit(X, Y, epochs=2, batch_size=16, verbose=0,
                     callbacks=[callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)])
    other = network(Own).fit(X, Y, epochs=4, batch_size=16, verbose=0,
                             callbacks=[callbacks.BackupAndRestore(tmp_path)]).history
    assert one == other


def test_several_inputs_without_targets():
    """They are x, also where a `train_step` or `compute_loss` of the user's unpacks the data."""
    class Apart(Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            assert y is None
            return ops.mean(y_pred)

    class Unpacked(Apart):
        def train_step(self, data):
            (one, other), = data
            return super().train_step(data) | {"shapes": ops.sum(one) * 0 + one.shape[1] + other.shape[1]}
    inputs = [Input((2,)), Input((3,))]
    outputs = layers.Dense(1)(layers.Concatenate()(inputs))
    for kind in Apart, Unpacked:
        model = kind(inputs, outputs)
        model.compile("sgd")
        logs = model.fit([np.ones((4, 2)), np.ones((4, 3))], verbose=0).history
    assert logs["shapes"] == [5]


def test_a_class_may_keep_a_loss_of_its_own():
    class Keeping(Own):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.loss = losses.MeanAbsoluteError()

        def train_step(self, data):
            x, y = data
            loss = self.loss(y, self(x))
            self.optimizer.apply(engine.gradients(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}
    inputs = Input((2,))
    model = Keeping(inputs, layers.Dense(1, kernel_initializer="zeros")(inputs))
    model.compile("sgd")
    assert isinstance(model.loss, losses.MeanAbsoluteError)
    assert model.fit(np.ones((4, 2)), np.full((4, 1), 3), verbose=0).history["loss"] == [3]
    model.compile("sgd", "mse")
    assert model.loss == "mse"
