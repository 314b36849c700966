"""Rewrites of a graph, each named and each leaving the meaning as it was.

`BEFORE_DIFFERENTIATION` fuses the forward part, so that gradient rules see the fused ops; `AFTER_DIFFERENTIATION`
cleans up, fuses masks into the producers of gradients and joins elementwise ops into chains.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from striate.graph.fusion import fuse_forward, fuse_norms
from striate.graph.ir import Graph, Node, Value
from striate.graph.rewriter import Rewriter
from striate.ops.spec import OPS

_FOLD_ELEMENTS = 1 << 16
"""Results with more elements than this are computed at run time, not kept as constants."""


def drop_dead(graph: Graph) -> Graph:
    """Removes nodes that nothing depends on."""
    needed, nodes = graph.kept(), []
    for node in reversed(graph.nodes):
        if any(value in needed for value in node.outputs):
            needed.update(node.inputs)
            nodes.append(node)
    return graph.replaced(nodes=nodes[::-1],
                          parameters=[value for value in graph.parameters if value in needed])


def fold_constants(graph: Graph) -> Graph:
    """Computes small nodes that depend on constants alone."""
    rewriter = Rewriter(graph)
    for node in graph.nodes:
        inputs = [rewriter.now(value) for value in node.inputs]
        small = all(value.type.size <= _FOLD_ELEMENTS for value in node.outputs)
        if node.op == "gradient" or not small or any(value.role != "constant" for value in inputs):
            rewriter.keep(node)
            continue
        with np.errstate(all="ignore"):
            results = OPS[node.op].reference(*[value.source for value in inputs], **node.attributes)
        for value, result in zip(node.outputs, results, strict=True):
            array = np.array(result, dtype=value.dtype).reshape(value.shape)
            rewriter.replace(value, Value(value.type, role="constant", source=array))
    return rewriter.done()


def _identity(node: Node) -> bool:
    """Whether the output is the first input, unchanged."""
    if not node.inputs or node.outputs[0].type != node.inputs[0].type:
        return False
    if node.op in ("stop_gradient", "cast", "reshape", "broadcast_to"):
        return True
    if node.op in ("multiply", "divide"):
        other = node.inputs[1]
        return other.role == "constant" and bool(np.all(other.source == 1))
    return False


def simplify(graph: Graph) -> Graph:
    """Removes ops that change nothing, joins reshapes of reshapes, computes equal nodes once.

    Values whose gradients are asked for stay themselves: what is equal to one leads to the loss on a way of its own.
    """
    rewriter = Rewriter(graph)
    sources = {value for node in graph.nodes if node.op == "gradient" for value in node.inputs[1:]}
    seen: dict = {}
    made: dict[Value, Node] = {}
    for node in graph.nodes:
        apart = not sources.isdisjoint(node.outputs)
        if _identity(node) and not apart and not (node.op == "stop_gradient" and graph.stage == "traced"):
            rewriter.replace(node.outputs[0], rewriter.now(node.inputs[0]))
            continue
        inputs = [rewriter.now(value) for value in node.inputs]
        if node.op == "reshape" and inputs[0] in made and made[inputs[0]].op == "reshape":
            inputs = [made[inputs[0]].inputs[0]]
        key = (node.op, tuple(inputs), repr(sorted(node.attributes.items(), key=lambda item: item[0])))
        if key in seen and not apart:
            for old, new in zip(node.outputs, seen[key], strict=True):
                rewriter.replace(old, new)
            continue
        if inputs == [rewriter.now(value) for value in node.inputs]:
            rewriter.keep(node)
        else:
            rewriter.nodes.append(node.reading(inputs))
            for old, new in zip(node.outputs, rewriter.nodes[-1].outputs, strict=True):
                rewriter.replace(old, new)
        if not apart:
            seen[key] = rewriter.nodes[-1].outputs
            made.update(dict.fromkeys(rewriter.nodes[-1].outputs, rewriter.nodes[-1]))
    return rewriter.done()


def sink_reshapes(graph: Graph) -> Graph:
    """Moves reshapes behind elementwise ops (bias, activation), so that these meet the op that made their input.

    A 1-D convolution runs as a 2-D one of height 1: without this its bias and activation would not be fused.
    """
    rewriter = Rewriter(graph)
    behind: dict[Value, Value] = {}
    for node in graph.nodes:
        sources = [behind.get(rewriter.now(value)) for value in node.inputs]
        place, source = next(((i, found) for i, found in enumerate(sources) if found is not None), (0, None))
        if source is None or not _commutes_with_reshape(rewriter, node, place, source):
            rewriter.keep(node)
            if node.op == "reshape":
                behind[rewriter.nodes[-1].outputs[0]] = rewriter.nodes[-1].inputs[0]
            continue
        inputs = [source if i == place else value for i, value in enumerate(node.inputs)]
        moved = rewriter.emit(node.op, inputs, node.attributes, node.scope)[0]
        shaped = rewriter.emit("reshape", [moved], {"newshape": node.outputs[0].shape}, node.scope)[0]
        behind[shaped] = moved
        rewriter.replace(node.outputs[0], shaped)
    return rewriter.done()


def _commutes_with_reshape(rewriter: Rewriter, node: Node, place: int, source: Value) -> bool:
    value = node.inputs[place]
    if not OPS[node.op].elementwise or rewriter.only_reader(value) is not node or node.outputs[0].shape != value.shape:
        return False
    others = [other for i, other in enumerate(node.inputs) if i != place]
    same_channels = source.shape[-1:] == value.shape[-1:]
    return all(other.shape == () or (same_channels and other.shape == value.shape[-1:]) for other in others)


def absorb_broadcasts(graph: Graph) -> Graph:
    """Elementwise ops broadcast by themselves: they read what a `broadcast_to` before them would have spread out."""
    rewriter = Rewriter(graph)
    spread: dict[Value, Value] = {}
    for node in graph.nodes:
        if OPS[node.op].elementwise and any(rewriter.now(value) in spread for value in node.inputs):
            inputs = [spread.get(rewriter.now(value), value) for value in node.inputs]
            types = OPS[node.op].shape([value.type for value in inputs], **node.attributes)
            if types == [value.type for value in node.outputs]:
                rewriter.replace(node.outputs[0], rewriter.emit(node.op, inputs, node.attributes, node.scope)[0])
                continue
        rewriter.keep(node)
        if node.op == "broadcast_to":
            spread[rewriter.nodes[-1].outputs[0]] = rewriter.nodes[-1].inputs[0]
    return rewriter.done()


# ---- forward fusions ------------------------------------------------------------------------------------------

def spread_multipliers(graph: Graph) -> Graph:
    """A depthwise convolution with several filters a channel reads repeated channels instead, where it is trained.

    Its gradients are then those of a plain depthwise convolution, which have kernels of their own, and a sum.
    """
    rewriter = Rewriter(graph)
    trained = any(node.op == "gradient" for node in graph.nodes)
    for node in graph.nodes:
        groups = node.attributes.get("groups", 1)
        if not (trained and node.op == "conv2d" and groups > 1 and groups == node.inputs[0].shape[3]
                and node.inputs[1].shape[3] > groups):
            rewriter.keep(node)
            continue
        x, w, *bias = node.inputs
        outer, times = x.shape[:3], w.shape[3] // groups
        for op, attributes in (("reshape", {"newshape": (*outer, groups, 1)}),
                               ("broadcast_to", {"shape": (*outer, groups, times)}),
                               ("reshape", {"newshape": (*outer, w.shape[3])})):
            x = rewriter.emit(op, [x], attributes, node.scope)[0]
        y = rewriter.emit("conv2d", [x, w, *bias], node.attributes | {"groups": w.shape[3]}, node.scope)[0]
        rewriter.replace(node.outputs[0], y)
    return rewriter.done()


# ---- backward fusions -----------------------------------------------------------------------------------------

_MASKABLE = ("conv2d_input_grad", "dense_input_grad", "batch_norm_grad")


def fuse_masks(graph: Graph) -> Graph:
    """The mask of a relu (`relu_grad`) moves into the kernel that makes the gradient which it masks."""
    rewriter = Rewriter(graph)
    makers = {value: node for node in graph.nodes for value in node.outputs}
    order = {node: index for index, node in enumerate(graph.nodes)}
    masks: dict[Node, tuple[Value, Node]] = {}
    for node in graph.nodes:
        if node.op != "relu_grad" or node.inputs[0].type != node.inputs[1].type:
            continue
        g, mask = node.inputs
        maker = makers.get(g)
        if maker is not None and maker.op == "reshape" and rewriter.only_reader(g) is node:
            g = maker.inputs[0]
            maker = makers.get(g)
        if maker is None or maker.op not in _MASKABLE or maker.attributes.get("masked") or g is not maker.outputs[0]:
            continue
        if len(rewriter.consumers.get(g, [])) != 1 or g in rewriter.kept or maker in masks:
            continue
        made = makers.get(mask)
        if made is not None and order[made] > order[maker]:
            continue
        if maker.op == "batch_norm_grad" and mask is not maker.inputs[1]:
            continue
        masks[maker] = mask, node
    done = {node for _, node in masks.values()}
    for node in graph.nodes:
        if node in masks:
            mask, _ = masks[node]
            inputs = list(node.inputs)
            if node.op != "batch_norm_grad":
                if mask.shape != node.outputs[0].shape:
                    mask = rewriter.emit("reshape", [mask], {"newshape": node.outputs[0].shape}, node.scope)[0]
                inputs.append(mask)
            outputs = rewriter.emit(node.op, inputs, node.attributes | {"masked": True}, node.scope)
            for old, new in zip(node.outputs, outputs, strict=True):
                rewriter.replace(old, new)
        elif node in done:
            rewriter.replace(node.outputs[0], rewriter.now(node.inputs[0]))
        else:
            rewriter.keep(node)
    return rewriter.done()


def compute_again(graph: Graph) -> Graph:
    """Elementwise numbers that cost more to store and to read than to compute are computed where they are needed."""
    from striate.graph.recompute import recompute

    return recompute(graph)


def join_chains(graph: Graph) -> Graph:
    """Elementwise ops that feed one another become one `chain`, which reads and writes memory once."""
    from striate.graph.chains import join

    return join(graph)


BEFORE_DIFFERENTIATION: list[Callable[[Graph], Graph]] = [
    drop_dead, fold_constants, simplify, spread_multipliers, sink_reshapes, drop_dead, simplify, fuse_forward,
    fuse_norms]
AFTER_DIFFERENTIATION: list[Callable[[Graph], Graph]] = [
    fold_constants, simplify, absorb_broadcasts, drop_dead, fuse_masks, simplify, compute_again, join_chains, drop_dead]

