"""The built-in tasks against Python's own integers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import load
from btfsynth.dataset.patterns import sample
from btfsynth.dataset.tasks import TASKS, Task, is_task_spec, parse_task
from btfsynth.errors import UsageError
from btfsynth.plugins import register, unregister


def values(bits: list[int], widths: list[int]) -> list[int]:
    """Cut a row of bits into the numbers of its ports."""
    numbers = []
    for width in widths:
        numbers.append(sum(bit << place for place, bit in enumerate(bits[:width])))
        bits = bits[width:]
    return numbers


def shape(dataset: Dataset) -> str:
    """Describe the ports as ``a2 b2 -> p4``."""
    sides = [
        " ".join(f"{port.name}{port.width}" for port in ports)
        for ports in (dataset.input_ports, dataset.output_ports)
    ]
    return " -> ".join(sides)


def cell_after(rule: int, cells: str) -> str:
    """Advance a row of cells, dropping the outermost two; the textbook definition."""
    table = f"{rule:08b}"[::-1]
    return "".join(table[int(cells[i - 1 : i + 2], 2)] for i in range(1, len(cells) - 1))


def middle_cell(rule: int, steps: int) -> Callable[[int], list[int]]:
    def function(x: int) -> list[int]:
        cells = f"{x:0{2 * steps + 1}b}"
        for _ in range(steps):
            cells = cell_after(rule, cells)
        return [int(cells)]

    return function


def ring(rule: int, steps: int, width: int) -> Callable[[int], list[int]]:
    def function(state: int) -> list[int]:
        cells = f"{state:0{width}b}"
        for _ in range(steps):
            cells = cell_after(rule, cells[-1] + cells + cells[0])
        return [int(cells, 2)]

    return function


CASES = [
    ("multiplier:1", "a1 b1 -> p2", lambda a, b: [a * b]),
    ("multiplier:3", "a3 b3 -> p6", lambda a, b: [a * b]),
    ("multiplier:3x2", "a3 b2 -> p5", lambda a, b: [a * b]),
    ("multiplier:1x4", "a1 b4 -> p5", lambda a, b: [a * b]),
    ("adder:3", "a3 b3 -> s4", lambda a, b: [a + b]),
    ("adder:2,cin=1", "a2 b2 cin1 -> s3", lambda a, b, c: [a + b + c]),
    ("less:3", "a3 b3 -> y1", lambda a, b: [int(a < b)]),
    ("equal:2", "a2 b2 -> y1", lambda a, b: [int(a == b)]),
    ("sorter:5", "x5 -> y5", lambda x: [int("1" * bin(x).count("1") or "0", 2)]),
    ("full_adder", "a1 b1 cin1 -> s1 cout1", lambda a, b, c: [(a + b + c) % 2, (a + b + c) // 2]),
    ("majority:5", "x5 -> y1", lambda x: [int(bin(x).count("1") >= 3)]),
    ("parity:4", "x4 -> y1", lambda x: [bin(x).count("1") % 2]),
    ("popcount:4", "x4 -> count3", lambda x: [bin(x).count("1")]),
    ("squarer:3", "a3 -> p6", lambda a: [a * a]),
    ("popcount:7", "x7 -> count3", lambda x: [bin(x).count("1")]),
    ("comparator:3", "a3 b3 -> lt1 eq1 gt1", lambda a, b: [int(a < b), int(a == b), int(a > b)]),
    (
        "automaton:30",
        "l1 c1 r1 -> y1",
        lambda left, cell, right: [left ^ (cell | right)],  # rule 30 by its known formula
    ),
    ("automaton:110,steps=2", "x5 -> y1", middle_cell(110, 2)),
    ("automaton:30,steps=3", "x7 -> y1", middle_cell(30, 3)),
    ("automaton:30,cells=5", "state5 -> next5", ring(30, 1, 5)),
    ("automaton:110,steps=3,cells=6", "state6 -> next6", ring(110, 3, 6)),
    ("automaton:45,cells=1", "state1 -> next1", ring(45, 1, 1)),
]


@pytest.mark.parametrize(("spec", "ports", "function"), CASES, ids=[case[0] for case in CASES])
def test_task_against_integer_arithmetic(
    spec: str, ports: str, function: Callable[..., list[int]]
) -> None:
    """Every pattern of a task is what the function of plain integers says, in counting order."""
    dataset = parse_task(spec)
    assert shape(dataset) == ports
    assert dataset.source == spec
    assert dataset.exhaustive
    input_widths = [port.width for port in dataset.input_ports]
    output_widths = [port.width for port in dataset.output_ports]
    for number in range(dataset.n_patterns):
        row = dataset.inputs[number].tolist()
        assert row == [(number >> bit) & 1 for bit in range(dataset.n_inputs)]
        expected = function(*values(row, input_widths))
        assert values(dataset.targets[number].tolist(), output_widths) == expected


@pytest.mark.parametrize("rule", [0, 1, 90, 184, 255])
def test_automaton_follows_wolframs_numbering(rule: int) -> None:
    """Bit left*4+self*2+right of the rule is the next state."""
    dataset = parse_task(f"automaton:{rule}")
    rows = zip(dataset.inputs.tolist(), dataset.targets.tolist(), strict=True)
    for (left, cell, right), (y,) in rows:
        assert y == (rule >> (left * 4 + cell * 2 + right)) & 1


@pytest.mark.parametrize(
    ("spec", "source", "name"),
    [
        ("multiplier:2", "multiplier:2", "multiplier_2"),
        ("multiplier:2x2", "multiplier:2", "multiplier_2"),
        ("multiplier:3X2", "multiplier:3x2", "multiplier_3x2"),
        (" Parity : 04 ", "parity:4", "parity_4"),
        ("full_adder", "full_adder", "full_adder"),
        ("adder:2,cin=0", "adder:2", "adder_2"),
        ("adder:02, CIN=1", "adder:2,cin=1", "adder_2_cin1"),
        ("automaton:30,steps=1", "automaton:30", "automaton_30"),
        (
            "automaton:30,cells=4,steps=2",
            "automaton:30,steps=2,cells=4",
            "automaton_30_steps2_cells4",
        ),
    ],
)
def test_normal_form(spec: str, source: str, name: str) -> None:
    """Different ways to write a task give one source and one name."""
    dataset = parse_task(spec)
    assert (dataset.source, dataset.name) == (source, name)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("multiplier:0", "multiplier:0: expected a whole number of at least 1, got 0"),
        ("multiplier", "multiplier: expected a size, as in multiplier:2"),
        ("multiplier:", "expected a size"),
        ("multiplier:2x", "got ''"),
        ("multiplier:2x3x4", "got '3x4'"),
        ("multiplier:11", "22 input bits; .* at most 20 .* give a file"),
        ("multiplier:1x20", "21 input bits"),
        ("adder:x", "adder:x: expected a whole number of at least 1, got 'x'"),
        ("adder:-1", "got '-1'"),
        ("adder:2.5", "got '2.5'"),
        ("adder:٣", "got '٣'"),
        ("adder:" + "9" * 5000, "got '999"),
        ("adder:3,cin=2", "adder:3: cin: expected a whole number from 0 to 1, got 2"),
        ("adder:3,carry=1", "adder:3: expected cin= each once, got 'carry=1'"),
        ("less:0", "less:0: expected a whole number of at least 1, got 0"),
        ("sorter", "sorter: expected a size, as in sorter:4"),
        ("full_adder:1", "takes no argument"),
        ("majority:4", "majority:4: expected an odd number of inputs, got 4"),
        ("parity:21", "21 input bits"),
        ("parity:999999999", "999999999 input bits"),
        ("automaton:300", "rule: expected a whole number from 0 to 255, got 300"),
        ("automaton:-1", "got '-1'"),
        ("automaton", "expected a rule"),
        ("automaton:30,steps=0", "steps: expected a whole number from 1 to 1000, got 0"),
        ("automaton:30,steps=10", "21 input bits"),
        ("automaton:30,cells=21", "21 input bits"),
        ("automaton:30,cells=0", "cells: .* got 0"),
        ("automaton:30,cells", "got 'cells'"),
        ("automaton:30,5", "expected steps=, cells=, .* each once, got '5'"),
        ("automaton:30,steps=2,steps=2", "each once, got 'steps=2'"),
        ("foo:3", "'foo:3' is not a task; tasks are: multiplier:N.*, full_adder, .*automaton:RULE"),
        ("", "is not a task"),
    ],
)
def test_wrong_specification(spec: str, message: str) -> None:
    """Every wrong specification gives one line that says what was expected and what came."""
    with pytest.raises(UsageError, match=message) as caught:
        parse_task(spec)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_registry_is_consistent() -> None:
    """Names, signatures and examples of the table fit each other."""
    for name, task in TASKS.items():
        assert task.name == name
        assert task.signature.partition(":")[0] == name
        assert parse_task(task.example).source == task.example
        assert "\n" not in task.description


@pytest.mark.parametrize(
    ("text", "expected"),
    [("multiplier:2", True), ("multiplier:x", True), ("full_adder", True), ("a.pla", False)],
)
def test_is_task_spec(text: str, expected: bool) -> None:
    """A text is a task if it begins with the name of one."""
    assert is_task_spec(text) is expected


def test_sample_draws_without_replacement() -> None:
    """A sample has distinct patterns of the whole, the same for the same seed."""
    whole = parse_task("multiplier:3")
    part = sample(whole, 32, 1)
    assert part.source == "multiplier:3 (sample of 32, seed 1)"
    assert part.name == "multiplier_3"
    numbers = part.input_numbers
    assert len(set(numbers.tolist())) == part.n_patterns == 32
    assert np.array_equal(part.targets, whole.targets[numbers])
    assert part.content_hash == sample(whole, 32, 1).content_hash
    assert part.content_hash != sample(whole, 32, 2).content_hash
    assert not part.exhaustive
    assert not part.unlisted_dont_care


@pytest.mark.parametrize(("n", "seed"), [(0, 1), (65, 1), (-1, 1), (3, -1)])
def test_sample_out_of_range(n: int, seed: int) -> None:
    """Too few, too many and a negative seed are refused."""
    with pytest.raises(UsageError, match="expected"):
        sample(parse_task("multiplier:3"), n, seed)


def test_a_task_of_another_package() -> None:
    """A task that was registered is listed, recognised and made; then it is gone."""

    def build(arguments: str | None) -> Dataset:
        return replace(parse_task(f"adder:{arguments}"), source=f"sum:{arguments}")

    register("tasks", "sum", Task("sum", "sum:N", "the sum again: a, b -> s", "sum:2", build))
    try:
        assert list(TASKS)[-1] == "sum"
        assert is_task_spec("sum:3")
        assert load("sum:2").source == "sum:2"
        with pytest.raises(UsageError, match="adder:x: expected a whole number"):
            load("sum:x")
    finally:
        unregister("tasks", "sum")
    assert not is_task_spec("sum:3")


def test_names_come_without_machinery() -> None:
    """Tasks and formats are listed without importing NumPy, which completion has no time for."""
    code = (
        "import sys\n"
        "from btfsynth.dataset.formats import FORMATS\n"
        "from btfsynth.dataset.tasks import TASKS\n"
        "assert len(TASKS) > 10 and 'csv' in FORMATS\n"
        "print('numpy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
