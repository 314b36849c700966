"""What a metric gathered is there as variables, under Keras' names."""

import numpy as np

from striate import losses, metrics


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


def test_circle_is_the_mean_over_samples_that_have_friends():
    embeddings = np.float32([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6]])
    labels = np.array([0, 1, 2, 2])
    values = losses.Circle(reduction="none")(labels, embeddings)
    expected = np.sum(values) / np.count_nonzero(values)
    np.testing.assert_allclose(losses.Circle()(labels, embeddings), expected, rtol=1e-5)
