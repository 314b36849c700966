"""Objects to configurations and back, through a closed table: names in a file are looked up here, never imported.

`@export("keras.layers.Conv2D", ...)` enters a class or a function; the first name is the one written into files.
A user's own classes are found only if the running program registered them or hands them over (`custom_objects`).
"""

from __future__ import annotations

import inspect
import threading
import types
from typing import Any

import numpy as np

from striate.errors import ArgumentError, DescriptionError, StriateError, TypeMismatchError, received

_exported: dict[str, Any] = {}
_public_names: dict[Any, str] = {}
_registered: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}

_NUMBERS = frozenset({"bool", *(kind + bits for kind in ("int", "uint") for bits in ("8", "16", "32", "64")),
                      "float16", "float32", "float64"})
"""Types of arrays in descriptions."""


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[dict[str, Any]] = []


_scopes = _Scopes()


def export(*names: str):
    """Enters a class or function in the table of what files may name, under Keras' public names."""
    def enter(item):
        _public_names[item] = names[0]
        _exported.update(dict.fromkeys(names, item))
        return item
    return enter


def stand_for(item, original) -> None:
    """A function that computes as one of Keras' does is written into files under that one's name."""
    _public_names[item] = _public_names[original]


def public_name(item) -> str | None:
    """Keras' public name of a class or function, such as "keras.layers.Conv2D"; None when it is the user's own."""
    try:
        return _public_names.get(item)
    except TypeError:
        return None


def exported(module: str) -> dict[str, Any]:
    """Everything exported directly below a module name: last part of the name -> item."""
    prefix = module + "."
    return {name.removeprefix(prefix): item for name, item in _exported.items()
            if name.startswith(prefix) and "." not in name.removeprefix(prefix)}


def register_keras_serializable(package: str = "Custom", name: str | None = None):
    """Decorator: files may name this class or function of the user's, as `package>name`.

    Example:
        >>> @register_keras_serializable("docs")
        ... def double(x):
        ...     return 2 * x
        >>> get_registered_name(double)
        'docs>double'
    """
    def enter(item):
        registered = f"{package}>{name or item.__name__}"
        if inspect.isclass(item) and not hasattr(item, "get_config"):
            raise ArgumentError("A class can be registered only if it has a `get_config()` method. "
                                + received(cls=item))
        _registered[registered] = item
        _registered_names[item] = registered
        return item
    return enter


def get_registered_name(obj) -> str:
    """The name under which a user's class or function is registered, else its own name.

    `obj`: a class or function.
    """
    return _registered_names.get(obj, obj.__name__)


def get_registered_object(name: str, custom_objects: dict | None = None, module_objects: dict | None = None):
    """The class or function behind a name: of the open scopes, of the arguments, registered; or None.

    `custom_objects`, `module_objects`: {name: class or function}, looked through last.
    """
    tables = [*reversed(_scopes.stack), _registered, custom_objects or {}, module_objects or {}]
    return next((table[name] for table in tables if name in table), None)


def get_custom_objects() -> dict[str, Any]:
    """The table of the user's registered objects; may be changed.

    Gives {"package>name": class or function}.
    """
    return _registered


class CustomObjectScope:
    """Context manager: files read inside may name these objects of the user's."""

    def __init__(self, custom_objects: dict[str, Any] | None):
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self):
        _scopes.stack.append(self.custom_objects)
        return self

    def __exit__(self, *failure):
        _scopes.stack.pop()


custom_object_scope = CustomObjectScope


def serialize_keras_object(obj: Any) -> Any:
    """A description of an object in numbers, strings, lists and dicts.

    Raises:
        TypeMismatchError: the object has no `get_config()`, or is a lambda.

    Example:
        >>> serialize_keras_object({"rate": 0.5, "size": (2, 2)})
        {'rate': 0.5, 'size': (2, 2)}
    """
    if obj is None or isinstance(obj, (str, int, float, bool)):
        return obj
    if isinstance(obj, (list, tuple)):
        return type(obj)(serialize_keras_object(part) for part in obj)
    if isinstance(obj, dict):
        return {key: serialize_keras_object(part) for key, part in obj.items()}
    if isinstance(obj, (np.generic, np.ndarray)):
        return obj.item() if obj.ndim == 0 else {
            "class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": str(obj.dtype)}}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        return {"class_name": "__slice__", "config": {"start": obj.start, "stop": obj.stop, "step": obj.step}}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if hasattr(obj, "__striate_symbolic__"):
        operation, node, tensor = obj.history
        return {"class_name": "__keras_tensor__",
                "config": {"shape": obj.shape, "dtype": obj.dtype, "keras_history": [operation.name, node, tensor]}}
    return _serialize_named(obj)


