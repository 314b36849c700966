"""Trainings drawn from a number: networks of all kinds of kernels, and everything that fit and optimizers can be told
that reaches into a step. What comes out is a few hashes, to be compared between circumstances.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from striate import Input, Model, callbacks, config, layers, optimizers, utils
from striate.mixed_precision import set_dtype_policy

SAMPLES, BATCH, EPOCHS, CLASSES = 30, 12, 2, 4
FAMILIES = (4, 2, 5, 0, 6, 7)
"""Cases in which, together, kernels of every family run: Winograd's of all makes, phases, long sums, lines, volumes."""


def cases(seed: int, more: int) -> list[int]:
    """Those of all families, and so many others."""
    return [*FAMILIES, *range(1000 * seed + 100, 1000 * seed + 100 + more)]


def _square(draw):
    """Layers of two axes: (input shape, layers)."""
    side, channels = int(draw.integers(12, 25)), int(draw.choice([3, 16, 32]))
    filters = int(draw.choice([16, 32, 48]))
    pieces = [
        lambda: layers.Conv2D(filters, 5, strides=2, padding="same"),
        lambda: layers.Conv2D(filters, 3, dilation_rate=2, padding="same"),
        lambda: layers.Conv2D(filters, 3, groups=filters // 8 if channels % 16 == 0 else 1, padding="same"),
        lambda: layers.Conv2D(filters, 3, padding="same"), lambda: layers.Conv2D(filters, 1),
        lambda: layers.Conv2D(filters, 5, padding="same"), lambda: layers.Conv2D(filters, 4, strides=2, padding="same"),
        lambda: layers.Conv2D(filters, 3, strides=(2, 1)), lambda: layers.Conv2D(filters, 7, padding="same"),
        lambda: layers.Conv2DTranspose(filters, 4, strides=2, padding="same"),
        lambda: layers.SeparableConv2D(filters, 3, padding="same")]
    shrink = [layers.MaxPooling2D, layers.AveragePooling2D]
    return (side, side, channels), pieces, shrink, [layers.GlobalAveragePooling2D, layers.Flatten]


def _line(draw):
    filters = int(draw.choice([16, 32, 64]))
    pieces = [lambda: layers.Conv1D(filters, 9, padding="same"), lambda: layers.Conv1D(filters, 3, dilation_rate=4,
                                                                                        padding="same"),
              lambda: layers.Conv1D(filters, 5, strides=2), lambda: layers.Conv1D(filters, 3, padding="causal"),
              lambda: layers.Conv1DTranspose(filters, 4, strides=2, padding="same"),
              lambda: layers.SeparableConv1D(filters, 3, padding="same")]
    return ((int(draw.integers(48, 200)), int(draw.choice([4, 16]))), pieces, [layers.MaxPooling1D],
            [layers.GlobalMaxPooling1D, layers.Flatten])


def _volume(draw):
    filters = int(draw.choice([4, 8, 16]))
    pieces = [lambda: layers.Conv3D(filters, 3, padding="same"), lambda: layers.Conv3D(filters, 2, strides=2),
              lambda: layers.Conv3D(filters, 3, dilation_rate=2, padding="same"), lambda: layers.Conv3D(filters, 1),
              lambda: layers.Conv3DTranspose(filters, 2, strides=2)]
    return ((8, 9, 8, 2), pieces, [layers.MaxPooling3D], [layers.GlobalAveragePooling3D, layers.Flatten])


def network(draw) -> Model:
    """A few convolutions with what may stand between them, now and then beside a second way."""
    shape, pieces, shrink, ends = [_square, _square, _square, _line, _volume][int(draw.integers(5))](draw)
    inputs = x = Input(shape)
    for index in draw.permutation(len(pieces))[:int(draw.integers(2, 5))]:
        x = pieces[index]()(x)
        if draw.random() < 0.5:
            x = layers.BatchNormalization()(x)
        x = layers.Activation(str(draw.choice(["relu", "silu", "gelu", "relu6"])))(x)
        if draw.random() < 0.3:
            x = layers.Add()([x, layers.Dropout(0.2)(x)])
        if draw.random() < 0.4 and min(x.shape[1:-1]) >= 4:
            x = shrink[int(draw.integers(len(shrink)))](2)(x)
    x = ends[int(draw.integers(len(ends)))]()(x)
    x = layers.Dense(int(draw.choice([24, 96])), activation="relu")(layers.Dropout(0.3)(x))
    return Model(inputs, layers.Dense(CLASSES, activation="softmax", dtype="float32")(x))


def made(case: int):
    """(a compiled model, what fit is given) of a case."""
    draw = np.random.Generator(np.random.Philox(case))
    utils.clear_session()
    utils.set_random_seed(case % 2**31)
    set_dtype_policy(str(draw.choice(["float32", "float32", "mixed_float16", "mixed_bfloat16"])))
    try:
        model = network(draw)
    finally:
        set_dtype_policy("float32")
    more = {"gradient_accumulation_steps": int(draw.integers(2, 4))} if draw.random() < 0.4 else {}
    if draw.random() < 0.4:
        more |= {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": [None, 2][int(draw.integers(2))]}
    if draw.random() < 0.4:
        more |= [{"clipnorm": 0.5}, {"global_clipnorm": 0.7}, {"weight_decay": 0.01}][int(draw.integers(3))]
    optimizer = [lambda: optimizers.Adam(0.003, **more), lambda: optimizers.RMSprop(0.002, momentum=0.5, **more),
                 lambda: optimizers.SGD(0.02, momentum=0.9, nesterov=True, **more),
                 lambda: optimizers.Lion(0.001, **more)][int(draw.integers(4))]()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    y = draw.integers(0, CLASSES, SAMPLES)
    x = draw.random((SAMPLES, *model.input_shape[1:]), np.float32)
    x += y.reshape(-1, *[1] * (x.ndim - 1)).astype(np.float32) / 9
    given = {"x": x, "y": y, "batch_size": BATCH}
    if draw.random() < 0.3:
        given["class_weight"] = {0: 0.5, 1: 2.0, 2: 1.0, 3: 0.25}
    elif draw.random() < 0.3:
        given["sample_weight"] = draw.random(SAMPLES).astype(np.float32)
    return model, given


def trained(case: int, shards: int = 1, folder: Path | None = None, stop: int | None = None):
    """What a training comes to, as hashes; None when it was broken off.

    Args:
        case: what to draw.
        shards: of each batch.
        folder: where the state is kept, to go on with it.
        stop: break it off in this step, counted from 1.
    """
    def cut(batch, logs=None):
        steps.append(batch)
        if len(steps) == stop:
            raise KeyboardInterrupt
    steps: list[int] = []
    config.set_value("shards", shards)
    try:
        model, given = made(case)
        watchers = [] if folder is None else [callbacks.BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)]
        watchers = [callbacks.LambdaCallback(on_train_batch_begin=cut), *watchers] if stop else watchers
        history = model.fit(**given, epochs=EPOCHS, verbose=0, validation_data=(given["x"][:7], given["y"][:7]),
                            callbacks=watchers).history
    except KeyboardInterrupt:
        return None
    finally:
        config.set_value("shards", None)
    weights = b"".join(variable.array.tobytes() for variable in [*model.variables, *model.optimizer.variables])
    return {"weights": _hash(weights), "history": {name: [float(value).hex() for value in values]
                                                   for name, values in history.items()},
            "predictions": _hash(model.predict(given["x"], batch_size=8, verbose=0).tobytes())}


def described(case: int) -> str:
    """The case in words, for the message of a failure."""
    model, given = made(case)
    return json.dumps({"layers": [f"{type(layer).__name__} {layer.output.shape}" for layer in model.layers],
                       "optimizer": {name: value for name, value in model.optimizer.get_config().items() if value},
                       "given": sorted(given)}, default=str)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
