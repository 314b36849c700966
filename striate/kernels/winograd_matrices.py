"""The matrices of Winograd's convolutions, and intrinsics that multiply vectors by them.

    Y = A' [ (G w) . (B' d) ]        of one line: d n numbers, w the weights, Y n + 1 - (weights) outputs, n points

`striate.kernels.winograd` applies them in both directions, `striate.kernels.winograd_rows` along the height.
"""

from fractions import Fraction

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from striate.kernels.simd import I64, constant, emit_fma, load_vector, store_vector, vector_type
from striate.kernels.tiles import Tile

INPUT_TILE = 6
"""Rows and columns of d."""
POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))


def matrices(tile: int, points: tuple = POINTS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(A', G, B'): tile x n, n x (n + 1 - tile) and n x n, by the Toom-Cook construction on `points` and infinity.

    n: how many points there are with infinity, 6 unless others are given.
    """
    taps = len(points) + 2 - tile
    a = [[point**i for point in points] + [Fraction(int(i == tile - 1))] for i in range(tile)]
    g, b = [], []
    for j, point in enumerate(points):
        others = [other for k, other in enumerate(points) if k != j]
        scale = np.prod([point - other for other in others])
        g.append([point**k / scale for k in range(taps)])
        b.append(_polynomial(others) + [Fraction(0)])
    g.append([Fraction(int(k == taps - 1)) for k in range(taps)])
    b.append(_polynomial(points))
    return tuple(np.array(m, dtype=np.float64) for m in (a, g, b))


def _polynomial(roots) -> list:
    """Coefficients of the product of (x - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [low - root * high for low, high in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
    return coefficients


TILES = (4, 2, 5)
"""Rows of Y of whole tiles: for kernels of 3, 5 and 2 rows."""
G = {tile: np.roll(matrices(tile)[1], 1, axis=0) for tile in TILES}
"""Its rows, like those of B' and the columns of A', belong to infinity, 0, 1, -1, 1/2 and -2: infinity comes first."""
FEWEST_POINTS = 3
"""Tiles of fewer would lack the point 1, whose products hold the gradient of a bias."""


def _with_first_points(count: int, tile: int) -> tuple[np.ndarray, np.ndarray]:
    """(A', B') of the first `count` points for `tile` rows of Y and the weights that G[...] gives for all points."""
    a, g, b = matrices(tile, POINTS[:count - 1])
    factors = np.ones(count)
    factors[:-1] = g[:-1, 0] / matrices(INPUT_TILE - count + tile)[1][:count - 1, 0]
    return np.roll(a, 1, axis=1), np.roll(factors[:, None] * b, 1, axis=0)


A_T = {(count, count - INPUT_TILE + tile): _with_first_points(count, count - INPUT_TILE + tile)[0] for tile in TILES
       for count in range(max(FEWEST_POINTS, INPUT_TILE + 1 - tile), INPUT_TILE + 1)}
"""A' by its numbers of points and of rows of Y."""
B_T = {count: _with_first_points(count, count - INPUT_TILE + max(TILES))[1]
       for count in range(FEWEST_POINTS, INPUT_TILE + 1)}


def _rows(matrix):
    """The non-zero terms of each row, one with coefficient 1 (which costs nothing) first where there is one."""
    return [sorted(((k, float(c)) for k, c in enumerate(row) if c), key=lambda term: term[1] != 1) for row in matrix]


def linear_map(*choices):
    """An intrinsic that multiplies the vectors of a tile by constant matrices, one after another.

    A transform is cheaper in two stages, of which the first makes sums that several results share.
    choices: the matrices of each map; it is chosen by how many vectors there are, and by how many there shall be.
    """
    plans = {(stages[0].shape[1], stages[-1].shape[0]): [_rows(matrix) for matrix in stages] for stages in choices}

    @intrinsic(prefer_literal=True)
    def apply(typing, tile, results):
        """The map from a tile of one column to one of so many rows."""
        plan = plans[tile.rows, results.literal_value]

        def generate(context, builder, signature, args):
            lanes = signature.args[0].lanes
            vectors = [builder.extract_value(args[0], k) for k in range(signature.args[0].rows)]
            vectors = _emit_map(builder, plan, vectors, lanes)
            result = ir.Constant(ir.ArrayType(vector_type(lanes), len(vectors)), ir.Undefined)
            for i, vector in enumerate(vectors):
                result = builder.insert_value(result, vector, i)
            return result
        return Tile(len(plan[-1]), 1, tile.lanes)(tile, results), generate
    return apply


def square_map(*choices):
    """An intrinsic that multiplies a square of vectors by a constant matrix of six rows from both sides: M X M'.

    Three rows of M X at a time, which 32 registers hold until they are multiplied from the right: those of points 0, 1
    and -1, which share sums, then the others. choices: the matrices of each map, chosen by the side of X.
    """
    plans = {stages[0].shape[1]: [_rows(matrix) for matrix in stages] for stages in choices}

    @intrinsic(prefer_literal=True)
    def apply(typing, x, corner, pixel, line, side, y, target, plane, lanes):
        """y[target + (6 * i + j) * plane : ... + lanes] = (M X M')[i, j]; vectors of X lie `pixel` and `line` apart."""
        plan, n, count = plans[side.literal_value], side.literal_value, lanes.literal_value

        def generate(context, builder, signature, args):
            x, corner, pixel, line, _, y, target, plane, _ = args

            def place(offset, down, i, across, j):
                return builder.add(offset, builder.add(builder.mul(down, I64(i)), builder.mul(across, I64(j))))
            for chosen in ((1, 2, 3), (0, 4, 5)):
                columns = []
                for j in range(n):
                    vectors = [load_vector(builder, builder.gep(x, [place(corner, line, i, pixel, j)]), count)
                               for i in range(n)]
                    columns.append(_emit_map(builder, plan, vectors, count))
                for i in chosen:
                    for j, vector in enumerate(_emit_map(builder, plan, [column[i] for column in columns], count)):
                        store_vector(builder, vector, builder.gep(y, [place(target, plane, INPUT_TILE * i, plane, j)]))
            return context.get_dummy_value()
        return types.void(x, types.intp, types.intp, types.intp, side, y, types.intp, types.intp, lanes), generate
    return apply


def _emit_map(builder, stages, vectors, lanes):
    for rows in stages:
        vectors = [_combination(builder, row, vectors, lanes) for row in rows]
    return vectors


def _combination(builder, row, vectors, lanes):
    total = None
    for k, c in row:
        if total is None:
            total = vectors[k] if c == 1 else builder.fmul(vectors[k], constant(c, lanes))
        elif abs(c) == 1:
            total = (builder.fadd if c > 0 else builder.fsub)(total, vectors[k])
        else:
            total = emit_fma(builder, vectors[k], constant(c, lanes), total)
    return total


# With q(x) = x^3 - x and p(x) = x^3 + 1.5 x^2 - x the rows of B' are (x +- 1) p, (x + 2) q, (x - 1/2) q and, for the
# points 0 and infinity, (x^2 + 1.5 x - 1) times x^2 - 1 and q: 16 operations in place of 26.
INPUT_STAGES = (
    np.array([[0, -1, 1.5, 1, 0, 0], [0, 0, -1, 1.5, 1, 0], [-1, 0, 1, 0, 0, 0], [0, -1, 0, 1, 0, 0],
              [0, 0, -1, 0, 1, 0], [0, 0, 0, -1, 0, 1]]),
    np.array([[0, 0, 0, -1, 1.5, 1], [0, 0, -1, 1.5, 1, 0], [1, 1, 0, 0, 0, 0], [-1, 1, 0, 0, 0, 0], [0, 0, 0, 2, 1, 0],
              [0, 0, 0, -0.5, 1, 0]]))
_SUMS_AND_DIFFERENCES = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 1, -1, 0, 0],
                                  [0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 1]])
OUTPUT_STAGES = {
    4: (_SUMS_AND_DIFFERENCES, np.array([[0, 1, 1, 0, 1, 1], [0, 0, 0, 1, 0.5, -2], [0, 0, 1, 0, 0.25, 4],
                                         [1, 0, 0, 1, 0.125, -8]])),
    2: (_SUMS_AND_DIFFERENCES, np.array([[0, 1, 1, 0, 1, 1], [1, 0, 0, 1, 0.5, -2]])),
    5: (_SUMS_AND_DIFFERENCES, np.array([[0, 1, 1, 0, 1, 1], [0, 0, 0, 1, 0.5, -2], [0, 0, 1, 0, 0.25, 4],
                                         [0, 0, 0, 1, 0.125, -8], [1, 0, 1, 0, 0.0625, 16]]))}
