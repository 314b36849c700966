"""What Keras 1 (until 2017) called things: arguments of layers, and the order of numbers in their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

_CLASSES = {
    "AtrousConvolution2D": "Conv2D", "AtrousConvolution1D": "Conv1D", "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D", "Convolution3D": "Conv3D", "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
}
_RENAMED = {
    "W_constraint": "kernel_constraint", "W_regularizer": "kernel_regularizer", "alpha": "negative_slope",
    "atrous_rate": "dilation_rate", "b_constraint": "bias_constraint", "b_regularizer": "bias_regularizer",
    "beta_init": "beta_initializer", "bias": "use_bias", "border_mode": "padding", "depthwise_init":
    "depthwise_initializer", "dim_ordering": "data_format", "filter_length": "kernel_size", "gamma_init":
    "gamma_initializer", "init": "kernel_initializer", "length": "size", "nb_filter": "filters", "output_dim": "units",
    "p": "rate", "pointwise_init": "pointwise_initializer", "pool_length": "pool_size", "sigma": "stddev",
    "stride": "strides", "subsample": "strides", "subsample_length": "strides",
}
_ONLY_OF = {"alpha": ("LeakyReLU",), "length": ("UpSampling1D",), "stride": ("MaxPooling1D", "AveragePooling1D"),
            "p": ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout"),
            "sigma": ("GaussianNoise",), "output_dim": ("Dense",)}
"""Names that mean something else in other layers."""
_DROPPED = ("input_dtype", "mode", "input_dim", "input_length", "W_learning_rate_multiplier",
            "b_learning_rate_multiplier", "create_input_layer", "output_shape")
_ORDERS = {"tf": "channels_last", "th": "channels_first"}
_KERNELS = ("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3")
_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv2DTranspose", "Conv3D")
_MODES = {"ave": "Average", "concat": "Concatenate", "max": "Maximum", "mul": "Multiply", "sum": "Add"}


def is_old(name: str, config: dict[str, Any]) -> bool:
    """Whether a layer's configuration is in Keras 1's words."""
    words = {"nb_filter", "border_mode", "dim_ordering", "init", "input_dtype", "gamma_init", "pool_length"}
    own = any(name in _ONLY_OF[key] for key in config if key in _ONLY_OF)
    return own or name == "Merge" or bool(words & set(config))


def modern_layer(name: str, config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Class and configuration in Keras 3's words.

    Example:
        >>> modern_layer("Convolution2D", {"nb_filter": 8, "nb_row": 3, "nb_col": 3, "border_mode": "same"})
        ('Conv2D', {'filters': 8, 'padding': 'same', 'kernel_size': [3, 3]})
    """
    if name == "Merge":
        mode = str(config.get("mode", "sum"))
        kind = _MODES.get(mode, mode)
        axis = {"axis": config.get("concat_axis", -1)} if kind == "Concatenate" else {}
        return kind, {"name": config.get("name"), **axis}
    result: dict[str, Any] = {}
    kept = ("input_dim", "output_dim") if name == "Embedding" else ()
    for key, value in config.items():
        if key in _DROPPED and key not in kept or key in _KERNELS[0] + _KERNELS[1]:
            continue
        renamed = _RENAMED.get(key, key) if key not in _ONLY_OF or name in _ONLY_OF[key] else key
        if name == "Embedding":
            renamed = {"init": "embeddings_initializer", "W_regularizer": "embeddings_regularizer",
                       "W_constraint": "embeddings_constraint"}.get(key, key)
        result[renamed] = _ORDERS.get(value, value) if key == "dim_ordering" else value
    for names in _KERNELS:
        if names[0] in config:
            result["kernel_size"] = [config[part] for part in names]
    return _CLASSES.get(name, name), result


def modern_weights(layer: Any, arrays: list[np.ndarray], backend: str) -> list[np.ndarray]:
    """A layer's arrays in today's order of axes.

    Models with channels first had (out, in, ...) there; Theano's convolutions turned their kernels round as well.
    """
    if type(layer).__name__ not in _CONVOLUTIONS or not arrays:
        return arrays
    kernel, kind = arrays[0], type(layer).__name__
    spatial = range(2, kernel.ndim)
    if kind == "Conv1D" and kernel.ndim == 4:
        is_outer = kernel.shape[:2] != (*layer.kernel_size, 1) or kernel.shape[3] != layer.filters
        kernel = (kernel.transpose(2, 3, 1, 0) if is_outer else kernel)[:, 0]
    elif layer.data_format == "channels_first":
        kernel = kernel.transpose(*spatial, *((0, 1) if kind == "Conv2DTranspose" else (1, 0)))
    elif kind == "Conv2DTranspose":
        kernel = kernel.transpose(0, 1, 3, 2)
    if backend == "theano":
        kernel = np.flip(kernel, tuple(range(kernel.ndim - 2)))
    return [kernel, *arrays[1:]]
