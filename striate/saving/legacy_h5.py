"""The `.h5` files of Keras 1 and 2: description in attributes, weights in groups named like the layers."""

from __future__ import annotations

import json
import warnings
from typing import Any

import h5py
import numpy as np

from striate.errors import ArgumentError, ModelFileError, StriateError, received
from striate.layers.budget import weight_budget
from striate.models import Model
from striate.saving.description import check_description, described, model_from
from striate.saving.keras1 import modern_weights
from striate.saving.legacy_config import legacy, modern, modern_training
from striate.saving.state import WITHOUT_SLOTS
from striate.saving.weights_file import h5_bytes, put
from striate.untrusted import H5Reader, read_json
from striate.untrusted.limits import damaged

_MAX_ATTRIBUTE_BYTES = 64_512
"""What Keras lets an attribute with names hold; longer lists are cut into `name0`, `name1` ..."""
_WEIGHTS, _OPTIMIZER = "model_weights", "optimizer_weights"
_KERAS_VERSION = "3.15.1"


# ---- writing -------------------------------------------------------------------------------------------------------

def legacy_model_bytes(model: Model, include_optimizer: bool = True) -> bytes:
    """The `.h5` file of a model, as Keras 3 writes it for compatibility.

    Raises:
        ArgumentError: the model has no weights yet, or cannot be described.
    """
    if not model.built:
        raise ArgumentError("The model has no weights yet. Build it first: give the first layer an Input, or call the "
                            "model on some data. " + received(model=model.name))
    description = described(model)
    compile_config = description.get("compile_config")

    def fill(file: h5py.File) -> None:
        file.attrs["backend"] = "striate"
        file.attrs["keras_version"] = _KERAS_VERSION
        file.attrs["model_config"] = json.dumps(legacy(description), allow_nan=False)
        if compile_config:
            training = {name: value for name, value in compile_config.items() if name != "optimizer"}
            training["optimizer_config"] = {key: compile_config["optimizer"][key] for key in ("class_name", "config")}
            file.attrs["training_config"] = json.dumps(training, allow_nan=False)
        _put_layers(file.create_group(_WEIGHTS), model)
        if include_optimizer and model.optimizer is not None:
            variables = model.optimizer.variables
            _put_named(file.create_group(_OPTIMIZER), [(variable.path, variable.numpy()) for variable in variables])
    return h5_bytes(fill)


def legacy_weights_bytes(model: Model) -> bytes:
    """The weights alone, in the layout that Keras 2's `save_weights("x.h5")` wrote."""
    return h5_bytes(lambda file: _put_layers(file, model))


def _put_layers(group: h5py.Group, model: Model) -> None:
    _put_texts(group, "layer_names", [layer.name for layer in model.layers])
    group.attrs["backend"] = "striate"
    group.attrs["keras_version"] = _KERAS_VERSION
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        values = [(variable.path, variable.numpy()) for variable in _in_legacy_order(layer)]
        _put_named(group.create_group(layer.name), values)
    _put_texts(group.create_group("top_level_model_weights"), "weight_names", [])


def _put_named(group: h5py.Group, values: list[tuple[str, np.ndarray]]) -> None:
    _put_texts(group, "weight_names", [name for name, _ in values])
    for name, value in values:
        put(group, name, value)


