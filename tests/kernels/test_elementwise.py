"""The chain interpreter against the ops' definitions: every op, broadcasting, types, chains, threads, lane counts."""

from functools import cache

import numpy as np
import pytest

from striate.graph.ir import Node, Value
from striate.kernels.elementwise import FORMULAS
from striate.kernels.instructions import BLOCK, OPERANDS
from striate.ops.chain import chainable
from striate.ops.spec import OPS, TensorType
from striate.plan.lower.elementwise import broadcast_axes
from tests.kernels.harness import lowered, reference, run_node, with_lanes

GENERATOR = np.random.default_rng(17)
SPECIAL = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -2.5, 3.5, 1e-20, -1e20, 88.0, -88.0])
EXACT = "negative absolute sign square floor ceil trunc rint sqrt relu".split()
ULPS = {  # op: (low, high of the domain, units in the last place)
    "exp": (-87, 88, 1), "exp2": (-126, 127, 1), "expm1": (-20, 88, 2), "log": (1e-30, 1e30, 1), "log2": (1e-3, 1e3, 2),
    "log10": (1e-30, 1e30, 1), "log1p": (-0.99, 100, 2), "sin": (-1e4, 1e4, 2), "cos": (-1e4, 1e4, 2),
    "tan": (-1e3, 1e3, 4), "sinh": (-80, 80, 4), "cosh": (-80, 80, 4), "tanh": (-12, 12, 2), "arcsin": (-1, 1, 4),
    "arccos": (-1, 1, 4), "arctan": (-50, 50, 2), "arcsinh": (-1e3, 1e3, 4), "arccosh": (1, 1e3, 4),
    "arctanh": (-0.999, 0.999, 4), "erf": (-5, 5, 2), "sigmoid": (-80, 80, 2), "softplus": (-80, 80, 2),
    "rsqrt": (1e-3, 1e3, 1), "reciprocal": (-1e3, 1e3, 1),
}


def normal(*shape):
    return GENERATOR.standard_normal(shape).astype(np.float32)


def units(actual, expected):
    """The largest error in units of the last place of the expected number."""
    return (np.abs(actual.astype(np.float64) - expected) / np.spacing(np.abs(expected))).max()


def flushed(x):
    """The array with subnormal numbers as zeros: kernels run with the processor's flush-to-zero mode."""
    return np.where(np.abs(x) < np.finfo(np.float32).tiny, np.float32(0), x) if x.dtype == np.float32 else x


def same(actual, expected):
    return np.array_equal(actual, expected, equal_nan=True)


def test_every_instruction_has_a_formula():
    assert set(FORMULAS) == set(OPERANDS)


def test_every_elementwise_op_that_may_join_a_chain_has_a_kernel():
    for name, spec in OPS.items():
        if not spec.elementwise or name in ("chain", "clip", "cast"):
            continue
        for count in (1, 2, 3):
            try:
                types = spec.shape([TensorType((8,))] * count)
            except (TypeError, ValueError, IndexError):
                continue
            node = Node(name, [Value(TensorType((8,))) for _ in range(count)], {}, types)
            if chainable(node):
                assert lowered(node), name
                break


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("op", ULPS)
def test_functions_are_exact_to_a_few_units(op, lanes):
    low, high, bound = ULPS[op]
    x = GENERATOR.uniform(low, high, 3000).astype(np.float32)
    x[:50] = np.clip(x[:50] * 1e-3, low, high)
    y, = run_node(op, [x], cpu=with_lanes(lanes))
    assert units(y, reference(op, [x])[0]) <= bound


