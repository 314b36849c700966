"""Networks that belong to a kind of data rather than to a lecture: photographs of any size, and the toy letters."""

from __future__ import annotations

COARSE_ABOVE = 48
"""Pixels of the shorter side above which `photographs` begins with a coarse convolution."""


def photographs(input_shape: tuple[int, int, int] = (96, 96, 3), classes: int = 2):
    """Residual blocks of 24, 48 and 96 channels behind one convolution, and a global average; for few pictures.

    The model divides by 255 itself, so it takes pixels as they are; in training it mirrors, moves and magnifies them at
    random. Where the shorter side is longer than 48 pixels, the first convolution is coarse.

    Args:
        input_shape: (height, width, channels) of a picture; at least 16x16.
        classes: number of outputs, through a softmax.

    Returns:
        A functional `Model`, not compiled.

    Example:
        >>> photographs((64, 80, 1), 5).output_shape
        (None, 5)
    """
    from striate import Input, Model, layers

    inputs = Input(input_shape)
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.RandomFlip("horizontal")(x)
    x = layers.RandomTranslation(0.08, 0.08, fill_mode="reflect")(x)
    x = layers.RandomZoom((-0.15, 0.05), fill_mode="reflect")(x)
    if min(input_shape[:2]) > COARSE_ABOVE:
        x = _normalised(layers.Conv2D(24, 5, strides=2, padding="same", use_bias=False)(x))
        x = layers.MaxPooling2D(2)(x)
    else:
        x = _normalised(layers.Conv2D(24, 3, padding="same", use_bias=False)(x))
    for filters, strides in ((24, 1), (48, 2), (96, 2)):
        x = _block(x, filters, strides)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    return Model(inputs, layers.Dense(classes, activation="softmax")(x), name="photographs")


def _normalised(x, activated: bool = True):
    """Batch normalization that follows quickly: an epoch of a small folder has few steps; then ReLU."""
    from striate import layers

    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(x) if activated else x


def _block(x, filters: int, strides: int):
    """Two normalized 3x3 convolutions whose result is added to the input, which a 1x1 convolution fits if need be."""
    from striate import layers

    around = x
    if strides != 1 or x.shape[-1] != filters:
        around = _normalised(layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x), activated=False)
    x = _normalised(layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x))
    x = _normalised(layers.Conv2D(filters, 3, padding="same", use_bias=False)(x), activated=False)
    return layers.ReLU()(layers.Add()([x, around]))


def letters(input_shape: tuple[int, int, int] = (9, 9, 1), classes: int = 2):
    """The lecture's chain for X or O with weights that are learnt: three 3x3 kernels, ReLU, 2x2 pooling, votes.

    Args:
        input_shape: (height, width, channels) of a picture; at least 4x4.
        classes: number of outputs, through a softmax.

    Returns:
        A `Sequential` model, not compiled.

    Example:
        >>> letters().layers[1].output.shape
        (None, 4, 4, 3)
    """
    from striate import Input, Sequential, layers

    return Sequential([
        Input(input_shape),
        layers.Conv2D(3, 3, activation="relu"),
        layers.MaxPooling2D(2, padding="same"),
        layers.Flatten(),
        layers.Dense(classes, activation="softmax"),
    ], name="letters")
