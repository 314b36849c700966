"""A model's description in plain values, and back; what a stranger's description may ask for."""

from __future__ import annotations

from typing import Any

from striate.errors import ModelFileError, received
from striate.models import Model
from striate.serialization import deserialize_keras_object, serialize_keras_object
from striate.untrusted.limits import damaged

_MAX_OBJECTS = 100_000
_MAX_TEXT = 100_000


def described(model: Model) -> dict[str, Any]:
    """The description of a model as Keras 3 writes it."""
    return serialize_keras_object(model)


def model_from(config: dict[str, Any], what: str, custom_objects: dict[str, Any] | None, compile: bool) -> Model:
    """The model that a description out of a file stands for; its weights are made as `weight_budget` says.

    Raises:
        ModelFileError: the description is not that of a model, or one that striate cannot make.
    """
    check_description(config, what)
    if not compile:
        config = {name: value for name, value in config.items() if name != "compile_config"}
    with damaged(f"The description in {what}", ArithmeticError, RecursionError):
        model = deserialize_keras_object(config, custom_objects=custom_objects, module="keras.models")
    if not isinstance(model, Model):
        raise ModelFileError(f"{what} describes no model. " + received(class_name=config.get("class_name")))
    if not model.built:
        raise ModelFileError(f"{what} describes a model without saying its input shape.")
    return model


def check_description(config: Any, what: str) -> None:
    """Counts the objects and measures the texts of a description, and looks for functions that it would have called.

    Raises:
        ModelFileError: there are unreasonably many, or unreasonably long ones, or a `Lambda`.
    """
    waiting, objects = [config], 0
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            objects += 1
            if item.get("class_name") == "Lambda":
                raise ModelFileError(f"{what} holds a `Lambda`. A file must not say which functions are called, so "
                                     "striate makes none from a file: build the model in Python and use "
                                     "`load_weights`, or write the function as a layer of your own and name it in "
                                     "`custom_objects`. " + received(class_name="Lambda"))
            waiting += item.values()
            waiting += item.keys()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) and len(item) > _MAX_TEXT:
            raise ModelFileError(f"The description in {what} holds a text that is too long. "
                                 + received(characters=len(item), allowed=_MAX_TEXT))
        if objects > _MAX_OBJECTS:
            raise ModelFileError(f"The description in {what} has too many parts; at most {_MAX_OBJECTS} are read.")