def _serialize_named(item: Any) -> dict:
    """The description of an object of a class in the table, of a user's class, or of a function."""
    is_function = isinstance(item, (types.FunctionType, type))
    kind = item if is_function else type(item)
    if isinstance(item, types.FunctionType) and item.__name__ == "<lambda>":
        raise TypeMismatchError("A lambda cannot be written into a file, because reading it back would run code from "
                                "the file. Define a function with `def` and register it with "
                                "`@keras.saving.register_keras_serializable()`. " + received(function=item))
    if not is_function and not hasattr(item, "get_config"):
        raise TypeMismatchError(f"An object of class {kind.__name__} cannot be described in a file: "
                                "its class needs a `get_config()` method. " + received(object=item))
    public = public_name(kind)
    registered: str | None
    if is_function:
        config: Any = get_registered_name(item)
    else:
        config = serialize_keras_object(item.get_config())
    if public is None:
        module, name, registered = kind.__module__, kind.__name__, get_registered_name(kind)
    else:
        (module, _, name) = public.rpartition(".")
        registered = name if module.startswith("keras.src.") else None
    if isinstance(item, types.FunctionType):
        module, name, registered = "builtins", "function", "function"
    description = {"module": module, "class_name": name, "config": config, "registered_name": registered}
    for extra in ("build_config", "compile_config"):
        describe = None if is_function else getattr(item, f"get_{extra}", None)
        value = None if describe is None else describe()
        if describe is not None and value is None and extra == "compile_config":
            value = {}  # of a model that was not compiled
        if value is not None:
            description[extra] = serialize_keras_object(value)
    return description


def deserialize_keras_object(config: Any, custom_objects: dict | None = None, safe_mode: bool = True,
                             module: str | None = None, **ignored):
    """The object that a description stands for.

    Args:
        config: what `serialize_keras_object` gave.
        custom_objects: name -> class or function, of the user's own.
        safe_mode: for Keras' sake; reading is always safe here.
        module: where to look for names without a module, such as "keras.layers".
        ignored: further arguments of Keras'.

    Raises:
        DescriptionError: a name is not in the table and not in `custom_objects`, or its class refuses the arguments.

    Example:
        >>> deserialize_keras_object({"class_name": "__slice__", "config": {"start": 0, "stop": 2, "step": None}})
        slice(0, 2, None)
    """
    if isinstance(config, (list, tuple)):
        return type(config)(deserialize_keras_object(part, custom_objects, module=module) for part in config)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config or "config" not in config:
        return {key: deserialize_keras_object(part, custom_objects, module=module) for key, part in config.items()}
    name, inner = config["class_name"], config["config"]
    if name == "__numpy__" or name == "__tensor__":
        return _array(inner["value"], inner["dtype"])
    if name == "__bytes__":
        return inner["value"].encode("utf-8")
    if name == "__slice__":
        return slice(inner["start"], inner["stop"], inner["step"])
    if name == "__ellipsis__":
        return Ellipsis
    if name == "function":
        return lookup(inner, config.get("module"), config.get("registered_name"), custom_objects, module)
    kind = lookup(name, config.get("module"), config.get("registered_name"), custom_objects, module)
    if not hasattr(kind, "from_config"):
        raise DescriptionError(f"An object of {name!r} cannot be made from a description: its class needs a "
                               "`from_config()` method, and a `get_config()` that it can read. " + received(cls=kind))
    with CustomObjectScope(custom_objects):
        try:
            item = kind.from_config(inner)
        except TypeError as error:
            if isinstance(error, StriateError):
                raise
            raise DescriptionError(f"{name!r} cannot be made from its description. Its `get_config()` should give what "
                                   f"its constructor takes. {received(config=inner)}. It says: {error}") from error
        if config.get("build_config") and hasattr(item, "build_from_config") and not getattr(item, "built", True):
            item.build_from_config(config["build_config"])
        if config.get("compile_config") and hasattr(item, "compile_from_config"):
            item.compile_from_config(config["compile_config"])
    return item


