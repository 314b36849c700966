"""Winograd's convolution and its adjoints agree with the plain sums, for any shape that they accept."""

import dataclasses

import numpy as np
import pytest

from striate import ops
from striate.engine import Function
from striate.graph.ir import Graph, Node, Value
from striate.kernels.cpu import host
from striate.kernels.winograd import order_tiles, tiles_of
from striate.kernels.winograd_matrices import A_T, B_T, INPUT_STAGES, INPUT_TILE, OUTPUT_STAGES, TILES, G
from striate.ops.spec import OPS, TensorType
from striate.plan.ir import Step
from striate.plan.lower import PREFERRED, winograd, winograd_rules  # noqa: F401 - the last one enters its rules
from striate.plan.schedule import _place, _Views
from striate.runtime import pool
from striate.runtime.executable import Executable

BOUND = 2e-5
"""Largest error as a part of the largest result; measured 1e-6 to 1e-5, the plain sum has 3e-7."""


def processor(lanes, **others):
    return dataclasses.replace(host(), lanes=lanes, registers=32 if lanes == 16 else 16, **others)


def run(op, inputs, lanes=None, cpu=None, **attributes):
    cpu = cpu or (host() if lanes is None else processor(lanes))
    values = [Value(TensorType(x.shape, str(x.dtype)), role="input") for x in inputs]
    node = Node(op, values, attributes, OPS[op].shape([v.type for v in values], **attributes))
    launches = PREFERRED[op](node, cpu)
    graph = Graph("test", values, [], [node], node.outputs, [])
    return Executable(_place(graph, [Step(node, tuple(launches))], _Views(graph))).run(inputs)


def attributes_of(padding=((1, 1), (1, 1)), activation=None, pool=None):
    return {"strides": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1, "activation": activation,
            "pool": pool}


def close(actual, expected):
    assert np.abs(actual - expected).max() <= BOUND * np.abs(expected).max()


SAME = {2: ((0, 1), (0, 1)), 3: ((1, 1), (1, 1)), 5: ((2, 2), (2, 2))}


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize(("points", "rows"), A_T)
def test_the_matrices_are_exact_on_a_line(points, rows):
    """Fewer points, fewer outputs, and the same transformed weights."""
    side = points + 1 - rows
    d, w = normal(0, points).astype(float), normal(1, side).astype(float)
    transformed = G[INPUT_TILE + 1 - side] @ w
    expected = [d[i:i + side] @ w for i in range(rows)]
    np.testing.assert_allclose(A_T[points, rows] @ (transformed[:points] * (B_T[points] @ d)), expected, rtol=1e-12)


