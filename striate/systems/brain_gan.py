"""Deck Y's exercise with fakes made here: a DCGAN learns the real frames, and what it makes are the fakes.

The real frames are those of `simulated_ca`. The generator learns from sessions 0 to 4. Three networks then learn to
tell its pictures from real frames of the same sessions, and are judged on sessions 6 to 8 with new pictures of the
generator; beside them stands the discriminator that taught the generator. A last column asks all of them about the
fakes of another generator: those of `simulated_ca`, on the same test sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from striate import callbacks
from striate.callbacks.history import finished
from striate.systems import brain
from striate.systems.brain import FRAMES, NETWORKS, STRANGER, Part
from striate.systems.comparison import Comparison, Say

COLUMNS = {**{name: kind for name, kind in brain.COLUMNS.items() if name != "seconds"}, STRANGER: float,
           "seconds": float | None}
DISCRIMINATOR = "discriminator of the DCGAN"
ROUNDS, BATCH_SIZE = 16, 16
FILTERS = (8, 16, 32, 64)
"""Channels of the discriminator's convolutions; the generator has them the other way round."""
RATES = {"discriminator": 0.0003, "generator": 0.001}
"""Learning rates. The generator is corrected by what the discriminator has learnt, and needs the larger steps."""
SPREADS = 4.0
"""Frames have a spread of 1; pictures from -1 to 1 show this many spreads to both sides."""
SHOWN = 7


@dataclass
class Growth:
    """How a generator grew: `pictures` holds (words, pictures (7, height, width, 1)), first real ones; `history` the
    losses and the shares of pictures that were recognised, by name, a number an epoch."""

    pictures: list[tuple[str, np.ndarray]]
    history: dict[str, list[float]] = field(default_factory=dict)


class _Watch(callbacks.Callback):
    """Keeps what the generator makes of the same noise after epochs 1, 2, 4, 8 ... and the last one."""

    def __init__(self, growth: Growth, epochs: int, say: Say | None):
        super().__init__()
        self.growth, self.epochs, self.say = growth, epochs, say

    def on_epoch_end(self, epoch, logs=None):
        """Tells and keeps."""
        done = epoch + 1
        if done == self.epochs or (done & epoch) == 0 and 2 * done <= self.epochs:
            self.growth.pictures.append((f"epoch {done}", self.model.pictures(SHOWN)))
        if self.say is not None:
            self.say(f"  DCGAN, epoch {done}/{self.epochs}: real frames recognised {logs['reals_found']:.0%}, "
                     f"made ones {logs['fakes_found']:.0%}")


def as_pictures(frames: np.ndarray) -> np.ndarray:
    """Frames with a spread of 1 as pictures from -1 to 1."""
    return np.clip(frames / np.float32(SPREADS), -1, 1)


def real_frames(sessions: Sequence[int], frames: int, seed: int) -> np.ndarray:
    """The real ones among `frames` frames of each session, as pictures (len(sessions) * frames / 2, 128, 128, 1)."""
    from striate.datasets import simulated_ca

    x, y, _ = simulated_ca.load_sessions(sessions, frames, seed)
    return as_pictures(x[y == 0])


