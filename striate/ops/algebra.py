"""Linear algebra: inverses, solutions, factors. References by numpy.linalg; there are no kernels.

Matrices are the last two axes, everything before is a stack. Each function's gradient is a formula of matrix products
and of these functions again; it needs what the function needs: matrices with an inverse, values that differ.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.broadcast import dtype_of, floating, shape_of
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register


def _turned(x):
    """The matrices with rows and columns exchanged."""
    return ops.swapaxes(x, -1, -2)


def _rows_times(x, vector):
    """Each column of the matrices times its number."""
    return ops.multiply(x, ops.expand_dims(vector, -2))


def _diagonals(vector):
    """Diagonal matrices (..., n, n) of lines (..., n)."""
    return ops.multiply(ops.expand_dims(vector, -1), np.eye(shape_of(vector)[-1], dtype=dtype_of(vector)))


def _check(name: str, shape: tuple, square: bool = True) -> None:
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        raise ShapeError(f"{name} takes {'square ' if square else ''}matrices (..., {'n, n' if square else 'm, n'}). "
                         + received(shape=shape))


def _entered(name: str, lengths: Callable, function: Callable, gradient: Callable | None, square: bool = True,
             cost: int = 1) -> None:
    """Registers an op of one stack of matrices.

    lengths(m, n, **attributes) gives the shape behind the stack's axes for each output; function(array64, **attributes)
    the outputs.
    """
    def shape(inputs, **attributes):
        _check(name, inputs[0].shape, square)
        stack, dtype = inputs[0].shape[:-2], floating(inputs[0].dtype)
        return [TensorType((*stack, *tail), dtype) for tail in lengths(*inputs[0].shape[-2:], **attributes)]

    def reference(x, **attributes):
        with np.errstate(all="ignore"):
            results = function(x.astype(np.float64), **attributes)
        return [np.asarray(result).astype(floating(x.dtype)) for result in results]
    register(OpSpec(name, shape, reference, gradient,
                    lambda inputs, outputs, attributes: cost * inputs[0].size * inputs[0].lengths[-1]))


# ---- inverses and determinants ------------------------------------------------------------------------------------

def _inv_gradient(node, g):
    y = _turned(node.outputs[0])
    return [-ops.matmul(ops.matmul(y, g), y)]


def _slogdet_gradient(node, of_sign, g):
    return [None if g is None else ops.multiply(ops.reshape(g, (*shape_of(g), 1, 1)), _turned(inv(node.inputs[0])))]


def _det_gradient(node, g):
    factor = ops.multiply(g, node.outputs[0])
    return [ops.multiply(ops.reshape(factor, (*shape_of(g), 1, 1)), _turned(inv(node.inputs[0])))]


_entered("inv", lambda m, n: [(n, n)], lambda x: [np.linalg.inv(x)], _inv_gradient, cost=2)
_entered("det", lambda m, n: [()], lambda x: [np.linalg.det(x)], _det_gradient)
_entered("slogdet", lambda m, n: [(), ()], np.linalg.slogdet, _slogdet_gradient)


def inv(x):
    """The inverse matrices, (..., n, n).

    Shapes: x (..., n, n). Raises `ShapeError` for other shapes, `numpy.linalg.LinAlgError` for a singular matrix.

    Example:
        >>> inv([[2.0, 0.0], [0.0, 4.0]]).tolist()
        [[0.5, 0.0], [0.0, 0.25]]
    """
    return apply("inv", [x])


def det(x):
    """The determinants of (..., n, n): (...).

    x: (..., n, n). Raises `ShapeError` for other shapes.
    """
    return apply("det", [x])


def slogdet(x):
    """Sign and logarithm of the magnitude of the determinants of (..., n, n): a pair of (...).

    x: (..., n, n). Raises `ShapeError` for other shapes.
    """
    return apply("slogdet", [x])


def logdet(x):
    """The logarithms of the magnitudes of the determinants of (..., n, n).

    x: (..., n, n). Raises `ShapeError` for other shapes.
    """
    return slogdet(x)[1]


# ---- Cholesky ------------------------------------------------------------------------------------------------------

def _cholesky_gradient(node, g):
    """L^-T phi(L^T g) L^-1, made symmetric; phi keeps the lower triangle and half of the diagonal."""
    factor = node.outputs[0]
    size = shape_of(factor)[-1]
    half = (np.tri(size) - 0.5 * np.eye(size)).astype(floating(factor.dtype))
    inside = ops.multiply(ops.matmul(_turned(factor), g), half)
    across = solve_triangular(_turned(factor), inside)
    whole = _turned(solve_triangular(_turned(factor), _turned(across)))
    return [0.5 * (whole + _turned(whole))]


_entered("cholesky", lambda m, n: [(n, n)], lambda x: [np.linalg.cholesky(x)], _cholesky_gradient)


def cholesky(x, upper=False):
    """The triangular L with L L^T = x, of symmetric matrices with positive eigenvalues; `upper`: its transpose.

    Shapes: x (..., n, n); gives the same.

    Raises:
        numpy.linalg.LinAlgError: when there is none.
    """
    factor = apply("cholesky", [x])
    return _turned(factor) if upper else factor


def cholesky_inverse(x, upper=False):
    """The inverse of the matrix whose Cholesky factor is x.

    Shapes: x (..., n, n), lower triangles, or upper ones with `upper`; gives the same.
    """
    factor = _turned(x) if upper else x
    _check("cholesky_inverse", shape_of(factor))
    inverse = solve_triangular(factor, ops.broadcast_to(np.eye(shape_of(factor)[-1], dtype=dtype_of(factor)),
                                                        shape_of(factor)), lower=True)
    return ops.matmul(_turned(inverse), inverse)


# ---- solutions -------------------------------------------------------------------------------------------------------

def _solve_shape(inputs, **attributes):
    a, b = inputs
    _check("solve", a.shape)
    if len(a.shape) != len(b.shape) or a.shape[:-1] != b.shape[:-1]:
        raise ShapeError("solve takes matrices (..., n, n) and right-hand sides (..., n) or (..., n, k). "
                         + received(a=a.shape, b=b.shape))
    return [TensorType(b.shape, floating(a.dtype, b.dtype))]


def _solve_reference(a, b):
    return [np.linalg.solve(a.astype(np.float64), b.astype(np.float64)).astype(floating(a.dtype, b.dtype))]


def _triangle_reference(a, b, lower):
    return _solve_reference(np.tril(a) if lower else np.triu(a), b)


def _solve_gradient(node, g):
    of_b = solve(_turned(node.inputs[0]), g)
    return [-ops.matmul(of_b, _turned(node.outputs[0])), of_b]


def _triangle_gradient(node, g):
    lower = node.attributes["lower"]
    of_b = solve_triangular(_turned(node.inputs[0]), g, lower=not lower)
    of_a = -ops.matmul(of_b, _turned(node.outputs[0]))
    return [ops.tril(of_a) if lower else ops.triu(of_a), of_b]


register(OpSpec("solve", _solve_shape, _solve_reference, _solve_gradient))
register(OpSpec("solve_triangular", _solve_shape, _triangle_reference, _triangle_gradient))


def _solved(op: str, a, b, **attributes):
    if len(shape_of(b)) == len(shape_of(a)) - 1:
        return ops.squeeze(apply(op, [a, ops.expand_dims(b, -1)], **attributes), axis=-1)
    return apply(op, [a, b], **attributes)


def solve(a, b):
    """x with a x = b, for a (..., n, n) and b (..., n) or (..., n, k).

    Raises `ShapeError` for other shapes, `numpy.linalg.LinAlgError` for a singular a.

    Example:
        >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 8.0]).tolist()
        [1.0, 2.0]
    """
    return _solved("solve", a, b)


def solve_triangular(a, b, lower=False):
    """As `solve`; of a only the upper triangle counts, or the lower one.

    Shapes as those of `solve`. `lower`: which triangle. Raises `ShapeError` for other shapes.
    """
    return _solved("solve_triangular", a, b, lower=bool(lower))


def lstsq(a, b, rcond=None):
    """The shortest x for which the squares of a x - b have the least sum: a (m, n), b (m,) or (m, k).

    Shapes: gives (n,) or (n, k). `rcond` as in `pinv`.
    """
    solution = ops.matmul(pinv(a, rcond), b)
    return solution


# ---- factors ---------------------------------------------------------------------------------------------------------

def _eigh_gradient(node, of_values, of_vectors):
    values, vectors = node.outputs
    inside = None if of_values is None else _diagonals(of_values)
    if of_vectors is not None:
        turned = ops.matmul(_turned(vectors), of_vectors)
        mixed = ops.multiply(turned, _inverse_gaps(values, values))
        inside = mixed if inside is None else inside + mixed
    whole = ops.matmul(ops.matmul(vectors, inside), _turned(vectors))
    return [0.5 * (whole + _turned(whole))]


def _inverse_gaps(rows, columns):
    """1 / (columns[j] - rows[i]), and 0 on the diagonal."""
    size = shape_of(rows)[-1]
    diagonal = np.eye(size, dtype=floating(dtype_of(rows)))
    gaps = ops.subtract(ops.expand_dims(columns, -2), ops.expand_dims(rows, -1))
    return ops.divide(1.0 - diagonal, gaps + diagonal)


_entered("eigh", lambda m, n: [(n,), (n, n)], np.linalg.eigh, _eigh_gradient, cost=9)


def eigh(x):
    """Eigenvalues (..., n), rising, and eigenvectors (..., n, n), as columns, of symmetric matrices.

    x: (..., n, n). Raises `ShapeError` for other shapes.
    """
    return apply("eigh", [x])


def _qr_gradient(node, of_q, of_r):
    q, r = node.outputs
    if shape_of(q)[-1] != shape_of(r)[-1]:
        raise ShapeError("The gradient of qr needs matrices with at least as many rows as columns, and "
                         "mode='reduced'. " + received(q=shape_of(q), r=shape_of(r)))
    of_q = ops.zeros_like(q) if of_q is None else of_q
    of_r = ops.zeros_like(r) if of_r is None else of_r
    mixed = ops.matmul(r, _turned(of_r)) - ops.matmul(_turned(of_q), q)
    symmetric = ops.tril(mixed) + _turned(ops.tril(mixed, -1))
    return [_turned(solve_triangular(r, _turned(of_q + ops.matmul(q, symmetric))))]


def _qr_lengths(m, n, mode):
    inner = m if mode == "complete" else min(m, n)
    return [(m, inner), (inner, n)]


_entered("qr", _qr_lengths, lambda x, mode: np.linalg.qr(x, mode=mode), _qr_gradient, square=False, cost=4)


def qr(x, mode="reduced"):
    """Q with perpendicular columns of length 1, and R, an upper triangle, with Q R = x (..., m, n).

    mode: "reduced", Q (..., m, min(m, n)), or "complete", Q (..., m, m).

    Raises `ArgumentError` for another mode.
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError("`mode` of qr must be 'reduced' or 'complete'. " + received(mode=mode))
    return apply("qr", [x], mode=mode)


