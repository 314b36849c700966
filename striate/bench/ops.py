"""Single ops: GFLOP/s of convolutions and dense layers, forward and backward, beside the machine's peak.

Operations are counted as the definition has them, a multiply-add as two; behind a max pooling only the winners carry
a gradient, so only they count. An algorithm that needs fewer operations (Winograd's) can pass 100 % of the peak.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from striate.engine import Function
from striate.ops.dispatch import apply
from striate.ops.spec import OPS, TensorType


@dataclass(frozen=True)
class Convolution:
    """A convolution with bias and relu, and with max pooling (`pool` x `pool`, not overlapping) where `pool` is given.

    side, channels: of the square input. filters, size: of the weights. Padding is "same" unless `same` is False.
    """

    name: str
    side: int
    channels: int
    filters: int
    size: int
    stride: int = 1
    groups: int = 1
    pool: int = 0
    same: bool = True

    def attributes(self) -> dict:
        """The attributes that forward and gradients share."""
        total = max(0, (-(-self.side // self.stride) - 1) * self.stride + self.size - self.side) if self.same else 0
        pads = (total // 2, total - total // 2)
        return dict(strides=(self.stride,) * 2, padding=(pads, pads), dilation=(1, 1), groups=self.groups,
                    activation="relu", pool=(self.pool,) * 4 if self.pool else None)


CONVOLUTIONS = (
    Convolution("yale 1", 128, 1, 32, 5, pool=4, same=False),
    Convolution("uva 1", 28, 1, 64, 7, pool=2),
    Convolution("uva 2", 14, 64, 128, 3),
    Convolution("uva 3", 14, 128, 128, 3, pool=2),
    Convolution("uva 4", 7, 128, 256, 3),
    Convolution("uva 5", 7, 256, 256, 3, pool=2),
    Convolution("nova 1", 28, 1, 32, 3),
    Convolution("nova 2", 28, 32, 32, 3),
    Convolution("nova 3", 14, 32, 64, 3),
    Convolution("nova 4", 14, 64, 64, 3),
    Convolution("tue 1", 64, 1, 16, 3, pool=2),
    Convolution("tue 2", 32, 16, 32, 3, pool=2),
    Convolution("lenet5 2", 14, 6, 16, 5, pool=2, same=False),
    Convolution("rgb stem", 96, 3, 24, 3, pool=2),
    Convolution("odd channels", 48, 24, 40, 3, pool=2),
    Convolution("strided", 33, 32, 64, 3, stride=2),
    Convolution("strided 4x4", 32, 32, 64, 4, stride=2),
    Convolution("1x1", 16, 64, 64, 1),
    Convolution("1x1 wide", 8, 256, 256, 1),
    Convolution("depthwise", 32, 64, 64, 3, groups=64),
    Convolution("grouped", 16, 64, 64, 3, groups=4),
    Convolution("5x5", 16, 32, 32, 5),
)
DENSE = (("uva dense", 2304, 128), ("nova dense", 3136, 512), ("tue dense", 8192, 100), ("yale dense", 30752, 2))


@dataclass(frozen=True)
class Measured:
    """One op in one direction: seconds a call, operations a call, and the kernels that ran."""

    name: str
    direction: str
    seconds: float
    flops: int
    kernels: tuple[str, ...]

    @property
    def gflops(self) -> float:
        """Billions of operations a second."""
        return self.flops / self.seconds / 1e9


def measure(batch: int, repeats: int = 5, names: str = "") -> Iterator[Measured]:
    """Every case whose name contains `names`, in batches of `batch`; the smallest of `repeats` times.

    Example:
        >>> next(measure(1, 1, "lenet5")).direction  # doctest: +SKIP
        'forward'
    """
    rng = np.random.default_rng(0)
    for case in CONVOLUTIONS:
        if names in case.name:
            for direction, op, arrays, attributes in _convolution(case, batch, rng):
                yield _run(case.name, direction, op, arrays, attributes, repeats)
    for name, inputs, units in DENSE:
        if names in name:
            for direction, op, arrays, attributes in _dense(batch, inputs, units, rng):
                yield _run(name, direction, op, arrays, attributes, repeats)


def _run(name, direction, op, arrays, attributes, repeats) -> Measured:
    function = Function(lambda *values: apply(op, list(values), **attributes), op)
    times = function.executable(*arrays).profile(arrays, repeats)
    types = [TensorType(array.shape, str(array.dtype)) for array in arrays]
    flops = OPS[op].flops(types, OPS[op].shape(types, **attributes), attributes)
    return Measured(name, direction, sum(time.seconds for time in times), flops,
                    tuple(time.launch.kernel if time.launch else "reference" for time in times))


def _convolution(case: Convolution, batch: int, rng):
    attributes = case.attributes()
    x = rng.standard_normal((batch, case.side, case.side, case.channels), np.float32)
    w = rng.standard_normal((case.size, case.size, case.channels // case.groups, case.filters), np.float32)
    b = np.zeros(case.filters, np.float32)
    yield "forward", "conv2d", [x, w, b], attributes
    types = OPS["conv2d"].shape([TensorType(array.shape) for array in (x, w, b)], **attributes)
    g = rng.standard_normal(types[0].shape, np.float32)
    winner = [rng.integers(0, case.pool**2, types[1].shape).astype(np.uint8)] if case.pool else []
    yield "weights", "conv2d_weights_grad", [x, g, *winner], attributes | {"kernel_shape": w.shape, "bias": True}
    if case.channels > 3:
        yield "input", "conv2d_input_grad", [w, g, *winner], attributes | {"input_shape": x.shape[1:3],
                                                                           "masked": False}


def _dense(batch: int, inputs: int, units: int, rng):
    x = rng.standard_normal((batch, inputs), np.float32)
    w = rng.standard_normal((inputs, units), np.float32)
    g = rng.standard_normal((batch, units), np.float32)
    yield "forward", "dense", [x, w, np.zeros(units, np.float32)], {"activation": "relu"}
    yield "weights", "dense_weights_grad", [x, g], {"bias": True}
    yield "input", "dense_input_grad", [w, g], {"masked": False}