@pytest.mark.parametrize("tile", TILES)
def test_the_stages_are_the_matrices(tile):
    assert np.array_equal(INPUT_STAGES[1] @ INPUT_STAGES[0], B_T[INPUT_TILE])
    assert np.array_equal(OUTPUT_STAGES[tile][1] @ OUTPUT_STAGES[tile][0], A_T[INPUT_TILE, tile])


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("height", range(1, 11))
def test_each_tile_has_its_place_and_its_frequencies(tile, height):
    """What the kernels do with a chunk of whole images, the plan's own count, and both against a count tile by tile."""
    for width in (*range(1, 11), 14, 33):
        cut, images = winograd._Cut(tile, height, width), 3
        (high, wide), count, slots = cut.points, images * cut.tiles, np.full(images * cut.tiles, -1)
        ends = order_tiles(slots, 0, count, cut.rows, cut.columns, high < INPUT_TILE, wide < INPUT_TILE)
        assert sorted(slots) == list(range(count))
        assert ends == cut.ends(images)
        points = [(high if t // cut.columns % cut.rows == cut.rows - 1 else INPUT_TILE,
                   wide if t % cut.columns == cut.columns - 1 else INPUT_TILE) for t in range(count)]
        for f in range(INPUT_TILE**2):
            having = {int(slots[t]) for t, (down, across) in enumerate(points)
                      if f // INPUT_TILE < down and f % INPUT_TILE < across}
            assert having == set(range(*tiles_of(f, high, wide, *ends, count)))
        assert cut.register_tiles(images, 1) == sum(down * across for down, across in points)


SHAPES = [(3, 8, 14, 14, 32, 48), (3, 9, 13, 15, 24, 40), (3, 40, 7, 7, 36, 25), (3, 3, 28, 12, 27, 64),
          (3, 3, 33, 26, 16, 17), (3, 30, 5, 3, 16, 24), (5, 5, 14, 9, 48, 50), (5, 20, 7, 8, 52, 49),
          (5, 2, 28, 12, 59, 64), (3, 3, 18, 17, 20, 16), (2, 5, 14, 17, 24, 40), (2, 9, 7, 12, 16, 17)]
"""Side of the kernel, images, height, width, channels in and out. Maps whose edges are whole tiles, smaller tiles with
one, two and three rows or columns, and whole tiles that reach beyond the map. Blocks of one, two and three vectors."""


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize(("shape", "pooled"), [(shape, pooled) for shape in SHAPES for pooled in (False, True)
                                               if not pooled or shape[0] != 2])
@pytest.mark.parametrize("activation", ["relu", "clamp"])
def test_forward(shape, lanes, pooled, activation):
    side, n, h, w, ic, oc = shape
    x, kernel, bias = normal(2, n, h, w, ic), normal(3, side, side, ic, oc) / 10, normal(4, oc)
    attributes = attributes_of(SAME[side], activation=activation, pool=(2, 2, 2, 2) if pooled else None)
    inputs = [x, kernel, bias] + ([normal(5, oc) - 1, normal(6, oc) + 1] if activation == "clamp" else [])
    actual = run("conv2d", inputs, lanes, **attributes)
    expected = OPS["conv2d"].reference(*inputs, **attributes)
    close(actual[0], expected[0])
    if pooled:
        assert (actual[1] != expected[1]).mean() < 1e-3
        assert np.array_equal(run("conv2d", inputs, lanes, **attributes, winners=False)[0], actual[0])


@pytest.mark.parametrize("channels", [32, 144])
@pytest.mark.parametrize("op", ["conv2d", "conv2d_input_grad"])
def test_large_results_go_past_the_caches_and_are_the_same(op, channels):
    """With vectors of whole lines, results of 4 MB and more do; an image by itself has a small one."""
    shape = (4_300_000 // (28 * 28 * channels * 4) + 1, 28, 28, channels)
    x, mask, kernel = normal(20, *shape), normal(21, *shape), normal(22, 3, 3, channels, channels) / 10
    attributes = attributes_of(SAME[3], activation="relu")
    if op == "conv2d_input_grad":
        attributes = attributes_of(SAME[3]) | {"input_shape": (28, 28), "masked": True}

    def images(some):
        return run(op, [x[some], kernel] if op == "conv2d" else [kernel, x[some], mask[some]], **attributes)[0]
    together, number = images(slice(None)), len(x) - 1
    assert together.nbytes > 4 * 2**20
    assert np.array_equal(together[:1].view(np.uint32), images(slice(1)).view(np.uint32))
    assert np.array_equal(together[number:].view(np.uint32), images(slice(number, None)).view(np.uint32))


@pytest.mark.parametrize("size", [(15, 15), (11, 20), (7, 9), (19, 7)])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((2, 0), (2, 0)), ((0, 2), (0, 2))])
@pytest.mark.parametrize("side", [3, 5])
def test_pooling_leaves_out_the_last_row_of_outputs(side, size, padding):
    """Windows that do not fill the map: inputs that no tile needs are still copied, several images a chunk."""
    x, kernel, bias = normal(16, 24, *size, 48), normal(17, side, side, 48, 49) / 10, normal(18, 49)
    attributes = attributes_of(padding, "relu", (2, 2, 2, 2))
    actual, expected = (found[0] for found in (run("conv2d", [x, kernel, bias], **attributes),
                                               OPS["conv2d"].reference(x, kernel, bias, **attributes)))
    close(actual, expected)


