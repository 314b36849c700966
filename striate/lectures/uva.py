"""University of Virginia SYS 6016: convolutional and pooling layers, Fashion-MNIST, and the X-or-O slides."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from striate import layers, see, zoo
from striate.datasets import x_or_o
from striate.lectures.claims import Claim
from striate.see.films import run_layer
from striate.see.letters import cut
from striate.systems.data import VALIDATION_SHARE

TITLE = "Convolutional Neural Networks: Convolutional and Pooling Layers"
SOURCE = "University of Virginia, SYS 6016"
REMARKS = (
    "'In 1981, Hubel and Wiesel showed ...': 1981 is the year of their Nobel Prize; the experiments are of 1959 and "
    "the years after.",
    "LeNet-5 of 1998 was not the first convolutional network: LeCun and others read digits with one in 1989, and "
    "Fukushima's neocognitron is of 1980.",
    "The output 'Train on 55000 samples ... 923us/sample' is that of TensorFlow 1.x to 2.1; later ones count steps.",
    "validation_data=[X_valid, y_valid] is a list; Keras 3 wants a tuple, striate takes both.",
    "The input of the last max-pooling example is a picture; its numbers are taken to be the widely used 4x4 example "
    "[[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]].",
    "The numbers of the shifted max-pooling are those of the textbook figure that the slide shows (Goodfellow and "
    "others 2016, chapter 9): 0.1, 1, 0.2, 0.1, and after the shift 0.3, 0.1, 1, 0.2.",
)
MAP = np.array([[0.77, -0.11, 0.11, 0.33, 0.55, -0.11, 0.33], [-0.11, 1.00, -0.11, 0.33, -0.11, 0.11, -0.11],
                [0.11, -0.11, 1.00, -0.33, 0.11, -0.11, 0.55], [0.33, 0.33, -0.33, 0.55, -0.33, 0.33, 0.33],
                [0.55, -0.11, 0.11, -0.33, 1.00, -0.11, 0.11], [-0.11, 0.11, -0.11, 0.33, -0.11, 1.00, -0.11],
                [0.33, -0.11, 0.55, 0.33, 0.11, -0.11, 0.77]])
POOLED = np.array([[1.00, 0.33, 0.55, 0.33], [0.33, 1.00, 0.33, 0.55], [0.55, 0.33, 1.00, 0.11],
                   [0.33, 0.55, 0.11, 0.77]])
SECONDS = (51, 47, 46, 46, 48, 51, 50, 50, 50, 50)
MICROSECONDS = (923, 863, 836, 832, 880, 921, 918, 915, 913, 911)
VALIDATION = (0.8510, 0.8854, 0.8936, 0.8970, 0.8942, 0.8980, 0.8972, 0.8990, 0.9056, 0.9036)
VALIDATION_LOSS = (0.4029, 0.3285, 0.2905, 0.2794, 0.2872, 0.2863, 0.2825, 0.2734, 0.2775, 0.2891)
TEST = 0.8983


def claims() -> Iterator[Claim]:
    """What the slides say and what is found."""
    yield from _properties()
    yield from _pooling()
    yield from _network()
    yield from _letters()
    yield from _operation()


def _properties() -> Iterator[Claim]:
    edges = see.edge_detection(height=280, width=320)
    slide = "Efficiency of edge detection"
    yield Claim(slide, "319 x 280 x 3 operations of the convolution", 267960, edges.convolution)
    yield Claim(slide, "Billions of operations of the matrix product, 320 x 280 x 319 x 280", 8,
                round(edges.matrix / 1e9))
    row = [3, 3, 9, 9, 1]
    yield Claim(slide, "Each pixel minus its left neighbour", [0, 6, 0, -8],
                see.convolve(row, [1, -1], "valid").astype(int).tolist())
    random = np.random.Generator(np.random.PCG64(0))
    image = random.integers(0, 9, (1, 12, 12, 1)).astype(np.float32)
    layer = layers.Conv2D(1, 3, use_bias=False)
    shifted = np.roll(image, 1, axis=2)
    before, after = run_layer(layer, image), run_layer(layer, shifted)
    yield Claim("Equivariance", "convo(g(I)) = g(convo(I)) for a shift by one pixel, away from the border", True,
                np.array_equal(before[:, :, :-1], after[:, :, 1:]))
    spot = np.array([0, 1, 0, 0])
    moved = np.array([spot[x - 1] for x in range(4)])
    yield Claim("Equivariance", "g(I(x, y)) = I(x - 1, y) shifts every pixel to the", "left",
                "left" if moved.argmax() < spot.argmax() else "right",
                "What stood at x = 1 is found where x - 1 = 1, at x = 2: one unit to the right. I(x + 1, y) would "
                "shift to the left. Either way the convolution moves with it.")
    found = see.connectivity(pixels=28, neurons=26, taps=3)
    yield Claim("Parameter Sharing", "k parameters instead of m x n: kernel of 3, 28 inputs, 26 outputs", (3, 28 * 26),
                (found.shared, found.full))
    yield Claim("Property 1: Sparse Interactions", "k x n connections instead of m x n", (3 * 26, 28 * 26),
                (found.sparse, found.full))
    model = zoo.build("uva")
    windows = [see.receptive_field(model, layer).size[0] for layer in model.layers
               if type(layer).__name__ == "Conv2D"]
    yield Claim("Property 1: Sparse Interactions", "Neurons of later convolutions see more of the picture (the "
                f"listing's five: {', '.join(map(str, windows))} pixels)", True,
                windows == sorted(set(windows)) and windows[0] == 7)
    three = run_layer(layers.Conv2D(3, 3), np.zeros((1, 9, 9, 1), np.float32))
    yield Claim("Stack of feature maps", "Three 3x3 kernels on a 9x9 picture give three maps of equal size", (7, 7, 3),
                three.shape[1:])
    same = layers.Conv2D(1, 3, padding="same").compute_output_shape((1, 28, 28, 1))[1:3]
    yield Claim("Hyperparameter: Same/Zero Padding", "Without padding the picture shrinks: 28 with a kernel of 3", 26,
                layers.Conv2D(1, 3).compute_output_shape((1, 28, 28, 1))[1])
    yield Claim("Hyperparameter: Same/Zero Padding", "The output keeps the size 28x28", (28, 28), same)
    wide = layers.Conv2D(1, 3, strides=2, use_bias=False)
    after = run_layer(wide, image)
    every = layers.Conv2D(1, 3, use_bias=False)
    every.build(image.shape)
    every.kernel.assign(wide.kernel.numpy())
    yield Claim("Hyperparameter: Stride", "With stride 2 it is the same convolution, every second row and column left "
                "out", True, bool(np.allclose(after, run_layer(every, image)[:, ::2, ::2], atol=1e-5)))


def _pooling() -> Iterator[Claim]:
    pool = layers.MaxPooling1D(3, strides=1, padding="same")
    lines = [np.array(line, np.float32) for line in ((0.1, 1, 0.2, 0.1), (0.3, 0.1, 1, 0.2))]
    pooled = [run_layer(pool, line.reshape(1, 4, 1)).ravel() for line in lines]
    slide = "Max Pooling, shifted by one pixel"
    yield Claim(slide, "Values of the bottom row that changed, of 4", 4, int((lines[0] != lines[1]).sum()))
    yield Claim(slide, "Pooled values that changed (width 3, stride 1), of 4: half", 2,
                int((pooled[0] != pooled[1]).sum()))
    yield Claim("Pooling Layer", "Weights of a pooling neuron", 0, int(pool.count_params()))
    table = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], np.float32)
    yield Claim("Max Pooling", "max pool with 2x2 filters and stride 2", np.array([[6, 8], [3, 4]]),
                run_layer(layers.MaxPooling2D(2, 2), table[np.newaxis, ..., np.newaxis])[0, ..., 0].astype(int))


def _network() -> Iterator[Claim]:
    model = zoo.build("uva")
    slide = "Implementing a CNN architecture"
    yield Claim(slide, "Layers of the listing", 14, len(model.layers))
    yield Claim(slide, "Probabilities of a picture add up to 1", 1.0,
                round(float(model.predict(np.zeros((1, 28, 28, 1), np.float32), verbose=0).sum()), 5))
    slide = "Train/test a CNN on Fashion-MNIST"
    yield Claim(slide, "Pictures that are validated on, of Fashion-MNIST's 60,000 with 55,000 to train on", 5000,
                round(60_000 * VALIDATION_SHARE))
    derived = [time * 55_000 / 1e6 for time in MICROSECONDS]
    yield Claim(slide, "Seconds of each epoch follow from microseconds a sample, to a second", True,
                all(abs(found - said) <= 1 for found, said in zip(derived, SECONDS, strict=True)))
    yield Claim(slide, "Seconds of the test, at 239 microseconds a sample", 2, int(10_000 * 239 / 1e6))
    yield Claim(slide, "The best validation accuracy is that of epoch", 9, int(np.argmax(VALIDATION)) + 1)
    yield Claim(slide, "The lowest validation loss, after which training goes on to overfit, is that of epoch", 8,
                int(np.argmin(VALIDATION_LOSS)) + 1)


def _letters() -> Iterator[Claim]:
    found = see.x_or_o()
    slide = "A simple example of classifying X or O"
    yield Claim(slide, "Feature map of the first kernel", MAP, cut(found.maps[..., 0]))
    yield Claim(slide, "After ReLU", np.maximum(MAP, 0), cut(found.relu[..., 0]))
    yield Claim(slide, "After max pooling", POOLED, cut(found.pooled[..., 0]))
    plain = run_layer(layers.MaxPooling2D((2, 2), strides=2), found.relu[np.newaxis])
    yield Claim(slide, "Side of the pooled map with Keras' own padding", POOLED.shape[0], plain.shape[1],
                'Keras pools without padding unless told otherwise, which gives floor((7 - 2) / 2) + 1 = 3 and loses '
                'the last row and column. The slide\'s 4x4 needs padding="same".')
    yield Claim(slide, "The X is called", "X", found.said)
    yield Claim(slide, "A ring is called", "O", see.x_or_o(x_or_o.plain_o()).said)
    tricky = [x_or_o.draw(letter, **how) for letter in (0, 1)
              for how in ({"shift": (1, -1)}, {"scale": 0.85}, {"angle": 12.0}, {"thickness": 1.8})]
    right = sum(see.x_or_o(picture).said == name
                for picture, name in zip(tricky, ["X"] * 4 + ["O"] * 4, strict=True))
    yield Claim("Tricky cases", "Shifted, smaller, turned and thicker letters that are recognised, of 8", 8, right)


def _operation() -> Iterator[Claim]:
    errors = see.noisy_sensor().facts["error"].split()
    yield Claim("The convolution operation", "Averaging with weights by age brings the spaceship's laser nearer to the "
                "truth", True, float(errors[2]) < float(errors[0]))
    random = np.random.Generator(np.random.PCG64(1))
    forms = see.convolution_forms(random.integers(0, 5, (5, 5)), random.integers(0, 5, (3, 3)))
    yield Claim("The convolution operation", "Cross-correlation, written (I * K)(i, j) as well, is the convolution",
                True, bool(np.allclose(forms.convolution, forms.correlation)),
                "They are equal only if the kernel looks the same after being flipped both ways. They are 'equivalent' "
                "in that a network may learn the flipped kernel instead.")


def trainings(subset: bool, say: Callable[[str], None]) -> list[Claim]:
    """The network on Fashion-MNIST, as the slides train it."""
    from striate.systems.fashion import classifier_accuracy

    say("Training the slides' network on Fashion-MNIST for 10 epochs.")
    accuracy = classifier_accuracy("uva", subset)
    why = "A tenth of the data was used (--subset)." if subset else ""
    return [Claim("Train/test a CNN on Fashion-MNIST", "Test accuracy after 10 epochs, at least", TEST,
                  round(accuracy, 4), why, least=True)]
