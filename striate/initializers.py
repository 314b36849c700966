"""How weights begin: Keras' distributions, drawn from striate's own counter-based random stream.

An initializer without a seed takes the next stream of the global seed when it is made, so the same program after the
same `keras.utils.set_random_seed` draws the same weights, whatever else was computed in between.
"""

from __future__ import annotations

import inspect
from math import prod, sqrt
from typing import Any

import numpy as np

from striate import ops, seeds
from striate.errors import ArgumentError, ShapeError, received
from striate.outside import missing
from striate.serialization import Configurable, export, resolve
from striate.serialization import serialize_keras_object as serialize

_STEP = 1 << 40
"""Weights are drawn at steps that no training reaches, so that a mask never repeats them."""


def _named(name: str):
    """Exports an initializer under its class name and its snake case."""
    def enter(kind):
        return export(f"keras.initializers.{kind.__name__}", f"keras.initializers.{name}")(kind)
    return enter


@export("keras.initializers.Initializer")
class Initializer(Configurable):
    """Base: `initializer(shape, dtype)` gives an array.

    Shapes: any; float32.

    Example:
        >>> class Half(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return np.full(shape, 0.5, np.float32)
        >>> Half()((2,)).tolist()
        [0.5, 0.5]
    """

    def __call__(self, shape, dtype=None) -> np.ndarray:
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")

    def clone(self) -> Initializer:
        """An equal initializer."""
        return type(self).from_config(self.get_config())


@_named("zeros")
class Zeros(Initializer):
    """All zeros.

    Shapes: any.
    """

    def __call__(self, shape, dtype=None) -> np.ndarray:
        return np.zeros(shape, dtype or "float32")


@_named("ones")
class Ones(Initializer):
    """All ones.

    Shapes: any.
    """

    def __call__(self, shape, dtype=None) -> np.ndarray:
        return np.ones(shape, dtype or "float32")


@_named("constant")
class Constant(Initializer):
    """One value everywhere, or an array.

    Shapes: any; an array must have the shape of the weights.
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.value, dtype or "float32"), shape).copy()


@export("keras.initializers.Identity", "keras.initializers.IdentityInitializer", "keras.initializers.identity")
class Identity(Initializer):
    """The identity matrix times `gain`; only for two axes.

    Shapes: (n, m).

    Raises:
        ShapeError: another number of axes.
    """

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None) -> np.ndarray:
        if len(shape) != 2:
            raise ShapeError("Identity matrix initializer can only be used for 2D matrices. " + received(shape=shape))
        return self.gain * np.eye(*shape, dtype=np.dtype(dtype or "float32"))


class RandomInitializer(Initializer):
    """Base of the random ones.

    `seed` (None, an int or a `SeedGenerator`) is kept for the configuration; each call of one initializer draws the
    same numbers, as in Keras.
    """

    def __init__(self, seed=None):
        self.seed = seed
        self._stream = seeds.new_stream() if seed is None else 0

    def _state(self, round_number: int = 0) -> np.ndarray:
        seed = seeds.global_seed() if self.seed is None else int(getattr(self.seed, "seed", self.seed))
        return seeds.state_words(seed, _STEP + round_number)

    def _uniform(self, shape, low: float, high: float) -> np.ndarray:
        return ops.random_uniform(self._state(), shape, low, high, stream=self._stream)

    def _normal(self, shape, mean: float, stddev: float) -> np.ndarray:
        return ops.random_normal(self._state(), shape, mean, stddev, stream=self._stream)

    def _truncated_normal(self, shape, mean: float, stddev: float) -> np.ndarray:
        """Normal numbers within two standard deviations: those outside are drawn again, at their own place."""
        drawn = np.full(shape, np.inf, np.float32)
        round_number = 0
        while (outside := np.abs(drawn) > 2.0).any():
            again = ops.random_normal(self._state(round_number), shape, stream=self._stream)
            drawn = np.where(outside, again, drawn)
            round_number += 1
        return drawn * np.float32(stddev) + np.float32(mean)


@_named("random_normal")
class RandomNormal(RandomInitializer):
    """Normal numbers.

    Shapes: any. `mean`, `stddev`: of the distribution; `seed`: an int for numbers that never change.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape, dtype=None) -> np.ndarray:
        return self._normal(shape, self.mean, self.stddev).astype(dtype or "float32")


