"""The package `onnx`, which only those need who read or write ONNX files."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError


def onnx_package() -> Any:
    """The module `onnx`.

    Raises:
        ArgumentError: it is not installed.
    """
    try:
        import onnx
        import onnx.checker
        import onnx.shape_inference
    except ImportError:
        raise ArgumentError("ONNX files need the package `onnx`: pip install 'striate[onnx]'.") from None
    return onnx
