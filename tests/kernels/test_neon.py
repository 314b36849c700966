"""The path of ARM processors (NEON: 4 lanes, 32 registers): every family of kernels compiled for AArch64, and run.

LLVM compiles for AArch64 on any machine. Where an AArch64 compiler driver and QEMU are installed (Debian: qemu-user,
gcc-aarch64-linux-gnu, libc6-dev-arm64-cross) the machine code is linked and runs in emulation, and its results are
compared with the references of the ops.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from importlib import import_module
from pathlib import Path

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest
from numba import types

from striate.graph.ir import Value
from striate.kernels import KERNELS
from striate.kernels.cpu import KINDS, Cpu
from striate.plan.ir import Constant, Temporary
from striate.plan.lower import PREFERRED, RULES
from tests.kernels.harness import make_node, reference

NEON = Cpu(name="generic", isa="neon", l1=32 * 1024, l2=512 * 1024, **KINDS["neon"])
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
TRIPLE = "aarch64-linux-gnu"
RNG = np.random.default_rng(11)
PLAIN = dict(strides=(1, 1), dilation=(1, 1), groups=1)
SAME = ((1, 1), (1, 1))


def numbers(*shape):
    return RNG.integers(-4, 5, shape).astype(np.float32)


CASES = {
    "direct convolution": ("conv2d", [numbers(2, 9, 9, 5), numbers(3, 3, 5, 7), numbers(7)], dict(
        PLAIN, padding=SAME, activation="relu", pool=None)),
    "window convolution": ("conv2d", [numbers(2, 12, 12, 1), numbers(5, 5, 1, 8), numbers(8)], dict(
        PLAIN, padding=((0, 0), (0, 0)), activation="relu", pool=(2, 2, 2, 2))),
    "winograd": ("conv2d", [numbers(4, 12, 12, 16), numbers(3, 3, 16, 24), numbers(24)], dict(
        PLAIN, padding=SAME, activation="relu", pool=None)),
    "input gradient": ("conv2d_input_grad", [numbers(3, 3, 5, 7), numbers(2, 9, 9, 7)], dict(
        PLAIN, padding=SAME, activation=None, pool=None, masked=False, input_shape=(9, 9))),
    "weight gradient": ("conv2d_weights_grad", [numbers(2, 9, 9, 5), numbers(2, 9, 9, 7)], dict(
        PLAIN, padding=SAME, activation=None, pool=None, kernel_shape=(3, 3, 5, 7), bias=True)),
    "dense": ("dense", [numbers(9, 13), numbers(13, 21), numbers(21)], dict(activation="relu")),
    "softmax": ("softmax", [numbers(6, 11)], dict(axis=1)),
    "batch normalisation": ("batch_norm", [numbers(4, 6, 6, 7), numbers(7), numbers(7)], dict(epsilon=1e-3)),
    "pooling": ("max_pool2d", [numbers(2, 8, 8, 6)], dict(pool_size=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0)))),
}


def launches(node):
    """As the plan lowers the node on such a processor."""
    for family in ("winograd_rules", "conv", "conv_grad", "gemm", "pool", "norm", "reduce"):
        import_module(f"striate.plan.lower.{family}")
    found = [rules[node.op](node, NEON) for rules in (PREFERRED, RULES) if node.op in rules]
    return next(item for item in found if item is not None)


def module_for_neon(name: str, variant: tuple, symbol: str):
    """The kernel's LLVM module for AArch64, its entry under the name `symbol`."""
    row = KERNELS[name]
    function = getattr(import_module(row.module), row.factory)(**dict(variant))
    compiled = numba.cfunc(types.void(*[types.intp] * 4), nopython=True, error_model="numpy")(function)
    text = compiled.inspect_llvm().replace(compiled._wrapper_name, symbol)
    text = re.sub(r'target triple = ".*"', f'target triple = "{TRIPLE}"', text)
    text = re.sub(r'target datalayout = ".*"', f'target datalayout = "{machine().target_data}"', text)
    module = llvm.parse_assembly(text)
    module.verify()
    return module


