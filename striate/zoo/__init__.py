"""Networks by name, each with the recipe it is trained by.

Each network is a function that makes a new, uncompiled model of striate's public layers.
"""

from __future__ import annotations

from striate.errors import ArgumentError, received
from striate.zoo.lectures import NOVA, TUE, UVA, YALE, nova, tue, uva, yale
from striate.zoo.lenet import LENET5, lenet5
from striate.zoo.modern import SMALL, small
from striate.zoo.recipe import Recipe

_NETWORKS = {
    "yale": (yale, YALE),
    "uva": (uva, UVA),
    "nova": (nova, NOVA),
    "tue": (tue, TUE),
    "lenet5": (lenet5, LENET5),
    "small": (small, SMALL),
}

__all__ = ["Recipe", "build", "names", "recipe", *_NETWORKS]


def names() -> tuple[str, ...]:
    """The names of all networks.

    Example:
        >>> names()
        ('yale', 'uva', 'nova', 'tue', 'lenet5', 'small')
    """
    return tuple(_NETWORKS)


def build(name: str, **arguments):
    """The network of a name as a new model, not compiled.

    Args:
        name: one of `names()`.
        arguments: `input_shape` (height, width, channels) and `classes`, where they shall not be the network's own.

    Raises:
        ArgumentError: no network has this name.

    Example:
        >>> build("lenet5", classes=2).output_shape
        (None, 2)
    """
    return _row(name)[0](**arguments)


def recipe(name: str) -> Recipe:
    """How the network of a name is trained.

    Raises:
        ArgumentError: no network has this name.
    """
    return _row(name)[1]


def _row(name: str):
    if name not in _NETWORKS:
        raise ArgumentError(f"There is no network of this name; there are {', '.join(_NETWORKS)}. "
                            + received(name=name))
    return _NETWORKS[name]
