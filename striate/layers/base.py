"""`Layer`: a constructor, weights made by `build`, and a `call` written with `striate.ops`.

`layer(x)` works on three kinds of x, by the same `call`: symbolic tensors of a functional model (only shapes are
worked out and the call is recorded), values of a program that is traced, and arrays (computed at once).
"""

from __future__ import annotations

import copy
import functools
import inspect
import threading
import warnings
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from striate import dtype_policies, naming, regularizers
from striate.errors import ArgumentError, DescriptionError, received
from striate.graph.trace import collect, infer
from striate.layers.input_spec import check_inputs
from striate.layers.state import LayerState
from striate.layers.symbolic import KerasTensor, Node, Operation, infer_outputs, leaves, symbolic_leaves
from striate.ops.dispatch import active_tracer
from striate.ops.spec import TensorType
from striate.serialization import Configurable, constructor_arguments, export, public_name, serialize_argument


class _CallContext(threading.local):
    """The layers being called on this thread, from the outermost, and the `training` each passes to those inside."""

    def __init__(self) -> None:
        self.training: list[bool | None] = []


_context = _CallContext()
_UNUSED = ("quantization_config", "lora_rank", "lora_alpha", "gptq_unpacked_column_size", "rms_scaling", "weights")
"""Settings of Keras' that its files hold even when they are not used; accepted if they are empty."""


def _recording_build(build):
    """A `build` that opens the layer's name scope and afterwards notes shapes and that the layer is built."""
    @functools.wraps(build)
    def wrapped(self, *args, **kwargs):
        if self._building:
            return build(self, *args, **kwargs)
        self._building = True
        try:
            with naming.name_scope(self.name):
                self.path = naming.current_path()
                build(self, *args, **kwargs)
        finally:
            self._building = False
        self._build_shapes = inspect.signature(build).bind(self, *args, **kwargs).arguments
        self._build_shapes.pop(next(iter(self._build_shapes)))
        self.built = True
        return None
    return wrapped


