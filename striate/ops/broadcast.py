"""What elementwise ops share: result types, broadcasting and its reverse, and factories of whole ops.

`unary`, `binary` and `comparison` each register an op and return its public function, so that an op is one
statement: name, NumPy formula, gradient and the sentence of its docstring.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate import ops
from striate.errors import ShapeError, received
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register


def is_floating(dtype: str) -> bool:
    """Whether a dtype holds real numbers."""
    return np.dtype(dtype).kind == "f"


def promoted(*dtypes) -> str:
    """The dtype of a result that mixes these: the widest float if there is one, else NumPy's integer rule.

    Example:
        >>> promoted("int32", "float32"), promoted("uint8", "int32")
        ('float32', 'int32')
    """
    floats = [dtype for dtype in dtypes if is_floating(dtype)]
    return str(np.result_type(*(floats or dtypes)))


def floating(*dtypes) -> str:
    """As `promoted`, but never an integer: float32 at least where there is no float."""
    dtype = promoted(*dtypes)
    return dtype if is_floating(dtype) else "float32"


def shape_of(x) -> tuple:
    """The shape of an array, a variable, a traced value or nested lists."""
    shape = getattr(x, "shape", None)
    return tuple(np.shape(x) if shape is None else shape)


def length_of(x, axis: int) -> int:
    """The length of an axis.

    Raises:
        ShapeError: x has no such axis.
    """
    shape = shape_of(x)
    if not -len(shape) <= axis < len(shape):
        raise ShapeError(f"A tensor that has an axis {axis} is needed. " + received(shape=shape))
    return shape[axis]


def dtype_of(x) -> str:
    """The dtype of an array, a variable or a traced value; of Python numbers what `to_array` makes of them."""
    dtype = getattr(x, "dtype", None)
    return str(ops.dispatch.to_array(x).dtype if dtype is None else dtype)


def broadcast_shapes(*shapes: tuple) -> tuple:
    """NumPy's broadcasting of shapes that may contain None (a length not known yet).

    Raises:
        ShapeError: when two lengths differ and neither is 1.
    """
    rank = max((len(shape) for shape in shapes), default=0)
    result = []
    for position in range(-rank, 0):
        lengths = {shape[position] for shape in shapes if len(shape) >= -position} - {1}
        known = lengths - {None}
        if len(known) > 1:
            raise ShapeError("Shapes do not broadcast: lengths of one axis must be equal or 1. "
                             + received(shapes=shapes))
        result.append(known.pop() if known else None if lengths else 1)
    return tuple(result)


def sum_to_shape(gradient, shape: tuple):
    """The gradient of broadcasting: sums over the axes along which an operand of `shape` was repeated."""
    if gradient is None or shape_of(gradient) == tuple(shape):
        return gradient
    extra = len(shape_of(gradient)) - len(shape)
    repeated = tuple(i for i, length in enumerate(shape_of(gradient)) if i < extra or
                     (shape[i - extra] == 1 and length != 1))
    return ops.reshape(ops.sum(gradient, axis=repeated), shape)


def operands(*values) -> list:
    """The operands of one op, with Python numbers given the dtype of the tensors that they meet.

    A Python int takes any number's dtype; a Python float takes a floating dtype, else float32. So
    `images_uint8 * 2` stays uint8 and `images_uint8 / 255.0` becomes float32.
    """
    tensors = [dtype_of(v) for v in values if not isinstance(v, (int, float))]
    if not tensors:
        return list(values)
    common = promoted(*tensors)

    def fitted(value):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return value
        if isinstance(value, float):
            return np.asarray(value, floating(common))
        return np.asarray(value, "int32" if common == "bool" else common)
    return [fitted(value) for value in values]


def count_of(inputs, outputs, attributes) -> int:
    """One operation for each output element."""
    return outputs[0].size


def _finish(public, name: str, doc: str):
    public.__name__ = public.__qualname__ = name
    public.__module__ = "striate.ops"
    public.__doc__ = doc
    return public


def in_double(function: Callable, result: Callable) -> Callable:
    """A reference that computes in float64 and rounds once to `result(*dtypes)`."""
    def reference(*arrays, **attributes):
        with np.errstate(all="ignore"):
            exact = function(*[a.astype(np.float64) for a in arrays], **attributes)
        return [np.asarray(exact).astype(result(*[a.dtype for a in arrays]))]
    return reference


def unary(name: str, formula: Callable, gradient: Callable | None, doc: str, *, integers: bool = False) -> Callable:
    """Registers an op of one tensor. `gradient(x, y, g)`; `integers`: integers stay integers."""
    result = promoted if integers else floating

    def reference(x):
        if integers and not is_floating(x.dtype):
            return [np.asarray(formula(x)).astype(x.dtype)]
        return in_double(formula, result)(x)

    def rule(node, g):
        return [gradient(node.inputs[0], node.outputs[0], g)]
    register(OpSpec(name, lambda inputs: [TensorType(inputs[0].shape, result(inputs[0].dtype))], reference,
                    rule if gradient else None, count_of, elementwise=True))
    numbers = "integers stay integers" if integers else "integers give float32"
    return _finish(lambda x: apply(name, [x]), name,
                   f"{doc}\n\n    Shapes: x any; gives x's. Floats keep their type; {numbers}.\n    ")


def binary(name: str, formula: Callable, gradient: Callable | None, doc: str, *, integers: bool = True,
           spread: bool = True) -> Callable:
    """Registers an op of two tensors that broadcast. `gradient(x1, x2, y, g)` gives two, not yet summed back."""
    result = promoted if integers else floating

    def shape(inputs):
        return [TensorType(broadcast_shapes(*[i.shape for i in inputs]), result(*[i.dtype for i in inputs]))]

    def reference(x1, x2):
        dtype = result(x1.dtype, x2.dtype)
        with np.errstate(all="ignore"):
            return [np.asarray(formula(x1.astype(dtype), x2.astype(dtype))).astype(dtype)]

    def rule(node, g):
        x1, x2 = node.inputs
        both = gradient(x1, x2, node.outputs[0], g)
        return [sum_to_shape(part, x.shape) for part, x in zip(both, (x1, x2), strict=True)]
    register(OpSpec(name, shape, reference, rule if gradient else None, count_of, elementwise=True))
    numbers = "two integers give an integer" if integers else "two integers give float32"
    return _finish(lambda x1, x2: apply(name, operands(x1, x2)), name,
                   f"{doc}\n\n    Shapes: x1, x2 that broadcast; gives the broadcast shape. Raises `ShapeError`\n"
                   f"    when they do not. A float in either makes the result one; {numbers}.\n    ")


def comparison(name: str, formula: Callable, arity: int, doc: str) -> Callable:
    """Registers an op whose result is bool: no gradient flows through it."""
    def shape(inputs):
        return [TensorType(broadcast_shapes(*[i.shape for i in inputs]), "bool")]

    def reference(*arrays):
        return [np.asarray(formula(*arrays))]

    def rule(node, g):
        return [None] * arity
    register(OpSpec(name, shape, reference, rule, count_of, elementwise=True))
    if arity == 1:
        return _finish(lambda x: apply(name, [x]), name, f"{doc}\n\n    Shapes: x any; gives bool of x's shape.\n    ")
    return _finish(lambda x1, x2: apply(name, operands(x1, x2)), name,
                   f"{doc}\n\n    Shapes: x1, x2 that broadcast; gives bool of that shape. Raises `ShapeError`\n"
                   "    when they do not.\n    ")
