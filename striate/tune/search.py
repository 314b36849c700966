"""`Search`: trials in a folder, each written down when it is done; several ranks make as many at a time."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from striate.errors import FileError, received
from striate.files import refuse_links, write_text
from striate.parallel import map_tasks
from striate.ranks import ranks
from striate.see.result import aligned
from striate.tune.space import Space
from striate.untrusted import read_own_json
from striate.untrusted.kinds import of_kinds

FILE, MODELS, JOURNAL = "tune.json", "trial-", "study.journal"
_WORST = -1e30
"""The score of what gave no number."""
Objective = Callable[[Mapping[str, Any], int, Path], float]
"""(settings, epochs in all, file) -> score, more is better. A model that was trained for fewer epochs lies in the file,
if there is one, and is trained on; the model is left there."""


@dataclass
class Trial:
    """One setting: `scores` by how many epochs it was trained for (as text, as JSON has it), and the time it took.

    `number`: its place; `settings`: {name: value}; `seconds`: of all its epochs.
    """

    number: int
    settings: dict[str, Any]
    scores: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Epochs of its longest training."""
        return max(map(int, self.scores), default=0)

    @property
    def score(self) -> float:
        """The score after its longest training; minus infinity before the first."""
        return self.scores.get(str(self.epochs), -math.inf)


_TRIAL = {"number": int, "settings": dict[str, str | float | bool | None], "scores": dict[str, float], "seconds": float}
_EPOCHS = re.compile("[1-9][0-9]{0,8}")


