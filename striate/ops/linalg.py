"""Linear algebra under `keras.ops.linalg`: the same functions as in `striate.ops`."""

from __future__ import annotations

from striate import ops as _ops
from striate.outside import missing as _missing

__all__ = sorted("""
    cholesky cholesky_inverse det eigh inv lstsq lu_factor matrix_rank norm pinv qr solve solve_triangular svd
""".split())


def __getattr__(name: str):
    if name in __all__:
        return getattr(_ops, name)
    raise _missing("keras.ops.linalg", name)


def __dir__() -> list[str]:
    return list(__all__)
