"""The order and form of what training says about itself: logs, lists, and how often a `PyDataset` is told of epochs.

Expected values were read from Keras 3.15 over PyTorch and JAX, which agree.
"""

import numpy as np
import pytest

from striate import Input, Model, Sequential, callbacks, layers, metrics, ops, seeds, utils

X = np.random.default_rng(3).random((10, 4), np.float32)
LABELS = np.arange(10) % 3
TWO = [np.ones((10, 3), np.float32), np.ones((10, 2), np.float32)]


def classifier(**options):
    seeds.set_random_seed(1)
    model = Sequential([Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **options})
    return model


def heads(as_dict=False, **options):
    inputs = Input((4,))
    outputs = [layers.Dense(3, name="b", kernel_initializer="ones")(inputs),
               layers.Dense(2, name="a", kernel_initializer="zeros")(inputs)]
    model = Model(inputs, dict(zip("ba", outputs, strict=True)) if as_dict else outputs)
    model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
    return model


class Meter(layers.Layer):
    """Hands its input on and has a metric of a fixed value."""

    def __init__(self, name, value):
        super().__init__()
        self.meter, self.value = metrics.Mean(name=name), value

    def call(self, inputs):
        self.meter.update_state(self.value)
        return inputs


def test_metrics_results_come_in_the_order_of_the_metrics():
    model = classifier(weighted_metrics=["accuracy"], metrics=["sparse_categorical_crossentropy"])
    named = model.evaluate(X, LABELS, verbose=0, return_dict=True)
    assert list(named) == ["accuracy", "loss", "sparse_categorical_crossentropy"]
    assert list(model.get_metrics_result()) == ["loss", "sparse_categorical_crossentropy", "accuracy"]


def test_several_outputs_list_their_losses_last():
    model = heads(loss={"b": "mse", "a": "mae"}, metrics={"a": ["mse", "mae"], "b": "mse"},
                  weighted_metrics={"b": ["mae"]})
    named = model.evaluate(X, TWO, verbose=0, return_dict=True)
    assert list(model.get_metrics_result()) == ["loss", "b_mse", "a_mse", "a_mae", "b_mae", "b_loss", "a_loss"]
    order = ["loss", "b_loss", "a_loss", "a_mae", "a_mse", "b_mae", "b_mse"]
    assert model.evaluate(X, TWO, verbose=0) == [named[name] for name in order]
    assert model.metrics_names == order


def test_losses_of_a_dict_of_outputs_come_in_the_order_of_the_losses():
    model = heads(as_dict=True, loss={"b": "mse", "a": "mae"}, metrics={"b": ["mae"], "a": ["mse"]})
    targets = {"b": TWO[0], "a": TWO[1]}
    named = model.evaluate(X, targets, verbose=0, return_dict=True)
    assert list(model.get_metrics_result()) == ["loss", "a_mse", "b_mae", "b_loss", "a_loss"]
    assert model.evaluate(X, targets, verbose=0) == [named[name] for name in
                                                     ("loss", "b_loss", "a_loss", "a_mse", "b_mae")]
    assert named["b_loss"] != named["a_loss"] == 1.0


def test_metrics_of_layers_keep_their_order():
    model = Sequential([Input((4,)), Meter("zz", 2.0), Meter("aa", 3.0), layers.Dense(3, kernel_initializer="zeros")])
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.evaluate(X, TWO[0], verbose=0) == [1.0, 1.0, 2.0, 3.0]
    assert list(model.get_metrics_result()) == ["loss", "mae", "zz", "aa"]


class OwnMetrics(Sequential):
    """Its class says what its metrics are; its loss is 2."""

    def __init__(self, *args):
        super().__init__(*args)
        self.means = [metrics.Mean(name=name) for name in ("loss", "zz", "aa")]

    @property
    def metrics(self):
        return self.means

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = ops.mean(y_pred) * 0.0 + 2.0
        for number, mean in enumerate(self.means):
            mean.update_state(loss * (number + 1.0))
        return loss


