"""Functions of ops in functional models, choices and loops, and functions made of other ops."""

import json

import numpy as np
import pytest

import striate as keras
from striate import ops
from striate.engine import Function
from striate.errors import ArgumentError
from striate.layers.operations import FunctionCall

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((2, 6, 6, 3)).astype(np.float32)


def network():
    x = keras.Input((6, 6, 3))
    y = ops.relu(2.0 * x + ops.flip(x, axis=1))
    y = ops.concatenate([y, ops.mean(x, axis=-1, keepdims=True)], axis=-1)[:, 1:, None]
    y = ops.stack([ops.squeeze(y, 2)] * 2, axis=1) ** 2
    return keras.Model(x, ops.max(y, axis=(1, 2)))


def test_a_function_is_one_operation_of_keras():
    keras.utils.clear_session()     # names count from one again
    layers = network().get_config()["layers"]
    assert [layer["class_name"] for layer in layers][:4] == ["InputLayer", "Multiply", "Flip", "Add"]
    add = next(layer for layer in layers if layer["class_name"] == "Add")
    assert (add["module"], add["registered_name"], add["config"]) == ("keras.src.ops.numpy", "Add", {"name": "add"})


def test_operations_come_back_from_configuration_and_file(tmp_path):
    model = network()
    again = keras.Model.from_config(json.loads(json.dumps(model.get_config())))
    np.testing.assert_array_equal(again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


def test_settings_that_do_not_exist_are_refused():
    kind = next(kind for kind in FunctionCall.__subclasses__() if kind.__name__ == "Add")
    with pytest.raises(ArgumentError, match="axis"):
        kind(axis=3)


@pytest.mark.parametrize("compiled", [False, True])
def test_choices_and_loops(compiled):
    def run(x):
        larger = ops.cond(ops.sum(x) > 0.0, lambda: x, lambda: -x)
        chosen = ops.switch(ops.cast(ops.sum(larger) > 0.0, "int32"), [lambda v: v, lambda v: v * 3.0], larger)
        doubled = ops.while_loop(lambda v: ops.max(v) < 50.0, lambda v: v * 2.0, chosen, maximum_iterations=9)
        carry, sums = ops.scan(lambda c, row: (c + row, c), ops.zeros(3), doubled)
        return doubled, carry, sums, ops.map(lambda row: row * 2.0, x)
    x = -np.abs(IMAGES[0, :4, 0])
    doubled, carry, sums, mapped = (Function(run) if compiled else run)(x)
    expected = 3.0 * np.abs(x)
    while expected.max() < 50:
        expected = expected * 2
    np.testing.assert_allclose(doubled, expected, rtol=1e-6)
    np.testing.assert_allclose(carry, expected.sum(0), rtol=1e-5)
    np.testing.assert_allclose(sums[2], expected[:2].sum(0), rtol=1e-5)
    np.testing.assert_allclose(mapped, 2 * x)


def test_a_loop_of_unknown_length_is_refused():
    with pytest.raises(ArgumentError, match="maximum_iterations"):
        Function(lambda v: ops.while_loop(lambda a: ops.max(a) < 1.0, lambda a: a + 1.0, v))(IMAGES)


SQUARE = RNG.standard_normal((4, 4)).astype(np.float32)
LINE = RNG.standard_normal(7).astype(np.float32)


@pytest.mark.parametrize(("actual", "expected"), [
    (ops.rot90(SQUARE), np.rot90(SQUARE)), (ops.rot90(SQUARE, 3), np.rot90(SQUARE, 3)),
    (ops.diagonal(SQUARE, 1), np.diagonal(SQUARE, 1)), (ops.diag(LINE, -2), np.diag(LINE, -2)),
    (ops.trace(SQUARE), np.trace(SQUARE)), (ops.outer(LINE, LINE), np.outer(LINE, LINE)),
    (ops.median(SQUARE, axis=1), np.median(SQUARE, axis=1)), (ops.median(LINE, keepdims=True), [np.median(LINE)]),
    (ops.diff(SQUARE, axis=0), np.diff(SQUARE, axis=0)), (ops.cumprod(SQUARE, axis=1), np.cumprod(SQUARE, axis=1)),
    (ops.vstack([LINE, LINE]), np.vstack([LINE, LINE])), (ops.hstack([SQUARE, SQUARE]), np.hstack([SQUARE, SQUARE])),
    (ops.meshgrid(LINE, LINE[:2])[0], np.meshgrid(LINE, LINE[:2])[0]),
    (ops.digitize(LINE, np.array([-1.0, 0.0, 1.0], np.float32)), np.digitize(LINE, [-1, 0, 1])),
    (ops.nan_to_num(np.array([np.nan, 1.0], np.float32)), [0, 1]), (ops.bincount([0, 2, 2]), [1, 0, 2]),
    (ops.divide_no_nan(LINE, np.zeros(7, np.float32)), np.zeros(7)),
    (ops.trapezoid(LINE), np.trapezoid(LINE) if hasattr(np, "trapezoid") else np.trapz(LINE)),
    (ops.slice_update(SQUARE, (1, 2), np.ones((2, 2), np.float32))[1:3, 2:], np.ones((2, 2))),
    (ops.space_to_depth(ops.depth_to_space(IMAGES[..., [0, 1, 2, 0]], 2), 2), IMAGES[..., [0, 1, 2, 0]]),
    (ops.normalize(SQUARE), SQUARE / np.linalg.norm(SQUARE, axis=-1, keepdims=True)),
    (ops.segment_sum(SQUARE, np.array([0, 1, 0, 1])), np.stack([SQUARE[::2].sum(0), SQUARE[1::2].sum(0)])),
])
def test_composed_functions_give_numpys_results(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=1e-6)
