"""Arguments that many layers share, checked and brought into one form."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate import activations
from striate.config import image_data_format
from striate.errors import ArgumentError, received


def standard_tuple(value: Any, count: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """An integer or `count` of them as a tuple.

    Raises:
        ArgumentError: not integers, too few or too many, or not positive.

    Example:
        >>> standard_tuple(3, 2, "kernel_size")
        (3, 3)
    """
    values = (value,) * count if isinstance(value, (int, np.integer)) else value
    if not isinstance(values, (tuple, list)) or len(values) != count or not all(
            isinstance(entry, (int, np.integer)) and not isinstance(entry, bool) for entry in values):
        raise ArgumentError(f"The `{name}` argument must be an integer or a tuple of {count} integers. "
                            f"{received(**{name: value})}. Use for example {name}={(3,) * count}.")
    if any(entry < (0 if allow_zero else 1) for entry in values):
        raise ArgumentError(f"The `{name}` argument must be {'at least zero' if allow_zero else 'positive'}. "
                            f"{received(**{name: value})}. Use for example {name}={(1,) * count}.")
    return tuple(int(entry) for entry in values)


def standard_padding(value: Any, allow_causal: bool = False) -> str:
    """ "valid", "same" (or "causal") in lower case."""
    padding = value.lower() if isinstance(value, str) else value
    allowed = ("valid", "same", "causal") if allow_causal else ("valid", "same")
    if padding not in allowed:
        raise ArgumentError(f"The `padding` argument must be one of {allowed}. " + received(padding=value))
    return padding


def standard_data_format(value: Any) -> str:
    """ "channels_last" or "channels_first"; for None the one that `config.set_image_data_format` set."""
    data_format = image_data_format() if value is None else str(value).lower()
    if data_format not in ("channels_last", "channels_first"):
        raise ArgumentError("The `data_format` argument must be 'channels_last' or 'channels_first'. "
                            + received(data_format=value))
    return data_format


def positive(value: Any, name: str) -> int:
    """A positive integer."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value <= 0:
        raise ArgumentError(f"Invalid value for argument `{name}`. Expected a positive integer. "
                            + received(**{name: value}))
    return int(value)


class ActivationArgument:
    """The attribute `activation` of a layer class; None or a name, set later, is taken as the constructor takes it."""

    def __set__(self, layer: Any, value: Any) -> None:
        vars(layer)["activation"] = activations.get(value)

    def __get__(self, layer: Any, kind: type) -> Any:
        if layer is None:
            return self
        if "activation" not in vars(layer):
            raise AttributeError(f"'{kind.__name__}' object has no attribute 'activation'")
        return vars(layer)["activation"]
