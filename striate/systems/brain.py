"""Deck Y's "Brain food": the baseline and two better networks, judged on sessions that none of them has seen.

Two validation accuracies are told: of frames held out of the sessions that were trained on, as `validation_split` would
hold them out, and of a whole session. The first promises what the test cannot keep: frames of one session share its
window, vessels and focus, and a network may learn those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from striate.callbacks.history import finished
from striate.errors import DataError, received
from striate.systems.comparison import Comparison, Say, mean_and_spread, seeds_and_spread

NETWORKS = ("yale", "brain_small", "brain_residual")
COLUMNS = {"parameters": int, "training accuracy": float, "validation, same sessions": float,
           "validation, other session": float, "test accuracy": float, "spread": float | None, "seconds": float}
STRANGER = "another generator's fakes"
FRAMES = 256
HELD_SHARE = 0.15
Part = tuple[np.ndarray, np.ndarray]


def simulated(frames: int = FRAMES, seed: int = 0) -> dict[str, Part]:
    """Parts of simulated data: "train" and "same" of sessions 0 to 4, "other" of session 5, "test" of 6 to 8."""
    from striate.datasets import simulated_ca

    known, other, test = (simulated_ca.load_sessions(numbers, frames, seed)[:2] for numbers in
                          (simulated_ca.TRAIN_SESSIONS[:-1], simulated_ca.TRAIN_SESSIONS[-1:],
                           simulated_ca.TEST_SESSIONS))
    return split_parts(known, other, test, seed)


def course(frames: int = FRAMES, seed: int = 0) -> dict[str, Part]:
    """The same parts of the course's own files: 0 and 1, 2, and 7 to 9. Streamed from the course's bucket."""
    from striate.datasets import brain_food

    (x, y), test = brain_food.load_data(frames)
    border = len(x) * 2 // 3
    return split_parts((x[:border], y[:border]), (x[border:], y[border:]), test, seed)


def of_folder(folder: Path, frames: int | None = None, seed: int = 0) -> dict[str, Part]:
    """The same parts of a user's folder of real and fake pictures, grey and 128x128.

    Its folders `train`, `val` and `test` should be different sessions; of a folder without them, pictures are held out
    at random, and the test says nothing about sessions.
    """
    from striate.systems import data as datasets

    read = datasets.load(str(folder), limit=frames, seed=seed, image_size=(128, 128))

    def grey(part: datasets.Part) -> Part:
        return part[0][:].mean(axis=-1, keepdims=True, dtype=np.float32), part[1]
    return split_parts(grey(read.train), grey(read.validation), grey(read.test), seed)


def split_parts(known: Part, other: Part, test: Part, seed: int) -> dict[str, Part]:
    """The parts "train" and "same" (a share of the known sessions' frames, held out at random), "other" and "test"."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(known[1]))
    held = int(len(order) * HELD_SHARE)
    rows = {"train": order[held:], "same": order[:held]}
    return {**{part: (known[0][own], known[1][own]) for part, own in rows.items()}, "other": other, "test": test}


def train(name: str, parts: dict[str, Part], seed: int, epochs: int | None = None) -> tuple[Any, dict[str, float]]:
    """A network of the zoo, trained by its recipe; and its accuracy on each part, with "seconds"."""
    import time
    from dataclasses import replace

    from striate import utils, zoo

    utils.clear_session()
    utils.set_random_seed(seed)
    recipe = zoo.recipe(name) if epochs is None else replace(zoo.recipe(name), epochs=epochs)
    model = zoo.build(name)
    x, y = parts["train"]
    recipe.compile(model, len(y))
    started = time.perf_counter()
    finished(model.fit(x, y, epochs=recipe.epochs, batch_size=recipe.batch_size, verbose=0))
    seconds = time.perf_counter() - started
    found = {part: accuracy(model, *own) for part, own in parts.items()}
    return model, {**found, "parameters": model.count_params(), "seconds": seconds}


def accuracy(model, x: np.ndarray, y: np.ndarray) -> float:
    """Share of frames whose larger output is that of their class."""
    return float((model.predict(x, batch_size=128, verbose=0).argmax(axis=1) == y).mean())


def compare(networks: Sequence[str] = NETWORKS, seeds: Sequence[int] = (0, 1, 2), epochs: int | None = None,
            data: Callable[[], dict[str, Part]] = simulated, folder: Path | None = None,
            say: Say | None = None) -> Comparison:
    """The networks side by side, each trained with several seeds.

    Args:
        networks: names of the zoo; the first is the baseline.
        seeds: of the weights and of the order of the frames.
        epochs: instead of the recipes'.
        data: gives the parts; `simulated`, `course`, or `of_folder` with a folder.
        folder: where the table and each network (of the first seed) are kept.
        say: is told which row is being made.
    """
    parts = data()
    classes = int(max(labels.max() for _, labels in parts.values())) + 1
    if classes != 2:
        raise DataError("Real or fake is a question of two classes. " + received(classes=classes))
    source = getattr(data, "func", data)
    title = {course: "Brain food: real or fake?",
             of_folder: "Pictures of a folder: real or fake?"}.get(source, "Simulated calcium imaging: real or fake?")
    found = Comparison.at(folder, title, "Which network is right about sessions that it has not seen?", COLUMNS,
                          networks)

    found.run({name: partial(row, name, parts, seeds, epochs, folder) for name in networks}, say)
    found.notes = explained(found, len(parts["test"][1]), len(seeds), source not in (course, of_folder))
    found.save()
    return found


def row(name: str, parts: dict[str, Part], seeds: Sequence[int], epochs: int | None, folder: Path | None = None,
        ) -> dict[str, Any]:
    """The row of a network: means over the seeds. A part "stranger" (fakes of a generator that made none of the others)
    gives the column "another generator's fakes". The network of the first seed is kept in the folder."""
    runs = []
    for seed in seeds:
        model, run = train(name, parts, seed, epochs)
        runs.append(run)
        if folder is not None and seed == seeds[0]:
            model.save(folder / f"{name}.keras")
    mean = {key: mean_and_spread([run[key] for run in runs])[0] for key in runs[0]}
    test, spread = mean_and_spread([run["test"] for run in runs])
    return {"parameters": int(mean["parameters"]), "training accuracy": mean["train"],
            "validation, same sessions": mean["same"], "validation, other session": mean["other"],
            "test accuracy": test, "spread": spread, "seconds": mean["seconds"],
            **({STRANGER: mean["stranger"]} if "stranger" in mean else {})}


def explained(found: Comparison, frames: int, seeds: int, is_simulated: bool) -> list[str]:
    """What the table says, in sentences."""
    rows = {row["variant"]: row for row in found.rows}
    base = next(iter(rows.values()))
    gap = base["validation, same sessions"] - base["test accuracy"]
    notes = [f"The baseline is right about {base['validation, same sessions']:.1%} of held-out frames of its own "
             f"sessions and about {base['test accuracy']:.1%} of the frames of other sessions: {100 * abs(gap):.1f} "
             f"points {'less' if gap > 0 else 'more'}. Frames of one session share window, vessels and focus, so a "
             "network can know the session by heart; only whole sessions that are held out tell what it is worth on a "
             "new animal."]
    best = max(rows.values(), key=lambda row: row["test accuracy"])
    notes.append(f"Best on the test sessions: {best['variant']} with {best['test accuracy']:.1%} ({frames:,} frames, "
                 f"{seeds_and_spread(seeds, best['spread'])}).")
    if is_simulated:
        notes.append("The frames are simulated: none of these numbers is a result on brain data.")
    return notes
