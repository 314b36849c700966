"""Lowering of matrix products: dense layers, their gradients and matmul.

All are one product c = a b, m x k times k x n, with either operand stored transposed. Five ways:

* **tiles** (`gemm`) when m, n and k exceed `_NARROW`: register tiles, panels of b packed by each task; in parts of k,
  which are added afterwards, where m and n alone give few tasks (a dense layer of 100 units);
* **long** (`gemm_long`) when that would be few tasks, because m and n are small beside k, and a is stored with k as its
  rows (the gradient of the weights of a layer that many pixels pass): parts of k, which are added afterwards;
* **thin** (`gemm_thin`) when k is small: a few multiplications an element, bound by memory;
* **dots** (`gemm_dots`) when m or n is small and the long operand's rows run along k: a dot product an element;
* **streams** (`gemm_streams`) when m or n is small and the long operand is stored with k as its rows: its rows are
  read once from front to back (the weights, in a prediction of one image), in chunks of k that are added afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from striate.kernels.cpu import Cpu
from striate.ops.broadcast import broadcast_shapes
from striate.ops.matrix import matmul_shapes
from striate.plan.ir import Constant, Launch, Temporary
from striate.plan.lower import lowers
from striate.plan.lower.convolution import ENOUGH_TASKS

_NARROW = 4
"""Rows or columns up to which a product is narrow."""
_DEPTH = 256
"""Rows of a packed panel: with 16 columns 16 KB, half of a first-level cache."""
_ROW_BLOCK = 144
"""Rows of c that use a packed panel; twice as many if packing it means transposing it."""
_TASK_FLOPS = 2_000_000
"""Work of one task: large beside the cost of handing it out, small beside a step."""
_LEAST_PART, _LEAST_FLOPS = 64, 1_000_000
"""Least steps and least work of a part of a sum: below it, packing and adding the parts would cost too much."""
_LONG = 512
"""Steps of a sum from which on it is cut into `ENOUGH_TASKS` parts, where the results alone give fewer tasks."""
_STREAM_WIDTH = 1024
"""Elements of a row that `gemm_streams` sums at a time: the sums stay in the first-level cache."""
_STREAM_TASKS = 16
"""Tasks that k is cut into chunks for, where the width alone gives fewer."""
_TILES = {16: {(6, 2): 1.0, (4, 3): 1.05, (10, 1): 1.35},
          32: {(6, 4): 1.0, (4, 5): 1.02, (3, 7): 1.02, (8, 2): 1.03, (8, 3): 1.05, (12, 1): 1.12}}
"""Rows x vectors of the register tiles by the number of registers, and their time a multiplication (the best: 1). Tiles
of 12 and 14 rows by 2 vectors need up to 1.8: LLVM loads all rows first, and moves sums to the stack for them."""

_LONG_TILES = {16: {(4, 2): 1.0, (4, 3): 1.0, (6, 2): 1.02, (5, 2): 1.03},
               32: {(8, 2): 1.0, (8, 3): 0.99, (16, 1): 1.02, (8, 1): 1.1, (3, 7): 1.1, (12, 1): 1.2}}
"""Those of `gemm_long`, which reads a where it lies: rows that divide the channels of most layers cost no copies."""


@dataclass(frozen=True)
class Product:
    """c[t] = a[t] b[t] for every t of the batch. `a_transposed`: a is stored k x m; `b_transposed`: b as n x k."""

    a: Any
    b: Any
    c: Any
    m: int
    n: int
    k: int
    a_transposed: bool = False
    b_transposed: bool = False
    bias: Any = None
    relu: bool = False
    mask: Any = None
    batch: int = 1
    a_starts: tuple[int, ...] = (0,)
    b_starts: tuple[int, ...] = (0,)

    @property
    def flops(self) -> int:
        return 2 * self.batch * self.m * self.n * self.k

    @property
    def epilogue(self) -> tuple:
        """Bias, mask and relu as launch arguments; 0 where there is none."""
        return (*[0 if value is None else value for value in (self.bias, self.mask)], int(self.relu))


def multiply(product: Product, cpu: Cpu) -> list[Launch]:
    """The launches of a product."""
    if product.batch == 1 and min(product.m, product.n) <= _NARROW:
        return _narrow(product, cpu)
    if product.batch == 1 and product.k <= _NARROW:
        return [_thin(product, cpu)]
    whole = _tiles(product, cpu)
    tasks = whole[0].tasks
    if product.batch > 1 or tasks >= ENOUGH_TASKS:
        return whole
    if product.a_transposed and product.epilogue == (0, 0, 0) and product.k >= _LONG:
        return _long(product, cpu)
    parts = min(-(-ENOUGH_TASKS // tasks), product.k // _LEAST_PART, product.flops // tasks // _LEAST_FLOPS)
    return _tiles(product, cpu, parts) if parts > 1 else whole


def _tile(m: int, n: int, cpu: Cpu, of: dict = _TILES) -> tuple[int, int]:
    """The tile that should need the least time, multiplications wasted on the edges included."""
    tiles = of[16 if cpu.registers < 32 else 32]
    return min(tiles, key=lambda tile: tiles[tile] * -(-m // tile[0]) * tile[0]
               * -(-n // (tile[1] * cpu.lanes)) * tile[1])


def _tiles(product: Product, cpu: Cpu, parts: int = 1) -> list[Launch]:
    """The launch of `gemm`, with `parts` of k as a batch, and what adds them up."""
    m, n = product.m, product.n
    part = -(-product.k // parts)
    starts = range(0, product.k, part)
    a_step, b_step = m if product.a_transposed else 1, 1 if product.b_transposed else n
    a_starts = [at + start * a_step for start in starts for at in product.a_starts]
    b_starts = [at + start * b_step for start in starts for at in product.b_starts]
    lengths = [min(part, product.k - start) for start in starts for _ in product.a_starts]
    rows, vectors = _tile(m, n, cpu)
    width = vectors * cpu.lanes
    depth = min(part, _DEPTH)
    panels = -(-n // width)
    row_block = -(-m // (-(-m // _ROW_BLOCK) * rows)) * rows
    group = 8 if product.a_transposed else max(1, _TASK_FLOPS // (2 * row_block * width * part))
    group = min(group, panels, max(1, 128 // width))
    out = product.c if len(starts) == 1 else Temporary((len(starts), m, n), name="partial sums")
    arguments = (product.a, product.b, out, *(product.epilogue if out is product.c else (0, 0, 0)),
                 Constant(np.array(a_starts, np.int64), "starts of a"),
                 Constant(np.array(b_starts, np.int64), "starts of b"),
                 Constant(np.array(lengths, np.int64), "lengths of sums"), m, n,
                 m if product.a_transposed else product.k, product.k if product.b_transposed else n,
                 row_block, group, depth)
    variant = dict(lanes=cpu.lanes, rows=rows, vectors=vectors, a_transposed=product.a_transposed,
                   b_transposed=product.b_transposed)
    copied = row_block // rows * (depth * rows + cpu.lanes) if product.a_transposed else 0
    scratch = 512 + 4 * (width * (depth + row_block * group) + copied)
    reason = f"{m}x{product.k} times {product.k}x{n} in tiles of {rows} rows x {vectors} vectors, panels {depth} deep"
    if out is not product.c:
        reason += f"; {len(starts)} parts of {part} steps"
    launch = Launch("gemm", variant, arguments, (out,), len(a_starts) * -(-m // row_block) * -(-panels // group),
                    reason, scratch=scratch, flops=product.flops)
    return [launch] if out is product.c else [launch, finish(product, out, len(starts), cpu)]


def _long(product: Product, cpu: Cpu) -> list[Launch]:
    m, n, k, parts = product.m, product.n, product.k, ENOUGH_TASKS
    rows, vectors = _tile(m, n, cpu, _LONG_TILES)
    width = vectors * cpu.lanes
    sums = Temporary((parts, m, n), name="partial sums")
    part = -(-k // parts)
    scratch = 4 * (-(-m // rows) * rows * -(-n // width) * width + _DEPTH * (rows + width) + cpu.lanes)
    launch = Launch("gemm_long", dict(lanes=cpu.lanes, rows=rows, vectors=vectors),
                    (product.a, product.b, sums, m, n, k, part, _DEPTH), (sums,), parts,
                    f"{m}x{k} times {k}x{n} in {parts} parts of {part} steps, tiles of {rows} rows x {vectors} vectors",
                    scratch=scratch, flops=product.flops)
    return [launch, finish(product, sums, parts, cpu)]


def _thin(product: Product, cpu: Cpu) -> Launch:
    m, n, k = product.m, product.n, product.k
    width = 512
    a_strides = (1, m) if product.a_transposed else (k, 1)
    return Launch("gemm_thin", dict(lanes=cpu.lanes, depth=k, b_transposed=product.b_transposed),
                  (product.a, product.b, product.c, *product.epilogue, m, n, width, *a_strides), (product.c,),
                  -(-n // width), f"{m}x{k} times {k}x{n}: {k} step(s) an element", scratch=4 * k * width,
                  flops=product.flops)


def _narrow(product: Product, cpu: Cpu) -> list[Launch]:
    """A product with few rows or few columns. The operand with few (`short`) is read again and again from the cache,
    the other one (`long`) once: by dot products if its rows run along k, else streamed."""
    tall = product.n <= product.m or (product.n <= _NARROW and not product.a_transposed)
    long, short = (product.a, product.b) if tall else (product.b, product.a)
    length, columns, k = *((product.m, product.n) if tall else (product.n, product.m)), product.k
    along_k = (not product.a_transposed) if tall else product.b_transposed
    short_along_k = product.b_transposed if tall else not product.a_transposed
    if along_k:
        launches = []
        if not short_along_k and columns > 1:
            short, packing = _transposed(short, k, columns, cpu)
            launches.append(packing)
        return [*launches, _dots(product, long, short, (length, k, columns), tall, cpu)]
    chunks = min(-(-_STREAM_TASKS // -(-length // _STREAM_WIDTH)), -(-k // 32))
    depth = -(-k // chunks)
    chunks = -(-k // depth)
    ends = product.epilogue != (0, 0, 0)
    out = Temporary((chunks * length * columns,), name="products of chunks") if ends or chunks > 1 else product.c
    short_strides = (1, k) if short_along_k else (columns, 1)
    strides = (columns, 1) if tall else (1, length)
    launches = [_streams(product, long, short, out, (length, k, depth, columns), short_strides, strides, cpu)]
    return launches if out is product.c else [*launches, finish(product, out, chunks, cpu)]


def _dots(product, long, short, sizes, tall, cpu) -> Launch:
    length, k, columns = sizes
    rows = {1: 8, 2: 4, 3: 3, 4: 2}[columns]
    strides, bias_strides = ((columns, 1), (0, 1)) if tall else ((1, length), (1, 0))
    return Launch("gemm_dots", dict(lanes=cpu.lanes, rows=rows, columns=columns),
                  (long, short, product.c, length, k, 2048, *strides, *product.epilogue, *bias_strides), (product.c,),
                  -(-length // rows), f"{product.m}x{k} times {k}x{product.n}: dot products, vectors along k",
                  scratch=512 + 4 * rows * columns * cpu.lanes, flops=product.flops)


def _streams(product, long, short, out, sizes, short_strides, strides, cpu) -> Launch:
    length, k, depth, columns = sizes
    step = 2 * cpu.lanes
    width = min(_STREAM_WIDTH, -(-length // step) * step)
    tasks = -(-length // width) * -(-k // depth)
    return Launch("gemm_streams", dict(lanes=cpu.lanes, columns=columns),
                  (long, short, out, length, k, depth, width, *short_strides, *strides), (out,), tasks,
                  f"{product.m}x{k} times {k}x{product.n}: rows of the long matrix stream through, {depth} a chunk",
                  scratch=4 * columns * width, flops=product.flops)


def _transposed(x, rows: int, columns: int, cpu: Cpu) -> tuple[Temporary, Launch]:
    """A narrow matrix with its columns as rows."""
    out = Temporary((columns, rows), name="transposed")
    width = 4096
    return out, Launch("transpose", dict(lanes=cpu.lanes), (x, out, rows, columns, width), (out,), -(-rows // width),
                       f"columns of a {rows}x{columns} matrix laid out as rows", prepares=x.role == "parameter")


def finish(product: Product, parts, chunks: int, cpu: Cpu) -> Launch:
    """The launch that adds up the parts of a product, in order, and does what follows it."""
    m, n = (1, product.m * product.n) if product.bias is None else (product.m, product.n)
    return Launch("gemm_finish", dict(lanes=cpu.lanes),
                  (parts, product.c, *product.epilogue, m, n, chunks, _STREAM_WIDTH), (product.c,),
                  m * -(-n // _STREAM_WIDTH), f"sum of {chunks} chunk(s) and the epilogue")


def column_sums(x, out, m: int, n: int, cpu: Cpu) -> Launch:
    """The sums of the columns of an m x n matrix."""
    return Launch("column_sums", dict(lanes=cpu.lanes), (x, out, m, n), (out,), -(-n // cpu.lanes),
                  f"sums of {n} columns", flops=m * n)


# ---- the ops ------------------------------------------------------------------------------------------------

@lowers("dense", reals=3)
def dense(node, cpu: Cpu) -> list[Launch] | None:
    """`dense` as one product with its epilogue."""
    x, w = node.inputs[:2]
    (m, k), n = x.shape, w.shape[1]
    if 0 in (m, n, k):
        return None
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    return multiply(Product(x, w, node.outputs[0], m, n, k, bias=bias,
                            relu=node.attributes.get("activation") == "relu"), cpu)


@lowers("dense_weights_grad", reals=2)
def dense_weights_grad(node, cpu: Cpu) -> list[Launch] | None:
    """x transposed times g, and the column sums of g."""
    x, g = node.inputs
    (m, k), n = x.shape, g.shape[1]
    if 0 in (m, n, k):
        return None
    launches = multiply(Product(x, g, node.outputs[0], k, n, m, a_transposed=True), cpu)
    if node.attributes.get("bias"):
        launches.append(column_sums(g, node.outputs[1], m, n, cpu))
    return launches


@lowers("dense_input_grad", reals=3)
def dense_input_grad(node, cpu: Cpu) -> list[Launch] | None:
    """g times the weights transposed, masked if asked."""
    w, g = node.inputs[:2]
    (k, n), m = w.shape, g.shape[0]
    if 0 in (m, n, k):
        return None
    mask = node.inputs[2] if node.attributes.get("masked") else None
    return multiply(Product(g, w, node.outputs[0], m, k, n, b_transposed=True, mask=mask), cpu)


@lowers("matmul", reals=2)
def matmul(node, cpu: Cpu) -> list[Launch] | None:
    """A batched product; a batch that b does not share becomes rows of a."""
    a, b = node.inputs
    out = node.outputs[0]
    if 0 in (*a.shape, *b.shape):
        return None
    a_transposed = bool(node.attributes.get("transpose_a")) and a.ndim > 1
    b_transposed = bool(node.attributes.get("transpose_b")) and b.ndim > 1
    a_shape, b_shape = matmul_shapes(a.shape, b.shape, a_transposed, b_transposed)
    (m, k), n = a_shape[-2:], b_shape[-1]
    batch = broadcast_shapes(a_shape[:-2], b_shape[:-2])
    if not a_transposed and prod(b_shape[:-2]) == 1:
        return multiply(Product(a, b, out, m * prod(batch), n, k, b_transposed=b_transposed), cpu)
    return multiply(Product(a, b, out, m, n, k, a_transposed, b_transposed, batch=prod(batch),
                            a_starts=_starts(a_shape, batch), b_starts=_starts(b_shape, batch)), cpu)


def _starts(shape: tuple[int, ...], batch: tuple[int, ...]) -> tuple[int, ...]:
    """Where the matrices of an operand start, for each place of the broadcast batch."""
    numbers = np.arange(prod(shape[:-2])).reshape(shape[:-2])
    return tuple(int(i) * shape[-2] * shape[-1] for i in np.broadcast_to(numbers, batch).ravel())
