"""Layers that make one tensor of several."""

from __future__ import annotations

import functools

from striate import ops
from striate.errors import ArgumentError, ShapeError, TypeMismatchError, received
from striate.layers.base import Layer, is_shape
from striate.serialization import export


class Merge(Layer):
    """Base: combines a list of tensors element by element; shorter shapes are stretched as in NumPy."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        """Checks that there are at least two inputs whose shapes can be combined."""
        if is_shape(input_shape) or len(input_shape) < 1:
            raise ArgumentError("A merge layer should be called on a list of at least 1 input. "
                                + received(input_shape=input_shape))
        batches = {shape[0] for shape in input_shape if shape and shape[0] is not None}
        if len(batches) > 1 and 1 not in batches:
            raise ShapeError("Cannot merge tensors with different batch sizes. " + received(shapes=input_shape))

    def _merge(self, inputs: list):
        result = inputs[0]
        for other in inputs[1:]:
            result = self.pair(result, other)
        return result

    def pair(self, one, other):
        """Two tensors combined."""
        raise NotImplementedError

    def call(self, inputs):
        """A list of tensors to one tensor."""
        if not isinstance(inputs, (list, tuple)):
            raise ArgumentError(f"{type(self).__name__} combines a list of tensors. " + received(inputs=inputs)
                                + f". Call it as {type(self).__name__}()([x, y]).")
        ranks = {len(tensor.shape) for tensor in inputs}
        if len(ranks) > 1:
            most = max(ranks)
            inputs = [_with_rank(tensor, most) for tensor in inputs]
        return self._merge(list(inputs))

    def compute_mask(self, inputs, previous_mask=None):
        """A place counts if it counts in any input; all do when an input has no mask."""
        masks = [None] if previous_mask is None else self._masks(inputs, previous_mask)
        if any(mask is None for mask in masks):
            return None
        return functools.reduce(ops.logical_or, masks)

    def _masks(self, inputs, masks) -> list:
        """The masks as a list, one for each input (or None)."""
        if not isinstance(masks, (list, tuple)) or len(masks) != len(inputs):
            raise ArgumentError(f"`mask` must be a list with one mask, or None, for each of the {len(inputs)} inputs. "
                                + received(layer=self.name, mask=masks))
        return list(masks)


def _with_rank(tensor, rank: int):
    """Axes of length 1 after the batch until the tensor has `rank` axes."""
    while len(tensor.shape) < rank:
        tensor = ops.expand_dims(tensor, 1)
    return tensor


def _widened(mask, rank: int):
    """A mask with axes of length 1 at the end until it has `rank` axes."""
    while len(mask.shape) < rank:
        mask = ops.expand_dims(mask, -1)
    return mask


@export("keras.layers.Add")
class Add(Merge):
    """The sum of the inputs.

    Shapes: a list of inputs (batch, ...) that broadcast; gives the broadcast shape. Raises `ShapeError` when they do
    not, `ArgumentError` when the input is no list.

    Example:
        >>> import numpy as np
        >>> np.asarray(Add()([np.ones((1, 2)), np.ones((1, 2))])).tolist()
        [[2.0, 2.0]]
    """

    def pair(self, one, other):
        """one + other."""
        return ops.add(one, other)


@export("keras.layers.Subtract")
class Subtract(Merge):
    """The first of two inputs minus the second.

    Shapes: a list of inputs (batch, ...) that broadcast; gives the broadcast shape. Raises `ShapeError` when they do
    not, `ArgumentError` when the input is no list.

    Raises `ArgumentError` for another number of inputs than two.
    """

    def build(self, input_shape):
        """Checks that there are two inputs."""
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ArgumentError("A `Subtract` layer should be called on exactly 2 inputs. "
                                + received(input_shape=input_shape))

    def pair(self, one, other):
        """one - other."""
        return ops.subtract(one, other)


@export("keras.layers.Multiply")
class Multiply(Merge):
    """The product of the inputs.

    Shapes: a list of inputs (batch, ...) that broadcast; gives the broadcast shape. Raises `ShapeError` when they do
    not, `ArgumentError` when the input is no list.
    """

    def pair(self, one, other):
        """one * other."""
        return ops.multiply(one, other)


@export("keras.layers.Average")
class Average(Merge):
    """The mean of the inputs.

    Shapes: a list of inputs (batch, ...) that broadcast; gives the broadcast shape. Raises `ShapeError` when they do
    not, `ArgumentError` when the input is no list.
    """

    def _merge(self, inputs: list):
        return super()._merge(inputs) / float(len(inputs))

    def pair(self, one, other):
        """one + other."""
        return ops.add(one, other)


@export("keras.layers.Maximum")
class Maximum(Merge):
    """The largest of the inputs, place by place.

    Shapes: a list of inputs (batch, ...) that broadcast; gives the broadcast shape. Raises `ShapeError` when they do
    not, `ArgumentError` when the input is no list.
    """

    def pair(self, one, other):
        """max(one, other)."""
        return ops.maximum(one, other)


@export("keras.layers.Minimum")
class Minimum(Merge):
    """The smallest of the inputs, place by place.

    Shapes: a list of inputs (batch, ...) that broadcast; gives the broadcast shape. Raises `ShapeError` when they do
    not, `ArgumentError` when the input is no list.
    """

    def pair(self, one, other):
        """min(one, other)."""
        return ops.minimum(one, other)


@export("keras.layers.Concatenate")
class Concatenate(Merge):
    """The inputs one after the other along `axis`.

    Shapes: a list of (batch, ..., n) and (batch, ..., m); gives (batch, ..., n + m).

    Raises:
        ShapeError: the shapes differ along another axis.
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        """Checks that shapes agree on all other axes."""
        super().build(input_shape)
        rank = len(input_shape[0])
        others = {tuple(length for place, length in enumerate(shape) if place != self.axis % rank)
                  for shape in input_shape}
        same_rank = len({len(shape) for shape in others}) == 1
        if not same_rank or any(len({shape[place] for shape in others} - {None}) > 1 for place in range(rank - 1)):
            raise ShapeError("A `Concatenate` layer requires inputs with matching shapes except for the concatenation "
                             "axis. " + received(axis=self.axis, input_shape=input_shape))

    def _merge(self, inputs: list):
        return ops.concatenate(inputs, axis=self.axis)

    def compute_mask(self, inputs, previous_mask=None):
        """A place counts if any of its numbers counts in the input that it comes from."""
        masks = [] if previous_mask is None else self._masks(inputs, previous_mask)
        if all(mask is None for mask in masks):
            return None
        whole = [ops.ones_like(tensor, dtype="bool") if mask is None
                 else ops.broadcast_to(_widened(mask, len(tensor.shape)), tensor.shape)
                 for tensor, mask in zip(inputs, masks, strict=True)]
        return ops.any(ops.concatenate(whole, axis=self.axis), axis=-1)


