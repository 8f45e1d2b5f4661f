"""Emit the vector steps of the fast kernel as LLVM IR.

The state of a cell is one int32 word Y and an int16 level that only firing
touches (ONE = 2^16, A = 2^30, V the potential):

    Y = V - level * ONE        while level == 0 (ReLU: no lower threshold)
    Y = V - level * ONE + A    while level > 0; the two ranges never meet

A cell rests if Y < ONE (level 0) or |Y - A| < ONE (level > 0). Both tests are
against constants, so adding a vector of weights moves no more memory than the
plain sum would. Cells of padding start at -2^29 and never fire. Layers without
ReLU keep A added at every level. Vectors are plain LLVM vectors, so the same
code becomes AVX-512, AVX2 or NEON.
"""

# The bodies run inside numba's compiler, whose objects carry no useful types.

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba import types

from neurocluster.dtypes import ONE, POTENTIAL_LIMIT
from neurocluster.kernels.jit import intrinsic

FAR: Final = 1 << 30
"""A of the module's docstring: distance of the range of raised levels."""
NEVER: Final = -(1 << 29)
"""Y of a cell that must never fire."""

BIT, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 16, 32, 64))


def _constant(kind: Any, lanes: int, value: Any) -> Any:
    values = [value] * lanes if isinstance(value, int) else list(value)
    return ir.Constant(ir.VectorType(kind, lanes), values)


def _splat(builder: Any, value: Any, lanes: int) -> Any:
    empty = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    one = builder.insert_element(empty, value, I32(0))
    return builder.shuffle_vector(one, empty, _constant(I32, lanes, 0))


def _vector_at(builder: Any, address: Any, cell: Any, kind: Any, lanes: int) -> Any:
    base = builder.inttoptr(address, kind.as_pointer())
    at = builder.gep(base, [cell])
    return builder.bitcast(at, ir.VectorType(kind, lanes).as_pointer())


def _add_vector(
    builder: Any, state: Any, weights: Any, sign: Any, lanes: int, relu: bool
) -> Any:
    """Add weights * sign to one vector of cells; return the mask that must fire."""
    align = 4 * lanes
    moved = builder.mul(sign, builder.load(weights, align=align))
    v = builder.add(builder.load(state, align=align), moved)
    builder.store(v, state, align=align)
    low = _constant(I32, lanes, FAR - ONE + 1)
    span = _constant(I32, lanes, 2 * ONE - 1)
    mask = builder.icmp_unsigned(">=", builder.sub(v, low), span)
    if relu:
        up = builder.icmp_signed(">=", v, _constant(I32, lanes, ONE))
        mask = builder.and_(mask, up)
    return builder.zext(builder.bitcast(mask, ir.IntType(lanes)), I64)


@intrinsic
def add_row(
    typing: Any,
    state_at: Any,
    weights_at: Any,
    sign: Any,
    cell: Any,
    weight: Any,
    list_at: Any,
    listed: Any,
    lanes: Any,
    vectors: Any,
    relu: Any,
    chunk: Any,
) -> Any:
    """Add one row of weights; list the chunks in which a lane must fire.

    ``listed`` is the length of the list before; the length after is returned.
    A chunk is ``chunk`` lanes (up to 64); it is appended without a branch.
    """
    n, count = lanes.literal_value, vectors.literal_value
    with_relu, word = bool(relu.literal_value), chunk.literal_value

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        state, weights, sign, cell, weight, entries, length = args[:7]
        factor = _splat(builder, sign, n)
        entries = builder.inttoptr(entries, I64.as_pointer())
        for first in range(0, n * count, word):
            masks = None
            for lane in range(first, min(first + word, n * count), n):
                at = builder.add(cell, I64(lane))
                y = _vector_at(builder, state, at, I32, n)
                source = builder.add(weight, I64(lane))
                w = _vector_at(builder, weights, source, I32, n)
                mask = _add_vector(builder, y, w, factor, n, with_relu)
                mask = builder.shl(mask, I64(lane - first))
                masks = mask if masks is None else builder.or_(masks, mask)
            slot = builder.shl(length, I64(1))
            builder.store(builder.add(cell, I64(first)), builder.gep(entries, [slot]))
            second = builder.or_(slot, I64(1))
            builder.store(masks, builder.gep(entries, [second]))
            some = builder.icmp_unsigned("!=", masks, I64(0))
            length = builder.add(length, builder.zext(some, I64))
        return length

    u = types.uint64
    return u(u, u, types.int32, u, u, u, u, lanes, vectors, relu, chunk), code


