"""One small example of every op: what the walks of test_every_op.py run. An op without an example fails a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sample:
    """Inputs and attributes of an op, and how its kernel and its gradient are judged.

    bound: how far the kernel may lie from the reference, relative to the largest result; 0: not at all.
    skip: inputs that are not differentiated (whole numbers, masks, places).
    apart: the gradient is checked elsewhere or is zero by definition; the reason in words.
    """

    inputs: list
    attributes: dict[str, Any] = field(default_factory=dict)
    bound: float = 0.0
    skip: tuple[int, ...] = ()
    apart: str = ""


_STATE = np.array([7, 1, 99, 0], np.uint32)
_STEP = "zero almost everywhere by definition"
_CONV = dict(strides=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1, activation=None, pool=None)
_POOL = dict(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))


def _numbers(*shape, low=-2.0, high=2.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def _apart(*shape, seed=0):
    """Different numbers, none near another or near zero: what maxima and ReLU can be differentiated at."""
    count = int(np.prod(shape))
    return (np.random.default_rng(seed).permutation(count) / 8 - count / 16 + 0.05).astype(np.float32).reshape(shape)


def _functions() -> dict[str, Sample]:
    """Functions of one number: (low, high) of what they are tried on."""
    domains = {"arccos": (-0.9, 0.9), "arcsin": (-0.9, 0.9), "arctanh": (-0.9, 0.9), "arccosh": (1.2, 3),
               "log": (0.2, 3), "log2": (0.2, 3), "log10": (0.2, 3), "log1p": (-0.5, 3), "rsqrt": (0.2, 3),
               "sqrt": (0.2, 3),
               "reciprocal": (0.3, 3)}
    smooth = [*"arcsinh arctan cos cosh erf exp exp2 expm1 sigmoid sin sinh softplus tan tanh".split(), *domains]
    found = {}
    for name in smooth:
        low, high = domains.get(name, (-1.4, 1.4))
        found[name] = Sample([_numbers(5, 33, low=low, high=high)], bound=2e-6)
    for name in "negative absolute square relu".split():
        found[name] = Sample([_apart(6, 7)])
    for name in "ceil floor rint sign trunc isfinite isinf isnan logical_not".split():
        found[name] = Sample([_apart(6, 7)], apart=_STEP)
    return found


def _pairs() -> dict[str, Sample]:
    """Functions of two numbers, with broadcasting."""
    a, b = _apart(6, 7), _apart(7, seed=1) + np.float32(0.03)
    positive = np.abs(a) + np.float32(0.5)
    found = {name: Sample([a, b]) for name in "add subtract multiply maximum minimum".split()}
    found["divide"] = Sample([a, np.abs(b) + np.float32(0.5)], bound=1e-7)
    found["power"] = Sample([positive, b], bound=2e-6)
    found["arctan2"] = Sample([a, b], bound=2e-6)
    found["mod"] = Sample([a, np.abs(b) + 3], skip=(1,))
    found["floor_divide"] = Sample([a, np.abs(b) + 3], apart=_STEP)
    for name in "equal not_equal greater greater_equal less less_equal logical_and logical_or logical_xor".split():
        found[name] = Sample([a, b], apart=_STEP)
    found["relu_grad"] = Sample([a, a[::-1].copy()], skip=(1,))
    found["where"] = Sample([a > 0, a, b], skip=(0,))
    found["clip"] = Sample([a], dict(x_min=-1.0, x_max=1.5))
    found["cast"] = Sample([a], dict(dtype="float32"), apart="between floats it is the identity; checked in tests/ops")
    found["stop_gradient"] = Sample([a], apart="stops the gradient: that is what it is for")
    found["chain"] = Sample([a, b], dict(program=(("add", (0, 1), ()), ("relu", (2,), ())), results=(3,)))
    return found


def _reductions() -> dict[str, Sample]:
    x = _apart(4, 5, 6)
    axes = dict(axis=(0, 2), keepdims=False)
    found = {name: Sample([x], axes, bound=1e-6) for name in "sum mean max min".split()}
    found["prod"] = Sample([_numbers(4, 5, low=0.5, high=1.5)], dict(axis=(1,), keepdims=True), bound=1e-6)
    found |= {name: Sample([x > 0], dict(axis=(0,), keepdims=False), apart=_STEP) for name in ("all", "any")}
    found |= {name: Sample([x], dict(axis=1, keepdims=False), apart=_STEP) for name in ("argmax", "argmin")}
    found["argsort"] = Sample([x], dict(axis=1), apart=_STEP)
    found["cumsum"] = Sample([x], dict(axis=1, reverse=True))
    found |= {name: Sample([_numbers(5, 7)], dict(axis=1), bound=1e-6) for name in ("softmax", "log_softmax")}
    found["softmax_grad"] = Sample([_numbers(5, 7, low=0), _numbers(5, 7, seed=1)], dict(axis=1), bound=1e-6)
    return found


def _moves() -> dict[str, Sample]:
    x = _apart(3, 4, 5)
    places = np.array([[0, 3], [3, -1]], np.int32)
    return {
        "reshape": Sample([x], dict(newshape=(4, 15))),
        "transpose": Sample([x], dict(axes=(2, 0, 1))),
        "broadcast_to": Sample([x[:, :1]], dict(shape=(2, 3, 6, 5))),
        "concatenate": Sample([x, x[:, :1], x[:, 1:]], dict(axis=1)),
        "flip": Sample([x], dict(axis=(0, 2))),
        "slice": Sample([x], dict(starts=(2, 0, 1), stops=(-1, 4, 2), steps=(-1, 2, 1))),
        "put_slice": Sample([x], dict(shape=(7, 4, 5), starts=(1, 0, 0), stops=(7, 4, 5), steps=(2, 1, 1))),
        "pad": Sample([x], dict(pad_width=((1, 0), (0, 2), (1, 1)), mode="constant", constant_value=0)),
        "take": Sample([x, places], dict(axis=1), skip=(1,)),
        "take_grad": Sample([x, np.array([0, 3, 1], np.int32)], dict(axis=0, length=6)),
        "take_along_axis": Sample([x, np.arange(30, dtype=np.int32).reshape(3, 2, 5) % 4], dict(axis=1),
                                  skip=(1,)),
        "one_hot": Sample([places], dict(num_classes=5, axis=2, dtype="float32"), apart="its input is whole numbers"),
        "flat_gradients": Sample([_apart(4), _apart(2, 3)], dict(offsets=(0, 8), size=16)),
    }


def _randoms() -> dict[str, Sample]:
    x = _numbers(9, 40)
    mask = dict(rate=0.5, stream=3)
    drawn = "its input is the state of the generator"
    return {
        "dropout": Sample([x, _STATE], mask, skip=(1,)),
        "dropout_grad": Sample([x, _STATE], mask, skip=(1,)),
        "random_uniform": Sample([_STATE], dict(shape=(70,), minval=0.0, maxval=1.0, stream=4), apart=drawn),
        "random_normal": Sample([_STATE], dict(shape=(70,), mean=0.0, stddev=1.0, stream=4), apart=drawn, bound=1e-6),
        "adam_update": Sample([x.ravel(), x.ravel() / 3, np.abs(x).ravel(),
                               np.float32([0.01, 0.1, 0.001, 1e-7, 0.02, 0.5]), x.ravel() / 2], bound=1e-6),
        "sgd_update": Sample([x.ravel(), x.ravel() / 3, np.float32([0.01, 0.9, 0.02, 0.5]), x.ravel() / 2],
                             dict(nesterov=True), bound=1e-6),
    }


def _products() -> dict[str, Sample]:
    a, b, g = _numbers(6, 5), _numbers(5, 4, seed=1), _numbers(6, 4, seed=2)
    x, w, y = _numbers(2, 6, 5, 3), _numbers(3, 3, 3, 4, seed=1), _numbers(2, 6, 5, 4, seed=2)
    return {
        "matmul": Sample([a, b], dict(transpose_a=False, transpose_b=False), bound=1e-6),
        "dense": Sample([a, b, _numbers(4)], dict(activation="relu"), bound=1e-6),
        "dense_weights_grad": Sample([a, g], dict(bias=True), bound=1e-6),
        "dense_input_grad": Sample([b, g, a], dict(masked=True), bound=1e-6, skip=(2,)),
        "conv2d": Sample([x, w, _numbers(4)], _CONV | dict(activation="relu"), bound=1e-6),
        "conv2d_weights_grad": Sample([x, y], _CONV | dict(kernel_shape=(3, 3, 3, 4), bias=True), bound=1e-6),
        "conv2d_input_grad": Sample([w, y], _CONV | dict(input_shape=(6, 5), masked=False), bound=1e-6),
    }


def _layers() -> dict[str, Sample]:
    x = _apart(2, 6, 6, 3)
    g, winner = _numbers(2, 3, 3, 3), (np.arange(54) % 4).astype(np.int32).reshape(2, 3, 3, 3)
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return {
        "max_pool2d": Sample([x], _POOL),
        "max_pool2d_grad": Sample([g, winner], _POOL | dict(input_shape=(6, 6))),
        "avg_pool2d": Sample([x], _POOL, bound=1e-6),
        "avg_pool2d_grad": Sample([g], _POOL | dict(input_shape=(6, 6)), bound=1e-6),
        "batch_norm": Sample([_numbers(2, 6, 6, 3), _numbers(3), _numbers(3, seed=1)], dict(epsilon=1e-3), bound=2e-6),
        "batch_norm_grad": Sample([_numbers(2, 6, 6, 3, seed=1), x, _numbers(3), mean, variance],
                                  dict(epsilon=1e-3, masked=False), bound=1e-5),
    }


def _rare() -> dict[str, Sample]:
    """Functions that NumPy alone computes, in `ops/rare.py`, `algebra.py`, `signal.py`, `scatter.py` and `ctc.py`."""
    a, b = _apart(6, 7), _apart(7, seed=1) + np.float32(0.03)
    whole, other = np.arange(12, dtype=np.int32).reshape(3, 4), np.array([3, 1, 2, 4], np.int32)
    matrix = _numbers(2, 3, 3) + 4 * np.eye(3, dtype=np.float32)
    symmetric = matrix @ np.swapaxes(matrix, 1, 2)
    bits = "its inputs are whole numbers or bits"
    found = {f"bitwise_{name}": Sample([whole, other], apart=bits)
             for name in "and or xor left_shift right_shift".split()}
    found |= {name: Sample([whole, other], apart=bits) for name in ("gcd", "lcm")}
    found |= {name: Sample([matrix]) for name in ("det", "inv", "slogdet")}
    return found | {
        "bitwise_not": Sample([whole], apart=bits),
        "view": Sample([a], dict(dtype="int32"), apart=bits),
        "signbit": Sample([a], apart=_STEP),
        "bessel_i": Sample([a], dict(order=1)),
        "erfinv": Sample([_numbers(5, 6, low=-0.9, high=0.9)]),
        "fmod": Sample([a, np.abs(b) + 3], skip=(1,)),
        "nextafter": Sample([a, b], skip=(0, 1)),  # a step of the last bit is no derivative's business
        "cholesky": Sample([symmetric], skip=(0,)),  # symmetric changes only: tests/ops/test_rare.py
        "eigh": Sample([symmetric], skip=(0,)),
        "lu_factor": Sample([matrix]),
        "qr": Sample([matrix], dict(mode="reduced")),
        "svd": Sample([_numbers(4, 3)], dict(full_matrices=False)),
        "solve": Sample([matrix, _numbers(2, 3, 2, seed=1)]),
        "solve_triangular": Sample([matrix, _numbers(2, 3, 2, seed=1)], dict(lower=True)),
        "fourier": Sample([a, a[::-1].copy()], dict(axes=(1,), sign=-1)),
        "scatter_rows": Sample([a, np.array([4, 0, 4], np.int32), a[:3] * 2], dict(reduction="add"), skip=(1,)),
        "ctc_beam_search": Sample([_numbers(2, 5, 4), np.array([5, 3], np.int32)],
                                  dict(beam_width=4, top_paths=2, mask_index=0)),
    }


SAMPLES = {**_functions(), **_pairs(), **_reductions(), **_moves(), **_randoms(), **_products(), **_layers(), **_rare()}

REFERENCE_ONLY = frozenset({"argsort", "cumsum", "floor_divide", "mod", "take_along_axis"} | set(_rare()))
"""Ops that no kernel runs yet: a plan names them with its reason, and their reference runs."""
PLACED = frozenset({"reshape", "stop_gradient", "flat_gradients"})
"""Ops that cost nothing: the plan gives their result a place in memory that something else filled."""
