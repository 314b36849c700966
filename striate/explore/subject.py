"""What is explored: a model, inputs to look at, and, if there are any, data to train it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.datasets.pictures import Preparation


@dataclass(frozen=True)
class Sample:
    """An input to look at: as the model takes it, without the batch (a list of arrays for several inputs)."""

    name: str
    values: Any
    label: int | None = None


@dataclass(frozen=True)
class Data:
    """What the model can be trained on. x, y: as `fit` takes them; prepare: compiles a model for them."""

    said: str
    x: np.ndarray
    y: np.ndarray
    validation: tuple[np.ndarray, np.ndarray]
    batch_size: int
    prepare: Callable[[Any], Any]


@dataclass(frozen=True)
class Subject:
    """All that the page needs to know.

    said: where the weights come from, one sentence. pixels: from uint8 images to the model's input. shares: from a
    batch of outputs to probabilities. data: None where the model cannot be trained; why_not then says why. preparation:
    how the pictures were prepared that the model learnt, where its run says so.
    """

    model: Any
    said: str
    samples: tuple[Sample, ...]
    classes: tuple[str, ...]
    pixels: Callable[[np.ndarray], np.ndarray]
    shares: Callable[[np.ndarray], np.ndarray]
    data: Data | None = None
    why_not: str = ""
    preparation: Preparation | None = None
