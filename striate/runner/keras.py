"""The module that `import keras` and `tf.keras` give: striate's rooms under Keras' names, the same objects."""

from __future__ import annotations

from typing import Any

import striate
from striate.adaptations import users_line
from striate.outside import REASONS

__version__ = "3.15.0+striate"
__striate__ = True
_ELSEWHERE = {
    "Initializer": "initializers", "KerasTensor": "layers", "Loss": "losses", "Metric": "metrics",
    "Optimizer": "optimizers", "Regularizer": "regularizers",
}


def version() -> str:
    """The Keras whose words striate speaks."""
    return __version__


def __getattr__(name: str) -> Any:
    if name in dir(striate):
        return getattr(striate, name)
    if name in _ELSEWHERE:
        return getattr(getattr(striate, _ELSEWHERE[name]), name)
    from striate.runner import old_names

    if name in old_names.TOP:
        return old_names.modules_below("keras")[f"keras.{name}"]
    file, line = users_line()
    reason = f": {REASONS[name]}" if name in REASONS else ""
    raise AttributeError(f"keras.{name} is not part of striate ({file}, line {line}){reason}.")


def __dir__() -> list[str]:
    return sorted({*dir(striate), *_ELSEWHERE, "preprocessing"})
