"""`tf.linalg`: products, lengths and a few functions of square matrices."""

from striate import ops
from striate.runner.tf.functions import einsum, eye, global_norm, matmul, named, norm, tensordot  # type: ignore[attr-defined]
from striate.runner.tf.nn import l2_normalize

det, diag, diag_part, inv, solve, trace = (
    named(function) for function in (ops.det, ops.diag, ops.diagonal, ops.inv, ops.solve, ops.trace))

__all__ = ["det", "diag", "diag_part", "einsum", "eye", "global_norm", "inv", "l2_normalize", "matmul", "norm", "solve",
           "tensordot", "trace"]
