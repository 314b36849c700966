"""Windows, Fourier transforms and correlation. A complex tensor is a pair (real part, imaginary part), as in Keras.

    fourier     (re, im) = sum over n of (re + i im)[n] exp(sign 2 pi i k n / N), over one axis or several
"""

from __future__ import annotations

from math import prod

import numpy as np

from striate import ops
from striate.errors import ArgumentError, ShapeError, received
from striate.ops.allowance import spend_numbers
from striate.ops.broadcast import dtype_of, floating, length_of, shape_of
from striate.ops.dispatch import apply
from striate.ops.spec import OpSpec, TensorType, register

# ---- windows ---------------------------------------------------------------------------------------------------------

def _window(numbers) -> np.ndarray:
    return np.asarray(numbers, np.float32)


def bartlett(x):
    """A triangle of x numbers that begins and ends with 0.

    Shapes: x an integer; gives float32 (x,).
    """
    return _window(np.bartlett(int(x)))


def blackman(x):
    """Blackman's window of x numbers: 0.42 - 0.5 cos + 0.08 cos of the double angle.

    Shapes: x an integer; gives float32 (x,).
    """
    return _window(np.blackman(int(x)))


def hamming(x):
    """Hamming's window of x numbers: 0.54 - 0.46 cos.

    Shapes: x an integer; gives float32 (x,).
    """
    return _window(np.hamming(int(x)))


def hanning(x):
    """Von Hann's window of x numbers: 0.5 - 0.5 cos.

    Shapes: x an integer; gives float32 (x,).

    Example:
        >>> hanning(3).tolist()
        [0.0, 1.0, 0.0]
    """
    return _window(np.hanning(int(x)))


def kaiser(x, beta):
    """Kaiser's window of x numbers; the larger `beta`, the narrower.

    Shapes: x an integer; gives float32 (x,).
    """
    return _window(np.kaiser(int(x), float(beta)))


# ---- Fourier transforms ------------------------------------------------------------------------------------------

def _fourier_shape(inputs, axes, sign):
    if inputs[0].shape != inputs[1].shape:
        raise ShapeError("The real and the imaginary part must have the same shape. "
                         + received(real=inputs[0].shape, imaginary=inputs[1].shape))
    return [TensorType(i.shape, floating(i.dtype)) for i in inputs]


def _fourier_reference(real, imaginary, axes, sign):
    whole = real.astype(np.float64) + 1j * imaginary.astype(np.float64)
    y = np.fft.fftn(whole, axes=axes) if sign < 0 else np.fft.ifftn(whole, axes=axes, norm="forward")
    return [y.real.astype(floating(real.dtype)), y.imag.astype(floating(imaginary.dtype))]


def _fourier_gradient(node, of_real, of_imaginary):
    """The transform is linear; its adjoint turns the other way round."""
    zero = np.zeros(node.outputs[0].shape, floating(node.inputs[0].dtype))
    g = [zero if part is None else part for part in (of_real, of_imaginary)]
    return list(apply("fourier", g, axes=node.attributes["axes"], sign=-node.attributes["sign"]))


def _fourier_flops(inputs, outputs, attributes) -> int:
    length = prod(inputs[0].shape[axis] for axis in attributes["axes"])
    return int(5 * inputs[0].size * np.log2(max(length, 2)))


register(OpSpec("fourier", _fourier_shape, _fourier_reference, _fourier_gradient, _fourier_flops))


def _pair(x) -> tuple:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError("A complex tensor is a pair (real part, imaginary part). " + received(x=x))
    return tuple(part if hasattr(part, "shape") else ops.convert_to_tensor(part) for part in x)


def _transform(x, count: int, sign: int):
    parts = _pair(x)
    rank = len(shape_of(parts[0]))
    if rank < count:
        raise ShapeError(f"This transform needs at least {count} axes. " + received(shape=shape_of(parts[0])))
    return apply("fourier", list(parts), axes=tuple(range(rank - count, rank)), sign=sign)


