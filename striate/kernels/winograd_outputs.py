"""The way back of Winograd's convolutions: Y = A' M A of one tile and one vector of channels, and what is done to it.

`half` holds A' M as [row of Y][point of the width][lanes]; bias, activation, a mask or a max pooling follow while Y is
in registers.
"""

from striate.kernels.jit import inlined
from striate.kernels.simd import (
    any_nan,
    clamped,
    f32,
    integer,
    load,
    load_part,
    raised,
    select,
    store,
    store_part,
    where_open,
)
from striate.kernels.tiles import (
    tile_clamped,
    tile_get,
    tile_load,
    tile_raised,
    tile_select_positive,
    tile_shift,
    tile_store,
    tile_stream,
    window_maximum,
)
from striate.kernels.windows import maximum_with_nans, store_channels, store_places
from striate.kernels.winograd_matrices import A_T, INPUT_TILE, OUTPUT_STAGES, linear_map

RELU, CLAMP = 1, 2
"""What a kernel's slot 20 says of the activation; 0: none."""
output_map = linear_map(*OUTPUT_STAGES.values(), *[[A_T[key]] for key in A_T if key[0] < INPUT_TILE])


@inlined
def _edge_outputs(points, tile, source, at, step, target, out, line, shift, lanes):
    """A' M + shift along one line of a smaller tile."""
    if tile == 5 and points == 6:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 6, 1, lanes), 5), shift), target, out, line)
    elif tile == 5 and points == 5:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 5, 1, lanes), 4), shift), target, out, line)
    elif tile == 5 and points == 4:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 4, 1, lanes), 3), shift), target, out, line)
    elif tile == 5:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 3, 1, lanes), 2), shift), target, out, line)
    elif tile == 2 and points == 6:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 6, 1, lanes), 2), shift), target, out, line)
    elif tile == 2:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 5, 1, lanes), 1), shift), target, out, line)
    elif points == 6:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 6, 1, lanes), 4), shift), target, out, line)
    elif points == 5:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 5, 1, lanes), 3), shift), target, out, line)
    elif points == 4:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 4, 1, lanes), 2), shift), target, out, line)
    else:
        tile_store(tile_shift(output_map(tile_load(source, at, step, 3, 1, lanes), 1), shift), target, out, line)


@inlined
def output_columns(m, source, plane, half, tile, lanes):
    """The first half of Y = A' M A of a whole tile: over the rows of each of the six columns."""
    for column in range(INPUT_TILE):
        rows = output_map(tile_load(m, source + column * plane, INPUT_TILE * plane, INPUT_TILE, 1, lanes), tile)
        tile_store(rows, half, column * lanes, INPUT_TILE * lanes)


@inlined
def _output_rows(half, at, shift, done, tile, lanes):
    """The second half of Y = A' M A, plus the bias: tile x tile vectors."""
    for row in range(tile):
        pixels = output_map(tile_load(half, at + row * INPUT_TILE * lanes, lanes, INPUT_TILE, 1, lanes), tile)
        tile_store(tile_shift(pixels, shift), done, row * tile * lanes, lanes)


@inlined
def output_edge(m, source, plane, half, shift, done, high, wide, zero, tile, lanes):
    """Y = A' M A of a smaller tile, of high x wide points, plus the bias."""
    for column in range(wide):
        _edge_outputs(high, tile, m, source + column * plane, INPUT_TILE * plane, half, column * lanes,
                      INPUT_TILE * lanes, zero, lanes)
    for row in range(high - INPUT_TILE + tile):
        _edge_outputs(wide, tile, half, row * INPUT_TILE * lanes, lanes, done, row * tile * lanes, lanes, shift, lanes)


@inlined
def _write_whole_rows(half, at, shift, y, given, limits, out, line, pixel, tall, activation, has_mask, past, zero, tile,
                      lanes):
    """The second half of Y = A' M A straight into the result, where all columns of the tile lie in it."""
    for row in range(tall):
        found = tile_load(half, at + row * INPUT_TILE * lanes, lanes, INPUT_TILE, 1, lanes)
        pixels = tile_shift(output_map(found, tile), shift)
        if activation == RELU:
            pixels = tile_raised(pixels, zero)
        elif activation == CLAMP:
            pixels = tile_clamped(pixels, limits, 0, lanes)
        if has_mask:
            pixels = tile_select_positive(pixels, tile_load(given, out + row * line, pixel, tile, 1, lanes))
        if past:
            tile_stream(pixels, y, out + row * line, pixel)
        else:
            tile_store(pixels, y, out + row * line, pixel)


