"""Models in files and back: `.keras`, `.weights.h5`, Keras 2's `.h5`, safetensors, ONNX. No pickle, no code, ever."""

from importlib import import_module

from striate.outside import missing
from striate.saving.api import (
    convert,
    export_model,
    load_model,
    load_weights,
    model_bytes,
    model_of,
    save_model,
    save_weights,
)
from striate.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

__all__ = [
    "CustomObjectScope", "convert", "custom_object_scope", "deserialize_keras_object", "export_model",
    "get_custom_objects", "get_registered_name", "get_registered_object", "load_model", "load_onnx", "load_weights",
    "model_bytes", "model_of", "register_keras_serializable", "save_model", "save_weights", "serialize_keras_object",
]


def __getattr__(name: str):
    """`load_onnx`: its room is loaded when it is needed."""
    if name == "load_onnx":
        return import_module("striate.saving.onnx").load_onnx
    raise missing("keras.saving", name)
