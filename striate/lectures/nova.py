"""NOVA Lisbon, AI for biology: convolution in mathematics, Keras' Sequential API, Auto MPG, Fashion-MNIST."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from striate import Input, Sequential, layers, ops, optimizers, see, utils, zoo
from striate.callbacks.history import finished
from striate.datasets import auto_mpg, fashion_mnist
from striate.errors import ShapeError
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
    yield from _motivation()
    yield from _layers()
    yield from _keras()
    yield from _training()
    yield from _regression()
    yield from _fashion()


def _mathematics() -> Iterator[Claim]:
    random = np.random.Generator(np.random.PCG64(0))
    x, w = random.integers(-3, 4, 12).astype(float), random.integers(-3, 4, 5).astype(float)
    yield Claim("What is convolution", "f * g = g * f", np.convolve(x, w).tolist(), np.convolve(w, x).tolist())
    yield Claim("What is convolution", "The answer of a linear, time-invariant system is the input convolved with its "
                "impulse response", True, see.impulse_response().facts["largest difference"] < 1e-9)
    reach = len(w) - 1
    padded = np.pad(x, reach)
    swept = [float(padded[t:t + len(w)] @ w[::-1]) for t in range(len(x) + reach)]
    yield Claim("What is convolution", "Turn the response round, then integrate the product at each shift: the "
                "convolution", np.convolve(x, w).tolist(), swept)
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


def _motivation() -> Iterator[Claim]:
    """Sparse interactions, shared parameters, equivariance, depth, padding and stride."""
    convolution, full = layers.Conv2D(32, 3, padding="same"), layers.Dense(28 * 28 * 32)
    convolution.build((1, 28, 28, 1))
    full.build((1, 28 * 28))
    counts = [int(layer.count_params()) for layer in (convolution, full)]
    yield Claim("Motivation: sparse interactions", "A convolutional network has fewer connections than an MLP: weights "
                "of the exercise's first convolution, and of a dense layer between the same numbers",
                [(9 + 1) * 32, (784 + 1) * 784 * 32], counts)
    found = see.connectivity(pixels=5, neurons=3, taps=3)
    yield Claim("Motivation: parameter sharing", "Sparse connections, and the same parameters for all inputs: of 5 "
                "inputs and 3 outputs", (9, 3), (found.sparse, found.shared))
    row = [2, 2, 7, 7, 3]
    yield Claim("Motivation: parameter sharing", "Subtracting the pixel on the left finds edges: 2 2 7 7 3 becomes",
                [0, 5, 0, -4], see.convolve(row, [1, -1], "valid").astype(int).tolist())
    image = np.zeros((1, 12, 12, 1), np.float32)
    image[0, 4:7, 4:7, 0] = np.arange(9).reshape(3, 3)
    shared = layers.Conv2D(1, 3, padding="same", use_bias=False)
    before, after = run_layer(shared, image), run_layer(shared, np.roll(image, 2, axis=2))
    yield Claim("Motivation: equivariance", "Moving the image moves the feature map", True,
                np.array_equal(np.roll(before, 2, axis=2), after))
    one, two = (np.roll(image, step, axis=1) for step in (0, 3))
    yield Claim("Nonlinear transformation", "A convolution is linear: of a sum it gives the sum; with ReLU it does not",
                (True, False), tuple(bool(np.allclose(run_layer(layer, one - two), run_layer(layer, one)
                                                      - run_layer(layer, two), atol=1e-4))
                                     for layer in (shared, layers.Activation("relu"))))
    slide = "Hyperparameters of a convolution layer"
    yield Claim(slide, "Depth is the number of filters, padding keeps the size, stride 2 halves it",
                [(28, 28, 64), (26, 26, 64), (14, 14, 64)],
                [layers.Conv2D(64, 3, **how).compute_output_shape((1, 28, 28, 1))[1:]
                 for how in ({"padding": "same"}, {}, {"padding": "same", "strides": 2})])


def _layers() -> Iterator[Claim]:
    table = np.array([[1, 0, 2, 3], [4, 6, 6, 8], [3, 1, 1, 0], [1, 2, 2, 4]], np.float32)
    yield Claim("Pooling: aggregating outputs", "Example: max pooling", np.array([[6, 8], [3, 4]]),
                run_layer(layers.MaxPooling2D(2), table[np.newaxis, ..., np.newaxis])[0, ..., 0].astype(int))
    lines = [np.array(line, np.float32).reshape(1, 4, 1) for line in ((0.1, 1, 0.2, 0.1), (0.3, 0.1, 1, 0.2))]
    pooled = [run_layer(layers.MaxPooling1D(3, strides=1, padding="same"), line) for line in lines]
    yield Claim("Pooling: aggregating outputs", "Nearly invariant to small shifts: all 4 inputs change when they move "
                "by one, of the pooled values only", (4, 2),
                (int((lines[0] != lines[1]).sum()), int((pooled[0] != pooled[1]).sum())))
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
    refused = []
    for network in (model, Sequential([Input((None, None, 1)), layers.Conv2D(4, 3), layers.GlobalMaxPooling2D(),
                                       layers.Dense(10)])):
        try:
            network.compute_output_shape((1, 32, 32, 1))
            network(np.zeros((1, 32, 32, 1), np.float32))
            refused.append(False)
        except ShapeError:
            refused.append(True)
    yield Claim("Classification with CNN", "Fully connected layers at the end force a fixed size of input: 32x32 is "
                "refused by the exercise's network, not by one with global pooling", [True, False], refused)


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


def _training() -> Iterator[Claim]:
    """What is said of normalization and dropout, and what compile, fit and the saved weights give."""
    x = np.random.Generator(np.random.PCG64(3)).normal(3, 2, (512, 4)).astype(np.float32)
    normal = run_layer(layers.BatchNormalization(), x, training=True)
    yield Claim("Side note", "After batch normalization the input of the next layer is standardized: mean and spread",
                [0.0, 1.0], [abs(round(float(normal.mean()), 3)), round(float(normal.std()), 3)])
    dropped = run_layer(layers.Dropout(0.5, seed=1), normal, training=True)
    yield Claim("Side note", "Dropout changes the scale that a later batch normalization learns: in training the "
                "spread is larger than in prediction", True, float(dropped.std()) > 1.3 * float(normal.std()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optimizer = optimizers.SGD(lr=0.01, momentum=0.9, decay=0.01 / 25)
    model = Sequential([Input((4,)), layers.Dense(2, activation="softmax")])
    model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["acc"])
    targets = utils.to_categorical((x[:, 0] > 3).astype(int), 2)
    history = finished(model.fit(x[:256], targets[:256], validation_data=(x[256:], targets[256:]), batch_size=32,
                                 epochs=2, verbose=0))
    slide = "Compiling the model"
    yield Claim(slide, "Rate that SGD(lr=0.01, decay=0.01 / 25) has after 16 steps, 0.01 / (1 + 16 x 0.0004)",
                round(0.01 / (1 + 16 * 0.01 / 25), 7), round(float(optimizer._current_rate()), 7))
    yield Claim(slide, "Keys of history.history", ["acc", "loss", "val_acc", "val_loss"], sorted(history.history))
    yield Claim(slide, "The history object has the model and the parameters", (True, 2),
                (history.model is model, history.params["epochs"]))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "saved.weights.h5"
        model.save_weights(file)
        again = Sequential([Input((4,)), layers.Dense(2, activation="softmax")])
        again.load_weights(file)
    yield Claim(slide, "The saved weights can be loaded", True,
                all(np.array_equal(one, two) for one, two in zip(model.get_weights(), again.get_weights(),
                                                                 strict=True)))


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
    (images, labels), _ = fashion_mnist.load_data(subset=True)
    yield Claim("Fashion MNIST", "Grey pictures of 28x28 in 10 classes (the tenth that ships)", ((28, 28), 10),
                (images.shape[1:], len(np.unique(labels))))
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
