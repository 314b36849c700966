"""TU Eindhoven, deep learning for industry: from full connections to convolutions, and Keras' functional API."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator

import numpy as np

from striate import layers, losses, optimizers, see, zoo
from striate.callbacks.history import finished
from striate.lectures.claims import Claim
from striate.see.films import run_layer

TITLE = "Convolutional neural networks"
SOURCE = "TU Eindhoven, Deep learning course for industry, 2020"
REMARKS = (
    "Keras is said to run on TensorFlow, CNTK or Theano, as it did in 2020. Keras 3 runs on TensorFlow, JAX and Torch.",
    "SGD(lr=0.01) and activation='ReLU' are spellings that Keras 3 refuses; striate takes both.",
)
LISTING = """
inputs = keras.Input(shape=[64, 64, 1])
conv1 = keras.layers.Conv2D(filters=16, kernel_size=3, strides=(1, 1), padding="same", activation="relu")
maxPool1 = keras.layers.MaxPool2D(pool_size=(2, 2), strides=(2, 2), padding="valid")
conv2 = keras.layers.Conv2D(filters=32, kernel_size=3, strides=(1, 1), padding="same", activation="relu")
maxPool2 = keras.layers.MaxPool2D(pool_size=(2, 2), strides=(2, 2), padding="valid")
dense = keras.layers.Dense(units=100, activation="ReLU")
output = keras.layers.Dense(units=1, activation="sigmoid")
x = maxPool1(conv1(inputs))
x = maxPool2(conv2(x))
x = flatten(x)
x = dense(x)
outputs = output(x)
"""


def claims() -> Iterator[Claim]:
    """What the slides say and what is found."""
    yield from _connections()
    yield from _sizes()
    yield from _translation()
    yield from _interface()
    yield from _network()


def _connections() -> Iterator[Claim]:
    dense = layers.Dense(3)
    dense.build((1, 25))
    yield Claim("Images as inputs to a neural network", "(height x width x channels + 1) x neurons of a 5x5 image and "
                "3 neurons", (5 * 5 * 1 + 1) * 3, int(dense.count_params()))
    found = see.connectivity(pixels=5, neurons=3, taps=3)
    slide = "Towards convolutional neural networks"
    yield Claim(slide, "Parameters with full connectivity", 15, found.full)
    yield Claim(slide, "Parameters with sparse connectivity", 9, found.sparse)
    yield Claim(slide, "Parameters with shared weights", 3, found.shared)
    shared = layers.Conv1D(1, 3)
    shared.build((1, 5, 1))
    yield Claim(slide, "Biases 'in each case'", 3, int(shared.count_params()) - 3,
                "Full and sparse connections have a bias for each of the three neurons. A convolution shares its bias "
                "as it shares its weights: one for each feature map.")
    x, w = np.array([2.0, 7.0, 1.0, 8.0, 2.0]), np.array([3.0, 1.0, 4.0])
    sums = (see.toeplitz(w, 5).matrix @ x).tolist()
    yield Claim(slide, "[a1, a2, a3] = x * [w3, w2, w1] for x = 2 7 1 8 2 and w = 3 1 4", sums,
                np.convolve(x, w[::-1], "valid").tolist())
    yield Claim(slide, "Numbers that the convolution * of five by three numbers has", 3, len(np.convolve(x, w)),
                "The mathematicians' convolution also counts partial overlaps, with zeros outside. The slide means its "
                "middle, where the kernel fits wholly ('valid').")


def _sizes() -> Iterator[Claim]:
    yield Claim("Adding a second feature map", "Hidden layer of a 5x5 image, 3x3 kernels and 2 feature maps", (3, 3, 2),
                layers.Conv2D(2, 3).compute_output_shape((1, 5, 5, 1))[1:])
    slide = "Computing the output size"
    yield Claim(slide, "(5 - 3 + 2 x 1) / 1 + 1", 5,
                layers.Conv2D(1, 3, padding="same").compute_output_shape((1, 5, 5, 1))[1])
    yield Claim(slide, "The formula for an input of 28, a kernel of 3, no padding and a stride of 2",
                (28 - 3 + 2 * 0) / 2 + 1, layers.Conv2D(1, 3, strides=2).compute_output_shape((1, 28, 28, 1))[1],
                "The formula lacks a floor: where the stride does not fit, the rest of the input is left out. "
                "floor((28 - 3) / 2) + 1 = 13.")
    yield Claim("Max-pooling", "A 2x2 kernel with stride 2 halves a side of 64", 32,
                layers.MaxPooling2D(2).compute_output_shape((1, 64, 64, 1))[1])


def _translation() -> Iterator[Claim]:
    random = np.random.Generator(np.random.PCG64(0))
    image = np.zeros((1, 16, 16, 1), np.float32)
    image[0, 5:9, 5:9, 0] = random.integers(1, 9, (4, 4))
    layer = layers.Conv2D(2, 3, use_bias=False)
    before, after = run_layer(layer, image), run_layer(layer, np.roll(image, 2, axis=1))
    yield Claim("Equivariance and invariance to translation", "The output is translated as the input is", True,
                np.array_equal(np.roll(before, 2, axis=1), after))
    local = layers.MaxPooling2D(3, strides=1)
    one = np.zeros((1, 9, 9, 1), np.float32)
    one[0, 4, 4] = 1
    pooled = [run_layer(local, np.roll(one, step, axis=1)) for step in (0, 1)]
    yield Claim("Equivariance and invariance to translation", "Max-pooling is partly invariant: of the 9 values that a "
                "bright pixel gives in 3x3 windows, so many stay when it moves by one", 6,
                int((pooled[0] * pooled[1]).sum()))
    pool = layers.GlobalMaxPooling2D()
    yield Claim("Equivariance and invariance to translation", "After max-pooling (over everything) it remains the same",
                True, np.array_equal(run_layer(pool, before), run_layer(pool, after)))


def _interface() -> Iterator[Claim]:
    """What the slides say of Keras' two ways to make a model."""
    from striate import Input, Model, Sequential

    stack = Sequential([Input((8,)), layers.Dense(4), layers.Dense(2)])
    yield Claim("Implementing neural networks in Keras", "The Sequential model is a linear stack of layers", True,
                stack.layers[1].input is stack.layers[0].output)
    left, right, shared = Input((8,)), Input((8,)), layers.Dense(4)
    both = Model([left, right], [layers.Dense(1)(shared(left)), layers.Dense(3)(layers.add([shared(left),
                                                                                           shared(right)]))])
    slide = "Functional API"
    yield Claim(slide, "Models with several inputs and outputs: how many of each", (2, 2),
                (len(both.inputs), len(both.outputs)))
    yield Claim(slide, "A shared layer has its weights once: parameters of 8 x 4 + 4, 4 + 1 and 4 x 3 + 3", 36 + 5 + 15,
                int(both.count_params()))
    shapes = [layers.Conv2D(2, 3).compute_output_shape((1, side, side, 1))[1] for side in (64, 128)]
    yield Claim("A 'typical' CNN architecture", "Without pooling or stride the map stays as large as the image, less "
                "the border", [62, 126], shapes)


