"""Public names of a library's modules with the names and defaults of their arguments, as plain data."""

import importlib
import inspect

MODULES = ("", "activations", "backend", "callbacks", "config", "constraints", "datasets", "dtype_policies",
           "initializers", "layers", "losses", "metrics", "models", "ops", "ops.image", "ops.linalg", "ops.nn",
           "ops.numpy", "optimizers", "optimizers.schedules", "preprocessing", "preprocessing.image",
           "preprocessing.sequence", "random", "regularizers", "saving", "tree", "utils", "visualization", "wrappers",
           "applications", "distribution", "export", "quantizers")
WHOLE = {"applications", "distribution", "export", "quantizers"}
"""Modules of which the name alone counts: all of their names are missing for one reason."""


def plain(value):
    """A default as text that is the same in both libraries."""
    if isinstance(value, (list, tuple)):
        items = [plain(item) for item in value]
        return items[0] if items and all(item == items[0] for item in items) else f"({', '.join(items)})"
    if isinstance(value, float) and value == int(value) and abs(value) < 1e9:
        return str(int(value))
    return repr(value) if isinstance(value, (str, int, float, bool, type(None))) else "an object"


def arguments(function):
    """[name, default as text or None] of each argument, without self and without *args and **kwargs."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[p.name, None if p.default is p.empty else plain(p.default)] for p in parameters
            if p.name != "self" and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def described(item):
    """The arguments of a function; of a class those of its constructor and, when it defines one, of `call`."""
    if not inspect.isclass(item):
        return {"": arguments(item)} if callable(item) else {}
    found = {"": arguments(item.__init__)}
    if "call" in vars(item):
        found["call"] = arguments(item.call)
    return found


def public(library, module):
    """{name: arguments} of one module of a library; submodules by their name alone."""
    holder = importlib.import_module(f"{library}.{module}" if module else library)
    return {name: described(getattr(holder, name)) for name in sorted(dir(holder)) if not name.startswith("_")}
