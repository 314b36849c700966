"""Models by name: of the zoo, from a file, or from a function of the user's."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from striate.errors import ArgumentError, received


def build(source: str, image_shape: tuple[int, ...] | None = None, classes: int | None = None):
    """The model that `--model` names, for the given data; without data as it is by itself.

    source: a name of the zoo, a `.keras` or `.h5` file, or `module:function`. The function is called with
        `input_shape` and `classes` if it takes them.

    Raises:
        ArgumentError: there is no such model, or it does not fit the data.
        ModelFileError: the file is damaged.
    """
    if source.endswith((".keras", ".h5")):
        from striate import saving

        model = saving.load_model(source)
    elif ":" in source:
        model = _from_function(source, _given(input_shape=image_shape, classes=classes))
    else:
        from striate import zoo

        model = zoo.build(source, **_given(input_shape=image_shape, classes=classes))
    if image_shape is not None:
        _check(model, source, image_shape, classes)
    return model


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
    wanted = inspect.signature(function).parameters
    return function(**{name: value for name, value in offered.items() if name in wanted})


def _check(model, source: str, image_shape: tuple[int, ...], classes: int) -> None:
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, tuple) and len(shape) == 4 and any(
            have is not None and have != want for have, want in zip(shape[1:], image_shape, strict=True)):
        raise ArgumentError(f"The model takes images of shape {tuple(shape[1:])}, the data has {image_shape}. "
                            + received(model=source))
    outputs = getattr(model, "output_shape", None)
    if isinstance(outputs, tuple) and outputs[-1] not in (None, classes):
        raise ArgumentError(f"The model has {outputs[-1]} outputs, the data {classes} classes. "
                            + received(model=source))


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. `learning_rate` None: the optimizer's own."""

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float | None

    def said(self) -> str:
        """In words."""
        rate = "" if self.learning_rate is None else f", learning rate {self.learning_rate:g}"
        return f"{self.epochs} epochs, batches of {self.batch_size}, {self.optimizer}{rate}"


DEFAULT_RECIPE = Recipe(epochs=5, batch_size=64, optimizer="adam", learning_rate=None)


def recipe(source: str, epochs: int | None = None, batch_size: int | None = None, optimizer: str | None = None,
           learning_rate: float | None = None) -> Recipe:
    """The user's choices, and the model's own where the user made none."""
    from striate import zoo

    own = zoo.recipe(source) if source in zoo.names() else DEFAULT_RECIPE
    if learning_rate is None and optimizer is None:
        learning_rate = own.learning_rate
    return Recipe(epochs or own.epochs, batch_size or own.batch_size, optimizer or own.optimizer, learning_rate)


def compile_model(model, recipe: Recipe) -> None:
    """Compiles for classification with whole-number labels."""
    from striate import losses, optimizers

    optimizer = optimizers.get(recipe.optimizer)
    if recipe.learning_rate is not None:
        optimizer.learning_rate = recipe.learning_rate
    model.compile(optimizer=optimizer, metrics=["accuracy"],
                  loss=losses.SparseCategoricalCrossentropy(from_logits=gives_logits(model)))


def gives_logits(model) -> bool:
    """Whether the model's outputs are scores without a softmax."""
    last = model.layers[-1]
    activation = getattr(last, "activation", None)
    name = getattr(activation, "__name__", "linear") if activation is not None else type(last).__name__.lower()
    return name != "softmax"


def pixels(model, images: np.ndarray) -> np.ndarray:
    """uint8 images as the model takes them: from 0 to 1, unless its first layer rescales by itself."""
    first = next((layer for layer in model.layers if type(layer).__name__ != "InputLayer"), None)
    if type(first).__name__ == "Rescaling":
        return images
    return images.astype(np.float32) / np.float32(255)


def probabilities(model, outputs: np.ndarray) -> np.ndarray:
    """A model's outputs (count, classes) as probabilities."""
    outputs = np.asarray(outputs, np.float64)
    if not gives_logits(model):
        return outputs
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
