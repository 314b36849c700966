"""Classes whose `train_step` does everything need no `call`, and may take data as they come."""

import numpy as np
import pytest

import striate
from striate import engine, layers, metrics, ops
from striate.runner.tf.tape import GradientTape
from striate.utils.pipeline import Dataset

X = np.random.RandomState(0).rand(8, 4).astype("float32")


class Pair(striate.Model):
    """Brings two inputs of one network nearer to each other than to a third."""

    def __init__(self, network):
        super().__init__()
        self.network, self.tracker = network, metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.tracker]

    def distance(self, data):
        anchor, near, far = (self.network(x) for x in data)
        near, far = (ops.sum(ops.square(anchor - other), axis=-1) for other in (near, far))
        return ops.mean(ops.maximum(near - far + 1.0, 0.0))

    def train_step(self, data):
        loss = self.distance(data)
        weights = self.trainable_variables
        self.optimizer.apply(engine.gradients(loss, weights), weights)
        self.tracker.update_state(loss)
        return {"loss": self.tracker.result()}

    def test_step(self, data):
        self.tracker.update_state(self.distance(data))
        return {"loss": self.tracker.result()}


class Called(Pair):
    """The same with a `call` that takes all three inputs, which `fit` cannot know."""

    def call(self, inputs):
        anchor, near, far = inputs
        return self.network(anchor) + self.network(near) + self.network(far)


@pytest.mark.parametrize("kind", [Pair, Called])
def test_three_inputs_as_a_tuple(kind):
    model = kind(striate.Sequential([striate.Input((4,)), layers.Dense(3)]))
    model.compile(striate.optimizers.SGD(0.1))
    data = Dataset.from_tensor_slices((X, X + 0.1, X[::-1].copy())).batch(4)
    history = model.fit(data, epochs=3, validation_data=data, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and set(history) == {"loss", "val_loss"}


def test_without_a_step_of_its_own_a_class_needs_a_call():
    class Nothing(striate.Model):
        pass
    model = Nothing()
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="does not have a `call"):
        model.fit(X, X, verbose=0)


def test_weights_that_the_loss_does_not_reach_are_named():
    inputs = striate.Input((4,))
    outputs = [layers.Dense(2, name="used")(inputs), layers.Dense(1, name="forgotten")(inputs)]
    model = striate.Model(inputs, outputs)
    model.compile("sgd", ["mse", None])
    with pytest.warns(UserWarning, match="Gradients do not exist for variables .*forgotten/kernel.*forgotten/bias"):
        model.train_on_batch(X, [X[:, :2], X[:, :1]])


def test_what_a_model_is_made_of():
    inputs = striate.Input((4,), name="numbers")
    model = striate.Model(inputs, layers.Dense(2, name="dense")(inputs) * 2.0)
    names = [operation.name for operation in model.operations]
    assert names[:2] == ["numbers", "dense"] and len(names) == 3 and "ragged=False" in repr(inputs)
    model.compile("sgd", "mse", metrics=["mae"])
    model.train_on_batch(X, X[:, :2])
    assert [variable.name for variable in model.metrics_variables] == ["total", "count"]


@pytest.mark.parametrize("pair", [False, True])
def test_weights_that_the_first_step_makes_are_trained_like_others(pair):
    """Optimizers keep their memory from step to step, and the step is traced once (once more when it has weights)."""
    class Late(striate.Model):
        def __init__(self):
            super().__init__()
            self.parts = [layers.Dense(3, kernel_initializer=striate.initializers.RandomUniform(seed=seed))
                          for seed in (3, 4)]
            self.traced = 0

        def train_step(self, data):
            x, y = data
            self.traced += 1
            for optimizer, part in ((self.adam, self.parts[0]), (self.sgd, self.parts[1])) if pair else (
                    (self.optimizer, self),):
                with GradientTape() as tape:
                    loss = ops.mean((y - self.parts[1](self.parts[0](x))) ** 2)
                weights = part.trainable_weights
                optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return {"loss": loss}

    def trained(made_before):
        model = Late()
        if made_before:
            model.parts[1](model.parts[0](x))
        model.adam, model.sgd = striate.optimizers.Adam(), striate.optimizers.SGD(0.01, momentum=0.9)
        model.compile(optimizer="adam")
        losses = model.fit(x, y, epochs=3, batch_size=8, verbose=0, shuffle=False).history["loss"]
        return [*losses, *(weight.tolist() for weight in model.get_weights())], model.traced

    x = np.random.default_rng(0).random((40, 4), np.float32)
    y = x[:, :3]
    (before, _), (late, traced) = trained(True), trained(False)
    assert late == before and traced <= 3, traced