@export("keras.layers.Dot")
class Dot(Merge):
    """Products of two inputs summed over one axis of each, sample by sample.

    Shapes: (batch, n, k) and (batch, m, k) with axes=2 give (batch, n, m); (batch, k) twice with axes=1 gives (batch,
    1).

    Args:
        axes: an axis (not the batch), or one for each input.
        normalize: whether the vectors are brought to length one first (cosine similarity).
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, (int, list, tuple)):
            raise TypeMismatchError("`axes` of Dot must be an integer or two. " + received(axes=axes))
        if not isinstance(axes, int) and (len(axes) != 2 or not all(isinstance(axis, int) for axis in axes)):
            raise ArgumentError("`axes` of Dot must be an integer, or two: one for each input. " + received(axes=axes))
        self.axes = axes if isinstance(axes, int) else tuple(axes)
        self.normalize = normalize

    def build(self, input_shape):
        """Checks that there are two inputs whose axes fit."""
        if is_shape(input_shape) or len(input_shape) != 2:
            raise ArgumentError("A `Dot` layer should be called on a list of 2 inputs. "
                                + received(input_shape=input_shape))
        one, other = self._axes([len(shape) for shape in input_shape])
        if input_shape[0][one] != input_shape[1][other]:
            raise ShapeError("The lengths along `axes` must be equal. "
                             + received(axes=self.axes, input_shape=input_shape))

    def _axes(self, ranks) -> tuple[int, int]:
        axes = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        return axes[0] % ranks[0], axes[1] % ranks[1]

    def call(self, inputs):
        """[x, y] to (batch, rest of x, rest of y); (batch, 1) for vectors."""
        x, y = inputs
        axes = self._axes([len(x.shape), len(y.shape)])
        if self.normalize:
            x, y = (t * ops.rsqrt(ops.maximum(ops.sum(ops.square(t), axis=axis, keepdims=True), 1e-12))
                    for t, axis in zip((x, y), axes, strict=True))
        if len(x.shape) == 2 and len(y.shape) == 2:
            return ops.sum(x * y, axis=1, keepdims=True)
        letters = "bcdefghijklmn"
        left = "a" + letters[:len(x.shape) - 1]
        right = "a" + letters[len(x.shape):len(x.shape) + len(y.shape) - 1]
        summed = left[axes[0]]
        right = right[:axes[1]] + summed + right[axes[1] + 1:]
        result = left.replace(summed, "") + right[1:].replace(summed, "")
        return ops.einsum(f"{left},{right}->{result}", x, y)


def _function(kind: type):
    """The lower-case function for a merge layer: `add([x, y])`."""
    def merge(inputs, **kwargs):
        return kind(**kwargs)(inputs)
    merge.__name__ = kind.__name__.lower()
    merge.__doc__ = f"`{kind.__name__}(**kwargs)(inputs)`; shapes and errors as there."
    return merge


add, subtract, multiply, average = _function(Add), _function(Subtract), _function(Multiply), _function(Average)
maximum, minimum = _function(Maximum), _function(Minimum)


def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate(axis, **kwargs)(inputs)`.

    Shapes and errors as those of the layer.
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """`Dot(axes, **kwargs)(inputs)`.

    Shapes and errors as those of the layer.
    """
    return Dot(axes=axes, **kwargs)(inputs)
