"""Random programs of ops, drawn while they are traced: a seed gives one program, its weights and its inputs.

    python -m tests.graph.random_programs 123       prints the program of a seed

A program is a walk: each step takes one of the newest values and makes another of it. Most end in a loss, gradients and
new values of the weights. Functions are chosen and scaled so that numbers stay near 1.
"""

import random
import sys
from math import prod

import numpy as np

from striate import engine, ops
from striate.graph.trace import Tracer
from striate.ops.dispatch import recording
from striate.ops.spec import TensorType
from striate.variables import FlatGroup, Variable

LARGEST = 1 << 15
"""Elements of the largest value."""

UNARY = [
    ops.relu, ops.relu6, ops.leaky_relu, ops.elu, ops.selu, ops.celu, ops.gelu, ops.silu, ops.mish, ops.softplus,
    ops.softsign, ops.sigmoid, ops.hard_sigmoid, ops.hard_silu, ops.hard_tanh, ops.log_sigmoid, ops.tanh, ops.sin,
    ops.cos, ops.erf, ops.arctan, ops.arcsinh, ops.absolute, ops.negative, ops.floor, ops.trunc, ops.sign,
    ops.soft_shrink, ops.stop_gradient, lambda x: ops.gelu(x, approximate=True), lambda x: ops.clip(x, -0.5, 0.75),
    lambda x: ops.exp(ops.minimum(x, 1.0)), lambda x: ops.expm1(ops.minimum(x, 1.0)),
    lambda x: ops.square(ops.tanh(x)), lambda x: ops.sqrt(ops.absolute(x) + 0.125),
    lambda x: ops.log(ops.absolute(x) + 0.5), lambda x: ops.log1p(ops.square(x)),
    lambda x: ops.reciprocal(1.0 + ops.square(x)), lambda x: ops.rsqrt(ops.square(x) + 0.5),
    lambda x: ops.power(ops.absolute(x) + 0.25, 1.5), lambda x: x * 0.5, lambda x: x * 1.0, lambda x: x + x,
    lambda x: x * x * 0.25, lambda x: 1.0 - x, lambda x: 1.0 / (1.5 + ops.tanh(x)), lambda x: ops.cast(x, "float32"),
    lambda x: ops.cast(ops.isfinite(x), "float32"), lambda x: ops.cast(ops.cast(x * 4.0, "int32") + 3, "float32") / 4.0,
    lambda x: ops.cast(ops.cast(ops.clip(x * 50.0, 0.0, 200.0), "uint8"), "float32") * 0.02,
]
BINARY = [
    ops.add, ops.subtract, ops.multiply, ops.maximum, ops.minimum, ops.logaddexp, ops.squared_difference,
    lambda a, b: ops.arctan2(a, 0.5 + ops.absolute(b)), lambda a, b: a / (1.0 + ops.absolute(b)),
    lambda a, b: ops.where(a > b, a, b * 0.5),
    lambda a, b: ops.where(ops.less_equal(a, b), b, a), lambda a, b: ops.where(ops.equal(a, ops.floor(b)), a, 0.5),
    lambda a, b: ops.where(ops.logical_and(a > 0.0, b > 0.25), a, b),
    lambda a, b: ops.cast(ops.logical_xor(a > 0.0, b > 0.0), "float32") * a,
]
REDUCTIONS = [
    ops.sum, ops.mean, ops.max, ops.min, ops.var, ops.logsumexp,
    lambda x, **how: ops.prod(1.0 + 0.1 * ops.tanh(x), **how), lambda x, **how: ops.sqrt(ops.var(x, **how) + 0.1),
    lambda x, **how: ops.cast(ops.any(x > 0.5, **how), "float32"),
]
KINDS = ("unary unary unary unary unary binary binary binary binary reduce reduce move move move move softmax take "
         "normalise drop matmul matmul").split()
KINDS_OF_MAPS = ("convolve convolve convolve convolve residual depthwise transposed pool pool batch_norm "
                 "batch_norm").split()


