"""Read and write memory by address from compiled code, and call by address.

Addresses are uint64. Everything here is LLVM IR of one or two instructions, so
that kernels need no arrays (and no reference counts) in their inner loops.
"""

# The bodies run inside numba's compiler, whose objects carry no useful types.
# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from neurocluster.kernels.jit import inline, intrinsic

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
BYTE = {1: I8, 2: I16, 4: I32, 8: I64}


def _element(builder: Any, address: Any, index: Any, kind: Any) -> Any:
    base = builder.inttoptr(address, kind.as_pointer())
    return builder.gep(base, [index])


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """Turn an address into a void pointer, for `carray`."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.uint64), code


@intrinsic
def read_int32(typing: Any, address: Any, index: Any) -> Any:
    """Return the int32 at ``address[index]``."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_element(builder, args[0], args[1], I32))

    return types.int32(types.uint64, types.uint64), code


@intrinsic
def read_word(typing: Any, address: Any, index: Any, width: Any) -> Any:
    """Return the spike word at ``address[index]``, of a literal width in bytes."""
    kind = BYTE[width.literal_value]

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = builder.load(_element(builder, args[0], args[1], kind))
        return builder.zext(value, I64)

    return types.uint64(types.uint64, types.uint64, width), code


@intrinsic
def write_word(typing: Any, address: Any, index: Any, width: Any, value: Any) -> Any:
    """Store a spike word at ``address[index]``, of a literal width in bytes."""
    kind = BYTE[width.literal_value]

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = _element(builder, args[0], args[1], kind)
        builder.store(builder.trunc(args[3], kind), at)
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64, width, types.uint64), code


@intrinsic
def write_big(typing: Any, address: Any, width: Any, value: Any) -> Any:
    """Store an integer big-endian at any address, of a literal width in bytes."""
    kind = BYTE[width.literal_value]

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = builder.inttoptr(args[0], kind.as_pointer())
        raw = args[2] if kind is I64 else builder.trunc(args[2], kind)
        builder.store(builder.bswap(raw) if kind is not I8 else raw, at, align=1)
        return context.get_dummy_value()

    return types.void(types.uint64, width, types.uint64), code


@intrinsic
def read_big(typing: Any, address: Any, width: Any) -> Any:
    """Return a big-endian integer from any address, of a literal width in bytes."""
    kind = BYTE[width.literal_value]

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = builder.inttoptr(args[0], kind.as_pointer())
        raw = builder.load(at, align=1)
        value = builder.bswap(raw) if kind is not I8 else raw
        return value if kind is I64 else builder.zext(value, I64)

    return types.uint64(types.uint64, width), code


@intrinsic
def copy_bytes(typing: Any, target: Any, source: Any, size: Any) -> Any:
    """Copy bytes between addresses that do not overlap."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to = builder.inttoptr(args[0], cgutils.voidptr_t)
        start = builder.inttoptr(args[1], cgutils.voidptr_t)
        cgutils.raw_memcpy(builder, to, start, args[2], 1)
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64, types.uint64), code


@intrinsic
def zero_bytes(typing: Any, target: Any, size: Any) -> Any:
    """Set bytes to zero."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to = builder.inttoptr(args[0], cgutils.voidptr_t)
        cgutils.memset(builder, to, args[1], 0)
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64), code


def _caller(count: int) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(I64, [I64] * count)
        function = builder.inttoptr(args[0], kind.as_pointer())
        return builder.call(function, list(args[1:]))

    return code


@intrinsic
def call1(typing: Any, function: Any, a: Any) -> Any:
    """Call the compiled function at an address with one 64-bit argument."""
    return types.int64(types.uint64, types.uint64), _caller(1)


@intrinsic
def call5(typing: Any, function: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """Call the compiled function at an address with five 64-bit arguments."""
    u = types.uint64
    return types.int64(u, u, u, u, u, u), _caller(5)


def _c_caller(count: int) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(I32, [I64] * count)
        function = builder.inttoptr(args[0], kind.as_pointer())
        return builder.sext(builder.call(function, list(args[1:])), I64)

    return code


@intrinsic
def c_call0(typing: Any, function: Any) -> Any:
    """Call the C function at an address; it returns an int."""
    return types.int64(types.uint64), _c_caller(0)


@intrinsic
def c_call4(typing: Any, function: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Call the C function at an address with four arguments; it returns an int."""
    u = types.uint64
    return types.int64(u, u, u, u, u), _c_caller(4)


@intrinsic
def call2(typing: Any, function: Any, a: Any, b: Any) -> Any:
    """Call the compiled function at an address with two 64-bit arguments."""
    u = types.uint64
    return types.int64(u, u, u), _caller(2)


_clock_gettime = types.ExternalFunction(
    "clock_gettime", types.int32(types.int32, types.voidptr)
)
CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID = 1, 3


@inline
def read_monotonic(timespec: int) -> int:
    """Return CLOCK_MONOTONIC in nanoseconds.

    Args:
        timespec: Address of 16 bytes that this call may use.
    """
    _clock_gettime(CLOCK_MONOTONIC, pointer(timespec))
    seconds = read_int64(timespec, 0)
    return seconds * 1_000_000_000 + read_int64(timespec, 1)


@inline
def read_thread_cpu(timespec: int) -> int:
    """Return the CPU time of the calling thread; see `read_monotonic`."""
    _clock_gettime(CLOCK_THREAD_CPUTIME_ID, pointer(timespec))
    seconds = read_int64(timespec, 0)
    return seconds * 1_000_000_000 + read_int64(timespec, 1)


@intrinsic
def read_int64(typing: Any, address: Any, index: Any) -> Any:
    """Return the int64 at ``address[index]``."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_element(builder, args[0], args[1], I64))

    return types.int64(types.uint64, types.uint64), code
