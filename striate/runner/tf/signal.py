"""`tf.signal`: frames and spectra of sounds, computed by NumPy on arrays, as pipelines of data need them.

Spectra are complex: `tf.abs` and `tf.math.real` make them real again. Inside models `striate.ops.stft` gives pairs of
real tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.utils.tensor import as_tensor, is_symbolic


def frame(signal, frame_length, frame_step, pad_end=False, pad_value=0, axis=-1, name=None) -> Any:
    """Pieces of an axis, one every `frame_step` numbers: (..., n) to (..., pieces, frame_length).

    `pad_end`: the last pieces are filled up with `pad_value`; otherwise what is too short is left out.
    """
    if is_symbolic(signal):
        raise ArgumentError("tf.signal works on arrays, in pipelines of data. Inside a model write keras.ops.stft or "
                            "keras.ops.extract_sequences. " + received(signal=signal))
    numbers = np.moveaxis(np.asarray(signal), axis, -1)
    length, step = int(frame_length), int(frame_step)
    if pad_end:
        pieces = -(-numbers.shape[-1] // step)
        missing = max((pieces - 1) * step + length - numbers.shape[-1], 0)
        widths = [(0, 0)] * (numbers.ndim - 1) + [(0, missing)]
        numbers = np.pad(numbers, widths, constant_values=pad_value)
    else:
        pieces = max(1 + (numbers.shape[-1] - length) // step, 0)
    places = step * np.arange(pieces)[:, None] + np.arange(length)
    found = numbers[..., places]
    return as_tensor(found if axis in (-1, np.ndim(signal) - 1) else np.moveaxis(found, (-2, -1), (axis, axis + 1)))


def hann_window(window_length, periodic=True, dtype="float32", name=None) -> Any:
    """Von Hann's window; a periodic one of even length is that of one number more, without the last."""
    length = int(window_length)
    longer = length + (1 if periodic and length % 2 == 0 else 0)
    return as_tensor(np.hanning(longer)[:length].astype(np.dtype(dtype)))


def stft(signals, frame_length, frame_step, fft_length=None, window_fn=hann_window, pad_end=False, name=None) -> Any:
    """The spectra of windowed pieces: (..., n) to complex (..., pieces, fft_length // 2 + 1).

    `fft_length`: the power of two that holds a piece, unless given. `window_fn`: makes the window; None for none.
    """
    length = int(frame_length)
    pieces = np.asarray(frame(signals, length, frame_step, pad_end))
    if window_fn is not None:
        pieces = pieces * np.asarray(window_fn(length, dtype=pieces.dtype))
    size = 1 << (length - 1).bit_length() if fft_length is None else int(fft_length)
    return as_tensor(np.fft.rfft(pieces, size).astype(np.complex64))


__all__ = ["frame", "hann_window", "stft"]
