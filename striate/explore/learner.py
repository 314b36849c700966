"""Live training: `fit` in a thread of its own, which can be paused, stepped and looked at between two steps."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from striate.callbacks import Callback
from striate.errors import ArgumentError, StriateError, received
from striate.explore.subject import Data

ENDLESS = 100_000
"""Epochs; a training ends when it is stopped."""
SNAPSHOT_BYTES = 256 << 20
POINTS_SENT = 600


class _Ended(Exception):
    """Leaves `fit` between two steps."""


class _Watcher(Callback):
    """Tells a learner of every step and epoch of `fit`."""

    def __init__(self, learner: Learner):
        super().__init__()
        self.learner = learner

    def on_train_batch_begin(self, batch, logs=None):
        self.learner._before_step()

    def on_train_batch_end(self, batch, logs=None):
        self.learner._after_step(batch, logs or {})

    def on_epoch_end(self, epoch, logs=None):
        self.learner._after_epoch(epoch, logs or {})


class Learner:
    """A model that is trained in a thread; the weights of each epoch are kept.

    phase: idle, preparing, running, paused or failed. steps: how many were made. runs: how often it began anew.
    points: (step, loss, accuracy) of each step's batch. epochs: the logs of each epoch. snapshots: epoch -> weights; 0
    are those from before.
    """

    def __init__(self, model, data: Data):
        self.model, self.data = model, data
        self.phase, self.problem, self.steps, self.rate, self.runs = "idle", "", 0, 0.0, 0
        self.points: list[tuple[int, float, float | None]] = []
        self.epochs: list[dict[str, float]] = []
        self.snapshots: dict[int, list[np.ndarray]] = {0: self._weights()}
        self._turn = threading.Condition()
        self._inside, self._waiting, self._allowed, self._ending = False, 0, 0.0, False
        self._stop_after: int | None = None
        self._thread: threading.Thread | None = None
        self._ended_at = 0.0
        self._means = (0.0, 0.0)

    # ---- what the page asks for -------------------------------------------------------------------------------

    def act(self, action: str, epochs: int | None = None) -> None:
        """start (for `epochs` more, or until paused), pause, step or restart.

        Raises:
            ArgumentError: another word.
        """
        if action == "restart":
            self._restart()
        elif action == "pause":
            self._allow(0.0)
        elif action in ("start", "step"):
            self._stop_after = None if epochs is None else len(self.epochs) + epochs
            self._allow(float("inf") if action == "start" else 1.0)
            self._run()
        else:
            raise ArgumentError("`action` must be start, pause, step or restart. " + received(action=action))

    def status(self, since: int = 0) -> dict[str, Any]:
        """Phase, step, epoch, and the points behind step `since` (at most 600, evenly chosen)."""
        points = self.points  # One a step, and nothing but a restart, which makes a new list, takes any away.
        chosen = points[bisect_right(points, since, key=lambda point: point[0]):]
        if len(chosen) > POINTS_SENT:
            chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, POINTS_SENT).astype(int)]
        return {"phase": self.phase, "problem": self.problem, "steps": self.steps, "epochs": self.epochs[:],
                "steps_per_epoch": -(-len(self.data.x) // self.data.batch_size), "rate": self.rate,
                "kept": sorted(self.snapshots), "points": chosen}

    @contextmanager
    def between_steps(self) -> Iterator[None]:
        """While it is open no step is made: the weights stand still. Steps wait for those who want to look."""
        with self._turn:
            self._waiting += 1
            try:
                self._turn.wait_for(lambda: not self._inside)
            finally:
                self._waiting -= 1
            try:
                yield
            finally:
                self._turn.notify_all()

    def close(self) -> None:
        """Ends the training and its thread."""
        with self._turn:
            self._ending = True
            self._turn.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._ending = False

    # ---- the thread -------------------------------------------------------------------------------------------

    def _weights(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self.model.variables]

    def _allow(self, steps: float) -> None:
        with self._turn:
            self._allowed = steps
            if self.phase in ("running", "paused"):
                self.phase = "running" if steps else "paused"
            self._turn.notify_all()

    def _run(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self.phase, self.problem = "preparing", ""
            self._thread = threading.Thread(target=self._fit, name="striate-explore-training", daemon=True)
            self._thread.start()

    def _fit(self) -> None:
        data = self.data
        try:
            self.model.fit(data.x, data.y, batch_size=data.batch_size, initial_epoch=len(self.epochs), epochs=ENDLESS,
                           validation_data=data.validation if len(data.validation[0]) else None, verbose=0,
                           callbacks=[_Watcher(self)])
        except _Ended:
            self.phase = "idle"
        except StriateError as error:
            self.phase, self.problem = "failed", str(error)
        finally:
            with self._turn:
                self._inside = False
                self._turn.notify_all()

    def _before_step(self) -> None:
        with self._turn:
            if self.phase == "preparing" or not self._allowed:
                self.phase = "running" if self._allowed else "paused"
            if not self._allowed or self._waiting:
                self._ended_at = 0.0
                self._turn.wait_for(lambda: self._ending or (self._allowed and not self._waiting))
            if self._ending:
                raise _Ended
            self.phase, self._inside = "running", True

    def _after_step(self, batch: int, logs: dict[str, Any]) -> None:
        now = time.perf_counter()
        if self._ended_at:
            fresh = self.data.batch_size / (now - self._ended_at)
            self.rate = 0.9 * self.rate + 0.1 * fresh if self.rate else fresh
        self._ended_at = now
        self.steps += 1
        means = (float(logs.get("loss", 0.0)), float(logs.get("accuracy", 0.0)))
        before = self._means if batch else (0.0, 0.0)
        # The logs are means over the epoch so far; the page wants this batch's own numbers.
        loss, accuracy = (mean * (batch + 1) - old * batch for mean, old in zip(means, before, strict=True))
        self._means = means
        self.points.append((self.steps, loss, accuracy if "accuracy" in logs else None))
        with self._turn:
            self._inside = False
            self._allowed = max(0.0, self._allowed - 1.0)
            if not self._allowed:
                self.phase = "paused"
            self._turn.notify_all()

    def _after_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        self.epochs.append({name: float(value) for name, value in logs.items()})
        self.snapshots[epoch + 1] = self._weights()
        size = sum(array.nbytes for array in self.snapshots[0])
        while len(self.snapshots) > max(4, SNAPSHOT_BYTES // max(1, size)):
            # Every other one goes; the first and the newest stay.
            for kept in sorted(self.snapshots)[1:-1:2]:
                del self.snapshots[kept]
        if self._stop_after is not None and len(self.epochs) >= self._stop_after:
            self._allow(0.0)

    def _restart(self) -> None:
        self.close()
        for variable, array in zip(self.model.variables, self.snapshots[0], strict=True):
            variable.assign(array)
        self.data.prepare(self.model)
        self.snapshots = {0: self.snapshots[0]}
        self.runs += 1
        self.phase, self.problem, self.steps, self.points, self.epochs = "idle", "", 0, [], []
