"""Where older versions of Keras kept things, and where they are now.

Paths: modules under each of their names. Methods: what models could do in Keras 1 and 2, only while the shim is
installed.
"""

from __future__ import annotations

import functools
import importlib
import types
from typing import Any

import numpy as np

from striate.adaptations import note
from striate.serialization import public_name, stand_for
from striate.utils.tensor import as_tensor

ROOMS = ("activations", "backend", "callbacks", "config", "constraints", "datasets", "initializers", "layers",
         "losses", "metrics", "models", "ops", "optimizers", "random", "regularizers", "saving", "utils", "wrappers",
         "datasets.cifar10", "datasets.cifar100", "datasets.fashion_mnist", "datasets.mnist", "optimizers.schedules",
         "dtype_policies", "mixed_precision", "tree", "ops.image", "ops.linalg", "ops.nn", "ops.numpy", "applications",
         *(f"applications.{name}" for name in (
             "densenet", "efficientnet", "imagenet_utils", "inception_v3", "mobilenet", "mobilenet_v2", "mobilenet_v3",
             "resnet", "resnet50", "resnet_v2", "vgg16", "vgg19", "xception")))
"""Modules of striate that are Keras' modules of the same names."""

MOVED = {
    **dict.fromkeys((f"layers.{name}" for name in (
        "advanced_activations", "convolutional", "core", "embeddings", "experimental.preprocessing", "merge", "noise",
        "normalization", "pooling")), "layers"),
    "engine": "layers", "engine.topology": "layers", "engine.base_layer": "layers", "engine.input_layer": "layers",
    "engine.training": "models", "engine.sequential": "models",
    "optimizers.legacy": "optimizers",
    "utils.np_utils": "utils", "utils.data_utils": "utils", "utils.generic_utils": "utils",
}
"""Old path -> the room of today that holds the same names."""

TOP = ("preprocessing", "engine")
_TENSORFLOW = ("config", "data", "distribute", "image", "io", "linalg", "math", "nn", "random", "signal",
               "strings", "summary", "test")
_OF_ARRAYS = ("convert_to_numpy", "shape")
"""Functions of `ops` whose results are no tensors."""
_ABSENT = object()
_attached: list[tuple[Any, str, Any]] = []
"""Owner, name and what was there before."""


class OldPath(types.ModuleType):
    """A module of older Keras: hands out the names of the room that replaced it, and notes that it was asked."""

    def __init__(self, path: str, home: str):
        super().__init__(f"keras.{path}", f"keras.{path} of older Keras: now keras.{home}.")
        self._path, self._home = path, home
        self.__path__: list[str] = []

    def __getattr__(self, name: str):
        room = importlib.import_module(f"striate.{self._home}")
        if name == "__all__":
            return room.__all__
        if name.startswith("__") or not hasattr(room, name):
            raise AttributeError(f"keras.{self._path} of older Keras, now keras.{self._home}, "
                                 f"has no {name!r} in striate.")
        note(f"keras.{self._path} -> keras.{self._home}")
        return getattr(room, name)


@functools.cache
def _keras_modules() -> dict[str, types.ModuleType]:
    """Path below `keras` -> module."""
    modules = {name: importlib.import_module(f"striate.{name}") for name in ROOMS}
    for name in ("preprocessing", *(f"preprocessing.{part}" for part in ("image", "sequence", "text"))):
        modules[name] = importlib.import_module(f"striate.runner.{name}")
    modules["layers.experimental"] = OldPath("layers.experimental", "layers")
    return modules | {path: OldPath(path, home) for path, home in MOVED.items()}


def modules_below(root: str) -> dict[str, types.ModuleType]:
    """Full name -> module, for every module below `keras`, `tf_keras` or `tensorflow`."""
    if root != "tensorflow":
        return {f"{root}.{name}": module for name, module in _keras_modules().items()}
    own = {f"tensorflow.{name}": importlib.import_module(f"striate.runner.tf.{name}") for name in _TENSORFLOW}
    keras = importlib.import_module("striate.runner.keras")
    python = types.ModuleType("tensorflow.python", "TensorFlow's inside, through which some scripts reach its Keras.")
    python.__path__, python.keras = [], keras  # type: ignore[attr-defined]
    return (own | {"tensorflow.keras": keras} | modules_below("tensorflow.keras")
            | {"tensorflow.python": python, "tensorflow.python.keras": keras}
            | modules_below("tensorflow.python.keras"))


def attach() -> None:
    """Old paths become attributes of their parents (`from keras.utils import np_utils`), old methods of models.

    What models, layers, losses, metrics, schedules, `ops` and `random` compute outside of training has a `.numpy()`, as
    tensors of TensorFlow's have.
    """
    if _attached:
        return
    from striate import backend, losses, metrics, ops, random, utils
    from striate.layers import Layer
    from striate.losses import Loss
    from striate.metrics import Metric
    from striate.models import Model
    from striate.optimizers.schedules import LearningRateSchedule
    from striate.runner import old_methods
    from striate.runner.tf.functions import returning_tensors

    modules = _keras_modules()
    for path in sorted([*MOVED, "layers.experimental"]):
        parent, _, name = path.rpartition(".")
        if parent:
            _attach(modules[parent], name, modules[path])
    for method in old_methods.OF_MODELS:
        _attach(Model, method.__name__, method)
    for name, function in old_methods.OF_THE_BACKEND.items():
        _attach(backend, name, function)
    _attach(utils, "image_dataset_from_directory", modules["preprocessing"].image_dataset_from_directory)
    computing: list[tuple[type, str]] = [(kind, "__call__") for kind in (Model, Layer, Loss, Metric)]
    computing += [(kind, "result") for kind in _kinds(Metric) if "result" in vars(kind)]
    for kind, name in computing:
        _replace(kind, name, returning_tensors(vars(kind)[name]))
    for kind in _kinds(LearningRateSchedule):
        if "__call__" in vars(kind):
            _replace(kind, "__call__", _rate(vars(kind)["__call__"]))
    giving = functools.cache(returning_tensors)
    computers = ops, ops.image, ops.linalg, ops.nn, ops.numpy, random
    for room in losses, metrics, *computers:
        for name in getattr(room, "__all__", [name for name in vars(room) if not name.startswith("_")]):
            function = getattr(room, name)
            known = public_name(function) is not None
            if isinstance(function, types.FunctionType) and (known or room in computers and name not in _OF_ARRAYS):
                if known:
                    stand_for(giving(function), function)
                _replace(room, name, giving(function))


def _rate(call):
    """A schedule's call, whose rate has a `.numpy()`; no digit of it is lost."""
    @functools.wraps(call)
    def wrapped(self, step):
        rate = call(self, step)
        return as_tensor(np.float64(rate)) if isinstance(rate, float) else rate
    return wrapped


def _kinds(kind: type) -> list[type]:
    """A class and all classes derived from it."""
    found: list[type] = [kind]
    for kind in found:
        found += type.__subclasses__(kind)
    return found


def _attach(owner: Any, name: str, item: Any) -> None:
    if name not in vars(owner):
        _replace(owner, name, item)


def _replace(owner: Any, name: str, item: Any) -> None:
    _attached.append((owner, name, vars(owner).get(name, _ABSENT)))
    setattr(owner, name, item)


def detach() -> None:
    """Undoes `attach`."""
    while _attached:
        owner, name, before = _attached.pop()
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)
