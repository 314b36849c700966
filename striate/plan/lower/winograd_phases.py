"""Winograd's convolutions over phases: kernels in steps of 2, and kernels whose taps lie apart.

    steps of 2      y[i, j] = sum over a, b of w[a, b] x[2 i + a - top, 2 j + b - left]
                            = sum over a', b' and phases (p, q) of w[2 a' + p, 2 b' + q] s[i + a', j + b', (p, q)]

over four phases as channels: kernels of 4 x 4 become 2 x 2 for F(5x5, 2x2), those of 5 x 5 and 6 x 6 become 3 x 3 for
F(4x4, 3x3) (of 5 x 5 with zeros for the taps that it lacks);

    taps d apart    y[d i + p, d j + q] = sum over a, b of w[a, b] s[(p, q), i + a, j + b]

over d x d phases as images, each convolved by the same weights.

`striate.kernels.phases` makes s. All three directions follow from those of the plain convolution. Where that one pays,
so does this: s is written and read once more for 2 to 4 times fewer products.

AMD EPYC (AVX-512), two threads, us an image forward, by weights and by inputs (and of the direct kernels):
5 x 5 in steps of 2: 14 x 14 x 64 to 128 64, 71, 88 (91, 98, 112), 32 x 32 x 32 to 64 64, 74, 91 (122, 132, 136);
3 x 3 two apart: 48 x 48 x 16 to 32 66, 76, 78 (130, 121, 113), 31 x 31 x 64 to 64 139, 159, 193 (330, 364, 355).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from striate.graph.ir import Node
from striate.kernels.cpu import Cpu
from striate.plan.ir import Launch, Temporary
from striate.plan.lower import winograd
from striate.plan.lower.convolution import Convolution

_SIDES = {4: 2, 5: 3, 6: 3}
"""Rows of a kernel over phases by the rows of a kernel in steps of 2."""
_INSIDE = ((0, 0), (0, 0))


@dataclass(frozen=True)
class _Phases:
    """A convolution over phases: `step` is that of the map; `deep`: phases are channels, else images; `side` and `tile`
    are the rows of the kernel over phases and of a tile of outputs."""

    c: Convolution
    step: int
    deep: bool
    side: int
    tile: int = 0

    @classmethod
    def of(cls, node: Node, input_shape, kernel_shape) -> _Phases | None:
        """The convolution over phases, if there is one and it pays."""
        a, (kh, kw) = node.attributes, tuple(kernel_shape[:2])
        (stride, across), (dilation, beside) = a["strides"], a["dilation"]
        if (stride, dilation, kh) != (across, beside, kw) or a["groups"] != 1 or a["pool"] is not None:
            return None
        c = Convolution.of(node, input_shape, kernel_shape)
        if stride == 2 and dilation == 1 and kh in _SIDES:
            found = cls(c, 2, True, _SIDES[kh])
        elif stride == 1 and dilation > 1:
            found = cls(c, dilation, False, kh)
        else:
            return None
        inside = {"strides": (1, 1), "dilation": (1, 1), "groups": 1, "padding": _INSIDE}
        tile = winograd.tile_of(inside, found.kernel, found.size, found.shape[0], None) if min(found.size) > 0 else None
        return None if tile is None else replace(found, tile=tile)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of outputs of a phase."""
        parts = 1 if self.deep else self.step
        return -(-self.c.oh // parts), -(-self.c.ow // parts)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of s."""
        c, phases = self.c, self.step ** 2
        rows, columns = (length + self.side - 1 for length in self.size)
        return (c.n, rows, columns, phases * c.ic) if self.deep else (c.n * phases, rows, columns, c.ic)

    @property
    def kernel(self) -> tuple[int, int, int, int]:
        """The weights' shape over phases."""
        return self.side, self.side, self.shape[3], self.c.oc

    @property
    def padding(self) -> tuple[int, int]:
        """Rows above and columns left of x that s has."""
        (top, _), (left, _) = self.c.padding
        return top, left

    def outputs(self, name: str) -> Temporary:
        """The convolution's own output, phase by phase."""
        return Temporary((self.shape[0], *self.size, self.c.oc), name=name)

    def _steps(self, rows: int, columns: int, channels: int) -> tuple[int, int, int, int, int]:
        """Of the map, and floats between images, phases, rows and columns."""
        phases, pixel = self.step ** 2, channels
        if self.deep:
            return self.step, phases * rows * columns * pixel, pixel, phases * columns * pixel, phases * pixel
        image = rows * columns * pixel
        return self.step, phases * image, image, columns * pixel, pixel

    def split(self, source: winograd.Tensor, target: Temporary, map_size: tuple, corner: tuple, cpu: Cpu) -> Launch:
        """The launch that takes a map of (height, width, channels) apart."""
        rows, columns = target.shape[1:3]
        return Launch("split_phases", {"lanes": cpu.lanes},
                      [source, target, *map_size, rows, columns, *corner, *self._steps(rows, columns, map_size[2])],
                      [target], self.c.n * rows,
                      f"{self.step} x {self.step} phases as {'channels' if self.deep else 'images'}")

    def join(self, source: winograd.Tensor, target, mask, map_size: tuple, corner: tuple, cpu: Cpu) -> Launch:
        """The launch that puts a map together, masked if asked."""
        rows, columns = source.shape[1:3]
        return Launch("join_phases", {"lanes": cpu.lanes},
                      [source, target, mask, *map_size, rows, columns, *corner,
                       *self._steps(rows, columns, map_size[2])],
                      [target], self.c.n * map_size[0], "phases back to rows and columns")

    def split_input(self, x, cpu: Cpu) -> tuple[Temporary, Launch]:
        """s, and the launch that makes it."""
        s = Temporary(self.shape, name="phases")
        return s, self.split(x, s, (self.c.h, self.c.w, self.c.ic), self.padding, cpu)

    def split_gradient(self, g, cpu: Cpu) -> tuple[Temporary, list[Launch]]:
        """The gradient of the convolution's own output."""
        if self.deep:
            return g, []
        parts = self.outputs("phases of the gradient")
        return parts, [self.split(g, parts, (self.c.oh, self.c.ow, self.c.oc), (0, 0), cpu)]

    def weights(self, w, cpu: Cpu) -> tuple[Temporary, list[Launch]]:
        """The weights over phases."""
        if not self.deep:
            return w, []
        found = Temporary(self.kernel, name="weights of phases")
        return found, [replace(self.turned(w, found, False, cpu), prepares=True)]

    def turned(self, source, target, back: bool, cpu: Cpu) -> Launch:
        """The launch that orders the weights' taps by phases, or brings them back."""
        return Launch("phase_weights", {"lanes": cpu.lanes},
                      [source, target, self.c.kh, self.side, self.c.ic * self.c.oc, int(back)], [target],
                      4 * self.side ** 2, "taps back from their phases" if back else "taps by their phase")

    def counted(self, launches: list[Launch]) -> list[Launch]:
        """Launches that count the operations of the plain sum, without those for taps that the kernel lacks."""
        share = self.c.flops / (2 * self.shape[0] * self.size[0] * self.size[1] * self.side ** 2 * self.shape[3]
                                * self.c.oc)
        return [replace(launch, flops=round(launch.flops * share), saving=launch.saving * share)
                if launch.saving != 1 else launch for launch in launches]


def forward(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d`, or None where it is not of this kind."""
    x, w, *rest = node.inputs
    phases = _Phases.of(node, x.shape, w.shape)
    if phases is None:
        return None
    s, split = phases.split_input(x, cpu)
    turned, turn = phases.weights(w, cpu)
    given = {"activation": node.attributes["activation"]}
    given |= dict(zip(("bias", "lower", "upper"), rest, strict=False))
    y = node.outputs[0] if phases.deep else phases.outputs("phases of the output")
    found = [split, *turn, *phases.counted(winograd.launches(s, turned, y, cpu, phases.tile, size=phases.size,
                                                             padding=_INSIDE, given=given))]
    if not phases.deep:
        found.append(phases.join(y, node.outputs[0], 0, (phases.c.oh, phases.c.ow, phases.c.oc), (0, 0), cpu))
    return found


def input_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d_input_grad`, or None."""
    w, g = node.inputs[:2]
    dx = node.outputs[0]
    phases = _Phases.of(node, dx.shape, w.shape)
    if phases is None:
        return None
    c, around = phases.c, ((phases.side - 1,) * 2,) * 2
    parts, split = phases.split_gradient(g, cpu)
    turned, turn = phases.weights(w, cpu)
    ds = Temporary(phases.shape, name="gradient of phases")
    mask = node.inputs[-1] if node.attributes["masked"] else 0
    found = winograd.launches(parts, turned, ds, cpu, phases.tile, size=phases.shape[1:3], padding=around,
                              given={"flipped": True})
    return [*split, *turn, *phases.counted(found), phases.join(ds, dx, mask, (c.h, c.w, c.ic), phases.padding, cpu)]


def weights_gradient(node: Node, cpu: Cpu) -> list[Launch] | None:
    """The launches of a `conv2d_weights_grad`, or None."""
    x, g = node.inputs[:2]
    phases = _Phases.of(node, x.shape, node.attributes["kernel_shape"])
    if phases is None:
        return None
    s, split = phases.split_input(x, cpu)
    parts, of_gradient = phases.split_gradient(g, cpu)
    dw = Temporary(phases.kernel, name="gradient of the weights of phases") if phases.deep else node.outputs[0]
    db = node.outputs[1] if node.attributes["bias"] else None
    found = [split, *of_gradient, *phases.counted(
        winograd.gradient_launches(s, parts, dw, db, cpu, phases.tile, _INSIDE))]
    return [*found, phases.turned(dw, node.outputs[0], True, cpu)] if phases.deep else found
