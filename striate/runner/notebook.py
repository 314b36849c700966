"""`%load_ext striate`: the shim in a notebook or an IPython shell."""

from __future__ import annotations

import sys

from striate import __version__, adaptations
from striate.errors import StriateError
from striate.runner.finder import install_shim, uninstall_shim

_told: list[adaptations.Adaptation] = []


def load_ipython_extension(shell) -> None:
    """Called by `%load_ext striate`: installs the shim and tells after each cell what was adapted in it."""
    try:
        install_shim()
    except StriateError as error:
        print(error, file=sys.stderr)
        return
    shell.events.register("post_run_cell", _tell)
    print(f"keras and tensorflow are served by striate {__version__} from now on.")


def unload_ipython_extension(shell) -> None:
    """Called by `%unload_ext striate`."""
    shell.events.unregister("post_run_cell", _tell)
    uninstall_shim()


def _tell(result=None) -> None:
    new = [entry.what for entry in adaptations.noted() if entry not in _told]
    _told.extend(entry for entry in adaptations.noted() if entry not in _told)
    if new:
        print(f"striate adapted: {', '.join(dict.fromkeys(new))}", file=sys.stderr)
