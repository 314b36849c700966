"""Runs the examples of all ops on memory that ends at a page nobody may touch: python guard_pages.py LANES.

Whatever reads or writes one byte too many ends the process; the last line printed names the op. Inputs end exactly at
the page (arrays of users can lie anywhere), what the engine places itself starts at a multiple of 64 bytes. In a second
round every buffer begins right behind such a page.
"""

import ctypes
import mmap
import sys

import numpy as np

from striate.plan.lower import RULES
from tests.acceptance.samples import PLACED, REFERENCE_ONLY, SAMPLES
from tests.kernels import harness

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_PAGE = mmap.PAGESIZE


class Pages:
    """Bytes between two pages that may not be touched: at the end of their room, or at its beginning."""

    def __init__(self, size: int, at_end: bool, alignment: int):
        room = -(-(size + alignment) // _PAGE) * _PAGE
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.base = _libc.mmap(None, room + 2 * _PAGE, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
        self.length = room
        for page in (self.base, self.base + _PAGE + room):
            if _libc.mprotect(page, _PAGE, 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        first = self.base + _PAGE
        if at_end:
            first += (room - size) // alignment * alignment
        self.bytes = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(first)) if size else np.empty(0, "u1")

    def free(self) -> None:
        _libc.munmap(self.base, self.length + 2 * _PAGE)


class GuardedMemory(harness._Memory):
    """The harness' memory, on such pages."""

    at_end = True

    def __init__(self):
        super().__init__()
        self.pages: list[Pages] = []

    def add(self, key, size_bytes: int, array=None) -> None:
        alignment = 64 if array is None else max(1, np.asarray(array).itemsize)
        pages = Pages(size_bytes, self.at_end, alignment if self.at_end else 64)
        pages.bytes[:] = 0xFF
        if array is not None:
            pages.bytes[:] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        self.pages.append(pages)
        self.raw[key] = pages.bytes, size_bytes


def shapes() -> list[tuple[str, list, dict]]:
    """The examples of all ops, and convolutions, products and poolings of awkward sizes."""
    found = [(op, sample.inputs, sample.attributes) for op, sample in SAMPLES.items()
             if op not in REFERENCE_ONLY | PLACED and op in RULES]
    draw = np.random.default_rng(3)

    def numbers(*shape):
        return draw.standard_normal(shape, dtype=np.float32)
    for h, w, ic, oc, k in ((1, 1, 1, 1, 1), (5, 3, 3, 7, 3), (7, 9, 1, 17, 5), (6, 6, 33, 2, 1)):
        attributes = dict(strides=(1, 1), padding=((k // 2, k // 2),) * 2, dilation=(1, 1), groups=1, activation=None)
        x, y = numbers(2, h, w, ic), numbers(2, h, w, oc)
        weights = numbers(k, k, ic, oc)
        found += [("conv2d", [x, weights, numbers(oc)], attributes | dict(pool=None)),
                  ("conv2d_weights_grad", [x, y], attributes | dict(pool=None, kernel_shape=(k, k, ic, oc), bias=True)),
                  ("conv2d_input_grad", [weights, y], attributes | dict(pool=None, input_shape=(h, w), masked=False))]
        if min(h, w) > 1:
            found.append(("conv2d", [x, weights], attributes | dict(pool=(2, 2, 2, 2))))
    for m, k, n in ((1, 1, 1), (3, 7, 5), (17, 33, 9), (2, 65, 31)):
        found += [("dense", [numbers(m, k), numbers(k, n), numbers(n)], dict(activation=None)),
                  ("dense_weights_grad", [numbers(m, k), numbers(m, n)], dict(bias=True)),
                  ("dense_input_grad", [numbers(k, n), numbers(m, n)], dict(masked=False))]
    return found


def main(lanes: int) -> None:
    harness._Memory = GuardedMemory
    for number, (op, inputs, attributes) in enumerate(shapes()):
        if op == "cast":
            inputs = [inputs[0].astype(np.int32)]
        for GuardedMemory.at_end in (True, False):
            print(number, op, [np.shape(x) for x in inputs], "end" if GuardedMemory.at_end else "begin", flush=True)
            harness.run_node(op, inputs, harness.with_lanes(lanes), **attributes)
    print("all", number + 1, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
