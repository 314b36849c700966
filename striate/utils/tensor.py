"""`tf.Tensor`: a NumPy array that shows itself as TensorFlow's tensors do."""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.ops.dispatch import TensorMethods, active_tracer


class Tensor(np.ndarray):
    """A NumPy array with `.numpy()`.

    Example:
        >>> as_tensor(np.float32([1.0, 2.0])).numpy().tolist()
        [1.0, 2.0]
    """

    def numpy(self):
        """A plain array, or a plain number of NumPy's; of text its bytes, as TensorFlow gives them."""
        plain = self.view(np.ndarray)
        if self.dtype.kind == "U":
            plain = np.vectorize(str.encode, otypes=[object])(plain)
        return plain if self.ndim else plain[()]

    def __getitem__(self, key):
        return as_tensor(super().__getitem__(key))

    def __array_wrap__(self, array, context=None, return_scalar=False):
        return as_tensor(array)

    def __str__(self) -> str:
        return f"tf.Tensor({_below(str(self.numpy()))}, shape={self.shape}, dtype={self._kind})"

    def __repr__(self) -> str:
        return f"<tf.Tensor: shape={self.shape}, dtype={self._kind}, numpy={_below(repr_of(self))}>"

    @property
    def _kind(self) -> str:
        return "string" if self.dtype.kind == "U" else str(self.dtype)

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec)


def repr_of(tensor: Tensor) -> str:
    """The numbers as TensorFlow shows them: a plain number, or NumPy's words for an array."""
    plain = tensor.numpy()
    return repr(plain) if tensor.ndim else str(plain.item() if isinstance(plain, np.generic) else plain)


def _below(text: str) -> str:
    """Numbers of several lines begin on a line of their own."""
    return "\n" + text if "\n" in text else text


def _watched(name: str):
    """An operator of arrays that, while a GradientTape watches tensors, is part of what the tape records."""
    plain = getattr(Tensor, name)

    def operator(self, *others):
        tracer = active_tracer()
        if getattr(tracer, "watched", None):
            return getattr(tracer.value(self), name)(*others)
        return plain(self, *others)

    operator.__name__ = name
    return operator


for _name in vars(TensorMethods):
    if _name not in ("__module__", "__doc__", "__dict__", "__weakref__", "__array_priority__", "_binary"):
        setattr(Tensor, _name, _watched(_name))


def as_tensor(item: Any) -> Any:
    """Arrays and numbers of NumPy as tensors; symbolic values and everything else unchanged."""
    if isinstance(item, Tensor):
        return item
    if isinstance(item, (np.ndarray, np.generic)):
        return np.asarray(item).view(Tensor)
    if isinstance(item, (list, tuple)):
        parts = [as_tensor(part) for part in item]
        return type(item)(*parts) if hasattr(item, "_fields") else type(item)(parts)
    if isinstance(item, dict):
        return {key: as_tensor(part) for key, part in item.items()}
    return item


def is_symbolic(item: Any) -> bool:
    """Whether this is a value inside a model, whose numbers are not known yet."""
    return hasattr(item, "shape") and hasattr(item, "dtype") and not hasattr(item, "tobytes")
