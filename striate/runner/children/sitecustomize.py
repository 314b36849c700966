"""Run by Python at the start of every process that a program under `striate run` starts: they get the import hook too.

The folder of this file stands in their PYTHONPATH. A `sitecustomize` of the user's own is run afterwards.
"""

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
_HOME = str(_FOLDER.parents[2])


def _install() -> None:
    if importlib.util.find_spec("striate") is None:
        sys.path.append(_HOME)
    from striate.runner.finder import install_shim

    install_shim()


def _run_the_users() -> None:
    others = [entry for entry in sys.path if Path(entry).resolve() != _FOLDER]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


_install()
_run_the_users()
