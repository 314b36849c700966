"""`custom_gradient`: a function with a gradient of the user's own.

While a program is traced, the user's gradient function is run once on stand-ins, directly behind the forward part, and
what it did is kept with the node: its ops, and the tensors of the forward part that it reads, which become inputs of
the node. So the forward part can be fused before the gradient is made, and the recorded ops are made again then.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from striate.errors import ArgumentError, TypeMismatchError, received
from striate.ops.dispatch import active_tracer, apply
from striate.ops.spec import OpSpec, register


class RecordedGradient:
    """What a gradient function did: ops from stand-ins of the upstream gradients to the gradients of the arguments."""

    def __init__(self, stand_ins: Sequence, nodes: Sequence, results: Sequence):
        self._stand_ins, self._nodes, self._results = tuple(stand_ins), tuple(nodes), tuple(results)
        made = {value for node in nodes for value in node.outputs}
        read = [value for node in nodes for value in node.inputs] + [value for value in results if value is not None]
        self.captured = list(dict.fromkeys(
            value for value in read if value not in made and value not in stand_ins and value.role != "constant"))
        """Tensors of the forward part that the gradient depends on."""

    def again(self, upstream: Sequence, captured: Sequence) -> list:
        """The gradients of the arguments, from these upstream gradients and these captured tensors."""
        now = dict(zip((*self._stand_ins, *self.captured), (*upstream, *captured), strict=True))
        for node in self._nodes:
            made = apply(node.op, [now.get(value, value) for value in node.inputs], **node.attributes)
            now.update(zip(node.outputs, made if isinstance(made, tuple) else (made,), strict=True))
        return [None if value is None else now.get(value, value) for value in self._results]


def _gradient(node, *upstream):
    from striate import ops

    results, arguments = len(node.outputs), node.attributes["arguments"]
    upstream = [ops.zeros_like(y) if g is None else g for y, g in zip(node.outputs, upstream, strict=True)]
    captured = node.inputs[results + arguments:]
    return [*[None] * results, *node.attributes["recorded"].again(upstream, captured), *[None] * len(captured)]


def _types(inputs, results, arguments, recorded):
    return list(inputs[:results])


def _results(*arrays, results, arguments, recorded):
    return list(arrays[:results])


register(OpSpec("custom_gradient", _types, _results, _gradient, alias=True))
register(OpSpec("custom_gradients", _types, _results, _gradient))


def _wants(function: Callable, name: str) -> bool:
    return any(parameter.name == name for parameter in inspect.signature(function).parameters.values())


def _recorded(tracer, gradient: Callable, outputs: Sequence, arguments: Sequence) -> RecordedGradient:
    """Runs the gradient function on stand-ins; what it adds to the program is taken out of it again."""
    stand_ins = [tracer.stand_in(value.type) for value in outputs]
    before = len(tracer.nodes)
    found = gradient(upstream=stand_ins[0] if len(stand_ins) == 1 else tuple(stand_ins)) \
        if _wants(gradient, "upstream") else gradient(*stand_ins)
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    if len(found) != len(arguments):
        raise ArgumentError("The gradient function of a custom_gradient must give one gradient for each argument. "
                            + received(gradients=len(found), arguments=len(arguments)))
    found = [None if item is None else tracer.value(item) for item in found]
    nodes = tracer.nodes[before:]
    del tracer.nodes[before:]
    for argument, item in zip(arguments, found, strict=True):
        if item is not None and item.shape != argument.shape:
            raise ArgumentError("A gradient of a custom_gradient must have the shape of its argument. "
                                + received(gradient=item.shape, argument=argument.shape))
    return RecordedGradient(stand_ins, nodes, found)


def custom_gradient(f):
    """A decorator: f gives its results and a function from the gradients of these to those of f's arguments.

    The gradient function is called as grad(upstream=g) when it has an argument of that name, else as grad(g1, g2, ...)
    with one gradient for each result.

    Shapes: gradients have the shapes of what they belong to.

    Example:
        >>> from striate import ops
        >>> @ops.custom_gradient
        ... def reversed_gradient(x):
        ...     return x, lambda upstream: ops.negative(upstream)
        >>> float(reversed_gradient(2.0))
        2.0
    """
    @functools.wraps(f)
    def wrapped(*args, **kwargs) -> Any:
        made = f(*args, **kwargs)
        if not (isinstance(made, tuple) and len(made) == 2 and callable(made[1])):
            raise TypeMismatchError("The function under custom_gradient must give its results and a function. "
                                    + received(returned=made))
        results, gradient = made
        tracer = active_tracer()
        if tracer is None:
            return results
        several = isinstance(results, (list, tuple))
        outputs = [tracer.value(item) for item in (results if several else [results])]
        arguments = [tracer.value(item) for item in args]
        recorded = _recorded(tracer, gradient, outputs, arguments)
        passed = apply("custom_gradient" if len(outputs) == 1 else "custom_gradients",
                       [*outputs, *arguments, *recorded.captured], results=len(outputs), arguments=len(arguments),
                       recorded=recorded)
        return type(results)(passed if isinstance(passed, tuple) else (passed,)) if several else passed
    return wrapped