class Program:
    """The program of a seed: `arrays` are its inputs, `variables` its weights once it was traced."""

    def __init__(self, seed: int):
        self.seed, self.variables, self.group = seed, [], None
        drawn = random.Random(seed)
        self.steps, self.training = drawn.randint(2, 14), drawn.random() < 0.6
        self.arrays = [np.random.default_rng([seed, index]).uniform(-2, 2, self._first_shape(drawn)).astype(np.float32)
                       for index in range(drawn.randint(1, 2))]

    @staticmethod
    def _first_shape(drawn) -> tuple:
        side = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16)
        batch, channels = drawn.choice([1, 2, 3, 4, 7]), drawn.choice([1, 2, 3, 4, 5, 8, 16, 17])
        return drawn.choice([*[(batch, drawn.choice(side), drawn.choice(side), channels)] * 5,
                             *[(drawn.choice([1, 2, 5, 33, 128]), drawn.choice([1, 3, 7, 16, 31, 100]))] * 2,
                             (batch, drawn.choice(side), channels), (drawn.choice([1, 2, 3, 7, 65]),),
                             (drawn.choice([1, 2]), *(drawn.randint(1, 5) for _ in range(4)))])

    def graph(self):
        """The traced graph: outputs, gradients, assignments."""
        tracer = Tracer(f"program {self.seed}")
        inputs = [tracer.input(TensorType(array.shape), f"x{index}") for index, array in enumerate(self.arrays)]
        self.drawn, self._read, self.live = random.Random(self.seed + 1), 0, list(inputs)
        with recording(tracer):
            self._state = tracer.random_state()
            for _ in range(self.steps):
                self._step(self.drawn.choice(self.live[-4:]))
            outputs = [tracer.value(value) for value in (self._trained(inputs) if self.training else self._results())]
        return tracer.graph(outputs)

    def weight(self, *shape, scale: float = 0.0) -> Variable:
        """The next weight; the same one in every trace."""
        if self._read == len(self.variables):
            numbers = np.random.default_rng([self.seed, 99, self._read]).standard_normal(shape)
            scale = scale or 1 / max(1, prod(shape[:-1])) ** 0.5
            self.variables.append(Variable(np.float32(numbers * scale), f"w{self._read}"))
        self._read += 1
        return self.variables[self._read - 1]

    # ---- the end -----------------------------------------------------------------------------------------------

    def _results(self) -> list:
        others = self.drawn.sample(self.live, min(len(self.live), self.drawn.randint(0, 3)))
        return list(dict.fromkeys([self.live[-1], *others]))

    def _trained(self, inputs) -> list:
        """Results, then a loss of some of the values, its gradients, and perhaps other values for the weights."""
        drawn, results, loss = self.drawn, self._results(), 0.0
        for value in dict.fromkeys([*drawn.sample(self.live, min(len(self.live), 2)), self.live[-1]]):
            factors = np.random.default_rng([self.seed, 7]).integers(-4, 5, value.shape).astype(np.float32)
            loss += drawn.choice([lambda x, f: ops.mean(x), lambda x, f: ops.mean(ops.square(x - 0.25)),
                                  lambda x, f: ops.sum(x * f) * 0.0625, lambda x, f: ops.sum(ops.max(x)) * 0.125])(
                value, factors)
        read = self.variables[:self._read]
        *of_weights, of_input, of_value = engine.gradients(loss, [*read, inputs[0], drawn.choice(self.live)])
        results += [loss, of_input, of_value]
        kind = drawn.choice(["gradients", "gathered", "flat", "each", "each"]) if read else "gradients"
        if kind == "each":
            for variable, gradient in zip(read, of_weights, strict=True):
                twin = drawn.choice([other for other in read if other.shape == variable.shape])
                change = drawn.choice([*[variable.value - 0.125 * gradient] * 3, gradient, twin.value * 0.5, None])
                if change is not None:
                    variable.assign(change)
        elif kind == "gradients":
            results += of_weights
        else:
            self.group = self.group or FlatGroup(read)
            flat = ops.flat_gradients(of_weights, self.group.offsets, self.group.size)
            if kind == "gathered":
                results.append(flat)
            else:
                self.group.flat.assign(self.group.flat.value - 0.125 * flat)
        return results

    # ---- steps ---------------------------------------------------------------------------------------------------

    def _step(self, x) -> None:
        kinds = KINDS + KINDS_OF_MAPS * 2 if x.ndim in (3, 4, 5) else KINDS
        found = getattr(self, self.drawn.choice(kinds))(x)
        for value in found if isinstance(found, (tuple, list)) else [found]:
            if value.type.size <= LARGEST:
                self.live.append(value)

    def unary(self, x):
        return self.drawn.choice(UNARY)(x)

    def binary(self, x):
        """With a value, a number, or a weight that is broadcast; in either order."""
        shape = [n if self.drawn.random() < 0.6 else 1 for n in x.shape]
        cut = self.drawn.randint(0, len(shape))
        same = [value for value in self.live if value.shape == x.shape]
        number, weights = self.drawn.choice([0.5, -1.25, 2.0, 0.0]), [shape[cut:], x.shape[-1:]]
        other = self.drawn.choice([*same[-3:], number, *(self.weight(*shape, scale=0.5) for shape in weights)])
        pair = (x, other) if self.drawn.random() < 0.6 else (other, x)
        return self.drawn.choice(BINARY)(*(ops.cast(item, "float32") for item in pair))

    def _axes(self, x):
        return tuple(self.drawn.sample(range(x.ndim), self.drawn.randint(1, x.ndim))) if x.ndim else None

    def reduce(self, x):
        axes, kept = self._axes(x), self.drawn.random() < 0.5
        if self.drawn.random() < 0.15 and x.ndim:
            mean, variance = ops.moments(x, axes, keepdims=True)
            return (x - mean) * ops.rsqrt(variance + 0.1)
        if self.drawn.random() < 0.1 and x.ndim and x.shape[-1] < 40:
            return ops.one_hot(ops.argmax(x, axis=-1), x.shape[-1]) * x
        return self.drawn.choice(REDUCTIONS)(x, axis=self.drawn.choice([None, axes, axes]), keepdims=kept)

    def move(self, x):
        """Something that only moves numbers."""
        drawn, rank = self.drawn, x.ndim
        if rank == 0:
            return ops.reshape(x, (1,))
        axis, half = drawn.randrange(rank), x.shape[0] // 2
        beside = [value for value in self.live if value.ndim == rank
                  and value.shape[:axis] + value.shape[axis + 1:] == x.shape[:axis] + x.shape[axis + 1:]]
        side = drawn.choice([n for n in range(1, x.type.size + 1) if x.type.size % n == 0][:12])
        pairs = [(drawn.randint(0, min(1, n - 1)), drawn.randint(0, min(2, n - 1))) for n in x.shape]
        return drawn.choice([
            lambda: ops.transpose(x, drawn.sample(range(rank), rank)), lambda: ops.reshape(x, (side, -1)),
            lambda: ops.reshape(x, (-1,)), lambda: ops.squeeze(x), lambda: ops.flip(x, self._axes(x)),
            lambda: x[tuple(self._range(n) for n in x.shape)], lambda: x[..., self._range(x.shape[-1])],
            lambda: x[..., drawn.randrange(x.shape[-1])], lambda: ops.concatenate([x, drawn.choice(beside)], axis),
            lambda: ops.concatenate([drawn.choice(beside), x, x], axis),
            lambda: ops.pad(x, pairs, constant_values=drawn.choice([0.0, -1.5])),
            lambda: ops.pad(x, pairs, mode=drawn.choice(["reflect", "symmetric", "edge"])),
            lambda: ops.roll(x, drawn.randint(-3, 3), axis), lambda: ops.repeat(x, 2, axis),
            lambda: ops.tile(x, [drawn.choice([1, 1, 2]) for _ in x.shape]),
            lambda: ops.split(x, [half], axis=0) if half else x,
            lambda: ops.expand_dims(x, axis) if rank < 5 else x,
            lambda: ops.broadcast_to(x, (2, *x.shape)) if rank < 5 else x,
            lambda: ops.stack([x, x * 0.5], axis) if rank < 5 else x])()

    def _range(self, length: int) -> slice:
        first = self.drawn.randrange(length)
        last = self.drawn.randrange(first, length)
        return self.drawn.choice([slice(None), slice(first, last + 1, self.drawn.randint(1, 3)),
                                  slice(last, first - 1 if first else None, -self.drawn.randint(1, 2))])

    def softmax(self, x):
        function = self.drawn.choice([ops.softmax, ops.log_softmax])
        return function(x, axis=self.drawn.randrange(x.ndim)) if x.ndim else x * 0.25

    def take(self, x):
        if not x.ndim:
            return x * 0.75
        axis = self.drawn.randrange(x.ndim)
        if self.drawn.random() < 0.3:
            return ops.take_along_axis(x, ops.argsort(x, axis=axis), axis=axis)
        length = x.shape[axis]
        places = np.int32([self.drawn.randrange(-length, length) for _ in range(self.drawn.randint(1, 4))])
        return ops.take(x, places, axis=axis)

    def normalise(self, x):
        """By the last axis, or as a batch normalisation that predicts."""
        channels = x.shape[-1:]
        if not channels:
            return x * 0.5
        if self.drawn.random() < 0.5:
            return ops.layer_normalization(x, self.weight(*channels, scale=1.0), self.weight(*channels, scale=1.0),
                                           axis=-1, epsilon=0.01)
        variance = ops.absolute(self.weight(*channels, scale=0.5)) + 0.25
        return ops.batch_normalization(x, self.weight(*channels, scale=0.5), variance, -1,
                                       self.weight(*channels, scale=0.5), self.weight(*channels, scale=1.0))

    def drop(self, x):
        """Numbers that are drawn."""
        if self.drawn.random() < 0.5:
            return ops.dropout(x, self._state, self.drawn.choice([0.1, 0.25, 0.5]), self.drawn.randint(0, 3))
        return x + 0.1 * ops.random_uniform(self._state, x.shape, -1.0, 1.0, self.drawn.randint(4, 6))

    def matmul(self, x):
        if not x.ndim:
            return x + 0.5
        if x.ndim > 2 and self.drawn.random() < 0.4:
            return self.drawn.choice([lambda: ops.matmul(x, ops.swapaxes(x, -1, -2)) / x.shape[-1],
                                      lambda: ops.einsum("...ij,...kj->...ik", x, x) / x.shape[-1]])()
        return self._behind(ops.matmul(x, self.weight(x.shape[-1], self.drawn.choice([1, 2, 3, 5, 8, 10, 17, 33]))))

    def batch_norm(self, x):
        gamma, beta = self.weight(x.shape[-1], scale=1.0), self.weight(x.shape[-1], scale=0.5)
        y, mean, variance = ops.batch_norm(x, gamma, beta, 0.01)
        if self.drawn.random() < 0.3:
            return y, mean, variance
        y = self.drawn.choice([ops.relu, ops.relu6, lambda z: ops.clip(z, 0.0, 1.0), lambda z: z])(y)
        return self._pooled(y) if self.drawn.random() < 0.5 else y

    def _behind(self, y):
        """What layers do behind their sums, and what may come between."""
        def shift(y):
            return y + self.weight(y.shape[-1], scale=0.5)

        def scale(y):
            return y * self.weight(y.shape[-1], scale=1.0)
        for chance, change in ((0.5, shift), (0.25, scale), (0.5, ops.relu), (0.2, scale), (0.2, shift),
                               (0.4, self._pooled)):
            if self.drawn.random() < chance:
                y = change(y)
                if self.drawn.random() < 0.1:
                    self.live.append(y)
        return y

    def _pooled(self, y):
        if y.ndim != 4 or min(y.shape[1:3]) < 3:
            return y
        return ops.max_pool(y, self.drawn.choice([2, 2, 3]), self.drawn.choice([None, None, 1, 2, 3]))

    def _windows(self, x) -> tuple:
        """Kernel, strides, padding and dilation of a convolution."""
        drawn, sides = self.drawn, x.shape[1:-1]
        size, padding = [drawn.choice([1, 2, 3, 3, 4, 5, 7]) for _ in sides], drawn.choice(["valid", "same", "same"])
        strides, dilation = [drawn.choice([1, 1, 1, 2, 3]) for _ in sides], [1 for _ in sides]
        if drawn.random() < 0.6:
            size, strides = size[:1] * len(sides), strides[:1] * len(sides)
        if drawn.random() < 0.15:
            strides, dilation = [1 for _ in sides], [drawn.randint(1, 3) for _ in sides]
        if padding == "valid":
            size = [min(k, (n - 1) // d + 1) for k, n, d in zip(size, sides, dilation, strict=True)]
        return size, strides, padding, dilation

    def convolve(self, x):
        size, strides, padding, dilation = self._windows(x)
        groups = self.drawn.choice([1, 1, 1, 1, *(g for g in (2, 3, 4, 8) if x.shape[-1] % g == 0 and x.ndim < 5)])
        weights = self.weight(*size, x.shape[-1] // groups, groups * self.drawn.choice([1, 2, 3, 4, 5, 8, 16]))
        return self._behind(ops.conv(x, weights, strides, padding, None, dilation))

    def residual(self, x):
        y = ops.conv(x, self.weight(*[3 for _ in x.shape[1:-1]], x.shape[-1], x.shape[-1]), 1, "same")
        return ops.relu(x + self.drawn.choice([self.normalise, self.unary])(y))

    def depthwise(self, x):
        if x.ndim == 5:
            return x * 0.25
        size, strides, padding, dilation = self._windows(x)
        weights = self.weight(*size, x.shape[-1], self.drawn.choice([1, 1, 2]))
        return self._behind(ops.depthwise_conv(x, weights, max(strides) if max(dilation) == 1 else 1, padding, None,
                                               dilation))

    def transposed(self, x):
        if x.type.size > 4000 or x.ndim == 5 and x.type.size > 500:
            return x + 0.25
        size = [self.drawn.randint(1, 5) for _ in x.shape[1:-1]]
        strides, padding = self.drawn.randint(1, 3), self.drawn.choice(["valid", "same"])
        weights = self.weight(*size, self.drawn.choice([1, 2, 3, 8]), x.shape[-1])
        return self._behind(ops.conv_transpose(x, weights, strides, padding))

    def pool(self, x):
        size = [self.drawn.randint(1, min(4, n)) for n in x.shape[1:-1]]
        strides = self.drawn.choice([None, None, [self.drawn.randint(1, 3) for _ in size]])
        function = self.drawn.choice([ops.max_pool, ops.average_pool])
        return function(x, size, strides, self.drawn.choice(["valid", "same"]))


    def __repr__(self) -> str:
        return f"program {self.seed}"


if __name__ == "__main__":
    print(Program(int(sys.argv[1])).graph())