def _array(value: Any, dtype: str) -> np.ndarray:
    """An array of numbers or texts: a type in a file neither says how long texts are to be nor names objects."""
    if dtype not in _NUMBERS and not str(dtype).lstrip("<>|=").startswith("U"):
        raise ArgumentError(f"An array in a description is of a type that is not read. {received(dtype=dtype)}")
    return np.array(value, dtype=dtype if dtype in _NUMBERS else None)


def lookup(name: str, module: str | None = None, registered: str | None = None,
           custom_objects: dict | None = None, default_module: str | None = None):
    """The class or function for names found in a file; strings are compared with the table, never imported.

    A description with a module of Keras' and no registered name is of Keras' class, whatever the user's are called; one
    with a registered name and another module (Keras writes None) is of the user's, whatever Keras' are called.
    """
    of_keras = module is not None and module.partition(".")[0] in ("keras", "tf_keras")
    for candidate in () if of_keras and registered is None else (registered, name):
        found = get_registered_object(candidate, custom_objects) if candidate else None
        if found is not None:
            return found
    if registered is None or of_keras or module == "builtins":
        for place in [module, default_module] if module else [default_module]:
            found = _exported.get(f"{place}.{name}")
            if found is not None:
                return found
        if module is None or module == "builtins" or of_keras:
            matches = {id(item): item for full, item in _exported.items()
                       if full.rpartition(".")[2] == name and not full.startswith("keras.src.ops.")}
            if len(matches) == 1:
                return next(iter(matches.values()))
    raise DescriptionError(f"{name!r} is neither a part of striate nor among the `custom_objects`. "
                        + received(class_name=name, module=module, registered_name=registered)
                        + f". If it is your own, pass custom_objects={{{name!r}: ...}} or register it with "
                          "`@keras.saving.register_keras_serializable()` before loading.")


class Configurable:
    """An object whose configuration is its constructor's arguments, each kept as an attribute of the same name.

    Example:
        >>> class Scale(Configurable):
        ...     def __init__(self, factor=2.0):
        ...         self.factor = factor
        >>> Scale.from_config(Scale(3.0).get_config()).factor
        3.0
    """

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments that make an equal object."""
        return {name: serialize_argument(getattr(self, name)) for name in constructor_arguments(type(self))}

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        """The object that `get_config()` described."""
        return cls(**config)


def constructor_arguments(kind: type[Any]) -> list[str]:
    """Names of the constructor's arguments, without `self` and those behind a star."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def serialize_argument(value: Any) -> Any:
    """An attribute as configurations hold it: functions of striate's own by their bare name, as Keras writes them."""
    if isinstance(value, types.FunctionType) and (name := public_name(value)) is not None:
        return name.rpartition(".")[2]
    return serialize_keras_object(value)


def resolve(identifier: Any, module: str, kind: str, aliases: dict[str, Any] | None = None):
    """What all `get(identifier)` functions do with strings, configurations, classes and ready objects.

    Strings are found whatever their case (`"ReLU"`, `"MSE"`). A class found by its name is instantiated.

    Raises:
        ArgumentError: nothing of that name is known. DescriptionError: something that names nothing.
    """
    if isinstance(identifier, dict):
        return deserialize_keras_object(identifier, module=module)
    if isinstance(identifier, str):
        found = get_registered_object(identifier)
        table = exported(module) | (aliases or {})
        if found is None:
            found = table.get(identifier)
        if found is None:
            plain = identifier.replace("_", "").lower()
            found = next((item for name, item in table.items() if name.replace("_", "").lower() == plain), None)
        if found is None:
            known = ", ".join(sorted(name for name in table if name.islower()))
            raise ArgumentError(f"There is no {kind} of this name. {received(identifier=identifier)}. Known: {known}.")
        identifier = found
    if inspect.isclass(identifier):
        return identifier()
    if callable(identifier) or hasattr(identifier, "get_config"):
        return identifier
    raise DescriptionError(f"A {kind} is given by its name, a function, an object or a configuration. "
                            + received(identifier=identifier))