def _put_texts(group: h5py.Group, name: str, texts: list[str]) -> None:
    encoded = np.array([text.encode() for text in texts]) if texts else np.zeros(0)
    parts = max(-(-encoded.nbytes // _MAX_ATTRIBUTE_BYTES), 1)
    if parts == 1:
        group.attrs[name] = encoded
        return
    for index, part in enumerate(np.array_split(encoded, parts + 1)):
        group.attrs[f"{name}{index}"] = part


def _in_legacy_order(layer) -> list:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


# ---- reading -------------------------------------------------------------------------------------------------------

def load_legacy_model(content: bytes, what: str, custom_objects: dict[str, Any] | None, compile: bool) -> Model:
    """The model in an `.h5` file of Keras 1, 2 or 3.

    Raises:
        ModelFileError: the file is damaged, holds weights only, or describes what striate does not have.
    """
    with H5Reader(content, what) as reader:
        text = reader.text("", "model_config")
        if text is None:
            raise ModelFileError(f"{what} holds no model, perhaps only weights: use model.load_weights(). "
                                 + received(groups=sorted(reader.groups)[:8]))
        config = read_json(text, f"The description in {what}")
        check_description(config, what)
        with damaged(f"The description in {what}", ArithmeticError, RecursionError):
            config = modern(config)
        held = sum(entry.nbytes for path, entry in reader.datasets.items() if path.startswith(f"{_WEIGHTS}/"))
        with weight_budget(held):
            model = model_from(config, what, custom_objects, compile=False)
        _restore_layers(model, reader, _WEIGHTS)
        if compile:
            with weight_budget(held):
                _compile(model, reader, custom_objects)
    return model


def load_legacy_weights(model: Model, content: bytes, what: str, skip_mismatch: bool, by_name: bool) -> None:
    """Sets a model's weights from an `.h5` file of weights or of a whole model.

    Raises:
        ModelFileError: the file is damaged or does not fit; then no weight was changed.
    """
    with H5Reader(content, what) as reader:
        root = _WEIGHTS if _WEIGHTS in reader.groups else ""
        _restore_layers(model, reader, root, skip_mismatch, by_name)


def _restore_layers(model: Model, reader: H5Reader, root: str, skip_mismatch: bool = False,
                    by_name: bool = False) -> None:
    """Layers that have weights are matched in order (or by name), and their weights in order."""
    saved = {name: reader.texts(_join(root, name), "weight_names") for name in reader.texts(root, "layer_names")}
    saved = {name: weights for name, weights in saved.items() if weights}
    layers = [layer for layer in model.layers if layer.weights]
    if by_name:
        pairs = [(layer, layer.name) for layer in layers if layer.name in saved]
    elif len(layers) != len(saved):
        raise ModelFileError(f"{reader.what} has {len(saved)} layers with weights, the model {len(layers)}. "
                             + received(layers=list(saved)))
    else:
        pairs = list(zip(layers, saved, strict=True))
    ready = []
    for layer, name in pairs:
        try:
            ready += _read_layer(layer, reader, root, _join(root, name), saved[name])
        except ModelFileError as error:
            if not skip_mismatch:
                raise
            warnings.warn(f"Skipped: {error}", stacklevel=4)
    for variable, value in ready:
        variable.assign(value.astype(variable.dtype))


def _read_layer(layer, reader: H5Reader, root: str, folder: str, names: list[str]) -> list[tuple[Any, np.ndarray]]:
    variables = _in_legacy_order(layer)
    if len(variables) != len(names):
        raise ModelFileError(f"{reader.what}: layer {layer.name!r} has {len(variables)} weights. "
                             + received(weight_names=names))
    pairs = [(variable, _join(folder, name)) for variable, name in zip(variables, names, strict=True)]
    if (reader.text(root, "keras_version") or "1").startswith("1."):
        return _of_keras1(layer, reader, root, pairs)
    for variable, path in pairs:
        entry = reader.datasets.get(path)
        if entry is None or entry.shape != variable.shape:
            raise ModelFileError(f"{reader.what}: {variable.path} needs the shape {variable.shape}. "
                                 + received(path=path, shape=entry and entry.shape))
    return [(variable, reader.array(path)) for variable, path in pairs]


def _of_keras1(layer, reader: H5Reader, root: str, pairs: list) -> list[tuple[Any, np.ndarray]]:
    """The variables of a layer and what a file of Keras 1 holds for them, in today's order of axes."""
    sizes = [reader.datasets[path].shape if path in reader.datasets else None for _, path in pairs]
    if [None if size is None else np.prod(size) for size in sizes] != [variable.size for variable, _ in pairs]:
        raise ModelFileError(f"{reader.what}: layer {layer.name!r} has other weights. " + received(shapes=sizes))
    arrays = modern_weights(layer, [reader.array(path) for _, path in pairs], reader.text(root, "backend") or "theano")
    for (variable, path), array in zip(pairs, arrays, strict=True):
        if array.shape != variable.shape:
            raise ModelFileError(f"{reader.what}: {variable.path} needs the shape {variable.shape}. "
                                 + received(path=path, shape=array.shape))
    return [(variable, array) for (variable, _), array in zip(pairs, arrays, strict=True)]


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}".strip("/")


def _compile(model: Model, reader: H5Reader, custom_objects: dict[str, Any] | None) -> None:
    """Compiles as the file says, and restores the optimizer if its variables are those that striate has."""
    from striate.serialization import CustomObjectScope

    text = reader.text("", "training_config")
    if text is None:
        warnings.warn(f"{reader.what} does not say how the model was compiled; compile it before training.",
                      stacklevel=5)
        return
    training = read_json(text, f"The training configuration in {reader.what}")
    with damaged(f"The training configuration in {reader.what}"), CustomObjectScope(custom_objects):
        model.compile_from_config(modern_training(training))
    if _OPTIMIZER not in reader.groups:
        return
    try:
        names = reader.texts(_OPTIMIZER, "weight_names")
        variables = model.optimizer.variables
        paths = [_join(_OPTIMIZER, name) for name in names]
        if len(paths) <= WITHOUT_SLOTS:
            variables = variables[:len(paths)]  # it was saved before its first step
        if [reader.datasets[path].shape for path in paths] != [variable.shape for variable in variables]:
            raise ModelFileError("other variables. " + received(weight_names=names))
        for variable, value in zip(variables, [reader.array(path) for path in paths], strict=True):
            variable.assign(value)
    except (StriateError, KeyError) as error:
        warnings.warn(f"The optimizer's state in {reader.what} is not what this optimizer keeps, so the optimizer "
                      f"starts afresh: {error}", stacklevel=5)
