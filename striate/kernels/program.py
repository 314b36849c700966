"""The loop that runs a whole program: launch after launch, on every thread.

    for launch in program:
        do my share of its tasks, in pieces; when it is empty, take pieces from the others' shares
        go on when all its tasks are done

A *program* is a table of int64 rows (`ROW` slots each): kernel address, argument block address, number of tasks,
smallest piece. What a task computes never depends on who does it, so stealing does not change a bit of the result.
Threads wait for tasks, not for each other: one that the operating system keeps from running delays nobody.

Such a thread may wake when its program is over and the next one is being set up. So every counter carries the number
of its program (the *epoch*) in its upper half and is moved by compare-and-swap, and the counters of the old program are
made invalid before its table is overwritten: whoever reads the new table with the old epoch can take nothing.

`serve` is the body of a worker thread: it waits for the next program without Python, so that a training step
costs no thread wake-up. Subnormal numbers are flushed to zero inside a program, and only there.
"""

import sys

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from striate.kernels.jit import helper
from striate.kernels.simd import I8, I32, I64, i64_at

ROW = 4
"""int64 slots a row of the program table."""
LINE = 8
"""int64 slots a cache line: counters of two threads never share one."""
EPOCH, PROGRAM, COUNT, LAST_COUNT, TABLE, COUNTERS, SCRATCH, SCRATCH_BYTES, STOP, PARKED = (
    LINE * line for line in range(10))
"""Slots of the mailbox. PROGRAM: the caller's table, copied to TABLE, which is the pool's own like COUNTERS (a late
thread still reads them). `PARKED + LINE * thread` says that a worker sleeps in Python. Each has a cache line."""
_LOW = 0xFFFFFFFF


def _address(builder, base, index):
    return builder.inttoptr(builder.add(base, builder.mul(index, I64(8))), I64.as_pointer())


@intrinsic
def atomic_add(typing, base, index, value):
    """Adds to the int64 at base[index] and gives the old value; sequentially consistent."""
    def generate(context, builder, signature, args):
        return builder.atomic_rmw("add", _address(builder, args[0], args[1]), args[2], "seq_cst")
    return types.intp(types.intp, types.intp, types.intp), generate


@intrinsic
def atomic_load(typing, base, index):
    """The int64 at base[index]; sequentially consistent."""
    def generate(context, builder, signature, args):
        return builder.load_atomic(_address(builder, *args), "seq_cst", 8)
    return types.intp(types.intp, types.intp), generate


@intrinsic
def atomic_swap(typing, base, index, expected, value):
    """If the int64 at base[index] is `expected`, it becomes `value`; says whether it did; sequentially consistent."""
    def generate(context, builder, signature, args):
        pair = builder.cmpxchg(_address(builder, args[0], args[1]), args[2], args[3], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 1)
    return types.boolean(types.intp, types.intp, types.intp, types.intp), generate


@intrinsic
def atomic_store(typing, base, index, value):
    """base[index] = value; sequentially consistent."""
    def generate(context, builder, signature, args):
        builder.store_atomic(args[2], _address(builder, args[0], args[1]), "seq_cst", 8)
        return context.get_dummy_value()
    return types.void(types.intp, types.intp, types.intp), generate


@intrinsic
def call_kernel(typing, address, arguments, first, last, scratch):
    """Calls the compiled kernel at `address`."""
    def generate(context, builder, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [I64] * 4)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()
    return types.void(*[types.intp] * 5), generate


def _is_x86(context):
    return "x86" in context.codegen()._tm.triple or "amd64" in context.codegen()._tm.triple


def _external(builder, name, result, arguments):
    """A function outside this module: LLVM's own (`llvm.*`) or the C library's."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


@intrinsic
def pause(typing):
    """Tells the core that this thread only waits."""
    def generate(context, builder, signature, args):
        if _is_x86(context):
            _external(builder, "llvm.x86.sse2.pause", ir.VoidType(), [])
        else:
            _external(builder, "llvm.aarch64.hint", ir.VoidType(), [I32(1)])
        return context.get_dummy_value()
    return types.void(), generate


@intrinsic
def give_way(typing):
    """Lets the operating system run somebody else on this core."""
    def generate(context, builder, signature, args):
        if sys.platform != "win32":
            _external(builder, "sched_yield", I32, [])
        return context.get_dummy_value()
    return types.void(), generate


@intrinsic
def float_mode(typing):
    """The processor's floating-point control word."""
    def generate(context, builder, signature, args):
        if not _is_x86(context):
            return _external(builder, "llvm.aarch64.get.fpcr", I64, [])
        slot = builder.alloca(I32)
        _external(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), [builder.bitcast(slot, I8.as_pointer())])
        return builder.zext(builder.load(slot), I64)
    return types.intp(), generate