def _svd_gradient(node, of_u, of_s, of_vh):
    u, s, vh = node.outputs
    if shape_of(u)[-1] != shape_of(vh)[-2] or shape_of(u)[-1] != shape_of(s)[-1]:
        raise ShapeError("The gradient of svd needs full_matrices=False. " + received(u=shape_of(u), vh=shape_of(vh)))
    v = _turned(vh)
    whole = None if of_s is None else ops.matmul(_rows_times(u, of_s), vh)
    gaps = _inverse_gaps(ops.square(s), ops.square(s))
    if of_u is not None:
        inner = ops.multiply(gaps, ops.matmul(_turned(u), of_u))
        outside = of_u - ops.matmul(u, ops.matmul(_turned(u), of_u))
        part = ops.matmul(_rows_times(ops.matmul(u, inner + _turned(inner)), s) + _rows_times(outside, 1.0 / s), vh)
        whole = part if whole is None else whole + part
    if of_vh is not None:
        of_v = _turned(of_vh)
        inner = ops.multiply(gaps, ops.matmul(vh, of_v))
        outside = of_v - ops.matmul(v, ops.matmul(vh, of_v))
        part = ops.matmul(_rows_times(u, s), ops.matmul(inner + _turned(inner), vh)) + ops.matmul(
            _rows_times(u, 1.0 / s), _turned(outside))
        whole = part if whole is None else whole + part
    return [whole]


