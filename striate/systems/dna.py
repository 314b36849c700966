"""The 1-D network of the zoo on simulated DNA: which sequences hold a word that is not always spelled alike?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from striate.callbacks.history import finished
from striate.systems.comparison import Comparison, Say, mean_and_spread, seeds_and_spread

COLUMNS = {"parameters": int | None, "epochs": int | None, "training accuracy": float, "test accuracy": float,
           "seconds": float | None}
SEARCHES = {"search for the word": 0, "one letter may differ": 1}
"""Rows without a network: how many letters of the word may be wrong."""


def compare(seeds: Sequence[int] = (0, 1, 2), epochs: int | None = None, limit: int | None = None,
            folder: Path | None = None, say: Say | None = None) -> Comparison:
    """Searches for the word, which know it, beside the network, which does not.

    Args:
        seeds: of the weights and of the order of the sequences; the sequences are the same for all.
        epochs: instead of the recipe's.
        limit: at most so many sequences to train on.
        folder: where the table is kept, to go on with it.
        say: is told which row is being made.
    """
    from striate.datasets import dna_motifs

    (x, y), test = dna_motifs.load_data()
    train = x[:limit], y[:limit]
    found = Comparison.at(folder, f"Simulated DNA: which sequences hold {dna_motifs.WORD}? ({len(train[1]):,} to train "
                                  "on)", "Does a 1-D network find a word that nobody tells it?", COLUMNS)
    found.run({**{name: partial(_search, wrong, train, test) for name, wrong in SEARCHES.items()},
               **{f"signal, seed {seed}": partial(_network, seed, train, test, epochs) for seed in seeds}}, say)
    found.notes = explained(found)
    found.save()
    return found


def explained(found: Comparison) -> list[str]:
    """What the table says, in sentences."""
    scores = [row["test accuracy"] for row in found.rows if row["variant"] not in SEARCHES]
    best = max(row["test accuracy"] for row in found.rows if row["variant"] in SEARCHES)
    mean, spread = mean_and_spread(scores)
    return [f"signal: test accuracy {mean:.4f}, {seeds_and_spread(len(scores), spread)}. The better search has "
            f"{best:.4f}: it was told the word.",
            "The sequences are drawn at random: none of these numbers is a result on DNA."]


def _search(most_wrong: int, train, test) -> dict[str, Any]:
    from striate.datasets import dna_motifs

    right = [float((dna_motifs.holds_word(x, most_wrong) == y).mean()) for x, y in (train, test)]
    return {"training accuracy": right[0], "test accuracy": right[1]}


def _network(seed: int, train, test, epochs: int | None) -> dict[str, Any]:
    from striate import utils, zoo

    utils.clear_session()
    utils.set_random_seed(seed)
    recipe = zoo.recipe("signal") if epochs is None else replace(zoo.recipe("signal"), epochs=epochs)
    model = recipe.compile(zoo.build("signal", input_shape=train[0].shape[1:]), len(train[1]))
    started = time.perf_counter()
    finished(model.fit(*train, epochs=recipe.epochs, batch_size=recipe.batch_size, verbose=0))
    seconds = time.perf_counter() - started
    right = [float((model.predict(x, batch_size=256, verbose=0).argmax(axis=1) == y).mean()) for x, y in (train, test)]
    return {"parameters": int(model.count_params()), "epochs": recipe.epochs, "training accuracy": right[0],
            "test accuracy": right[1], "seconds": seconds}
