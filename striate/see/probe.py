"""A model looked into: what enters and leaves each layer for an input, computed by the engine.

All of `striate.see` gets its numbers here, so that a picture shows what the engine computed and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from striate import ops
from striate.engine import Function, gradients
from striate.errors import ArgumentError, ShapeError, TypeMismatchError, received
from striate.graph.trace import collect
from striate.layers.base import Layer
from striate.layers.symbolic import leaves
from striate.see import arguments
from striate.see.opened import Call, OpenedGraph


@dataclass(frozen=True)
class Tap:
    """One call of a layer: its name, its input (an array, or a list of them for layers that merge) and its output."""

    layer: Any
    name: str
    inputs: Any
    output: Any
    channels_first: bool = False
    fed_first: bool = False


_OPENED: WeakKeyDictionary = WeakKeyDictionary()


def network(model):
    """The model's graph of layer calls, in which models inside of it are opened: an `OpenedGraph`.

    Raises:
        TypeMismatchError: not a model.
        ArgumentError: the model has no such graph.
    """
    from striate.models import Model

    if not isinstance(model, Model):
        raise TypeMismatchError("The first argument must be a model: a Sequential, or Model(inputs, outputs). "
                                + received(model=model))
    if model._graph is None:
        raise ArgumentError(
            f"The layers of '{model.name}' cannot be looked into yet: its input shape is not known, or it is a class "
            "with a `call` method of its own. Make an Input the first layer, call model.build((None, 28, 28, 1)) with "
            "your shape, or write it as Model(inputs, outputs).")
    own, opened = _OPENED.get(model, (None, None))
    if own is not model._graph or not opened.is_current:  # Layers were added.
        opened = OpenedGraph(model)
        _OPENED[model] = model._graph, opened
    return opened


def find_layer(model, layer) -> Any:
    """A layer by its name, its place (0 is the first behind the input) or itself.

    A layer of a model inside of the model is called "base/conv2d", or "conv2d" if no other is; an inner model itself
    stands for its last layer. A layer that is called twice can be named with its call, "conv2d (2)".

    Raises:
        ArgumentError: the model has no such layer; the message lists those that it has.
    """
    return find_call(model, layer).operation


def find_call(model, layer) -> Call:
    """The call that `find_layer` finds the layer by; the first one of the layer if no other is named."""
    graph = network(model)
    layers, calls = graph.layers, graph.calls
    if isinstance(layer, (int, np.integer)) and -len(layers) <= layer < len(layers):
        layer = layers[layer]
    if isinstance(layer, Layer) and layer in graph.model_names:
        layer = graph.model_names[layer]
    for call in calls:
        if call.operation is layer or call.name == layer:
            return call
    if isinstance(layer, str) and layer in graph.ends:
        return graph.ends[layer]
    found = [one for one in layers if one.name == layer]
    if len(found) == 1:
        return find_call(model, found[0])
    names = ", ".join(f"{place} {graph.names[one]}" for place, one in enumerate(layers))
    what = "several layers of this name: say which, with the model that it is in" if found else "no such layer"
    raise ArgumentError(f"The model '{model.name}' has {what}. It has: {names}. {received(layer=layer)}")


def name_of(model, layer: Any) -> str:
    """The name of one of the model's layers, with the names of the inner models that it belongs to."""
    return network(model).names[layer]


def need_places(model, what: str) -> None:
    """Makes sure that a model takes one line, image or volume: what is shown lies at places of it.

    Raises:
        ArgumentError: several inputs, or vectors and the like.
    """
    shapes = [tuple(tensor.shape[1:]) for tensor in network(model).inputs]
    if len(shapes) != 1 or len(shapes[0]) not in (2, 3, 4):
        raise ArgumentError(f"{what} can be shown for a model whose one input is an image (height, width, channels), a "
                            "line (length, channels) or a volume (depth, height, width, channels). "
                            + received(model=model.name, input_shapes=shapes))


def takes_channels_first(model) -> bool:
    """Whether the model's (first) input has its channels before its places."""
    graph = network(model)
    return graph.maker(graph.inputs[0]).channels_first


def pictures(model, x: np.ndarray) -> np.ndarray:
    """A batch that the model takes as it is drawn: the channels last."""
    return np.moveaxis(x, 1, -1) if takes_channels_first(model) else x


def taken(model, pictures: np.ndarray) -> np.ndarray:
    """A batch with its channels last as the model takes it."""
    return np.ascontiguousarray(np.moveaxis(pictures, -1, 1)) if takes_channels_first(model) else pictures


