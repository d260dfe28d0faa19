"""Eight float64 side by side, as a Numba type: the arithmetic that the processor does at once.

Numba leaves it to LLVM to find out that a loop can take eight numbers at a time, and LLVM often
finds that out for some shapes and not for others. Here the code says eight outright: a `Lanes` is
one LLVM vector <8 x double> (one AVX-512 register, two of AVX2, four of NEON: LLVM splits it as
the processor needs). So neither the speed nor the last bits hang on luck: LLVM reorders no
operation, and inf and nan are as in IEEE 754.

Memory is a `Floats`, a bare pointer to float64, passed as one register without the reference
counting of arrays. Nothing checks the bounds; the kernels say how much they read.

Source: "Extending Numba" in the Numba documentation (types, models, intrinsics).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, overload, register_model

from microgpt_play_numba.shape import WIDTH

Floats = types.CPointer(types.float64)
Ints = types.CPointer(types.int64)

_DOUBLE = ir.DoubleType()
_LONG = ir.IntType(64)
_VECTOR = ir.VectorType(_DOUBLE, WIDTH)
_LONG_VECTOR = ir.VectorType(_LONG, WIDTH)
ROUNDING = 6755399441055744.0
"""1.5 * 2**52: a number added to it is rounded to a whole one, which stands in the last bits."""


class LanesType(types.Type):
    """The type of eight float64."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


Lanes = LanesType()


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """How LLVM holds eight float64."""

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)


Emit = Callable[[ir.IRBuilder, Any], Any]