@cache
def angles():
    """Of every exponent of float32 the number that lies nearest to a multiple of pi / 2, its neighbours and some drawn
    ones; and, of each, the quarter turns and the rest, by whole numbers of 400 bits."""
    def arctan(n):
        total, term, k = 0, (1 << 432) // n, 1
        while term:
            total, term, k = total + (term // k if k % 4 == 1 else -(term // k)), term // (n * n), k + 2
        return total
    pi = 4 * (4 * arctan(5) - arctan(239)) >> 32
    mantissas, exact, found = np.arange(2 ** 23, 2 ** 24, dtype=np.uint64), (2 << 800) // pi, []
    for exponent in range(-30, 105):
        step = exact << exponent if exponent > 0 else exact >> -exponent
        away = mantissas * np.uint64((step >> 336) & (2 ** 64 - 1))
        nearest = 2 ** 23 + int(np.minimum(away, -away).argmin())
        for mantissa in (nearest, nearest + 1, nearest - 1, *map(int, GENERATOR.integers(2 ** 23, 2 ** 24, 20))):
            turns, rest = divmod(mantissa * step + (1 << 399), 1 << 400)
            found.append((mantissa * 2.0 ** exponent, turns % 4, ((rest - (1 << 399)) * pi >> 401) / 2 ** 400))
    x, turns, rest = map(np.array, zip(*found, strict=True))
    return x.astype(np.float32), turns, rest


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("op", ["sin", "cos", "tan"])
def test_angles_of_any_size_are_reduced_exactly(op, lanes):
    """Also beside small ones in a vector, which they must not change."""
    x, turns, rest = angles()
    sine, cosine = np.sin(rest), np.cos(rest)
    sine, cosine = np.choose(turns, [sine, cosine, -sine, -cosine]), np.choose(turns, [cosine, -sine, -cosine, sine])
    expected = {"sin": sine, "cos": cosine, "tan": sine / cosine}[op]
    for order in (np.arange(x.size), GENERATOR.permutation(x.size)):
        y, = run_node(op, [x[order]], cpu=with_lanes(lanes))
        assert units(y, expected[order].astype(np.float32)) <= ULPS[op][2]
        assert same(run_node(op, [-x[order]], cpu=with_lanes(lanes))[0], y if op == "cos" else -y)
    y, = run_node(op, [np.float32([np.inf, -np.inf, np.nan] + [1.0] * 14)], cpu=with_lanes(lanes))
    assert np.isnan(y[:3]).all() and units(y[3:], getattr(np, op)(np.float32(1))) <= ULPS[op][2]


@pytest.mark.parametrize("op", [*EXACT, "exp", "expm1", "log", "log1p", "log2", "tanh", "sigmoid", "erf", "arctan",
                                "sinh", "softplus", "arcsinh", "isnan", "isinf", "isfinite", "reciprocal", "rsqrt"])
def test_special_numbers(op):
    y, = run_node(op, [SPECIAL])
    expected, = reference(op, [SPECIAL])
    loose = np.isfinite(expected)
    assert same(y[~loose], expected[~loose]), op
    assert np.allclose(y[loose], expected[loose], rtol=1e-6, atol=1e-37), op


@pytest.mark.parametrize("op", EXACT)
def test_exact_functions(op):
    x = np.concatenate([normal(700) * 10, GENERATOR.integers(-40, 40, 700) / np.float32(2)]).astype(np.float32)
    if op == "sqrt":
        x = np.abs(x)
    assert same(run_node(op, [x])[0], reference(op, [x])[0])


@pytest.mark.parametrize("op", "add subtract multiply divide maximum minimum relu_grad greater greater_equal less "
                               "less_equal equal not_equal".split())
def test_two_operands_exactly(op):
    a, b = (GENERATOR.integers(-3, 4, (5, 300)).astype(np.float32) for _ in range(2))
    assert same(run_node(op, [a, b])[0], reference(op, [a, b])[0])
    a, b = np.repeat(SPECIAL, SPECIAL.size), np.tile(SPECIAL, SPECIAL.size)
    assert same(run_node(op, [a, b])[0], flushed(reference(op, [a, b])[0]))


def test_power_and_arctan2():
    x, y = np.abs(normal(2000)) * 3, normal(2000) * 5
    assert units(run_node("power", [x, y])[0], reference("power", [x, y])[0]) <= 1
    a, b = np.repeat(SPECIAL[:10], 10), np.tile(SPECIAL[:10], 10)
    actual, expected = run_node("power", [a, b])[0], reference("power", [a, b])[0]
    assert same(np.isnan(actual), np.isnan(expected)) and np.allclose(actual, expected, rtol=1e-6, equal_nan=True)
    actual, expected = run_node("arctan2", [a, b])[0], reference("arctan2", [a, b])[0]
    assert np.allclose(actual, expected, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("shapes", [
    [(7, 300), (300,)], [(7, 300), (7, 1)], [(3, 1, 5), (4, 1)], [(), (600,)], [(2, 3, 4, 5), (3, 1, 5)],
    [(1,), (1,)], [(6, 2, 5, 3, 4), (6, 1, 5, 1, 4)], [(1, 3, 1, 2, 1, 3), (2, 1, 3, 1, 2, 1)], [(1200, 3), (3,)]])
def test_broadcasting(shapes):
    a, b = (GENERATOR.integers(-9, 10, shape).astype(np.float32) for shape in shapes)
    assert same(run_node("subtract", [a, b])[0], a - b)


def test_broadcast_axes_joins_what_goes_together():
    assert broadcast_axes((32,), (8, 7, 32)) == ([56, 32], [0, 1])
    assert broadcast_axes((8, 7, 1), (8, 7, 32)) == ([56, 32], [1, 0])
    assert broadcast_axes((), (4, 5)) == ([20], [0])


@pytest.mark.parametrize("source", ["float32", "int32", "uint8", "bool"])
@pytest.mark.parametrize("target", ["float32", "int32", "uint8", "bool"])
def test_cast(source, target):
    if source == target:
        return
    x = GENERATOR.integers(0, 2 if source == "bool" else 250, (3, 400)).astype(source)
    x = x + x.dtype.type(0.75) if source == "float32" else x
    assert same(run_node("cast", [x], dtype=target)[0], x.astype(target))


@pytest.mark.parametrize("op", "add subtract multiply maximum minimum greater less equal not_equal".split())
def test_whole_numbers_stay_exact(op):
    a, b = (GENERATOR.integers(-2 ** 31, 2 ** 31, 900).astype(np.int32) for _ in range(2))
    b[:300] = a[:300]
    assert same(run_node(op, [a, b])[0], reference(op, [a, b])[0])
    assert same(run_node(op, [a, a.astype(np.uint8)])[0], reference(op, [a, a.astype(np.uint8)])[0])


def test_where_and_clip_and_logic():
    condition, a, b = normal(40, 1) > 0, normal(40, 30), normal(30)
    assert same(run_node("where", [condition, a, b])[0], np.where(condition, a, b))
    assert same(run_node("where", [a, b, condition])[0], reference("where", [a, b, condition])[0])
    assert same(run_node("clip", [a], x_min=-0.5, x_max=1)[0], np.clip(a, -0.5, 1))
    truth = GENERATOR.integers(0, 3, (2, 700)).astype(np.int32)
    for op in ("logical_and", "logical_or", "logical_xor"):
        assert same(run_node(op, [truth[0], truth[1]])[0], reference(op, [truth[0], truth[1]])[0])
    assert same(run_node("logical_not", [a])[0], np.logical_not(a))


PROGRAM = (
    ("subtract", (0, 1), ()), ("multiply", (5, 2), ()), ("add", (6, 3), ()), ("relu", (7,), ()), ("exp", (5,), ()),
    ("cast", (4,), (("dtype", "float32"),)), ("multiply", (8, 10), ()), ("greater", (11, 9), ()),
    ("where", (12, 11, 0), ()),
)


@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_a_chain_of_many_ops_with_three_results(lanes):
    whole = GENERATOR.integers(0, 3, (7, 1)).astype(np.int32)
    inputs = [normal(9, 7, 33), normal(33), normal(33), normal(9, 1, 1), whole]
    attributes = dict(program=PROGRAM, results=(13, 12, 8))
    actual = run_node("chain", inputs, cpu=with_lanes(lanes), **attributes)
    for y, expected in zip(actual, reference("chain", inputs, **attributes), strict=True):
        assert y.dtype == expected.dtype
        assert np.allclose(y, expected, rtol=1e-6, atol=1e-6)


def test_bits_do_not_depend_on_threads_or_lanes():
    inputs = [normal(20, 1000), normal(1000), normal(1000), normal(20, 1), np.int32([2])]
    attributes = dict(program=PROGRAM, results=(13,))
    expected = run_node("chain", inputs, **attributes)[0].tobytes()
    for threads in (2, 3):
        assert run_node("chain", inputs, threads=threads, **attributes)[0].tobytes() == expected
    for lanes in (4, 16):
        assert run_node("chain", inputs, cpu=with_lanes(lanes), **attributes)[0].tobytes() == expected


@pytest.mark.parametrize("size", [1, 15, 16, 17, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_sizes_around_a_block(size):
    x = normal(size)
    assert same(run_node("square", [x])[0], x * x)
    assert same(run_node("greater", [x, np.float32(0)])[0], x > 0)


def test_what_no_kernel_fits_is_left_to_the_reference():
    wide = Value(TensorType((4,), "float64"))
    assert lowered(Node("exp", [wide], {}, [TensorType((4,), "float64")])) is None
    whole = Value(TensorType((4,), "int32"))
    assert lowered(Node("square", [whole], {}, [TensorType((4,), "int32")])) is None
