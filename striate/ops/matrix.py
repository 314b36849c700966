"""Matrix products: dense layers and their gradients, batched products, and NumPy's `dot`, `tensordot` and `einsum`.

    dense               y[m, n]  = sum over k of x[m, k] w[k, n]  (+ b[n], then relu)
    dense_weights_grad  dw[k, n] = sum over m of x[m, k] g[m, n],   db[n] = sum over m of g[m, n]
    dense_input_grad    dx[m, k] = sum over n of g[m, n] w[k, n]  (* (mask[m, k] > 0))
    matmul              NumPy's: the last two axes multiply, the axes before them broadcast
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import broadcast_shapes, promoted, shape_of, sum_to_shape
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register


def _same(one: int | None, other: int | None) -> bool:
    return one is None or other is None or one == other


def product_of(lengths: Sequence[int | None]) -> int | None:
    """The product of lengths; None when one of them is."""
    return None if None in lengths else prod(lengths)  # type: ignore[arg-type]


def reshape_to(x, shape: Sequence[int | None]):
    """The tensor in another shape, of which one length may be unknown."""
    if shape_of(x) == tuple(shape):
        return x
    return ops.reshape(x, tuple(-1 if length is None else length for length in shape))


def _wide(array: np.ndarray) -> np.ndarray:
    """The array in the type that references sum in."""
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


# ---- dense --------------------------------------------------------------------------------------------------

def _dense_shape(inputs: Sequence[TensorType], activation: str | None = None) -> list[TensorType]:
    x, w = inputs[0].shape, inputs[1].shape
    if len(x) != 2 or len(w) != 2 or not _same(x[1], w[0]):
        raise ShapeError("dense multiplies x of shape (m, k) by weights of shape (k, n). "
                         + received(x=x, weights=w))
    if len(inputs) > 2 and (len(inputs[2].shape) != 1 or not _same(inputs[2].shape[0], w[1])):
        raise ShapeError(f"The bias of dense must have shape ({w[1]},), one number a column of the weights. "
                         + received(bias=inputs[2].shape))
    if activation not in (None, "relu"):
        raise ArgumentError("dense fuses no activation but 'relu'; apply others to its result. "
                            + received(activation=activation))
    return [TensorType((x[0], w[1]), promoted(inputs[0].dtype, inputs[1].dtype))]


def _dense_reference(x, w, b=None, activation=None):
    y = _wide(x) @ _wide(w)
    if b is not None:
        y += b
    if activation == "relu":
        y = np.where(y <= 0, 0, y)
    return [y.astype(promoted(x.dtype, w.dtype))]


def _dense_gradient(node, g):
    x, w = node.inputs[:2]
    if node.attributes.get("activation") == "relu":
        g = ops.relu_grad(g, node.outputs[0])
    bias = len(node.inputs) > 2
    weights_gradient = dense_weights_grad(x, g, bias=bias)
    return [dense_input_grad(w, g), *(weights_gradient if bias else [weights_gradient])]


def _dense_flops(inputs, outputs, attributes):
    return 2 * prod(inputs[0].shape) * inputs[1].shape[1]


register(OpSpec("dense", _dense_shape, _dense_reference, _dense_gradient, _dense_flops))


def dense(x, weights, bias=None, activation: str | None = None):
    """`x @ weights + bias` over the last axis of x, then `activation` (None or "relu").

    Shapes: x (..., k), weights (k, n), bias (n,); gives (..., n).
    Raises `ShapeError` when these do not fit and `ArgumentError` for another activation.

    Example:
        >>> dense([[1.0, 2.0]], [[3.0], [4.0]], [-20.0], activation="relu")
        array([[0.]], dtype=float32)
    """
    operands = [weights] if bias is None else [weights, bias]
    shape = shape_of(x)
    if len(shape) == 2:
        return apply("dense", [x, *operands], activation=activation)
    if not shape:
        raise ShapeError("dense needs x of at least one axis. " + received(x=shape))
    y = apply("dense", [reshape_to(x, (product_of(shape[:-1]), shape[-1])), *operands], activation=activation)
    return reshape_to(y, (*shape[:-1], shape_of(weights)[1]))


def _dense_weights_grad_shape(inputs: Sequence[TensorType], bias: bool) -> list[TensorType]:
    x, g = inputs[0].shape, inputs[1].shape
    if len(x) != 2 or len(g) != 2 or not _same(x[0], g[0]):
        raise ShapeError("dense_weights_grad takes x of shape (m, k) and g of shape (m, n). " + received(x=x, g=g))
    dw = TensorType((x[1], g[1]), inputs[1].dtype)      # x may be the bytes of a picture
    return [dw, TensorType((g[1],), inputs[1].dtype)] if bias else [dw]


def _dense_weights_grad_reference(x, g, bias):
    dw = (_wide(x).T @ _wide(g)).astype(g.dtype)
    return [dw, _wide(g).sum(axis=0).astype(g.dtype)] if bias else [dw]


def _dense_weights_grad_gradient(node, of_dw, of_db=None):
    x, g = node.inputs
    if of_dw is None:
        return [None, None if of_db is None else ops.broadcast_to(of_db, shape_of(g))]
    return [dense_input_grad(of_dw, g), dense(x, of_dw, of_db)]


register(OpSpec("dense_weights_grad", _dense_weights_grad_shape, _dense_weights_grad_reference,
                _dense_weights_grad_gradient,
                lambda inputs, outputs, attributes: 2 * inputs[0].size * inputs[1].lengths[1]))


def dense_weights_grad(x, g, bias: bool = False):
    """The gradient of `dense` with respect to its weights, `x.T @ g`; with `bias` also to its bias.

    Shapes: x (m, k), g (m, n); gives (k, n), or the pair of (k, n) and (n,). Raises `ShapeError`.

    Example:
        >>> dense_weights_grad([[1.0, 2.0]], [[3.0]])
        array([[3.],
               [6.]], dtype=float32)
    """
    return apply("dense_weights_grad", [x, g], bias=bias)


def _dense_input_grad_shape(inputs: Sequence[TensorType], masked: bool = False) -> list[TensorType]:
    w, g = inputs[0].shape, inputs[1].shape
    if len(w) != 2 or len(g) != 2 or not _same(w[1], g[1]):
        raise ShapeError("dense_input_grad takes weights of shape (k, n) and g of shape (m, n). "
                         + received(weights=w, g=g))
    shape = (g[0], w[0])
    if masked and not all(map(_same, inputs[2].shape, shape)):
        raise ShapeError(f"The mask of dense_input_grad must have the shape of the result, {shape}. "
                         + received(mask=inputs[2].shape))
    return [TensorType(shape, inputs[1].dtype)]


def _dense_input_grad_reference(w, g, mask=None, masked=False):
    dx = _wide(g) @ _wide(w).T
    if masked:
        dx = np.where(mask > 0, dx, 0)
    return [dx.astype(g.dtype)]


def _dense_input_grad_gradient(node, of_dx):
    w, g = node.inputs[:2]
    if node.attributes.get("masked"):
        of_dx = ops.relu_grad(of_dx, node.inputs[2])
    return [dense_weights_grad(of_dx, g), dense(of_dx, w), *[None] * (len(node.inputs) - 2)]


register(OpSpec("dense_input_grad", _dense_input_grad_shape, _dense_input_grad_reference, _dense_input_grad_gradient,
                lambda inputs, outputs, attributes: 2 * inputs[0].size * inputs[1].lengths[0]))


def dense_input_grad(weights, g, mask=None):
    """The gradient of `dense` with respect to its input, `g @ weights.T`; zero where `mask`, if given, is not > 0.

    Shapes: weights (k, n), g (m, n), mask (m, k); gives (m, k). Raises `ShapeError`.

    Example:
        >>> dense_input_grad([[1.0], [2.0]], [[3.0]])
        array([[3., 6.]], dtype=float32)
    """
    if mask is None:
        return apply("dense_input_grad", [weights, g], masked=False)
    return apply("dense_input_grad", [weights, g, mask], masked=True)


# ---- matmul -------------------------------------------------------------------------------------------------

def matmul_shapes(a: tuple, b: tuple, transpose_a: bool = False, transpose_b: bool = False) -> tuple[tuple, tuple]:
    """The shapes of both operands as stacks of matrices (m, k) and (k, n): vectors widened, transposition done."""
    a = (1, *a) if len(a) == 1 else (*a[:-2], a[-1], a[-2]) if transpose_a else a
    b = (*b, 1) if len(b) == 1 else (*b[:-2], b[-1], b[-2]) if transpose_b else b
    return a, b


def _matmul_shape(inputs: Sequence[TensorType], transpose_a=False, transpose_b=False) -> list[TensorType]:
    if not inputs[0].shape or not inputs[1].shape:
        raise ShapeError("matmul multiplies tensors of at least one axis; use multiply for a single number. "
                         + received(a=inputs[0].shape, b=inputs[1].shape))
    a, b = matmul_shapes(inputs[0].shape, inputs[1].shape, transpose_a, transpose_b)
    if not _same(a[-1], b[-2]):
        raise ShapeError("The last axis of a and the last but one of b are summed over, so their lengths must agree. "
                         + received(a=inputs[0].shape, b=inputs[1].shape,
                                    transpose_a=transpose_a, transpose_b=transpose_b))
    shape = broadcast_shapes(a[:-2], b[:-2])
    shape += (a[-2],) if len(inputs[0].shape) > 1 else ()
    shape += (b[-1],) if len(inputs[1].shape) > 1 else ()
    return [TensorType(shape, promoted(inputs[0].dtype, inputs[1].dtype))]


def _matmul_reference(a, b, transpose_a=False, transpose_b=False):
    wide_a = np.swapaxes(a, -1, -2) if transpose_a and a.ndim > 1 else a
    wide_b = np.swapaxes(b, -1, -2) if transpose_b and b.ndim > 1 else b
    return [np.asarray(np.matmul(_wide(wide_a), _wide(wide_b))).astype(promoted(a.dtype, b.dtype))]


def _matmul_gradient(node, g):
    a, b = node.inputs
    transpose_a = bool(node.attributes.get("transpose_a")) and len(shape_of(a)) > 1
    transpose_b = bool(node.attributes.get("transpose_b")) and len(shape_of(b)) > 1
    a2, b2 = matmul_shapes(shape_of(a), shape_of(b))
    (*_, rows, _), (*_, columns) = matmul_shapes(shape_of(a), shape_of(b), transpose_a, transpose_b)
    g = reshape_to(g, (*broadcast_shapes(a2[:-2], b2[:-2]), rows, columns))
    a_matrix, b_matrix = reshape_to(a, a2), reshape_to(b, b2)
    if transpose_a:
        of_a = matmul(b_matrix, g, transpose_a=transpose_b, transpose_b=True)
    else:
        of_a = matmul(g, b_matrix, transpose_b=not transpose_b)
    if transpose_b:
        of_b = matmul(g, a_matrix, transpose_a=True, transpose_b=transpose_a)
    else:
        of_b = matmul(a_matrix, g, transpose_a=not transpose_a)
    return [reshape_to(sum_to_shape(of_a, a2), shape_of(a)), reshape_to(sum_to_shape(of_b, b2), shape_of(b))]


def _matmul_flops(inputs, outputs, attributes):
    a, _ = matmul_shapes(inputs[0].shape, inputs[1].shape, attributes.get("transpose_a", False))
    return 2 * outputs[0].size * a[-1]


register(OpSpec("matmul", _matmul_shape, _matmul_reference, _matmul_gradient, _matmul_flops))


def matmul(x1, x2, transpose_a: bool = False, transpose_b: bool = False):
    """The matrix product of the last two axes; the axes before them broadcast; vectors as in `numpy.matmul`.

    Shapes: x1 (..., m, k) or (k,), x2 (..., k, n) or (k,); gives (..., m, n) without the axis of a vector.
    `transpose_a`, `transpose_b` swap the last two axes of an operand first. Raises `ShapeError`.

    Example:
        >>> matmul([[1.0, 2.0]], [3.0, 4.0])
        array([11.], dtype=float32)
    """
    return apply("matmul", [x1, x2], transpose_a=transpose_a, transpose_b=transpose_b)


# ---- products made of transposes and matmul -----------------------------------------------------------------

def dot(x1, x2):
    """NumPy's dot: the sum over the last axis of x1 and the last but one (or only) axis of x2.

    Shapes: x1 (..., k), x2 (..., k, n) or (k,); gives all axes of x1 but the last, then those of x2 but k.
    A number multiplies. Raises `ShapeError` when the lengths differ.

    Example:
        >>> float(dot([1.0, 2.0], [3.0, 4.0]))
        11.0
    """
    left, right = len(shape_of(x1)), len(shape_of(x2))
    if left == 0 or right == 0:
        return ops.multiply(x1, x2)
    if right <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, axes=([left - 1], [right - 2]))


def tensordot(x1, x2, axes=2):
    """The sum over pairs of axes: the last n of x1 with the first n of x2, or the two lists in `axes`.

    Gives the other axes of x1, then those of x2. Raises `ShapeError` when paired lengths differ.

    Example:
        >>> tensordot([[1.0, 2.0]], [[3.0], [4.0]], axes=1)
        array([[11.]], dtype=float32)
    """
    shape1, shape2 = shape_of(x1), shape_of(x2)
    if isinstance(axes, int):
        left, right = list(range(len(shape1) - axes, len(shape1))), list(range(axes))
    else:
        left, right = ([item] if isinstance(item, int) else list(item) for item in axes)
        left, right = [axis % len(shape1) for axis in left], [axis % len(shape2) for axis in right]
    if len(left) != len(right) or not all(_same(shape1[i], shape2[j]) for i, j in zip(left, right, strict=True)):
        raise ShapeError("tensordot sums over pairs of axes of equal length. "
                         + received(axes=axes, x1=shape1, x2=shape2))
    kept1 = [axis for axis in range(len(shape1)) if axis not in left]
    kept2 = [axis for axis in range(len(shape2)) if axis not in right]
    outer1, outer2 = [shape1[axis] for axis in kept1], [shape2[axis] for axis in kept2]
    summed = product_of([shape1[axis] for axis in left])
    product = matmul(reshape_to(_transpose(x1, kept1 + left), (product_of(outer1), summed)),
                     reshape_to(_transpose(x2, right + kept2), (summed, product_of(outer2))))
    return reshape_to(product, (*outer1, *outer2))


def _transpose(x, order: list[int]):
    return x if order == sorted(order) else ops.transpose(x, axes=tuple(order))
