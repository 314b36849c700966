"""The import hook: `tensorflow`, `keras` and `tf_keras` are found in striate when the user's own code asks for them.

No module is executed twice: `tensorflow.keras.layers`, `keras.layers` and `striate.layers` are one object, put into
`sys.modules` under each of its names when the first module of the family is imported.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType

from striate import adaptations
from striate.errors import StriateError
from striate.outside import REASONS

_HOMES = {
    "keras": "striate.runner.keras",
    "tf_keras": "striate.runner.keras",
    "tensorflow": "striate.runner.tf",
}
_IMPORTLIB = ("<frozen importlib", importlib.__file__.rpartition("/")[0] + "/")
_SILENCED = r"Do not pass an `input_shape`"
"""Older code says `input_shape=`; that this is out of fashion is not its reader's concern."""


class Finder(MetaPathFinder, Loader):
    """Finds the modules of `_HOMES`, for the user's code only."""

    def find_spec(self, name, path=None, target=None) -> ModuleSpec | None:
        """The specification of an owned top-level module.

        Raises:
            ModuleNotFoundError: a module below one of them that striate does not have.
        """
        root, _, rest = name.partition(".")
        if root not in _HOMES or not _asked_by_user():
            return None
        if not rest:
            return ModuleSpec(name, self, origin=f"striate as {name}", is_package=True)
        if sys.modules.get(root) is not sys.modules.get(_HOMES[root]):
            return None
        reason = REASONS.get(name.rpartition(".")[2])
        raise ModuleNotFoundError(f"{name} is not part of striate{f': {reason}' if reason else ''}.", name=name)

    def create_module(self, spec: ModuleSpec):
        """The module of striate's that stands in its place."""
        module = importlib.import_module(_HOMES[spec.name])
        # The import system is about to put the foreign name's specification into the module; see `exec_module`.
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module) -> None:
        """Gives the module its own specification back, and its parts their further names."""
        from striate.runner import old_names

        root = module.__spec__.name
        module.__spec__ = module.__spec__.loader_state
        sys.modules.update(old_names.modules_below(root))
        old_names.attach()


_finder = Finder()


def install_shim() -> None:
    """From now on `import keras` and `import tensorflow` in the user's code lead to striate, in this process.

    Installed packages that look for TensorFlow do not see it. Calling this twice changes nothing.

    Raises:
        StriateError: the real Keras or TensorFlow was imported before; the two must not be mixed.

    Example:
        >>> install_shim()
        >>> import tensorflow as tf
        >>> tf.__striate__
        True
        >>> uninstall_shim()
    """
    if _finder in sys.meta_path:
        return
    for root in _HOMES:
        if root in sys.modules:
            raise StriateError(f"The real {root} is already imported in this process, and striate must not be mixed "
                               "with it. Install the shim before the first import (in a notebook: restart the kernel "
                               "and begin with %load_ext striate).")
    sys.meta_path.insert(0, _finder)
    adaptations.listen()
    warnings.filterwarnings("ignore", message=_SILENCED)


def uninstall_shim() -> None:
    """Undoes `install_shim`. Modules that the user's code holds already keep working."""
    from striate.runner import old_names

    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if name.partition(".")[0] in _HOMES]:
        del sys.modules[name]
    old_names.detach()
    adaptations.listen(False)
    warnings.filters = [row for row in warnings.filters if getattr(row[1], "pattern", row[1]) != _SILENCED]


def _asked_by_user() -> bool:
    """Whether the code that is importing now is the user's; the import system's own frames do not count."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_IMPORTLIB):
        frame = frame.f_back
    return frame is not None and adaptations.is_users(frame.f_code.co_filename)
