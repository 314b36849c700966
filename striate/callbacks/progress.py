"""The progress bar of Keras 3, drawn where a line can be redrawn; elsewhere one plain line for each epoch."""

from __future__ import annotations

import time

from striate.callbacks.base import Callback
from striate.callbacks.console import can_redraw, say

_BOLD, _GREEN, _WHITE, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"
_MARKS = (_BOLD, _GREEN, _WHITE, _PLAIN)


class Progbar:
    """Shows how far a loop has come.

    Args:
        target: number of steps, None if unknown.
        width: characters of the bar.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        interval: least seconds between two drawings.
        stateful_metrics: names whose values are shown as given; others are averaged over steps. None: no others.
        unit_name: what a step is called.
        prefix: text before the line where nothing can be redrawn.
        clock: function that gives the time in seconds.
    """

    def __init__(self, target: int | None, width: int = 20, verbose: int = 1, interval: float = 0.05,
                 stateful_metrics=None, unit_name: str = "step", prefix: str = "", clock=time.time):
        self.target, self.width, self.verbose, self.interval = target, width, verbose, interval
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.unit_name, self.prefix, self._clock = unit_name, prefix, clock
        self.redraws = can_redraw()
        self.open_line = False
        self._values: dict[str, list[float]] = {}
        self._seen, self._drawn_width, self._drawn_at = 0, 0, 0.0
        self._start = clock()
        self._after_first: float | None = None

    def add(self, n: int, values=None) -> None:
        """Goes forward by `n` steps."""
        self.update(self._seen + n, values)

    def update(self, current: int, values=None, finalize: bool | None = None) -> None:
        """Shows that `current` steps are done. `values`: pairs of name and number."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._take(current, values or (), finalize)
        self._seen = current
        now = self._clock()
        step_time = self._step_time(current, now)
        if self.verbose == 1 and self.redraws:
            if finalize or now - self._drawn_at >= self.interval:
                self._draw(current, now, step_time, finalize)
                self._drawn_at = now
        elif self.verbose and finalize and self.target:
            say(self.prefix + self._line(current, now, step_time))

    def close(self) -> None:
        """Ends a line that was left half drawn."""
        if self.open_line:
            say("")
            self.open_line = False

    def _take(self, current: int, values, finalize: bool) -> None:
        for name, value in values:
            if self.stateful_metrics is None or name in self.stateful_metrics or finalize:
                self._values[name] = [value, 1]
            else:
                steps = max(current - self._seen, 1)
                total, count = self._values.get(name, (0.0, 0))
                self._values[name] = [total + value * steps, count + steps]

    def _step_time(self, current: int, now: float) -> float:
        """Seconds a step, without the first one when there are others: it is slower than the rest."""
        if not current:
            return 0.0
        if self._after_first is not None and current > 1:
            return (now - self._after_first) / (current - 1)
        if current == 1:
            self._after_first = now
        return (now - self._start) / current

    def _draw(self, current: int, now: float, step_time: float, finalize: bool) -> None:
        if self.target:
            filled = int(self.width * min(current / self.target, 1.0))
            bar = f"{_BOLD}{current:>{len(str(self.target))}}/{self.target}{_PLAIN} "
            bar += f"{_GREEN}{'━' * filled}{_PLAIN}" if filled else ""
            bar += f"{_WHITE}{'━' * (self.width - filled)}{_PLAIN}"
        else:
            bar = f"{current:7d}/Unknown"
        remaining = None if finalize or not self.target else step_time * (self.target - current)
        duration = f"{now - self._start:.0f}s" if remaining is None else _clock_time(remaining)
        line = f"{bar} {_BOLD}{duration}{_PLAIN}{self._per_step(step_time)}{self._numbers()}"
        width = len(line) - sum(line.count(mark) * len(mark) for mark in _MARKS)
        blanks = " " * max(self._drawn_width - width, 0)
        say("\b" * self._drawn_width + "\r" + line + blanks + ("\n" if finalize else ""), end="")
        self._drawn_width, self.open_line = width, not finalize

    def _line(self, current: int, now: float, step_time: float) -> str:
        count = f"{current:>{len(str(self.target))}}/{self.target}"
        return f"{count} - {now - self._start:.0f}s -{self._per_step(step_time)}{self._numbers()}"

    def _per_step(self, seconds: float) -> str:
        if seconds >= 1 or seconds == 0:
            return f" {seconds:.0f}s/{self.unit_name}"
        if seconds >= 1e-3:
            return f" {seconds * 1e3:.0f}ms/{self.unit_name}"
        return f" {seconds * 1e6:.0f}us/{self.unit_name}"

    def _numbers(self) -> str:
        return "".join(f" - {name}: {_number(total / max(count, 1))}" for name, (total, count) in self._values.items())


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"


def _clock_time(seconds: float) -> str:
    if seconds > 3600:
        return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{seconds // 60:.0f}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


class ProgbarLogger(Callback):
    """Prints the progress of `fit`, `evaluate` and `predict`.

    On a terminal and in notebooks: Keras 3's bar (verbose=1) or one line an epoch (verbose=2). In files and pipes:
    one plain line an epoch, without control codes.
    """

    def __init__(self):
        super().__init__()
        self.verbose, self.epochs, self.target = 1, 1, None
        self._bar = Progbar(None)
        self._seen = 0
        self._in_fit = False

    def set_params(self, params) -> None:
        """Receives `verbose` ("auto" means 1), `epochs` and `steps`."""
        super().set_params(params)
        verbose = params.get("verbose", 1)
        self.verbose = 1 if verbose in ("auto", True) else int(verbose)
        self.epochs, self.target = params.get("epochs", 1), params.get("steps")

    def on_train_begin(self, logs=None) -> None:
        """From here on the validations do not draw bars of their own."""
        self._in_fit = True

    def on_train_end(self, logs=None) -> None:
        """Ends a line that an interruption left open."""
        self._in_fit = False
        self._bar.close()

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        """Prints "Epoch 1/2" when there are several."""
        title = f"Epoch {epoch + 1}/{self.epochs}" if self.epochs > 1 and self.verbose else ""
        own_line = can_redraw() or self.verbose == 2
        if title and own_line:
            say(title)
        self._begin("" if own_line or not title else f"{title} - ")

    def on_test_begin(self, logs=None) -> None:
        """Begins a bar, unless `fit` runs."""
        if not self._in_fit:
            self._begin()

    def on_predict_begin(self, logs=None) -> None:
        """Begins a bar."""
        self._begin()

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """One step further."""
        self._forward(batch, logs)

    def on_test_batch_end(self, batch: int, logs=None) -> None:
        """One step further, unless `fit` runs."""
        if not self._in_fit:
            self._forward(batch, logs)

    def on_predict_batch_end(self, batch: int, logs=None) -> None:
        """One step further."""
        self._forward(batch, None)

    def on_epoch_end(self, epoch: int, logs=None) -> None:
        """The last drawing, with the validation's results."""
        self._finish(logs)

    def on_test_end(self, logs=None) -> None:
        """The last drawing, unless `fit` runs."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_end(self, logs=None) -> None:
        """The last drawing."""
        self._finish(None)

    def _begin(self, prefix: str = "") -> None:
        self._seen = 0
        self._bar = Progbar(self.target, verbose=self.verbose, prefix=prefix)

    def _forward(self, batch: int, logs) -> None:
        self._seen = batch + 1
        if self.verbose == 1:
            self._bar.update(self._seen, (logs or {}).items(), finalize=False)

    def _finish(self, logs) -> None:
        if self.target is None:
            self.target = self._bar.target = self._seen
        self._bar.update(self.target, (logs or {}).items(), finalize=True)
