"""striate: convolutional networks with Keras' words, an own CPU engine, and everything in plain sight.

`import striate as keras` gives Keras 3's names. Each is loaded when it is first used, so that importing striate costs
next to nothing and loads neither Numba nor h5py nor matplotlib.
"""

from importlib import import_module

from striate.config import make_policies_with
from striate.outside import missing as _missing

__version__ = "0.1.0"

_MODULES = (
    "activations", "applications", "backend", "callbacks", "config", "constraints", "datasets", "dtype_policies",
    "initializers", "layers", "losses", "metrics", "mixed_precision", "models", "ops", "optimizers", "random",
    "regularizers", "saving", "tree", "utils", "wrappers", "engine", "errors", "see", "zoo",
)
_OBJECTS = {
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "Variable": "variables",
    "device": "backend",
    "install_shim": "runner",
    "load_ipython_extension": "runner",
    "name_scope": "backend",
    "unload_ipython_extension": "runner",
    "version": "config",
}
__all__ = ["__version__", *_MODULES, *_OBJECTS]

make_policies_with(lambda policy: import_module("striate.dtype_policies").get(policy))


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f"striate.{name}")
    if name in _OBJECTS:
        found = getattr(import_module(f"striate.{_OBJECTS[name]}"), name)
        globals()[name] = found
        return found
    raise _missing("keras", name)


def __dir__() -> list[str]:
    return sorted(__all__)
