"""The reference: a page for each public module, written before Sphinx reads the documentation.

The names are those that the modules export (`__all__`), the texts are their docstrings. These are written for people
who read the code: single backticks are code, a star or a bar means itself, and "Args:" begins a list of arguments.
`to_restructured_text` says the same in reStructuredText.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from types import ModuleType

MODULES = {
    # page: (module, what it is for, in a few words)
    "layers": ("striate.layers", "parts of networks"),
    "models": ("striate.models", "networks, and how they are trained"),
    "losses": ("striate.losses", "what a training makes small"),
    "metrics": ("striate.metrics", "how good a network is"),
    "optimizers": ("striate.optimizers", "how weights move"),
    "schedules": ("striate.optimizers.schedules", "learning rates that change"),
    "callbacks": ("striate.callbacks", "what happens around steps"),
    "activations": ("striate.activations", "nonlinear functions"),
    "initializers": ("striate.initializers", "weights at the beginning"),
    "regularizers": ("striate.regularizers", "penalties on weights"),
    "constraints": ("striate.constraints", "limits of weights"),
    "ops": ("striate.ops", "what is computed, op by op"),
    "random": ("striate.random", "random numbers"),
    "tree": ("striate.tree", "nests of lists, tuples and dicts"),
    "saving": ("striate.saving", "models in files"),
    "utils": ("striate.utils", "helpers"),
    "datasets": ("striate.datasets", "data to train on"),
    "applications": ("striate.applications", "known networks of Keras"),
    "zoo": ("striate.zoo", "networks by name"),
    "see": ("striate.see", "pictures and explanations"),
    "tune": ("striate.tune", "search for settings"),
    "parallel": ("striate.parallel", "several processes and machines"),
    "wrappers": ("striate.wrappers", "networks as estimators of scikit-learn"),
    "lectures": ("striate.lectures", "the numbers on the slides of four lectures"),
    "dtype_policies": ("striate.dtype_policies", "types of numbers"),
    "mixed_precision": ("striate.mixed_precision", "names of Keras' mixed precision"),
    "engine": ("striate.engine", "from Python code to a program that runs"),
    "config": ("striate.config", "settings"),
    "errors": ("striate.errors", "what can go wrong"),
}


EXAMPLES = Path(__file__).parent / "reference" / "examples.txt"
"""Examples of names whose docstring has none: its first part is what all begin with, then come name and lines."""
WITH_SUBMODULES = ("striate.applications", "striate.datasets")
"""Modules whose submodules belong to what users say; elsewhere these are where the code lies."""
LISTS, TEXTS, CODE = {"Args": "Arguments", "Raises": "Raises"}, {"Returns": "Returns", "Yields": "Yields"}, \
    {"Example": "Example", "Examples": "Example"}
_SECTION = re.compile(rf"({'|'.join([*LISTS, *TEXTS, *CODE])}):$")


def write(folder: Path) -> None:
    """Writes the page of every module into a folder; files that would stay the same are not touched."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[int] = set()
    for page, (name, purpose) in MODULES.items():
        text = page_of(import_module(name), f"{name}: {purpose}", seen)
        path = folder / f"{page}.rst"
        if not path.is_file() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


@cache
def examples() -> dict[str, list[str]]:
    """The lines of `EXAMPLES` by the full name of what they show; "" has the lines that all begin with."""
    parts = [part.splitlines() for part in EXAMPLES.read_text("utf-8").split("\n\n")]
    return {"": [line for line in parts[1] if line.startswith(">>>")], **{part[0]: part[1:] for part in parts[2:]}}


