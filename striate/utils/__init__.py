"""Helpers with Keras' names (`keras.utils`)."""

from importlib import import_module

from striate.config import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled
from striate.naming import clear_session
from striate.outside import missing
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
from striate.utils.model_plot import model_to_dot, plot_model
from striate.utils.numerical import normalize, pad_sequences, to_categorical
from striate.utils.packing import (
    get_source_inputs,
    is_keras_tensor,
    pack_x_y_sample_weight,
    standardize_dtype,
    unpack_x_y_sample_weight,
)

_LATER = {
    "Progbar": "striate.callbacks.progress", "PyDataset": "striate.models", "Sequence": "striate.models",
    "audio_dataset_from_directory": "striate.utils.from_directory",
    "image_dataset_from_directory": "striate.utils.from_directory", "smart_resize": "striate.utils.resizing",
    "split_dataset": "striate.utils.splitting", "timeseries_dataset_from_array": "striate.utils.timeseries",
}
"""Name -> the module that is loaded when it is first used; `Sequence` is the older name of `PyDataset`."""
__all__ = [
    "CustomObjectScope", "array_to_img", "clear_session", "custom_object_scope", "deserialize_keras_object",
    "disable_interactive_logging", "enable_interactive_logging", "get_custom_objects", "get_file", "get_random_seed",
    "get_registered_name", "get_registered_object", "get_source_inputs", "img_to_array",
    "is_interactive_logging_enabled", "is_keras_tensor", "load_img", "model_to_dot", "normalize",
    "pack_x_y_sample_weight", "pad_sequences", "plot_model", "register_keras_serializable", "save_img",
    "serialize_keras_object", "set_random_seed", "standardize_dtype", "to_categorical", "unpack_x_y_sample_weight",
    *_LATER,
]


def __getattr__(name: str):
    """What belongs to rooms that are loaded when they are needed."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), "PyDataset" if name == "Sequence" else name)
    raise missing("keras.utils", name)
