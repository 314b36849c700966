"""Dense layers, embeddings, and the layers that only apply something."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

from striate import activations, constraints, initializers, ops, regularizers
from striate.errors import ArgumentError, ShapeError, received
from striate.layers.arguments import ActivationArgument, positive
from striate.layers.base import Layer
from striate.layers.input_spec import InputSpec
from striate.serialization import deserialize_keras_object, export, serialize_keras_object


@export("keras.layers.Dense")
class Dense(Layer):
    """activation(inputs @ kernel + bias), over the last axis.

    Shapes: inputs (batch, ..., k); gives (batch, ..., units). kernel (k, units), bias (units,).

    Args:
        units: length of the output's last axis.
        activation: applied to the result; None for none.
        use_bias: whether a number a unit is added.
        kernel_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each step.

    Raises:
        ArgumentError: `units` is not a positive integer.
        ShapeError: an input has no axis beside the batch.

    Example:
        >>> Dense(2).compute_output_shape((None, 30752))
        (None, 2)
    """

    activation = ActivationArgument()

    def __init__(self, units, activation=None, use_bias=True, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None,
                 kernel_constraint=None, bias_constraint=None, **kwargs):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units, self.use_bias = positive(units, "units"), use_bias
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        """Makes kernel (features, units) and bias (units,)."""
        features = input_shape[-1]
        if features is None:
            raise ShapeError(f"The last axis of the input of layer '{self.name}' must be known. Put a Flatten before "
                             "it, or give the input's shape in full. " + received(input_shape=input_shape))
        self.kernel = self.add_weight((features, self.units), self.kernel_initializer, name="kernel",
                                      regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)
        self.bias = self.add_weight((self.units,), self.bias_initializer, name="bias",
                                    regularizer=self.bias_regularizer,
                                    constraint=self.bias_constraint) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs):
        """inputs (..., features) to (..., units)."""
        return self.activation(ops.dense(inputs, self.kernel, self.bias))


@export("keras.layers.EinsumDense")
class EinsumDense(Layer):
    """A dense layer whose sums are written as an Einstein equation, such as "abc,cd->abd".

    Shapes: what `equation` says.

    Args:
        equation: of inputs and kernel; "..." may stand for leading axes.
        output_shape: the output's shape without the batch; None for axes taken from the input.
        activation: applied to the result.
        bias_axes: letters of the output that the bias has; None for no bias.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
            bias_constraint: as in `Dense`.
    """

    activation = ActivationArgument()

    def __init__(self, equation, output_shape, activation=None, bias_axes=None, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None, kernel_constraint=None,
                 bias_constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.equation, self.bias_axes = equation, bias_axes
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape):
        """Makes the kernel, and the bias over `bias_axes`."""
        kernel_shape, bias_shape = self._weight_shapes(tuple(input_shape))
        self.kernel = self.add_weight(kernel_shape, self.kernel_initializer, name="kernel",
                                      regularizer=self.kernel_regularizer, constraint=self.kernel_constraint)
        self.bias = None if bias_shape is None else self.add_weight(
            bias_shape, self.bias_initializer, name="bias", regularizer=self.bias_regularizer,
            constraint=self.bias_constraint)

    def _weight_shapes(self, input_shape: tuple) -> tuple[tuple, tuple | None]:
        """Shapes of kernel and bias: each letter's length comes from the input or from `output_shape`."""
        try:
            operands, output = self.equation.replace(" ", "").split("->")
            inputs, kernel = operands.split(",")
        except ValueError as error:
            raise ArgumentError("The equation of EinsumDense has the form 'inputs,kernel->output'. "
                                + received(equation=self.equation)) from error
        lengths: dict[str, int | None] = {}
        trailing = 0
        if "..." in inputs:
            inputs, output = inputs.replace("...", ""), output.replace("...", "")
            at_end = self.equation.replace(" ", "").split(",")[0].startswith("...")
            trailing = 0 if at_end else len(input_shape) - len(inputs)
            input_shape = input_shape[-len(inputs):] if at_end else input_shape[:len(inputs)]
            lengths.update(zip(output[::-1], self.output_shape[::-1], strict=False))
        else:
            if len(output) != 1 + len(self.output_shape):
                raise ArgumentError("`output_shape` names the axes of an EinsumDense's output but the batch. "
                                    + received(equation=self.equation, output_shape=self.output_shape))
            lengths.update(zip(output, (input_shape[0], *self.output_shape), strict=True))
        if len(inputs) != len(input_shape):
            raise ShapeError("The equation of this EinsumDense is for inputs of another rank. "
                             + received(equation=self.equation, input=input_shape))
        for letter, length in zip(inputs, input_shape, strict=True):
            if lengths.get(letter) is None:
                lengths[letter] = length
        shape = tuple(lengths[letter] for letter in kernel)
        if self.bias_axes is None:
            return shape, None
        first = min(output.index(letter) for letter in self.bias_axes)
        bias = [lengths[letter] if letter in self.bias_axes else 1 for letter in output[first:]]
        return shape, (*bias, *[1] * trailing)

    def get_config(self):
        return {"activity_regularizer": None, **super().get_config()}

    def call(self, inputs):
        """inputs as the equation says."""
        y = ops.einsum(self.equation, inputs, self.kernel)
        return self.activation(y if self.bias is None else y + self.bias)


