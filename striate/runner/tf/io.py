"""`tf.io`: files, pictures above all, as pipelines of course code read and write them."""

from __future__ import annotations

import functools
import glob
import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from striate.datasets.pictures import Preparation, decode
from striate.errors import ArgumentError, received
from striate.files import write_bytes
from striate.utils.images import array_to_img
from striate.utils.tensor import as_tensor

_COLORS = {1: "grayscale", 3: "rgb", 4: "rgba"}


class Contents(bytes):
    """The bytes of a file, and where they were read."""

    path: str


def _path(filename: Any) -> str:
    """A path, given as text, as a path or as a tensor of text."""
    name = np.asarray(filename).item() if isinstance(filename, np.ndarray) else filename
    return os.fsdecode(name)


def read_file(filename, name=None) -> Contents:
    """The bytes of a file."""
    path = _path(filename)
    with open(path, "rb") as file:
        contents = Contents(file.read())
    contents.path = path
    return contents


def write_file(filename, contents, name=None) -> None:
    """Writes bytes or text, whole or not at all; the folder is made."""
    path = Path(_path(filename))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, contents if isinstance(contents, bytes) else str(np.asarray(contents)).encode())


def matching_files(pattern, name=None) -> Any:
    """The paths that match a pattern, in order."""
    return as_tensor(np.array(sorted(glob.glob(_path(pattern))), str))


def decode_image(contents, channels=0, dtype="uint8", name=None, expand_animations=False) -> Any:
    """A picture's file as a tensor (height, width, channels) of bytes.

    channels: 1, 3 or 4; 0 for as many as the picture has.

    Raises:
        ArgumentError: no bytes, or another number of channels.
    """
    if not isinstance(contents, bytes):
        raise ArgumentError("Pictures are decoded from the bytes of a file, as tf.io.read_file gives them. "
                            + received(contents=contents))
    if channels and channels not in _COLORS:
        raise ArgumentError("A picture has 1, 3 or 4 channels. " + received(channels=channels))
    if isinstance(contents, Contents):
        pixels = decode(contents.path)
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(contents)
            file.flush()
            pixels = decode(file.name)
    pixels = Preparation(color_mode=_COLORS[channels or pixels.shape[2]]).apply(pixels)
    return as_tensor(pixels.astype(np.dtype(dtype)))


def decode_png(contents, channels=0, dtype="uint8", name=None) -> Any:
    """`decode_image`."""
    return decode_image(contents, channels, dtype)


def encode_png(image, compression=-1, name=None) -> bytes:
    """The file of a picture (height, width, 1, 3 or 4) of bytes."""
    return _encoded(image, "png")


def encode_jpeg(image, format="", quality=95, name=None, **ignored) -> bytes:  # noqa: A002
    """The file of a picture (height, width, 1 or 3) of bytes."""
    return _encoded(image, "jpeg", quality=quality)


def _encoded(image: Any, kind: str, **options: Any) -> bytes:
    pixels = np.asarray(image)
    if pixels.ndim != 3 or pixels.dtype != np.uint8:
        raise ArgumentError("A picture of bytes (height, width, channels) was expected. "
                            + received(shape=pixels.shape, dtype=str(pixels.dtype)))
    memory = io.BytesIO()
    array_to_img(pixels, "channels_last", scale=False).save(memory, kind, **options)
    return memory.getvalue()


def decode_jpeg(contents, channels=0, ratio=1, name=None, **ignored) -> Any:
    """`decode_image`."""
    return decode_image(contents, channels)


class gfile:  # noqa: N801 - `tf.io.gfile`
    """Files and folders of this computer."""

    GFile = open
    exists, isdir, listdir = (staticmethod(function) for function in (os.path.exists, os.path.isdir, os.listdir))
    join, remove, mkdir, rmtree = (staticmethod(function) for function in (
        os.path.join, os.remove, os.mkdir, shutil.rmtree))
    makedirs = staticmethod(functools.partial(os.makedirs, exist_ok=True))
    glob = staticmethod(lambda pattern: sorted(glob.glob(_path(pattern))))


__all__ = ["decode_image", "decode_jpeg", "decode_png", "encode_jpeg", "encode_png", "gfile", "matching_files",
           "read_file", "write_file"]
