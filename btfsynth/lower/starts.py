"""Netlists of one function, built from its table in different ways: starting points for passes.

The best starting point depends on the function: the sum of products for a multiplier, adders for a population
count, the known form for a majority, a decision diagram for most others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.adder import full_adder, lower_sum
from btfsynth.lower.cheapest import cheapest_form, make, with_least_weights
from btfsynth.lower.shared_diagram import lower_diagrams, sifted
from btfsynth.lower.threshold import (
    ThresholdFunction,
    least_weights,
    pseudo_boolean,
    reduce_on_vectors,
)
from btfsynth.netlist.builder import NetlistBuilder, lower_table
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist

Table = NDArray[np.uint8]

_MAX_DIGITS = 160
"""Terms of a sum above which a diagram is mostly smaller."""
_LISTED = 4096
"""Vectors of a threshold function up to which linear programs are solved."""
_LARGE = 600
"""Cells of a diagram above which other orders are not tried."""
_LEAST_INPUTS = 3
"""A threshold function of two inputs is an AND or an OR."""

_Lowering = Callable[[NetlistBuilder, Sequence[int]], list[int] | None]


@dataclass(frozen=True, eq=False)
class Start:
    form: str
    netlist: Netlist


def table_starts(
    like: Netlist, tables: Table, wanted: Table, orders: int = 1, seed: int = 1
) -> Iterator[Start]:
    """Yield the starting netlists that apply to the function, with the ports of `like`.

    Both tables are ``(outputs, 2 ** inputs)`` uint8, input 0 least significant: `tables` 0/1, and `wanted` the
    same, with 2 for a don't-care. Diagrams are built in up to `orders` orders of the inputs: a sifted one
    first, then in turn a random order and that order sifted. If the first diagram is large, it is the only one.
    """
    ways: tuple[tuple[str, _Lowering], ...] = (
        ("adders", lambda builder, bits: lower_counted(builder, wanted, bits, pairs=False)),
        ("half adders", lambda builder, bits: lower_counted(builder, wanted, bits, pairs=True)),
        ("sum", lambda builder, bits: lower_sum(builder, tables, bits, _MAX_DIGITS)),
        ("sum, reversed", lambda builder, bits: _reversed_sum(builder, tables, bits)),
        ("threshold functions", lambda builder, bits: lower_thresholds(builder, tables, bits)),
    )
    for form, lower in ways:
        builder = NetlistBuilder(like.name, like.input_ports, like.output_ports)
        outputs = lower(builder, [builder.input(bit) for bit in range(like.n_inputs)])
        if outputs is not None:
            yield Start(form, builder.build(outputs))
    for order in _orders(tables, like.n_inputs, orders, seed):
        builder = NetlistBuilder(like.name, like.input_ports, like.output_ports)
        literals = [builder.input(bit) for bit in range(like.n_inputs)]
        netlist = builder.build(lower_diagrams(builder, tables, literals, order))
        yield Start("diagram", netlist)
        if netlist.n_cells > _LARGE:
            break


def _orders(tables: Table, n_inputs: int, most: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Yield up to `most` different orders of the inputs."""
    seen: set[tuple[int, ...]] = set()
    chance = random.Random(seed)  # noqa: S311
    present = list(range(n_inputs))
    for number in range(most):
        if number % 2:
            chance.shuffle(present)
        else:
            present, _ = sifted(tables, present)
        if tuple(present) not in seen:
            seen.add(tuple(present))
            yield tuple(present)


def _sifted_diagram(builder: NetlistBuilder, tables: Table, literals: Sequence[int]) -> list[int]:
    order, _ = sifted(tables, range(len(literals)))
    return lower_diagrams(builder, tables, literals, order)


def _reversed_sum(
    builder: NetlistBuilder, tables: Table, literals: Sequence[int]
) -> list[int] | None:
    """Build tables as a number whose most significant bit comes first."""
    outputs = lower_sum(builder, tables[::-1], literals, _MAX_DIGITS)
    return None if outputs is None else outputs[::-1]


def lower_thresholds(
    builder: NetlistBuilder, tables: Table, literals: Sequence[int]
) -> list[int] | None:
    """Build each threshold function in its cheapest form and all other outputs as a diagram.

    Returns a literal per output, or None if no output with three or more inputs is a threshold function.
    """
    made: dict[int, int] = {}
    for output, table in enumerate(tables):
        function = threshold_function(table)
        if function is not None and len(function.inputs) >= _LEAST_INPUTS:
            constraint = with_least_weights(pseudo_boolean(function, literals))
            made[output] = make(builder, cheapest_form(builder, constraint))
    if not made:
        return None
    others = [output for output in range(len(tables)) if output not in made]
    if others:
        outputs = _sifted_diagram(builder, np.ascontiguousarray(tables[others]), literals)
        made.update(zip(others, outputs, strict=True))
    return [made[output] for output in range(len(tables))]


