"""The updates of training: one pass over all weights, which lie in one flat vector, and the gathering of gradients.

Numbers that change from step to step come in a float32 vector `scalars`, computed in float64 beforehand:

    adam_update   scalars = (alpha, 1 - beta_1, 1 - beta_2, epsilon, decay, scale)
        g' = scale * g;  w' = w - decay * w
        m = m + (g' - m) * (1 - beta_1);  v = v + (g' * g' - v) * (1 - beta_2)
        w = w' - alpha * m / (sqrt(v) + epsilon),   alpha = rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)

    sgd_update    scalars = (rate, momentum, decay, scale)
        g' = scale * g;  w' = w - decay * w
        velocity = momentum * velocity - rate * g'
        w = w' + velocity, or with nesterov w = w' + momentum * velocity - rate * g'

`scale` is 1 unless gradients are clipped by their norm; `decay` is 0, or rate * weight_decay (AdamW).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from striate.errors import ShapeError, received
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register

ADAM_SCALARS = ("alpha", "one_minus_beta_1", "one_minus_beta_2", "epsilon", "decay", "scale")
SGD_SCALARS = ("rate", "momentum", "decay", "scale")


def _flat(inputs: Sequence[TensorType], scalars: int, names: tuple[str, ...]) -> None:
    vectors = [i for position, i in enumerate(inputs) if position != scalars]
    if len({i.shape for i in vectors}) != 1 or inputs[scalars].shape != (len(names),):
        raise ShapeError(f"An update needs vectors of one length and scalars ({', '.join(names)}). "
                         + received(shapes=[i.shape for i in inputs]))


def _adam_shape(inputs):
    _flat(inputs, 3, ADAM_SCALARS)
    return list(inputs[:3])


def _adam_reference(w, m, v, scalars, g):
    alpha, beta1, beta2, epsilon, decay, scale = scalars.astype(np.float64)
    g64, m64, v64, w64 = (a.astype(np.float64) for a in (g * scale, m, v, w))
    w64 = w64 - decay * w64
    m64 = m64 + (g64 - m64) * beta1
    v64 = v64 + (g64 * g64 - v64) * beta2
    w64 = w64 - alpha * m64 / (np.sqrt(v64) + epsilon)
    return [w64.astype(w.dtype), m64.astype(m.dtype), v64.astype(v.dtype)]


def _sgd_shape(inputs, nesterov=False):
    _flat(inputs, len(inputs) - 2, SGD_SCALARS)
    return list(inputs[:len(inputs) - 2])


def _sgd_reference(w, *rest, nesterov=False):
    *velocity, scalars, g = rest
    rate, momentum, decay, scale = scalars.astype(np.float64)
    g64, w64 = g.astype(np.float64) * scale, w.astype(np.float64)
    w64 = w64 - decay * w64
    if not velocity:
        return [(w64 - rate * g64).astype(w.dtype)]
    speed = momentum * velocity[0].astype(np.float64) - rate * g64
    w64 = w64 + (momentum * speed - rate * g64 if nesterov else speed)
    return [w64.astype(w.dtype), speed.astype(velocity[0].dtype)]


def _flat_shape(inputs, offsets, size):
    return [TensorType((size,), "float32")]


def _flat_reference(*gradients, offsets, size):
    flat = np.zeros(size, gradients[0].dtype)
    for gradient, offset in zip(gradients, offsets, strict=True):
        flat[offset:offset + gradient.size] = gradient.reshape(-1)
    return [flat]


register(OpSpec("adam_update", _adam_shape, _adam_reference, flops=lambda inputs, outputs, _: 14 * inputs[0].size))
register(OpSpec("sgd_update", _sgd_shape, _sgd_reference, flops=lambda inputs, outputs, _: 7 * inputs[0].size))
register(OpSpec("flat_gradients", _flat_shape, _flat_reference))


def adam_update(w, m, v, scalars, g):
    """One Adam step on flat float32 vectors of one length; gives the new (w, m, v).

    scalars: float32 (6,), see the head of this file.

    w and g: (n,), like the state beside them.

    Raises:
        ShapeError: when lengths differ.
    """
    return apply("adam_update", [w, m, v, scalars, g])


def sgd_update(w, velocity, scalars, g, nesterov=False):
    """One step of gradient descent with momentum on flat float32 vectors; gives the new (w, velocity).

    velocity: None for plain descent, which then gives the new w alone.
    scalars: float32 (4,), see the head of this file.

    w and g: (n,), like the state beside them.

    `nesterov`: whether the step looks ahead.

    Raises:
        ShapeError: when lengths differ.
    """
    if velocity is None:
        return apply("sgd_update", [w, scalars, g], nesterov=False)
    return apply("sgd_update", [w, velocity, scalars, g], nesterov=bool(nesterov))


def flat_gradients(gradients, offsets, size):
    """The gradients one after the other in a vector of `size` float32, gradient i at `offsets[i]`; the gaps are 0.

    Shapes: gradients any, `offsets` one integer each; gives (size,).
    """
    return apply("flat_gradients", list(gradients), offsets=tuple(offsets), size=int(size))
