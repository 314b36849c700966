"""The types that layers compute in. The engine computes in float32; other types are data, not arithmetic."""

from __future__ import annotations

import functools
import warnings

import numpy as np

from striate import config
from striate.errors import ArgumentError, received
from striate.outside import refusing
from striate.serialization import deserialize_keras_object, export, serialize_keras_object

__getattr__ = refusing("keras.dtype_policies")
_DATA_TYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string")
_OTHER_FLOATS = ("float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


@export("keras.DTypePolicy", "keras.dtype_policies.DTypePolicy", "keras.mixed_precision.Policy")
class DTypePolicy:
    """What a layer computes in and stores its weights in, as Keras writes it into configurations.

    Policies of other floating types ("mixed_float16", "float64" ...) keep their name, so that files go back to Keras as
    they came; the arithmetic is float32 all the same, and a warning says so once.

    Raises:
        ArgumentError: the type is not known.

    Example:
        >>> DTypePolicy("float32").compute_dtype
        'float32'
    """

    name: str

    def __init__(self, name: str | None = None):
        name = dtype_policy().name if name is None else name
        if name not in ("float32", *_DATA_TYPES, *_OTHER_FLOATS):
            raise ArgumentError(f"Cannot convert {name!r} to a dtype policy. Known are 'float32', "
                                f"{', '.join(map(repr, (*_OTHER_FLOATS, *_DATA_TYPES)))}. {received(name=name)}")
        self.name, self.quantization_mode = name, None
        self.compute_dtype = self.variable_dtype = "float32" if name in _OTHER_FLOATS else name
        if name in _OTHER_FLOATS:
            _warn_once(name)

    def get_config(self) -> dict:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> DTypePolicy:
        return cls(**config)

    def __eq__(self, other) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


FloatDTypePolicy = DTypePolicy


@functools.cache
def _warn_once(name: str) -> None:
    warnings.warn(f"The dtype policy {name!r} keeps its name, but striate computes in float32.", stacklevel=5)


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none: "float32" unless set."""
    return config.dtype_policy()


def set_dtype_policy(policy) -> None:
    """Sets the policy of layers that are given none, by name or object.

    Example:
        >>> set_dtype_policy("float32")
        >>> dtype_policy()
        <DTypePolicy "float32">
    """
    config.set_dtype_policy(policy)


def get(identifier) -> DTypePolicy:
    """The policy for None, a name, a NumPy type, a configuration or a policy."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(identifier.get("config", identifier)["name"])
    return DTypePolicy(identifier if isinstance(identifier, str) else np.dtype(identifier).name)


def serialize(dtype_policy: DTypePolicy) -> dict:
    """A policy's description, for `deserialize`."""
    return serialize_keras_object(dtype_policy)


def deserialize(config: dict, custom_objects: dict | None = None) -> DTypePolicy:
    """The policy that `serialize` described."""
    return deserialize_keras_object(config, custom_objects, module="keras.dtype_policies")