def _svd_lengths(m, n, full_matrices):
    inner = min(m, n)
    return [(m, m if full_matrices else inner), (inner,), (n if full_matrices else inner, n)]


_entered("svd", _svd_lengths, lambda x, full_matrices: np.linalg.svd(x, full_matrices=full_matrices), _svd_gradient,
         square=False, cost=12)


def svd(x, full_matrices=True, compute_uv=True):
    """U, s and V^T with U diag(s) V^T = x (..., m, n), s falling; with compute_uv=False s alone.

    full_matrices: U (..., m, m) and V^T (..., n, n), else (..., m, k) and (..., k, n) with k = min(m, n).

    Raises `ShapeError` for less than two axes, and in its gradient unless full_matrices=False.
    """
    if not compute_uv:
        return apply("svd", [x], full_matrices=False)[1]
    return apply("svd", [x], full_matrices=bool(full_matrices))


def pinv(x, rcond=None):
    """The inverses of Moore and Penrose, (..., n, m); singular values below rcond times the largest count as 0.

    Shapes: x (..., m, n). `rcond`: 1.2e-6 times the longer side unless given (ten roundings of float32).
    """
    _check("pinv", shape_of(x), square=False)
    if rcond is None:
        rcond = 10.0 * max(shape_of(x)[-2:]) * float(np.finfo(np.float32).eps)
    u, s, vh = svd(x, full_matrices=False)
    kept = ops.greater(s, ops.multiply(ops.max(s, axis=-1, keepdims=True), rcond))
    inverse = ops.where(kept, ops.divide(1.0, ops.where(kept, s, 1.0)), 0.0)
    return ops.matmul(_rows_times(_turned(vh), inverse), _turned(u))


