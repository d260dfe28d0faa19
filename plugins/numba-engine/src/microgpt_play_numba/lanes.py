"""Numbers side by side, as a Numba type: the arithmetic that the processor does at once.

Numba leaves it to LLVM to find out that a loop can take several numbers at a time, and LLVM often
finds that out for some shapes and not for others. Here the code says so outright: a `Lanes` is one
LLVM vector of 64 bytes, eight float64 or sixteen float32 (one AVX-512 register, two of AVX2, four
of NEON: LLVM splits it as the processor needs). So neither the speed nor the last bits hang on
luck: LLVM reorders no operation, and inf and nan are as in IEEE 754.

Memory is a bare pointer to numbers, called `floats` below, passed as one register without the
reference counting of arrays. Nothing checks the bounds; the kernels say how much they read. Which
of the two precisions is meant, each instruction sees by the type of what it is given; so one text
of a kernel serves both.

Source: "Extending Numba" in the Numba documentation (types, models, intrinsics).
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as ll
from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.typing.templates import signature
from numba.extending import intrinsic, models, overload, register_model

from microgpt_play_numba.shape import Memory, Memory32

_LONG = ir.IntType(64)
_INDEX = ir.IntType(32)


@dataclass(frozen=True)
class Kind:
    """One of the two precisions, and its numbers side by side."""

    number: Any
    """Numba's type of a number."""
    width: int
    """Numbers in 64 bytes."""
    scalar: Any
    """LLVM's type of a number."""
    whole: Any
    """LLVM's type of a whole number of that size."""
    fraction: int
    """Bits of the fraction of a number."""
    bias: int
    """What is added to an exponent."""
    suffix: str
    """Of LLVM's functions."""

    @property
    def vector(self) -> ir.VectorType:
        """LLVM's type of the numbers side by side."""
        return ir.VectorType(self.scalar, self.width)

    @property
    def rounding(self) -> float:
        """A number added to it is rounded to a whole one, which stands in the last bits."""
        return 1.5 * 2.0**self.fraction

    @property
    def floats(self) -> Any:
        """Numba's type of a pointer to numbers."""
        return types.CPointer(self.number)

    def all(self, value: float) -> ir.Constant:
        """One constant, in every lane."""
        return ir.Constant(self.vector, [value] * self.width)

    def whole_all(self, value: int) -> ir.Constant:
        """One whole constant, in every lane."""
        return ir.Constant(ir.VectorType(self.whole, self.width), [value] * self.width)


DOUBLE = Kind(types.float64, 8, ir.DoubleType(), ir.IntType(64), 52, 1023, "v8f64")
SINGLE = Kind(types.float32, 16, ir.FloatType(), ir.IntType(32), 23, 127, "v16f32")
_KINDS = {kind.number: kind for kind in (DOUBLE, SINGLE)}
Ints = types.CPointer(types.int64)


class LanesType(types.Type):
    """The type of numbers side by side."""

    def __init__(self, number: Any) -> None:
        super().__init__(name=f"Lanes({number})")
        self.number = number


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """How LLVM holds numbers side by side."""

    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _KINDS[fe_type.number].vector)


def _kind(type_: Any) -> Kind | None:
    """The precision that a type speaks of, if it does."""
    if isinstance(type_, LanesType):
        return _KINDS[type_.number]
    if isinstance(type_, types.CPointer):
        return _KINDS.get(type_.dtype)
    memory = getattr(type_, "instance_class", None)
    if memory is Memory:
        return DOUBLE
    return SINGLE if memory is Memory32 else None


Emit = Callable[[ir.IRBuilder, Kind, Any], Any]
_TYPES: dict[str, Callable[[Kind, Any], Any]] = {
    "lanes": lambda kind, _: LanesType(kind.number),
    "floats": lambda kind, _: kind.floats,
    "number": lambda kind, _: kind.number,
    "like": lambda _, given: given,
    "double": lambda *_: types.float64,
    "int": lambda *_: types.int64,
    "ints": lambda *_: Ints,
    "nothing": lambda *_: types.void,
}


