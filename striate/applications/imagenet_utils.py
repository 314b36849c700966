"""What the pictures of ImageNet look like to a network, and what its classes are called."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from striate import backend, ops, utils
from striate.errors import ArgumentError, ShapeError, received

_NAMES = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
_SHIFTS = {"caffe": (103.939, 116.779, 123.68), "torch": (0.485, 0.456, 0.406)}
_SCALES = (0.229, 0.224, 0.225)


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Pictures of 0 to 255, as networks of a kind expect them; arrays are not changed, as Keras would, but copied.

    Args:
        x: pictures, or one, of three channels: an array or a tensor.
        data_format: where the channels are; as set in `keras.config` by default.
        mode: "caffe" takes the mean of ImageNet off and turns RGB to BGR, "torch" scales to 0 ... 1 and then by mean
            and deviation of ImageNet, "tf" scales to -1 ... 1.

    Raises:
        ArgumentError: an unknown mode or data format.

    Example:
        >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf")
        array([[[1., 1., 1.]]])
    """
    data_format = data_format or backend.image_data_format()
    if mode not in ("caffe", "tf", "torch") or data_format not in ("channels_first", "channels_last"):
        raise ArgumentError("`mode` must be 'caffe', 'tf' or 'torch', `data_format` 'channels_first' or "
                            "'channels_last'. " + received(mode=mode, data_format=data_format))
    if isinstance(x, np.ndarray) and x.dtype.kind != "f":
        x = x.astype(backend.floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = -1 if data_format == "channels_last" else -3
    kind = x.dtype if isinstance(x, np.ndarray) else "float32"
    along = [1] * len(x.shape)
    along[axis] = 3
    if mode == "torch":
        return (x / 255.0 - _along(_SHIFTS[mode], along, kind)) / _along(_SCALES, along, kind)
    turned = np.flip(x, axis) if isinstance(x, np.ndarray) else ops.flip(x, axis=axis)
    return turned - _along(_SHIFTS[mode], along, kind)


def _along(numbers: tuple[float, ...], shape: list[int], kind: Any) -> np.ndarray:
    """A number for each channel."""
    return np.asarray(numbers, kind).reshape(shape)


def preparing(mode: str) -> Callable[..., Any]:
    """`preprocess_input` of one mode."""
    def preprocess(x: Any, data_format: str | None = None) -> Any:
        return preprocess_input(x, data_format, mode)
    preprocess.__name__ = "preprocess_input"
    preprocess.__doc__ = f'`imagenet_utils.preprocess_input` with mode="{mode}".'
    return preprocess


def as_it_is(x: Any, data_format: str | None = None) -> Any:
    """The pictures themselves: such networks begin with layers that scale them."""
    return x


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """The likeliest classes of ImageNet for each picture: (key of WordNet, name, probability).

    The names are downloaded once.

    Raises:
        ShapeError: not a row of 1000 probabilities for each picture.
        DownloadError: the names could not be downloaded.

    Example:
        >>> decode_predictions(np.eye(1000)[:1], top=1)  # doctest: +SKIP
        [[('n01440764', 'tench', np.float64(1.0))]]
    """
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ShapeError("`decode_predictions` expects predictions of shape (pictures, 1000). "
                         + received(shape=preds.shape))
    names = _names()
    return [[(*names[str(index)], row[index]) for index in np.argsort(row)[:-top - 1:-1]] for row in preds]


@cache
def _names() -> dict[str, tuple[str, str]]:
    path = utils.get_file("imagenet_class_index.json", _NAMES, cache_subdir="models")
    return {index: (key, name) for index, (key, name) in json.loads(Path(path).read_text("utf-8")).items()}
