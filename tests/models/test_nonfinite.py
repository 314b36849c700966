"""A loss that is no number: the layer where it began is named, and nothing bad is kept."""

import numpy as np
import pytest

from striate import Input, Sequential, callbacks, config, layers, ops, optimizers, seeds
from striate.errors import NonFiniteError

GENERATOR = np.random.default_rng(2)
X = GENERATOR.random((300, 6, 6, 1), np.float32) + np.float32(0.1)
Y = GENERATOR.integers(0, 3, 300)


class Logarithm(layers.Layer):
    def call(self, inputs):
        return ops.log(inputs)


def network(*first, optimizer=None, **options):
    seeds.set_random_seed(1)
    model = Sequential([Input((6, 6, 1)), *first, layers.Flatten(), layers.Dropout(0.1),
                        layers.Dense(3, activation="softmax", name="last")])
    model.compile(optimizer or optimizers.Adam(0.001), "sparse_categorical_crossentropy", **options)
    return model


def origin(model, x=X, y=Y, **options):
    with pytest.warns(UserWarning, match="no finite number"):
        model.fit(x, y, batch_size=5, verbose=0, **{"shuffle": False, **options})
    return model._training.origin


@pytest.mark.parametrize("place", [0, 31, 32, 57])
def test_sample_and_layer_of_a_bad_logarithm(place):
    x = X.copy()
    x[5 * place + 3, 2, 2] = -1.0
    found = origin(network(Logarithm(name="logarithm")), x)
    assert (found.where, found.layer, found.op) == ("forward", "logarithm", "log")
    assert found.batch == place and found.sample == 5 * place + 3 and np.isnan(found.value)


def test_shuffled_samples_keep_their_numbers():
    x = X.copy()
    x[123, 0, 0] = -1.0
    found = origin(network(Logarithm()), x, shuffle=True, epochs=2)
    assert found.sample == 123 and found.epoch == 0


def test_generator():
    batches = [(X[5 * i:5 * i + 5].copy(), Y[5 * i:5 * i + 5]) for i in range(40)]
    batches[37][0][2] = 0.0
    with pytest.warns(UserWarning, match="layer 'logarithm', forward: log gave -inf"):
        model = network(Logarithm(name="logarithm"))
        model.fit(iter(batches), verbose=0)
    assert model._training.origin.batch == 37 and model._training.origin.sample == 2


@pytest.mark.parametrize(("rate", "layer", "op"), [(1e30, "last", "dense"), (3e38, "first", "conv2d")])
def test_learning_rate_too_large_shows_in_the_next_step(rate, layer, op):
    """The first update gives weights that are huge, and still numbers."""
    found = origin(network(layers.Conv2D(2, 3, name="first"), optimizer=optimizers.SGD(rate)))
    assert (found.where, found.layer, found.op, found.batch) == ("forward", layer, op, 1)


def test_weight_that_was_assigned():
    model = network(layers.Conv2D(2, 3, name="first"))
    kernel = model.layers[0].kernel.numpy()
    kernel[0, 0] = np.nan
    model.layers[0].kernel.assign(kernel)
    found = origin(model)
    assert (found.where, found.op, found.batch) == ("before the step", "an assignment", 0) and "first" in found.layer


class Root(layers.Layer):
    """The root of scaled inputs: its slope at 0 is infinite, so the scale's gradient is 0 times infinity."""

    def build(self, input_shape):
        self.scale = self.add_weight((), initializer="ones", name="scale")

    def call(self, inputs):
        return ops.sqrt(inputs * self.scale)


def test_gradient_that_spoils_the_weights_a_step_before_the_loss():
    x = X.copy()
    x[52, 1, 1] = 0.0
    found = origin(network(Root(name="root")), x)
    assert (found.where, found.layer, found.batch) == ("gradient", "root", 10)


def test_model_is_unchanged_by_the_search():
    x = X.copy()
    x[40] = -1.0
    one = network(layers.Dense(2, name="before"), Logarithm())
    with pytest.warns(UserWarning):
        one.fit(x, Y, batch_size=5, verbose=0)
    two = network(layers.Dense(2, name="before"), Logarithm())
    for first in range(0, 300, 5):
        two.train_on_batch(x[first:first + 5], Y[first:first + 5])
    assert int(one.optimizer.variables[0]) == 60


def test_no_best_model_with_nan(tmp_path):
    x = X.copy()
    x[40] = -1.0
    keeper = callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="loss", save_best_only=True)
    stopper = callbacks.EarlyStopping(monitor="loss", restore_best_weights=False)
    with pytest.warns(UserWarning):
        network(Logarithm()).fit(x, Y, verbose=0, callbacks=[keeper, stopper], epochs=2)
    assert not (tmp_path / "best.keras").exists() and stopper.best is None


def test_termination_tells_the_origin():
    x = X.copy()
    x[40] = -1.0
    with pytest.warns(UserWarning), pytest.raises(NonFiniteError, match="layer 'logarithm', forward"):
        network(Logarithm(name="logarithm")).fit(x, Y, verbose=0, callbacks=[callbacks.TerminateOnNaN(True)])


def test_strict_mode_names_the_layer_at_once():
    x = X.copy()
    x[40] = -1.0
    config.set_value("strict", "on")
    try:
        with pytest.raises(NonFiniteError, match="logarithm"):
            network(Logarithm(name="logarithm")).fit(x, Y, verbose=0, batch_size=10, shuffle=False)
        network().fit(X, Y, verbose=0)
    finally:
        config.set_value("strict", None)