def _instruction(form: str, emit: Emit) -> Any:
    """An intrinsic whose LLVM code `emit(builder, kind, args)` writes.

    form: the words of _TYPES, as in "floats int -> lanes". Of which precision they are, the first
    argument that has one says; "like" is an argument that does nothing else.
    """
    given, _, result = form.partition("->")
    words, returned = given.split(), _TYPES[result.strip()]

    def typed(*args: Any) -> Any:
        kind = next(filter(None, map(_kind, args)), None)
        if kind is None:
            if {"lanes", "floats", "like"} & set(words):
                raise TypingError(f"{form}: none of {args} has a precision")
            kind = DOUBLE
        wanted = [_TYPES[word](kind, arg) for word, arg in zip(words, args, strict=True)]

        def generate(context: Any, builder: ir.IRBuilder, form: Any, args: Any) -> Any:
            value = emit(builder, kind, args)
            return context.get_dummy_value() if form.return_type == types.void else value

        return signature(returned(kind, None), *wanted), generate

    # Numba reads the number of arguments from the function's own signature.
    names = ", ".join(f"a{i}" for i in range(len(words)))
    namespace: dict[str, Any] = {"typed": typed}
    exec(f"def typer(context{', ' * bool(names)}{names}): return typed({names})", namespace)
    return intrinsic(namespace["typer"])


def _splat(builder: ir.IRBuilder, value: Any, vector: ir.VectorType) -> Any:
    zeros = ir.Constant(ir.VectorType(_INDEX, vector.count), [0] * vector.count)
    nothing = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(one, nothing, zeros)


def _as(builder: ir.IRBuilder, kind: Kind, value: Any) -> Any:
    """A double as a number of that kind."""
    return value if kind is DOUBLE else builder.fptrunc(value, kind.scalar)


def _shuffle(builder: ir.IRBuilder, a: Any, b: Any, indices: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(_INDEX, len(indices)), indices)
    return builder.shuffle_vector(a, b, mask)


def _load(builder: ir.IRBuilder, kind: Kind, pointer: Any, index: Any) -> Any:
    place = builder.bitcast(builder.gep(pointer, [index]), kind.vector.as_pointer())
    value = builder.load(place)
    value.align = 64 // kind.width
    return value


def _store(builder: ir.IRBuilder, kind: Kind, value: Any, pointer: Any, index: Any) -> None:
    place = builder.bitcast(builder.gep(pointer, [index]), kind.vector.as_pointer())
    builder.store(value, place).align = 64 // kind.width


def _call(builder: ir.IRBuilder, kind: Kind, name: str, *args: Any) -> Any:
    form = ir.FunctionType(kind.vector, [kind.vector] * len(args))
    function = cgutils.get_or_insert_function(builder.module, form, f"llvm.{name}.{kind.suffix}")
    return builder.call(function, args)


def _halved(builder: ir.IRBuilder, kind: Kind, value: Any, joined: Callable[..., Any]) -> Any:
    """One number of all: halves are joined with halves, until one is left."""
    half = kind.width // 2
    while half:
        low = _shuffle(builder, value, value, list(range(half)))
        value = joined(low, _shuffle(builder, value, value, list(range(half, 2 * half))))
        half //= 2
    return builder.extract_element(value, ir.Constant(_INDEX, 0))


def _highest(builder: ir.IRBuilder, kind: Kind, args: Any) -> Any:
    return _halved(builder, kind, args[0], lambda a, b: _maximum(builder, kind, (a, b)))


def _total(builder: ir.IRBuilder, kind: Kind, args: Any) -> Any:
    return _halved(builder, kind, args[0], builder.fadd)


def _maximum(builder: ir.IRBuilder, _: Kind, args: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])


def _from_lane(builder: ir.IRBuilder, kind: Kind, args: Any) -> Any:
    value, first, other = args
    vector = ir.VectorType(kind.whole, kind.width)
    if kind.whole != _LONG:
        first = builder.trunc(first, kind.whole)
    lanes = ir.Constant(vector, list(range(kind.width)))
    keep = builder.icmp_signed(">=", lanes, _splat(builder, first, vector))
    return builder.select(keep, value, other)


def _where_positive(builder: ir.IRBuilder, kind: Kind, args: Any) -> Any:
    zero = kind.all(0.0)
    return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], zero)


