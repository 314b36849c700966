"""`tf.io`: picture files, as pipelines of course code read them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from striate.datasets.pictures import read_image
from striate.errors import ArgumentError, received
from striate.utils.tensor import as_tensor

_COLORS = {1: "grayscale", 3: "rgb", 4: "rgba"}


class Contents(bytes):
    """The bytes of a file, and where they were read."""

    path: str


def read_file(filename, name=None) -> Contents:
    """The bytes of a file."""
    path = os.fspath(np.asarray(filename).item() if isinstance(filename, np.ndarray) else filename)
    with open(path, "rb") as file:
        contents = Contents(file.read())
    contents.path = path
    return contents


def decode_image(contents, channels=0, dtype="uint8", name=None, expand_animations=False) -> Any:
    """What `read_file` gave as a picture: a tensor (height, width, channels) of bytes.

    channels: 1, 3 or 4; 0 (of TensorFlow's default) is taken as 3.

    Raises:
        ArgumentError: bytes from elsewhere, or another number of channels.
    """
    if not isinstance(contents, Contents):
        raise ArgumentError("Pictures are decoded from what tf.io.read_file gave. " + received(contents=contents))
    if (channels or 3) not in _COLORS:
        raise ArgumentError("A picture has 1, 3 or 4 channels. " + received(channels=channels))
    return as_tensor(read_image(contents.path, color_mode=_COLORS[channels or 3]).astype(np.dtype(dtype)))


def decode_png(contents, channels=0, dtype="uint8", name=None) -> Any:
    """`decode_image`."""
    return decode_image(contents, channels, dtype)


def decode_jpeg(contents, channels=0, ratio=1, name=None, **ignored) -> Any:
    """`decode_image`."""
    return decode_image(contents, channels)


__all__ = ["decode_image", "decode_jpeg", "decode_png", "read_file"]
