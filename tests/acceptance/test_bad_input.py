"""Wrong calls, one clear error each before anything is computed: what, expected, received, and how to mend it."""

import warnings

import numpy as np
import pytest

import striate as keras
from striate import layers
from striate.errors import StriateError
from striate.models.training import loops

X, Y = np.zeros((8, 6, 6, 1), np.float32), np.arange(8) % 3


def model(loss="sparse_categorical_crossentropy"):
    """A small classifier of 6x6 pictures into three classes, compiled."""
    made = keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    made.compile("sgd", loss)
    return made


def unknown_metric():
    """A model with a metric that is not to be found; as in Keras this shows at the first batch."""
    made = model()
    made.compile("sgd", "sparse_categorical_crossentropy", metrics=["acuracy"])
    return made


def one_nan(array):
    """The array with one number missing."""
    found = np.array(array, np.float32)
    found.reshape(-1)[5] = np.nan
    return found


CALLS = {
    "rank": lambda: model().fit(X[..., 0, 0], Y),
    "shape": lambda: model().fit(X[:, :5], Y),
    "shape in predict": lambda: model().predict(X[:, :5]),
    "shape in evaluate": lambda: model().evaluate(X[:, :5], Y),
    "shape in train_on_batch": lambda: model().train_on_batch(X[:, :5], Y),
    "text as data": lambda: model().fit(np.full(X.shape, "a"), Y),
    "objects as data": lambda: model().fit(np.array([X[0], X[1, :3]], dtype=object), Y[:2]),
    "labels too large": lambda: model().fit(X, Y + 1),
    "labels below 0": lambda: model().fit(X, Y - 1),
    "labels that are no whole numbers": lambda: model().fit(X, Y + 0.5),
    "one-hot labels for a sparse loss": lambda: model().fit(X, np.eye(3)[Y]),
    "class numbers for a one-hot loss": lambda: model("categorical_crossentropy").fit(X, Y),
    "NaN in x": lambda: model().fit(one_nan(X), Y),
    "NaN in y": lambda: model("mse").fit(X, one_nan(np.eye(3)[Y])),
    "NaN in validation data": lambda: model().fit(X, Y, validation_data=(one_nan(X), Y)),
    "NaN in sample weights": lambda: model().fit(X, Y, sample_weight=one_nan(np.ones(8))),
    "sample weights of another length": lambda: model().fit(X, Y, sample_weight=np.ones(5)),
    "lengths": lambda: model().fit(X, Y[:5]),
    "batch size 0": lambda: model().fit(X, Y, batch_size=0),
    "batch size a half": lambda: model().fit(X, Y, batch_size=2.5),
    "validation split over 1": lambda: model().fit(X, Y, validation_split=1.5),
    "class weights for a class that is not there": lambda: model().fit(X, Y, class_weight={"cat": 1}),
    "no loss": lambda: keras.Sequential([keras.Input((2,)), layers.Dense(1)]).fit(np.ones((2, 2)), np.ones(2)),
    "loss": lambda: model("crosentropy").fit(X, Y),
    "optimizer": lambda: model().compile("adamm", "mse"),
    "metric": lambda: unknown_metric().fit(X, Y),
    "activation": lambda: layers.Dense(3, activation="relo"),
    "initializer": lambda: layers.Dense(3, kernel_initializer="glorot"),
    "padding": lambda: layers.Conv2D(3, 3, padding="some"),
    "units": lambda: layers.Dense(0),
    "filters": lambda: layers.Conv2D(-1, 3),
    "kernel size": lambda: layers.Conv2D(1, (3, 3, 3)),
    "pool size": lambda: layers.MaxPooling2D(0),
    "rate": lambda: layers.Dropout(1.5),
    "groups": lambda: layers.Conv2D(3, 3, groups=2)(keras.Input((8, 8, 4))),
    "image smaller than the kernel": lambda: layers.Conv2D(3, 9)(keras.Input((8, 8, 1))),
    "rank of a convolution's input": lambda: layers.Conv2D(3, 3)(keras.Input((8, 8))),
    "sum of two shapes": lambda: layers.Add()([keras.Input((3,)), keras.Input((4,))]),
    "output shape of an einsum": lambda: layers.EinsumDense("abc,cd->abd", 4)(keras.Input((3, 5))),
    "rank of an einsum's input": lambda: layers.EinsumDense("abc,cd->abd", (None, 4))(keras.Input((5,))),
    "channels of a depthwise convolution": lambda: keras.ops.depthwise_conv(
        np.ones((1, 5, 5, 4)), np.ones((3, 3, 2, 2))),
    "weights of another shape": lambda: model().set_weights([np.ones((3, 3)), np.ones(3)]),
    "too few weights": lambda: model().set_weights([np.ones((36, 3))]),
    "layer": lambda: model().get_layer("dense_99"),
    "network": lambda: keras.zoo.build("vgg99"),
    "learning rate": lambda: keras.optimizers.SGD(learning_rate="fast"),
}
WORDS = {
    "rank": "do not fit the input 'input_layer.*expected shape .None, 6, 6, 1.*shape=.8, 6.",
    "shape": "do not fit the input 'input_layer.*shape=.8, 5, 6, 1.",
    "shape in predict": "do not fit the input 'input_layer.*shape=.8, 5, 6, 1.",
    "shape in evaluate": "do not fit the input 'input_layer.*shape=.8, 5, 6, 1.",
    "shape in train_on_batch": "do not fit the input 'input_layer.*shape=.8, 5, 6, 1.",
    "text as data": "`x` must hold numbers.*Turn names into numbers",
    "objects as data": "`x` must hold numbers.*bring all images to one size",
    "labels too large": "class numbers from 0 to 2.*label=3, index=2; 2 of 8.*use y - 1",
    "labels below 0": "class numbers from 0 to 2.*label=-1, index=0; 3 of 8",
    "labels that are no whole numbers": "whole class numbers.*label=0.5.*loss='mse'",
    "one-hot labels for a sparse loss": "`y` looks one-hot.*loss='categorical_crossentropy'",
    "class numbers for a one-hot loss": "looks like class numbers.*loss='sparse_categorical_crossentropy'",
    "NaN in x": "^`x` holds nan at index .0, 0, 5, 0.",
    "NaN in y": "^`y` holds nan at index .1, 2.",
    "NaN in validation data": "^In `validation_data`: `x` holds nan at index .0, 0, 5, 0.",
    "NaN in sample weights": "`sample_weight` holds nan at index .5,.",
    "sample weights of another length": "one entry for each sample.*x=8, sample_weight=5",
    "lengths": "same number of samples.*x=8, y=5",
    "batch size 0": "`batch_size` must be a positive integer.*batch_size=0",
    "batch size a half": "`batch_size` must be a positive integer.*batch_size=2.5",
    "validation split over 1": "`validation_split` must lie between 0 and 1.*=1.5",
    "class weights for a class that is not there": "`class_weight` must map class numbers.*'cat'",
    "no loss": "compile.* before calling `fit",
    "loss": "no loss of this name.*'crosentropy'.*Known: .*binary_crossentropy",
    "optimizer": "no optimizer of this name.*'adamm'.*Known: .*adam",
    "metric": "no metric of this name.*'acuracy'.*Known: acc, accuracy",
    "activation": "no activation function of this name.*'relo'.*relu",
    "initializer": "no initializer of this name.*'glorot'.*glorot_uniform",
    "padding": "`padding` argument must be one of .'valid', 'same'.*'some'",
    "units": "`units`. Expected a positive integer.*units=0",
    "filters": "`filters`. Expected a positive integer.*filters=-1",
    "kernel size": "`kernel_size` argument must be an integer or a tuple of 2.*.3, 3, 3.",
    "pool size": "`pool_size` argument must be positive.*pool_size=0",
    "rate": "`rate`.*between 0 and 1.*rate=1.5",
    "groups": "divisible by the number of groups.*groups=2, filters=3",
    "image smaller than the kernel": "smaller than its kernel.*Use a smaller kernel or padding",
    "rank of a convolution's input": "expected min_ndim=4, found ndim=3.*channel axis may be missing",
    "sum of two shapes": "do not broadcast.*None, 3.*None, 4",
    "output shape of an einsum": "`output_shape` names the axes.*abc,cd->abd",
    "rank of an einsum's input": "inputs of another rank.*None, 5",
    "channels of a depthwise convolution": "kernel .*channels, multiplier.*3, 3, 2, 2",
    "weights of another shape": "weight shape .36, 3. is not compatible.*3, 3",
    "too few weights": "length 1, but the layer was expecting 2",
    "layer": "No such layer: dense_99. Existing layers are: .'flatten",
    "network": "no network of this name; there are yale.*'vgg99'",
    "learning rate": "`learning_rate` should be float.*'fast'",
}
"""What the message of each call says, in this order: which argument, what is expected, what came, how to mend it."""


@pytest.mark.parametrize("case", CALLS)
def test_wrong_call(case, monkeypatch):
    monkeypatch.setattr(loops, "train_step", lambda *batch: pytest.fail("something was computed"))
    monkeypatch.setattr(warnings, "warn", lambda said, *more, **named: pytest.fail(f"two messages: {said}"))
    with pytest.raises(StriateError, match=f"(?s){WORDS[case]}"):
        CALLS[case]()


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5", ".safetensors"])
@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "missing", "folder"])
def test_damaged_files(suffix, damage, tmp_path):
    path = tmp_path / f"model{suffix}"
    made = model()
    made.save_weights(path) if suffix in (".weights.h5", ".safetensors") else made.save(path)
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes({"empty": b"", "cut": whole[:len(whole) // 2],
                          "noise": np.random.default_rng(0).bytes(3000)}[damage])
    before = made.get_weights()
    with pytest.raises(StriateError, match=r"(?s)model"):
        made.load_weights(path) if suffix in (".weights.h5", ".safetensors") else keras.models.load_model(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, made.get_weights(), strict=True))