def _above(builder: ir.IRBuilder, kind: Kind, args: Any) -> Any:
    value, limit = args
    size = _call(builder, kind, "fabs", value)
    least = _splat(builder, _as(builder, kind, limit), kind.vector)
    return builder.select(builder.fcmp_unordered("<", size, least), kind.all(0.0), value)


def _times_power(builder: ir.IRBuilder, kind: Kind, args: Any) -> Any:
    # In two halves, so that a result below the normal numbers is rounded and not lost.
    value, rounded = args
    wholes = ir.VectorType(kind.whole, kind.width)
    bits = builder.bitcast(rounded, wholes)
    power = builder.sub(bits, builder.bitcast(kind.all(kind.rounding), wholes))
    half = builder.ashr(power, kind.whole_all(1))
    for exponent in (half, builder.sub(power, half)):
        biased = builder.add(exponent, kind.whole_all(kind.bias))
        factor = builder.shl(biased, kind.whole_all(kind.fraction))
        value = builder.fmul(value, builder.bitcast(factor, kind.vector))
    return value


def _transpose_block(builder: ir.IRBuilder, kind: Kind, args: Any) -> None:
    """Pairs of numbers change places, then pairs of pairs, then fours, and so on."""
    source, source_row, target, target_row = args
    n = kind.width
    rows = [
        _load(builder, kind, source, builder.mul(source_row, ir.Constant(_LONG, i)))
        for i in range(n)
    ]
    distance = 1
    while distance < n:
        low = [i + (n - distance if i & distance else 0) for i in range(n)]
        high = [i + (n if i & distance else distance) for i in range(n)]
        swapped = list(rows)
        for i in range(n):
            if not i & distance:
                a, b = rows[i], rows[i + distance]
                swapped[i] = _shuffle(builder, a, b, low)
                swapped[i + distance] = _shuffle(builder, a, b, high)
        rows = swapped
        distance *= 2
    for i, row in enumerate(rows):
        _store(builder, kind, row, target, builder.mul(target_row, ir.Constant(_LONG, i)))


def _pointer(builder: ir.IRBuilder, kind: Kind, args: Any) -> Any:
    return builder.inttoptr(args[1], kind.scalar.as_pointer())


_FLUSH = 0x8040
"""Flush to zero, and denormals are zeros: bits of MXCSR. Source: Intel 64 and IA-32 Architectures
Software Developer's Manual, volume 1, 10.2.3."""
_ON_X86 = ll.get_process_triple().startswith(("x86", "amd64", "i686"))


def _control(builder: ir.IRBuilder, name: str, place: Any) -> None:
    byte = ir.IntType(8).as_pointer()
    form = ir.FunctionType(ir.VoidType(), [byte])
    function = cgutils.get_or_insert_function(builder.module, form, f"llvm.x86.sse.{name}mxcsr")
    builder.call(function, [builder.bitcast(place, byte)])


def _flush_tiny(builder: ir.IRBuilder, kind: Kind, _: Any) -> Any:
    if kind is DOUBLE or not _ON_X86:
        return ir.Constant(_LONG, 0)
    place = cgutils.alloca_once(builder, ir.IntType(32))
    _control(builder, "st", place)
    before = builder.load(place)
    builder.store(builder.or_(before, ir.Constant(ir.IntType(32), _FLUSH)), place)
    _control(builder, "ld", place)
    return builder.zext(before, _LONG)


def _restore(builder: ir.IRBuilder, kind: Kind, args: Any) -> None:
    if kind is DOUBLE or not _ON_X86:
        return
    place = cgutils.alloca_once(builder, ir.IntType(32))
    builder.store(builder.trunc(args[1], ir.IntType(32)), place)
    _control(builder, "ld", place)


