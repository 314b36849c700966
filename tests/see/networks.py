"""Small networks that the tests of striate.see look into."""

import numpy as np

import striate as keras
from striate import layers


def fill(model, seed=1):
    """Weights of all kinds that are not zero, biases and statistics included."""
    random = np.random.default_rng(seed)
    for variable in model.variables:
        values = random.normal(0, 0.3, variable.shape)
        variable.assign((np.abs(values) + 0.5 if "variance" in variable.path else values).astype(np.float32))
    return model


def plain():
    return fill(keras.Sequential([
        keras.Input((12, 10, 2)),
        layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", activation="relu", groups=2, name="grouped"),
        layers.MaxPooling2D(2, name="largest"),
        layers.Conv2D(3, 2, activation="tanh", name="second"),
        layers.Flatten(name="flat"),
        layers.Dropout(0.5, name="drop"),
        layers.Dense(5, activation="softmax", name="scores"),
    ], name="plain"))


def residual():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="stem")(inputs)
    y = layers.DepthwiseConv2D(3, padding="same", name="depth")(x)
    y = layers.BatchNormalization(name="norm")(y)
    x = layers.Add(name="sum")([x, y])
    x = layers.ReLU(name="relu")(x)
    x = layers.Concatenate(name="both")([x, y])
    x = layers.AveragePooling2D(3, strides=1, padding="same", name="mean")(x)
    x = layers.GlobalAveragePooling2D(name="whole")(x)
    return fill(keras.Model(inputs, layers.Dense(3, name="scores")(x), name="residual"))


def line():
    return fill(keras.Sequential([
        keras.Input((20, 3)),
        layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu", name="first"),
        layers.MaxPooling1D(2, name="largest"),
        layers.Flatten(name="flat"),
        layers.Dense(1, activation="sigmoid", name="score"),
    ], name="line"))


def painter():
    return fill(keras.Sequential([
        keras.Input((4, 4, 2)),
        layers.Conv2DTranspose(3, 3, strides=2, padding="same", name="up"),
        layers.Conv2DTranspose(2, 4, strides=3, name="more"),
        layers.LpPooling2D(2, name="length"),
    ], name="painter"))


def nested():
    """Models inside of models, two levels deep, one of them called twice: what fine-tuning a base looks like."""
    eye = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 3, padding="same", activation="relu",
                                                                        name="conv")], name="eye")
    picture = keras.Input((10, 9, 3))
    y = layers.BatchNormalization(name="norm")(eye(eye(picture)))
    x = layers.MaxPooling2D(2, name="largest")(layers.Add(name="sum")([picture, y]))
    base = keras.Model(picture, layers.Conv2D(4, 2, activation="relu", name="last")(x), name="base")
    base.trainable = False
    inputs = keras.Input((10, 9, 3))
    x = layers.Flatten(name="flat")(base(layers.Rescaling(0.5, name="scale")(inputs), training=False))
    return fill(keras.Model(inputs, layers.Dense(3, activation="softmax", name="scores")(x), name="nested"))


NETWORKS = {"plain": plain, "residual": residual, "line": line, "painter": painter, "nested": nested}


def sample(model, count=1, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (count, *model.input_shape[1:])).astype(np.float32)