def test_metrics_that_a_class_names_keep_their_order():
    model = OwnMetrics([Input((4,)), layers.Dense(3)])
    model.compile("sgd")
    assert model.evaluate(X, LABELS, verbose=0) == [2.0, 4.0, 6.0]
    assert list(model.get_metrics_result()) == ["loss", "zz", "aa"]


def test_what_callbacks_add_to_an_epochs_logs_is_for_the_history():
    last = []
    history = classifier().fit(X, LABELS, verbose=0, callbacks=[
        callbacks.LearningRateScheduler(lambda epoch: 0.5), callbacks.LambdaCallback(on_train_end=last.append)]).history
    assert sorted(history) == ["accuracy", "learning_rate", "loss"] and sorted(last[0]) == ["accuracy", "loss"]


def test_dicts_among_the_logs_are_laid_open():
    class Nested(Sequential):
        def test_step(self, data):
            return {"b": ops.mean(data[0]) * 0.0 + 1.0, "a": {"d": 2.0, "c": 3.0}}
    model = Nested([Input((4,)), layers.Dense(3)])
    model.compile("sgd", "mse")
    assert model.evaluate(X, TWO[0], verbose=0, return_dict=True) == {"c": 3.0, "d": 2.0, "b": 1.0}


def test_predictions_of_a_dict_of_outputs_reach_callbacks_by_name():
    seen = []
    watcher = callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: seen.append(sorted(logs)))
    heads(as_dict=True).predict(X, verbose=0, callbacks=[watcher])
    heads().predict(X, verbose=0, callbacks=[watcher])
    assert seen == [["a", "b"], ["outputs"]]


def test_callbacks_stop_evaluation_and_prediction():
    class Stop(callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            seen.append(batch)
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch, logs=None):
            seen.append(batch)
            self.model.stop_predicting = batch == 1
    model, seen = classifier(), []
    model.evaluate(X, LABELS, batch_size=2, verbose=0, callbacks=[Stop()])
    assert model.predict(X, batch_size=2, verbose=0, callbacks=[Stop()]).shape == (4, 3)
    assert seen == [0, 1, 0, 1]
    assert model.predict(X, batch_size=2, verbose=0).shape == (10, 3)


def test_an_unknown_argument_of_evaluate_is_a_value_error():
    with pytest.raises(ValueError, match="no such argument.*unknown=1"):
        classifier().evaluate(X, LABELS, unknown=1)


class Told(utils.PyDataset):
    """Remembers what it is told: B for the begin of an epoch, E for its end."""

    def __init__(self):
        super().__init__()
        self.told = ""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return X[:5], LABELS[:5]

    def on_epoch_begin(self):
        self.told += "B"

    def on_epoch_end(self):
        self.told += "E"


@pytest.mark.parametrize(("options", "expected"), [
    ({"epochs": 3}, "BEBEBEBE"), ({"epochs": 3, "initial_epoch": 1}, "BEBEBE"),
    ({"epochs": 3, "steps_per_epoch": 1}, "BEBEBEBE")])
def test_a_dataset_is_told_of_the_epochs_of_a_training(options, expected):
    data = Told()
    classifier().fit(data, verbose=0, **options)
    assert data.told == expected


@pytest.mark.parametrize(("every", "expected"), [(1, "EBEEBE"), (2, "EBE")])
def test_a_dataset_is_told_of_validations(every, expected):
    data = Told()
    classifier().fit(X, LABELS, epochs=2, validation_data=data, validation_freq=every, verbose=0)
    assert data.told == expected


def test_a_dataset_is_told_of_evaluation_and_prediction():
    data, model = Told(), classifier()
    model.predict(data, verbose=0)
    assert data.told == "BE"
    model.evaluate(data, verbose=0, steps=1)
    assert data.told == "BE" + "BEBE"
    model.fit(data, verbose=0)
    assert data.told == "BE" + "BEBE" + "EBE"
