"""Rarer ops: what differential tests do not see: messages, refusals, unknown lengths, files, rules in float64."""

import json

import numpy as np
import pytest

import striate
from striate import engine, ops
from striate.errors import ArgumentError, GraphError, ShapeError, TypeMismatchError
from striate.ops.spec import OPS, TensorType
from striate.variables import Variable
from tests.ops.gradients import check_gradient


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def definite(count):
    x = draw(count, count)
    return x @ x.T + np.eye(count, dtype=np.float32)


@pytest.mark.parametrize("op, inputs, attributes", [
    ("inv", [definite(3)], {}), ("det", [definite(3)], {}), ("slogdet", [definite(3)], {}),
    ("solve", [definite(3), draw(3, 2)], {}),
    ("fourier", [draw(3, 4), draw(3, 4, seed=1)], {"axes": (0, 1), "sign": 1}),
    ("bessel_i", [draw(5)], {"order": 0}), ("bessel_i", [draw(5)], {"order": 2}), ("erfinv", [draw(5) * 0.2], {}),
    ("qr", [draw(4, 3)], {"mode": "reduced"}), ("svd", [draw(4, 3)], {"full_matrices": False}),
    ("svd", [draw(2, 3, 4)], {"full_matrices": False}),
])
def test_gradient_rules(op, inputs, attributes):
    check_gradient(op, inputs, **attributes)


@pytest.mark.parametrize("function", [
    ops.cholesky, lambda matrix: ops.eigh(matrix)[0], lambda matrix: ops.square(ops.eigh(matrix)[1])])
def test_gradients_for_symmetric_changes(function):
    """A change of one element alone leaves the symmetric matrices, so x x' + 3 is changed through x."""
    weights, start = draw(3, 3, seed=2), draw(3, 3, seed=3)
    x = Variable(start)

    def loss():
        return ops.sum(function(ops.matmul(x, ops.transpose(x)) + 3.0 * np.eye(3, dtype=np.float32)) * weights)
    found = engine.Function(lambda: engine.gradients(loss(), [x])[0])()
    value = engine.Function(loss)
    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3), np.float32)
        step[place] = 1e-2
        x.assign(start + step)
        above = float(value())
        x.assign(start - step)
        assert abs((above - float(value())) / 2e-2 - found[place]) < 0.01 * np.abs(found).max()


@pytest.mark.parametrize("reduction", [None, "add", "mul", "max", "min"])
def test_gradients_of_scattered_rows(reduction):
    rows = np.array([2, 0, 2, 3], np.int32)
    check_gradient("scatter_rows", [draw(5, 2), rows, draw(4, 2, seed=1)], skip=(1,), reduction=reduction)


def test_the_last_of_several_updates_stays():
    y = ops.scatter_update(np.zeros(3, np.float32), [[1], [1]], [5.0, 7.0])
    assert y.tolist() == [0.0, 7.0, 0.0]


def test_a_slice_takes_the_rest_of_an_axis():
    assert ops.slice(draw(3, 4), (1, 0), (-1, 2)).shape == (2, 2)


def test_batches_of_unknown_size_pass_through():
    shape = OPS["inv"].shape([TensorType((None, 3, 3))])[0].shape
    assert shape == (None, 3, 3)
    x = striate.Input((4, 6))
    assert ops.rearrange(x, "b (h w) c -> b h w c", h=2).shape == (None, 2, 2, 6)
    assert ops.quantile(x, 0.5, axis=-1).shape == (None, 4)


def test_a_model_with_rarer_ops_is_written_and_read(tmp_path):
    x = striate.Input((6,))
    y = ops.fmax(ops.nanmax(x, axis=-1, keepdims=True), ops.sinc(x))
    real, imaginary = ops.rfft(y)
    model = striate.Model(x, ops.hypot(real, imaginary))
    names = [layer["class_name"] for layer in json.loads(model.to_json())["config"]["layers"]]
    assert {"Nanmax", "Sinc", "Fmax", "RFFT", "Hypot"} <= set(names)
    model.save(tmp_path / "m.keras")
    data = draw(3, 6)
    again = striate.saving.load_model(tmp_path / "m.keras")
    assert np.array_equal(model.predict(data, verbose=0), again.predict(data, verbose=0))
    wide = np.fmax(data.max(axis=1, keepdims=True), np.sinc(data))
    assert np.allclose(again.predict(data, verbose=0), np.abs(np.fft.rfft(wide)), atol=1e-4)


@pytest.mark.parametrize("function", [ops.nonzero, ops.unique])
def test_lengths_that_depend_on_numbers_are_refused_in_models(function):
    with pytest.raises(GraphError, match="depends on numbers"):
        function(striate.Input((3,)))


@pytest.mark.parametrize("call, kind, message", [
    (lambda: ops.bitwise_and(1.5, 2), TypeMismatchError, "bitwise_and takes integers"),
    (lambda: ops.inv(draw(2, 3)), ShapeError, r"square matrices \(..., n, n\)"),
    (lambda: ops.solve(definite(3), draw(2)), ShapeError, "right-hand sides"),
    (lambda: ops.norm(draw(2, 2, 2), ord=3), ArgumentError, "ord=3"),
    (lambda: ops.quantile(draw(3), 0.5, method="cubic"), ArgumentError, "method='cubic'"),
    (lambda: ops.fft(draw(3)), ArgumentError, "pair"),
    (lambda: ops.fft((draw(3), draw(4))), ShapeError, "same shape"),
    (lambda: ops.stft(draw(9), 6, 2, 4), ArgumentError, "fft_length=4"),
    (lambda: ops.histogram(draw(9), bins=0), ArgumentError, "bins=0"),
    (lambda: ops.scatter_update(draw(3), [[0, 0]], [1.0]), ShapeError, r"indices=\(1, 2\)"),
    (lambda: ops.scatter_update(draw(3), [[0]], [1.0], reduction="sum"), ArgumentError, "reduction='sum'"),
    (lambda: ops.fold(draw(1, 5, 4), 4, 2), ShapeError, "fold needs"),
    (lambda: ops.rearrange(draw(2, 3), "a b -> a c"), ArgumentError, "a b -> a c"),
    (lambda: ops.correlate(draw(3), draw(2), mode="all"), ArgumentError, "mode='all'"),
    (lambda: ops.image.elastic_transform(draw(4, 4, 1)), ArgumentError, "seed"),
    (lambda: ops.ctc_decode(draw(1, 2, 3), [2], strategy="best"), ArgumentError, "strategy='best'"),
    (lambda: ops.dot_product_attention(draw(1, 2, 3), draw(1, 2, 3), draw(1, 2, 3)), ShapeError, "four axes"),
    (lambda: ops.where(True, x1=1.0), ArgumentError, "x1=1.0"),
    (lambda: ops.image.crop_images(draw(4, 4, 1), 1, 0, 1, 0, target_height=2), ArgumentError, "give two"),
])
def test_messages(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_elastic_images_depend_on_the_seed_alone():
    image = draw(2, 6, 6, 3)
    first, again, other = (ops.image.elastic_transform(image, 3.0, 1.0, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(ops.image.elastic_transform(image, 0.0, 1.0, seed=1), image)


def test_ctc_trains():
    model = striate.Sequential([striate.Input((5, 3)), striate.layers.Dense(4)])
    model.compile(striate.optimizers.Adam(0.05), "ctc")
    x, y = draw(4, 5, 3), np.array([[1, 2], [3, 0], [2, 2], [1, 3]])
    history = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
