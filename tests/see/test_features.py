"""Embeddings: PCA by the definition, features as the last layer gets them."""

import numpy as np
import pytest
from see_networks import sample

from striate import errors, see


@pytest.mark.parametrize("name", ["plain", "residual", "line"])
def test_principal_components(made, name):
    model = made[name]
    x = sample(model, 30)
    found = see.embedding(model, x, np.arange(30) % 3, "abc")
    last = model.layers[-1]
    features = see.number(model, x[4], last, 0).inputs
    assert found.features == features.size and found.layer == f"what enters {last.name}"
    # Variances along the axes are the largest eigenvalues of the covariance matrix, and the axes do not correlate.
    whole = np.array([see.number(model, one, last, 0).inputs for one in x], np.float64)
    largest = np.linalg.eigvalsh(np.cov(whole.T))[::-1]
    assert found.points.var(axis=0, ddof=1) == pytest.approx(largest[:2], rel=1e-6)
    assert found.shares == pytest.approx(largest[:2] / largest.sum(), rel=1e-6)
    assert np.corrcoef(found.points.T)[0, 1] == pytest.approx(0, abs=1e-9)
    assert "<svg" in found.figure().svg() and "nearest neighbour" in str(found)


def test_neighbours_are_counted(made):
    model = made["plain"]
    x = sample(model, 8)
    twins = np.repeat(x, 2, axis=0)
    assert see.embedding(model, twins, np.repeat(np.arange(8), 2)).neighbours == 1.0
    assert see.embedding(model, twins, np.tile([0, 1], 8)).neighbours < 0.8
    assert see.embedding(model, twins).neighbours is None


def test_a_layer_of_choice_and_errors(made):
    model = made["plain"]
    x = sample(model, 5)
    assert see.embedding(model, x, layer="second").features == np.prod(model.get_layer("second").output.shape[1:])
    with pytest.raises(errors.ArgumentError, match="at least three samples"):
        see.embedding(model, x[:2])
    with pytest.raises(errors.ArgumentError, match="a name for class 4"):
        see.embedding(model, x, np.arange(5), ["a"])
    with pytest.raises(errors.ArgumentError, match='must be "pca" or "tsne"'):
        see.embedding(model, x, method="umap")


def test_tsne_needs_its_package(made, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(errors.ArgumentError, match=r"striate\[tsne\]"):
        see.embedding(made["plain"], sample(made["plain"], 5), method="tsne")


def test_regression_measures(made):
    model = made["line"]
    x = sample(model, 20)
    truth = np.asarray(model.predict(x, verbose=0))[:, 0] + np.tile([0.5, -0.5], 10)
    found = see.regression(model, x, truth, "mpg", scale=2.0, offset=10.0)
    assert found.mean_error == pytest.approx(1.0, abs=1e-6)
    assert found.root_mean_square == pytest.approx(1.0, abs=1e-6)
    assert found.explained == pytest.approx(1 - 20 / ((found.truths - found.truths.mean()) ** 2).sum(), abs=1e-6)
    assert "mpg" in str(found) and "<svg" in found.figure().svg()
    with pytest.raises(errors.ShapeError, match="one number for a sample"):
        see.regression(made["plain"], sample(made["plain"], 3), [1, 2, 3])


@pytest.mark.parametrize("shape", [(6, 6), (6, 6, 3), (30, 2), (7,), (4, 6, 6, 1)])
def test_samples_of_every_kind(shape):
    x = np.random.default_rng(0).random((12, *shape))
    found = see.samples(x, np.arange(12) % 3, ["a", "b", "c"], count=6)
    assert found.counts == {"a": 4, "b": 4, "c": 4} and found.captions == ("a", "b", "c") * 2
    assert (found.chosen == x[found.indices]).all() and "<svg" in found.figure().svg()
    spread = see.samples(x, np.linspace(0, 5, 12), count=3)
    assert spread.counts == {} and spread.captions[0] == "0" and spread.captions[-1] == "5"
    with pytest.raises(errors.ArgumentError, match="as many targets"):
        see.samples(x, [1, 2])
