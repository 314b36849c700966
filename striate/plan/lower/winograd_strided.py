"""Convolutions of 4 x 4 kernels in steps of 2 as Winograd's F(5x5, 2x2) over the four phases of the map.

    y[i, j] = sum over a, b in 0..3 of w[a, b] x[2 i + a - top, 2 j + b - left]
            = sum over a', b' in 0..1 and phases (p, q) of w[2 a' + p, 2 b' + q] s[i + a', j + b', (p, q)]

`striate.kernels.phases` makes s; the weights change places alike. All three directions follow from those of the
convolution with steps of 1. Where that one pays, so does this: s is written and read once more for 2 to 2.6 times fewer
products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from striate.errors import GraphError, received
from striate.graph.ir import Node, Value
from striate.kernels.cpu import Cpu
from striate.plan.ir import Launch, Temporary
from striate.plan.lower import winograd
from striate.plan.lower.convolution import Convolution
from striate.plan.lower.move import contiguous, copy_launch

_KERNEL, _STEP, _TILE = 4, 2, 5
_INSIDE = ((0, 0), (0, 0))
_AROUND = ((1, 1), (1, 1))


@dataclass(frozen=True)
class _Phases:
    """The convolution over phases: s is n x rows x columns x channels."""

    c: Convolution

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of s: a row and a column more than outputs."""
        c = self.c
        return c.n, c.oh + 1, c.ow + 1, 4 * c.ic

    @property
    def kernel(self) -> tuple[int, int, int, int]:
        """The weights' shape over phases."""
        return 2, 2, 4 * self.c.ic, self.c.oc

    def split(self, x: Value, cpu: Cpu) -> tuple[Temporary, Launch]:
        """s, and the launch that makes it."""
        c = self.c
        s = Temporary(self.shape, name="phases")
        _, rows, columns, _ = self.shape
        return s, Launch("split_phases", {"lanes": cpu.lanes},
                         [x, s, c.h, c.w, c.ic, rows, columns, c.padding[0][0], c.padding[1][0]], [s], c.n * rows,
                         "even and odd rows and columns as channels: steps of 2 become steps of 1")

    def weights(self, w: Value) -> tuple[Temporary, Launch]:
        """The weights over phases, and the launch that makes them."""
        found = Temporary(self.kernel, name="weights of phases")
        launch = _turned(w, found, self.c)
        return found, replace(launch, prepares=True)


def _turned(source, target, c: Convolution) -> Launch:
    """The launch that takes w[2 a + p, 2 b + q] to [a, b, p, q] or back: p and b change places, which undoes itself."""
    a, p, b, q, k, o = contiguous((2, 2, 2, 2, c.ic, c.oc))
    lengths = 2, 2, 2, 2, c.ic, c.oc
    launch = copy_launch(source, target, lengths, [a, b, p, q, k, o], contiguous(lengths),
                         reason="taps by their phase")
    if launch is None:
        raise GraphError("The weights' taps could not be brought into order by phases. "
                        + received(channels=(c.ic, c.oc)))
    return launch


def _of(node: Node, input_shape, kernel_shape) -> _Phases | None:
    """The convolution over phases, if there is one and it pays."""
    a = node.attributes
    plain = a["strides"] == (_STEP, _STEP) and tuple(kernel_shape[:2]) == (_KERNEL, _KERNEL) and a["pool"] is None
    if not plain or a["dilation"] != (1, 1) or a["groups"] != 1:
        return None
    found = _Phases(Convolution.of(node, input_shape, kernel_shape))
    inside = {"strides": (1, 1), "dilation": (1, 1), "groups": 1, "padding": _INSIDE}
    size = found.c.oh, found.c.ow
    pays = winograd.tile_of(inside, found.kernel, size, found.c.n, None) == _TILE
    return found if pays and min(size) > 0 else None


def forward(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d`, or None where it is not of this kind."""
    x, w, *rest = node.inputs
    phases = _of(node, x.shape, w.shape)
    if phases is None:
        return None
    s, split = phases.split(x, cpu)
    turned, turn = phases.weights(w)
    given = {"activation": node.attributes["activation"]}
    given |= dict(zip(("bias", "lower", "upper"), rest, strict=False))
    size = phases.c.oh, phases.c.ow
    return [split, turn, *winograd.launches(s, turned, node.outputs[0], cpu, _TILE, size=size, padding=_INSIDE,
                                            given=given)]


def input_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d_input_grad`, or None."""
    w, g = node.inputs[:2]
    dx = node.outputs[0]
    phases = _of(node, dx.shape, w.shape)
    if phases is None:
        return None
    c, (_, rows, columns, _) = phases.c, phases.shape
    ds, (turned, turn) = Temporary(phases.shape, name="gradient of phases"), phases.weights(w)
    join = Launch("join_phases", {"lanes": cpu.lanes},
                  [ds, dx, node.inputs[-1] if node.attributes["masked"] else 0, c.h, c.w, c.ic, rows, columns,
                   c.padding[0][0], c.padding[1][0]], [dx], c.n * c.h, "phases back to rows and columns")
    return [turn, *winograd.launches(g, turned, ds, cpu, _TILE, size=(rows, columns), padding=_AROUND,
                                     given={"flipped": True}), join]


def weights_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d_weights_grad`, or None."""
    x, g = node.inputs[:2]
    phases = _of(node, x.shape, node.attributes["kernel_shape"])
    if phases is None:
        return None
    s, split = phases.split(x, cpu)
    dw = Temporary(phases.kernel, name="gradient of the weights of phases")
    db = node.outputs[1] if node.attributes["bias"] else None
    return [split, *winograd.gradient_launches(s, g, dw, db, cpu, _TILE, _INSIDE),
            _turned(dw, node.outputs[0], phases.c)]
