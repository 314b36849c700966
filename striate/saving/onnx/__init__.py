"""ONNX files out and in: the same network for other programs, and networks of other programs here."""

from striate.saving.onnx.export import OPSET, onnx_bytes

__all__ = ["OPSET", "onnx_bytes"]
