"""What all networks of `keras.applications` share: their arguments, input, head, and stored weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate import activations, backend, layers, models, utils
from striate.errors import ArgumentError, MissingFileError, received

Tensor = Any
_ADDRESS = "https://storage.googleapis.com/"
_CLASSES = 1000
"""Of ImageNet."""


@dataclass(frozen=True)
class Asked:
    """The arguments that every network takes.

    include_top: whether the part that tells classes apart stands at the end.
    weights: None for new ones, "imagenet" for those that Keras' authors trained (downloaded once), or a file.
    input_tensor: the symbolic tensor to begin from, instead of an `Input` of its own.
    input_shape: of a picture, without the batch.
    pooling: without a head, what ends the network: None, "avg" or "max".
    classes: how many classes the head tells apart.
    classifier_activation: of the head; None gives logits.
    name: of the model.
    """

    include_top: bool
    weights: Any
    input_tensor: Any
    input_shape: Any
    pooling: str | None
    classes: int
    classifier_activation: Any
    name: str | None


@dataclass(frozen=True)
class Stored:
    """Where weights of ImageNet lie: an address' folder, the file, and what the file without a head is called."""

    folder: str
    with_head: str
    without_head: str


def stored(folder: str, name: str, headless: str = "_notop") -> Stored:
    """`Stored`, of files that are called alike."""
    return Stored(folder, f"{name}.h5", f"{name}{headless}.h5")


def channel_axis() -> int:
    """Where the channels of a batch of pictures are."""
    return 1 if backend.image_data_format() == "channels_first" else 3


def side_lengths(shape) -> tuple:
    """Height and width of a picture's shape without the batch."""
    return tuple(shape[1:3] if channel_axis() == 1 else shape[:2])


def network(asked: Asked, body: Callable[[Tensor], Tensor], weights: Stored | None, size: int = 224,  # noqa: PLR0913
            smallest: int = 32, head: Callable[[Tensor, Asked], Tensor] | None = None,
            pools: tuple[str | None, str | None] = ("avg_pool", "max_pool")) -> models.Model:
    """The model.

    Args:
        asked: the user's arguments.
        body: what lies between the pictures and the head.
        weights: where those of ImageNet lie.
        size: the pictures' sides, if nothing else is asked for.
        smallest: the smallest sides that it works for.
        head: instead of the usual mean over the map and dense layer.
        pools: the names of its last layer without a head.

    Raises:
        ArgumentError: an argument cannot work.
        MissingFileError: there is no file of these weights.
    """
    _check(asked)
    inputs = asked.input_tensor
    if inputs is None:
        inputs = layers.Input(_input_shape(asked, size, smallest))
    x = body(inputs)
    if asked.include_top:
        x = (head or mean_and_dense)(x, asked)
    elif asked.pooling == "avg":
        x = layers.GlobalAveragePooling2D(name=pools[0])(x)
    elif asked.pooling == "max":
        x = layers.GlobalMaxPooling2D(name=pools[1])(x)
    model = models.Model(utils.get_source_inputs(inputs), x, name=asked.name)
    if asked.weights is not None:
        model.load_weights(_file(asked, weights))
    return model


def mean_and_dense(x: Tensor, asked: Asked, **options: Any) -> Tensor:
    """The usual head: a mean over the map and a dense layer."""
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.Dense(asked.classes, activation=asked.classifier_activation, name="predictions", **options)(x)


def normalized(x: Tensor, name: str | None, **options: Any) -> Tensor:
    """Batch normalisation of channels."""
    return layers.BatchNormalization(axis=channel_axis(), name=name, **options)(x)


def divisible(count: float, divisor: int = 8) -> int:
    """The multiple of a divisor near a number of filters, at most a tenth below it.

    Example:
        >>> divisible(33), divisible(11)
        (32, 16)
    """
    near = max(divisor, int(count + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * count else near


def margins(x: Tensor, kernel_size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """What a convolution in steps of 2 without padding needs around its input, to give half of each side."""
    half = kernel_size // 2
    height, width = side_lengths(x.shape[1:])
    less = (1, 1) if height is None else (1 - height % 2, 1 - width % 2)
    return (half - less[0], half), (half - less[1], half)


def _check(asked: Asked) -> None:
    weights = asked.weights
    if weights not in (None, "imagenet") and not (isinstance(weights, (str, os.PathLike)) and Path(weights).exists()):
        raise MissingFileError("`weights` must be None (new ones), 'imagenet' (downloaded once), or the path of a file "
                               "of weights. " + received(weights=weights))
    if weights == "imagenet" and asked.include_top and asked.classes != _CLASSES:
        raise ArgumentError("The head of weights='imagenet' tells 1000 classes apart: use include_top=False and a head "
                            "of your own. " + received(classes=asked.classes))
    known = (activations.get("softmax"), activations.get(None))
    if weights is not None and asked.include_top and activations.get(asked.classifier_activation) not in known:
        raise ArgumentError("With weights from a file, `classifier_activation` must be 'softmax' or None. "
                            + received(classifier_activation=asked.classifier_activation))
    if asked.pooling not in (None, "avg", "max"):
        raise ArgumentError("`pooling` must be None, 'avg' or 'max'. " + received(pooling=asked.pooling))
    if asked.input_tensor is not None and not utils.is_keras_tensor(asked.input_tensor):
        raise ArgumentError("`input_tensor` must be a symbolic tensor, as keras.Input gives it. "
                            + received(input_tensor=asked.input_tensor))


def _input_shape(asked: Asked, size: int, smallest: int) -> tuple:
    """The shape asked for, or the usual one.

    Raises:
        ArgumentError: it has not three lengths, is too small, or does not fit the weights or the head.
    """
    first = channel_axis() == 1
    shape = None if asked.input_shape is None else tuple(asked.input_shape)
    if shape is None:
        side = size if asked.include_top else None
        return (3, side, side) if first else (side, side, 3)
    if len(shape) != 3:
        raise ArgumentError("`input_shape` must have three lengths, without the batch. " + received(input_shape=shape))
    sides, channels = side_lengths(shape), shape[0 if first else 2]
    if any(side is not None and side < smallest for side in sides):
        raise ArgumentError(f"Input size must be at least {smallest}x{smallest}. " + received(input_shape=shape))
    if asked.weights == "imagenet" and channels != 3:
        raise ArgumentError("With weights='imagenet' pictures have 3 channels. " + received(input_shape=shape))
    if asked.include_top and asked.weights == "imagenet" and sides != (size, size):
        raise ArgumentError(f"With include_top=True and weights='imagenet' pictures are {size}x{size}. "
                            + received(input_shape=shape))
    if asked.include_top and None in sides:
        raise ArgumentError("If `include_top` is True, you should specify a static `input_shape`. "
                            + received(input_shape=shape))
    return shape


def _file(asked: Asked, weights: Stored | None) -> str:
    """The path of the file of weights; downloaded, if they are ImageNet's."""
    if asked.weights != "imagenet":
        return os.fspath(asked.weights)
    if weights is None:
        raise ArgumentError(f"{asked.name} has no weights of ImageNet for these arguments; use weights=None.")
    name = weights.with_head if asked.include_top else weights.without_head
    return utils.get_file(name, f"{_ADDRESS}{weights.folder}/{name}", cache_subdir="models")
