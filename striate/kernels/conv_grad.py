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
    """A window of a map with its channels cut into parts of `depth`: for k < depth and first + p * depth + k < end

        target[at + p * part_size + (r * columns + c) * pitch + k] = source[image, row + r, column + c,
                                                                           first + p * depth + k]

    window: (row, column, rows, columns). size: (height, width, channels) of the map. channels: (first, end, depth,
    pitch, part_size). Zero outside the map and for channels from `end` on; what lies beyond `depth` is left alone.
    Whole pixels are read one after the other, so that a map is fetched once, in order.
    """
    row, column, rows, columns = window
    height, width, deep = size
    first, end, depth, pitch, part_size = channels
    left = min(max(-column, 0), columns)
    inside = max(0, min(column + columns, width) - max(column, 0))
    parts = (end - first + depth - 1) // depth
    for r in range(rows):
        line = at + r * columns * pitch
        if row + r < 0 or row + r >= height:
            for part in range(parts):
                zero_floats(target, line + part * part_size, columns * pitch)
            continue
        for part in range(parts):
            zero_floats(target, line + part * part_size, left * pitch)
            zero_floats(target, line + part * part_size + (left + inside) * pitch, (columns - left - inside) * pitch)
        line += left * pitch
        start = ((image * height + row + r) * width + column + left) * deep
        if end - first == deep and depth == deep and pitch == deep:
            copy_floats(target, line, source, start, inside * deep)
            continue
        for c in range(inside):
            place = line + c * pitch
            channel = first
            while channel + depth <= end:
                copy_floats(target, place, source, start + c * deep + channel, depth)
                place += part_size
                channel += depth
            if channel < end:
                copy_floats(target, place, source, start + c * deep + channel, end - channel)
                zero_floats(target, place + end - channel, depth - end + channel)