def machine():
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu="generic", features="+neon", opt=3, reloc="pic")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["direct convolution", "winograd", "dense"])
def test_inner_loops_are_vector_multiply_adds(name):
    op, inputs, attributes = CASES[name]
    launch = next(item for item in launches(make_node(op, inputs, **attributes)) if item.flops)
    module = module_for_neon(launch.kernel, tuple(sorted(launch.variant.items())), "entry")
    assert len(re.findall(r"\bfmla\s+v\d+\.4s", machine().emit_assembly(module))) >= 12


class Memory:
    """All buffers of some launches in one piece, and where each lies."""

    def __init__(self):
        self.offsets, self.parts, self.size = {}, [], 0

    def place(self, key, array: np.ndarray) -> int:
        if key not in self.offsets:
            data = np.ascontiguousarray(array).tobytes()
            padded = data + b"\xff" * (-len(data) % 64)
            self.offsets[key] = self.size
            self.parts.append(padded)
            self.size += len(padded)
        return self.offsets[key]


def emulate(op: str, inputs, attributes: dict, folder: Path) -> list[np.ndarray]:
    """The op's results, computed by AArch64 machine code."""
    node = make_node(op, inputs, **attributes)
    found, memory = launches(node), Memory()
    for value, array in [*zip(node.inputs, inputs, strict=True),
                         *((v, np.full(v.shape, 0xFF, np.uint8).astype(v.dtype)) for v in node.outputs)]:
        memory.place(value, array)
    kernels, words = [], []
    for launch in found:
        key = launch.kernel, tuple(sorted(launch.variant.items()))
        if key not in kernels:
            kernels.append(key)
        words += [kernels.index(key), launch.tasks, len(launch.arguments)]
        for item in launch.arguments:
            if isinstance(item, Temporary):
                words += [1, memory.place(item, np.full(item.type.bytes, 0xFF, np.uint8))]
            elif isinstance(item, Constant):
                words += [1, memory.place(item, item.array)]
            elif isinstance(item, Value):
                words += [1, memory.offsets[item]]
            else:
                words += [0, struct.unpack("q", struct.pack("d", item))[0] if isinstance(item, float) else int(item)]
    scratch = max((launch.scratch for launch in found), default=0)
    head = np.array([memory.size, -(-scratch // 64) * 64, len(found), *words], np.int64)
    (folder / "in").write_bytes(head.tobytes() + b"".join(memory.parts))
    _link(kernels, folder)
    subprocess.run([EMULATOR, folder / "program", folder / "in", folder / "out"], check=True, timeout=120)
    out = (folder / "out").read_bytes()
    return [np.frombuffer(out, v.dtype, v.type.size, memory.offsets[v]).reshape(v.shape) for v in node.outputs]


def _link(kernels: list, folder: Path) -> None:
    objects = []
    for index, (name, variant) in enumerate(kernels):
        path = folder / f"kernel_{index}.o"
        path.write_bytes(machine().emit_object(module_for_neon(name, variant, f"kernel_{index}")))
        objects.append(path)
    names = [f"kernel_{index}" for index in range(len(kernels))]
    (folder / "table.c").write_text(
        "#include <stdint.h>\ntypedef void kernel(int64_t, int64_t, int64_t, int64_t);\n"
        + "".join(f"extern kernel {name};\n" for name in names)
        + "kernel *const kernels[] = {" + ", ".join(names) + "};\n", encoding="ascii")
    # Kernels raise no errors; what Numba's wrapper would call then is left undefined.
    subprocess.run([COMPILER, "-O1", "-static", "-Wl,--unresolved-symbols=ignore-all", "-o", folder / "program",
                    Path(__file__).parent / "neon.c", folder / "table.c", *objects, "-lm"], check=True, timeout=120)


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
                    reason=f"{COMPILER} and {EMULATOR} are not installed: NEON code is compiled but not run")
@pytest.mark.parametrize("name", CASES)
def test_results_in_emulation(name, tmp_path):
    op, inputs, attributes = CASES[name]
    for actual, wanted in zip(emulate(op, inputs, attributes, tmp_path), reference(op, inputs, **attributes),
                              strict=True):
        assert actual.dtype == wanted.dtype
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=1e-5 * max(1.0, np.abs(wanted).max()))
