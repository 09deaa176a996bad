"""Explicit vectors inside numba kernels.

Numba vectorises inner loops when LLVM can prove that arrays do not overlap, which it cannot for the
dozen rows a projection touches at once. The kernels are therefore written on vectors of `LANES`
patterns, as LLVM instructions behind an operator syntax; LLVM maps them to whatever registers the
machine has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, codegen, config, types
from numba.np import arrayobj

LANES = 8
"""Patterns in a vector: one 256-bit register of float32."""

_LINE_BYTES = 64
"""Of a cache line."""

# Contraction gives fused multiply-adds. Not reassociation and not "no NaN": sums keep their order, and a
# state that is no longer finite must show.
_FLAGS = ("contract", "nsz")


def register_runs(dtype: Any) -> int:
    """Return how many runs of `LANES` elements one register of this machine holds, at least 1.

    dtype: numba's type of the elements. Without AVX-512 a register is assumed to have 256 bits.
    """
    asked = config.CPU_FEATURES
    features = codegen.get_host_cpu_features() if asked is None else asked
    bits = 512 if "+avx512f" in features.split(",") else 256
    return max(1, bits // (LANES * int(dtype.bitwidth)))


class Vector:
    """One vector value; ``+ - * /`` between vectors of one kind."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def _join(self, operation: str, other: Vector) -> Vector:
        result = getattr(self.builder, operation)(self.value, other.value, flags=_FLAGS)
        return Vector(self.builder, result)

    def __add__(self, other: Vector) -> Vector:
        return self._join("fadd", other)

    def __sub__(self, other: Vector) -> Vector:
        return self._join("fsub", other)

    def __mul__(self, other: Vector) -> Vector:
        return self._join("fmul", other)

    def __truediv__(self, other: Vector) -> Vector:
        return self._join("fdiv", other)

    def less(self, other: Vector) -> Vector:
        """Return a mask, true where this is less than the other (false for NaN)."""
        return Vector(self.builder, self.builder.fcmp_ordered("<", self.value, other.value))


