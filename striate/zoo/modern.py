"""Networks in today's taste that are not from a lecture."""

from __future__ import annotations

from striate.zoo.recipe import DECAY, ONE_CYCLE, SHORT_MEMORY, Recipe

SMALL = Recipe(
    title="Small and quick classifier of small grey pictures",
    source="striate",
    optimizer="Adam",
    loss="SparseCategoricalCrossentropy",
    epochs=8,
    batch_size=64,
    inputs="28x28 grey pictures divided by 255",
    result="Fashion-MNIST (55,000 to train): test accuracy 0.909 (mean of three seeds, 0.909 to 0.910); 128 seconds "
           "on one core with AVX-512 at the fastest.",
)


def small(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10):
    """Two 3x3 convolutions with pooling, a dense layer of 128 neurons, dropout.

    Args:
        input_shape: (height, width, channels) of a picture. Below 10x10 convolutions and poolings pad: nothing would
            be left else.
        classes: number of outputs, through a softmax.

    Returns:
        A `Sequential` model, not compiled.

    Example:
        >>> small().count_params()
        225034
    """
    from striate import Input, Sequential, layers

    padding = "valid" if min(input_shape[:2]) >= 10 else "same"
    return Sequential([
        Input(input_shape),
        layers.Conv2D(32, 3, padding=padding, activation="relu"),
        layers.MaxPooling2D(2, padding=padding),
        layers.Conv2D(64, 3, padding=padding, activation="relu"),
        layers.MaxPooling2D(2, padding=padding),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(128, activation="relu"),
        layers.Dense(classes, activation="softmax"),
    ], name="small")


_COLOUR = "32x32 colour pictures divided by 255"
_MOMENTUM = {"momentum": 0.9, "nesterov": True, "weight_decay": DECAY}

RESIDUAL = Recipe(
    title="Small residual network for colour pictures",
    source="After K. He, X. Zhang, S. Ren, J. Sun (2016): Deep residual learning for image recognition. CVPR; one "
           "block for each of the three widths",
    optimizer="SGD",
    learning_rate=0.1,
    schedule=ONE_CYCLE,
    optimizer_arguments=_MOMENTUM,
    loss="SparseCategoricalCrossentropy",
    epochs=20,
    batch_size=128,
    inputs=_COLOUR,
    augmentation="mirrored left and right, moved by up to an eighth of the side",
    result="The tenth of Fashion-MNIST that comes with striate (5,500 to train): test accuracy 0.903 (mean of three "
           "seeds, 0.899 to 0.905); 173 seconds on one core with AVX-512 at the fastest.",
)


def residual(input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10):
    """A 3x3 convolution, residual blocks of 16, 32 and 64 channels, a global average.

    Args:
        input_shape: (height, width, channels) of a picture; at least 8x8.
        classes: number of outputs, through a softmax.

    Returns:
        A functional `Model`, not compiled.

    Example:
        >>> residual().output_shape
        (None, 10)
    """
    from striate import Input, Model, layers

    inputs = Input(input_shape)
    x = moved_and_mirrored(inputs, 1 / 8)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=SHORT_MEMORY)(x))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        x = residual_block(x, filters, strides)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(classes, activation="softmax")(x), name="residual")


def residual_block(x, filters: int, strides: int = 1):
    """Two normalized 3x3 convolutions whose result is added to the input.

    Args:
        x: symbolic pictures (batch, height, width, channels).
        filters: channels of the result. Where they or the size differ from the input's, a 1x1 convolution fits it.
        strides: step of the first convolution.

    Returns:
        Symbolic maps (batch, ceil(height / strides), ceil(width / strides), filters).
    """
    from striate import layers

    around = x
    if strides != 1 or x.shape[-1] != filters:
        around = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
        around = layers.BatchNormalization(momentum=SHORT_MEMORY)(around)
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=SHORT_MEMORY)(x))
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=SHORT_MEMORY)(x)
    return layers.ReLU()(layers.Add()([x, around]))


def moved_and_mirrored(x, share: float):
    """Pictures that are moved by up to `share` of their sides and mirrored left and right at random, in training."""
    from striate import layers

    x = layers.RandomTranslation(share, share, fill_mode="constant", interpolation="nearest")(x)
    return layers.RandomFlip("horizontal")(x)


SEPARABLE = Recipe(
    title="Small network of depthwise-separable convolutions for colour pictures",
    source="After A. Howard and others (2017): MobileNets. arXiv:1704.04861",
    optimizer="SGD",
    learning_rate=0.1,
    schedule=ONE_CYCLE,
    optimizer_arguments=_MOMENTUM,
    loss="SparseCategoricalCrossentropy",
    epochs=20,
    batch_size=128,
    inputs=_COLOUR,
    augmentation="mirrored left and right, moved by up to an eighth of the side",
    result="The tenth of Fashion-MNIST that comes with striate (5,500 to train): test accuracy 0.902 (mean of three "
           "seeds, 0.896 to 0.910); 51 seconds on one core with AVX-512 at the fastest.",
)


def separable(input_shape: tuple[int, int, int] = (32, 32, 3), classes: int = 10):
    """A 3x3 convolution, then five times a 3x3 convolution of each channel alone and a 1x1 convolution across them.

    Args:
        input_shape: (height, width, channels) of a picture; at least 8x8.
        classes: number of outputs, through a softmax.

    Returns:
        A functional `Model`, not compiled.

    Example:
        >>> separable().output_shape
        (None, 10)
    """
    from striate import Input, Model, layers

    inputs = Input(input_shape)
    x = moved_and_mirrored(inputs, 1 / 8)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=SHORT_MEMORY)(x))
    for filters, strides in ((32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=SHORT_MEMORY)(x))
        x = layers.Conv2D(filters, 1, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=SHORT_MEMORY)(x))
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(classes, activation="softmax")(x), name="separable")