@export("keras.layers.Embedding")
class Embedding(Layer):
    """A table of vectors: each integer of the input becomes its row.

    Shapes: integers (batch, ...); gives (batch, ..., output_dim).

    Args:
        input_dim: number of rows: the largest integer plus one.
        output_dim: length of a row.
        embeddings_initializer, embeddings_regularizer, embeddings_constraint: as in `Dense`.
        mask_zero: whether 0 means "nothing here" to the layers behind.
        weights: a table to begin with.

    Raises:
        ArgumentError: an integer of an array has no row.
    """

    def __init__(self, input_dim, output_dim, embeddings_initializer="uniform", embeddings_regularizer=None,
                 embeddings_constraint=None, mask_zero=False, weights=None, **kwargs):
        length = kwargs.pop("input_length", None)
        if length is not None:
            kwargs["input_shape"] = (length,)
        super().__init__(**kwargs)
        self.input_dim, self.output_dim = positive(input_dim, "input_dim"), positive(output_dim, "output_dim")
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = self.supports_masking = mask_zero
        self.autocast = False
        self._first_table = weights[0] if isinstance(weights, list) else weights

    def build(self, input_shape):
        """Makes the table (input_dim, output_dim)."""
        initializer = self.embeddings_initializer if self._first_table is None else self._first_table
        self.embeddings = self.add_weight((self.input_dim, self.output_dim), initializer, name="embeddings",
                                          regularizer=self.embeddings_regularizer,
                                          constraint=self.embeddings_constraint)

    def call(self, inputs):
        """Integers of any shape to that shape + (output_dim,)."""
        self.check_numbers(inputs)
        return ops.take(self.embeddings, ops.cast(inputs, "int32"), axis=0)

    def check_numbers(self, inputs) -> None:
        """Raises `ArgumentError` when an integer of an array has no row."""
        if isinstance(inputs, np.ndarray) and inputs.size and not (
                0 <= inputs.min() and inputs.max() < self.input_dim):
            raise ArgumentError(f"Layer '{self.name}' has rows for the integers 0 to {self.input_dim - 1}: set "
                                "`input_dim` to the largest integer plus one. "
                                + received(smallest=inputs.min().item(), largest=inputs.max().item()))

    def compute_mask(self, inputs, mask=None):
        """Where the input is not 0, if `mask_zero`."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def _argument(self, name):
        return None if name == "weights" else super()._argument(name)

    def get_config(self):
        config = {"activity_regularizer": None, **super().get_config()}
        del config["weights"]
        return config


@export("keras.layers.Identity")
class Identity(Layer):
    """Hands its input on.

    Shapes: inputs (batch, ...); gives the same.
    """

    needs_no_build = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        """inputs unchanged."""
        return inputs


@export("keras.layers.Masking")
class Masking(Layer):
    """Marks the steps whose numbers all equal `mask_value` as "nothing here", and sets them to zero.

    Shapes: inputs (batch, ...); gives the same.

    A step is (batch, steps, ...) at one place of the second axis.
    """

    needs_no_build = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True

    def call(self, inputs):
        """inputs (batch, steps, features), masked steps zero."""
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        outputs = inputs * ops.cast(kept, "float32")
        if hasattr(outputs, "__dict__"):
            outputs._keras_mask = ops.squeeze(kept, axis=-1)
        return outputs

    def compute_mask(self, inputs, mask=None):
        """(batch, steps): where not all numbers equal `mask_value`."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)


def _parameters(function: Callable) -> tuple[str, ...]:
    """The names of a function's parameters; none for functions in C that do not tell."""
    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:
        return ()


@export("keras.layers.Lambda")
class Lambda(Layer):
    """Applies a function of the user's.

    Shapes: those of the function.

    Args:
        function: of the input, written with `striate.ops`; `arguments` are passed as keywords.
        output_shape: accepted for Keras' sake; shapes follow from the function.
        mask: the mask of the output, or a function (inputs, mask) that gives it; none by default.
        arguments: keyword arguments for the function.

    A model with a lambda cannot be saved; a function made with `def` and registered can.
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        self.function, self.output_shape, self.mask, self.arguments = function, output_shape, mask, arguments or {}
        self.supports_masking = mask is not None
        self._passed_on = [name for name in ("mask", "training") if name in _parameters(function)]

    def call(self, inputs, mask=None, training=None):
        """function(inputs, **arguments), with `mask` and `training` if it has such parameters."""
        context = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: context[name] for name in self._passed_on})

    def compute_mask(self, inputs, mask=None):
        """The mask that the constructor was given, or made by its function."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self):
        config = super().get_config()
        config["function"] = serialize_keras_object(self.function)
        return {name: value for name, value in config.items() if name not in ("output_shape", "mask") or value}

    @classmethod
    def from_config(cls, config):
        described = {name: deserialize_keras_object(config[name]) for name in ("function", "output_shape", "mask")
                     if isinstance(config.get(name), dict)}
        return super().from_config({**config, **described})


@export("keras.layers.Rescaling")
class Rescaling(Layer):
    """inputs * scale + offset; for example scale=1/255 for images of bytes.

    Shapes: inputs (batch, ...); gives the same.
    """

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs):
        """inputs of any shape and type, to float32."""
        y = ops.multiply(ops.cast(inputs, self.compute_dtype), _number(self.scale))
        return y if np.all(np.asarray(self.offset) == 0) else ops.add(y, _number(self.offset))


def _number(value):
    """Numbers stay; sequences become arrays that broadcast along the last axis."""
    return np.asarray(value, np.float32) if isinstance(value, (list, tuple, np.ndarray)) else float(value)


@export("keras.layers.ActivityRegularization")
class ActivityRegularization(Layer):
    """Hands its input on and adds l1 * sum |x| + l2 * sum x^2 of it to the loss.

    Shapes: inputs (batch, ...); gives the same.

    `l1`, `l2`: numbers from 0.
    """

    needs_no_build = True

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2
        self.supports_masking = True

    def get_config(self):
        config = super().get_config()
        del config["activity_regularizer"]
        return config

    def call(self, inputs):
        """inputs unchanged."""
        return inputs