def batch(model, x) -> Any:
    """The user's input as the model takes it: float32, with a batch axis, with a channel axis if one is needed.

    Raises:
        ShapeError: it does not fit the model, or there is no sample in it.
        ArgumentError: some of its numbers are NaN or infinite.
    """
    graph = network(model)
    if len(graph.inputs) > 1:
        if not isinstance(x, (list, tuple, dict)) or len(x) != len(graph.inputs):
            names = ", ".join(tensor.name for tensor in graph.inputs)
            raise ShapeError(f"The model '{model.name}' has {len(graph.inputs)} inputs ({names}): give a list with "
                             "one array for each. " + received(type=type(x).__name__))
        values = list(x.values()) if isinstance(x, dict) else list(x)
        return [_fit(value, tensor, model.name) for value, tensor in zip(values, graph.inputs, strict=True)]
    return _fit(x[0] if isinstance(x, list) and len(x) == 1 else x, graph.inputs[0], model.name)


def _fit(x, tensor, name: str) -> np.ndarray:
    array = arguments.numbers(x, "x")
    array = np.ascontiguousarray(array, np.int32 if tensor.dtype.startswith("int") else np.float32)
    wanted = tensor.shape

    def fits(shape):
        return len(shape) == len(wanted) and all(
            want is None or have == want for have, want in zip(shape[1:], wanted[1:], strict=True))
    for shape in (array.shape, (1, *array.shape), (*array.shape, 1), (1, *array.shape, 1)):
        if fits(shape):
            return _whole(array.reshape(shape))
    lengths = ["any" if length is None else str(length) for length in wanted[1:]]
    one = f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(lengths)})"
    raise ShapeError(f"The model '{name}' takes inputs of shape {one}, one of them or a batch with one more axis in "
                     f"front. {received(shape=array.shape)}. {_mend(array.shape, wanted)}")


def _mend(have: tuple[int, ...], wanted: tuple[int | None, ...]) -> str:
    """What to do with an input of the shape `have` for a model that wants (None, ...)."""
    one = have[-len(wanted) + 1:]
    if len(wanted) == 4 and len(one) == 3 and one[:-1] == wanted[1:-1]:
        words = f"The model looks at {wanted[-1]} channels, the image has {one[-1]}: "
        if wanted[-1] == 3 and one[-1] == 1:
            return words + "repeat them, np.repeat(x, 3, axis=-1)."
        return words + ("make it grey, x.mean(axis=-1, keepdims=True)." if wanted[-1] == 1 else
                        "choose as many of them, such as x[..., :n], or their mean, x.mean(axis=-1, keepdims=True).")
    return "Resize the image, for example with striate.utils.load_img(path, target_size=(height, width))." \
        if len(wanted) == 4 else "Cut or pad it to that length."


def _whole(array: np.ndarray) -> np.ndarray:
    """The array, if it holds a sample and every number of it is one."""
    if not len(array):
        raise ShapeError("There is no sample in the input: give at least one. " + received(shape=array.shape))
    broken = np.argwhere(~np.isfinite(array))
    if len(broken):
        raise ArgumentError(f"{len(broken):,} numbers of the input are NaN or infinite, the first at "
                            f"{tuple(broken[0].tolist())}; nothing that follows from them can be explained. Fill "
                            "them, for example with np.nan_to_num(x), or take another sample. "
                            + received(shape=array.shape))
    return array


_MADE: WeakKeyDictionary = WeakKeyDictionary()


def _kept(model, key, make: Callable) -> Any:
    """What `make()` gives for a model, made once: compiled functions."""
    made = _MADE.setdefault(model, {})
    graph = network(model)
    if made.get("graph") is not graph:  # Layers were added.
        made.clear()
        made["graph"] = graph
    if key not in made:
        made[key] = make()
    return made[key]


def watched(graph, values, visit: Callable[[Call, Any, Any], Any], training: bool = False) -> Any:
    """Runs a model's graph inside a trace; `visit(call, inputs, output)` sees every call and may change its output."""
    calls = iter(graph.calls)

    def call(operation, args, kwargs):
        if isinstance(operation, Layer) and "training" in _arguments(operation):
            kwargs = {**kwargs, "training": training}
        output = operation(*args, **kwargs)
        seen = visit(next(calls), args[0] if args else next(iter(kwargs.values()), None), output)
        return output if seen is None else seen
    return graph.run(values, call)