@_named("truncated_normal")
class TruncatedNormal(RandomInitializer):
    """Normal numbers; those further than two standard deviations away are drawn again.

    Shapes: any. `mean`, `stddev`: of the distribution; `seed`: an int for numbers that never change.
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean, self.stddev = mean, stddev

    def __call__(self, shape, dtype=None) -> np.ndarray:
        return self._truncated_normal(shape, self.mean, self.stddev).astype(dtype or "float32")


@_named("random_uniform")
class RandomUniform(RandomInitializer):
    """Numbers evenly between two bounds.

    Shapes: any. Numbers in [`minval`, `maxval`); `seed`: an int for numbers that never change.
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval, self.maxval = minval, maxval

    def __call__(self, shape, dtype=None) -> np.ndarray:
        return self._uniform(shape, self.minval, self.maxval).astype(dtype or "float32")


def compute_fans(shape, input_axes=None, output_axes=None) -> tuple[int, int]:
    """How many numbers go into and come out of one unit of a weight array.

    By default the last axis but one is the input's, the last the output's, and all others are a window. When axes are
    named, those that are neither input nor output are the window.

    Shapes: `shape` a tuple; `input_axes`, `output_axes`: tuples of axes.

    Example:
        >>> compute_fans((3, 3, 16, 32))
        (144, 288)
    """
    shape = tuple(shape)
    if input_axes is not None or output_axes is not None:
        inputs = {axis % len(shape) for axis in _axes(input_axes)}
        outputs = {axis % len(shape) for axis in _axes(output_axes)}
        window = prod(n for axis, n in enumerate(shape) if axis not in inputs | outputs)
        return (window * prod(shape[axis] for axis in inputs), window * prod(shape[axis] for axis in outputs))
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    window = prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _axes(axes) -> tuple:
    return () if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)


