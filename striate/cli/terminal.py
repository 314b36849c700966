"""How the commands speak: one labelled line a fact, and quantities in words."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

LABEL_WIDTH = 10


def say(console: Console, label: str, text: str, style: str = "bold") -> None:
    """Prints "Label     text". The text is shown as it is: no markup, no line breaks of our own."""
    console.print(Text(f"{label:<{LABEL_WIDTH}}", style) + Text(text), soft_wrap=True)


def duration(seconds: float) -> str:
    """Seconds in words.

    Example:
        >>> duration(75.2), duration(3.21)
        ('1 min 15 s', '3.2 s')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