def _arguments(layer: Layer):
    import inspect

    return inspect.signature(layer.call).parameters


def taps(model, x, only: set[str] | None = None) -> list[Tap]:
    """Every call of a layer for an input, in order.

    Args:
        model: a model with a graph.
        x: as `batch` takes it.
        only: names of calls; all when left out.

    Returns:
        A `Tap` for each call.
    """
    graph, x = network(model), batch(model, x)

    def make():
        def run(values):
            found: list = []

            def visit(call, inputs, output):
                if only is None or call.name in only:
                    found.append([inputs, output])
            watched(graph, values, visit)
            return found
        return Function(run, f"layers of {model.name}")
    found = _kept(model, ("taps", frozenset(only) if only else None), make)(x)
    calls = [call for call in graph.calls if only is None or call.name in only]
    return [Tap(call.operation, call.name, inputs, output, call.channels_first, call.fed_first)
            for call, (inputs, output) in zip(calls, found, strict=True)]


def tap(model, x, layer) -> Tap:
    """One call of a layer, as `find_call` finds it."""
    return taps(model, x, {find_call(model, layer).name})[0]


def output_gradients(model, x, score: Callable, layer=None, key=None) -> tuple[Any, Any, np.ndarray]:
    """How a score of the outputs changes with a layer's output (or with the input).

    Args:
        model: a model with a graph.
        x: as `batch` takes it.
        score: from the traced outputs to one number.
        layer: whose output is varied; the first input when left out.
        key: hashable; names the score, so that its program is kept.

    Returns:
        (the varied values, their gradients, the model's first output).
    """
    wanted = None if layer is None else find_call(model, layer)

    def run(values):
        seen: list = []

        def visit(called, inputs, output):
            if called is wanted:
                seen.append(output)
        outputs = watched(network(model), values, visit)
        source = seen[0] if wanted is not None else leaves(values)[0]
        return source, gradients(score(outputs), [source])[0], leaves(outputs)[0]
    function = _kept(model, ("gradients", wanted and wanted.name, key),
                     lambda: Function(run, f"gradients of {model.name}"))
    return function(batch(model, x))


def input_gradient_of(model, x, layer, score: Callable, key) -> tuple[np.ndarray, float]:
    """(gradient by the input without the batch axis, score) of a score of a layer's output, for one input.

    Args:
        model: a model with a graph.
        x: as `batch` takes it.
        layer: a call of a layer.
        score: from the traced (outputs, output of the layer) to one number.
        key: hashable; names the score.
    """
    def run(values):
        seen: list = []

        def visit(called, inputs, output):
            if called is layer:
                seen.append(output)
        outputs = watched(network(model), values, visit)
        source, total = leaves(values)[0], score(outputs, seen[0])
        return gradients(total, [source])[0], total
    function = _kept(model, ("field", layer.name, key), lambda: Function(run, f"gradients of {model.name}"))
    slopes, total = function(batch(model, x))
    return np.asarray(slopes)[0], float(total)


def last_layer(model) -> Any:
    """The layer that gives the model's (first) output."""
    graph = network(model)
    return graph.maker(graph.outputs[0]).operation


def activation_of(layer) -> str:
    """What a layer ends with: the name of its activation, or of its class in small letters."""
    return getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__.lower())


def class_score(model, index: int) -> Callable:
    """A score for `output_gradients`: one output, summed over the batch.

    Of probabilities the logarithm is taken: close to 1 they themselves hardly change any more.
    """
    name = activation_of(last_layer(model))

    def score(outputs):
        chosen = leaves(outputs)[0][..., index]
        return ops.sum(ops.log(chosen + 1e-12) if name in ("softmax", "sigmoid") else chosen)
    return score


def check_class(model, index) -> int | None:
    """A class number that the model has.

    Raises:
        ArgumentError: it has fewer classes.
    """
    count = leaves(network(model).output_structure)[0].shape[-1]
    if index is not None and not (isinstance(index, (int, np.integer)) and 0 <= index < (count or index + 1)):
        raise ArgumentError(f"The model '{model.name}' has {count} outputs, counted from 0. "
                            + received(class_index=index))
    return None if index is None else int(index)


def arrays(structure) -> list[np.ndarray]:
    """The arrays of a nest, in order."""
    found: list[np.ndarray] = []
    collect(structure, lambda leaf: found.append(np.asarray(leaf)))
    return found
