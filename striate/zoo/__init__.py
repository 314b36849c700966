"""Networks by name, each with the recipe it is trained by.

Each network is a function that makes a new, uncompiled model of striate's public layers.
"""

from __future__ import annotations

from striate.errors import ArgumentError, received
from striate.zoo.brain import BRAIN_RESIDUAL, BRAIN_SMALL, brain_residual, brain_small
from striate.zoo.fast import FAST90, FAST92, FAST94, fast90, fast92, fast94
from striate.zoo.gan import DCGAN_DISCRIMINATOR, DCGAN_GENERATOR, dcgan_discriminator, dcgan_generator
from striate.zoo.lectures import NOVA, TUE, UVA, YALE, nova, tue, uva, yale
from striate.zoo.lenet import LENET5, lenet5
from striate.zoo.modern import RESIDUAL, SEPARABLE, SMALL, residual, separable, small
from striate.zoo.recipe import Recipe
from striate.zoo.signal import SIGNAL, signal

_CLASSIFIERS = {
    "yale": (yale, YALE),
    "brain_small": (brain_small, BRAIN_SMALL),
    "brain_residual": (brain_residual, BRAIN_RESIDUAL),
    "uva": (uva, UVA),
    "nova": (nova, NOVA),
    "tue": (tue, TUE),
    "lenet5": (lenet5, LENET5),
    "small": (small, SMALL),
    "residual": (residual, RESIDUAL),
    "separable": (separable, SEPARABLE),
    "signal": (signal, SIGNAL),
    "fast90": (fast90, FAST90),
    "fast92": (fast92, FAST92),
    "fast94": (fast94, FAST94),
    "dcgan_discriminator": (dcgan_discriminator, DCGAN_DISCRIMINATOR),
}
_GENERATORS = {
    "dcgan_generator": (dcgan_generator, DCGAN_GENERATOR),
}
_NETWORKS = {**_CLASSIFIERS, **_GENERATORS}

__all__ = ["Recipe", "build", "generators", "names", "recipe", *_NETWORKS]


def names() -> tuple[str, ...]:
    """The names of all networks that tell classes apart.

    Example:
        >>> names()[:4]
        ('yale', 'brain_small', 'brain_residual', 'uva')
    """
    return tuple(_CLASSIFIERS)


def generators() -> tuple[str, ...]:
    """The names of all networks that make pictures out of noise; they are trained against a discriminator.

    Example:
        >>> generators()
        ('dcgan_generator',)
    """
    return tuple(_GENERATORS)


def build(name: str, **arguments):
    """The network of a name as a new model, not compiled.

    Args:
        name: one of `names()` or `generators()`.
        arguments: for a classifier `input_shape` and `classes`, for a generator `output_shape` and `noise`, where
            they shall not be the network's own.

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