def fft(x):
    """The Fourier transform along the last axis of a pair (real, imaginary) of equal shapes; gives such a pair.

    Raises `ShapeError` when the parts differ in shape, `ArgumentError` when x is no pair.

    Example:
        >>> [part.tolist() for part in fft(([1.0, 0.0], [0.0, 0.0]))]
        [[1.0, 1.0], [0.0, 0.0]]
    """
    return _transform(x, 1, -1)


def fft2(x):
    """The Fourier transform along the last two axes of a pair (real, imaginary).

    Shapes: x, a pair of (..., h, w); gives such a pair. Raises `ShapeError` for less than two axes.
    """
    return _transform(x, 2, -1)


def ifft2(x):
    """The inverse of `fft2`.

    Shapes: x, a pair of (..., h, w); gives such a pair. Raises `ShapeError` for less than two axes.
    """
    real, imaginary = _transform(x, 2, 1)
    count = float(prod(shape_of(real)[-2:]))
    return real / count, imaginary / count


def _fitted(x, length: int):
    """x with its last axis cut or filled with zeros to `length`."""
    old = shape_of(x)[-1]
    if old >= length:
        return ops.get_item(x, (Ellipsis, slice(0, length)))
    return ops.pad(x, [(0, 0)] * (len(shape_of(x)) - 1) + [(0, length - old)])