@intrinsic
def set_float_mode(typing, word):
    """Sets the floating-point control word of this thread."""
    def generate(context, builder, signature, args):
        if not _is_x86(context):
            _external(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), [args[0]])
            return context.get_dummy_value()
        slot = builder.alloca(I32)
        builder.store(builder.trunc(args[0], I32), slot)
        _external(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), [builder.bitcast(slot, I8.as_pointer())])
        return context.get_dummy_value()
    return types.void(types.intp), generate


@intrinsic
def flush_bits(typing):
    """The bits of the control word that flush subnormal numbers to zero (FTZ and DAZ; FZ on Arm)."""
    def generate(context, builder, signature, args):
        return I64(0x8040 if _is_x86(context) else 1 << 24)
    return types.intp(), generate


@helper
def _work_off(mailbox, launch, thread, threads, epoch):
    """Takes and does pieces of one launch until none is left; says whether this program still runs."""
    box = i64_at(mailbox)
    table, counters = box[TABLE], box[COUNTERS]
    row, done = i64_at(table + 8 * ROW * launch), launch * (threads + 1) * LINE
    tasks = atomic_load(table, launch * ROW + 2)
    piece = max(row[3], tasks // (threads * 8))
    for turn in range(threads):
        owner = (thread + turn) % threads
        end, counter = tasks * (owner + 1) // threads, done + (owner + 1) * LINE
        while True:
            state = atomic_load(counters, counter)
            first = state & _LOW
            if state >> 32 != epoch:
                return False
            if first >= end:
                break
            last = min(first + piece, end)
            if atomic_swap(counters, counter, state, epoch << 32 | last):
                call_kernel(row[0], row[1], first, last, box[SCRATCH] + thread * box[SCRATCH_BYTES])
                atomic_add(counters, done, last - first)
    turns = 0
    while True:
        state = atomic_load(counters, done)
        if state >> 32 != epoch or atomic_load(mailbox, EPOCH) != epoch:
            return False
        if state & _LOW == tasks:
            return True
        pause()
        turns += 1
        if turns > 4000:
            give_way()


@helper
def _play(mailbox, thread, threads, epoch):
    mode = float_mode()
    set_float_mode(mode | flush_bits())
    for launch in range(i64_at(mailbox)[COUNT]):
        if not _work_off(mailbox, launch, thread, threads, epoch):
            break
    set_float_mode(mode)


def run():
    """Makes `kernel(mailbox, _, threads, _)`: announces the program in the mailbox and plays the first thread's part.

    Announcing is part of the same call, so that no Python exception (Ctrl-C) can come between it and the playing.
    """
    def run(mailbox, thread, threads, unused):
        box = i64_at(mailbox)
        program, table, counters, count = i64_at(box[PROGRAM]), box[TABLE], box[COUNTERS], box[COUNT]
        epoch = box[EPOCH] + 1
        for counter in range(box[LAST_COUNT] * (threads + 1)):
            atomic_store(counters, counter * LINE, epoch << 32 | _LOW)
        box[LAST_COUNT] = count
        for i in range(count * ROW):
            atomic_store(table, i, program[i])
        for launch in range(count):
            atomic_store(counters, launch * (threads + 1) * LINE, epoch << 32)
            for owner in range(threads):
                begin = program[launch * ROW + 2] * owner // threads
                atomic_store(counters, (launch * (threads + 1) + owner + 1) * LINE, epoch << 32 | begin)
        atomic_store(mailbox, EPOCH, epoch)
        _play(mailbox, 0, threads, epoch)
    return run


def serve():
    """Makes `kernel(mailbox, thread, threads, turns)`: a worker that plays programs until none came for `turns`."""
    def serve(mailbox, thread, threads, turns):
        box = i64_at(mailbox)
        mine = PARKED + LINE * thread
        seen = box[mine + 1]
        idle = 0
        while idle < turns:
            epoch = atomic_load(mailbox, EPOCH)
            if epoch == seen:
                pause()
                idle += 1
                continue
            seen = epoch
            box[mine + 1] = seen
            if atomic_load(mailbox, STOP) != 0:
                return
            _play(mailbox, thread, threads, epoch)
            idle = 0
        atomic_store(mailbox, mine, 1)
        if atomic_load(mailbox, EPOCH) != seen:
            atomic_store(mailbox, mine, 0)
    return serve
