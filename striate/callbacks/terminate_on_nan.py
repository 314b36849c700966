"""Stopping when the loss is no number any more."""

from __future__ import annotations

import math

from striate.callbacks.base import Callback
from striate.callbacks.console import say
from striate.errors import NonFiniteError, received


class TerminateOnNaN(Callback):
    """Stops the training when the loss becomes NaN or infinite.

    Args:
        raise_error: raise `NonFiniteError` instead of stopping quietly.

    Raises:
        NonFiniteError: with `raise_error`, in `fit`.

    Example:
        >>> TerminateOnNaN(raise_error=True).raise_error
        True
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs=None) -> None:
        """Looks at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            origin = getattr(getattr(self.model, "_training", None), "origin", None)
            cause = "" if origin is None else f" {origin}"
            raise NonFiniteError(f"The loss is no finite number at batch {batch}.{cause} {received(loss=loss)}")
        say(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
