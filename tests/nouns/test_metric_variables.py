"""What a metric gathered is there as variables, under Keras' names."""

import numpy as np
import pytest

from striate import losses, metrics
from striate.errors import ArgumentError


def test_sums_are_variables():
    mean = metrics.Mean()
    mean.update_state([1.0, 3.0])
    assert [v.name for v in mean.variables] == ["total", "count"]
    assert float(mean.total) == 4.0 and float(mean.count) == 2.0
    mean.total.assign(10.0)
    assert mean.result() == 5.0
    mean.reset_state()
    assert float(mean.total) == 0.0


def test_counts_of_an_area_under_a_curve():
    area = metrics.AUC(num_thresholds=5)
    area.update_state([0, 1], [0.2, 0.7])
    assert [v.shape for v in area.variables] == [(5,)] * 4
    assert np.asarray(area.true_positives).tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert not hasattr(area, "nothing_of_the_kind")
    assert area.thresholds == [-1e-7, 0.25, 0.5, 0.75, 1 + 1e-7]
    assert metrics.PrecisionAtRecall(0.5, num_thresholds=3).thresholds == [0.0, 0.5, 1.0]


def test_circle_is_the_mean_over_samples_that_have_friends():
    embeddings = np.float32([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6]])
    labels = np.array([0, 1, 2, 2])
    values = losses.Circle(reduction="none")(labels, embeddings)
    expected = np.sum(values) / np.count_nonzero(values)
    np.testing.assert_allclose(losses.Circle()(labels, embeddings), expected, rtol=1e-5)


def test_variables_are_those_of_keras():
    names = {kind: [v.name for v in kind().variables] for kind in (metrics.Precision, metrics.Recall)}
    assert names == {metrics.Precision: ["true_positives", "false_positives"],
                     metrics.Recall: ["true_positives", "false_negatives"]}
    assert len(metrics.TrueNegatives().variables) == 1
    assert metrics.MeanMetricWrapper(losses.mean_squared_error).name == "mean_metric_wrapper"


@pytest.mark.parametrize("kind", [metrics.BinaryAccuracy, metrics.Precision, metrics.AUC])
def test_without_state(kind):
    metric, batch = kind(), ([0.0, 1.0, 1.0], [0.7, 0.8, 0.1])
    state = metric.stateless_update_state(metric.stateless_reset_state(), *batch)
    assert metric.result() == 0.0, "the metric keeps its own"
    found = metric.stateless_result(state)
    metric.update_state(*batch)
    assert found == metric.result() > 0
    with pytest.raises(ArgumentError, match="one array for each"):
        metric.stateless_result(state[1:])
