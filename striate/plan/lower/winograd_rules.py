"""The rules of Winograd's convolutions: which of them, if one, runs a convolution or a gradient of it."""

from __future__ import annotations

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.ops.linear import output_size
from striate.plan.ir import Launch
from striate.plan.lower import conv_sparse, lowers, winograd_phases, winograd_rows
from striate.plan.lower.convolution import Convolution
from striate.plan.lower.winograd import gradient_launches, launches, tile_of

_FEW_CHANNELS = 48
"""5x5 kernels of fewer channels run along the height alone: F(4, 5) saves nearly as much as F(2x2, 5x5) and transforms
less."""


def _along_the_height(tile: int | None, kernel: tuple) -> bool:
    """Whether `winograd_rows` is asked first."""
    return tile is None or (tile == 2 and min(kernel[2:]) < _FEW_CHANNELS)


@lowers("conv2d", preferred=True, reals=2)
def _forward(node: Node, cpu: Cpu) -> list[Launch] | None:
    found = winograd_phases.forward(node, cpu)
    if found is not None:
        return found
    x, w, *rest = node.inputs
    a = node.attributes
    size = output_size(x.shape[1:3], w.shape, a["strides"], a["padding"], a["dilation"])
    tile = tile_of(a, w.shape, size, x.shape[0], a["pool"])
    found = winograd_rows.forward(node, cpu) if _along_the_height(tile, w.shape) else None
    if tile is None or found is not None:
        return found
    given = {"activation": a["activation"]}
    given |= dict(zip(("bias", "lower", "upper"), rest, strict=False))
    given |= {"pool": True} if a["pool"] else {}
    given |= {"winner": node.outputs[1]} if len(node.outputs) > 1 else {}
    return launches(x, w, node.outputs[0], cpu, tile, size=size, padding=a["padding"], given=given)


@lowers("conv2d_input_grad", preferred=True, reals=2)
def _input_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    found = winograd_phases.input_gradient(node, cpu)
    if found is not None:
        return found
    w, g = node.inputs[:2]
    a = node.attributes
    size = a["input_shape"]
    if conv_sparse.beats_winograd(Convolution.of(node, node.outputs[0].shape, w.shape), cpu):
        return None
    turned = tuple((w.shape[0] - 1 - before, w.shape[0] - 1 - after) for before, after in a["padding"])
    tile = tile_of(a | {"padding": turned}, w.shape, size, g.shape[0], None)
    found = winograd_rows.input_gradient(node, cpu) if _along_the_height(tile, w.shape) else None
    if tile is None or found is not None:
        return found
    given: dict = {"flipped": True}
    if a["pool"] is not None:
        unpooled = output_size(size, w.shape, a["strides"], a["padding"], a["dilation"])
        if a["pool"][:2] != a["pool"][2:]:
            return None
        given |= {"source": (node.inputs[2], a["pool"]), "map": unpooled}
    if a["masked"]:
        given["mask"] = node.inputs[-1]
    return launches(g, w, node.outputs[0], cpu, tile, size=size, padding=turned, given=given)


@lowers("conv2d_weights_grad", preferred=True, reals=2)
def _weights_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    a = node.attributes
    if a["pool"] is not None:
        return None
    found = winograd_phases.weights_gradient(node, cpu)
    if found is not None:
        return found
    x, g = node.inputs
    tile = tile_of(a, a["kernel_shape"], g.shape[1:3], x.shape[0], None)
    found = winograd_rows.weights_gradient(node, cpu) if _along_the_height(tile, a["kernel_shape"]) else None
    if tile is None or found is not None:
        return found
    return gradient_launches(x, g, node.outputs[0], node.outputs[1] if a["bias"] else None, cpu, tile, a["padding"])