def trained_pair(real: np.ndarray, seed: int = 0, epochs: int = ROUNDS, filters: Sequence[int] = FILTERS,
                 say: Say | None = None):
    """A generator and its discriminator, trained against each other on real pictures (n, height, width, channels).

    Returns:
        The `Adversary` and its `Growth`.
    """
    from striate import optimizers, utils, zoo
    from striate.systems.adversary import Adversary

    utils.clear_session()
    utils.set_random_seed(seed)
    shape = real.shape[1:]
    pair = Adversary(zoo.build("dcgan_generator", output_shape=shape, filters=tuple(filters)[::-1]),
                     zoo.build("dcgan_discriminator", input_shape=shape, filters=filters))
    pair.compile(*(optimizers.Adam(RATES[part], beta_1=0.5) for part in ("discriminator", "generator")))
    growth = Growth([("real", real[:: max(1, len(real) // SHOWN)][:SHOWN])])
    growth.history = finished(pair.fit(real, batch_size=BATCH_SIZE, epochs=epochs, verbose=0,
                                       callbacks=[_Watch(growth, epochs, say)])).history
    return pair, growth


def parts_of(pair, frames: int = FRAMES, seed: int = 0) -> dict[str, Part]:
    """The parts of `brain.simulated`, with the fakes of the generator, and "stranger": the test sessions' real frames
    beside the fakes of `simulated_ca`. Labels are 0 (real) and 1 (fake)."""
    from striate.datasets import simulated_ca

    known, other, test = (mixed(real_frames(numbers, frames, seed), pair, part, seed) for part, numbers in
                          enumerate((simulated_ca.TRAIN_SESSIONS[:-1], simulated_ca.TRAIN_SESSIONS[-1:],
                                     simulated_ca.TEST_SESSIONS), 1))
    x, y, _ = simulated_ca.load_sessions(simulated_ca.TEST_SESSIONS, frames, seed)
    return {**brain.split_parts(known, other, test, seed), "stranger": (as_pictures(x), y)}


def mixed(real: np.ndarray, pair, part: int, seed: int) -> Part:
    """Real pictures and as many new ones of the generator, in a random order; `part` makes its noise another one."""
    made = pair.pictures(len(real), seed=1000 * (seed + 1) + part)
    order = np.random.Generator(np.random.PCG64([seed, part])).permutation(2 * len(real))
    return np.concatenate([real, made])[order], np.repeat(np.arange(2, dtype=np.uint8), len(real))[order]


def judged(discriminator, parts: dict[str, Part]) -> dict[str, Any]:
    """The row of the discriminator: it says "real" by a score above 0."""
    right = {part: float(((discriminator.predict(x, batch_size=128, verbose=0)[:, 0] < 0) == y).mean())
             for part, (x, y) in parts.items()}
    return {"parameters": int(discriminator.count_params()), "training accuracy": right["train"],
            "validation, same sessions": right["same"], "validation, other session": right["other"],
            "test accuracy": right["test"], STRANGER: right["stranger"]}


def compare(networks: Sequence[str] = NETWORKS, seeds: Sequence[int] = (0, 1, 2), epochs: int | None = None,
            frames: int = FRAMES, rounds: int = ROUNDS, folder: Path | None = None,
            say: Say | None = None) -> Comparison:
    """Trains the DCGAN, then the networks on its fakes, and judges all on sessions that none of them has seen.

    Args:
        networks: names of the zoo.
        seeds: of the networks' weights and order; the DCGAN is trained once, with seed 0.
        epochs: of the networks, instead of their recipes'.
        frames: of each session, half of them real.
        rounds: epochs of the DCGAN.
        folder: where the table, the networks, `generator.keras`, `discriminator.keras` and the figure
            `generator.svg` are kept; what is there is not trained again.
        say: is told what is being done.
    """
    found = Comparison.at(folder, "Simulated calcium imaging: real, or made by a DCGAN trained here?",
                          "Who finds the fakes of a generator, in sessions that nobody has seen?", COLUMNS,
                          (*networks, *RATES))
    pair = _kept(folder) or _made(frames, rounds, folder, say)
    parts = parts_of(pair, frames)
    found.run({**{name: partial(brain.row, name, parts, seeds, epochs, folder) for name in networks},
               DISCRIMINATOR: partial(judged, pair.discriminator, parts)}, say)
    found.notes = explained(found, len(seeds))
    found.save()
    return found


def _kept(folder: Path | None):
    """The pair of an earlier run in this folder, if there is one."""
    from striate import saving
    from striate.systems.adversary import Adversary

    files = [] if folder is None else [folder / f"{name}.keras" for name in ("generator", "discriminator")]
    if not files or not all(file.is_file() for file in files):
        return None
    return Adversary(*(saving.load_model(file) for file in files))


def _made(frames: int, rounds: int, folder: Path | None, say: Say | None):
    from striate.datasets import simulated_ca
    from striate.systems.brain_gan_figure import growth_figure

    real = real_frames(simulated_ca.TRAIN_SESSIONS[:-1], frames, 0)
    if say is not None:
        say(f"DCGAN: {rounds} epochs on {len(real):,} real frames")
    pair, growth = trained_pair(real, epochs=rounds, say=say)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        growth_figure(growth).save(folder / "generator.svg")
        pair.discriminator.save(folder / "discriminator.keras")
        pair.generator.save(folder / "generator.keras")
    return pair


def explained(found: Comparison, seeds: int) -> list[str]:
    """What the table says, in sentences."""
    rows = {own["variant"]: own for own in found.rows}
    judge = rows.pop(DISCRIMINATOR)
    best = max(rows.values(), key=lambda own: own["test accuracy"])
    return [
        f"The networks were trained after the generator, on fakes of the generator as it is in the end, with {seeds} "
        f"seed{'s' * (seeds > 1)}; the best on the test sessions is {best['variant']} with "
        f"{best['test accuracy']:.1%}.",
        f"The discriminator has {judge['test accuracy']:.1%} there. It was taught by every state of the generator, and "
        "each step of the generator was made to deceive it, so about the last one it is the one judge that must not be "
        "asked.",
        f"Fakes of another generator, which nobody was trained on: {best['variant']} {best[STRANGER]:.1%}, the "
        f"discriminator {judge[STRANGER]:.1%}. Who learns one generator's faults has not learnt what is real.",
        "The frames are simulated: none of these numbers is a result on brain data."]
