"""The shapes of one convolution, as all rules of its gradients read them off a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.errors import GraphError, received
from striate.graph.ir import Node
from striate.ops.windows import output_length

ENOUGH_TASKS = 8
"""Tasks below which threads would wait; a number, not the machine's cores, so that sums do not depend on them."""


@dataclass(frozen=True)
class Convolution:
    """The shapes of one convolution, whose output has (oh, ow) pixels before any pooling."""

    n: int
    h: int
    w: int
    ic: int
    oc: int
    kh: int
    kw: int
    oh: int
    ow: int
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    groups: int
    pool: tuple[int, int, int, int] | None

    @classmethod
    def of(cls, node: Node, input_shape: Sequence[int], kernel_shape: Sequence[int]) -> Convolution:
        attributes = node.attributes
        n, h, w, ic = input_shape
        kh, kw, _, oc = kernel_shape
        geometry = [tuple(attributes[name]) for name in ("strides", "padding", "dilation")]
        strides, padding, dilation = geometry
        oh, ow = (output_length(*axis) for axis in zip((h, w), (kh, kw), strides, dilation, padding, strict=True))
        pool = attributes["pool"]
        return cls(n, h, w, ic, oc, kh, kw, oh, ow, strides, padding, dilation, attributes["groups"],
                   tuple(pool) if pool is not None else None)

    @property
    def group_ic(self) -> int:
        return self.ic // self.groups

    @property
    def group_oc(self) -> int:
        return self.oc // self.groups

    @property
    def taps(self) -> int:
        return self.kh * self.kw

    @property
    def flops(self) -> int:
        """Of a dense gradient, a multiply-add counted as two."""
        return 2 * self.n * self.oh * self.ow * self.taps * self.group_ic * self.oc

    @property
    def window(self) -> tuple[int, int, int, int]:
        """(ph, pw, sh, sw) of the fused pooling. Raises `GraphError` when there is none."""
        if self.pool is None:
            raise GraphError("This convolution has no fused pooling, so its pooling has no window. "
                             + received(convolution=self))
        return self.pool

    @property
    def pooled_size(self) -> tuple[int, int]:
        ph, pw, sh, sw = self.window
        return output_length(self.oh, ph, sh), output_length(self.ow, pw, sw)


def ceil_div(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def round_up(a: int, b: int) -> int:
    """The smallest multiple of b that is not below a."""
    return ceil_div(a, b) * b