def rfft(x, fft_length=None):
    """The Fourier transform of real numbers along the last axis: a pair of fft_length // 2 + 1 numbers each.

    Shapes: x (..., n); fft_length, n unless given: x is cut, or filled up with zeros.
    """
    x = ops.convert_to_tensor(x)
    longest = length_of(x, -1)
    length = longest if fft_length is None else int(fft_length)
    x = _fitted(x, length)
    real, imaginary = fft((x, ops.zeros_like(x)))
    key = (Ellipsis, slice(0, length // 2 + 1))
    return ops.get_item(real, key), ops.get_item(imaginary, key)


def irfft(x, fft_length=None):
    """The inverse of `rfft`: real numbers, fft_length of them (by default twice the last axis less 2).

    Shapes: x, a pair of (..., k); gives (..., fft_length).
    """
    real, imaginary = _pair(x)
    length = 2 * (shape_of(real)[-1] - 1) if fft_length is None else int(fft_length)
    half = length // 2 + 1
    real, imaginary = _fitted(real, half), _fitted(imaginary, half)
    mirrored = (Ellipsis, slice(length - half, 0, -1))
    whole = [ops.concatenate([part, sign * ops.get_item(part, mirrored)], axis=-1)
             for part, sign in ((real, 1.0), (imaginary, -1.0))]
    return _transform(whole, 1, 1)[0] / float(length)


# ---- pieces of a line --------------------------------------------------------------------------------------------

def extract_sequences(x, sequence_length, sequence_stride):
    """Pieces of the last axis, one every `sequence_stride` numbers: (..., n) to (..., pieces, sequence_length).

    Shapes: `x` as said; pieces = 1 + (n - sequence_length) // sequence_stride.
    """
    x = ops.convert_to_tensor(x)
    count = (length_of(x, -1) - sequence_length) // sequence_stride + 1
    spend_numbers(count, sequence_length)
    places = np.arange(count)[:, None] * sequence_stride + np.arange(sequence_length)
    return ops.take(x, places.astype(np.int32), axis=-1)


def _frame_window(window, sequence_length: int, fft_length: int) -> np.ndarray:
    """The window in the middle of fft_length numbers; ones when there is none."""
    spend_numbers(fft_length)
    if window is None:
        return np.ones(fft_length, np.float32)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ArgumentError("`window` must be 'hann', 'hamming', None or a line of numbers. "
                                + received(window=window))
        function = np.hanning if window == "hann" else np.hamming
        window = function(sequence_length + 1)[:-1]  # periodic: the first number of the next one is left out
    if np.shape(window) != (sequence_length,):
        raise ShapeError("`window` must hold `sequence_length` numbers. "
                         + received(window=np.shape(window), sequence_length=sequence_length))
    before = (fft_length - sequence_length) // 2
    return np.pad(np.asarray(window, np.float32), (before, fft_length - sequence_length - before))


def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """Fourier transforms of windowed pieces of the last axis (`keras.ops.stft`): a pair (..., pieces, frequencies).

    Raises `ArgumentError` for a transform shorter than a piece or another window, `ShapeError` for a window of another
    length.

    Args:
        x: (..., n) real numbers.
        sequence_length, sequence_stride: numbers in a piece, and from one piece to the next.
        fft_length: length of the transform, at least `sequence_length`.
        window: "hann", "hamming", None or a line of `sequence_length` numbers.
        center: whether x is reflected at both ends by half of `fft_length`.
    """
    if fft_length < sequence_length:
        raise ArgumentError("`fft_length` must be at least `sequence_length`. "
                            + received(fft_length=fft_length, sequence_length=sequence_length))
    x = ops.convert_to_tensor(x)
    if center:
        pairs = [(0, 0)] * (len(shape_of(x)) - 1) + [(fft_length // 2, fft_length // 2)]
        x = ops.pad(x, pairs, mode="reflect")
    pieces = extract_sequences(x, fft_length, sequence_stride)
    return rfft(ops.multiply(pieces, _frame_window(window, sequence_length, fft_length)))


def _overlapped(pieces, stride: int):
    """Pieces (..., count, length) added into one line, each `stride` numbers after the one before."""
    shape = shape_of(pieces)
    count, length = shape[-2:]
    spend_numbers(count, length)
    places = (np.arange(count)[:, None] * stride + np.arange(length)).reshape(-1).astype(np.int32)
    rows = ops.transpose(ops.reshape(pieces, (-1, count * length)), (1, 0))
    empty = np.zeros((stride * (count - 1) + length, shape_of(rows)[1]), dtype_of(pieces))
    line = apply("scatter_rows", [empty, places, rows], reduction="add")
    return ops.reshape(ops.transpose(line, (1, 0)), (*shape[:-2], -1))


def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """The inverse of `stft`: pieces are windowed once more, added, and divided by the sum of squared windows.

    Shapes: x, a pair (..., pieces, frequencies); gives (..., length), as many numbers as the pieces cover unless given.
    The others (`sequence_length`, `sequence_stride`, `fft_length`, `window`, `center`) as in `stft`.
    """
    pieces = irfft(_pair(x), fft_length)
    weights = _frame_window(window, sequence_length, fft_length)
    count = shape_of(pieces)[-2]
    total = np.asarray(_overlapped(np.broadcast_to(weights * weights, (count, fft_length)), sequence_stride))
    line = _overlapped(ops.multiply(pieces, weights), sequence_stride)
    line = ops.divide(line, np.where(total > 1e-10, total, 1.0).astype(np.float32))
    if window is None:
        line = ops.multiply(line, float(weights.sum()) / sequence_stride)
    start = fft_length // 2 if center else 0
    if length is not None:
        return ops.get_item(line, (Ellipsis, slice(start, start + length)))
    return ops.get_item(line, (Ellipsis, slice(start, -(fft_length // 2) if center else None)))


def correlate(x1, x2, mode="valid"):
    """The sums of products of two lines at every shift (`numpy.correlate`).

    mode: "valid" (whole overlaps), "same" (as many as the longer line has numbers) or "full".

    Shapes: x1 (n,), x2 (m,).

    Raises:
        ArgumentError: for another mode. ShapeError: when an argument is no line.

    Example:
        >>> correlate([1.0, 2.0, 3.0], [1.0, 1.0]).tolist()
        [3.0, 5.0]
    """
    if mode not in ("valid", "same", "full"):
        raise ArgumentError("`mode` of correlate must be 'valid', 'same' or 'full'. " + received(mode=mode))
    if len(shape_of(x1)) != 1 or len(shape_of(x2)) != 1:
        raise ShapeError("correlate takes two lines. " + received(x1=shape_of(x1), x2=shape_of(x2)))
    first, second = shape_of(x1)[0], shape_of(x2)[0]
    if first < second:
        return ops.flip(correlate(x2, x1, mode), 0)
    around = {"valid": (0, 0), "full": (second - 1,) * 2, "same": (second // 2, second - 1 - second // 2)}[mode]
    pieces = extract_sequences(ops.pad(ops.convert_to_tensor(x1), [around]), second, 1)
    return ops.sum(ops.multiply(pieces, x2), axis=-1)
