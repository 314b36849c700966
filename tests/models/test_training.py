"""compile, fit, evaluate, predict: results, order, logs, interruption."""

import os
import signal
import threading
import warnings

import numpy as np
import pytest

from striate import Input, Model, Sequential, layers, losses, metrics, ops, optimizers, seeds
from striate.callbacks import Callback, EarlyStopping, LambdaCallback
from striate.errors import ArgumentError, DataError, TypeMismatchError
from striate.models.training.data import ArraySource, Batch, Examples, LimitedSource
from striate.models.training.shuffle import permutation

GENERATOR = np.random.default_rng(3)
X = GENERATOR.random((50, 4), np.float32)
LABELS = GENERATOR.integers(0, 3, 50)
NUMBERS = GENERATOR.random(50)


def classifier(**options):
    seeds.set_random_seed(5)
    model = Sequential([Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")])
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    return model


def regressor(*loss, **options):
    seeds.set_random_seed(5)
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile(optimizers.SGD(0.1), *(loss or ("mse",)), **options)
    return model


def fit(model, x=X, y=LABELS, **options):
    return model.fit(x, y, verbose=0, **options).history


# ---- one step by hand ------------------------------------------------------------------------------------------------

def test_one_step_is_the_formula():
    model = regressor()
    kernel, bias = model.get_weights()
    error = X @ kernel + bias - NUMBERS[:, None].astype(np.float32)
    history = fit(model, y=NUMBERS, batch_size=50)
    assert history["loss"][0] == pytest.approx((error ** 2).mean(), rel=1e-5)
    new_kernel, new_bias = model.get_weights()
    np.testing.assert_allclose(new_kernel, kernel - 0.1 * 2 * X.T @ error / 50, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(new_bias, bias - 0.1 * 2 * error.mean(axis=0), rtol=1e-4, atol=1e-6)


def test_last_batch_counts_by_its_samples():
    model = regressor()
    model.optimizer.learning_rate = 0.0
    error = model.predict(X, verbose=0)[:, 0] - NUMBERS
    assert fit(model, y=NUMBERS, batch_size=32)["loss"][0] == pytest.approx((error ** 2).mean(), rel=1e-5)
    assert model.evaluate(X, NUMBERS, batch_size=7, verbose=0) == pytest.approx((error ** 2).mean(), rel=1e-5)


def test_training_learns():
    model = classifier()
    centres = np.eye(3, 4, dtype=np.float32)[LABELS] * 3
    history = fit(model, x=X + centres, epochs=30)
    assert history["loss"][-1] < 0.5 * history["loss"][0] and history["accuracy"][-1] > 0.9


# ---- results and names -----------------------------------------------------------------------------------------------

def test_logs_results_and_names():
    model = classifier()
    history = fit(model, validation_data=[X[:10], LABELS[:10]], epochs=2)
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert history["acc"] == history["accuracy"] and len(history["loss"]) == 2
    result = model.evaluate(X, LABELS, verbose=0)
    assert model.metrics_names == ["loss", "accuracy"] and len(result) == 2
    assert model.evaluate(X, LABELS, verbose=0, return_dict=True) == {"accuracy": result[1], "loss": result[0]}
    predicted = model.predict(X, verbose=0, batch_size=16).argmax(axis=-1)
    assert result[1] == pytest.approx((predicted == LABELS).mean())


def test_metric_is_called_as_it_was_asked_for():
    model = classifier()
    model.compile("adam", losses.SparseCategoricalCrossentropy(), metrics=["acc", metrics.SparseCategoricalAccuracy()])
    assert list(fit(model)) == ["acc", "loss", "sparse_categorical_accuracy"]


def test_accuracy_is_chosen_by_shapes():
    targets = {"binary": (1, "sigmoid", (LABELS > 0).astype(int)), "categorical": (3, "softmax", np.eye(3)[LABELS])}
    for kind, (units, activation, y) in targets.items():
        model = Sequential([Input((4,)), layers.Dense(units, activation=activation)])
        model.compile("sgd", "crossentropy", metrics=["accuracy"])
        fit(model, y=y)
        assert type(model.metrics[0]).__name__.lower() == f"{kind}accuracy"


def test_metric_from_whole_predictions_and_one_of_the_users():
    class Largest(metrics.Metric):
        def __init__(self):
            super().__init__(name="largest")
            self.value = 0.0

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value = max(self.value, float(np.max(y_pred)))

        def result(self):
            return self.value

        def reset_state(self):
            self.value = 0.0

    def spread(y_true, y_pred):
        return ops.max(y_pred, axis=-1) - ops.min(y_pred, axis=-1)

    model = classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[Largest(), spread])
    found = model.evaluate(X, LABELS, verbose=0, return_dict=True, batch_size=16)
    predicted = model.predict(X, verbose=0, batch_size=16)
    assert found["largest"] == predicted.max()
    assert found["spread"] == pytest.approx(np.ptp(predicted, axis=-1).mean(), rel=1e-5)


def test_weights_of_samples_and_classes():
    model = classifier(weighted_metrics=["accuracy"])
    weights = np.array([1.0, 0.0, 2.0])
    by_sample = model.evaluate(X, LABELS, sample_weight=weights[LABELS], verbose=0, return_dict=True)
    assert list(by_sample) == ["accuracy", "loss", "weighted_accuracy"]
    right = model.predict(X, verbose=0).argmax(-1) == LABELS
    assert by_sample["weighted_accuracy"] == pytest.approx((right * weights[LABELS]).sum() / weights[LABELS].sum())
    one, other = classifier(), classifier()
    first = fit(one, class_weight={0: 1.0, 1: 0.0, 2: 2.0})
    second = fit(other, sample_weight=weights[LABELS])
    assert first["loss"] == second["loss"]
    with pytest.raises(ArgumentError, match="cannot be specified at the same time"):
        fit(one, class_weight={0: 1.0}, sample_weight=weights[LABELS])


def test_weights_of_classes_are_not_those_of_the_validation():
    weights = {0: 1.0, 1: 0.0, 2: 5.0}
    split, given = classifier(), classifier()
    first = fit(split, class_weight=weights, validation_split=0.2, shuffle=False)
    second = fit(given, X[:40], LABELS[:40], class_weight=weights, validation_data=(X[40:], LABELS[40:]), shuffle=False)
    assert first == second
    assert first["val_loss"][0] == pytest.approx(split.evaluate(X[40:], LABELS[40:], verbose=0)[0])
    with pytest.raises(ArgumentError, match="cannot be specified at the same time"):
        fit(split, class_weight=weights, sample_weight=np.ones(50), validation_split=0.2)


def two_outputs():
    inputs = Input((4,), name="data")
    return Model(inputs, {"kind": layers.Dense(3, activation="softmax")(inputs), "size": layers.Dense(1)(inputs)})


def test_several_outputs_by_name():
    model = two_outputs()
    model.compile("sgd", loss={"kind": "sparse_categorical_crossentropy", "size": "mse"},
                  loss_weights={"kind": 2.0, "size": 0.5}, metrics={"kind": ["accuracy"], "size": ["mae"]})
    history = fit(model, x={"data": X}, y={"size": NUMBERS, "kind": LABELS})
    assert list(history) == ["kind_accuracy", "kind_loss", "loss", "size_loss", "size_mae"]
    assert history["loss"][0] == pytest.approx(2 * history["kind_loss"][0] + 0.5 * history["size_loss"][0], rel=1e-6)
    predicted = model.predict(X, verbose=0)
    assert predicted["kind"].shape == (50, 3) and predicted["size"].shape == (50, 1)
    with pytest.raises(DataError, match="does not have: 'banana'"):
        fit(model, y={"kind": LABELS, "banana": LABELS})
    with pytest.raises(ArgumentError, match="`loss` names an output"):
        model.compile("sgd", loss={"banana": "mse"})
        fit(model, y={"kind": LABELS, "size": NUMBERS})


def test_penalties_are_part_of_the_loss():
    model = Sequential([Input((4,)), layers.Dense(1, kernel_regularizer="l2")])
    model.compile("sgd", "mse")
    kernel = model.layers[0].kernel.array
    bare = ((model.predict(X, verbose=0)[:, 0] - NUMBERS) ** 2).mean()
    assert model.evaluate(X, NUMBERS, verbose=0) == pytest.approx(bare + 0.01 * (kernel ** 2).sum(), rel=1e-5)


@pytest.mark.parametrize("outputs", [1, 2])
def test_loss_without_reduction(outputs):
    """As by Keras over TensorFlow: the mean is told, the sum is differentiated."""
    def trained(reduction, rate):
        inputs = Input((4,))
        dense = [layers.Dense(1, name=name, kernel_initializer="ones") for name in "ab"[:outputs]]
        model = Model(inputs, [layer(inputs) for layer in dense])
        model.compile(optimizers.SGD(rate), [losses.MeanSquaredError(reduction=reduction)] * outputs)
        history = fit(model, y=[NUMBERS] * outputs, shuffle=False, batch_size=10)
        return history, model.evaluate(X, [NUMBERS] * outputs, verbose=0, return_dict=True), model.get_weights()

    one, other = trained(None, 0.01), trained("sum_over_batch_size", 0.1)
    assert one[0] == {name: pytest.approx(values, rel=1e-4) for name, values in other[0].items()}
    assert one[1] == pytest.approx(other[1], rel=1e-4)
    for a, b in zip(one[2], other[2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_loss_of_the_users():
    class Doubled(Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight, training)

    plain, doubled = regressor(), Doubled([Input((4,)), layers.Dense(1)])
    doubled.set_weights(plain.get_weights())
    doubled.compile("sgd", lambda t, p: ops.mean(ops.square(t - p), axis=-1))
    assert doubled.evaluate(X, NUMBERS, verbose=0) == pytest.approx(2 * plain.evaluate(X, NUMBERS, verbose=0), rel=1e-6)


# ---- order and repetition --------------------------------------------------------------------------------------------

def test_same_seed_same_bits():
    one, other = classifier(), classifier()
    fit(one, epochs=2)
    fit(other, epochs=2)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    third = classifier()
    seeds.set_random_seed(6)
    fit(third, epochs=2)
    assert any((a != b).any() for a, b in zip(one.get_weights(), third.get_weights(), strict=True))


def test_epochs_in_one_call_or_several_are_the_same():
    one, other = classifier(), classifier()
    fit(one, epochs=3)
    for epoch in range(3):
        fit(other, epochs=epoch + 1, initial_epoch=epoch)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_permutation_is_fixed_and_differs_by_epoch():
    assert permutation(10, 1, 0).tolist() == [6, 5, 1, 8, 9, 0, 4, 2, 3, 7]
    orders = {tuple(permutation(10, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9 and all(sorted(order) == list(range(10)) for order in orders)


def test_shuffled_epochs_show_every_sample_once():
    source = ArraySource(Examples(np.arange(10), [np.arange(10)]), 4, shuffle=True)
    batches = list(source.batches(1, 0))
    assert [batch.size for batch in batches] == [4, 4, 2] and source.steps == 3
    assert sorted(np.concatenate([batch.selected.x for batch in batches])) == list(range(10))
    blocks = [batch.selected.x.tolist() for batch in ArraySource(source.examples, 5, shuffle="batch").batches(1, 0)]
    assert sorted(blocks) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_unshuffled_batches_are_views():
    x = np.arange(10.0)
    first = next(iter(ArraySource(Examples(x), 4).batches()))
    assert np.shares_memory(first.examples.x, x) and first.indices is None


def test_limited_source_goes_on_where_it_stopped():
    source = LimitedSource(ArraySource(Examples(np.arange(6)), 2), 2)
    seen = [[batch.examples.x[0] for batch in source.batches()] for _ in range(3)]
    assert seen == [[0, 2], [4, 0], [2, 4]]
    with pytest.raises(ArgumentError, match="at least 1"):
        LimitedSource(source, 0)


def test_validation_split_takes_the_last_samples():
    model = classifier()
    seen = fit(model, validation_split=0.2)
    other = classifier()
    expected = fit(other, x=X[:40], y=LABELS[:40], validation_data=(X[40:], LABELS[40:]))
    assert seen == expected
    with pytest.raises(ArgumentError, match="lie between 0 and 1"):
        fit(model, validation_split=1.5)
    with pytest.raises(ArgumentError, match="not sufficient to split"):
        fit(model, x=X[:1], y=LABELS[:1], validation_split=0.5)


# ---- generators and data sets ----------------------------------------------------------------------------------------

def batches(size=10):
    for start in range(0, 50, size):
        yield X[start:start + size], LABELS[start:start + size]


class Batches:
    def __init__(self):
        self.ended = 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return X[index * 10:index * 10 + 10], LABELS[index * 10:index * 10 + 10]

    def on_epoch_end(self):
        self.ended += 1


def test_generators_sequences_and_arrays_train_alike():
    expected = fit(classifier(), batch_size=10, shuffle=False)
    data = Batches()
    assert classifier().fit(batches(), verbose=0).history == expected
    assert classifier().fit(data, verbose=0, shuffle=False).history == expected
    assert data.ended == 2  # and once before the first epoch, as in Keras
    model = classifier()
    np.testing.assert_array_equal(model.predict(batches(), verbose=0), model.predict(X, verbose=0, batch_size=10))
    assert model.evaluate(Batches(), verbose=0) == model.evaluate(X, LABELS, batch_size=10, verbose=0)


def test_generator_that_ends_early_is_warned_of():
    with pytest.warns(UserWarning, match="ran out of data after 5 of 9 steps"):
        classifier().fit(batches(), steps_per_epoch=9, verbose=0)
    used = batches()
    list(used)
    with pytest.raises(DataError, match="gave no batch"):
        classifier().fit(used, verbose=0)
    with pytest.raises(ArgumentError, match="must be left out when `x` gives batches"):
        classifier().fit(batches(), LABELS, verbose=0)


def test_data_of_many_kinds():
    expected = classifier().predict(X, verbose=0)
    for kind in (X.tolist(), X.astype(np.float64), np.asfortranarray(X), X.astype(">f4"), X[::-1][::-1]):
        np.testing.assert_array_equal(classifier().predict(kind, verbose=0), expected)
    images = GENERATOR.integers(0, 255, (6, 4), np.uint8)
    np.testing.assert_array_equal(classifier().predict(images, verbose=0),
                                  classifier().predict(images.astype(np.float32), verbose=0))


# ---- single batches --------------------------------------------------------------------------------------------------

def test_single_batches():
    one, other = classifier(), classifier()
    expected = fit(one, batch_size=25, shuffle=False)
    first = other.train_on_batch(X[:25], LABELS[:25])
    both = other.train_on_batch(X[25:], LABELS[25:], return_dict=True, reset_metrics=False)
    assert both == {name: values[0] for name, values in expected.items()} and first[0] != both["loss"]
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.test_on_batch(X, LABELS) == other.evaluate(X, LABELS, batch_size=50, verbose=0)
    np.testing.assert_array_equal(other.predict_on_batch(X), other.predict(X, batch_size=50, verbose=0))


def test_frozen_layers_stay():
    model = classifier()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    fit(model)
    after = model.get_weights()
    assert all((a == b).all() for a, b in zip(before[:2], after[:2], strict=True)) and (before[2] != after[2]).any()


def test_two_models_may_share_weights():
    shared = layers.Dense(4, name="shared")
    inputs = Input((4,))
    hidden = shared(inputs)
    one, other = Model(inputs, layers.Dense(1)(hidden)), Model(inputs, layers.Dense(1)(hidden))
    for model in (one, other):
        model.compile("sgd", "mse")
    for _ in range(2):
        for model in (one, other):
            before = shared.kernel.numpy()
            model.train_on_batch(X, NUMBERS)
            assert (before != shared.kernel.array).any()
            assert shared.kernel.array is model.get_layer("shared").kernel.array


def test_generator_learns_through_a_frozen_discriminator():
    generator = Sequential([Input((4,)), layers.Dense(6, activation="relu"), layers.Dense(4)])
    discriminator = Sequential([Input((4,)), layers.Dense(1, activation="sigmoid")])
    discriminator.compile("sgd", "binary_crossentropy")
    discriminator.trainable = False
    noise = Input((4,))
    both = Model(noise, discriminator(generator(noise)))
    both.compile("adam", "binary_crossentropy")
    for _ in range(2):
        before = discriminator.get_weights()
        with warnings.catch_warnings(action="ignore"):
            discriminator.train_on_batch(X, np.ones(50))
        judged = discriminator.get_weights()
        assert (before[0] != judged[0]).any()
        before = generator.get_weights()
        both.train_on_batch(X, np.ones(50))
        assert (before[2] != generator.get_weights()[2]).any()
        assert (judged[0] == discriminator.get_weights()[0]).all()


def test_overflow_is_warned_of_once_an_epoch():
    model = regressor(lambda y_true, y_pred: (y_true - y_pred) * np.float32(1e30) * np.float32(1e30))
    with pytest.warns(UserWarning, match="no finite number any more, since batch 0") as caught:
        fit(model, y=NUMBERS, batch_size=10)
    assert len(caught) == 1


# ---- callbacks, interruption, failures -------------------------------------------------------------------------------

def test_order_of_moments():
    seen = []
    names = [f"on_{span}_{when}" for span in ("train", "epoch", "train_batch", "test") for when in ("begin", "end")]
    spy = LambdaCallback(**{name: lambda *args, name=name, **kw: seen.append(name) for name in names})
    fit(classifier(), batch_size=25, callbacks=[spy], validation_data=(X[:5], LABELS[:5]))
    batch = ["on_train_batch_begin", "on_train_batch_end"]
    assert seen == ["on_train_begin", "on_epoch_begin", *batch, *batch, "on_test_begin", "on_test_end", "on_epoch_end",
                    "on_train_end"]


def test_stop_training_ends_after_the_step():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    history = classifier().fit(X, LABELS, batch_size=10, epochs=5, callbacks=[Stop()], verbose=0)
    assert len(history.history["loss"]) == 1 and not history.interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_finishes_the_step_and_restores_the_best_weights(number, capsys):
    model, best = classifier(), {}

    def on_epoch_end(epoch, logs):
        best.setdefault("weights", model.get_weights())

    def on_batch_end(batch, logs=None):
        if "weights" in best and batch == 2:
            os.kill(os.getpid(), number)
    spy = LambdaCallback(on_epoch_end=on_epoch_end, on_train_batch_end=on_batch_end)
    before = signal.getsignal(number)
    keep = EarlyStopping(monitor="loss", mode="max", restore_best_weights=True, patience=9)
    history = model.fit(X, LABELS, batch_size=10, epochs=50, callbacks=[keep, spy], verbose=0)
    assert history.interrupted and len(history.history["loss"]) == 1
    assert signal.getsignal(number) is before
    for a, b in zip(best["weights"], model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "stopping after this step" in capsys.readouterr().err


def test_second_ctrl_c_stops_at_once():
    def twice(batch, logs=None):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        classifier().fit(X, LABELS, verbose=0, callbacks=[LambdaCallback(on_train_batch_begin=twice)])
    assert signal.getsignal(signal.SIGINT) is before


def test_fit_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(fit(classifier())))
    thread.start()
    thread.join()
    assert results[0] == fit(classifier())


@pytest.mark.parametrize("moment", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end",
                                    "on_test_begin", "on_test_end", "on_epoch_end"])
def test_failing_callback_leaves_a_model_that_trains_on(moment):
    def fail(*args, **kwargs):
        raise RuntimeError("on purpose")
    ended = []
    model = classifier()
    calls = [LambdaCallback(on_train_end=lambda logs: ended.append(1)), LambdaCallback(**{moment: fail})]
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(model, callbacks=calls, batch_size=25, validation_data=(X[:5], LABELS[:5]))
    assert ended == [1]
    steps = int(model.optimizer.iterations)
    fit(model, batch_size=25)
    assert int(model.optimizer.iterations) == steps + 2


# ---- compile ---------------------------------------------------------------------------------------------------------

def test_compile_is_needed_and_checked():
    model = Sequential([Input((4,)), layers.Dense(1)])
    for method in ("fit", "evaluate", "train_on_batch", "test_on_batch"):
        with pytest.raises(ArgumentError, match=rf"You must call `compile\(\)` before calling `{method}\(\)`"):
            getattr(model, method)(X, NUMBERS)
    assert model.predict(X, verbose=0).shape == (50, 1)
    with pytest.raises(ArgumentError, match="Write metrics="):
        model.compile(loss="mse", metrics="mae")
    with pytest.raises(TypeMismatchError, match="loss_weights"):
        model.compile(loss="mse", loss_weights="high")
    with pytest.raises(ArgumentError, match="nothing to minimise"):
        model.compile("sgd")
        fit(model, y=NUMBERS)


def test_compile_round_trip():
    model = classifier()
    config = model.get_compile_config()
    copy = Sequential.from_config(model.get_config())
    copy.compile_from_config(config)
    assert type(copy.optimizer) is type(model.optimizer) and copy.loss == model.loss
    copy.set_weights(model.get_weights())
    assert fit(copy) == fit(model)


def test_optimizer_of_a_batch_is_not_traced_anew():
    model = classifier()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(model, batch_size=25, epochs=2)
    assert len(model._programs.train._made) == 1
    assert Batch(Examples(X)).size == 50
