"""How much disk space striate and everything that it needs take."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import striate


def sizes() -> dict[str, int]:
    """Name of each distribution (striate, what it requires, what that requires, ...) -> bytes on disk.

    Example:
        >>> sizes()["numpy"] > 1_000_000
        True
    """
    found = {"striate": _bytes(Path(striate.__file__).parent.rglob("*"))}
    waiting = _requirements("striate")
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = _bytes(Path(str(package.locate_file(file))) for file in package.files or ())
        waiting |= _requirements(name)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _requirements(name: str) -> set[str]:
    """Names of the distributions that one needs always (no extras)."""
    try:
        lines = Distribution.from_name(name).requires or []
    except PackageNotFoundError:
        lines = ["numpy", "numba", "h5py", "safetensors", "pillow", "click", "rich"] if name == "striate" else []
    needed = [re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line]
    return {re.sub(r"[-_.]+", "-", match.group()).lower() for match in needed if match}


def _bytes(files) -> int:
    return sum(file.stat().st_size for file in files if file.is_file() and "__pycache__" not in file.parts)