apart = _instruction("-> nothing", lambda builder, *_: builder.function.attributes.add("noinline"))
"""apart(): the function that calls this is not inlined where it is called. Copies of `product` in
twenty places take twenty times as long to compile, and are no faster."""
pointer = _instruction("like int -> floats", _pointer)
"""pointer(memory, address) -> floats, of the precision of that memory"""
double_pointer = _instruction(
    "int -> floats", lambda builder, kind, args: _pointer(builder, kind, (None, *args))
)
"""double_pointer(address) -> floats, in float64"""
int_pointer = _instruction(
    "int -> ints", lambda builder, _, args: builder.inttoptr(args[0], _LONG.as_pointer())
)
"""int_pointer(address) -> Ints"""
at = _instruction("floats int -> floats", lambda builder, _, args: builder.gep(args[0], [args[1]]))
"""at(floats, i) -> floats, from its i-th number on"""
int_at = _instruction("ints int -> ints", lambda builder, _, args: builder.gep(args[0], [args[1]]))
"""int_at(ints, i) -> Ints, from its i-th number on"""
flush_tiny = _instruction("like -> int", _flush_tiny)
"""flush_tiny(memory) -> the processor's mode; from now on, in float32 alone, a number too small to
have all its digits is 0. Such numbers come up in float32, where a moment dies away, and an x86
processor takes a hundred times as long for each."""
restore = _instruction("like int -> nothing", _restore)
"""restore(memory, mode): as before flush_tiny"""
width = _instruction("like -> int", lambda _, kind, __: ir.Constant(_LONG, kind.width))
"""width(floats or lanes) -> numbers side by side: 8 or 16, a constant"""
precise = _instruction("like -> int", lambda _, kind, __: ir.Constant(_LONG, int(kind is DOUBLE)))
"""precise(floats or lanes) -> 1 in float64, and 0 in float32, a constant"""
smallest = _instruction(
    "like -> double",
    lambda _, kind, __: ir.Constant(ir.DoubleType(), 5e-324 if kind is DOUBLE else 2.0**-126),
)
"""smallest(floats) -> a number above 0 by which to divide; in float32 a normal one"""
load = _instruction("floats int -> lanes", lambda builder, kind, args: _load(builder, kind, *args))
"""load(floats, i) -> the numbers from the i-th on"""
store = _instruction(
    "floats int lanes -> nothing",
    lambda builder, kind, args: _store(builder, kind, args[2], args[0], args[1]),
)
"""store(floats, i, lanes): write the numbers from the i-th on"""
splat = _instruction(
    "like double -> lanes",
    lambda builder, kind, args: _splat(builder, _as(builder, kind, args[1]), kind.vector),
)
"""splat(floats or lanes, number) -> the number in each lane, of their precision"""
muladd = _instruction(
    "lanes lanes lanes -> lanes",
    lambda builder, kind, args: _call(builder, kind, "fmuladd", *args),
)
"""muladd(a, b, c) -> a * b + c, rounded once where the processor can"""
root = _instruction(
    "lanes -> lanes", lambda builder, kind, args: _call(builder, kind, "sqrt", *args)
)
"""root(a) -> the square roots"""
maximum = _instruction("lanes lanes -> lanes", _maximum)
"""maximum(a, b) -> the larger of each two, b's if either is nan"""
total = _instruction("lanes -> number", _total)
"""total(a) -> the sum of all: halves are added to halves"""
highest = _instruction("lanes -> number", _highest)
"""highest(a) -> the largest of all"""
from_lane = _instruction("lanes int lanes -> lanes", _from_lane)
"""from_lane(a, first, b) -> a's numbers from lane `first` on, b's before it"""
where_positive = _instruction("lanes lanes -> lanes", _where_positive)
"""where_positive(a, b) -> b's numbers where a's are above 0, and 0 elsewhere"""
above = _instruction("lanes double -> lanes", _above)
"""above(a, limit) -> a's numbers where their size is `limit` or more, and 0 elsewhere"""
rounding = _instruction("like -> lanes", lambda _, kind, __: kind.all(kind.rounding))
"""rounding(a) -> what rounds a number that is added to it: `Kind.rounding`"""
times_power = _instruction("lanes lanes -> lanes", _times_power)
"""times_power(a, rounding + n) -> a * 2**n, for whole n: from -2000 to 1000 in float64, from -250
to 120 in float32"""
transpose_block = _instruction("floats int floats int -> nothing", _transpose_block)
"""transpose_block(source, its row length, target, its row length): one block, as wide as high"""


@njit(forceinline=True)
def up(floats, n):  # type: ignore[no-untyped-def]
    """n, rounded up to a multiple of the width."""
    return (n + width(floats) - 1) // width(floats) * width(floats)


