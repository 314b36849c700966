"""The gradients of a 1x1 convolution, which are products of matrices: every pixel is a row."""

from __future__ import annotations

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.plan.ir import Launch, Temporary
from striate.plan.lower import gemm, reduce
from striate.plan.lower.convolution import Convolution

_FEWEST_CHANNELS = 8
"""With fewer, the direct kernels read less."""
_MOST_PARTS = 16
"""Parts of the batch whose gradients of the weights are summed apart; a number, not the machine's cores."""


_BIAS_CHANNELS = 40
"""With fewer input channels, reading g a second time for the bias costs more than is won."""


def is_product(c: Convolution) -> bool:
    """Whether the convolution multiplies each pixel by one matrix, and does nothing else."""
    return (c.taps == 1 and c.strides == (1, 1) and c.padding == ((0, 0), (0, 0)) and c.groups == 1 and c.pool is None
            and min(c.ic, c.oc) >= _FEWEST_CHANNELS)


def input_grad(node: Node, c: Convolution, cpu: Cpu) -> list[Launch]:
    """g times the transposed weights, masked if asked."""
    w, g = node.inputs[:2]
    mask = node.inputs[-1] if node.attributes["masked"] else None
    return gemm.multiply(gemm.Product(g, w, node.outputs[0], c.n * c.h * c.w, c.ic, c.oc, b_transposed=True, mask=mask),
                         cpu)


def weights_grad(node: Node, c: Convolution, cpu: Cpu) -> list[Launch] | None:
    """x transposed times g, in parts of the batch that are added in order, and the sums of g for the bias; None where
    the batch has no such parts, or the direct kernel, which sums the bias on its way, takes less time."""
    x, g = node.inputs
    parts = max(part for part in range(1, _MOST_PARTS + 1) if c.n % part == 0)
    if 2 * parts <= min(c.n, _MOST_PARTS) or (node.attributes["bias"] and c.ic < _BIAS_CHANNELS):
        return None
    bias = reduce.add_rows(g, node.outputs[1], c.n * c.h * c.w, c.oc) if node.attributes["bias"] else []
    rows = c.n // parts * c.h * c.w
    sums = Temporary((parts, c.ic, c.oc), name="partial sums")
    product = gemm.Product(x, g, sums, c.ic, c.oc, rows, a_transposed=True, batch=parts,
                           a_starts=tuple(part * rows * c.ic for part in range(parts)),
                           b_starts=tuple(part * rows * c.oc for part in range(parts)))
    whole = gemm.Product(x, g, node.outputs[0], c.ic, c.oc, c.n * c.h * c.w, a_transposed=True)
    return [*gemm.multiply(product, cpu), gemm.finish(whole, sums, parts, cpu), *bias]
