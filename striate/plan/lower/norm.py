"""Lowering of batch normalisation: sums of chunks of rows, then one pass that adds them up and applies them."""

from __future__ import annotations

from math import inf

from striate.kernels.cpu import Cpu
from striate.plan.ir import Launch, Temporary
from striate.plan.lower import lowers

_CHUNKS = 32
"""Chunks of a large input: enough to share out, few enough that adding them up costs nothing."""
_LEAST_ROWS = 32
"""Rows of the smallest chunk."""
_MOST_VECTORS = 4
"""Vectors of channels that are summed side by side: sums that do not wait for each other, and registers enough."""


def _rows(x) -> tuple[int, int, int, int]:
    """Rows, channels, rows a chunk, chunks."""
    c = x.shape[-1]
    m = x.type.size // c if c else 0
    chunk = max(_LEAST_ROWS, -(-m // _CHUNKS))
    return m, c, chunk, -(-m // chunk)


def _sums_variant(channels: int, cpu: Cpu) -> dict[str, int]:
    return {"lanes": cpu.lanes, "vectors": max(1, min(_MOST_VECTORS, channels // cpu.lanes))}


class _Windows:
    """The rows of windows of a pooled batch normalisation of x, and how they are shared out."""

    def __init__(self, x, pool: tuple[int, int]):
        n, h, w, _ = x.shape
        oh, ow = h // pool[0], w // pool[1]
        rows = n * oh
        tall = -(-rows // _CHUNKS)
        self.variant = {"ph": pool[0], "pw": pool[1]}
        self.sizes = (h, w, oh, ow, rows, tall)
        self.tasks = -(-rows // tall)
        self.words = f"{oh}x{ow} windows of {pool[0]}x{pool[1]}"


@lowers("batch_norm", reals=3)
def batch_norm(node, cpu: Cpu) -> list[Launch] | None:
    """Statistics of chunks; then all statistics and the normalised values, pooled if asked."""
    if 0 in (*node.inputs[0].shape, *node.outputs[0].shape):
        return None
    x, gamma, beta = node.inputs
    m, c, chunk, chunks = _rows(x)
    parts = Temporary((chunks, 3, c), name="sums of chunks")
    relu, top = node.attributes.get("activation") == "relu", float(node.attributes.get("top", inf))
    reason = f"statistics of {m} rows, then normalisation" + " and relu" * relu + f" up to {top:g}" * (top < inf)
    sums = Launch("norm_sums", _sums_variant(c, cpu), (x, parts, m, c, chunk), (parts,), chunks,
                  f"pivot, sum and squares of {c} channels in {chunks} chunks of {chunk} rows", flops=3 * m * c)
    inputs, limits = (x, gamma, beta, parts, *node.outputs, m, c, chunk), (float(node.attributes["epsilon"]), top)
    if node.attributes.get("pool") is None:
        return [sums, Launch("norm_apply", dict(lanes=cpu.lanes, relu=relu), (*inputs, *limits), node.outputs, chunks,
                             reason, scratch=24 * c, flops=3 * m * c)]
    windows = _Windows(x, node.attributes["pool"])
    return [sums, Launch("norm_pool", dict(lanes=cpu.lanes, relu=relu) | windows.variant,
                         (*inputs, *windows.sizes, *limits), node.outputs, windows.tasks,
                         f"{reason} and the largest of {windows.words}", scratch=64 + 24 * c, flops=4 * m * c)]


@lowers("batch_norm_grad", reals=5)
def batch_norm_grad(node, cpu: Cpu) -> list[Launch] | None:
    """Sums of chunks; then dgamma, dbeta and dx."""
    if node.inputs[0].type.size == 0:
        return None
    if node.attributes.get("pool") is not None:
        return _pooled_grad(node, cpu)
    g, x, gamma, mean, variance = node.inputs
    m, c, chunk, chunks = _rows(x)
    parts = Temporary((chunks, 2, c), name="sums of chunks")
    masked = bool(node.attributes.get("masked"))
    return [
        Launch("norm_grad_sums", _sums_variant(c, cpu), (g, x, mean, parts, m, c, chunk), (parts,),
               chunks, f"gradient sums of {c} channels in {chunks} chunks of {chunk} rows", flops=4 * m * c),
        Launch("norm_grad_apply", dict(lanes=cpu.lanes, masked=masked),
               (g, x, gamma, mean, variance, parts, *node.outputs, m, c, chunk, float(node.attributes["epsilon"])),
               node.outputs, chunks, f"gradients of {m} rows" + (", zero where x is not positive" if masked else ""),
               scratch=28 * c, flops=5 * m * c),
    ]


def _pooled_grad(node, cpu: Cpu) -> list[Launch]:
    g, x, gamma, mean, variance, winner = node.inputs
    m, c, _, _ = _rows(x)
    windows = _Windows(x, node.attributes["pool"])
    parts = Temporary((windows.tasks, 2, c), name="sums of chunks")
    masked = bool(node.attributes.get("masked"))
    sizes = (m, c, windows.tasks, *windows.sizes)
    return [
        Launch("norm_pool_grad_sums", dict(lanes=cpu.lanes) | windows.variant, (g, x, mean, winner, parts, *sizes),
               (parts,), windows.tasks, f"gradient sums of {c} channels at the winners of {windows.words}",
               scratch=64 + 16 * c, flops=4 * g.type.size),
        Launch("norm_pool_grad_apply", dict(lanes=cpu.lanes, masked=masked) | windows.variant,
               (g, x, gamma, mean, variance, winner, parts, *node.outputs, *sizes, float(node.attributes["epsilon"])),
               node.outputs, windows.tasks,
               f"gradients of {m} rows behind {windows.words}" + (", zero where x is not positive" if masked else ""),
               scratch=64 + 28 * c, flops=5 * m * c),
    ]
