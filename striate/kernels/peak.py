"""Kernels that measure the machine: what its multiply-add units and its memory can do at most.

`fma_peak` keeps its sums in registers and touches no memory inside its loop, so nothing but the multiply-add units
bounds it: percentages of peak refer to it. `stream_copy` moves a long array once through all caches.
"""

from llvmlite import ir
from numba.extending import intrinsic

from striate.kernels.simd import broadcast, emit_fma, f32, integer, load, store
from striate.kernels.tiles import tile_load, tile_store

FMA_ROUNDS = 4096
"""Multiply-adds into each sum a task."""


@intrinsic
def _multiply_add_all(typing, tile, factor, summand):
    """Every vector of the tile becomes vector * factor + summand."""
    def generate(context, builder, signature, args):
        sums, factor, summand = args
        kind = signature.args[0]
        for k in range(kind.rows * kind.columns):
            value: ir.Value = emit_fma(builder, builder.extract_value(sums, k), factor, summand)
            sums = builder.insert_value(sums, value, k)
        return sums
    return tile(tile, factor, summand), generate


def fma_peak(sums, lanes):
    """Makes the kernel; `sums` vectors are under way at once, more than the units' latency times their number.

    Slots: 0 the start and the end of all sums, sums * lanes float32 for each task.
    """
    size, rounds = sums * lanes, FMA_ROUNDS

    def fma_peak(a, first, last, scratch):
        x = f32(a, 0)
        # The factor comes out of memory, so that the compiler cannot know what the loop gives.
        factor, summand = broadcast(x[0], lanes), broadcast(x[1], lanes)
        for task in range(first, last):
            tile = tile_load(x, task * size, lanes, sums, 1, lanes)
            for _ in range(rounds):
                tile = _multiply_add_all(tile, factor, summand)
            tile_store(tile, x, task * size, lanes)
    return fma_peak


def stream_copy(lanes):
    """Makes the kernel. Slots: 0 x, 1 out, 2 vectors a task."""
    def stream_copy(a, first, last, scratch):
        x, out, vectors = f32(a, 0), f32(a, 1), integer(a, 2)
        for i in range(first * vectors, last * vectors):
            store(out, i * lanes, load(x, i * lanes, lanes))
    return stream_copy
