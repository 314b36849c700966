"""What a layer demands of its inputs, checked before anything is computed."""

from __future__ import annotations

from typing import Any

from striate.errors import ShapeError, received
from striate.layers.symbolic import leaves
from striate.serialization import export


@export("keras.layers.InputSpec", "keras.InputSpec")
class InputSpec:
    """Rank, shape and lengths of axes that an input must have; what is None is free.

    Shapes: `shape` with the batch, None for free lengths; `ndim`, `min_ndim`, `max_ndim`: how many axes with the batch;
    `axes`: {axis: length}. `allow_last_axis_squeeze`: whether a last axis of length 1 may be missing or too much;
    `optional`: whether None may come. A layer that is given something else raises `ShapeError`.

    Example:
        >>> InputSpec(ndim=4, axes={-1: 3})
        InputSpec(ndim=4, axes={-1: 3})
    """

    def __init__(self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None,
                 allow_last_axis_squeeze: bool = False, name=None, optional: bool = False):
        self.dtype, self.name = dtype, name
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim, self.axes = max_ndim, min_ndim, dict(axes or {})
        self.allow_last_axis_squeeze, self.optional = allow_last_axis_squeeze, optional

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments that say what must be."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """What `get_config()` described."""
        return cls(**config)

    def __repr__(self) -> str:
        fields = {name: getattr(self, name) for name in ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")}
        return "InputSpec(" + ", ".join(f"{name}={value}" for name, value in fields.items() if value) + ")"


def check_inputs(specs: Any, inputs: Any, layer_name: str) -> None:
    """Raises `ShapeError` in Keras' words when an input does not fit.

    Args:
        specs: an `InputSpec` or a list of them; None when the layer takes everything.
        inputs: the first argument of the layer's call.
        layer_name: for the message.
    """
    if not specs:
        return
    specs = specs if isinstance(specs, (list, tuple)) else [specs]
    tensors = leaves(inputs)
    if len(tensors) != len(specs):
        raise ShapeError(f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(tensors)} '
                         f"input tensors. {received(shapes=[tuple(t.shape) for t in tensors])}")
    for index, (spec, tensor) in enumerate(zip(specs, tensors, strict=True)):
        fault = _fault(spec, tuple(tensor.shape))
        if fault:
            raise ShapeError(f'Input {index} of layer "{layer_name}" is incompatible with the layer: {fault} '
                             f"Full shape received: {tuple(tensor.shape)}.{_advice(spec, tuple(tensor.shape))}")


def _fault(spec: InputSpec, shape: tuple) -> str | None:
    """What is wrong with a shape, in Keras' words; None when it fits."""
    rank = len(shape)
    if spec.ndim is not None and rank != spec.ndim and not spec.allow_last_axis_squeeze:
        return f"expected ndim={spec.ndim}, found ndim={rank}."
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={rank}."
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={rank}."
    for axis, length in spec.axes.items():
        if length is not None and -rank <= axis < rank and shape[axis] not in (length, None):
            return f"expected axis {axis} of input shape to have value {length}, but received input with shape {shape}."
    if spec.shape is not None and any(None not in (want, have) and want != have
                                      for want, have in zip(spec.shape, shape, strict=False)):
        return f"expected shape={spec.shape}, found shape={shape}."
    return None


def _advice(spec: InputSpec, shape: tuple) -> str:
    """How the two usual slips with image shapes are mended."""
    wanted = spec.ndim or spec.min_ndim
    if wanted is not None and len(shape) == wanted - 1:
        return (" The channel axis may be missing: give images as (batch, height, width, channels), for example with "
                "x[..., numpy.newaxis]; one sample alone needs x[numpy.newaxis].")
    if wanted is not None and len(shape) == wanted + 1 and shape[0] is None:
        return (" `input_shape` and `Input(shape)` describe one sample, without the batch: "
                f"use shape={shape[2:]}, not the shape of the whole data set.")
    return ""
