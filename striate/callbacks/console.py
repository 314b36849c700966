"""Where progress and messages go: standard output, or the logger "striate" when interactive logging is off."""

from __future__ import annotations

import logging
import os
import sys

from striate import config

_logger = logging.getLogger("striate")


def say(text: str, end: str = "\n") -> None:
    """Prints a message at once.

    Example:
        >>> say("Epoch 1/2")
        Epoch 1/2
    """
    if config.is_interactive_logging_enabled():
        sys.stdout.write(text + end)
        sys.stdout.flush()
    elif text.strip():
        _logger.info(text.strip("\n"))


def can_redraw() -> bool:
    """Whether a line can be drawn over: on a terminal, in a notebook, in PyCharm's console; not in a file or pipe."""
    return config.is_interactive_logging_enabled() and (
        (hasattr(sys.stdout, "isatty") and sys.stdout.isatty())
        or "ipykernel" in sys.modules
        or "PYCHARM_HOSTED" in os.environ)
