"""The tables of smallest netlists over other cells than majorities."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import naive
import numpy as np
import pytest
from click.testing import CliRunner

from btfsynth.errors import DataError
from btfsynth.exact import make_table
from btfsynth.exact.synthesis import exact_gates
from btfsynth.exact.table import (
    gate_forms,
    load_table,
    make_gates,
    npn_classes,
    read_table,
    table_file,
    table_text,
)
from btfsynth.netlist.hashing import new_graph
from btfsynth.settings.table import Basis

BASES = [Basis.XMG, Basis.AIG, Basis.XAG]
KNUTH = {0: 2, 1: 2, 2: 5, 3: 20, 4: 34, 5: 75, 6: 72, 7: 12}
"""Classes by gates of two inputs: Knuth, The Art of Computer Programming 4A, 7.1.2, table 1."""


def function_of(gates) -> int:
    """The truth table of the one output."""
    return sum(row[0] << vector for vector, row in enumerate(naive.gate_table(gates)))


@pytest.mark.parametrize("basis", BASES)
def test_every_entry_is_what_its_line_says(basis):
    """Function by the naive evaluator, cells of the basis, bounds below the sizes; the file as written."""
    entries = load_table(basis)
    assert [entry.table for entry in entries] == npn_classes().representatives.tolist()
    for entry in entries:
        assert function_of(entry.netlist) == entry.table
        assert entry.netlist.basis is basis
        assert entry.bound <= entry.cells
    path = Path(make_table.__file__).with_name(table_file(basis))
    assert table_text(entries, basis) == path.read_text(encoding="utf-8")


def test_two_input_gates_are_as_many_as_known():
    """All sizes of xag and xmg are proven, and those of xag are the ones of the literature."""
    assert Counter(entry.cells for entry in load_table(Basis.XAG)) == KNUTH
    assert all(entry.optimal for basis in (Basis.XAG, Basis.XMG) for entry in load_table(basis))


def test_bases_are_ordered():
    """More kinds of cells never need more of them."""
    maj, xmg, aig, xag = (load_table(each) for each in (Basis.MAJ, *BASES))
    for m, x, a, g in zip(maj, xmg, aig, xag, strict=True):
        assert x.cells <= min(m.cells, g.cells)
        assert max(m.cells, g.cells) <= a.cells


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize(
    ("table", "inputs", "sizes"),
    [
        (0x96, 3, {Basis.XMG: 1, Basis.AIG: 6, Basis.XAG: 2}),
        (0xE8, 3, {Basis.XMG: 1, Basis.AIG: 4, Basis.XAG: 4}),
        (0xCA, 3, {Basis.XMG: 2, Basis.AIG: 3, Basis.XAG: 3}),
        (0x6996, 4, {Basis.XMG: 2, Basis.XAG: 3}),
        (0x0016, 4, {Basis.XMG: 4, Basis.AIG: 7, Basis.XAG: 5}),
    ],
)
def test_exact_sizes(basis, table, inputs, sizes):
    """Found by SAT, with every smaller size excluded."""
    if basis in sizes:
        found = exact_gates(table, inputs, basis, 7)
        assert (found.netlist.n_cells, found.optimal) == (sizes[basis], True)
        assert function_of(found.netlist) == table


def evaluate(graph, literal: int, values: dict[int, int]) -> int:
    """The table of a literal of a graph with parities."""
    node = literal >> 1
    if node not in values:
        fanin = graph.fanins[node].tolist()
        a, b, c = (evaluate(graph, lit, values) for lit in fanin)
        values[node] = a ^ b ^ c if fanin[0] > fanin[2] else a & b | a & c | b & c
    return values[node] ^ 0xFFFF * (literal & 1)


@pytest.mark.parametrize("basis", BASES)
def test_every_form_computes_every_function(basis):
    """All forms of a function of each class, in no more cells than the class takes."""
    library, random = gate_forms(basis), np.random.default_rng(0)
    inputs = np.array([0, 2, 4, 6, 8], dtype=np.int64)
    local = np.zeros(32, dtype=np.int64)
    classes = npn_classes()
    for row in range(222):
        table = int(random.choice(np.flatnonzero(classes.number == row)))
        for form in range(library.start[row], library.start[row + 1]):
            graph = new_graph(5, 24)
            made = make_gates(graph, library, table, form, inputs, local)
            values = {0: 0, 1: 0xAAAA, 2: 0xCCCC, 3: 0xF0F0, 4: 0xFF00}
            assert evaluate(graph, int(made), values) == table
            assert graph.made[0] - 5 <= library.size[row]


def test_the_program_improves_a_table(tmp_path):
    """One class is put together plainly; the program settles it, as a class of its own basis."""
    entries = {entry.table: entry for entry in load_table(Basis.XAG)}
    entries[0x0016] = make_table.TableEntry(0x0016, make_table.expanded(0x0016, Basis.XAG), 0, 0)
    path = tmp_path / "table.txt"
    path.write_text(table_text(entries.values(), Basis.XAG), encoding="utf-8")
    options = ["--basis", "xag", "--output", str(path), "--conflicts", "200"]
    ran = CliRunner().invoke(make_table.main, options)
    assert ran.exit_code == 0, ran.output
    options[-1] = "20000"
    found = {e.table: e for e in read_table(path.read_text("utf-8"), "t", Basis.XAG)}
    improved = make_table.improved(found[0x0016], 20_000, Basis.XAG)
    assert (improved.cells, improved.bound) == (5, 5)


@pytest.mark.parametrize(
    ("basis", "old", "new", "message"),
    [
        (Basis.XMG, "=[", "=<", "expected table, four figures and a netlist|no cell|expected cell"),
        (Basis.AIG, "=<0 ", "=<a ", "no cell in normal form|computes"),
        (Basis.XAG, "=[0 ", "=[b ", "no cell in normal form|computes"),
    ],
)
def test_damaged_files_are_refused(basis, old, new, message):
    """A cell that is not of the basis, or no cell."""
    text = table_text(load_table(basis), basis)
    assert old in text
    with pytest.raises(DataError, match=message):
        read_table(text.replace(old, new, 1), "t", basis)


def test_the_documentation_has_the_counts():
    """Classes by cells and how many are proven, as the page says."""
    page = (Path(__file__).parents[3] / "docs" / "exact.md").read_text(encoding="utf-8")
    rows = [
        line.strip("| ").split("|")
        for line in page.splitlines()
        if line.startswith("| x") or line.startswith("| aig")
    ]
    listed = {
        row[0].strip(): [int(cell) if cell.strip() else 0 for cell in row[1:]] for row in rows
    }
    for basis in BASES:
        sizes = Counter(entry.cells for entry in load_table(basis))
        proven = sum(entry.optimal for entry in load_table(basis))
        assert listed[basis.value] == [*(sizes[size] for size in range(12)), proven]
