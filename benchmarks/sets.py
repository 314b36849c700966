"""Named networks: those of four lectures, LeNet-5, and a set of the shapes that people build most.

Where a network strides with "same" padding its sides are odd (or its windows even), so that the padding is symmetric
and no framework has to pad in a step of its own.
"""

from benchmarks.networks import (
    Network,
    average,
    conv,
    dense,
    depthwise,
    dropout,
    flatten,
    merge,
    norm,
    pool,
    relu,
)


def _block(filters: int, strides: int = 1) -> list:
    """A residual block of two 3x3 convolutions and the activation behind it."""
    main = [conv(filters, 3, strides, bias=False), norm(), relu(), conv(filters, 3, bias=False), norm()]
    around = [conv(filters, 1, strides, bias=False), norm()] if strides > 1 else []
    return [merge("add", main, around), relu()]


def _separable(filters: int, strides: int = 1) -> list:
    """A depthwise 3x3 and a 1x1 convolution, each normalised."""
    return [depthwise(3, strides), norm(), relu(), conv(filters, 1, bias=False), norm(), relu()]


def _squeeze(narrow: int, wide: int) -> list:
    """A fire block: a narrow 1x1 convolution, then 1x1 and 3x3 side by side."""
    return [conv(narrow, 1, activation="relu"),
            merge("concatenate", [conv(wide, 1, activation="relu")], [conv(wide, 3, activation="relu")])]


LECTURES = {
    "yale": Network((128, 128, 1), (
        conv(32, 5, padding="valid", activation="relu"), pool(4), flatten(), dense(2))),
    "uva": Network((28, 28, 1), (
        conv(64, 7, activation="relu"), pool(2),
        conv(128, 3, activation="relu"), conv(128, 3, activation="relu"), pool(2),
        conv(256, 3, activation="relu"), conv(256, 3, activation="relu"), pool(2), flatten(),
        dense(128, "relu"), dropout(0.5), dense(64, "relu"), dropout(0.5), dense(10))),
    "nova": Network((28, 28, 1), (
        conv(32, 3, activation="relu"), norm(), conv(32, 3, activation="relu"), norm(), pool(2),
        conv(64, 3, activation="relu"), norm(), conv(64, 3, activation="relu"), norm(), pool(2), flatten(),
        dense(512, "relu"), norm(), dropout(0.5), dense(10)), "sgd"),
    "tue": Network((64, 64, 1), (
        conv(16, 3, activation="relu"), pool(2), conv(32, 3, activation="relu"), pool(2), flatten(),
        dense(100, "relu"), dense(1, "sigmoid")), "sgd"),
}

GENERAL = {
    "lenet5": Network((28, 28, 1), (
        conv(6, 5, activation="relu"), pool(2), conv(16, 5, padding="valid", activation="relu"), pool(2), flatten(),
        dense(120, "relu"), dense(84, "relu"), dense(10))),
    "residual": Network((33, 33, 3), (
        conv(16, 3, bias=False), norm(), relu(), *_block(16), *_block(32, 2), *_block(64, 2), average(), dense(10)),
        "sgd"),
    "strided": Network((64, 64, 3), (
        conv(32, 4, 2, activation="relu"), conv(64, 4, 2, activation="relu"), conv(128, 4, 2, activation="relu"),
        flatten(), dense(10))),
    "separable": Network((65, 65, 3), (
        conv(16, 3, 2, bias=False), norm(), relu(), *_separable(32), *_separable(64, 2), *_separable(64),
        *_separable(128, 2), *_separable(128), average(), dense(10)), "sgd"),
    "pointwise": Network((32, 32, 3), (
        conv(32, 3, activation="relu"), pool(2), *_squeeze(16, 32), *_squeeze(16, 32), pool(2), *_squeeze(32, 64),
        *_squeeze(32, 64), conv(10, 1), average(), dense(10))),
    "signal": Network((512, 3), (
        conv(32, 7, activation="relu"), pool(2), conv(64, 5, activation="relu"), pool(2),
        conv(96, 3, activation="relu"), pool(2), conv(96, 3, activation="relu"), average(), dense(64, "relu"),
        dense(6))),
    "rgb96": Network((96, 96, 3), (
        conv(24, 3, activation="relu"), pool(2), conv(40, 3, activation="relu"), pool(2),
        conv(100, 3, activation="relu"), pool(2), flatten(), dense(64, "relu"), dense(10))),
    "cifar": Network((32, 32, 3), (
        conv(32, 3, activation="relu"), conv(32, 3, activation="relu"), pool(2),
        conv(64, 3, activation="relu"), conv(64, 3, activation="relu"), pool(2), flatten(),
        dense(256, "relu"), dropout(0.5), dense(10))),
}

NETWORKS = LECTURES | GENERAL
SETS = {"lectures": tuple(LECTURES), "general": tuple(GENERAL), "all": tuple(NETWORKS)}