@inlined
def _activated(value, limits, activation, zero, lanes):
    """One vector behind the activation."""
    if activation == RELU:
        value = raised(value, zero)
    elif activation == CLAMP:
        value = clamped(value, load(limits, 0, lanes), load(limits, lanes, lanes))
    return value


@inlined
def _write_pixels(done, y, given, limits, out, line, pixel, tall, wide, activation, has_mask, count, zero, tile,
                  lanes):
    """The pixels of a tile that lie in the result, one by one, masked if `given` says so."""
    for row in range(tall):
        for column in range(wide):
            place = out + row * line + column * pixel
            value = _activated(load(done, (row * tile + column) * lanes, lanes), limits, activation, zero, lanes)
            if has_mask:
                value = select(load_part(given, place, count, lanes) > zero, value, zero)
            store_part(y, place, value, count)


@inlined
def _write_windows(done, spare, y, winner, places, limits, out, line, pixel, tall, wide, activation, count, zero, tile,
                   lanes):
    """The largest of each 2 x 2 window of a tile, and which it was."""
    for row in range(tall):
        for column in range(wide):
            corner, place = (row * tile + column) * 2 * lanes, out + row * line + column * pixel
            found = window_maximum(done, corner, tile * lanes, lanes, 2, 2, lanes)
            best, index = tile_get(found, 0, 0), tile_get(found, 1, 0)
            if any_nan(tile_get(found, 2, 0)):
                best, index = maximum_with_nans(done, corner, tile * lanes, lanes, (2, 2), zero)
            store_channels(y, place, _activated(best, limits, activation, zero, lanes), count)
            if places:
                if activation == RELU:
                    index = where_open(index, best, zero)
                store_places(winner, place, index, count, spare)


@inlined
def load_epilogue(a, bias, limits, channel, used, zero, lanes):
    """The bias of a vector of channels (or zeros); limits = their lower and upper limits, if there are such."""
    shift = zero
    if integer(a, 18):
        shift = load_part(bias, channel, used, lanes)
    if integer(a, 19) == CLAMP:
        store(limits, 0, load_part(f32(a, 28), channel, used, lanes))
        store(limits, lanes, load_part(f32(a, 29), channel, used, lanes))
    return shift


@inlined
def write_tile(half, at, done, spare, shift, a, y, winner, given, limits, corner, sizes, tall, wide, channel, used,
               past, zero, tile, lanes):
    """Ends a whole tile of `tall` x `wide` outputs of `used` channels, whose A' M begins at half[at].

    a: the kernel's arguments. corner: (image, row, column) of its first output. sizes: (height, width, channels) of Y.
    past: whether whole rows go past the caches.
    """
    image, row, column = corner
    oh, ow, oc = sizes
    activation, has_mask = integer(a, 19), integer(a, 20)
    out = ((image * oh + row) * ow + column) * oc + channel
    if integer(a, 21) == 0 and used == lanes and wide == tile:
        _write_whole_rows(half, at, shift, y, given, limits, out, ow * oc, oc, tall, activation, has_mask, past, zero,
                          tile, lanes)
    else:
        _output_rows(half, at, shift, done, tile, lanes)
        write_part(done, spare, a, y, winner, given, limits, corner, sizes, tall, wide, channel, used, zero, tile,
                   lanes)


@inlined
def write_part(done, spare, a, y, winner, given, limits, corner, sizes, tall, wide, channel, used, zero, tile, lanes):
    """Ends a tile that is pooled, or whose outputs do not all lie in Y; they begin at done[0]."""
    image, row, column = corner
    oh, ow, oc = sizes
    activation = integer(a, 19)
    if integer(a, 21):
        out = ((image * (oh // 2) + row // 2) * (ow // 2) + column // 2) * oc + channel
        _write_windows(done, spare, y, winner, integer(a, 6) != 0, limits, out, ow // 2 * oc, oc, tall // 2, wide // 2,
                       activation, used, zero, tile, lanes)
    else:
        out = ((image * oh + row) * ow + column) * oc + channel
        _write_pixels(done, y, given, limits, out, ow * oc, oc, tall, wide, activation, integer(a, 20), used, zero,
                      tile, lanes)
