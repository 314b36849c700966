"""Models and weights to files and back: the format is chosen by the ending, or found by the content."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

from striate.callbacks.console import say
from striate.errors import ArgumentError, ModelFileError, received
from striate.files import write_bytes
from striate.layers.budget import weight_budget
from striate.models import Model
from striate.saving.description import described, model_from
from striate.saving.keras_file import keras_bytes, load_keras, load_keras_weights
from striate.saving.legacy_h5 import (
    legacy_model_bytes,
    legacy_weights_bytes,
    load_legacy_model,
    load_legacy_weights,
)
from striate.saving.safetensors import load_safetensors_weights, read_safetensors, weights_safetensors
from striate.saving.weights_file import load_weights_bytes, weights_bytes
from striate.untrusted import H5Reader, read_file, read_json

_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"


def save_model(model: Model, filepath: str | os.PathLike, overwrite: bool = True, include_optimizer: bool = True,
               zipped: bool | None = None, save_format: str | None = None) -> None:
    """Writes a model: its layers, weights, what it was compiled with and the optimizer's state.

    The file is replaced whole: an interrupted save leaves the old file as it was.

    Args:
        model: the model.
        filepath: `.keras` (recommended) or `.h5`, `.hdf5` (what Keras 2 wrote).
        overwrite: whether an existing file may be replaced.
        include_optimizer: for `.h5`: whether the optimizer's state is written.
        zipped: None or True.
        save_format: Keras 2's "keras" or "h5"; the ending decides, and another format gets a warning.

    Raises:
        ArgumentError: another ending, an unbuilt model, or parts that cannot be described.
        FileError: the file cannot be written.

    Example:
        >>> save_model(model, "clothes.keras")  # doctest: +SKIP
    """
    ending = _ending(filepath)
    if ending not in (".keras", ".h5", ".hdf5") or zipped is False:
        raise ArgumentError('A model is saved as one file with the ending ".keras" (or ".h5", as Keras 2 did). '
                            + received(filepath=str(filepath), zipped=zipped, save_format=save_format))
    if save_format not in (None, "keras", "h5", ending[1:]):
        warnings.warn(f"The format of a file follows from its ending, here {ending!r}; leave `save_format` out. "
                      + received(save_format=save_format), stacklevel=2)
    if ending == ".keras":
        content = keras_bytes(model)
    else:
        content = legacy_model_bytes(model, include_optimizer)
    _write(filepath, content, overwrite)


def load_model(filepath: str | os.PathLike, custom_objects: dict[str, Any] | None = None, compile: bool = True,
               safe_mode: bool = True) -> Model:
    """Reads a model that striate or Keras saved, `.keras` or `.h5`, or an `.onnx` file (see `load_onnx`).

    Nothing in a file can run code, open other files or use more memory than the file's size warrants.

    Args:
        filepath: the file.
        custom_objects: name -> class or function of your own that the model uses.
        compile: whether to compile the model as it was, and restore its optimizer.
        safe_mode: accepted for Keras' sake; loading is always safe.

    Returns:
        The model.

    Raises:
        ModelFileError: the file is missing, damaged, hostile, or uses what striate does not have.

    Example:
        >>> model = load_model("clothes.keras")  # doctest: +SKIP
    """
    if not safe_mode:
        warnings.warn("striate never runs code from model files; `safe_mode=False` changes nothing.", stacklevel=2)
    if _ending(filepath) == ".onnx":
        from striate.saving.onnx import load_onnx

        return load_onnx(filepath)
    content, what = read_file(filepath), str(filepath)
    if content.startswith(_ZIP):
        return load_keras(content, what, custom_objects, compile)
    if content.startswith(_HDF5):
        return load_legacy_model(content, what, custom_objects, compile)
    raise ModelFileError(f"{what} is neither a .keras file nor HDF5. " + received(start=content[:8]))


def model_bytes(model: Model) -> bytes:
    """The `.keras` file of a model as bytes.

    Raises `ArgumentError` for a model that is not built or has parts that cannot be described.
    """
    return keras_bytes(model)


def model_of(content: bytes) -> Model:
    """The model in the bytes of a `.keras` file.

    `content`: what `model_bytes` gave. Raises `ModelFileError` for anything else.
    """
    return load_keras(content, "A model's bytes", None, True)


def export_model(model: Model, filepath: str | os.PathLike, format: str = "onnx", verbose: bool | None = None,
                 input_signature: Any = None, **options: Any) -> None:
    """Writes a model for other programs, as it predicts; see `striate.saving.onnx.onnx_bytes`.

    Args:
        model: the model.
        filepath: the file, with the ending `.onnx`.
        format: "onnx", the only one; Keras' others need TensorFlow, OpenVINO or PyTorch.
        verbose: whether to say that it is done; None: yes.
        input_signature: for a model class that was not called yet: one `keras.Input` or array for each input.
        options: `opset_version`, if given, must be the one that is written.

    Raises:
        ArgumentError: another format, an unbuilt model, or parts that ONNX has no words for.

    Example:
        >>> export_model(model, "clothes.onnx")  # doctest: +SKIP
    """
    from striate.saving.onnx import OPSET, onnx_bytes

    if format != "onnx" or options.get("opset_version", OPSET) != OPSET or set(options) - {"opset_version"}:
        raise ArgumentError(f'A model is exported with format="onnx" (edition {OPSET} of its operators). '
                            + received(format=format, **options))
    _write(filepath, onnx_bytes(model, input_signature), True)
    if verbose is not False:
        say(f"Saved artifact at '{filepath}'.")


def convert(source: str | os.PathLike, target: str | os.PathLike, custom_objects: dict[str, Any] | None = None,
            data_format: str = "channels_first") -> Model:
    """Reads a model in one format and writes it in another; the endings say which.

    Formats: `.keras`, `.h5`, `.onnx`, and `.safetensors` for the weights with the layers in a `.json` file beside it.

    Args:
        source: the file to read.
        target: the file to write.
        custom_objects: name -> class or function of your own that the model uses.
        data_format: for ONNX files that are read: "channels_last" has the model take its images so.

    Returns:
        The model.

    Raises:
        ModelFileError: the source cannot be read. ArgumentError: an unknown ending, or parts that cannot be written.

    Example:
        >>> convert("clothes.keras", "clothes.onnx")  # doctest: +SKIP
    """
    if _ending(target) not in _WRITERS:
        raise ArgumentError(f"A model can be written as {', '.join(_WRITERS)}. " + received(target=str(target)))
    if _ending(source) == ".onnx":
        from striate.saving.onnx import load_onnx

        model = load_onnx(source, data_format)
    elif _ending(source) == ".safetensors":
        model = _load_described(source, custom_objects)
    else:
        model = load_model(source, custom_objects)
    _WRITERS[_ending(target)](model, target)
    return model


def _load_described(filepath: str | os.PathLike, custom_objects: dict[str, Any] | None) -> Model:
    """A model from a safetensors file and the description in the JSON file of the same name."""
    content, what = read_file(filepath), str(filepath)
    description = Path(filepath).with_suffix(".json")
    tensors, _ = read_safetensors(content, what)
    config = read_json(read_file(description), str(description))
    with weight_budget(sum(tensor.nbytes for tensor in tensors.values())):
        model = model_from(config, str(description), custom_objects, compile=True)
    load_safetensors_weights(model, content, what)
    return model


def _save_described(model: Model, filepath: str | os.PathLike) -> None:
    save_weights(model, filepath)
    text = json.dumps(described(model), allow_nan=False, indent=1)
    _write(Path(filepath).with_suffix(".json"), text.encode(), True)


_WRITERS = {
    ".keras": save_model, ".h5": save_model, ".hdf5": save_model, ".safetensors": _save_described,
    ".onnx": lambda model, filepath: export_model(model, filepath, verbose=False),
}


def save_weights(model: Model, filepath: str | os.PathLike, overwrite: bool = True) -> None:
    """Writes a model's weights.

    Args:
        model: the model.
        filepath: `.weights.h5` (as Keras 3 does), `.h5` or `.hdf5` (as Keras 2 did), or `.safetensors`.
        overwrite: whether an existing file may be replaced.

    Raises:
        ArgumentError: another ending.
        FileError: the file cannot be written.
    """
    name = os.fspath(filepath)
    if name.endswith(".weights.h5"):
        content = weights_bytes(model)
    elif name.endswith((".h5", ".hdf5")):
        content = legacy_weights_bytes(model)
    elif name.endswith(".safetensors"):
        content = weights_safetensors(model)
    else:
        raise ArgumentError('Weights are saved as ".weights.h5", ".h5" or ".safetensors". ' + received(filepath=name))
    _write(filepath, content, overwrite)


def load_weights(model: Model, filepath: str | os.PathLike, skip_mismatch: bool = False, by_name: bool = False) -> None:
    """Sets a model's weights from a file of weights, or from a whole model's file, of striate or Keras.

    Args:
        model: the model, built.
        filepath: the file.
        skip_mismatch: whether layers that do not fit keep what they have, with a warning.
        by_name: for `.h5` of Keras 2: whether layers are found by name instead of by order.

    Raises:
        ModelFileError: the file is missing, damaged, or does not fit the model; then no weight was changed.
    """
    if not model.built:
        raise ArgumentError("The model has no weights yet. Build it first: give the first layer an Input, or call the "
                            "model on some data. " + received(model=model.name))
    content, what = read_file(filepath), str(filepath)
    if content.startswith(_ZIP):
        load_keras_weights(model, content, what, skip_mismatch)
    elif content.startswith(_HDF5):
        if _is_legacy(content, what):
            load_legacy_weights(model, content, what, skip_mismatch, by_name)
        else:
            load_weights_bytes(model, content, what, skip_mismatch)
    elif what.endswith(".safetensors"):
        load_safetensors_weights(model, content, what, skip_mismatch)
    else:
        raise ModelFileError(f"{what} is no file of weights. " + received(start=content[:8]))


def _is_legacy(content: bytes, what: str) -> bool:
    with H5Reader(content, what) as reader:
        return "model_weights" in reader.groups or bool(reader.texts("", "layer_names"))


def _ending(filepath: str | os.PathLike) -> str:
    return Path(filepath).suffix.lower()


def _write(filepath: str | os.PathLike, content: bytes, overwrite: bool) -> None:
    if not overwrite and Path(filepath).exists():
        raise ArgumentError("The file exists, and `overwrite` is False. " + received(filepath=str(filepath)))
    write_bytes(filepath, content)