@_named("variance_scaling")
class VarianceScaling(RandomInitializer):
    """Random numbers whose spread follows the number of inputs, of outputs, or their mean.

    Shapes: any.

    Args:
        scale: a factor on the variance, positive.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: an int for numbers that never change.
        input_axes, output_axes: which axes of the shape are inputs and outputs, if not the last two.

    Raises:
        ArgumentError: an argument is none of these.
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None, input_axes=None,
                 output_axes=None):
        super().__init__(seed)
        if scale <= 0.0:
            raise ArgumentError("Argument `scale` must be positive float. " + received(scale=scale))
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError("Invalid `mode` argument: must be one of 'fan_in', 'fan_out', 'fan_avg'. "
                                + received(mode=mode))
        distribution = "truncated_normal" if distribution.lower() == "normal" else distribution.lower()
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ArgumentError("Invalid `distribution` argument: must be one of 'uniform', 'truncated_normal', "
                                "'untruncated_normal'. " + received(distribution=distribution))
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def get_config(self):
        """The arguments; axes only if they were given, because older Keras does not know them."""
        config = super().get_config()
        if self.input_axes is None and self.output_axes is None:
            del config["input_axes"], config["output_axes"]
        return config

    def __call__(self, shape, dtype=None) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = sqrt(3.0 * variance)
            drawn = self._uniform(shape, -limit, limit)
        elif self.distribution == "truncated_normal":
            cut_standard_deviation = 0.87962566103423978
            drawn = self._truncated_normal(shape, 0.0, sqrt(variance) / cut_standard_deviation)
        else:
            drawn = self._normal(shape, 0.0, sqrt(variance))
        return drawn.astype(dtype or "float32")


def _scaling(class_name: str, alias: str, scale: float, mode: str, distribution: str, doc: str, source: str) -> type:
    """A named member of the family of `VarianceScaling`."""
    def construct(self, seed=None, input_axes=None, output_axes=None):
        VarianceScaling.__init__(self, scale, mode, distribution, seed, input_axes, output_axes)
    text = (f"{doc}\n\n    Shapes: any; inputs and outputs as in `compute_fans`. `seed`, `input_axes`, `output_axes`\n"
            f"    as in `VarianceScaling`. Source: {source}.\n    ")
    kind = type(class_name, (VarianceScaling,), {"__init__": construct, "__doc__": text, "__module__": __name__})
    return _named(alias)(kind)


_GLOROT, _HE = "Glorot and Bengio (2010)", "He and others (2015), arXiv:1502.01852"
_LECUN = "LeCun and others (1998), Efficient backprop"
GlorotUniform = _scaling("GlorotUniform", "glorot_uniform", 1.0, "fan_avg", "uniform",
                         "Uniform within sqrt(6 / (inputs + outputs)): the usual start of convolutions.", _GLOROT)
GlorotNormal = _scaling("GlorotNormal", "glorot_normal", 1.0, "fan_avg", "truncated_normal",
                        "Truncated normal with variance 2 / (inputs + outputs).", _GLOROT)
HeUniform = _scaling("HeUniform", "he_uniform", 2.0, "fan_in", "uniform",
                     "Uniform within sqrt(6 / inputs), for ReLU.", _HE)
HeNormal = _scaling("HeNormal", "he_normal", 2.0, "fan_in", "truncated_normal",
                    "Truncated normal with variance 2 / inputs, for ReLU.", _HE)
LecunUniform = _scaling("LecunUniform", "lecun_uniform", 1.0, "fan_in", "uniform",
                         "Uniform within sqrt(3 / inputs).", _LECUN)
LecunNormal = _scaling("LecunNormal", "lecun_normal", 1.0, "fan_in", "truncated_normal",
                       "Truncated normal with variance 1 / inputs, for SELU.", _LECUN)


@export("keras.initializers.Orthogonal", "keras.initializers.OrthogonalInitializer", "keras.initializers.orthogonal")
class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal rows or columns, times `gain`; further axes are folded into the rows.

    Shapes: two axes or more, else a `ShapeError`. `seed` as in `VarianceScaling`. Source: Saxe and others (2014),
    arXiv:1312.6120.
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = gain

    def __call__(self, shape, dtype=None) -> np.ndarray:
        if len(shape) < 2:
            raise ShapeError("The tensor to initialize must be at least two-dimensional. " + received(shape=shape))
        rows, columns = prod(shape[:-1]), shape[-1]
        drawn = self._normal((max(rows, columns), min(rows, columns)), 0.0, 1.0).astype(np.float64)
        basis, triangle = np.linalg.qr(drawn)
        basis = basis * np.sign(np.diag(triangle))
        if rows < columns:
            basis = basis.T
        return (self.gain * basis.reshape(shape)).astype(dtype or "float32")


def deserialize(config: dict | str, custom_objects: dict | None = None):
    """The initializer of a configuration, or of a name.

    `config`: a name or what `serialize` gave; `custom_objects`: {name: class} of your own. Raises `ArgumentError` for
    an unknown name.
    """
    from striate.serialization import deserialize_keras_object

    if isinstance(config, str):
        return get(config)
    return deserialize_keras_object(config, custom_objects, module="keras.initializers")


def get(identifier: Any):
    """The initializer for None, a name, a class, a configuration, an array, a function or an initializer.

    `identifier`: one of these. Raises `ArgumentError` for an unknown name.

    Example:
        >>> get("he_normal").get_config()["seed"] is None
        True
    """
    if identifier is None:
        return None
    if isinstance(identifier, np.ndarray) or hasattr(identifier, "__striate_value__"):
        return Constant(np.asarray(identifier))
    found = resolve(identifier, "keras.initializers", "initializer", _ALIASES)
    return found() if inspect.isclass(found) else found


_ALIASES = {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros}

IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
constant, identity, ones, zeros, orthogonal = Constant, Identity, Ones, Zeros, Orthogonal
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform, variance_scaling = LecunNormal, LecunUniform, VarianceScaling
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal

__all__ = ["Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "Initializer",
           "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomInitializer", "RandomNormal", "RandomUniform",
           "TruncatedNormal", "VarianceScaling", "Zeros", "compute_fans", "deserialize", "get", "serialize"]


def __getattr__(name: str):
    raise missing("keras.initializers", name)
