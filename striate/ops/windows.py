"""Windows that slide over a line: lengths, padding amounts and receptive fields, in plain integers.

One axis at a time: a window of `size` taps, `dilation` apart, is placed every `stride` elements over a line that was
made longer by `padding` = (before, after) elements. Convolution, pooling, their gradients, the layers' shape rules
and the pictures of receptive fields all count with these functions. A length of `None` (not known yet) gives `None`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from striate.errors import ArgumentError, received

Pair = tuple[int, int]
Length = TypeVar("Length", int, int | None)


def extent(size: int, dilation: int = 1) -> int:
    """From the first tap of a window to its last, both counted.

    Example:
        >>> extent(3, dilation=2)
        5
    """
    return (size - 1) * dilation + 1


def output_length(length: Length, size: int, stride: int = 1, dilation: int = 1, padding: Pair = (0, 0)) -> Length:
    """How many windows fit; 0 when the line is shorter than the window.

    Example:
        >>> output_length(28, 3, stride=2, padding=(1, 1))
        14
    """
    if length is None:
        return None
    return max(0, (length + sum(padding) - extent(size, dilation)) // stride + 1)


def padding_amounts(padding: str, length: int | None, size: int, stride: int = 1, dilation: int = 1) -> Pair:
    """(before, after) for "valid" (none), "same" (ceil(length / stride) windows) or "causal" (all before).

    An odd amount of "same" padding has its extra element after the line, as in Keras.

    Raises:
        ArgumentError: `padding` is another word, or "same" with strides meets a length that is not known.

    Example:
        >>> padding_amounts("same", 28, 2)
        (0, 1)
    """
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return extent(size, dilation) - 1, 0
    if padding != "same":
        raise ArgumentError('`padding` must be "valid", "same" or "causal". ' + received(padding=padding))
    if stride == 1:
        missing = extent(size, dilation) - 1
    elif length is None:
        raise ArgumentError('padding="same" with strides needs a length that is known: the amount depends on it. '
                            + received(length=length, stride=stride) + '. Give the input shape in full.')
    else:
        missing = max(0, (-(-length // stride) - 1) * stride + extent(size, dilation) - length)
    return missing // 2, missing - missing // 2


def _spread(padding: str, size: int, stride: int, dilation: int, output_padding: int | None) -> Pair:
    """How far a transposed window's output reaches before the first input element, and behind the last."""
    reach = extent(size, dilation)
    if padding == "valid":
        extra = max(reach, stride) - reach if output_padding is None else output_padding
        return reach - 1, reach - 1 + extra
    if padding != "same":
        raise ArgumentError('`padding` of a transposed convolution must be "valid" or "same". '
                            + received(padding=padding))
    total = stride + reach - 2 if output_padding is None else reach + reach % 2 - 2 + output_padding
    before = min(total - total // 2, reach - 1)
    return before, total - before


def transposed_length(length: Length, size: int, stride: int = 1, padding: str = "valid", dilation: int = 1,
                      output_padding: int | None = None) -> Length:
    """The output length of a transposed convolution, by Keras' rules.

    Example:
        >>> transposed_length(7, 3, stride=2, padding="same")
        14
    """
    if length is None:
        return None
    before, after = _spread(padding, size, stride, dilation, output_padding)
    return (length - 1) * stride + 1 + before + after - (extent(size, dilation) - 1)


def transposed_padding(size: int, stride: int = 1, padding: str = "valid", dilation: int = 1,
                       output_padding: int | None = None) -> Pair:
    """(before, after) of the convolution whose input gradient the transposed convolution is.

    Example:
        >>> transposed_padding(3, stride=2, padding="same")
        (0, 1)
    """
    before, after = _spread(padding, size, stride, dilation, output_padding)
    reach = extent(size, dilation)
    return reach - 1 - before, max(0, reach - 1 - after)


def per_axis(value: int | Sequence[int], axes: int, name: str) -> tuple[int, ...]:
    """A positive integer, or one for each axis, as a tuple.

    Raises:
        ArgumentError: not integers, not positive, or not as many as there are axes.

    Example:
        >>> per_axis(2, 2, "strides")
        (2, 2)
    """
    values = (value,) * axes if isinstance(value, int) else tuple(value)
    if len(values) != axes or not all(isinstance(entry, int) and entry > 0 for entry in values):
        raise ArgumentError(f"`{name}` must be a positive integer or {axes} of them. " + received(**{name: value}))
    return values


def receptive_field(windows: Iterable[tuple[int, int, int, int]],
                    before: tuple[int, int, int] = (1, 1, 0)) -> tuple[int, int, int]:
    """What one element behind a chain of windows sees of the line before it, as (size, step, start).

    `windows` are (size, stride, dilation, padding before), in order. Element i sees the `size` elements of the
    line from `start + i * step` on; `start` is negative where it sees padding. `before` is the field of what the
    windows slide over: by default the line itself.

    Example (two 3-wide convolutions and a pooling by 2):
        >>> receptive_field([(3, 1, 1, 1), (3, 1, 1, 1), (2, 2, 1, 0)])
        (6, 2, -2)
    """
    size, step, start = before
    for taps, stride, dilation, padding in windows:
        size += (extent(taps, dilation) - 1) * step
        start -= padding * step
        step *= stride
    return size, step, start
