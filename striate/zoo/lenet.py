"""LeNet-5, the network that read handwritten cheques."""

from __future__ import annotations

from striate.zoo.recipe import Recipe

LENET5 = Recipe(
    title="LeNet-5",
    source="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998): Gradient-based learning applied to document "
           "recognition. Proceedings of the IEEE 86 (11)",
    optimizer="SGD",
    learning_rate=0.05,
    optimizer_arguments={"momentum": 0.9},
    loss="SparseCategoricalCrossentropy",
    epochs=12,
    batch_size=64,
    inputs="28x28 grey pictures divided by 255; the first convolution pads them to 32x32",
    result="Fashion-MNIST (55,000 to train): test accuracy 0.888 (mean of three seeds, 0.886 to 0.889); 53 seconds on "
           "one core with AVX-512 at the fastest.",
    note="As it is mostly taught: tanh, average pooling, every map of the third layer sees all maps of the second, and "
         "a softmax in the place of the Gaussian connections.",
)


def lenet5(input_shape: tuple[int, int, int] = (28, 28, 1), classes: int = 10):
    """Two 5x5 convolutions with average pooling, and dense layers of 120, 84 and `classes` neurons.

    Args:
        input_shape: (height, width, channels) of a picture; at least 12x12.
        classes: number of outputs, through a softmax.

    Returns:
        A `Sequential` model, not compiled.

    Example:
        >>> lenet5().count_params()
        61706
    """
    from striate import Input, Sequential, layers

    return Sequential([
        Input(input_shape),
        layers.Conv2D(6, 5, padding="same", activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(120, activation="tanh"),
        layers.Dense(84, activation="tanh"),
        layers.Dense(classes, activation="softmax"),
    ], name="lenet5")
