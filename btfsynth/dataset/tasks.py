"""The built-in tasks: data made from a short specification such as ``multiplier:2``.

Most are whole truth tables: all patterns are listed in counting order; the first input column, which is the
least significant bit of the first port, changes fastest. ``digits``, the random circuits and what has
``train=`` are samples, with a part to train on and one to test on; the others are given vectors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.generators import (
    advance,
    autoencoder,
    decoder,
    digit_images,
    digits,
    is_sampled,
    random_and_or,
    random_majority,
    sampled_automaton,
)
from btfsynth.dataset.vectors import MAX_TABLE_INPUTS, bits_of, counting_inputs, numbers_of
from btfsynth.errors import UsageError
from btfsynth.ports import Port, total_width

MAX_STEPS = 1000
"""Largest number of steps of an automaton on a periodic world."""


@dataclass(frozen=True)
class Task:
    """One built-in task.

    Parameters
    ----------
    build
        Makes the data set from the text after the colon, None if there is no colon.
    """

    name: str
    signature: str
    description: str
    example: str
    build: Callable[[str | None], Dataset]


def is_task_spec(text: str) -> bool:
    """Return True if the text begins with the name of a task, whether or not the rest is right."""
    return text.partition(":")[0].strip().lower() in TASKS


def task_signatures() -> str:
    return ", ".join(task.signature for task in TASKS.values())


def parse_task(spec: str) -> Dataset:
    name, colon, arguments = spec.partition(":")
    task = TASKS.get(name.strip().lower())
    if task is None:
        raise UsageError(f"{spec!r} is not a task; tasks are: {task_signatures()}")
    return task.build(arguments.strip() if colon else None)


def _number(text: str, what: str, low: int, high: int | None = None) -> int:
    """Read a decimal number of at least `low`; `what` names it in the error."""
    limits = f"of at least {low}" if high is None else f"from {low} to {high}"
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise UsageError(f"{what}: expected a whole number {limits}, got {text[:40]!r}")
    value = int(text)
    if value < low or (high is not None and value > high):
        raise UsageError(f"{what}: expected a whole number {limits}, got {value}")
    return value


def _size(name: str, arguments: str | None) -> int:
    if not arguments:
        raise UsageError(f"{name}: expected a size, as in {TASKS[name].example}")
    return _number(arguments, f"{name}:{arguments[:40]}", 1)


def _table(
    name: str,
    source: str,
    input_ports: Sequence[Port],
    output_ports: Sequence[Port],
    function: Callable[..., Sequence[NDArray[np.int64]]],
) -> Dataset:
    """Tabulate a function of the values of the input ports, one array an output port."""
    width = total_width(input_ports)
    if width > MAX_TABLE_INPUTS:
        raise UsageError(
            f"{source} has {width} input bits; tasks list every pattern and go up to "
            f"{MAX_TABLE_INPUTS} input bits (for a larger function give a file with some of its "
            f"patterns)"
        )
    numbers = np.arange(1 << width, dtype=np.int64)
    values = []
    shift = 0
    for port in input_ports:
        values.append((numbers >> shift) & ((1 << port.width) - 1))
        shift += port.width
    outputs = function(*values)
    targets = [
        bits_of(value, port.width) for value, port in zip(outputs, output_ports, strict=True)
    ]
    return Dataset(
        name=name,
        source=source,
        inputs=counting_inputs(width),
        targets=np.hstack(targets),
        input_ports=tuple(input_ports),
        output_ports=tuple(output_ports),
    )


def _multiplier(arguments: str | None) -> Dataset:
    if not arguments:
        raise UsageError(f"multiplier: expected a size, as in {TASKS['multiplier'].example}")
    what = f"multiplier:{arguments[:40]}"
    sizes = [_number(part, what, 1) for part in arguments.lower().split("x", maxsplit=1)]
    n, m = sizes[0], sizes[-1]
    size = f"{n}" if n == m else f"{n}x{m}"
    return _table(
        f"multiplier_{size}",
        f"multiplier:{size}",
        [Port("a", n), Port("b", m)],
        [Port("p", n + m)],
        lambda a, b: [a * b],
    )


def _adder(arguments: str | None) -> Dataset:
    n = _size("adder", arguments)
    ports = [Port("a", n), Port("b", n)]
    return _table(f"adder_{n}", f"adder:{n}", ports, [Port("s", n + 1)], lambda a, b: [a + b])


def _squarer(arguments: str | None) -> Dataset:
    n = _size("squarer", arguments)
    ports = [Port("a", n)], [Port("p", 2 * n)]
    return _table(f"squarer_{n}", f"squarer:{n}", *ports, lambda a: [a * a])


def _full_adder(arguments: str | None) -> Dataset:
    if arguments is not None:
        raise UsageError(f"full_adder:{arguments[:40]}: full_adder takes no argument")
    return _table(
        "full_adder",
        "full_adder",
        [Port("a", 1), Port("b", 1), Port("cin", 1)],
        [Port("s", 1), Port("cout", 1)],
        lambda a, b, cin: [(a + b + cin) & 1, (a + b + cin) >> 1],
    )


def _ones(x: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    count = np.zeros_like(x)
    for bit in range(width):
        count += (x >> bit) & 1
    return count


def _majority(arguments: str | None) -> Dataset:
    n = _size("majority", arguments)
    if n % 2 == 0:
        raise UsageError(f"majority:{n}: expected an odd number of inputs, got {n}")
    return _table(
        f"majority_{n}",
        f"majority:{n}",
        [Port("x", n)],
        [Port("y", 1)],
        lambda x: [(2 * _ones(x, n) > n).astype(np.int64)],
    )


def _parity(arguments: str | None) -> Dataset:
    n = _size("parity", arguments)
    ports = [Port("x", n)]
    return _table(f"parity_{n}", f"parity:{n}", ports, [Port("y", 1)], lambda x: [_ones(x, n) & 1])


def _popcount(arguments: str | None) -> Dataset:
    n = _size("popcount", arguments)
    return _table(
        f"popcount_{n}",
        f"popcount:{n}",
        [Port("x", n)],
        [Port("count", n.bit_length())],
        lambda x: [_ones(x, n)],
    )


def _comparator(arguments: str | None) -> Dataset:
    n = _size("comparator", arguments)
    return _table(
        f"comparator_{n}",
        f"comparator:{n}",
        [Port("a", n), Port("b", n)],
        [Port("lt", 1), Port("eq", 1), Port("gt", 1)],
        lambda a, b: [order.astype(np.int64) for order in (a < b, a == b, a > b)],
    )


def _evolve(state: NDArray[np.int64], width: int, rule: int, steps: int) -> NDArray[np.int64]:
    """Advance every state, a number whose most significant bit is the leftmost cell."""
    cells = bits_of(state, width).astype(np.int64)
    for _ in range(steps):
        cells = advance(cells, rule)
    return numbers_of(cells)


def _automaton(arguments: str | None) -> Dataset:
    """Build an elementary automaton (S. Wolfram, Rev. Mod. Phys. 55, 601 (1983))."""
    if not arguments:
        raise UsageError(f"automaton: expected a rule, as in {TASKS['automaton'].example}")
    if is_sampled(arguments):
        return sampled_automaton(arguments)
    what = f"automaton:{arguments[:40]}"
    rule_text, *rest = (part.strip() for part in arguments.split(","))
    rule = _number(rule_text, f"{what}: rule", 0, 255)
    options: dict[str, int] = {}
    for part in rest:
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in ("steps", "cells"):
            raise UsageError(f"{what}: expected steps=S or cells=C after the rule, got {part!r}")
        if key in options:
            raise UsageError(f"{what}: {key} is given twice")
        options[key] = _number(value, f"{what}: {key}", 1, MAX_STEPS if key == "steps" else None)
    steps = options.get("steps", 1)
    name = f"automaton_{rule}" + (f"_steps{steps}" if steps > 1 else "")
    source = f"automaton:{rule}" + (f",steps={steps}" if steps > 1 else "")
    if "cells" in options:
        return _automaton_world(name, source, rule, steps, options["cells"])
    return _automaton_cell(name, source, rule, steps)


def _automaton_world(name: str, source: str, rule: int, steps: int, width: int) -> Dataset:
    return _table(
        f"{name}_cells{width}",
        f"{source},cells={width}",
        [Port("state", width)],
        [Port("next", width)],
        lambda state: [_evolve(state, width, rule, steps)],
    )


def _automaton_cell(name: str, source: str, rule: int, steps: int) -> Dataset:
    """Tabulate one cell after some steps, from the neighbourhood it depends on.

    What wraps around at the edges of the neighbourhood cannot reach the middle cell in time.
    """
    width = 2 * steps + 1

    def middle(x: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        return [(_evolve(x, width, rule, steps) >> steps) & 1]

    output = [Port("y", 1)]
    if steps == 1:
        ports = [Port("l", 1), Port("c", 1), Port("r", 1)]
        return _table(name, source, ports, output, lambda *lcr: middle(_read_left_to_right(lcr)))
    return _table(name, source, [Port("x", width)], output, middle)


def _read_left_to_right(cells: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the binary number that cells spell from left to right."""
    number = np.zeros_like(cells[0])
    for cell in cells:
        number = 2 * number + cell
    return number


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            "multiplier",
            "multiplier:N[xM]",
            "unsigned product: a (N bits), b (M bits, N if not given) -> p (N+M bits)",
            "multiplier:2",
            _multiplier,
        ),
        Task("squarer", "squarer:N", "square: a (N bits) -> p (2N bits)", "squarer:3", _squarer),
        Task("adder", "adder:N", "sum: a, b (N bits) -> s (N+1 bits)", "adder:4", _adder),
        Task(
            "full_adder",
            "full_adder",
            "one-bit sum: a, b, cin -> s, cout",
            "full_adder",
            _full_adder,
        ),
        Task(
            "majority",
            "majority:N",
            "1 if more than half of N bits are 1, N odd: x (N bits) -> y",
            "majority:5",
            _majority,
        ),
        Task("parity", "parity:N", "exclusive or of N bits: x (N bits) -> y", "parity:4", _parity),
        Task(
            "popcount",
            "popcount:N",
            "number of ones among N bits: x (N bits) -> count",
            "popcount:7",
            _popcount,
        ),
        Task(
            "comparator",
            "comparator:N",
            "unsigned comparison: a, b (N bits) -> lt, eq, gt",
            "comparator:2",
            _comparator,
        ),
        Task(
            "automaton",
            "automaton:RULE[,steps=S][,cells=C]",
            "elementary cellular automaton: l, c, r -> y; after S steps x (2S+1 bits, the highest "
            "is the leftmost cell) -> y; ring of C cells, highest bit leftmost: state -> next; with "
            "train=N, test=N, seed=N, part=P a sample of its states",
            "automaton:30",
            _automaton,
        ),
        Task(
            "digits",
            "digits:CODE[,part=P,...]",
            "8x8 images from scikit-learn: p00 to p77 -> digit (one of 10 bits); CODE is grey "
            "(analog), thermometer:K or threshold:X; part=train is 512 of the 1797 images (train=N, "
            "seed=N), part=test the others; count=N takes the first of a part",
            "digits:grey",
            digits,
        ),
        Task(
            "random_and_or",
            "random_and_or:LxW[,gate=P,train=N,...]",
            "random circuit of L layers of W, a node an AND or OR of two signals with probability P "
            "(0.5), else a copy, all inverted at random: x -> y; part=train is N of its vectors "
            "(256), part=test others (test=2048); seed=N names circuit and vectors",
            "random_and_or:3x32",
            random_and_or,
        ),
        Task(
            "random_majority",
            "random_majority:LxW[,gate=P,train=N,...]",
            "the same with the majority of three signals as the gate: x -> y",
            "random_majority:5x32,train=512",
            random_majority,
        ),
        Task(
            "autoencoder",
            "autoencoder:K[,bits=N,kind=S,seed=N]",
            "K different vectors of N bits (K), kind=random or one-hot, as their own targets: x -> y",
            "autoencoder:16",
            autoencoder,
        ),
        Task(
            "decoder",
            "decoder:K[,bits=N,code=S,seed=N]",
            "K different random vectors of N bits (K) without inputs, to be made from codes that "
            "training finds, code=hypercube or one-hot: -> y",
            "decoder:16",
            decoder,
        ),
        Task(
            "digit_images",
            "digit_images:D",
            "the 8x8 images of one digit from scikit-learn, a pixel on from half its range, without "
            "inputs, to be made from one-hot codes: -> pixel",
            "digit_images:4",
            digit_images,
        ),
    )
}
"""The built-in tasks by name, in the order in which they are shown."""
