"""Yale S&DS 365: convolution, the parts of a network, and the "Brain food" exercise with its baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from striate import layers, see, zoo
from striate.lectures.claims import Claim
from striate.see.films import run_layer

TITLE = "Convolutional Neural Networks"
SOURCE = "Yale S&DS 365 / 665, Intermediate Machine Learning"
REMARKS = (
    "'Let's build another model' shows the listing of the baseline once more: the other model is left to the reader "
    "(striate compare brain compares two).",
    "The last slide of the baseline names the two outputs 'fake' and 'real'; in the exercise's labels real is 0 and "
    "fake is 1, so the outputs come in the other order.",
    "The figure of tensor shapes has a typo on purpose; the text of the slides does not hold the figure. "
    "see.arithmetic(model) prints the shapes as they are.",
)


def claims() -> Iterator[Claim]:
    """What the slides say and what is found."""
    yield from _convolution()
    yield from _parts()
    yield from _passes()
    yield from _baseline()
    yield from _fakes()
    yield from _notebook()


def _convolution() -> Iterator[Claim]:
    smooth = see.smoothing()
    rough, calm = (np.abs(np.diff(smooth[name])).mean() for name in ("signal", "smoothed"))
    yield Claim("Convolution", "A Gaussian bump smooths: neighbours of the result differ less than before", True,
                bool(calm < rough / 4))
    cube = np.arange(24).reshape(2, 3, 4)
    rows = [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], [[12, 13, 14, 15], [16, 17, 18, 19], [20, 21, 22, 23]]]
    yield Claim("Tensors", "np.arange(24) in the shape (2, 3, 4)", rows, cube.tolist())
    yield Claim("Tensors", "x[:, :, 0] of np.arange(24) in the shape (2, 3, 4)", np.array([[0, 4, 8], [12, 16, 20]]),
                cube[:, :, 0])
    red, green, blue = (np.arange(6.0).reshape(2, 3) + 10 * channel for channel in range(3))
    yield Claim("Images as tensors: Channels", "A pixel of an RGB image is made of the same pixel of three images",
                [red[1, 2], green[1, 2], blue[1, 2]], np.stack([red, green, blue], axis=-1)[1, 2].tolist())


def _parts() -> Iterator[Claim]:
    random = np.random.Generator(np.random.PCG64(0))
    image, kernel = random.integers(-4, 5, (6, 6)).astype(np.float32), random.integers(-4, 5, (3, 3))
    convolution = layers.Conv2D(1, 3, use_bias=False)
    convolution.build((1, 6, 6, 1))
    convolution.kernel.assign(kernel[..., np.newaxis, np.newaxis].astype(np.float32))
    tied = see.toeplitz(kernel, image.shape)
    dense = tied.matrix.reshape(16, 36) @ image.reshape(36)
    yield Claim("Convolutional layer", "It equals a fully connected layer with tied weights (6x6 image, 3x3 kernel)",
                True, np.array_equal(run_layer(convolution, image[np.newaxis, ..., np.newaxis]).reshape(16), dense))
    twice = [run_layer(layer, factor * image[np.newaxis, ..., np.newaxis])
             for layer in (convolution, layers.Activation("relu")) for factor in (1, -1)]
    yield Claim("Adding nonlinearity", "So far everything is linear (the negative picture gives the negative map); an "
                "activation ends that", (True, False),
                (np.array_equal(twice[0], -twice[1]), np.array_equal(twice[2], -twice[3])))
    channels = layers.Conv2D(5, 3)
    channels.build((1, 6, 6, 3))
    yield Claim("Applying kernels across channels", "Each kernel has the channels of its input: 3 here",
                3, channels.kernel.shape[2])
    yield Claim("Applying kernels across channels", "Channels of the output are the number of kernels: 5 here",
                5, channels.compute_output_shape((1, 6, 6, 3))[-1])
    yield Claim("Convolutional layer: Tensor shapes", "A mini-batch of 8 pictures of 6x6x3 through 5 kernels: first "
                "and last dimension", (8, 5), channels.compute_output_shape((8, 6, 6, 3))[::3])
    piece = random.permutation(16).astype(np.float32).reshape(1, 4, 4, 1)
    changed = piece.copy()
    changed[piece != run_layer(layers.MaxPooling2D(2), piece).repeat(2, 1).repeat(2, 2)] -= 1
    pooled, again = (run_layer(layers.MaxPooling2D(2), one) for one in (piece, changed))
    yield Claim("Pooling", "Where the largest value of a window stands is all that counts: the others may change", True,
                np.array_equal(pooled, again))
    dropped = run_layer(layers.Dropout(0.4, seed=1), np.ones((1, 100_000), np.float32), training=True)
    yield Claim("Dropout", "With probability 0.4 an entry is zero (100,000 entries, to two decimals)", 0.4,
                round(float((dropped == 0).mean()), 2))
    yield Claim("Dropout", "What is left of ones is divided by 1 - 0.4 (to three decimals)", round(1 / 0.6, 3),
                round(float(dropped.max()), 3))
    block = random.normal(size=(1, 2, 3, 4)).astype(np.float32)
    yield Claim("Flattening", "It is what numpy's flatten does", True,
                np.array_equal(run_layer(layers.Flatten(), block)[0], block[0].flatten()))
    joined = layers.Dense(5)
    joined.build((1, 24))
    yield Claim("Dense layers", "Each of 5 outputs has a weight for each of 24 inputs: weights", 24 * 5,
                int(np.prod(joined.kernel.shape)))


def _passes() -> Iterator[Claim]:
    """The backward pass: where a maximum stood is remembered, and weights move down the slope of the loss."""
    from striate import engine, ops

    piece = np.array([[1, 5, 2, 0], [3, 4, 8, 6], [7, 0, 1, 2], [2, 1, 3, 9]], np.float32)[np.newaxis, ..., np.newaxis]

    def of_pooled(x):
        return engine.gradients(ops.sum(ops.max_pool(x, 2, 2)), [x])[0]
    back = np.asarray(engine.Function(of_pooled, "of_pooled")(piece))[0, ..., 0]
    yield Claim("Pooling", "The backward pass needs the places of the maxima: errors go there and nowhere else",
                np.array([[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]), back.astype(int))
    random = np.random.Generator(np.random.PCG64(2))
    x, w = random.normal(size=(8, 3)).astype(np.float32), random.normal(size=(3, 1)).astype(np.float32)

    def step(x, w):
        loss = ops.mean(ops.square(ops.matmul(x, w) - 1.0))
        return loss, engine.gradients(loss, [w])[0]
    both = engine.Function(step, "step")
    loss, slope = both(x, w)
    after, _ = both(x, w - np.float32(0.01) * np.asarray(slope))
    yield Claim("Pooling and backpropagation", "A gradient step along what the backward pass gives makes the error of "
                "the forward pass smaller", True, float(after) < float(loss))


def _baseline() -> Iterator[Claim]:
    model = zoo.build("yale")
    rows = see.arithmetic(model).layers
    conv, pool, flat, dense = rows
    slide = "Baseline model"
    for row, shape, count in zip(rows, ((124, 124, 32), (31, 31, 32), (30752,), (2,)), (832, 0, 0, 61506), strict=True):
        yield Claim(slide, f"Output shape of {row.kind}", shape, row.output_shape)
        yield Claim(slide, f"Parameters of {row.kind}", count, row.parameters)
    yield Claim(slide, "(5 x 5 + 1) x 32", 832, conv.parameters)
    yield Claim(slide, "124 / 4", 31, pool.output_shape[0])
    yield Claim(slide, "31 x 31 x 32", 30752, flat.output_shape[0])
    inputs, outputs = model.layers[-1].kernel.shape
    yield Claim(slide, "Parameters of the dense layer as the slide writes them, 30,752 x 2", 61506, inputs * outputs,
                f"The product is {inputs * outputs:,}. The layer does have {dense.parameters:,} parameters: the two "
                f"biases are missing in the formula, (30,752 + 1) x 2.")
    yield Claim(slide, "832 + 61,506", 62338, model.count_params())
    counts = [sum(int(np.prod(weight.shape)) for weight in weights)
              for weights in (model.trainable_weights, model.non_trainable_weights)]
    yield Claim(slide, "Trainable and non-trainable parameters", [62338, 0], counts)
    yield Claim(slide, "Share of the dense layer", "98.7%", f"{dense.parameters / model.count_params():.1%}")


def _fakes() -> Iterator[Claim]:
    """The networks of which the slides only tell."""
    generator, discriminator = zoo.build("dcgan_generator"), zoo.build("dcgan_discriminator")
    slide = "Task: Real or Fake?"
    yield Claim(slide, "A 'deconvolutional' network makes the fakes: transposed convolutions turn noise into pictures "
                "of", (128, 128, 1), generator.output_shape[1:])
    kinds = [{type(layer).__name__ for layer in model.layers} for model in (generator, discriminator)]
    yield Claim(slide, "The discriminator is similar to the networks of the task: convolutions and a dense layer, from "
                "128x128 pictures", (True, True, (128, 128, 1)),
                ("Conv2DTranspose" in kinds[0], {"Conv2D", "Dense"} <= kinds[1], discriminator.input_shape[1:]))


def _notebook() -> Iterator[Claim]:
    labels = np.concatenate([np.full(2048, label) for label in (0, 1, 0, 1)])
    held = labels[int(len(labels) * (1 - 0.2)):]
    yield Claim("The exercise's notebook", "Share of fakes among the images of validation_split=0.2, as among all", 0.5,
                float(held.mean()),
                f"validation_split takes the last samples before anything is shuffled, and the arrays hold real, fake, "
                f"real, fake: all {len(held):,} validation images are fake. So a validation accuracy of 1.0000 says "
                "nothing, and the test gave 0.83. Shuffle first, or hold out whole sessions.")


def trainings(subset: bool, say: Callable[[str], None]) -> list[Claim]:
    """The baseline on simulated pictures: the course's own files are fetched on request only."""
    from striate.systems import brain

    say("Training the baseline on simulated sessions (these are not the course's images).")
    row = brain.compare(("yale",), seeds=(0,)).rows[0]
    return [Claim("Task: Real or Fake?", "The baseline beats guessing on sessions that it has not seen (simulated)",
                  0.55, row["test accuracy"], least=True)]
