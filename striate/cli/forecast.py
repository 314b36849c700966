"""What a training will cost, said before its first step."""

from __future__ import annotations

from rich.console import Console


def announce(model, data, batch_size: int, console: Console) -> None:
    """Compiles the kernels, showing how far that is, and foretells seconds an epoch and peak memory."""