@pytest.mark.parametrize("kernel", range(1, 8))
@pytest.mark.parametrize(("size", "channels"), [((14, 15), 32), ((20, 20), 16), ((8, 10), 64), ((9, 28), 8)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_windows_of_a_pooling_that_do_not_fit_the_tiles(kernel, size, channels, padding):
    """Tiles of 5 x 5 outputs have none of 2 x 2: whatever runs a layer of this kernel, its windows are whole."""
    x, bias = normal(30, 8, *size, channels), normal(32, 32)
    weights = normal(31, kernel, kernel, channels, 32) / kernel

    def layer(x, weights, bias):
        return ops.max_pool(ops.relu(ops.conv(x, weights, padding=padding) + bias), 2)
    close(Function(layer)(x, weights, bias), Function(layer, mode="reference")(x, weights, bias))


@pytest.mark.parametrize(("side", "padding"), [
    (2, ((0, 0), (0, 0))), (2, ((1, 0), (0, 1))), (3, ((0, 0), (0, 0))), (3, ((1, 1), (1, 1))), (3, ((2, 0), (0, 2))),
    (5, ((0, 0), (0, 0))), (5, ((2, 2), (2, 2))), (5, ((4, 1), (0, 3)))])
@pytest.mark.parametrize("masked", [False, True])
def test_input_gradient(side, padding, masked):
    ic, oc = (48, 52) if side == 5 else (32, 40)
    kernel = normal(5, side, side, ic, oc) / 10
    size = (13, 14)
    oh, ow = (size[i] + sum(padding[i]) - side + 1 for i in range(2))
    g, mask = normal(6, 6, oh, ow, oc), normal(7, 6, *size, ic)
    attributes = attributes_of(padding) | {"input_shape": size, "masked": masked}
    inputs = [kernel, g] + ([mask] if masked else [])
    expected = OPS["conv2d_input_grad"].reference(*inputs, **attributes)
    close(run("conv2d_input_grad", inputs, **attributes)[0], expected[0])


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("side", [2, 3])
def test_input_gradient_behind_a_pooling(side, activation):
    x, kernel = normal(8, 5, 14, 12, 24), normal(9, side, side, 24, 32) / 10
    forward = attributes_of(SAME[side], activation=activation, pool=(2, 2, 2, 2))
    y, winner = OPS["conv2d"].reference(x, kernel, **forward)
    inputs = [kernel, normal(10, *y.shape), winner]
    attributes = forward | {"input_shape": (14, 12), "masked": False}
    expected = OPS["conv2d_input_grad"].reference(*inputs, **attributes)
    close(run("conv2d_input_grad", inputs, **attributes)[0], expected[0])


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("l2", [1 << 30, 1 << 10])
def test_weights_gradient(shape, lanes, l2):
    """In parts that stay in the cache of one core, and in chunks, as the processor's caches have it."""
    side, n, h, w, ic, oc = shape
    inputs = [normal(11, n, h, w, ic), normal(12, n, h, w, oc)]
    attributes = attributes_of(SAME[side]) | {"kernel_shape": (side, side, ic, oc), "bias": True}
    actual = run("conv2d_weights_grad", inputs, cpu=processor(lanes, l2=l2), **attributes)
    for one, other in zip(actual, OPS["conv2d_weights_grad"].reference(*inputs, **attributes), strict=True):
        close(one, other)


@pytest.mark.parametrize("side", SAME)
def test_same_bits_on_any_number_of_threads(side):
    x, g, kernel = normal(13, 20, 14, 14, 32), normal(14, 20, 14, 14, 32), normal(15, side, side, 32, 32)
    found = []
    for threads in (1, 2, 3, 5):
        pool.set_threads(threads)
        forward = run("conv2d", [x, kernel], **attributes_of(SAME[side]))
        gradient = run("conv2d_weights_grad", [x, g], **attributes_of(SAME[side]), kernel_shape=kernel.shape, bias=True)
        found.append([array.tobytes() for array in (*forward, *gradient)])
    pool.set_threads(pool.default_threads())
    assert all(one == found[0] for one in found)


SQUARES = {8: ["winograd_weights", "winograd_convolution"], 16: ["winograd_weights", "winograd_columns"]}
ROWS = {8: ["winograd_rows_pack", "winograd_rows"], 16: ["winograd_rows_pack", "winograd_rows_together"]}
GRADIENTS = {"squares": ["winograd_gradient_parts", "winograd_gradient_weights"],
             "rows": ["winograd_rows_gradient", "winograd_rows_gradient_sum"], "plain": None}


def chosen(op, batch, size, side, channels, strides, lanes):
    """The names of the kernels that the rules choose for a convolution to 64 channels or a gradient of it."""
    attributes = attributes_of(SAME[side]) | {"strides": strides}
    x, w, g = ((batch, size, size, channels), (side, side, channels, 64),
               (batch, size // strides[0], size // strides[1], 64))
    shapes, others = {
        "conv2d": ((x, w), {}), "conv2d_input_grad": ((w, g), dict(input_shape=(size, size), masked=False)),
        "conv2d_weights_grad": ((x, g), dict(kernel_shape=w, bias=False))}[op]
    values = [Value(TensorType(shape), role="input") for shape in shapes]
    node = Node(op, values, attributes | others, OPS[op].shape([v.type for v in values], **attributes, **others))
    launches = PREFERRED[op](node, processor(lanes))
    return launches and [launch.kernel for launch in launches]


@pytest.mark.parametrize("lanes", [8, 16])
@pytest.mark.parametrize(("batch", "size", "side", "channels", "strides", "kind"), [
    (8, 18, 3, 16, (1, 1), "squares"), (8, 18, 3, 8, (1, 1), "rows"), (8, 18, 5, 48, (1, 1), "squares"),
    (8, 18, 5, 40, (1, 1), "rows"), (8, 18, 3, 16, (2, 2), "plain"), (8, 18, 3, 8, (2, 2), "plain"),
    (2, 10, 3, 32, (1, 1), "squares"), (1, 10, 3, 32, (1, 1), "rows"), (1, 4, 3, 32, (1, 1), "plain")])
def test_few_channels_and_few_tiles_go_along_the_height_and_the_rest_to_the_plain_kernels(batch, size, side, channels,
                                                                                          strides, kind, lanes):
    forward = {"squares": SQUARES, "rows": ROWS, "plain": {lanes: None}}[kind][lanes]
    if forward is SQUARES[16] and size < 16:    # Maps of smaller tiles keep the products of a frequency together.
        forward = SQUARES[8]
    # Gradients have smaller tiles at the edges of more maps: 18 are four tiles of 4 and a half one.
    backward = SQUARES[8] if forward is SQUARES[16] and (side, size) == (3, 18) else forward
    case = batch, size, side, channels, strides, lanes
    assert chosen("conv2d", *case) == forward
    assert chosen("conv2d_input_grad", *case) == backward
    assert chosen("conv2d_weights_grad", *case) == GRADIENTS[kind]


def test_maps_with_smaller_tiles_and_many_channels_keep_the_products_of_a_frequency_together():
    for height, channels, kernel in ((16, 128, "winograd_columns"), (16, 144, "winograd_convolution"),
                                     (9, 64, "winograd_convolution")):
        values = [Value(TensorType(shape), role="input") for shape in ((8, height, height, channels),
                                                                       (3, 3, channels, 64))]
        node = Node("conv2d", values, attributes_of(SAME[3]), OPS["conv2d"].shape([v.type for v in values],
                                                                                  **attributes_of(SAME[3])))
        assert PREFERRED["conv2d"](node, processor(16))[1].kernel == kernel
