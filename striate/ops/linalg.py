"""Linear algebra under `keras.ops.linalg`: the same functions as in `striate.ops`."""

from __future__ import annotations

from striate import ops as _ops
from striate.outside import served as _served

__all__ = sorted("""
    cholesky cholesky_inverse det eigh inv lstsq lu_factor matrix_rank norm pinv qr solve solve_triangular svd
""".split())

__getattr__, __dir__ = _served(_ops, "keras.ops.linalg", __all__)