add = _instruction("lanes lanes -> lanes", lambda builder, _, args: builder.fadd(*args))
subtract = _instruction("lanes lanes -> lanes", lambda builder, _, args: builder.fsub(*args))
multiply = _instruction("lanes lanes -> lanes", lambda builder, _, args: builder.fmul(*args))
divide = _instruction("lanes lanes -> lanes", lambda builder, _, args: builder.fdiv(*args))


def _overload(symbol: Any, instruction: Any) -> None:
    """Let `a symbol b` of two Lanes be that instruction."""

    @overload(symbol)
    def of_lanes(a, b):  # type: ignore[no-untyped-def]
        if isinstance(a, LanesType) and a == b:
            return lambda a, b: instruction(a, b)
        return None


_overload(operator.add, add)
_overload(operator.sub, subtract)
_overload(operator.mul, multiply)
_overload(operator.truediv, divide)


def make_tiles(rows: int, vectors: int, beside: bool = False) -> Any:
    """The heart of a product: tiles(m, a, a_row, a_column, b, b_row, out, out_row, k, onto).

    out[r][c] = Σ a[r * a_row + i * a_column] * b[i * b_row + c] over i < k, for r < m <= rows and
    c < width * vectors; the sum starts from out[r][c] if onto is not 0, and from 0 otherwise. All
    the sums stay in registers while i runs, each in the order of i, so a number does not depend on
    the size of its tile. There is code for each m.

    beside: m = rows alone, and both matrices were copied: the numbers of a column of a lie side by
    side, and so do those of a row of b. The three row lengths are given all the same.
    """

    def one(builder: ir.IRBuilder, kind: Kind, m: int, args: Sequence[Any]) -> None:
        a, a_row, a_column, b, b_row, out, out_row, k, onto = args
        if beside:
            a_row, a_column, b_row = (
                ir.Constant(_LONG, n) for n in (1, rows, kind.width * vectors)
            )
        zero = kind.all(0.0)
        steps = [ir.Constant(_LONG, kind.width * v) for v in range(vectors)]
        outs = [builder.gep(out, [builder.mul(out_row, ir.Constant(_LONG, r))]) for r in range(m)]
        sums = [[cgutils.alloca_once_value(builder, zero) for _ in steps] for _ in range(m)]
        for slot in itertools.chain(*sums):  # the slots are made at the function's beginning
            builder.store(zero, slot)
        with builder.if_then(builder.icmp_signed("!=", onto, ir.Constant(_LONG, 0))):
            for r in range(m):
                for slot, step in zip(sums[r], steps, strict=True):
                    builder.store(_load(builder, kind, outs[r], step), slot)
        starts = [builder.gep(a, [builder.mul(a_row, ir.Constant(_LONG, r))]) for r in range(m)]
        with cgutils.for_range(builder, k) as loop:
            b_start = builder.gep(b, [builder.mul(loop.index, b_row)])
            b_vectors = [_load(builder, kind, b_start, step) for step in steps]
            i = builder.mul(loop.index, a_column)
            for r in range(m):
                factor = builder.load(builder.gep(starts[r], [i]))
                factor = _splat(builder, factor, kind.vector)
                for slot, vector in zip(sums[r], b_vectors, strict=True):
                    value = _call(builder, kind, "fmuladd", factor, vector, builder.load(slot))
                    builder.store(value, slot)
        for r in range(m):
            for slot, step in zip(sums[r], steps, strict=True):
                _store(builder, kind, builder.load(slot), outs[r], step)

    def emit(builder: ir.IRBuilder, kind: Kind, args: Any) -> None:
        if beside:
            one(builder, kind, rows, args[1:])
            return
        end = builder.append_basic_block("tiled")
        choice = builder.switch(args[0], end)
        for m in range(1, rows + 1):
            block = builder.append_basic_block(f"tile{m}")
            choice.add_case(ir.Constant(_LONG, m), block)
            builder.position_at_end(block)
            one(builder, kind, m, args[1:])
            builder.branch(end)
        builder.position_at_end(end)

    return _instruction("int floats int int floats int floats int int int -> nothing", emit)
