"""What older code needed in order to run here. Whoever adapts something notes it; `striate run` lists it at the end.

    if not note("lr -> learning_rate"):
        warnings.warn(...)
"""

from __future__ import annotations

import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).parent) + "/"
_LIBRARIES = tuple({sysconfig.get_path(kind) + "/" for kind in ("stdlib", "platstdlib", "purelib", "platlib")})
_FOLDERS_OF_LIBRARIES = ("/site-packages/", "/dist-packages/")


@dataclass(frozen=True)
class Adaptation:
    """One thing that was adapted, and the line of the user's that made it necessary (0: not known)."""

    what: str
    file: str
    line: int


_noted: dict[Adaptation, None] = {}
_listening = False


def is_users(file: str) -> bool:
    """Whether a file of code is the user's: neither of Python, nor of an installed package, nor of striate.

    Example:
        >>> is_users("/home/me/homework.py"), is_users("<frozen importlib._bootstrap>")
        (True, False)
    """
    return not (file.startswith(("<frozen", _PACKAGE, *_LIBRARIES))
                or any(folder in file for folder in _FOLDERS_OF_LIBRARIES))


def users_line() -> tuple[str, int]:
    """File and line of the user's code that is running now; ("", 0) when none is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0


def listen(listening: bool = True) -> None:
    """Starts to collect notes, from none; or stops."""
    global _listening
    _listening = listening
    _noted.clear()


def note(what: str) -> bool:
    """Notes an adaptation, once for each line of the user's.

    Returns:
        Whether somebody listens. If nobody does, the caller should warn where the matter deserves it.
    """
    if _listening:
        _noted[Adaptation(what, *users_line())] = None
    return _listening


def noted() -> tuple[Adaptation, ...]:
    """What was adapted so far, in its order."""
    return tuple(_noted)


def report(script: str = "") -> str:
    """All notes in one sentence; lines of other files than `script` come with the file's name.

    Example:
        >>> report()
        'no adaptations'
    """
    places: dict[str, list[str]] = {}
    for entry in _noted:
        lines = places.setdefault(entry.what, [])
        if entry.line:
            lines.append(("" if entry.file == script else f"{Path(entry.file).name}:") + str(entry.line))
    said = [what + (f" (line{'s' * (len(lines) > 1)} {', '.join(lines)})" if lines else "")
            for what, lines in places.items()]
    count = f"{len(said) or 'no'} adaptation{'s' * (len(said) != 1)}"
    return count + (": " + ", ".join(said) if said else "")
