"""Tasks that are whole truth tables: arithmetic, counts of ones, elementary cellular automata."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.generators import advance, read_world, sampled_automaton
from btfsynth.dataset.tasks import TASKS, read_options, whole_number
from btfsynth.dataset.vectors import MAX_TABLE_INPUTS, bits_of, counting_inputs, numbers_of
from btfsynth.errors import UsageError
from btfsynth.ports import Port, total_width

_Numbers = NDArray[np.int64]


def _sizes(name: str, arguments: str | None) -> list[int]:
    """Read the size of a task written ``name:N``, or both of ``name:NxM``."""
    if not arguments:
        raise UsageError(f"{name}: expected a size, as in {TASKS[name].example}")
    what = f"{name}:{arguments[:40]}"
    two = name == "multiplier"
    parts = arguments.lower().split("x", maxsplit=1) if two else [arguments]
    return [whole_number(what, part, 1) for part in parts]


def _table(
    source: str,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    function: Callable[..., Sequence[_Numbers]],
) -> Dataset:
    """Tabulate a function of the values of the input ports, one array for each output port."""
    width = total_width(inputs)
    if width > MAX_TABLE_INPUTS:
        raise UsageError(
            f"{source} has {width} input bits; tasks list every pattern, for at "
            f"most {MAX_TABLE_INPUTS} input bits (for a larger function give a file with some of its "
            f"patterns)"
        )
    numbers = np.arange(1 << width, dtype=np.int64)
    values = []
    shift = 0
    for port in inputs:
        values.append((numbers >> shift) & ((1 << port.width) - 1))
        shift += port.width
    targets = [
        bits_of(value, port.width) for value, port in zip(function(*values), outputs, strict=True)
    ]
    return Dataset(
        name=source.replace(":", "_").replace(",", "_").replace("=", ""),
        source=source,
        inputs=counting_inputs(width),
        targets=np.hstack(targets),
        input_ports=tuple(inputs),
        output_ports=tuple(outputs),
    )


def multiplier(arguments: str | None) -> Dataset:
    sizes = _sizes("multiplier", arguments)
    n, m = sizes[0], sizes[-1]
    size = f"{n}" if n == m else f"{n}x{m}"
    ports = [Port("a", n), Port("b", m)]
    return _table(f"multiplier:{size}", ports, [Port("p", n + m)], lambda a, b: [a * b])


def adder(arguments: str | None) -> Dataset:
    size, *parts = (part.strip() for part in (arguments or "").split(","))
    (n,) = _sizes("adder", size)
    options, changed = read_options(f"adder:{n}", parts, {"cin": "0"})
    carry = whole_number(f"adder:{n}: cin", options["cin"], 0, 1)
    ports = [Port("a", n), Port("b", n), *[Port("cin", 1)] * carry]
    return _table(f"adder:{n}{changed}", ports, [Port("s", n + 1)], lambda *terms: [sum(terms)])


def squarer(arguments: str | None) -> Dataset:
    (n,) = _sizes("squarer", arguments)
    return _table(f"squarer:{n}", [Port("a", n)], [Port("p", 2 * n)], lambda a: [a * a])


def full_adder(arguments: str | None) -> Dataset:
    if arguments is not None:
        raise UsageError(f"full_adder:{arguments[:40]}: full_adder takes no argument")
    return _table(
        "full_adder",
        [Port("a", 1), Port("b", 1), Port("cin", 1)],
        [Port("s", 1), Port("cout", 1)],
        lambda a, b, cin: [(a + b + cin) & 1, (a + b + cin) >> 1],
    )


def comparator(arguments: str | None) -> Dataset:
    (n,) = _sizes("comparator", arguments)
    return _table(
        f"comparator:{n}",
        [Port("a", n), Port("b", n)],
        [Port("lt", 1), Port("eq", 1), Port("gt", 1)],
        lambda a, b: [order.astype(np.int64) for order in (a < b, a == b, a > b)],
    )


def less(arguments: str | None) -> Dataset:
    return _relation("less", arguments, np.less)


def equal(arguments: str | None) -> Dataset:
    return _relation("equal", arguments, np.equal)


def _relation(
    name: str, arguments: str | None, holds: Callable[[_Numbers, _Numbers], NDArray[np.bool_]]
) -> Dataset:
    """Tabulate whether two numbers are in a relation."""
    (n,) = _sizes(name, arguments)
    ports = [Port("a", n), Port("b", n)]
    return _table(f"{name}:{n}", ports, [Port("y", 1)], lambda a, b: [holds(a, b).astype(np.int64)])


def _of_ones(name: str, n: int, output: Port, function: Callable[[_Numbers], _Numbers]) -> Dataset:
    """Tabulate a function of how many of ``n`` bits are 1."""

    def outputs(x: _Numbers) -> list[_Numbers]:
        return [function(bits_of(x, n).sum(axis=1, dtype=np.int64))]

    return _table(f"{name}:{n}", [Port("x", n)], [output], outputs)


def majority(arguments: str | None) -> Dataset:
    (n,) = _sizes("majority", arguments)
    if n % 2 == 0:
        raise UsageError(f"majority:{n}: expected an odd number of inputs, got {n}")
    return _of_ones("majority", n, Port("y", 1), lambda ones: (2 * ones > n).astype(np.int64))


def parity(arguments: str | None) -> Dataset:
    (n,) = _sizes("parity", arguments)
    return _of_ones("parity", n, Port("y", 1), lambda ones: ones & 1)


def popcount(arguments: str | None) -> Dataset:
    (n,) = _sizes("popcount", arguments)
    return _of_ones("popcount", n, Port("count", n.bit_length()), lambda ones: ones)


def sorter(arguments: str | None) -> Dataset:
    (n,) = _sizes("sorter", arguments)
    return _of_ones("sorter", n, Port("y", n), lambda ones: (1 << ones) - 1)


def automaton(arguments: str | None) -> Dataset:
    """Make a table or a sample of an elementary automaton (S. Wolfram, Rev. Mod. Phys. 55, 601 (1983))."""
    if not arguments:
        raise UsageError(f"automaton: expected a rule, as in {TASKS['automaton'].example}")
    world = read_world(arguments)
    if world.split is not None:
        return sampled_automaton(world, world.split)
    width = world.cells or 2 * world.steps + 1

    def evolved(state: _Numbers) -> _Numbers:
        """Advance every state, a number whose most significant bit is the leftmost cell."""
        cells = bits_of(state, width).astype(np.int64)
        for _ in range(world.steps):
            cells = advance(cells, world.rule)
        return numbers_of(cells)

    if world.cells:
        ports = [Port("state", width)], [Port("next", width)]
        return _table(world.source, *ports, lambda state: [evolved(state)])

    # One cell from the neighbourhood it depends on: what wraps around at the edges cannot reach it in time.
    def middle(x: _Numbers) -> list[_Numbers]:
        return [(evolved(x) >> world.steps) & 1]

    if world.steps == 1:
        ports = [Port("l", 1), Port("c", 1), Port("r", 1)], [Port("y", 1)]
        return _table(
            world.source, *ports, lambda left, cell, right: middle(4 * left + 2 * cell + right)
        )
    return _table(world.source, [Port("x", width)], [Port("y", 1)], middle)
