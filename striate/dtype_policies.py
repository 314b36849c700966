"""The types that layers compute in. The engine computes in float32; other types are data, not arithmetic."""

from __future__ import annotations

import numpy as np

from striate.errors import ArgumentError, received
from striate.serialization import export

_DATA_TYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string")


@export("keras.DTypePolicy", "keras.dtype_policies.DTypePolicy", "keras.mixed_precision.Policy")
class DTypePolicy:
    """What a layer computes in and stores its weights in, as Keras writes it into configurations.

    Raises:
        ArgumentError: the type is not float32 (or a type of data such as "uint8").

    Example:
        >>> DTypePolicy("float32").compute_dtype
        'float32'
    """

    def __init__(self, name: str = "float32"):
        if name != "float32" and name not in _DATA_TYPES:
            raise ArgumentError("striate computes in float32, so the `dtype` of a layer must be 'float32' (or a type "
                                f"of data such as 'uint8'). {received(dtype=name)}. Leave the argument out.")
        self.name = self.compute_dtype = self.variable_dtype = name
        self.quantization_mode = None

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


def get(identifier) -> DTypePolicy:
    """The policy for None, a name, a NumPy type, a configuration or a policy."""
    if identifier is None:
        return DTypePolicy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(identifier.get("config", identifier)["name"])
    return DTypePolicy(identifier if isinstance(identifier, str) else np.dtype(identifier).name)
