"""Four public lectures on convolutional networks, checked: every number on their slides is computed again.

`check("yale")` gives a `Lecture`: what the slides say beside what striate finds, and where the slides slip.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from striate.errors import ArgumentError, received
from striate.lectures.claims import Claim, Lecture

NAMES = ("yale", "uva", "nova", "tue")

__all__ = ["NAMES", "Claim", "Lecture", "check"]


def check(name: str, train: bool = False, subset: bool = False, say: Callable[[str], None] | None = None) -> Lecture:
    """Computes again what a lecture's slides say.

    Args:
        name: "yale", "uva", "nova" or "tue".
        train: also make the trainings that the slides show or ask for; some take minutes.
        subset: train on the tenth of Fashion-MNIST that ships with striate.
        say: is told in words what is being trained.

    Raises:
        ArgumentError: no lecture has this name.

    Example:
        >>> found = check("yale")
        >>> [claim.what for claim in found.claims if claim.verdict == "slip"][0]
        'Parameters of the dense layer as the slide writes them, 30,752 x 2'
    """
    if name not in NAMES:
        raise ArgumentError(f"There is no lecture of this name; there are {', '.join(NAMES)}. " + received(name=name))
    module = import_module(f"striate.lectures.{name}")
    claims = list(module.claims())
    if train:
        claims += module.trainings(subset, say or (lambda text: None))
    return Lecture(name, module.TITLE, module.SOURCE, tuple(claims), tuple(module.REMARKS), bool(train))