def _network() -> Iterator[Claim]:
    model = zoo.build("tue")
    slide = "Example implementation"
    yield Claim(slide, "Channels of the 'placeholder for RGB images'", 3, int(model.input_shape[-1]),
                "shape=[64, 64, 1] is a grey image; for RGB it must end in 3.")
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
    yield Claim(slide, "Size after two poolings", (16, 16, 32),
                next(shape for name, shape in reversed(list(shapes.items())) if "pool" in name))
    tree = ast.parse(LISTING)
    made = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    yield Claim(slide, "Names that are used and nowhere made", [], sorted(used - made - {"keras"}),
                "No slide makes flatten; it should be flatten = keras.layers.Flatten().")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss = [float(np.asarray(losses.categorical_crossentropy(np.ones((1, 1), np.float32),
                                                                 np.array([[share]], np.float32)))[0])
                for share in (0.1, 0.5, 0.9)]
        optimizer = optimizers.SGD(lr=0.01, momentum=0.9)
    yield Claim("Training a model", "categorical_crossentropy tells predictions of 0.1, 0.5 and 0.9 apart", True,
                len(set(loss)) > 1,
                f"For a single output it is {loss[0]:.3g} whatever the network says, because one probability alone is "
                "divided by itself: nothing is learnt. binary_crossentropy is the loss for one sigmoid output.")
    yield Claim("Training a model", "Learning rate and momentum of SGD(lr=0.01, momentum=0.9)", [0.01, 0.9],
                [round(float(optimizer.learning_rate), 6), optimizer.momentum])
    answers = model.predict(np.linspace(0, 1, 4 * 64 * 64, dtype=np.float32).reshape(4, 64, 64, 1), batch_size=128,
                            verbose=0)
    yield Claim("Model evaluation", "classes = model.predict(...) gives classes, 0 or 1", True,
                bool(np.isin(answers, (0, 1)).all()),
                "predict gives what the last layer gives, here the probability of the second class, shape "
                f"{answers.shape}. The classes are (model.predict(x) > 0.5).astype(int); of a softmax, argmax(axis=1).")


def trainings(subset: bool, say: Callable[[str], None]) -> list[Claim]:
    """The network with the slides' loss and with the one that fits, on simulated pictures of 64x64."""
    from striate import utils
    from striate.datasets import simulated_ca

    say("Training the slides' network with two losses on 256 simulated pictures.")
    x, y, _ = simulated_ca.load_sessions([0], frames=256)
    x = x.reshape(len(x), 64, 2, 64, 2, 1).mean(axis=(2, 4))
    change = {}
    for loss in ("categorical_crossentropy", "binary_crossentropy"):
        utils.clear_session()
        utils.set_random_seed(0)
        model = zoo.build("tue")
        model.compile(loss=loss, optimizer=optimizers.SGD(learning_rate=0.01, momentum=0.9))
        before = [np.array(weight) for weight in model.get_weights()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            finished(model.fit(x, y.astype(np.float32)[:, np.newaxis], epochs=2, batch_size=32, verbose=0))
        change[loss] = max(float(np.abs(new - old).max())
                           for new, old in zip(model.get_weights(), before, strict=True))
    return [Claim("Training a model", "Two epochs with categorical_crossentropy change the weights", True,
                  change["categorical_crossentropy"] > 1e-4, "Its gradient is zero: see above."),
            Claim("Training a model", "Two epochs with binary_crossentropy change the weights", True,
                  change["binary_crossentropy"] > 1e-4)]