def page_of(module: ModuleType, title: str, seen: set[int]) -> str:
    """The page of a module: its docstring, a table of its names, and the text of each.

    seen: what other pages describe already; the index leads to the first of them.
    """
    entries = [(name, getattr(module, name)) for name in names_of(module)]
    lines = [title, "=" * len(title), "", f".. automodule:: {module.__name__}", "   :no-members:", "",
             f".. currentmodule:: {module.__name__}", "", ".. autosummary::", "   :nosignatures:", "",
             *(f"   {name}" for name, value in entries if not inspect.ismodule(value)), ""]
    for name, value in entries:
        kind = directive(value)
        lines += [f".. {kind}:: {module.__name__}.{name}"]
        lines += ["   :members:"] if kind in ("autoclass", "automodule") else []
        lines += ["   :no-index:", ""] if id(value) in seen else [""]
        seen.add(id(value))
    return "\n".join(lines)


def names_of(module: ModuleType) -> list[str]:
    """What a module exports; without a list, its own public functions and classes."""
    listed = getattr(module, "__all__", None)
    if not listed:
        listed = [name for name, value in vars(module).items()
                  if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
                  and (inspect.isfunction(value) or inspect.isclass(value))]
    return sorted((name for name in listed if module.__name__ in WITH_SUBMODULES
                   or not inspect.ismodule(getattr(module, name))), key=str.lower)


def directive(value) -> str:
    """Autodoc's word for a value."""
    if inspect.ismodule(value):
        return "automodule"
    if inspect.isclass(value):
        return "autoclass"
    return "autofunction" if callable(value) else "autodata"


def to_restructured_text(app, what, name, value, options, lines: list[str]) -> None:
    """Rewrites a docstring in reStructuredText, in place (`autodoc-process-docstring`); one without an example gets
    the one that `EXAMPLES` has for it."""
    shown = examples().get(name, ())
    if shown and not any(line in ("Example:", "Examples:") for line in lines):
        lines += ["", "Example:", *(f"    {line}" for line in shown)]
    lines[:] = list(_rewritten(lines))


def _rewritten(lines: list[str]) -> Iterator[str]:
    """The sections one after the other, each under its name."""
    for head, body in _sections(lines):
        if head is None:
            yield from ("", *_text(body))
            continue
        yield from ("", f".. rubric:: {({**LISTS, **TEXTS, **CODE})[head]}", "")
        body = dedent("\n".join(body)).splitlines()
        if head in CODE:
            yield from ("::", "", *(f"    {line}" for line in body))
        else:
            yield from _entries(body) if head in LISTS else _text(body)
    yield ""


def _sections(lines: list[str]) -> Iterator[tuple[str | None, list[str]]]:
    """(name, lines) of each section; the text before and between them has no name."""
    head, body = None, []
    for line in lines:
        found = _SECTION.match(line)
        if found or (head is not None and line and not line[0].isspace()):
            yield head, body
            head, body = (found[1], []) if found else (None, [line])
        else:
            body.append(line)
    yield head, body


def _text(lines: list[str]) -> Iterator[str]:
    """Running text: what is set in or listed stands in a paragraph of its own."""
    before = 0
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line and (depth != before or line.lstrip().startswith(("* ", "- "))):
            yield ""
        before = depth if line else before
        # A star at the beginning of a line is a list's.
        yield f"* {escaped(line[2:])}" if line.startswith(("* ", "- ")) else escaped(line)


def _entries(lines: list[str]) -> Iterator[str]:
    """A list of "name: text", of which the text may go on in deeper lines."""
    entries: list[str] = []
    for line in filter(None, lines):
        if line[0].isspace() and entries:
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(line)
    for entry in entries:
        name, colon, text = entry.partition(": ")
        yield f"* ``{name.strip('`')}``: {escaped(text)}" if colon else f"* {escaped(entry)}"


def escaped(line: str) -> str:
    """A line with code in double backticks, and stars, bars and underscores outside of code as themselves.

    Example:
        >>> print(escaped("`a * b`s times *args"))
        ``a * b``\\ s times \\*args
    """
    parts = re.split(r"(``[^`]+``|`[^`]+`)", line)
    for index in range(1, len(parts), 2):
        parts[index] = f"``{parts[index].strip('`')}``" + ("\\ " if parts[index + 1][:1].isalnum() else "")
    for index in range(0, len(parts), 2):
        parts[index] = re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", parts[index])
    return "".join(parts)
