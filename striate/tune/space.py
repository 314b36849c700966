"""What may vary in a search: names with ranges of numbers or with choices."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received

_RANGE = re.compile(r"(?P<low>[-+0-9.eE]+)\.\.(?P<high>[-+0-9.eE]+)(?P<log>:log)?")


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; log: evenly over orders of magnitude; whole: whole numbers, both ends included.

    Raises:
        ArgumentError: no range, or a logarithm of what is not positive.

    Example:
        >>> Range(1e-4, 1e-1, log=True).at(0.5)
        0.00316228
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self):
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ArgumentError("A range goes from a smaller to a larger number. "
                                + received(low=self.low, high=self.high))
        if self.log and self.low <= 0:
            raise ArgumentError("Only positive numbers have orders of magnitude. " + received(low=self.low))

    def at(self, share: float) -> float | int:
        """The number at a share from 0 to 1 of the way, to six digits."""
        high = self.high + 1 if self.whole else self.high
        if self.log:
            value = self.low * (high / self.low) ** share
        else:
            value = self.low + (high - self.low) * share
        return min(int(value), int(self.high)) if self.whole else float(f"{value:.6g}")


@dataclass(frozen=True)
class Choice:
    """One of several values.

    `values`: of any kind, drawn with equal chances.
    """

    values: tuple[Any, ...]

    def at(self, share: float) -> Any:
        """The value at a share from 0 to 1 of the list."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]


@dataclass(frozen=True)
class Space:
    """Names and what each may be.

    `names`: {name: `Range` or `Choice`}.

    Example:
        >>> space = Space.parsed({"learning_rate": "1e-4..1e-1:log", "optimizer": "adam|sgd"})
        >>> sorted(space.draw(seed=0, number=3))
        ['learning_rate', 'optimizer']
    """

    names: Mapping[str, Range | Choice]

    @classmethod
    def parsed(cls, texts: Mapping[str, str]) -> Space:
        """The space that words describe: "1e-4..1e-1:log", "16..128" (whole numbers) or "adam|sgd|rmsprop".

        Raises:
            ArgumentError: words that are neither a range nor choices.
        """
        return cls({name: _parsed(name, text) for name, text in texts.items()})

    def draw(self, seed: int, number: int) -> dict[str, Any]:
        """The settings of the trial of a number: always the same for a seed, whatever was drawn before."""
        shares = np.random.Generator(np.random.Philox(key=[seed, number])).random(len(self.names))
        return {name: self.names[name].at(float(share)) for name, share in zip(sorted(self.names), shares, strict=True)}

    def said(self) -> dict[str, Any]:
        """The space in plain types."""
        return {name: list(own.values) if isinstance(own, Choice) else {**vars(own)}
                for name, own in sorted(self.names.items())}


def _parsed(name: str, text: str) -> Range | Choice:
    found = _RANGE.fullmatch(text)
    if found:
        whole = not re.search(r"[.eE]", found["low"] + found["high"])
        try:
            return Range(float(found["low"]), float(found["high"]), bool(found["log"]), whole)
        except ValueError as error:
            raise ArgumentError(f"The range of {name} cannot be read: {error}") from error
    if ".." in text or not all(word.strip() for word in text.split("|")):
        raise ArgumentError("What may vary is written as low..high, low..high:log or one|two|three. "
                            + received(**{name: text}))
    return Choice(tuple(_value(word) for word in text.split("|")))


def _value(word: str) -> Any:
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(word.strip().lower(), word.strip())
