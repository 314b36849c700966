"""Small helpers around batches and symbolic tensors."""

from __future__ import annotations

from typing import Any

from striate.errors import ArgumentError, DataError, received

_DTYPES = frozenset("""bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 bfloat16 float16 float32 float64
    string complex64 complex128""".split())


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """What a batch is handed over as: x alone, (x, y) or (x, y, sample_weight).

    Example:
        >>> pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of a batch; what it does not have is None.

    `data`: a tuple of one to three parts, or x alone.

    Raises:
        DataError: a tuple with more than three parts.

    Example:
        >>> unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    data = tuple(data) if isinstance(data, list) else data
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise DataError("Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. "
                        + received(parts=len(data)))
    return (*data, None, None)[:3]


def is_keras_tensor(x: Any) -> bool:
    """Whether x is a symbolic tensor of a functional model."""
    return hasattr(x, "__striate_symbolic__")


def standardize_dtype(dtype: Any) -> str:
    """The name of a type: of NumPy's, Python's, other libraries', or None for Keras' default.

    Raises:
        ArgumentError: no type of numbers.

    Example:
        >>> standardize_dtype(float)
        'float32'
    """
    from striate import config

    if dtype is None:
        return config.floatx()
    found = {float: config.floatx(), int: "int32", bool: "bool", str: "string"}.get(dtype) if isinstance(
        dtype, type) else None
    name = found or getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype).split(".")[-1]
    if name not in _DTYPES:
        raise ArgumentError("Invalid dtype. " + received(dtype=dtype))
    return name


def get_source_inputs(tensor: Any) -> list:
    """The inputs of the functional model from which a symbolic tensor is computed, each once.

    Example:
        >>> from striate import Input, layers
        >>> x = Input((4,))
        >>> get_source_inputs(layers.Dense(2)(layers.Dense(3)(x)))[0] is x
        True
    """
    from striate.models.node_graph import node_of

    waiting, found, seen = [tensor], [], set()
    while waiting:
        item = waiting.pop(0)
        if id(item) in seen:
            continue
        seen.add(id(item))
        if item.history is None or node_of(item).is_input:
            found.append(item)
        else:
            waiting = node_of(item).input_tensors + waiting
    return found