def _check_range(
    builder: Any, flag: Any, v: Any, raised: Any, old: Any, mask: Any, cell: Any
) -> None:
    """Keep 1 + cell in the flag when a firing lane's |V| left the range."""
    lanes = v.type.count
    zero = _constant(I32, lanes, 0)
    shifted = builder.select(raised, _constant(I32, lanes, FAR), zero)
    level = builder.sext(old, ir.VectorType(I32, lanes))
    level = builder.shl(level, _constant(I32, lanes, 16))
    potential = builder.add(builder.sub(v, shifted), level)
    biased = builder.add(potential, _constant(I32, lanes, POTENTIAL_LIMIT - 1))
    limit = _constant(I32, lanes, 2 * POTENTIAL_LIMIT - 1)
    bad = builder.and_(mask, builder.icmp_unsigned(">=", biased, limit))
    bits = builder.bitcast(bad, ir.IntType(lanes))
    with builder.if_then(
        builder.icmp_unsigned("!=", bits, ir.IntType(lanes)(0)), likely=False
    ):
        lane = builder.cttz(builder.zext(bits, I64), BIT(0))
        at = builder.inttoptr(flag, I64.as_pointer())
        builder.store(builder.add(builder.add(cell, lane), I64(1)), at)


@intrinsic
def fire_vector(
    typing: Any,
    state_at: Any,
    levels_at: Any,
    mask: Any,
    cell: Any,
    out_at: Any,
    written: Any,
    base: Any,
    partner1: Any,
    partner2: Any,
    partner3: Any,
    flag_at: Any,
    lanes: Any,
    relu: Any,
    pooled: Any,
    width: Any,
) -> Any:
    """Fire the lanes of ``mask``; write the wire words that leave; count them.

    With pooling a word leaves only where the maximum over the cell and its three
    partners changes. ``base`` is the wire word (address << 1) of lane 0. Returns
    the number of words written so far.
    """
    n, word_bits = lanes.literal_value, 8 * width.literal_value
    with_relu, with_pool = bool(relu.literal_value), bool(pooled.literal_value)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        state, levels, mask, cell, out, written, base, p1, p2, p3, flag = args[:11]
        mask = builder.bitcast(
            builder.trunc(mask, ir.IntType(n)), ir.VectorType(BIT, n)
        )
        zero = _constant(I16, n, 0)

        def load(at: Any) -> Any:
            return builder.load(_vector_at(builder, levels, at, I16, n), align=2 * n)

        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.icmp_signed(">", a, b), a, b)

        y = _vector_at(builder, state, cell, I32, n)
        v, old = builder.load(y, align=4 * n), load(cell)
        down = builder.icmp_signed("<", v, _constant(I32, n, FAR))
        raised = _constant(BIT, n, 1)
        if with_relu:
            raised = builder.icmp_signed("!=", old, zero)
            down = builder.and_(down, raised)
        _check_range(builder, flag, v, raised, old, mask, cell)
        change = builder.select(down, _constant(I16, n, -1), _constant(I16, n, 1))
        new = builder.add(old, builder.select(mask, change, zero))
        builder.store(new, _vector_at(builder, levels, cell, I16, n), align=2 * n)
        step = builder.select(down, _constant(I32, n, ONE), _constant(I32, n, -ONE))
        if with_relu:
            leave = _constant(I32, n, FAR - ONE)
            step = builder.select(raised, step, leave)
            back = builder.icmp_signed("==", new, zero)
            step = builder.select(back, _constant(I32, n, ONE - FAR), step)
        step = builder.select(mask, step, _constant(I32, n, 0))
        builder.store(builder.add(v, step), y, align=4 * n)
        if with_pool:
            others = larger(larger(load(p1), load(p2)), load(p3))
            above = builder.icmp_signed(">", larger(old, new), others)
            mask = builder.and_(mask, above)
        kind = ir.IntType(word_bits)
        first = base if word_bits == 64 else builder.trunc(base, kind)
        steps = _constant(kind, n, range(0, 2 * n, 2))
        words = builder.add(_splat(builder, first, n), steps)
        words = builder.or_(words, builder.zext(down, ir.VectorType(kind, n)))
        shape = ir.VectorType(kind, n)
        compress = builder.module.declare_intrinsic(
            f"llvm.experimental.vector.compress.v{n}i{word_bits}",
            (),
            ir.FunctionType(shape, [shape, mask.type, shape]),
        )
        packed = builder.call(compress, [words, mask, ir.Constant(shape, ir.Undefined)])
        target = _vector_at(builder, out, written, kind, n)
        builder.store(packed, target, align=word_bits // 8)
        bits = builder.bitcast(mask, ir.IntType(n))
        return builder.add(written, builder.ctpop(builder.zext(bits, I64)))

    u = types.uint64
    sig = u(u, u, u, u, u, u, u, u, u, u, u, lanes, relu, pooled, width)
    return sig, code


@intrinsic
def trailing_zeros(typing: Any, value: Any) -> Any:
    """Return the index of the lowest bit set."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], BIT(1))

    return types.uint64(types.uint64), code


@intrinsic
def popcount(typing: Any, value: Any) -> Any:
    """Return the number of bits set."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), code
