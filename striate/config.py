"""Every setting in one table: what it is called, which environment variable sets it, its default and what it does.

A setting has, in this order, the value given to `set_value`, the value of its environment variable, its default.
The functions below the table are Keras' `keras.config`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import ArgumentError, received
from striate.outside import refusing

__getattr__ = refusing("keras.config")


@dataclass(frozen=True)
class Setting:
    """One row: `read` makes the value from text (and checks it), `default` is called when nothing was set."""

    name: str
    variable: str
    read: Callable[[str], Any]
    default: Callable[[], Any]
    meaning: str


def _positive(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError("must be at least 1")
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds >= 1:
        raise ValueError("must be at least 1")
    return seconds


def _switch(text: str) -> bool:
    known = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}
    if text.lower() not in known:
        raise ValueError("must be on or off (or 1 or 0, true or false)")
    return known[text.lower()]


def _bytes(text: str) -> int:
    """Bytes, also as "500M" or "2G"."""
    unit = {"K": 10, "M": 20, "G": 30, "T": 40}.get(text[-1:].upper(), 0)
    return _positive(text[:-1] if unit else text) << unit


def _folder(text: str) -> Path:
    return Path(text).expanduser()


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "striate"


SETTINGS = {row.name: row for row in (
    Setting("num_threads", "STRIATE_NUM_THREADS", _positive, lambda: None,
            "Threads that compute; every core that the process may use unless set. The results do not depend on it."),
    Setting("shards", "STRIATE_SHARDS", _positive, lambda: None,
            "Pieces that each training batch is cut into, which ranks share; one for each rank unless set. The results "
            "depend on it, but not on the number of ranks."),
    Setting("rank_timeout", "STRIATE_RANK_TIMEOUT", _seconds, lambda: 10.0,
            "Seconds after which a rank that gives no sign of life ends the training of all."),
    Setting("start_timeout", "STRIATE_START_TIMEOUT", _seconds, lambda: 120.0,
            "Seconds after which ranks that do not find each other give up."),
    Setting("news_to", "STRIATE_NEWS_TO", str, lambda: None,
            "Where ranks tell that they have started, or that one of them is lost; `striate launch` sets it."),
    Setting("strict", "STRIATE_STRICT", _switch, lambda: False,
            "Looks through every result of every step for NaN and infinity and names the layer; several times slower."),
    Setting("memory_limit", "STRIATE_MEMORY_LIMIT", _bytes, lambda: None,
            "Bytes (or 500M, 2G) that one program may take for its results; one that needs more is refused before it "
            "runs. No limit unless set."),
    Setting("go_on", "STRIATE_GO_ON", _switch, lambda: False,
            "A training whose callbacks find the disk full or read-only warns and goes on without what they would have "
            "written; otherwise it ends with the error."),
    Setting("cache_dir", "STRIATE_CACHE_DIR", _folder, _cache_folder,
            "Folder of compiled kernels and downloaded data sets."),
    Setting("data", "STRIATE_DATA", _folder, lambda: None,
            "Folder where data sets are looked for first, in a folder each (fashion-mnist/, ...)."),
    Setting("runs", "STRIATE_RUNS", _folder, lambda: Path("runs"),
            "Folder in which `striate train` makes one folder a run."),
)}
_values: dict[str, Any] = {}


def _row(name: str) -> Setting:
    if name not in SETTINGS:
        raise ArgumentError(f"There is no setting of this name; there are {', '.join(SETTINGS)}. {received(name=name)}")
    return SETTINGS[name]


def value(name: str) -> Any:
    """The present value of a setting.

    Raises:
        ArgumentError: no such setting, or its environment variable holds something that cannot be.

    Example:
        >>> value("runs").name
        'runs'
    """
    row = _row(name)
    if name in _values:
        return _values[name]
    text = os.environ.get(row.variable)
    if not text:
        return row.default()
    try:
        return row.read(text)
    except ValueError as error:
        raise ArgumentError(f"The environment variable {row.variable} cannot be used: {error}. {row.meaning} "
                            + received(**{row.variable: text})) from None


def set_value(name: str, new: Any) -> None:
    """Sets a setting for this process; None gives it back to its environment variable or default."""
    row = _row(name)
    if new is None:
        _values.pop(name, None)
        return
    try:
        _values[name] = row.read(str(new))
    except ValueError as error:
        raise ArgumentError(f"The setting {name!r} cannot have this value: {error}. {row.meaning} "
                            + received(**{name: new})) from None


_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_dtype_policy: Any = "float32"
_policy_from: Callable[[Any], Any] = str
_interactive = True


def backend() -> str:
    """The name of the backend: always "striate"."""
    return "striate"


def floatx() -> str:
    """The default float type: always "float32"."""
    return _floatx


def set_floatx(value: str) -> None:
    """Accepts "float32", the one type that the engine computes in."""
    if value != "float32":
        raise ArgumentError("striate computes in float32 only. " + received(floatx=value))


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite; 1e-7 unless set."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Sets what `epsilon()` gives."""
    global _epsilon
    if not 0 < value < 1:
        raise ArgumentError("The epsilon must lie between 0 and 1. " + received(value=value))
    _epsilon = float(value)


def dtype_policy() -> Any:
    """The dtype policy of layers that are given none, a `DTypePolicy`."""
    set_dtype_policy(_dtype_policy)
    return _dtype_policy


def set_dtype_policy(policy: Any) -> None:
    """Sets the dtype policy of layers that are given none: a name or a `DTypePolicy`."""
    global _dtype_policy
    _dtype_policy = _policy_from(policy)


def make_policies_with(make: Callable[[Any], Any]) -> None:
    """What makes a policy of a name: the package says it, as settings know nothing of the rooms above them."""
    global _policy_from
    _policy_from = make


def image_data_format() -> str:
    """"channels_last" (unless set): where layers without `data_format` find the channels."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets the default of `data_format`: "channels_last" or "channels_first"."""
    global _image_data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ArgumentError('`data_format` must be "channels_last" or "channels_first". '
                            + received(data_format=data_format))
    _image_data_format = data_format


def enable_interactive_logging() -> None:
    """Progress goes to standard output (the default)."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Progress goes to the `logging` module, logger "striate"."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress goes to standard output."""
    return _interactive


def version() -> str:
    """striate's version; under `striate run`, `keras.version()` is that of the Keras whose words it speaks."""
    from striate import __version__

    return __version__


def is_traceback_filtering_enabled() -> bool:
    """False: striate shows tracebacks whole."""
    return False


def disable_traceback_filtering() -> None:
    """Accepted for Keras' sake: striate shows tracebacks whole anyway."""


def enable_traceback_filtering() -> None:
    """Warns: striate has short tracebacks and shows them whole."""
    warnings.warn("striate shows tracebacks whole; there is nothing to filter.", stacklevel=2)


def enable_unsafe_deserialization() -> None:
    """Warns: striate never runs code from a model file, so there is nothing to enable."""
    warnings.warn("striate never runs code from model files; pass classes of your own as `custom_objects`.",
                  stacklevel=2)
