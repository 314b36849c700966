"""ONNX files out and in: the same network for other programs, and networks of other programs here."""

from striate.saving.onnx.export import OPSET, onnx_bytes
from striate.saving.onnx.importing import OPERATORS, load_onnx, onnx_model

__all__ = ["OPERATORS", "OPSET", "load_onnx", "onnx_bytes", "onnx_model"]