class Vectors:
    """Vector instructions over the arrays of one intrinsic, float32 or float64.

    A vector contains `runs` runs of `LANES` neighbouring elements. If they exceed a register, every instruction
    becomes several independent ones, which hides the latency of long dependent chains.
    """

    def __init__(self, context: Any, builder: Any, dtype: Any, runs: int = 1) -> None:
        self.context = context
        self.builder = builder
        self.dtype = dtype
        self.runs = runs
        self.lanes = runs * LANES
        self.scalar = context.get_value_type(dtype)
        self.type = ir.VectorType(self.scalar, self.lanes)
        self.single = dtype == types.float32
        self.bytes = 4 if self.single else 8

    def with_runs(self, runs: int) -> Vectors:
        return Vectors(self.context, self.builder, self.dtype, runs)

    def data(self, array_type: Any, array: Any) -> Any:
        return arrayobj.make_array(array_type)(self.context, self.builder, array).data

    def fields(self, record_type: Any, record: Any) -> dict[str, Any]:
        """Return the pointers to the first elements of the arrays in a named tuple, by name.

        Reading them here and not in numba's code spares the counting of references, two atomic
        operations an array and use.
        """
        kinds = zip(record_type.fields, record_type.types, strict=True)
        return {
            name: self.data(kind, self.builder.extract_value(record, k))
            for k, (name, kind) in enumerate(kinds)
            if isinstance(kind, types.Array)
        }

    def at(self, pointer: Any, index: Any) -> Any:
        return self.builder.gep(pointer, [index])

    def load(self, *pointers: Any) -> Vector:
        """Load `LANES` neighbouring elements from each pointer, as many as the vector has runs."""
        run = ir.VectorType(self.scalar, LANES).as_pointer()
        parts = []
        for pointer in pointers:
            part = self.builder.load(self.builder.bitcast(pointer, run))
            part.align = self.bytes
            parts.append(part)
        width = LANES
        while len(parts) > 1:
            width *= 2
            mask = self._mask(0, width)
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [self.builder.shuffle_vector(*pair, mask) for pair in pairs]
        return Vector(self.builder, parts[0])

    def store(self, vector: Vector, *pointers: Any) -> None:
        run = ir.VectorType(self.scalar, LANES).as_pointer()
        for k, pointer in enumerate(pointers):
            typed = self.builder.bitcast(pointer, run)
            self.builder.store(self.run(vector, k).value, typed, align=self.bytes)

    def load_at(self, pointer: Any, places: Sequence[Any]) -> Vector:
        return self.load(*(self.at(pointer, place) for place in places))

    def store_at(self, vector: Vector, pointer: Any, places: Sequence[Any]) -> None:
        self.store(vector, *(self.at(pointer, place) for place in places))

    def rows(self, first: Any, rows: Any, groups: Sequence[Any]) -> list[Any]:
        """Return where a row is in each of some lane groups of `rows` rows; `first` is its place in group 0."""
        builder = self.builder
        stride = builder.mul(rows, rows.type(LANES))
        return [builder.add(first, builder.mul(group, stride)) for group in groups]

    def prefetch(self, pointer: Any, place: Any, count: int) -> None:
        """Prefetch ``count`` elements, inside the array or not, to the second-level cache."""
        byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        function = self.builder.module.declare_intrinsic("llvm.prefetch", (byte,), kind)
        read, second_level, data = flag(0), flag(2), flag(1)
        line = _LINE_BYTES // self.bytes
        for shift in range(0, count, line):
            address = self.at(pointer, self.builder.add(place, place.type(shift)))
            self.builder.call(
                function, [self.builder.bitcast(address, byte), read, second_level, data]
            )

    def run(self, vector: Vector, number: int) -> Vector:
        """Return one run of a vector, `LANES` wide."""
        if self.runs == 1:
            return vector
        mask = self._mask(number * LANES, LANES)
        undefined = ir.Constant(self.type, ir.Undefined)
        return Vector(self.builder, self.builder.shuffle_vector(vector.value, undefined, mask))

    @staticmethod
    def _mask(first: int, count: int) -> Any:
        index = ir.IntType(32)
        return ir.Constant(ir.VectorType(index, count), list(range(first, first + count)))

    def splat(self, scalar: Any) -> Vector:
        """Return a vector with one scalar in every lane."""
        undefined = ir.Constant(self.type, ir.Undefined)
        index = ir.IntType(32)
        first = self.builder.insert_element(undefined, scalar, index(0))
        mask = ir.Constant(ir.VectorType(index, self.lanes), [0] * self.lanes)
        return Vector(self.builder, self.builder.shuffle_vector(first, undefined, mask))

    def constant(self, number: float) -> Vector:
        return Vector(self.builder, ir.Constant(self.type, [self.scalar(number)] * self.lanes))

    def sqrt(self, vector: Vector) -> Vector:
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(self.type, [self.type]),
            f"llvm.sqrt.v{self.lanes}f{32 if self.single else 64}",
        )
        return Vector(self.builder, self.builder.call(function, [vector.value]))

    def minimum(self, a: Vector, b: Vector) -> Vector:
        """Return the lesser of each lane; a NaN in ``a`` stays."""
        return self.where(b.less(a), b, a)

    def maximum(self, a: Vector, b: Vector) -> Vector:
        """Return the greater of each lane; a NaN in ``a`` stays."""
        return self.where(a.less(b), b, a)

    def where(self, mask: Vector, a: Vector, b: Vector) -> Vector:
        return Vector(self.builder, self.builder.select(mask.value, a.value, b.value))

    def sum(self, vector: Vector) -> Any:
        """Return the scalar sum over the lanes, halves added pairwise."""
        builder, width, value = self.builder, self.lanes, vector.value
        index = ir.IntType(32)
        while width > 1:
            half = width // 2
            undefined = ir.Constant(ir.VectorType(self.scalar, width), ir.Undefined)
            parts = [
                builder.shuffle_vector(
                    value,
                    undefined,
                    ir.Constant(ir.VectorType(index, half), list(range(at, at + half))),
                )
                for at in (0, half)
            ]
            value = builder.fadd(parts[0], parts[1], flags=_FLAGS)
            width = half
        return builder.extract_element(value, index(0))

    def when(self, condition: Any, body: Any) -> None:
        with self.builder.if_then(condition):
            body()

    def share(self, groups: Any, runs: int, work: Any) -> None:
        """Run ``work(vectors, groups)`` over all lane groups, `runs` at a time, the rest in fewer.

        `runs` is a power of two. The work gets vectors with one run per group, and the numbers of the groups.
        """
        builder, kind = self.builder, groups.type

        def part(first: Any, count: int) -> None:
            numbers = [builder.add(first, kind(k)) for k in range(count)]
            work(self.with_runs(count), numbers)

        self.halve(groups, runs, part)

    def halve(self, count: Any, most: int, work: Any) -> None:
        """Run ``work(first, size)`` over 0 .. count - 1, `most` at a time, the rest in halves of it.

        `most` is a power of two. The work is called once for each size to generate the code.
        """
        builder, kind = self.builder, count.type
        number = builder.lshr(count, kind(most.bit_length() - 1))

        def whole(index: Any, _: list[Vector]) -> list[Vector]:
            work(builder.mul(index, kind(most)), most)
            return []

        self.when(builder.icmp_signed(">", number, kind(0)), lambda: self.loop(number, [], whole))
        size = most // 2
        while size:
            # What is left begins at the multiple of twice the size below count.
            first = builder.and_(count, kind(-2 * size))
            with builder.if_then(
                builder.icmp_signed("!=", builder.and_(count, kind(size)), kind(0))
            ):
                work(first, size)
            size //= 2

    def loop(self, count: Any, start: Sequence[Vector], body: Any) -> list[Vector]:
        """Run ``body(index, values) -> values`` `count` times with vectors carried in registers.

        `count` is an LLVM integer, at least 1. The body is called once to generate the code, and gets the
        index and the carried vectors, which are `start` in the first round.
        """
        builder = self.builder
        before = builder.basic_block
        block = builder.append_basic_block("loop")
        after = builder.append_basic_block("loop.end")
        builder.branch(block)
        builder.position_at_end(block)
        index = builder.phi(count.type)
        index.add_incoming(count.type(0), before)
        carried = []
        for vector in start:
            phi = builder.phi(vector.value.type)
            phi.add_incoming(vector.value, before)
            carried.append(phi)
        values: list[Vector] = body(index, [Vector(builder, phi) for phi in carried])
        following = builder.add(index, count.type(1))
        end = builder.basic_block
        index.add_incoming(following, end)
        for phi, vector in zip(carried, values, strict=True):
            phi.add_incoming(vector.value, end)
        builder.cbranch(builder.icmp_signed("<", following, count), block, after)
        builder.position_at_end(after)
        return values
