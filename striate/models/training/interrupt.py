"""Ctrl-C during training: finish the step, then stop in order; a second Ctrl-C stops at once."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

from striate.ranks import ranks

_NAMES = {"SIGINT": "Ctrl-C", "SIGTERM": "SIGTERM"}


class InterruptGuard:
    """Context manager: while it is open, SIGINT and SIGTERM set `requested` instead of ending the program.

    Only the main thread can handle signals; in others nothing changes. The handlers of before come back at the end,
    and already at the first signal, so that the second one does what it always did.

    Example:
        >>> with InterruptGuard() as guard:
        ...     guard.requested
        False
    """

    def __init__(self):
        self._heard = False
        self._before: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        """Whether to stop now; of several ranks all stop after the same step, whichever heard the signal."""
        return ranks().agreed(self._heard)

    def __enter__(self) -> InterruptGuard:
        if threading.current_thread() is threading.main_thread():
            for name in _NAMES:
                number = getattr(signal, name)
                if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *failure) -> None:
        self._restore()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._heard = True
        self._restore()
        name = _NAMES[signal.Signals(number).name]
        # What reads this may have died by the same Ctrl-C (`2>&1 | tee log`), and a signal may come in the middle of
        # another line: neither may break the step off.
        with suppress(OSError, ValueError, RuntimeError):
            print(f"\n{name}: stopping after this step. Once more stops at once.", file=sys.stderr, flush=True)

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)  # type: ignore[arg-type]
