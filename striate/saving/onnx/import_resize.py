"""Images of another size: `Resize` and the older `Upsample`, one axis at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate import layers, ops
from striate.ops.image import weigh_axis
from striate.saving.onnx.builder import LAST, MAX_CONSTANT, Builder, Tensor, reads

_MAX_LENGTH = 1 << 16


@reads("Resize")
def _resize(b, node, x, *rest):
    x, attributes = b.tensor(x), node.attributes
    if b.opset < 11:
        return _resized(b, x, _lengths(b, x, rest[0], None, range(x.ndim)), "asymmetric")
    roi, scales, sizes = (*rest, None, None, None)[:3]
    axes = [axis % x.ndim for axis in attributes.get("axes") or range(x.ndim)]
    mode = attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "tf_crop_and_resize" or attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise b.refuse("crops or keeps the aspect ratio, which is not read", mode=mode)
    return _resized(b, x, _lengths(b, x, scales, sizes, axes), mode)


@reads("Upsample")
def _upsample(b, node, x, scales=None):
    x = b.tensor(x)
    given = np.array(node.attributes["scales"], np.float32) if scales is None else scales
    return _resized(b, x, _lengths(b, x, given, None, range(x.ndim)), "asymmetric")


def _lengths(b: Builder, x: Tensor, scales, sizes, axes) -> dict[int, tuple[int, float]]:
    """Axis -> (new length, scale), for the axes that change."""
    numbers = b.array(scales, "scales") if scales is not None and np.size(scales) else b.array(sizes, "sizes")
    if numbers.size != len(list(axes)):
        raise b.refuse("needs one number for each axis", given=numbers)
    found = {}
    for axis, number in zip(axes, numbers.ravel().tolist(), strict=True):
        by_scale = scales is not None and np.size(scales)
        length = x.shape[axis]
        if length is None:
            if number == 1 and by_scale or axis == 0:
                continue
            raise b.refuse("needs known lengths", shape=x.shape)
        scale = float(number) if by_scale else number / length
        new = int(np.floor(length * scale)) if by_scale else int(number)
        if not 1 <= new <= _MAX_LENGTH:
            raise b.refuse("makes an axis too long or too short", length=new)
        if new != length or scale != 1:
            found[axis] = (new, scale)
    return found


def _resized(b: Builder, x: Tensor, changes: dict[int, tuple[int, float]], mode: str) -> Tensor:
    kind = b.node.attributes.get("mode", "nearest")
    whole = tuple(scale for _, scale in changes.values())
    spatial = range(2, x.ndim)
    if changes and x.ndim < 6 and set(changes) <= set(spatial) and all(scale == int(scale) for scale in whole):
        factors = tuple(int(changes[axis][1]) if axis in changes else 1 for axis in spatial)
        name = _as_upsampling(b, kind, mode)
        if name and len(factors) == 2:
            return Tensor(b.layer(layers.UpSampling2D, b.last(x), size=factors, interpolation=name), LAST)
        if name == "nearest":
            enlarging = layers.UpSampling1D if len(factors) == 1 else layers.UpSampling3D
            return Tensor(b.layer(enlarging, b.last(x), size=factors[0] if len(factors) == 1 else factors), LAST)
    y = b.last(x) if x.ndim > 2 else b.natural(x)
    order = LAST if x.ndim > 2 else "natural"
    for axis, (new, scale) in changes.items():
        length = int(x.shape[axis] or 0)
        places = _places(b, length, new, scale, mode)
        axis = b.place(axis, order, x.ndim)
        if kind == "nearest":
            y = ops.take(y, _nearest(b, places, length), axis=axis)
        else:
            y = weigh_axis(y, _matrix(b, places, length, kind, scale), axis)
    return Tensor(y, order)


def _as_upsampling(b: Builder, kind: str, mode: str) -> str | None:
    """The interpolation of an `UpSampling2D` that does the same, if there is one."""
    if b.node.attributes.get("antialias"):
        return None
    rounding = b.node.attributes.get("nearest_mode", "round_prefer_floor")
    if kind == "nearest" and (mode, rounding) in (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor")):
        return "nearest"
    if kind == "nearest" and b.opset < 11:
        return "nearest"
    return "bilinear" if kind == "linear" and mode == "half_pixel" else None


def _places(b: Builder, length: int, new: int, scale: float, mode: str) -> np.ndarray:
    """Where in the input each output element looks, in pixels."""
    at = np.arange(new, dtype=np.float64)
    if mode == "asymmetric":
        return at / scale
    if mode == "align_corners":
        return at * ((length - 1) / (length * scale - 1)) if new > 1 else np.zeros(1)
    if mode == "pytorch_half_pixel":
        return (at + 0.5) / scale - 0.5 if new > 1 else np.zeros(1)
    if mode == "half_pixel_symmetric":
        adjustment = new / (scale * length)
        centre = length / 2
        return centre * (1 - adjustment) + (at + 0.5) / scale - 0.5
    if mode != "half_pixel":
        raise b.refuse("maps coordinates in an unknown way", coordinate_transformation_mode=mode)
    return (at + 0.5) / scale - 0.5


def _nearest(b: Builder, places: np.ndarray, length: int) -> np.ndarray:
    rounding = b.node.attributes.get("nearest_mode", "floor" if b.opset < 11 else "round_prefer_floor")
    rounded: dict[str, Callable] = {
        "floor": np.floor, "ceil": np.ceil, "round_prefer_floor": lambda x: np.ceil(x - 0.5),
        "round_prefer_ceil": lambda x: np.floor(x + 0.5)}
    if rounding not in rounded:
        raise b.refuse("rounds in an unknown way", nearest_mode=rounding)
    return np.clip(rounded[rounding](places), 0, length - 1).astype(np.int32)


def _matrix(b: Builder, places: np.ndarray, length: int, kind: str, scale: float) -> np.ndarray:
    """(new, length) weights of linear or cubic interpolation; those beyond the border fall to the border."""
    if kind not in ("linear", "cubic"):
        raise b.refuse("interpolates in an unknown way", mode=kind)
    if places.size * length > MAX_CONSTANT:
        raise b.refuse("needs too large a table", length=length, new=places.size)
    wide = 1.0 / scale if b.node.attributes.get("antialias") and scale < 1 else 1.0
    reach = int(np.ceil((1 if kind == "linear" else 2) * wide)) + 1
    taps = np.floor(places).astype(int)[:, np.newaxis] + np.arange(-reach, reach + 1)
    distance = np.abs(places[:, np.newaxis] - taps) / wide
    a = b.node.attributes.get("cubic_coeff_a", -0.75)
    if kind == "linear":
        weights = np.maximum(0, 1 - distance)
    else:
        near = (a + 2) * distance ** 3 - (a + 3) * distance ** 2 + 1
        far = a * distance ** 3 - 5 * a * distance ** 2 + 8 * a * distance - 4 * a
        weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
    if b.node.attributes.get("exclude_outside"):
        weights = np.where((taps >= 0) & (taps < length), weights, 0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    matrix = np.zeros((places.size, length))
    np.add.at(matrix, (np.arange(places.size)[:, np.newaxis], np.clip(taps, 0, length - 1)), weights)
    return matrix.astype(np.float32)
