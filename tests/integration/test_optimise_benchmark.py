"""The program that compares optimiser scripts, and the circuits that it makes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from btfsynth.netlist.simulation import evaluate

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from circuits_made import CIRCUITS, make_circuit  # noqa: E402


def number(bits):
    return bits.astype(np.int64) @ (1 << np.arange(bits.shape[1]))


EXPECTED = {
    "adder": lambda x, n: number(x[:, :n]) + number(x[:, n:]),
    "array_multiplier": lambda x, n: number(x[:, :n]) * number(x[:, n:]),
    "tree_multiplier": lambda x, n: number(x[:, :n]) * number(x[:, n:]),
    "squarer": lambda x, n: number(x) ** 2,
    "popcount": lambda x, n: x.sum(axis=1),
    "majority": lambda x, n: x.sum(axis=1) > n // 2,
    "sorter": lambda x, n: (1 << x.sum(axis=1).astype(np.int64)) - 1,
    "comparator": lambda x, n: (
        (number(x[:, :n]) < number(x[:, n:])) + 2 * (number(x[:, :n]) == number(x[:, n:]))
    ),
    "priority": lambda x, n: np.where(
        x.any(axis=1), x.argmax(axis=1) + (1 << (n - 1).bit_length()), 0
    ),
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_circuits_compute_what_they_are_called(name):
    """On random vectors; a shifter moves a one, an arbiter grants one of the requests."""
    netlist = make_circuit(name)
    kind, size = CIRCUITS[name]
    random = np.random.default_rng(1)
    x = random.integers(0, 2, (200, netlist.n_inputs), dtype=np.uint8)
    if kind == "barrel_shifter":
        x[:, :size] = np.eye(size, dtype=np.uint8)[0]
    if kind == "arbiter":
        x[:, size:] = np.eye(size, dtype=np.uint8)[random.integers(size, size=200)]
    y = evaluate(netlist, x)
    if kind in EXPECTED and netlist.n_outputs < 60:
        assert (number(y) == EXPECTED[kind](x, size)).all()
    elif kind == "barrel_shifter":
        assert (y.argmax(axis=1) == number(x[:, size:]) % size).all()
        assert (y.sum(axis=1) == 1).all()
    elif kind == "arbiter":
        assert (y.sum(axis=1) == x[:, :size].any(axis=1)).all()
        assert (y <= x[:, :size]).all()
    else:
        assert netlist.n_cells > 0


def run(folder, *options):
    command = [sys.executable, str(BENCHMARKS / "optimise.py"), *map(str, options)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_scripts_are_compared_and_resumed(tmp_path):
    """Beside what was given, the first script and a reference; results that are there are not made again."""
    (tmp_path / "ref.csv").write_text("name,cells,depth\nadder_8,24,9\n")
    options = ("--circuit", "adder_8", "--script", "strash", "--script", "strash; detect")
    more = ("--reference", "ref.csv", "--prove", "--json", "r.json")
    first = run(tmp_path, *options, *more)
    assert first.returncode == 0, first.stderr
    results = json.loads((tmp_path / "r.json").read_text())
    assert [(each["circuit"], each["cells"], each["equal"]) for each in results] == [
        ("adder_8", results[0]["cells_before"], True),
        ("adder_8", 24, True),
    ]
    assert "adder_8" in first.stdout
    assert "reference" in first.stdout
    again = run(tmp_path, *options, *more, "--markdown")
    assert again.returncode == 0
    assert "| adder_8" in again.stdout
    assert again.stderr == ""
    assert run(tmp_path, "--circuit", "adder_9").returncode == 1
