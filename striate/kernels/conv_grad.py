"""What the kernels of both gradients of a convolution share: windows of maps, brought into a thread's own memory.

A window is a rectangle of pixels of one image, in a range of channels. It may reach over the map's border, where it
is zero, so that the loops over it know no borders.
"""

from striate.kernels.jit import helper
from striate.kernels.simd import load, store


@helper
def zero_floats(target, at, count):
    """target[at : at + count] = 0"""
    for k in range(count):
        target[at + k] = 0.0


@helper
def copy_floats(target, at, source, start, count):
    """target[at : at + count] = source[start : start + count]"""
    k = 0
    while k + 8 <= count:
        store(target, at + k, load(source, start + k, 8))
        k += 8
    while k < count:
        target[at + k] = source[start + k]
        k += 1


@helper
def copy_window(target, at, source, image, window, size, channels):
    """target[at + (r * columns + c) * pitch + k] = source[image, row + r, column + c, first + k] for k < count.

    window: (row, column, rows, columns). size: (height, width, channels) of the map. channels: (first, count, depth,
    pitch). Zero outside the map and for count <= k < depth; what lies beyond `depth` is left alone.
    """
    row, column, rows, columns = window
    height, width, deep = size
    first, count, depth, pitch = channels
    left = min(max(-column, 0), columns)
    inside = max(0, min(column + columns, width) - max(column, 0))
    for r in range(rows):
        line = at + r * columns * pitch
        if row + r < 0 or row + r >= height:
            zero_floats(target, line, columns * pitch)
            continue
        zero_floats(target, line, left * pitch)
        zero_floats(target, line + (left + inside) * pitch, (columns - left - inside) * pitch)
        line += left * pitch
        start = ((image * height + row + r) * width + column + left) * deep + first
        if count == deep and count == pitch:
            copy_floats(target, line, source, start, inside * deep)
            continue
        for c in range(inside):
            copy_floats(target, line + c * pitch, source, start + c * deep, count)
        if count < depth:
            for c in range(inside):
                zero_floats(target, line + c * pitch + count, depth - count)