def threshold_function(table: Table) -> ThresholdFunction | None:
    """Return weights of a table over its inputs, or None if none were found."""
    width = len(table).bit_length() - 1
    support = []
    for place in range(width):
        low, high = _cofactors(table, place)
        if (low > high).any() and (high > low).any():
            return None  # not unate
        if (low != high).any():
            support.append(place)
    if not support:
        return None
    for place in range(width - 1, -1, -1):
        if place not in support:
            table = _cofactors(table, place)[0].ravel()
    vectors = np.arange(len(table))[:, None] >> np.arange(len(support)) & 1
    values, on = (2 * vectors - 1).astype(np.int8), table == 1
    chow = np.where(on, 1.0, -1.0) @ values
    function = reduce_on_vectors(chow.astype(np.float64), values, on)
    if function is None and len(table) <= _LISTED:
        function = least_weights(values, on)
    if function is None:
        return None
    inputs = tuple(support[place] for place in function.inputs)
    return ThresholdFunction(inputs, function.weights, function.threshold)


def _cofactors(table: Table, place: int) -> tuple[Table, Table]:
    halves = table.reshape(-1, 2, 1 << place)
    return halves[:, 0], halves[:, 1]


# Functions that count some of their inputs, as adders, from their tables.
#
# Where no output tells three inputs apart (some of them complemented perhaps), only their number matters: a
# full adder replaces the three by a sum and a carry, three cells for one input less. Where it is two, a half
# adder replaces them by two signals that are never both 1. What the outputs are of the new signals is a table
# again, in which there may be more such groups: population counts, and adders and comparators of any width, are
# taken apart to the end; of other functions a smaller table is left over.

_UNKNOWN = 2


def lower_counted(
    builder: NetlistBuilder, tables: Table, literals: Sequence[int], *, pairs: bool
) -> list[int] | None:
    """Build tables and return a literal per output, or None if no inputs are counted.

    `tables` is ``(outputs, 2 ** inputs)`` uint8: 0, 1, or 2 where it does not matter, input 0 least
    significant. With `pairs`, half adders are used too.
    """
    work = _Counted(builder, tables, literals)
    counted = False
    while True:
        work.settle()
        group = work.triple() or (work.pair() if pairs else None)
        if group is None:
            break
        work.count(group)
        counted = True
    return work.finish() if counted else None