def _instruction(signature: Any, emit: Emit) -> Any:
    """An intrinsic of that signature, whose LLVM code `emit(builder, args)` writes."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        result = emit(builder, args)
        return context.get_dummy_value() if signature.return_type == types.void else result

    # Numba reads the number of arguments from the function's own signature.
    names = ", ".join(f"a{i}" for i in range(len(signature.args)))
    namespace: dict[str, Any] = {"signature": signature, "generate": generate}
    exec(f"def typer(context, {names}): return signature, generate", namespace)
    return intrinsic(namespace["typer"])


def _splat(builder: ir.IRBuilder, value: Any, vector: ir.VectorType = _VECTOR) -> Any:
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    one = builder.insert_element(
        ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
    )
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


def _shuffle(builder: ir.IRBuilder, a: Any, b: Any, indices: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)
    return builder.shuffle_vector(a, b, mask)


def _load(builder: ir.IRBuilder, pointer: Any, index: Any) -> Any:
    place = builder.bitcast(builder.gep(pointer, [index]), _VECTOR.as_pointer())
    value = builder.load(place)
    value.align = 8
    return value


def _store(builder: ir.IRBuilder, value: Any, pointer: Any, index: Any) -> None:
    place = builder.bitcast(builder.gep(pointer, [index]), _VECTOR.as_pointer())
    builder.store(value, place).align = 8


def _call(builder: ir.IRBuilder, name: str, *args: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(args))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v8f64")
    return builder.call(function, args)


def _highest(builder: ir.IRBuilder, value: Any) -> Any:
    for half in (4, 2, 1):
        low = _shuffle(builder, value, value, list(range(half)))
        value = _maximum(
            builder, (low, _shuffle(builder, value, value, list(range(half, 2 * half))))
        )
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


def _total(builder: ir.IRBuilder, value: Any) -> Any:
    """The sum of eight numbers: halves are added to halves, three times."""
    for half in (4, 2, 1):
        low = _shuffle(builder, value, value, list(range(half)))
        high = _shuffle(builder, value, value, list(range(half, 2 * half)))
        value = builder.fadd(low, high)
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


def _maximum(builder: ir.IRBuilder, args: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])


def _from_lane(builder: ir.IRBuilder, args: Any) -> Any:
    value, first, other = args
    lanes = ir.Constant(_LONG_VECTOR, list(range(WIDTH)))
    keep = builder.icmp_signed(">=", lanes, _splat(builder, first, _LONG_VECTOR))
    return builder.select(keep, value, other)


def _where_positive(builder: ir.IRBuilder, args: Any) -> Any:
    zero = ir.Constant(_VECTOR, [0.0] * WIDTH)
    return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], zero)


def _times_power(builder: ir.IRBuilder, args: Any) -> Any:
    # In two halves, so that a result below the normal numbers is rounded and not lost.
    value, rounded = args
    bits = builder.bitcast(rounded, _LONG_VECTOR)
    zero = builder.bitcast(ir.Constant(_VECTOR, [ROUNDING] * WIDTH), _LONG_VECTOR)
    power = builder.sub(bits, zero)
    half = builder.ashr(power, ir.Constant(_LONG_VECTOR, [1] * WIDTH))
    for exponent in (half, builder.sub(power, half)):
        biased = builder.add(exponent, ir.Constant(_LONG_VECTOR, [1023] * WIDTH))
        factor = builder.shl(biased, ir.Constant(_LONG_VECTOR, [52] * WIDTH))
        value = builder.fmul(value, builder.bitcast(factor, _VECTOR))
    return value


def _transpose_block(builder: ir.IRBuilder, args: Any) -> None:
    """Eight rows of eight: pairs of numbers change places, then pairs of pairs, then fours."""
    source, source_row, target, target_row = args
    rows = [
        _load(builder, source, builder.mul(source_row, ir.Constant(_LONG, i))) for i in range(8)
    ]
    for distance in (1, 2, 4):
        low = [i % 8 + (8 if i & distance else 0) - (i & distance) for i in range(8)]
        high = [i % 8 + (8 if i & distance else 0) + distance - (i & distance) for i in range(8)]
        swapped = list(rows)
        for i in range(8):
            if not i & distance:
                a, b = rows[i], rows[i + distance]
                swapped[i] = _shuffle(builder, a, b, low)
                swapped[i + distance] = _shuffle(builder, a, b, high)
        rows = swapped
    for i, row in enumerate(rows):
        _store(builder, row, target, builder.mul(target_row, ir.Constant(_LONG, i)))


apart = _instruction(types.void(), lambda builder, _: builder.function.attributes.add("noinline"))
"""apart(): the function that calls this is not inlined where it is called. Copies of `product` in
twenty places take twenty times as long to compile, and are no faster."""
pointer = _instruction(
    Floats(types.int64), lambda builder, args: builder.inttoptr(args[0], _DOUBLE.as_pointer())
)
"""pointer(address) -> Floats"""
int_pointer = _instruction(
    Ints(types.int64), lambda builder, args: builder.inttoptr(args[0], _LONG.as_pointer())
)
"""int_pointer(address) -> Ints"""
at = _instruction(
    Floats(Floats, types.int64), lambda builder, args: builder.gep(args[0], [args[1]])
)
"""at(floats, i) -> Floats, from its i-th number on"""
int_at = _instruction(
    Ints(Ints, types.int64), lambda builder, args: builder.gep(args[0], [args[1]])
)
"""int_at(ints, i) -> Ints, from its i-th number on"""
load = _instruction(Lanes(Floats, types.int64), lambda builder, args: _load(builder, *args))
"""load(floats, i) -> the eight numbers from the i-th on"""
store = _instruction(
    types.void(Floats, types.int64, Lanes),
    lambda builder, args: _store(builder, args[2], args[0], args[1]),
)
"""store(floats, i, lanes): write eight numbers from the i-th on"""
splat = _instruction(Lanes(types.float64), lambda builder, args: _splat(builder, args[0]))
"""splat(number) -> the number, eight times"""
muladd = _instruction(
    Lanes(Lanes, Lanes, Lanes), lambda builder, args: _call(builder, "fmuladd", *args)
)
"""muladd(a, b, c) -> a * b + c, rounded once where the processor can"""
root = _instruction(Lanes(Lanes), lambda builder, args: _call(builder, "sqrt", *args))
"""root(a) -> the square roots"""
maximum = _instruction(Lanes(Lanes, Lanes), _maximum)
"""maximum(a, b) -> the larger of each two, b's if either is nan"""
total = _instruction(types.float64(Lanes), lambda builder, args: _total(builder, args[0]))
"""total(a) -> the sum of the eight"""
highest = _instruction(types.float64(Lanes), lambda builder, args: _highest(builder, args[0]))
"""highest(a) -> the largest of the eight"""
from_lane = _instruction(Lanes(Lanes, types.int64, Lanes), _from_lane)
"""from_lane(a, first, b) -> a's numbers from lane `first` on, b's before it"""
where_positive = _instruction(Lanes(Lanes, Lanes), _where_positive)
"""where_positive(a, b) -> b's numbers where a's are above 0, and 0 elsewhere"""
times_power = _instruction(Lanes(Lanes, Lanes), _times_power)
"""times_power(a, 1.5 * 2**52 + n) -> a * 2**n, for whole n from -2000 to 1000"""
transpose_block = _instruction(
    types.void(Floats, types.int64, Floats, types.int64), _transpose_block
)
"""transpose_block(source, its row length, target, its row length): one block, eight by eight"""