class Search:
    """A search in a folder.

    Args:
        folder: holds `tune.json` and a model a trial; if it holds the same search, that goes on.
        space: what may vary.
        objective: judges a setting.
        seed: of the settings.
        say: is told of each result.
        judged: on what settings are judged, in plain types: part of what makes it the same search.

    Raises:
        FileError: the folder holds another search, a damaged one, or links.

    Example:
        >>> search = Search("runs/search", Space.parsed({"dropout": "0..0.5"}), objective)  # doctest: +SKIP
    """

    def __init__(self, folder: Path, space: Space, objective: Objective, seed: int = 0,
                 say: Callable[[str], None] | None = None, judged: Mapping[str, Any] | None = None):
        self.folder, self.space, self.objective, self.seed = folder, space, objective, seed
        self.say = say or (lambda text: None)
        self.trials: dict[int, Trial] = {}
        self.about = {"space": space.said(), "seed": seed, **({"judged": dict(judged)} if judged else {})}
        self._read()

    def _read(self) -> None:
        place = self.folder / FILE
        refuse_links(self.folder, FILE, MODELS, JOURNAL)
        try:
            kept = ranks().from_first(lambda: read_own_json(place) if place.exists() else None)
            if kept is None:
                return
            trials = [self._kept(row) for row in kept["trials"]]
            about = {name: kept.get(name) for name in self.about}
        except (ValueError, KeyError, TypeError) as error:
            raise FileError(f"{place} is damaged: {str(error).rstrip('.')}. Name another folder.") from None
        if about != as_json(self.about):
            raise FileError("This folder holds another search: name a new one, or repeat the same. "
                            + received(found=about, wanted=self.about))
        self.trials = {trial.number: trial for trial in trials}

    def _kept(self, row: Any) -> Trial:
        """The trial of a row of the file."""
        trial = Trial(**of_kinds("a trial", _TRIAL, row))
        if set(trial.settings) != set(self.space.names):
            raise ValueError(f"a trial sets {', '.join(trial.settings)}, not {', '.join(self.space.names)}")
        if not trial.scores or not all(_EPOCHS.fullmatch(epochs) for epochs in trial.scores):
            raise ValueError(f"a trial has scores after {', '.join(trial.scores) or 'no'} epochs")
        return trial

    def random(self, trials: int, epochs: int) -> Trial:
        """Trains so many drawn settings for so many epochs each; gives the best."""
        self.judge_all([self.trial(number) for number in range(trials)], epochs)
        return self.best()

    def halving(self, trials: int, epochs: int, smallest: int = 1, factor: int = 3) -> Trial:
        """Trains all settings for `smallest` epochs, the best third of them three times as long, and so on.

        Args:
            trials: settings in the first round.
            epochs: of the last round.
            smallest: epochs of the first round.
            factor: one in so many goes on, for so many times the epochs.
        """
        left, budget = [self.trial(number) for number in range(trials)], min(smallest, epochs)
        while True:
            self.judge_all(left, budget)
            if budget >= epochs:
                return self.best()
            ranked = sorted(left, key=lambda trial: (-trial.scores[str(budget)], trial.number))
            left = sorted(ranked[:max(1, len(left) // factor)], key=lambda trial: trial.number)
            budget = min(epochs, budget * factor) if len(left) > 1 else epochs

    def trial(self, number: int, settings: Mapping[str, Any] | None = None) -> Trial:
        """The trial of a number, with drawn settings unless they are given."""
        if number not in self.trials:
            drawn = self.space.draw(self.seed, number) if settings is None else dict(settings)
            self.trials[number] = Trial(number, drawn)
        return self.trials[number]

    def judge(self, trial: Trial, epochs: int) -> float:
        """The score of a trial after so many epochs: the one that is written down, or a new one."""
        self.judge_all([trial], epochs)
        return trial.scores[str(epochs)]

    def judge_all(self, trials: list[Trial], epochs: int) -> None:
        """Makes sure that these trials have a score after so many epochs.

        Of several ranks each makes one at a time; the folder must then be one that all of them see.
        """
        waiting, together = [trial for trial in trials if str(epochs) not in trial.scores], ranks().size
        for first in range(0, len(waiting), together):
            chosen = waiting[first:first + together]
            results = map_tasks(lambda trial: self.measured(trial.number, trial.settings, epochs), chosen)
            for trial, (score, seconds) in zip(chosen, results, strict=True):
                self.enter(trial, epochs, score, seconds)

    def measured(self, number: int, settings: Mapping[str, Any], epochs: int) -> tuple[float, float]:
        """(score, seconds) of a trial that is made now; nothing is written down. A score is a finite number."""
        self.folder.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        score = float(self.objective(settings, epochs, self.folder / f"{MODELS}{number:04d}.keras"))
        return score if math.isfinite(score) else _WORST, time.perf_counter() - started

    def enter(self, trial: Trial, epochs: int, score: float, seconds: float) -> None:
        """Writes a result down and says it."""
        trial.scores[str(epochs)] = score
        trial.seconds += seconds
        self.save()
        self.say(f"trial {trial.number}, {epochs} epoch{'s' * (epochs != 1)}: {score:.4f} with {said(trial.settings)}")

    def best(self) -> Trial:
        """The best trial among those that were trained longest."""
        longest = max(trial.epochs for trial in self.trials.values())
        return max((trial for trial in self.trials.values() if trial.epochs == longest),
                   key=lambda trial: (trial.score, -trial.number))

    def ranked(self) -> list[Trial]:
        """The trials that have a score; those trained longest first, of these the best first."""
        return sorted((trial for trial in self.trials.values() if trial.scores),
                      key=lambda trial: (-trial.epochs, -trial.score, trial.number))

    def save(self) -> None:
        """Writes tune.json."""
        write_text(self.folder / FILE, json.dumps(self.data(), indent=2, ensure_ascii=False) + "\n")

    def data(self) -> dict[str, Any]:
        """Everything in plain types."""
        rows = [asdict(trial) for _, trial in sorted(self.trials.items()) if trial.scores]
        if not rows:
            return {**self.about, "trials": rows}
        best = self.best()
        return {**self.about, "trials": rows, "best": {**asdict(best), "epochs": best.epochs, "score": best.score}}

    def __str__(self) -> str:
        names = sorted(self.space.names)
        rows = [[str(trial.number), f"{trial.score:.4f}", str(trial.epochs), *[str(trial.settings[name])
                                                                              for name in names],
                 f"{trial.seconds:.1f}"] for trial in self.ranked()]
        return aligned(rows, ["trial", "score", "epochs", *names, "seconds"])


def as_json(content: Any) -> Any:
    """Plain types as they come back from JSON.

    Example:
        >>> as_json({"a": (1, 2)})
        {'a': [1, 2]}
    """
    return json.loads(json.dumps(content))


def said(settings: Mapping[str, Any]) -> str:
    """Settings in words.

    Example:
        >>> said({"learning_rate": 0.01, "optimizer": "adam"})
        'learning_rate=0.01, optimizer=adam'
    """
    return ", ".join(f"{name}={value}" for name, value in sorted(settings.items()))