def matrix_rank(x, tol=None):
    """How many singular values are larger than `tol` (float32's precision times the largest, by default); int32.

    Shapes: x (..., m, n); gives (...).
    """
    _check("matrix_rank", shape_of(x), square=False)
    s = svd(x, compute_uv=False)
    if tol is None:
        tol = ops.max(s, axis=-1, keepdims=True) * (max(shape_of(x)[-2:]) * float(np.finfo(np.float32).eps))
    return ops.sum(ops.cast(ops.greater(s, tol), "int32"), axis=-1)


# ---- LU --------------------------------------------------------------------------------------------------------------

def _lu_one(x):
    """L below the diagonal (its ones left out) and U in one matrix, and the row that each step exchanged."""
    x, places = x.copy(), np.zeros(min(x.shape), np.int32)
    for step in range(min(x.shape)):
        place = step + int(np.argmax(np.abs(x[step:, step])))
        places[step] = place
        x[[step, place]] = x[[place, step]]
        if x[step, step] != 0.0:
            x[step + 1:, step] /= x[step, step]
        x[step + 1:, step + 1:] -= np.outer(x[step + 1:, step], x[step, step + 1:])
    return x, places


def _lu_reference(x):
    stack = x.reshape(-1, *x.shape[-2:]).astype(np.float64)
    factors, places = zip(*[_lu_one(matrix) for matrix in stack], strict=True)
    return [np.stack(factors).reshape(x.shape).astype(floating(x.dtype)),
            np.stack(places).reshape(*x.shape[:-2], -1)]


def _lu_shape(inputs):
    shape = inputs[0].shape
    _check("lu_factor", shape, square=False)
    return [TensorType(shape, floating(inputs[0].dtype)), TensorType((*shape[:-2], min(shape[-2:])), "int32")]


register(OpSpec("lu_factor", _lu_shape, _lu_reference))


def lu_factor(x):
    """L and U in one matrix (..., m, n), and for each step the row that it exchanged with its own, int32.

    Shapes: x (..., m, n); gives (..., m, n) and (..., min(m, n)).
    """
    return apply("lu_factor", [x])
