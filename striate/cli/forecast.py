"""What a training will cost, found out before its first step.

A probe, a second model of the same kind, makes a few steps: that compiles the kernels (which is shown, because the
first time it takes a while) and tells how long a step takes. The model itself is left untouched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil

import numpy as np
from rich.console import Console

from striate.callbacks.history import finished
from striate.cli import networks
from striate.cli.terminal import duration, say

PROBE_STEPS = 6


@dataclass
class Compilations:
    """Kernels compiled so far: (name, seconds) of each."""

    done: list[tuple[str, float]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Time spent compiling."""
        return sum(seconds for _, seconds in self.done)


@contextmanager
def compiling(console: Console) -> Iterator[Compilations]:
    """While the block runs, kernels that have to be compiled are shown; afterwards one line sums them up."""
    from striate.kernels import jit

    compilations = Compilations()
    with console.status("Preparing kernels") as status:
        def heard(name: str, seconds: float) -> None:
            compilations.done.append((name, seconds))
            status.update(f"Compiling kernels for this processor, once: {len(compilations.done)} ready, the last was "
                          f"{name} ({compilations.seconds:.0f} s in all)")
        jit.listeners.append(heard)
        try:
            yield compilations
        finally:
            jit.listeners.remove(heard)
    if compilations.done:
        say(console, "Kernels", f"{len(compilations.done)} compiled in {duration(compilations.seconds)}; "
                                "they are kept for later runs.")


@dataclass(frozen=True)
class Forecast:
    """Seconds of one training step and bytes of memory that the process has taken at most."""

    step_seconds: float
    peak_bytes: int | None

    def epoch_seconds(self, images: int, batch_size: int) -> float:
        """Seconds of one pass over so many images."""
        return ceil(images / batch_size) * self.step_seconds


def probe(model, images: np.ndarray, labels: np.ndarray, batch_size: int, console: Console) -> Forecast:
    """Compiles what training `model` needs and measures a few steps. The model is changed: give one to throw away.

    Raises:
        KeyboardInterrupt: Ctrl-C or a signal, which `fit` alone would take for the end of this little training.
    """
    from striate import callbacks

    class Clock(callbacks.Callback):
        """When each epoch begins and ends."""

        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(time.perf_counter() - self.started)

    clock, x, y = Clock(), networks.pixels(model, images), networks.targets(model, labels)
    with compiling(console):
        finished(model.fit(x, y, batch_size=batch_size, epochs=2, verbose=0, callbacks=[clock]))
        model.predict(x[:batch_size], batch_size=batch_size, verbose=0)
    return Forecast(clock.seconds[-1] / ceil(len(x) / batch_size), peak_memory())


def peak_memory() -> int | None:
    """The most memory that this process has had so far, in bytes."""
    try:
        import resource
    except ImportError:
        return None
    import sys

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def announce(model, data, recipe, console: Console) -> None:
    """Foretells the training of a model like `model` (which is used up) on the data."""
    images, labels = data.train
    count = min(len(labels), PROBE_STEPS * recipe.batch_size)
    forecast = probe(model, images[:count], labels[:count], recipe.batch_size, console)
    seconds = forecast.epoch_seconds(len(labels), recipe.batch_size)
    memory = "" if forecast.peak_bytes is None else f", {forecast.peak_bytes / 2**20:,.0f} MiB of memory"
    most = "at most " if data.patience else ""
    say(console, "Forecast", f"about {duration(seconds)} an epoch, {most}{duration(seconds * recipe.epochs)} in "
                             f"all{memory}.")
