"""Workers that share the trials of one study, in any number of processes and on any machines.

They meet nowhere but in the storage. A study of N trials has the places 0 ... N - 1, and needs a result for each:

- A worker takes a place by adding an attempt at it to the study. Storages number attempts in the order in which they
  were added, and no number twice. Of several attempts at a place that have not failed, the one with the smallest
  number counts; a worker that sees one before its own withdraws. So two that begin at once do not do the same.
- While it trains, it changes its attempt's sign of life every few seconds. An attempt whose sign has not changed for
  `lost_after` seconds of the *watching* worker's own clock is lost: it is marked as failed, and the place is free
  again, with the settings that were proposed for it. Clocks of several machines are never compared.
- The result of a worker that was taken for lost, and comes back, is refused by the storage: a place has one result.

What is proposed for a place depends on the seed, the place, and the results that the study had then.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from striate.errors import FileError, received
from striate.tune.search import Search

LOST_AFTER = 120.0
_SIGNS = 6
"""So many signs of life are given in the time after which a worker is taken for lost."""
_LOOK_SECONDS = 0.5
_PLACE, _WORKER, _SIGN, _SECONDS = "place", "worker", "sign", "seconds"


class Worker:
    """One process that makes trials of a study.

    Args:
        optuna: the package.
        study: of Optuna.
        storage: of the study.
        search: measures settings; takes in the results of all workers.
        suggest: trial of Optuna -> settings.
        lost_after: seconds without a sign of life after which another worker's attempt is lost.
    """

    def __init__(self, optuna: Any, study: Any, storage: Any, search: Search, suggest: Callable[[Any], dict[str, Any]],
                 lost_after: float):
        self._study, self._storage, self._search, self._suggest = study, storage, search, suggest
        self._lost_after, self._sampler, self._trial = lost_after, optuna.samplers.TPESampler, optuna.trial
        self._refused = optuna.exceptions.UpdateFinishedTrialError
        self._states = optuna.trial.TrialState
        self._seen: dict[int, tuple[Any, float]] = {}
        self._waits = False

    def work(self, count: int, epochs: int, rank: int = 0) -> None:
        """Makes trials until the study has `count` results; `rank` only spreads workers that begin together.

        Raises:
            FileError: the folder of the search has results that are not the study's.
        """
        self._check(self._places())
        while True:
            places = self._places()
            self._take_in(places, epochs)
            missing = [place for place in range(count) if self._result(places.get(place, [])) is None]
            if not missing:
                return
            free = [place for place in missing if not self._living(places.get(place, []))]
            if free:
                place = free[rank % len(free)]
                self._attempt(place, places.get(place, []), epochs)
            else:
                self._wait(missing)

    # ---- what the study holds -----------------------------------------------------------------------------------

    def _places(self) -> dict[int, list]:
        """The attempts at each place, in the order of their numbers; lost ones are marked as failed on the way."""
        places: dict[int, list] = {}
        for attempt in sorted(self._study.get_trials(deepcopy=False), key=lambda own: own.number):
            if attempt.state == self._states.RUNNING and self._is_lost(attempt):
                self._search.say(f"trial {attempt.user_attrs[_PLACE]} of {attempt.user_attrs[_WORKER]} is lost: no "
                                 f"sign of life for {self._lost_after:g} s; it is made again")
                self._end(attempt, self._states.FAIL)
                return self._places()
            places.setdefault(attempt.user_attrs[_PLACE], []).append(attempt)
        return places

    def _is_lost(self, attempt: Any) -> bool:
        """Whether its worker has been silent for too long."""
        sign, now = attempt.user_attrs.get(_SIGN), time.monotonic()
        known, since = self._seen.setdefault(attempt.number, (sign, now))
        if known != sign:
            self._seen[attempt.number] = sign, now
            return False
        return now - since > self._lost_after

    def _living(self, attempts: list) -> list:
        return [attempt for attempt in attempts if attempt.state != self._states.FAIL]

    def _result(self, attempts: list) -> Any:
        """The attempt that gave the result of a place."""
        return next((attempt for attempt in attempts if attempt.state == self._states.COMPLETE), None)

    def _check(self, places: dict[int, list]) -> None:
        for number, trial in self._search.trials.items():
            result = self._result(places.get(number, []))
            if result is None or result.params != trial.settings:
                raise FileError("The folder holds a search that is not this study's: name a new folder. "
                                + received(folder=str(self._search.folder), trial=number))

    def _take_in(self, places: dict[int, list], epochs: int) -> None:
        """Writes down what workers have found since the last look."""
        for place, attempts in sorted(places.items()):
            found = self._result(attempts)
            if found is not None and place not in self._search.trials:
                self._search.enter(self._search.trial(place, found.params), epochs, found.value,
                                   found.user_attrs.get(_SECONDS, 0.0))

    # ---- one attempt --------------------------------------------------------------------------------------------

    def _attempt(self, place: int, before: list, epochs: int) -> None:
        """Takes a place, if no other worker is faster, and finds its result."""
        attempt = self._added(place, before)
        if attempt is None:
            return
        try:
            with self._alive(attempt):
                self._study.sampler = self._sampler(seed=_seed(self._search.seed, place), constant_liar=True)
                settings = self._suggest(self._trial.Trial(self._study, self._id(attempt)))
                score, seconds = self._search.measured(place, settings, epochs)
                with suppress(self._refused):
                    self._storage.set_trial_user_attr(self._id(attempt), _SECONDS, seconds)
        except BaseException:
            self._end(attempt, self._states.FAIL)  # Ctrl-C as well: the place is free at once.
            raise
        if not self._end(attempt, self._states.COMPLETE, score):
            self._search.say(f"trial {place} was silent for so long that another worker has taken it; this result is "
                             "not counted")

    def _added(self, place: int, before: list) -> Any:
        """A new attempt at a place, with the settings of those that failed; None if another one came before it."""
        mark = f"{socket.gethostname()}, process {os.getpid()}, {secrets.token_hex(4)}"
        last = max(before, key=lambda own: len(own.params), default=None)
        self._study.add_trial(self._trial.create_trial(
            state=self._states.RUNNING, user_attrs={_PLACE: place, _WORKER: mark},
            params=last.params if last else {}, distributions=last.distributions if last else {}))
        first, *others = self._living(self._places()[place])
        if first.user_attrs[_WORKER] == mark:
            return first
        for own in others:
            if own.user_attrs[_WORKER] == mark:
                self._end(own, self._states.FAIL)
        return None

    @contextmanager
    def _alive(self, attempt: Any) -> Iterator[None]:
        """In the block a thread gives signs of life."""
        stopping, number = threading.Event(), self._id(attempt)

        def give() -> None:
            count = 0
            while not stopping.wait(self._lost_after / _SIGNS):
                count += 1
                # A storage that cannot be reached now may be again in a moment; if not, silence is the right sign.
                with suppress(Exception):
                    self._storage.set_trial_user_attr(number, _SIGN, count)
        thread = threading.Thread(target=give, name="striate-trial", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    def _end(self, attempt: Any, state: Any, score: float | None = None) -> bool:
        """Ends an attempt; whether it had not been ended by another worker."""
        try:
            return self._storage.set_trial_state_values(self._id(attempt), state,
                                                        None if score is None else [score])
        except self._refused:
            return False

    def _id(self, attempt: Any) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(
            self._storage.get_study_id_from_name(self._study.study_name), attempt.number)

    def _wait(self, missing: list[int]) -> None:
        """All that is left is under way elsewhere, or its worker is lost."""
        if not self._waits:
            self._search.say(f"waiting for trial {', '.join(map(str, missing))} of other workers")
        self._waits = True
        time.sleep(min(_LOOK_SECONDS, self._lost_after / _SIGNS))


def _seed(seed: int, place: int) -> int:
    """Of the sampler that proposes the settings of a place."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0])
