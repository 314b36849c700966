"""What the recorded numbers of Keras do not show: batches, values inside programs, users' own, mistakes."""

import numpy as np
import pytest

from striate import losses, metrics, ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, DataError, ShapeError

RANDOM = np.random.RandomState(4)
SHARES = RANDOM.dirichlet(np.ones(3), 12).astype("float32")
ONE_HOT = np.eye(3, dtype="float32")[RANDOM.randint(0, 3, 12)]
NUMBERS = ONE_HOT.argmax(-1)
BATCHED = [metrics.CategoricalAccuracy(), metrics.AUC(), metrics.Precision(), metrics.F1Score(), metrics.R2Score(),
           metrics.MeanSquaredError(), metrics.OneHotMeanIoU(3), metrics.RootMeanSquaredError(),
           metrics.SensitivityAtSpecificity(0.5), metrics.TruePositives(thresholds=[0.1, 0.5])]


@pytest.mark.parametrize("metric", BATCHED, ids=lambda metric: metric.name)
def test_result_does_not_depend_on_the_batches(metric):
    metric.reset_state()
    metric.update_state(ONE_HOT, SHARES)
    whole = np.array(metric.result())
    metric.reset_state()
    for part in (slice(0, 5), slice(5, 6), slice(6, 12)):
        metric.update_state(ONE_HOT[part], SHARES[part])
    np.testing.assert_allclose(metric.result(), whole, rtol=1e-6)


@pytest.mark.parametrize("metric", BATCHED, ids=lambda metric: metric.name)
def test_sums_carry_a_metric_over(metric):
    metric.reset_state()
    metric.update_state(ONE_HOT[:6], SHARES[:6])
    kept = {name: value.copy() for name, value in metric.sums.items()}
    metric.update_state(ONE_HOT[6:], SHARES[6:])
    expected = np.array(metric.result())
    other = type(metric).from_config(metric.get_config())
    other.set_sums(kept)
    other.update_state(ONE_HOT[6:], SHARES[6:])
    assert (np.array(other.result()) == expected).all()


@pytest.mark.parametrize("metric", [metrics.CategoricalAccuracy(), metrics.TopKCategoricalAccuracy(2),
                                    metrics.CategoricalCrossentropy(), metrics.RootMeanSquaredError()],
                         ids=lambda metric: metric.name)
def test_values_of_a_program_give_the_same_result(metric):
    values = Function(lambda y, p: metric.values(y, p), "values")(ONE_HOT, SHARES)
    metric.reset_state()
    metric.update_values(values)
    expected = type(metric).from_config(metric.get_config())(ONE_HOT, SHARES)
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-5)


def test_metric_of_the_user():
    class Count(metrics.Metric):
        def __init__(self, name="count", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight(name="total", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(float(len(y_true)))

        def result(self):
            return self.total

    count = Count()
    count.update_state(ONE_HOT, SHARES)
    assert float(count(ONE_HOT, SHARES)) == 24.0
    count.reset_state()
    assert float(count.result()) == 0.0 and count.variables[0].name == "total"


def test_metric_names():
    assert metrics.get("cosine_similarity").name == "cosine_similarity"
    assert isinstance(metrics.get("AUC"), metrics.AUC)
    assert float(metrics.get("cosine_similarity")(ONE_HOT, ONE_HOT)) == pytest.approx(1.0)
    with pytest.raises(ArgumentError, match="no metric of this name"):
        metrics.get("accuracyy")


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "log_cosh", "categorical_crossentropy", "kl_divergence",
                                  "categorical_hinge", "poisson", "cosine_similarity", "binary_crossentropy",
                                  "categorical_focal_crossentropy", "dice"])
def test_losses_are_differentiable_in_programs(loss):
    function = losses.get(loss)

    def program(y, p):
        return gradients(ops.mean(function(y, p)), [p])[0]
    slope = Function(program, loss)(ONE_HOT, SHARES)
    direction = np.random.RandomState(1).randn(*SHARES.shape).astype("float32")
    step = np.float32(1e-3) * direction
    above, below = (float(np.mean(function(ONE_HOT, SHARES + sign * step))) for sign in (1, -1))
    assert (slope * direction).sum() == pytest.approx((above - below) / 2e-3, rel=2e-2, abs=2e-4)


@pytest.mark.parametrize(("labels", "message"), [
    ([0, 3], "whole numbers from 0 to 2.*label=3.*index="), ([0, -1], "label=-1"), ([0.5, 1.0], "label=0.5"),
])
def test_labels_outside_the_classes_are_refused(labels, message):
    with pytest.raises(DataError, match=message):
        losses.sparse_categorical_crossentropy(np.array(labels), SHARES[:2])


def test_one_unit_with_categorical_loss_warns():
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy(np.ones((2, 1)), np.ones((2, 1)))


def test_sparse_and_one_hot_agree():
    one = losses.CategoricalCrossentropy()(ONE_HOT, SHARES)
    other = losses.SparseCategoricalCrossentropy()(NUMBERS[:, None], SHARES)
    assert float(one) == pytest.approx(float(other), rel=1e-6)


def test_unknown_reduction_is_refused():
    with pytest.raises(ArgumentError, match="reduction='average'"):
        losses.MeanSquaredError(reduction="average")


@pytest.mark.parametrize(("thresholds", "area"), [(None, 0.5), ([0.25, 0.5, 0.75], 0.5), ([0.2, 0.5], 0.0)])
def test_predictions_beyond_one_count_as_one_between_even_thresholds(thresholds, area):
    """As in Keras, which finds the place of a prediction among even thresholds by arithmetic."""
    found = metrics.AUC(thresholds=thresholds)
    found.update_state([0, 1, 1, 0], [2.0, 3, 1.5, 2])
    assert float(found.result()) == pytest.approx(area)


@pytest.mark.parametrize("weights", [np.ones((4, 2)), np.ones((4, 1, 1)), np.ones(3)])
def test_weights_that_do_not_belong_to_the_values_are_refused(weights):
    with pytest.raises(ShapeError, match=r"`sample_weight` must have a number for each sample.*values=\(4,\)"):
        losses.MeanSquaredError()(np.ones((4, 3)), np.ones((4, 3)), weights)
