"""Networks that people build beside plain stacks of convolutions, in Keras' own words.

Each is a function of the module whose layers it uses (`striate`, or Keras on any backend) that gives a model, and is
described by its docstring. `sample` draws data that fit a model.
"""

from __future__ import annotations

import numpy as np


def unet(keras):
    """U-Net with UpSampling2D, 64 x 64 x 1"""
    return _unet(keras, lambda x, filters: keras.layers.UpSampling2D()(x))


def unet_transposed(keras):
    """U-Net with Conv2DTranspose, 64 x 64 x 1"""
    return _unet(keras, lambda x, filters: keras.layers.Conv2DTranspose(filters, 2, strides=2)(x))


def _unet(keras, up):
    layers = keras.layers

    def twice(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x
    inputs = keras.Input((64, 64, 1))
    first = twice(inputs, 16)
    second = twice(layers.MaxPooling2D()(first), 32)
    lowest = twice(layers.MaxPooling2D()(second), 64)
    middle = twice(layers.Concatenate()([up(lowest, 32), second]), 32)
    last = twice(layers.Concatenate()([up(middle, 16), first]), 16)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(last))


def generator(keras):
    """DCGAN's generator, 100 numbers to 28 x 28 x 1"""
    layers = keras.layers
    steps = [keras.Input((100,)), layers.Dense(7 * 7 * 128, use_bias=False), layers.BatchNormalization(),
             layers.LeakyReLU(), layers.Reshape((7, 7, 128))]
    for filters, strides in ((64, 1), (32, 2)):
        steps += [layers.Conv2DTranspose(filters, 5, strides=strides, padding="same", use_bias=False),
                  layers.BatchNormalization(), layers.LeakyReLU()]
    return keras.Sequential([*steps, layers.Conv2DTranspose(1, 5, strides=2, padding="same", activation="sigmoid")])


def discriminator(keras):
    """DCGAN's discriminator, 28 x 28 x 1, 5 x 5 in steps of 2"""
    layers = keras.layers
    steps = [keras.Input((28, 28, 1))]
    for filters in (64, 128):
        steps += [layers.Conv2D(filters, 5, strides=2, padding="same"), layers.LeakyReLU(), layers.Dropout(0.3)]
    return _classes(keras, steps)


def _classes(keras, steps, classes=10):
    layers = keras.layers
    return keras.Sequential([*steps, layers.Flatten(), layers.Dense(classes, activation="softmax")])


def _activated(keras, activation, normalised=False):
    layers = keras.layers
    steps = [keras.Input((32, 32, 3))]
    for filters in (32, 64, 64):
        steps.append(layers.Conv2D(filters, 3, padding="same", use_bias=not normalised))
        steps += [layers.BatchNormalization()] if normalised else []
        steps += [layers.Activation(activation), layers.MaxPooling2D()]
    return _classes(keras, [*steps, layers.Flatten(), layers.Dense(64, activation=activation)])


def gelu(keras):
    """three convolutions with gelu, 32 x 32 x 3"""
    return _activated(keras, "gelu")


def elu(keras):
    """three convolutions with elu, 32 x 32 x 3"""
    return _activated(keras, "elu")


def swish(keras):
    """three convolutions with batch normalisation and swish, 32 x 32 x 3"""
    return _activated(keras, "silu", normalised=True)


def mobile(keras):
    """MobileNet v2's blocks with relu6, 96 x 96 x 3"""
    layers = keras.layers
    inputs = keras.Input((96, 96, 3))

    def block(x, kind, *arguments, **options):
        return layers.BatchNormalization()(kind(*arguments, use_bias=False, **options)(x))
    x = layers.ReLU(6.0)(block(inputs, layers.Conv2D, 16, 3, strides=2, padding="same"))
    for filters, strides in ((16, 1), (24, 2), (24, 1), (32, 2), (32, 1)):
        y = layers.ReLU(6.0)(block(x, layers.Conv2D, 4 * x.shape[-1], 1))
        y = layers.ReLU(6.0)(block(y, layers.DepthwiseConv2D, 3, strides=strides, padding="same"))
        y = block(y, layers.Conv2D, filters, 1)
        x = layers.Add()([x, y]) if strides == 1 and x.shape[-1] == filters else y
    return _averaged(keras, inputs, x)


