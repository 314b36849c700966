"""Layers that ONNX knows as a whole: a convolution of a volume, a normalisation, an activation is one node there.

Everything else is written op by op (`export_ops`). A rule that cannot say a layer in one node gives None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from striate import activations, layers
from striate.layers.conv import BaseConv, BaseConvTranspose, BaseDepthwiseConv, BaseSeparableConv
from striate.layers.pool import BasePooling
from striate.ops import windows
from striate.ops.spec import TensorType
from striate.saving.onnx.export_ops import common_order, convolution, pooling, transposed
from striate.saving.onnx.writer import FIRST, NATURAL, GraphWriter, Symbol, first_order

Rule = Callable[[GraphWriter, Any, Symbol, TensorType], Symbol | None]
RULES: dict[type, Rule] = {}


def writes(*kinds: type) -> Callable[[Rule], Rule]:
    """Enters the rule of a layer class: (writer, layer, input, type of the output) -> output."""
    def enter(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, rule))
        return rule
    return enter


def rule_of(layer: Any) -> Rule | None:
    """The rule of a layer's class; not that of a parent from which a user's class came."""
    kind = type(layer)
    if kind in RULES:
        return RULES[kind]
    return next((RULES[parent] for parent in kind.__mro__ if parent in RULES and kind.__module__ == parent.__module__),
                None)


def _weight(variable: Any) -> Symbol:
    return Symbol(variable.shape, variable.dtype, constant=np.asarray(variable.numpy()), label=variable.path)


def _lasting(channels_first: bool, writer: GraphWriter, x: Symbol, type: TensorType) -> tuple[Symbol, TensorType]:
    """Input and type of output with the channels last."""
    if not channels_first:
        return x, type
    rank = len(type.shape)
    return writer.channels_last(x), TensorType((type.shape[0], *type.shape[2:rank], type.shape[1]), type.dtype)


# ---- activations ----------------------------------------------------------------------------------------------

_SIXTH = 1 / 6
_FUNCTIONS: dict[Callable, tuple[str, dict[str, Any]]] = {
    activations.celu: ("Celu", {}), activations.elu: ("Elu", {}), activations.exponential: ("Exp", {}),
    activations.gelu: ("Gelu", {}), activations.hard_sigmoid: ("HardSigmoid", {"alpha": _SIXTH, "beta": 0.5}),
    activations.hard_silu: ("HardSwish", {}), activations.leaky_relu: ("LeakyRelu", {"alpha": 0.2}),
    activations.mish: ("Mish", {}), activations.relu: ("Relu", {}), activations.selu: ("Selu", {}),
    activations.sigmoid: ("Sigmoid", {}), activations.softplus: ("Softplus", {}),
    activations.softsign: ("Softsign", {}), activations.tanh: ("Tanh", {}),
}


def activated(writer: GraphWriter, function: Callable, x: Symbol) -> Symbol:
    """The activation function of x: one node where ONNX has it, several otherwise."""
    if function is activations.linear:
        return x
    if function not in _FUNCTIONS:
        return writer.op_by_op(function, x)
    op, attributes = _FUNCTIONS[function]
    return _alone(writer, op, x, **attributes)


def _alone(writer: GraphWriter, op: str, x: Symbol, *further: str, **attributes: Any) -> Symbol:
    order = common_order([x], x.ndim)
    return writer.symbol(x, op, [writer.in_order(x, order), *further], order, **attributes)


@writes(layers.Activation)
def _activation(writer, layer, x, type):
    return activated(writer, layer.activation, x)


@writes(layers.ReLU)
def _relu(writer, layer, x, type):
    if layer.threshold or (layer.negative_slope and layer.max_value is not None):
        return None
    if layer.negative_slope:
        return _alone(writer, "LeakyRelu", x, alpha=layer.negative_slope)
    if layer.max_value is None:
        return _alone(writer, "Relu", x)
    return _alone(writer, "Clip", x, *(writer.number(value, x.dtype) for value in (0.0, layer.max_value)))


@writes(layers.LeakyReLU)
def _leaky_relu(writer, layer, x, type):
    return _alone(writer, "LeakyRelu", x, alpha=layer.negative_slope)


@writes(layers.ELU)
def _elu(writer, layer, x, type):
    return _alone(writer, "Elu", x, alpha=float(layer.alpha))


@writes(layers.PReLU)
def _prelu(writer, layer, x, type):
    order = common_order([x], x.ndim)
    slopes = layer.alpha.numpy()[np.newaxis]
    slopes = (slopes if order == NATURAL else slopes.transpose(first_order(x.ndim)))[0]
    return _alone(writer, "PRelu", x, writer.array(slopes, layer.alpha.path))


@writes(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D,
        layers.GaussianDropout, layers.GaussianNoise, layers.AlphaDropout)
def _nothing(writer, layer, x, type):
    return x


# ---- convolutions and pooling ---------------------------------------------------------------------------------

def _padding(layer, x: Symbol, taps) -> list[tuple[int, int]]:
    dilation = getattr(layer, "dilation_rate", (1,) * len(taps))
    return [windows.padding_amounts(layer.padding, *axis)
            for axis in zip(x.shape[1:-1], taps, layer.strides, dilation, strict=True)]


def _finished(writer: GraphWriter, layer, y: Symbol, channels_first: bool) -> Symbol:
    y = activated(writer, layer.activation, y)
    return writer.channels_first(y) if channels_first else y


def _bias(layer) -> Symbol | None:
    return _weight(layer.bias) if layer.use_bias else None


@writes(BaseConv, BaseDepthwiseConv, BaseSeparableConv)
def _convolution(writer, layer, x, type):
    turned = layer.data_format == "channels_first"
    x, type = _lasting(turned, writer, x, type)
    geometry = {"strides": layer.strides, "padding": _padding(layer, x, layer.kernel_size),
                "dilation": layer.dilation_rate}
    if isinstance(layer, BaseConv):
        return _finished(writer, layer, convolution(writer, type, x, _weight(layer.kernel), _bias(layer),
                                                    groups=layer.groups, **geometry), turned)
    separable = isinstance(layer, BaseSeparableConv)
    kernel = layer.depthwise_kernel if separable else layer.kernel
    (*taps, channels, multiplier) = kernel.shape
    weights = Symbol((*taps, 1, channels * multiplier), "float32", label=kernel.path,
                     constant=kernel.numpy().reshape(*taps, 1, -1))
    between = TensorType((*type.shape[:-1], channels * multiplier), type.dtype)
    y = convolution(writer, between, x, weights, None if separable else _bias(layer), groups=channels, **geometry)
    if separable:
        plain = {"strides": (1,) * layer.rank, "padding": [(0, 0)] * layer.rank, "dilation": (1,) * layer.rank}
        y = convolution(writer, type, y, _weight(layer.pointwise_kernel), _bias(layer), **plain)
    return _finished(writer, layer, y, turned)


@writes(BaseConvTranspose)
def _transposed(writer, layer, x, type):
    turned = layer.data_format == "channels_first"
    x, type = _lasting(turned, writer, x, type)
    extra = layer.output_padding or (None,) * layer.rank
    padding = [windows.transposed_padding(size, stride, layer.padding, dilation, more) for size, stride, dilation, more
               in zip(layer.kernel_size, layer.strides, layer.dilation_rate, extra, strict=True)]
    y = transposed(writer, type, x, _weight(layer.kernel), _bias(layer), strides=layer.strides, padding=padding,
                   dilation=layer.dilation_rate)
    return _finished(writer, layer, y, turned)


@writes(BasePooling)
def _pooling(writer, layer, x, type):
    op = {"max_pool": "MaxPool", "average_pool": "AveragePool", "l2_pool": "LpPool"}[layer.function]
    if op == "LpPool" and layer.padding == "same":
        return None
    turned = layer.data_format == "channels_first"
    x, type = _lasting(turned, writer, x, type)
    y = pooling(writer, type, op, x, layer.pool_size, layer.strides, _padding(layer, x, layer.pool_size))
    return writer.channels_first(y) if turned else y


@writes(layers.UpSampling2D, layers.UpSampling3D, layers.UpSampling1D)
def _enlarged(writer, layer, x, type):
    mode = {"nearest": "nearest", "bilinear": "linear"}.get(getattr(layer, "interpolation", "nearest"))
    if mode is None:
        return None
    turned = getattr(layer, "data_format", "channels_last") == "channels_first"
    x, type = _lasting(turned, writer, x, type)
    size = (layer.size,) if isinstance(layer.size, int) else layer.size
    scales = writer.array(np.array([1, 1, *size], np.float32), "scales")
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"} if mode == "nearest" else {}
    y = writer.symbol(type, "Resize", [writer.first(x), "", scales], FIRST, mode=mode, **how)
    return writer.channels_first(y) if turned else y


# ---- normalisation --------------------------------------------------------------------------------------------

def _vector(writer: GraphWriter, variable: Any, channels: int, otherwise: float) -> str:
    """The name of gamma or beta, or of what stands for one that the layer does not have."""
    if variable is None:
        return writer.array(np.full(channels, otherwise, np.float32), "ones" if otherwise else "zeros")
    return writer.natural(_weight(variable))


@writes(layers.BatchNormalization)
def _batch_normalization(writer, layer, x, type):
    turned = layer.axis % x.ndim != x.ndim - 1
    if turned and layer.axis % x.ndim != 1 or x.ndim < 2:
        return None
    x, type = _lasting(turned, writer, x, type)
    channels, order = x.shape[-1], FIRST if x.ndim > 2 else NATURAL
    names = [writer.in_order(x, order), _vector(writer, layer.gamma, channels, 1.0),
             _vector(writer, layer.beta, channels, 0.0), writer.natural(_weight(layer.moving_mean)),
             writer.natural(_weight(layer.moving_variance))]
    y = writer.symbol(type, "BatchNormalization", names, order, epsilon=float(layer.epsilon))
    return writer.channels_first(y) if turned else y


@writes(layers.LayerNormalization)
def _layer_normalization(writer, layer, x, type):
    axes = sorted(axis % x.ndim for axis in layer.axis)
    if axes != list(range(axes[0], x.ndim)) or [axis % x.ndim for axis in layer.axis] != axes:
        return None
    gamma = np.ones([x.shape[axis] or 0 for axis in axes], np.float32) if layer.gamma is None else layer.gamma.numpy()
    names = [writer.natural(x), writer.array(gamma, "ones" if layer.gamma is None else layer.gamma.path)]
    if layer.beta is not None:
        names.append(writer.natural(_weight(layer.beta)))
    return writer.symbol(type, "LayerNormalization", names, axis=axes[0], epsilon=layer.epsilon)


@writes(layers.GroupNormalization)
def _group_normalization(writer, layer, x, type):
    turned = layer.axis % x.ndim != x.ndim - 1
    if x.ndim < 3 or turned and layer.axis % x.ndim != 1:
        return None
    x, type = _lasting(turned, writer, x, type)
    channels = x.shape[-1]
    names = [writer.first(x), _vector(writer, layer.gamma, channels, 1.0), _vector(writer, layer.beta, channels, 0.0)]
    y = writer.symbol(type, "GroupNormalization", names, FIRST, num_groups=layer.groups if layer.groups > 0
                      else channels, epsilon=float(layer.epsilon))
    return writer.channels_first(y) if turned else y