add = _instruction(Lanes(Lanes, Lanes), lambda builder, args: builder.fadd(*args))
subtract = _instruction(Lanes(Lanes, Lanes), lambda builder, args: builder.fsub(*args))
multiply = _instruction(Lanes(Lanes, Lanes), lambda builder, args: builder.fmul(*args))
divide = _instruction(Lanes(Lanes, Lanes), lambda builder, args: builder.fdiv(*args))


def _overload(symbol: Any, instruction: Any) -> None:
    """Let `a symbol b` of two Lanes be that instruction."""

    @overload(symbol)
    def of_lanes(a, b):  # type: ignore[no-untyped-def]
        if isinstance(a, LanesType) and isinstance(b, LanesType):
            return lambda a, b: instruction(a, b)
        return None


_overload(operator.add, add)
_overload(operator.sub, subtract)
_overload(operator.mul, multiply)
_overload(operator.truediv, divide)


def make_tiles(rows: int, vectors: int, beside: bool = False) -> Any:
    """The heart of a product: tiles(m, a, a_row, a_column, b, b_row, out, out_row, k, onto).

    out[r][c] = Σ a[r * a_row + i * a_column] * b[i * b_row + c] over i < k, for r < m <= rows and
    c < 8 * vectors; the sum starts from out[r][c] if onto is not 0, and from 0 otherwise. All the
    sums stay in registers while i runs, each in the order of i, so a number does not depend on the
    size of its tile. There is code for each m.

    beside: m = rows alone, and both matrices were copied: the numbers of a column of a lie side by
    side, and so do those of a row of b. The three row lengths are given all the same.
    """

    def one(builder: ir.IRBuilder, m: int, args: Sequence[Any]) -> None:
        a, a_row, a_column, b, b_row, out, out_row, k, onto = args
        if beside:
            a_row, a_column, b_row = (ir.Constant(_LONG, n) for n in (1, rows, WIDTH * vectors))
        zero = ir.Constant(_VECTOR, [0.0] * WIDTH)
        steps = [ir.Constant(_LONG, WIDTH * v) for v in range(vectors)]
        outs = [builder.gep(out, [builder.mul(out_row, ir.Constant(_LONG, r))]) for r in range(m)]
        sums = [[cgutils.alloca_once_value(builder, zero) for _ in steps] for _ in range(m)]
        for slot in itertools.chain(*sums):  # the slots are made at the function's beginning
            builder.store(zero, slot)
        with builder.if_then(builder.icmp_signed("!=", onto, ir.Constant(_LONG, 0))):
            for r in range(m):
                for slot, step in zip(sums[r], steps, strict=True):
                    builder.store(_load(builder, outs[r], step), slot)
        starts = [builder.gep(a, [builder.mul(a_row, ir.Constant(_LONG, r))]) for r in range(m)]
        with cgutils.for_range(builder, k) as loop:
            b_start = builder.gep(b, [builder.mul(loop.index, b_row)])
            b_vectors = [_load(builder, b_start, step) for step in steps]
            i = builder.mul(loop.index, a_column)
            for r in range(m):
                factor = _splat(builder, builder.load(builder.gep(starts[r], [i])))
                for slot, vector in zip(sums[r], b_vectors, strict=True):
                    value = _call(builder, "fmuladd", factor, vector, builder.load(slot))
                    builder.store(value, slot)
        for r in range(m):
            for slot, step in zip(sums[r], steps, strict=True):
                _store(builder, builder.load(slot), outs[r], step)

    def emit(builder: ir.IRBuilder, args: Any) -> None:
        if beside:
            one(builder, rows, args[1:])
            return
        end = builder.append_basic_block("tiled")
        choice = builder.switch(args[0], end)
        for m in range(1, rows + 1):
            block = builder.append_basic_block(f"tile{m}")
            choice.add_case(ir.Constant(_LONG, m), block)
            builder.position_at_end(block)
            one(builder, m, args[1:])
            builder.branch(end)
        builder.position_at_end(end)

    n = types.int64
    return _instruction(types.void(n, Floats, n, n, Floats, n, Floats, n, n, n), emit)
