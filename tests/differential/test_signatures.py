"""Public names and their arguments are those of Keras, or docs/differences-from-keras.md says why not."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import signatures  # noqa: E402

from striate import outside  # noqa: E402

PAGE = HERE.parents[1] / "docs" / "differences-from-keras.md"
RECORDED = json.loads((HERE / "recorded_signatures.json").read_text())
KERAS = RECORDED["modules"]
ELSEWHERE = {"wrappers"}
"""Modules that need another package; tests/wrappers looks at their arguments."""


def table(title):
    """The rows of the table under a heading of the page, each a list of cells."""
    text = PAGE.read_text("utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith("|")][2:]


def written(cell):
    """The names in backticks, without the module before the last dot."""
    return {name for name in re.findall(r"`([^`]+)`", cell)}


MISSING = {name for row in table("Missing") for name in written(row[0])}
ARGUMENTS = {(owner, argument) for row in table("Arguments") for owner in written(row[0])
             for argument in written(row[1])}


def listed(module, name):
    """Whether the page says that a name is missing: by itself, with its module, or the module as a whole."""
    return bool({name, f"{module}.{name}", module.partition(".")[0]} & MISSING)


def striate_module(module):
    try:
        return importlib.import_module(f"striate.{module}" if module else "striate")
    except ModuleNotFoundError:
        return None


@pytest.mark.parametrize("module", sorted(set(KERAS) - ELSEWHERE), ids=lambda module: module or "keras")
def test_every_name_is_there_or_listed(module):
    holder = striate_module(module)
    absent = {name for name in KERAS[module] if not listed(module, name)
              and (holder is None or not hasattr(holder, name))}
    assert not absent, f"neither in striate.{module} nor on the page: {sorted(absent)}"


@pytest.mark.parametrize("module", sorted(set(KERAS) - ELSEWHERE - signatures.WHOLE), ids=lambda m: m or "keras")
def test_every_argument_is_there_or_listed(module):
    holder, wrong = striate_module(module), []
    for name, calls in KERAS[module].items():
        item = getattr(holder, name, None) if holder is not None and not listed(module, name) else None
        if item is None or not calls:
            continue
        found = signatures.described(item)
        for call, expected in calls.items():
            wrong += differences(name if not call else f"{name}.{call}", expected, found.get(call))
    assert not wrong, "\n".join(wrong)


def differences(owner, expected, found):
    """What Keras' arguments have that these lack, less what the page lists."""
    if expected is None or found is None:
        return []
    have = dict(found)
    for argument, default in expected:
        if {(owner, argument), ("*", argument)} & ARGUMENTS:
            continue
        if argument not in have:
            yield f"{owner}: no argument {argument!r}"
        elif default is not None and have[argument] != default:
            yield f"{owner}: {argument}={have[argument]} instead of {default}"
    shared = [argument for argument, _ in expected if argument in have]
    if shared != [argument for argument, _ in found if argument in set(shared)] and (owner, "order") not in ARGUMENTS:
        yield f"{owner}: the order of the arguments differs: {shared}"


def test_what_is_listed_as_missing_is_missing():
    there = set()
    for module, names in KERAS.items():
        holder = striate_module(module) if module not in ELSEWHERE else None
        there |= {name for name in names if holder is not None and {name, f"{module}.{name}"} & MISSING
                  and hasattr(holder, name)}
    assert not there, f"on the page, but there: {sorted(there)}"


def test_reasons_for_missing_names_are_on_the_page():
    known = {name for names in KERAS.values() for name in names}
    short = {name.rpartition(".")[2] for name in MISSING}
    assert not {name for name in outside.REASONS if name in known and name not in short}


@pytest.mark.parametrize("module", sorted(set(KERAS) - ELSEWHERE), ids=lambda module: module or "keras")
def test_asking_for_a_missing_name_gives_the_reason(module):
    holder = striate_module(module)
    for name in KERAS[module]:
        if holder is not None and not hasattr(holder, name):
            with pytest.raises(AttributeError, match="is not part of striate: "):
                getattr(holder, name)


def test_calls_in_functional_models_are_described_as_keras_does():
    from striate.layers import operations

    for kind, own in operations._classes.values():
        assert kind.__name__ in RECORDED["operations"], kind
        _, settings, call = RECORDED["operations"][kind.__name__]
        named = {name for name, parameter in kind.parameters.items() if parameter.kind is not parameter.VAR_POSITIONAL}
        of_the_call = named & operations._OF_THE_CALL
        assert of_the_call == set(call), kind
        assert named - of_the_call - own <= set(settings), kind