def _averaged(keras, inputs, x, classes=10):
    layers = keras.layers
    axes = len(x.shape) - 2
    x = getattr(layers, f"GlobalAveragePooling{axes}D")()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def volumes(keras):
    """two convolutions of volumes, 16 x 16 x 16 x 1"""
    layers = keras.layers
    steps = [keras.Input((16, 16, 16, 1))]
    for filters in (16, 32):
        steps += [layers.Conv3D(filters, 3, padding="same", activation="relu"), layers.MaxPooling3D()]
    return _classes(keras, [*steps, layers.Flatten(), layers.Dense(64, activation="relu")])


def large_windows(keras):
    """AlexNet's first layers, 113 x 113 x 3, 11 x 11 in steps of 4"""
    layers = keras.layers
    return _classes(keras, [
        keras.Input((113, 113, 3)), layers.Conv2D(48, 11, strides=4, activation="relu"), layers.MaxPooling2D(3, 2),
        layers.Conv2D(96, 5, padding="same", activation="relu"), layers.MaxPooling2D(3, 2),
        layers.Conv2D(128, 3, padding="same", activation="relu"), layers.Flatten(),
        layers.Dense(128, activation="relu")])


def dilated(keras):
    """convolutions two and four apart, 48 x 48 x 1"""
    layers = keras.layers
    inputs = x = keras.Input((48, 48, 1))
    for filters, dilation in ((16, 1), (32, 2), (32, 4)):
        x = layers.Conv2D(filters, 3, padding="same", dilation_rate=dilation, activation="relu")(x)
    return _averaged(keras, inputs, x)


def group_normalised(keras):
    """residual blocks with GroupNormalization before the convolutions, 32 x 32 x 3"""
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(32, 3, padding="same")(inputs)
    for filters in (32, 64):
        y = x
        for _ in range(2):
            y = layers.Conv2D(filters, 3, padding="same")(layers.ReLU()(layers.GroupNormalization(8)(y)))
        x = layers.MaxPooling2D()(layers.Add()([layers.Conv2D(filters, 1)(x), y]))
    return _averaged(keras, inputs, x)


def convnext(keras):
    """ConvNeXt's blocks: 7 x 7 depthwise, LayerNormalization, gelu, 64 x 64 x 3"""
    layers = keras.layers
    inputs = keras.Input((64, 64, 3))
    x = layers.LayerNormalization()(layers.Conv2D(32, 4, strides=4)(inputs))
    for _ in range(3):
        y = layers.LayerNormalization()(layers.DepthwiseConv2D(7, padding="same")(x))
        x = layers.Add()([x, layers.Dense(32)(layers.Dense(128, activation="gelu")(y))])
    return _averaged(keras, inputs, x)


def dense_layers(keras):
    """two dense layers of 512 with dropout, 784 numbers"""
    layers = keras.layers
    steps = [keras.Input((784,))]
    for _ in range(2):
        steps += [layers.Dense(512, activation="relu"), layers.Dropout(0.2)]
    return _classes(keras, steps)


def text(keras):
    """Embedding, one convolution, largest over time, 200 words"""
    layers = keras.layers
    return _classes(keras, [keras.Input((200,), dtype="int32"), layers.Embedding(5000, 64),
                            layers.Conv1D(64, 5, activation="relu"), layers.GlobalMaxPooling1D(),
                            layers.Dense(64, activation="relu")], classes=2)


def averages(keras):
    """LeNet-5 as it was: tanh and average pooling, 28 x 28 x 1"""
    layers = keras.layers
    return _classes(keras, [
        keras.Input((28, 28, 1)), layers.Conv2D(6, 5, padding="same", activation="tanh"), layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2), layers.Flatten(),
        layers.Dense(120, activation="tanh"), layers.Dense(84, activation="tanh")])


