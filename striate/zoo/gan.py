"""A generator of pictures and the discriminator that it is trained against (DCGAN)."""

from __future__ import annotations

from collections.abc import Sequence

from striate.errors import ArgumentError, received
from striate.zoo.recipe import SHORT_MEMORY, Recipe

_SOURCE = ("After A. Radford, L. Metz, S. Chintala (2016): Unsupervised representation learning with deep "
           "convolutional generative adversarial networks. ICLR")
_ADAM = {"beta_1": 0.5}
NOISE = 64
"""Length of the noise vectors that pictures are made from."""

DCGAN_DISCRIMINATOR = Recipe(
    title="Discriminator: is a picture real?",
    source=_SOURCE,
    optimizer="Adam",
    learning_rate=0.0002,
    optimizer_arguments=_ADAM,
    loss="BinaryCrossentropy",
    loss_arguments={"from_logits": True},
    epochs=20,
    batch_size=64,
    inputs="grey pictures from -1 to 1; real pictures are labelled 1, generated ones 0",
    result="After 16 epochs against the generator on simulated brain images: test accuracy 0.500 on unseen sessions "
           "and that generator's fakes, one seed.",
    note="Alone it is a classifier like any other. Against the generator the two are trained in turn, step by step.",
)

DCGAN_GENERATOR = Recipe(
    title="Generator: pictures out of noise, by transposed convolutions",
    source=_SOURCE,
    optimizer="Adam",
    learning_rate=0.0002,
    optimizer_arguments=_ADAM,
    loss="BinaryCrossentropy",
    loss_arguments={"from_logits": True},
    epochs=20,
    batch_size=64,
    inputs=f"{NOISE} numbers of a normal distribution",
    result="After 16 epochs on simulated brain images its fakes still carry the grid of the transposed convolutions: "
           "a classifier that is trained on them afterwards has a test accuracy of 1.000, one seed.",
    note="The loss is the discriminator's, on generated pictures that are labelled as real.",
)


def dcgan_discriminator(input_shape: tuple[int, int, int] = (128, 128, 1), classes: int = 2,
                        filters: Sequence[int] = (16, 32, 64, 128)):
    """Strided convolutions with leaky ReLU; no pooling, no dense layer but the last. Unlike the paper's it has no batch
    normalization: real and made pictures can share a batch without telling of each other.

    Args:
        input_shape: (height, width, channels) of a picture.
        classes: 2 gives one score (positive: the second class, "real"); more give a score for each.
        filters: channels of the convolutions.

    Returns:
        A `Sequential` model, not compiled; its outputs are scores without a sigmoid or softmax.

    Example:
        >>> dcgan_discriminator().output_shape
        (None, 1)
    """
    from striate import Input, Sequential, layers

    model = Sequential([Input(input_shape)], name="dcgan_discriminator")
    for channels in filters:
        model.add(layers.Conv2D(channels, 4, strides=2, padding="same"))
        model.add(layers.LeakyReLU(0.2))
    model.add(layers.Flatten())
    model.add(layers.Dropout(0.3))
    model.add(layers.Dense(1 if classes == 2 else classes))
    return model


def dcgan_generator(output_shape: tuple[int, int, int] = (128, 128, 1), noise: int = NOISE,
                    filters: Sequence[int] = (128, 64, 32, 16)):
    """A dense layer makes a coarse map, four transposed convolutions double it until it is a picture.

    Args:
        output_shape: (height, width, channels) of a picture; sides that 4 divides at least, for four doublings 16.
        noise: length of the vectors that pictures are made from.
        filters: channels of the coarse map and of each doubled one; only the last are used where the sides can be
            halved less often.

    Returns:
        A `Sequential` model from (batch, noise) to (batch, *output_shape), through a tanh; not compiled.

    Raises:
        ArgumentError: the sides cannot be halved twice.

    Example:
        >>> dcgan_generator((28, 28, 1)).output_shape
        (None, 28, 28, 1)
    """
    from striate import Input, Sequential, layers

    height, width, channels = output_shape
    doublings = next((times for times in range(len(filters), 1, -1)
                      if height % 2**times == width % 2**times == 0), None)
    if doublings is None:
        raise ArgumentError("The sides of generated pictures must be multiples of 4: each transposed convolution "
                            "doubles them. " + received(output_shape=output_shape))
    rows, columns = height >> doublings, width >> doublings
    widths = tuple(filters)[-doublings:]
    model = Sequential([
        Input((noise,)),
        layers.Dense(rows * columns * widths[0], use_bias=False),
        layers.BatchNormalization(momentum=SHORT_MEMORY),
        layers.ReLU(),
        layers.Reshape((rows, columns, widths[0])),
    ], name="dcgan_generator")
    for doubled in widths[1:]:
        model.add(layers.Conv2DTranspose(doubled, 4, strides=2, padding="same", use_bias=False))
        model.add(layers.BatchNormalization(momentum=SHORT_MEMORY))
        model.add(layers.ReLU())
    model.add(layers.Conv2DTranspose(channels, 4, strides=2, padding="same", activation="tanh"))
    return model