@export("keras.layers.Layer", "keras.Layer")
class Layer(LayerState, Operation, Configurable):
    """Base of all layers.

    Shapes: those of `call`. Raises `ArgumentError` for keywords that it does not know.

    Args:
        activity_regularizer: a penalty on the output, added to the loss.
        trainable: whether training changes the weights.
        dtype: "float32"; the engine knows no other.
        autocast: accepted for Keras' sake.
        name: a name; made from the class when left out.
        kwargs: `input_shape`, `input_dim`, `batch_input_shape` and `batch_size` of older Keras.

    Example:
        >>> from striate import ops
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
        ...     def call(self, inputs):
        ...         return ops.multiply(inputs, self.factor)
        >>> Scale()(KerasTensor((None, 3))).shape
        (None, 3)
    """

    needs_no_build = False
    """Whether the class has nothing to make from the input's shape, so that its layers are built from the start."""

    path: str | None
    input_spec: Any
    supports_masking: bool
    _init_arguments: tuple[tuple, dict[str, Any]]
    _build_shapes: dict[str, Any] | None
    _losses: list

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self._init_arguments, self._losses = (args, kwargs), []
        self._building = False
        self.built = cls.needs_no_build and cls.build is Layer.build
        self._build_shapes = self.path = self.input_spec = None
        if not hasattr(cls, "supports_masking"):  # a class may say it for all of its layers
            self.supports_masking = cls.compute_mask is not Layer.compute_mask
        return self

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _recording_build(vars(cls)["build"])

    quantization_mode = None
    """All arithmetic is float32."""

    def __init__(self, *, activity_regularizer=None, trainable: bool = True, dtype=None, autocast: bool = True,
                 name: str | None = None, **kwargs):
        super().__init__(name=name)
        self.dtype_policy = dtype_policies.get(dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self._trainable = bool(trainable)
        self._batch_input_shape = self._declared_shape(kwargs)
        for name in _UNUSED:
            if not kwargs.get(name):
                kwargs.pop(name, None)
        if kwargs:
            raise ArgumentError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")

    def _declared_shape(self, kwargs: dict) -> tuple | None:
        """The input's shape with the batch, out of older Keras' arguments; None when none of them is there."""
        batch_shape = kwargs.pop("batch_input_shape", None)
        dimension = kwargs.pop("input_dim", None)
        shape = kwargs.pop("input_shape", None if dimension is None else (dimension,))
        batch = kwargs.pop("batch_size", None)
        if batch_shape is None and shape is None:
            return None
        warnings.warn("Do not pass an `input_shape`/`input_dim` argument to a layer. When using Sequential models, "
                      "prefer using an `Input(shape)` object as the first layer in the model instead.", stacklevel=4)
        if batch_shape is not None:
            return tuple(batch_shape)
        return (batch, *(shape if isinstance(shape, (tuple, list)) else (shape,)))

    # ---- types ------------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The type of the weights."""
        return self.dtype_policy.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The type of the weights."""
        return self.dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The type of the arithmetic."""
        return self.dtype_policy.compute_dtype

    # ---- calling ----------------------------------------------------------------------------------------------

    @_recording_build
    def build(self, input_shape) -> None:
        """Makes the weights. Override it; it is called once, before the first `call`."""

    def call(self, *args, **kwargs):
        """Computes the output. Override it, with functions of `striate.ops`."""
        raise NotImplementedError(f"Layer {type(self).__name__} does not have a `call()` method implemented.")

    def __call__(self, *args, **kwargs):
        if not hasattr(self, "name"):
            raise ArgumentError(f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` in the "
                                "`__init__()` method. Go add it!")
        args, kwargs = collect(args, _as_tensor), collect_keywords(kwargs)
        given = dict(kwargs)
        first = args[0] if args else next(iter(kwargs.values()), None)
        _check_tensors(args[:1])
        check_inputs(self.input_spec, first, self.name)
        self._maybe_build(args, kwargs)
        with self._entered(kwargs) as training:
            signature = call_arguments(type(self))
            if "training" in signature and training is not None:
                kwargs["training"] = training
            mask = _mask_of(first)
            if "mask" in signature and kwargs.get("mask") is None and mask is not None:
                kwargs["mask"] = mask
            if symbolic_leaves(args, kwargs):
                outputs = self._call_symbolically(args, kwargs, given)
            else:
                outputs = self._run(args, kwargs)
            mask = kwargs.get("mask", mask)
        self._note_mask(first, outputs, mask)
        return outputs

    def _note_mask(self, first, outputs, mask) -> None:
        """Notes on the outputs where they count, unless `call` did; plain arrays cannot hold a note."""
        bare = [output for output in leaves(outputs)
                if hasattr(output, "__dict__") and getattr(output, "_keras_mask", None) is None]
        if bare and self.supports_masking:
            for output, where in zip(leaves(outputs), leaves(self.compute_mask(first, mask)), strict=False):
                if where is not None:
                    output._keras_mask = where
        elif bare and any(where is not None for where in leaves(mask)):
            warnings.warn(f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask "
                          "attached to it. However, this layer does not support masking and will therefore destroy "
                          "the mask information. Downstream layers will not see the mask.", stacklevel=3)

    @contextmanager
    def _entered(self, kwargs: dict):
        """Makes `training` known to the layers inside: the argument, else the outer layer's, else `call`'s default."""
        outermost = not _context.training
        training = kwargs.pop("training", None)
        if training is None and not outermost:
            training = _context.training[-1]
        if training is None:
            # mypy takes the __hash__ of layers for that of their class.
            training = call_arguments(type(self)).get("training")  # type: ignore[arg-type]
        if outermost:
            self._clear_losses()
        _context.training.append(training)
        try:
            yield training
        finally:
            _context.training.pop()

    def _run(self, args: tuple, kwargs: dict):
        with ExitStack() as stack:
            stack.enter_context(naming.name_scope(self.name))
            tracer = active_tracer()
            if tracer is not None:
                stack.enter_context(tracer.scope(self.name))
            outputs = self.call(*args, **kwargs)
            self.built = True
            if self.activity_regularizer is not None:
                for output in leaves(outputs):
                    self.add_loss(self.activity_regularizer(output) / float(output.shape[0] or 1))
        return outputs

    def _call_symbolically(self, args: tuple, kwargs: dict, given: dict):
        if given.get("training") == call_arguments(type(self)).get("training"):  # type: ignore[arg-type]
            given.pop("training", None)  # files hold the default of `call` as well: it is nobody's wish
        outputs = self.compute_output_spec(*args, **kwargs)
        self._clear_losses()
        self.built = True
        Node(self, args, given, outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """The outputs as KerasTensors, for KerasTensors as arguments."""
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            shapes = _shapes_for(self.compute_output_shape, self._named_shapes(args, kwargs))
            return tensors_of(self.compute_output_shape(**shapes), self.compute_dtype)
        return infer_outputs(lambda *a, **k: self._run(a, k), args, kwargs)

    def compute_output_shape(self, *args, **kwargs):
        """The shape of the output for an input of the given shape (lengths may be None).

        Example:
            >>> from striate.layers.reshaping import Flatten
            >>> Flatten().compute_output_shape((None, 4, 4, 2))
            (None, 32)
        """
        layer = self
        kept = [(part._losses, list(part._losses)) for part in self._flatten_layers()]
        if not self.built:
            layer = copy.copy(self)
            layer._trainable_variables, layer._non_trainable_variables = [], []
            layer.build(*args, **kwargs)
        shapes = list(args) + list(kwargs.values())
        types = [map_shapes(shape, lambda s: TensorType(s, self.compute_dtype)) for shape in shapes]
        flat = leaves(types)

        def run(*values):
            values_left = iter(values)
            return layer._run(tuple(collect(types, lambda leaf: next(values_left))), {})
        found = collect(infer(run, flat), lambda type: type.shape)
        for losses, before in kept:  # what `call` added has no number
            losses[:] = before
        return found

    def _maybe_build(self, args: tuple, kwargs: dict) -> None:
        if self.built:
            return
        self.build(**_shapes_for(self.build, self._named_shapes(args, kwargs)))
        self.built = True

    def _named_shapes(self, args: tuple, kwargs: dict) -> dict[str, Any]:
        """The shapes of the tensor arguments of `call`, by the argument's name."""
        kwargs = {name: value for name, value in kwargs.items() if name not in ("training", "mask")}
        bound = inspect.signature(self.call).bind_partial(*args, **kwargs).arguments
        shapes = {}
        for name, value in bound.items():
            if any(hasattr(leaf, "shape") for leaf in leaves(value)):
                shapes[name] = collect(value, lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else leaf)
        return shapes

    def compute_mask(self, inputs, previous_mask=None):
        """The mask of the output; by default the input's."""
        return previous_mask

    # ---- losses -----------------------------------------------------------------------------------------------

    def add_loss(self, loss) -> None:
        """Adds a penalty (one number) to the loss; for use in `call`."""
        self._losses.extend(leaves(loss))

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    @property
    def losses(self) -> list:
        """The penalties of the last call (`add_loss`, activity regularizers) and of the regularized weights."""
        found = [loss for layer in self._flatten_layers() for loss in layer._losses]
        return found + [v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None]

    # ---- configuration ----------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments: name, trainable and dtype, then the class' own, read from equal attributes."""
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialize_argument(self.dtype_policy)}
        kind = type(self)
        if public_name(kind) is None and any("get_config" in vars(c) for c in kind.__mro__ if public_name(c) is None
                                             and issubclass(c, Layer)):
            kind = next(c for c in kind.__mro__ if public_name(c) is not None)
        for name in constructor_arguments(kind) if kind is not Layer else ():
            if name not in config and name not in ("autocast", "activity_regularizer"):
                config[name] = serialize_argument(self._argument(name))
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize_argument(self.activity_regularizer)
        return config

    def _argument(self, name: str) -> Any:
        """A constructor's argument: the attribute of that name, else what the constructor was called with."""
        if hasattr(self, name):
            return getattr(self, name)
        args, kwargs = self._init_arguments
        bound = inspect.signature(type(self).__init__).bind(None, *args, **kwargs)
        bound.apply_defaults()
        return bound.arguments[name]

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        """The layer that `get_config()` described, without weights."""
        if config.get("quantization_config", ...) is None:
            config = {name: value for name, value in config.items() if name != "quantization_config"}
        try:
            return cls(**config)
        except (TypeError, ArgumentError) as error:
            if isinstance(error, DescriptionError):
                raise
            raise DescriptionError(f"Error when deserializing class '{cls.__name__}' using config={config}.\n\n"
                                   f"Exception encountered: {error}") from error

    def get_build_config(self) -> dict | None:
        """The shapes that `build` was called with; None for a layer that was not, or has nothing to make."""
        if not self._build_shapes:
            return None
        if len(self._build_shapes) == 1:
            return {"input_shape": next(iter(self._build_shapes.values()))}
        return {"shapes_dict": dict(self._build_shapes)}

    def build_from_config(self, config: dict) -> None:
        """Builds with the shapes that `get_build_config` gave (lists from JSON are taken as well)."""
        if "input_shape" in config:
            self.build(map_shapes(config["input_shape"], tuple))
        elif "shapes_dict" in config:
            self.build(**{name: map_shapes(shape, tuple) for name, shape in config["shapes_dict"].items()})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _check_tensors(first: tuple) -> None:
    """Refuses numbers and text where the input belongs, also in lists."""
    for item in leaves(first):
        if isinstance(item, (int, float, str)) and not hasattr(item, "dtype"):
            raise ArgumentError("Only input tensors may be passed as positional arguments. Make an array first, with "
                                "numpy.array(..., dtype='float32'), or pass other arguments by name. "
                                + received(argument=item))


def _as_tensor(item: Any) -> Any:
    """Arrays as layers take them: float64 becomes float32."""
    if isinstance(item, np.ndarray) and item.dtype == np.float64:
        return item.astype(np.float32)
    return item


def collect_keywords(kwargs: dict) -> dict:
    """The same for keyword arguments; a None stays."""
    return {name: value if value is None else collect(value, _as_tensor) for name, value in kwargs.items()}


@functools.cache
def call_arguments(kind: type[Any]) -> dict[str, Any]:
    """Names and defaults of the arguments of a class' `call`."""
    return {name: None if parameter.default is parameter.empty else parameter.default
            for name, parameter in inspect.signature(kind.call).parameters.items()}


def _shapes_for(method, shapes: dict[str, Any]) -> dict[str, Any]:
    """Arguments for `build` or `compute_output_shape`: one shape, or one a tensor under the name `<tensor>_shape`."""
    wanted = [p.name for p in inspect.signature(method).parameters.values()
              if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if len(wanted) == 1:
        return {wanted[0]: next(iter(shapes.values()), None)}
    named = {f"{name}_shape": shape for name, shape in shapes.items()}
    return {name: named[name] for name in wanted if name in named}


def is_shape(item: Any) -> bool:
    """Whether this is one shape rather than a nest of shapes."""
    return isinstance(item, (tuple, list)) and all(n is None or isinstance(n, (int, np.integer)) for n in item)


def map_shapes(structure: Any, function) -> Any:
    """Applies a function to every shape in a nest."""
    if structure is None:
        return None
    if is_shape(structure):
        return function(tuple(structure))
    if isinstance(structure, dict):
        return {key: map_shapes(item, function) for key, item in structure.items()}
    if isinstance(structure, (list, tuple)):
        return type(structure)(map_shapes(item, function) for item in structure)
    raise ArgumentError("A shape is a tuple of integers and None. " + received(shape=structure))


def tensors_of(shapes: Any, dtype: str) -> Any:
    """A nest of shapes as one of symbolic tensors."""
    return map_shapes(shapes, lambda shape: KerasTensor(shape, dtype))


def _mask_of(first: Any):
    """The mask on a layer's first argument: one, or a list of them when the argument is a list."""
    masks = collect(first, lambda leaf: [getattr(leaf, "_keras_mask", None)])
    found = leaves(masks)
    if not found:
        return None
    return found[0] if hasattr(first, "shape") else [mask[0] for mask in masks]