class _Counted:
    """Outputs as tables over signals, fewer of both as adders are made."""

    def __init__(self, builder: NetlistBuilder, tables: Table, literals: Sequence[int]) -> None:
        self._builder = builder
        self._signals = list(literals)
        # Axis 1 + k is signal k.
        turned = tables.reshape(len(tables), *[2] * len(literals))
        self._tables = turned.transpose(0, *range(len(literals), 0, -1)).copy()
        self._outputs: dict[int, int] = {}
        self._left = list(range(len(tables)))

    def settle(self) -> None:
        """Drop the outputs that are constants or signals, then the signals on which no output depends."""
        kept = []
        for row, output in enumerate(self._left):
            literal = self._as_literal(self._tables[row])
            if literal is None:
                kept.append(row)
            else:
                self._outputs[output] = literal
        self._left = [self._left[row] for row in kept]
        self._tables = self._tables[kept]
        for signal in range(len(self._signals) - 1, -1, -1):
            low, high = (self._tables.take(value, 1 + signal) for value in (0, 1))
            if _agree(low, high):
                self._tables = np.minimum(low, high)
                del self._signals[signal]

    def _as_literal(self, table: Table) -> int | None:
        if not (table == 1).any():
            return FALSE
        if not (table == 0).any():
            return TRUE
        for signal, literal in enumerate(self._signals):
            low, high = table.take(0, signal), table.take(1, signal)
            for flip in (0, 1):
                if not (low == 1 - flip).any() and not (high == flip).any():
                    return literal ^ flip
        return None

    def triple(self) -> tuple[tuple[int, int], ...] | None:
        """Return the first three (signal, complement) in which all outputs are symmetric."""
        alike = {
            (i, j): flip
            for i, j in combinations(range(len(self._signals)), 2)
            for flip in (0, 1)
            if self._symmetric(i, j, flip)
        }
        for i, j, k in combinations(range(len(self._signals)), 3):
            first, second = alike.get((i, j)), alike.get((i, k))
            if first is None or second is None or (j, k) not in alike:
                continue
            for flips in ((0, first, second), (0, 0, 0)):
                group = tuple(zip((i, j, k), flips, strict=True))
                if self._joined(group) is not None:
                    return group
        return None

    def pair(self) -> tuple[tuple[int, int], ...] | None:
        """Return two (signal, complement) in which all outputs are symmetric, and that take all values.

        The first pair for which one gate is enough, else the first pair.
        """
        found = None
        for i, j in combinations(range(len(self._signals)), 2):
            if not all((corner != _UNKNOWN).any() for corner in self._corners(i, j)):
                continue
            for flip in (0, 1):
                if self._symmetric(i, j, flip):
                    group = ((i, 0), (j, flip))
                    if self._one_gate(group) is not None:
                        return group
                    found = found or group
        return found

    def _one_gate(self, pair: tuple[tuple[int, int], ...]) -> tuple[bool, Table] | None:
        """Return whether AND (else OR) can replace a pair, and the tables over it; None if neither can."""
        joined = self._joined(pair)
        if joined is None:
            return None
        none, one, both = joined
        if _agree(one, both):
            return False, np.stack([none, np.minimum(one, both)], axis=-1)
        if _agree(none, one):
            return True, np.stack([np.minimum(none, one), both], axis=-1)
        return None

    def _corners(self, i: int, j: int) -> list[Table]:
        return [
            self._tables.take(b, 1 + j).take(a, 1 + i)  # i < j
            for a in (0, 1)
            for b in (0, 1)
        ]

    def _symmetric(self, i: int, j: int, flip: int) -> bool:
        tables = self._tables
        for row in range(len(tables)):  # most pairs fail at the first output
            low, high = tables[row].take(0, i), tables[row].take(1, i)
            if not _agree(low.take(1 ^ flip, j - 1), high.take(flip, j - 1)):
                return False
        return True

    def _joined(self, group: tuple[tuple[int, int], ...]) -> list[Table] | None:
        """Return the tables over the number of ones in a group, None if an output is not symmetric in it."""
        places = [1 + signal for signal, _ in group]
        moved = np.moveaxis(self._tables, places, range(len(group)))
        joined: list[Table] = []
        for number in range(len(group) + 1):
            merged: Table | None = None
            for values in np.ndindex(*[2] * len(group)):
                if sum(values) != number:
                    continue
                at = tuple(value ^ flip for value, (_, flip) in zip(values, group, strict=True))
                part = moved[at]
                if merged is not None and not _agree(merged, part):
                    return None
                merged = part if merged is None else np.minimum(merged, part)
            assert merged is not None  # every number has a combination
            joined.append(merged)
        return joined

    def count(self, group: tuple[tuple[int, int], ...]) -> None:
        """Replace a group by the sum and the carry of its adder, or a pair by one gate if that is enough."""
        joined = self._joined(group)
        assert joined is not None  # it was chosen for that
        literals = [self._signals[signal] ^ flip for signal, flip in group]
        gate = self._one_gate(group) if len(group) == 2 else None
        if gate is not None:
            is_and, self._tables = gate
            made = [self._builder.and_(*literals) if is_and else self._builder.or_(*literals)]
        else:
            made = self._adder(literals)
            if len(group) == 2:
                joined.append(np.full_like(joined[0], _UNKNOWN))
            pairs = [np.stack(joined[:2], axis=-1), np.stack(joined[2:], axis=-1)]
            self._tables = np.stack(pairs, axis=-1)  # the sum, then the carry
        counted = [signal for signal, _ in group]
        self._signals = [
            literal for signal, literal in enumerate(self._signals) if signal not in counted
        ]
        self._signals += made

    def _adder(self, literals: list[int]) -> list[int]:
        """Return sum and carry of two or three literals."""
        if len(literals) == 2:
            carry = self._builder.and_(*literals)
            return [self._builder.and_(self._builder.or_(*literals), carry ^ 1), carry]
        a, b, c = literals
        return list(full_adder(self._builder, a, b, c))

    def finish(self) -> list[int]:
        """Build the remaining functions and return the literals of all outputs."""
        width = len(self._signals)
        back = self._tables.transpose(0, *range(width, 0, -1))
        tables = np.ascontiguousarray(back).reshape(len(self._left), 1 << width)
        if (tables == _UNKNOWN).any():
            made = [lower_table(self._builder, table, self._signals) for table in tables]
        elif len(tables):
            order, _ = sifted(tables, range(width))
            made = lower_diagrams(self._builder, tables, self._signals, order)
        else:
            made = []
        self._outputs.update(zip(self._left, made, strict=True))
        return [self._outputs[output] for output in sorted(self._outputs)]


def _agree(first: Table, second: Table) -> bool:
    return not ((first ^ second) == 1).any()
