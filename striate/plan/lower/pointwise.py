"""The gradients of a 1x1 convolution, which are products of matrices: every pixel is a row."""

from __future__ import annotations

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.plan.ir import Launch
from striate.plan.lower import gemm, reduce
from striate.plan.lower.convolution import ENOUGH_TASKS, Convolution

_FEWEST_CHANNELS = 8
"""With fewer, the direct kernels read less."""
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
    """x transposed times g, and the sums of g for the bias; None where the direct kernel, which sums the bias on its
    way and shares out any batch, takes less time.
    """
    x, g = node.inputs
    pixels = c.n * c.h * c.w
    launches = gemm.multiply(gemm.Product(x, g, node.outputs[0], c.ic, c.oc, pixels, a_transposed=True), cpu)
    if launches[0].tasks < ENOUGH_TASKS or (node.attributes["bias"] and c.ic < _BIAS_CHANNELS):
        return None
    return launches + (reduce.add_rows(g, node.outputs[1], pixels, c.oc) if node.attributes["bias"] else [])
