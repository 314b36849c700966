"""Models by name: of the zoo, from a file, or from a function of the user's."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from striate import zoo
from striate.errors import ArgumentError, received
from striate.models import Model
from striate.systems import networks as own

OWN = {"photographs": own.photographs, "letters": own.letters}
"""Networks beside those of the zoo."""


def build(source: str, image_shape: tuple[int, ...] | None = None, classes: int | None = None,
          more: Mapping[str, Any] | None = None):
    """The model that `--model` names, for the given data; without data as it is by itself.

    source: a name of the zoo, a `.keras` or `.h5` file, or `module:function`. The function is called with
        `input_shape`, `classes` and what `more` holds, if it takes them.

    Raises:
        ArgumentError: there is no such model, or it does not fit the data.
        ModelFileError: the file is damaged.
    """
    if source.endswith((".keras", ".h5")):
        from striate import saving

        model = saving.load_model(source)
    elif source in OWN:
        model = OWN[source](**_given(input_shape=image_shape, classes=classes))
    elif is_code(source):
        model = _from_function(source, {**_given(input_shape=image_shape, classes=classes), **(more or {})})
    else:
        model = zoo.build(source, **_given(input_shape=image_shape, classes=classes))
    if image_shape is not None and classes is not None:
        _check(model, source, image_shape, classes)
    return model


def is_code(source: Any) -> bool:
    """Whether a model is named by `module:function`, which has code run."""
    return isinstance(source, str) and ":" in source and source not in OWN and not source.endswith((".keras", ".h5"))


def _given(**values) -> dict:
    return {name: value for name, value in values.items() if value is not None}


def _from_function(source: str, offered: dict):
    module_name, _, function_name = source.partition(":")
    # A module beside the user, as `python module.py` would find it.
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(import_module(module_name.removesuffix(".py")), function_name)
    except (ImportError, AttributeError) as error:
        raise ArgumentError(f"`--model` must name a function in a module that Python finds: {error}. "
                            + received(model=source)) from None
    finally:
        sys.path.pop(0)
    try:
        wanted = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # Nothing that can be called, or that does not say what it takes.
        wanted = []
    given = {name: value for name, value in offered.items() if name in wanted}
    model = function(**given) if callable(function) else None
    if not isinstance(model, Model):
        raise ArgumentError(f"{source} must be a function that gives a model. "
                            + received(model=source, type=type(function if model is None else model).__name__))
    return model


def _check(model, source: str, image_shape: tuple[int, ...], classes: int) -> None:
    shape = model.input_shape
    if len(shape) != len(image_shape) + 1 or any(
            have not in (None, want) for have, want in zip(shape[1:], image_shape, strict=True)):
        raise ArgumentError(f"The model takes images of shape {tuple(shape[1:])}, the data has {image_shape}. "
                            + received(model=source))
    outputs = model.output_shape
    single = classes == 2 and outputs[-1] == 1
    if outputs[-1] != classes and not single:
        raise ArgumentError(f"The model has {outputs[-1]} outputs, the data {classes} classes. "
                            + received(model=source))


def recipe(source: str, epochs: int | None = None, batch_size: int | None = None, optimizer: str | None = None,
           learning_rate: float | None = None, of_data: zoo.Recipe | None = None) -> zoo.Recipe:
    """How to train the model: the user's choices, then what the data need, then the model's own."""
    if of_data is not None:
        own = of_data
    elif source in zoo.names():
        own = zoo.recipe(source)
    else:
        own = zoo.Recipe(title=source, source="the user", optimizer="Adam", loss="SparseCategoricalCrossentropy",
                         epochs=5, batch_size=64, inputs="pictures divided by 255")
    if optimizer is not None:
        own = replace(own, optimizer=optimizer, optimizer_arguments={}, learning_rate=None, schedule=None)
    return replace(own, **_given(epochs=epochs, batch_size=batch_size, learning_rate=learning_rate))


def said(recipe: zoo.Recipe) -> str:
    """A recipe in words."""
    rate = "" if recipe.learning_rate is None else f", learning rate {recipe.learning_rate:g}"
    more = "".join(f", {name} {value}" for name, value in recipe.optimizer_arguments.items())
    cycle = " at its highest, one cycle" if recipe.schedule else ""
    epochs = f"{recipe.epochs} epoch{'s' * (recipe.epochs != 1)}"
    return f"{epochs}, batches of {recipe.batch_size}, {recipe.optimizer}{rate}{cycle}{more}"


def compiled(model, recipe: zoo.Recipe, samples: int | None = None):
    """The model, compiled for classification: the cross-entropy that fits what its last layer gives.

    samples: how many it will train on; needed by a recipe whose learning rate follows a schedule.
    """
    from striate import losses

    scores, smoothing = gives_scores(model), recipe.loss_arguments.get("label_smoothing", 0)
    if model.output_shape[-1] == 1:
        loss: losses.Loss = losses.BinaryCrossentropy(from_logits=scores)
    elif smoothing:
        loss = losses.CategoricalCrossentropy(from_logits=scores, label_smoothing=smoothing)
    else:
        loss = losses.SparseCategoricalCrossentropy(from_logits=scores)
    model.compile(optimizer=recipe.make_optimizer(samples), loss=loss, metrics=["accuracy"])
    return model


def targets(model, labels: np.ndarray) -> np.ndarray:
    """Labels as the loss of a compiled model wants them: whole numbers, or one-hot rows if it smooths them."""
    if type(model.loss).__name__ != "CategoricalCrossentropy":
        return labels
    return np.eye(model.output_shape[-1], dtype=np.float32)[np.asarray(labels, np.int64).reshape(-1)]


def gives_scores(model) -> bool:
    """Whether the model's (first) outputs are scores, not yet made probabilities by a softmax or sigmoid."""
    outputs = getattr(model, "outputs", None)
    # The layer that was made last need not be the one whose output is the first.
    last = outputs[0].made_by[0] if outputs else model.layers[-1]
    if getattr(last, "layers", None):  # A model in the model.
        return gives_scores(last)
    name = getattr(getattr(last, "activation", None), "__name__", type(last).__name__.lower())
    return name not in ("softmax", "sigmoid")


def pixels(model, images: np.ndarray) -> np.ndarray:
    """Images as the model takes them: bytes from 0 to 1, unless its first layer rescales; others as they are."""
    if images.dtype != np.uint8:
        return images
    first = next((layer for layer in model.layers if type(layer).__name__ != "InputLayer"), None)
    if type(first).__name__ == "Rescaling":
        return images
    return images.astype(np.float32) / np.float32(255)


def probabilities(model, outputs: np.ndarray) -> np.ndarray:
    """A model's outputs as probabilities (count, classes); a single output is that of the second of two classes."""
    outputs = np.asarray(outputs, np.float64)
    scores = gives_scores(model)
    if outputs.shape[1] == 1:
        second = 1 / (1 + np.exp(-outputs)) if scores else outputs
        return np.concatenate([1 - second, second], axis=1)
    if not scores:
        return outputs
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
