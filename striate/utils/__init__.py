"""Helpers with Keras' names (`keras.utils`)."""

from importlib import import_module

from striate.naming import clear_session
from striate.seeds import global_seed as get_random_seed
from striate.seeds import set_random_seed
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
from striate.utils.download import get_file
from striate.utils.images import array_to_img, img_to_array, load_img, save_img
from striate.utils.numerical import normalize, pad_sequences, to_categorical
from striate.utils.splitting import split_dataset

__all__ = [
    "CustomObjectScope", "PyDataset", "Sequence", "array_to_img", "clear_session", "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects", "get_file", "get_random_seed", "get_registered_name", "get_registered_object",
    "img_to_array", "load_img", "normalize", "pad_sequences", "register_keras_serializable", "save_img",
    "serialize_keras_object", "set_random_seed", "split_dataset", "to_categorical",
]


def __getattr__(name: str):
    """`PyDataset`, also under its older name `Sequence`: it lives with the training, which is loaded when needed."""
    if name in ("PyDataset", "Sequence"):
        return import_module("striate.models").PyDataset
    raise AttributeError(f"module 'striate.utils' has no attribute {name!r}")
