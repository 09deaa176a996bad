"""Netlists of one function, built from its table in different ways: starting points for passes.

Which of them passes make smallest depends on the function: of a multiplier the sum of its products, of a
population count its adders, of a majority the known form, of most others a decision diagram.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.adder import lower_sum
from btfsynth.lower.cheapest import cheapest_form, make, with_least_weights
from btfsynth.lower.shared_diagram import lower_diagrams, sifted
from btfsynth.lower.symmetric_inputs import lower_counted
from btfsynth.lower.threshold import (
    ThresholdFunction,
    least_weights,
    pseudo_boolean,
    reduce_on_vectors,
)
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist

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
    """Yield starting netlists with the ports of `like`, without those that do not apply to the function.

    Both tables are ``(outputs, 2 ** inputs)`` uint8, input 0 least significant: `tables` 0/1, and `wanted` the
    same with 2 for a don't-care. Diagrams are built in up to `orders` orders of the inputs: a sifted one first,
    then in turn a random order and that order sifted. If the first diagram is large, it is the only one.
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
    """Build each output that is a threshold function in its cheapest form, all others as a diagram.

    Returns a literal per output, or None if no output of three inputs or more is a threshold function.
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
    """Return weights of a table over its inputs, None if it is no threshold function or none were found."""
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
