"""NOVA Lisbon, AI for biology: convolution in mathematics, Keras' Sequential API, Auto MPG, Fashion-MNIST."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import numpy as np

from striate import layers, ops, see, utils, zoo
from striate.datasets import auto_mpg
from striate.lectures.claims import Claim
from striate.see.films import run_layer

TITLE = "Convolutional Networks"
SOURCE = "NOVA Lisbon, Técnicas de IA para Biologia"
REMARKS = (
    "SGD(lr=..., decay=...) is the spelling of Keras 2: Keras 3 refuses lr and ignores decay. striate takes both and "
    "divides the rate by 1 + decay * steps, as Keras 2 did.",
    "history.history has the key 'acc' only if the metric was asked for by that name; asked for as 'accuracy', striate "
    "finds it under 'acc' as well.",
    "In the printed history the validation accuracy of the first epoch (0.1974) lies far below the training accuracy "
    "(0.7736): after one epoch the moving averages of batch normalization are still far from the data.",
    "validation_data=(testX, testY) validates on the test images: whoever chooses epochs or variants by it has no "
    "unseen images left. striate train and striate compare hold 5,000 training images out instead.",
    "The columns of the course's AutoMPG.tsv are not public; striate's table has the eight of the UCI data set.",
)
IMPORT_LINE = "from tensorflow.keras.layers import BatchNormalization,Conv2D,MaxPooling2D,"


def claims() -> Iterator[Claim]:
    """What the slides say and what is found."""
    yield from _mathematics()
    yield from _layers()
    yield from _keras()
    yield from _regression()
    yield from _fashion()


def _mathematics() -> Iterator[Claim]:
    random = np.random.Generator(np.random.PCG64(0))
    x, w = random.integers(-3, 4, 12).astype(float), random.integers(-3, 4, 5).astype(float)
    yield Claim("What is convolution", "f * g = g * f", np.convolve(x, w).tolist(), np.convolve(w, x).tolist())
    yield Claim("What is convolution", "The answer of a linear, time-invariant system is the input convolved with its "
                "impulse response", True, see.impulse_response().facts["largest difference"] < 1e-9)
    yield Claim("For finding patterns", "The spike is found where it stands, at 140", 140,
                int(see.matched_filter(place=140).facts["found at"]))
    printed = [sum(x[t] * w[t - m] for m in range(len(x)) if 0 <= t - m < len(w)) for t in range(len(x))]
    yield Claim("Discrete convolution", "s(t) as the formula is printed, with x(t) inside the sum, is x * w", True,
                bool(np.allclose(printed, np.convolve(x, w)[:len(x)])),
                "Inside the sum stands x(t), which does not depend on m and could be taken out of it. It should be "
                "x(m): s(t) = sum over m of x(m) w(t - m).")
    forms = see.convolution_forms(random.integers(0, 5, (6, 6)), random.integers(0, 5, (3, 3)))
    yield Claim("Two-dimensional convolution", "Indexing the image around (i, j) instead of the kernel gives the same",
                True, bool(np.allclose(forms.convolution, forms.commuted)))


def _layers() -> Iterator[Claim]:
    window = np.array([[1, 2], [3, 4]], np.float32).reshape(1, 2, 2, 1)
    l2 = np.sqrt(run_layer(layers.AveragePooling2D(2), window ** 2) * 4)
    yield Claim("Pooling: aggregating outputs", "L2-norm pooling of 1, 2, 3, 4: the root of the sum of squares",
                round(float(np.sqrt(30)), 5), round(float(l2[0, 0, 0, 0]), 5))
    yield Claim("Pooling Stride", "Pooling with stride 1 and padding preserves the size 9x9", (9, 9),
                layers.MaxPooling2D(3, strides=1, padding="same").compute_output_shape((1, 9, 9, 1))[1:3])
    yield Claim("Pooling Stride", "With stride = size, regions of 3 in 9 pixels do not overlap: outputs", 3,
                layers.MaxPooling1D(3).compute_output_shape((1, 9, 1))[1])
    model = zoo.build("nova")
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    first, last = (see.receptive_field(model, layer).size[0] for layer in (convolutions[0], convolutions[-1]))
    yield Claim("Motivation: sparse interactions", "Deeper neurons have a larger receptive field: the fourth "
                "convolution's is larger than the first's 3 pixels", True, last > first == 3)


def _keras() -> Iterator[Claim]:
    yield Claim("Building a model with Keras", "The line of imports is Python", True, _is_python(IMPORT_LINE),
                "A comma at the end of an import line is a syntax error. striate run --from-slides repairs it.")
    random = np.random.Generator(np.random.PCG64(0))
    first, second = layers.Conv2D(4, 3, padding="same", use_bias=False), layers.Conv2D(2, 3, padding="same",
                                                                                       use_bias=False)
    one, two = (random.normal(size=(1, 8, 8, 1)).astype(np.float32) for _ in range(2))

    def both(image):
        return run_layer(second, run_layer(first, image))
    linear = np.allclose(both(one + two), both(one) + both(two), atol=1e-4)
    yield Claim("Building a model with Keras", "The listing's convolutions are followed by something nonlinear", True,
                not linear,
                "The listing gives its convolutions no activation: between two of them without pooling nothing would "
                "be gained by the second, and only the pooling is nonlinear. The exercise's model has ReLU.")


def _is_python(line: str) -> bool:
    try:
        ast.parse(line)
    except SyntaxError:
        return False
    return True


def _regression() -> Iterator[Claim]:
    from striate.systems.auto_mpg import linear_error

    slide = "Regression with the Auto MPG Data Set"
    (x_train, y_train), (x_valid, y_valid) = auto_mpg.load_data(seed=None)
    yield Claim(slide, "Examples", 392, len(y_train) + len(y_valid))
    yield Claim(slide, "For validation, of 392 with 300 to train on", 92, len(y_valid))
    shuffled = float(np.mean([linear_error(seed) for seed in range(20)]))
    yield Claim(slide, "A linear model's error in mpg on rows 300 to 391 is like that after shuffling (20 splits)",
                round(shuffled, 2), round(linear_error(None), 2),
                "The table is in order of model year, and the listing does not shuffle it, though the pointers above "
                "it say so: it is trained on old cars and validated on new ones.")
    everything = np.concatenate([y_train, y_valid])
    yield Claim(slide, "Mean miles per gallon used for standardising is that of the training part",
                round(float(y_train.mean()), 2), round(float(everything.mean()), 2),
                "Mean and spread are taken over all rows, so the validation part takes part in the training; with the "
                "table in its order the difference is large. Take them from the training part.")


def _fashion() -> Iterator[Claim]:
    yield Claim("Import the dataset and set up the data", "One-hot rows of the labels 5 and 8",
                np.array([[0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]]),
                utils.to_categorical([5, 8], 10).astype(int))
    scores = np.random.Generator(np.random.PCG64(0)).normal(size=(4, 10)).astype(np.float32)
    yield Claim("Import the dataset and set up the data", "Softmax gives vectors with the sum 1", [1.0] * 4,
                np.round(np.asarray(ops.softmax(scores)).sum(axis=1), 5).tolist())
    model = zoo.build("nova")
    kinds = [type(layer).__name__ for layer in model.layers]
    slide = "Model for this exercise"
    yield Claim(slide, "3x3 convolutions with 32 and 64 filters, two of each", [32, 32, 64, 64],
                [layer.filters for layer in model.layers if type(layer).__name__ == "Conv2D"])
    yield Claim(slide, "Batch normalizations after convolutions and the dense layer", 5,
                kinds.count("BatchNormalization"))
    yield Claim(slide, "Neurons of the dense layer and of the softmax", [512, 10],
                [layer.units for layer in model.layers if type(layer).__name__ == "Dense"])
    recipe = zoo.recipe("nova")
    yield Claim(slide, "Epochs and momentum", [25, 0.9], [recipe.epochs, recipe.optimizer_arguments["momentum"]])
    yield Claim(slide, "Dropout before the last layer, in percent", [50],
                [round(100 * layer.rate) for layer in model.layers if type(layer).__name__ == "Dropout"])
    last = max(place for place, kind in enumerate(kinds) if kind == "BatchNormalization")
    yield Claim("Side note", "Dropout stands after all batch normalizations", True, kinds.index("Dropout") > last)
    pools = [(layer.pool_size, layer.strides) for layer in model.layers if type(layer).__name__ == "MaxPooling2D"]
    yield Claim(slide, "Max pooling of 2x2 and the same stride, in both stacks", [((2, 2), (2, 2))] * 2, pools)
    yield Claim(slide, "Numbers that a picture has become before the dense layer, 7 x 7 x 64", 3136,
                model.layers[kinds.index("Flatten")].output.shape[-1])


def trainings(subset: bool, say: Callable[[str], None]) -> list[Claim]:
    """The exercise's network on Fashion-MNIST, and the regression."""
    from striate.systems import auto_mpg as regression
    from striate.systems.fashion import classifier_accuracy

    say("Training the exercise's network on Fashion-MNIST for 25 epochs.")
    why = "A tenth of the data was used (--subset)." if subset else ""
    accuracy = Claim("Model for this exercise", "Test accuracy, expected at least", 0.92,
                     round(classifier_accuracy("nova", subset), 4), why, least=True)
    say("Training the regression of Auto MPG on five splits.")
    found = regression.compare(splits=5, activations=("relu",), rates=(0.01,)).rows
    errors = {row["variant"]: row["validation error"] for row in found}
    network = min(error for name, error in errors.items() if name != "linear model")
    return [accuracy, Claim("Regression with the Auto MPG Data Set", "The network's error lies below a linear model's",
                            True, network < errors["linear model"])]