def squeeze_and_excite(keras):
    """channels weighted by their averages, 32 x 32 x 3"""
    layers = keras.layers
    inputs = x = keras.Input((32, 32, 3))
    for filters in (32, 64):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)))
        weights = layers.Conv2D(filters // 4, 1, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
        x = layers.MaxPooling2D()(layers.Multiply()([x, layers.Conv2D(filters, 1, activation="sigmoid")(weights)]))
    return _averaged(keras, inputs, x)


def autoencoder(keras):
    """convolutional autoencoder, 28 x 28 x 1"""
    layers = keras.layers
    steps = [keras.Input((28, 28, 1))]
    for filters in (16, 8):
        steps += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    for filters in (8, 16):
        steps += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.UpSampling2D()]
    return keras.Sequential([*steps, layers.Conv2D(1, 3, padding="same", activation="sigmoid")])


def wide(keras):
    """256 and 512 channels, 16 x 16 x 64"""
    layers = keras.layers
    return _classes(keras, [
        keras.Input((16, 16, 64)), layers.Conv2D(256, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
        layers.Conv2D(512, 3, padding="same", activation="relu"), layers.GlobalMaxPooling2D()])


def inception(keras):
    """Inception blocks, 32 x 32 x 3"""
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))

    def conv(x, filters, size):
        return layers.Conv2D(filters, size, padding="same", activation="relu")(x)
    x = conv(inputs, 32, 3)
    for _ in range(2):
        pooled = layers.MaxPooling2D(3, 1, padding="same")(x)
        x = layers.MaxPooling2D()(layers.Concatenate()([
            conv(x, 16, 1), conv(conv(x, 16, 1), 24, 3), conv(conv(x, 8, 1), 8, 5), conv(pooled, 8, 1)]))
    return _averaged(keras, inputs, x)


def xception(keras):
    """Xception's blocks of separable convolutions, 64 x 64 x 3"""
    layers = keras.layers
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(inputs)
    for filters in (32, 64):
        y = layers.BatchNormalization()(layers.SeparableConv2D(filters, 3, padding="same", activation="relu")(x))
        y = layers.BatchNormalization()(layers.SeparableConv2D(filters, 3, padding="same")(y))
        around = layers.Conv2D(filters, 1, strides=2, padding="same")(x)
        x = layers.Add()([around, layers.MaxPooling2D(3, strides=2, padding="same")(y)])
    return _averaged(keras, inputs, x)


def causal(keras):
    """residual blocks of dilated causal convolutions over a line, 256 x 8"""
    layers = keras.layers
    inputs = keras.Input((256, 8))
    x = layers.Conv1D(32, 3, padding="causal", activation="relu")(inputs)
    for dilation in (1, 2, 4, 8):
        y = layers.Conv1D(32, 3, padding="causal", dilation_rate=dilation, activation="relu")(x)
        x = layers.Add()([x, layers.Conv1D(32, 1)(layers.SpatialDropout1D(0.1)(y))])
    return _averaged(keras, inputs, x, classes=6)


NETWORKS = {function.__name__: function for function in (
    unet, unet_transposed, generator, discriminator, gelu, elu, swish, mobile, volumes, large_windows, dilated,
    group_normalised, convnext, dense_layers, text, averages, squeeze_and_excite, autoencoder, wide, inception,
    xception, causal)}


def sample(model, count: int):
    """(inputs, targets, loss) of `count` samples: class numbers for a softmax, else numbers of the output's shape."""
    generator = np.random.default_rng(0)
    shape, output = model.input_shape[1:], model.output_shape[1:]
    if len(shape) == 1 and shape[0] == 200:
        x = generator.integers(0, 5000, (count, *shape)).astype("int32")
    else:
        x = generator.random((count, *shape), dtype="float32")
    if len(output) == 1:
        return x, generator.integers(0, output[0], count), "sparse_categorical_crossentropy"
    return x, generator.random((count, *output), dtype="float32"), "binary_crossentropy"


def set_weights(model) -> None:
    """The same weights in every framework: sizes as Glorot has them, gamma near 1, variances 1."""
    generator, values = np.random.default_rng(1), []
    for variable in model.weights:
        shape = tuple(variable.shape)
        value = generator.standard_normal(shape).astype("float32") / np.sqrt(max(1, np.prod(shape[:-1])))
        if variable.path.endswith(("gamma", "moving_variance")):
            value = 1 + 0.1 * np.abs(value)
        values.append(value if variable.dtype == "float32" else np.asarray(variable))
    model.set_weights(values)
