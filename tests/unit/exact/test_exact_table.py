"""The table of four inputs: classes, functions, sizes, and the proof of what the file claims."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import naive
import numpy as np
import pytest
from click.testing import CliRunner

from btfsynth.errors import DataError
from btfsynth.exact import make_table
from btfsynth.exact.synthesis import exact_netlist
from btfsynth.exact.table import (
    TABLE_FILE,
    TableEntry,
    form_library,
    load_table,
    make_form,
    npn_classes,
    read_table,
    self_dual_classes,
    table_text,
)
from btfsynth.netlist.hashing import new_graph
from btfsynth.netlist.views import statistics

PATH = Path(make_table.__file__).with_name(TABLE_FILE)
SIZES = {0: 2, 1: 2, 2: 5, 3: 18, 4: 42, 5: 117, 6: 35, 7: 1}
"""Classes by cells: Soeken et al., TCAD 36(11), 2017, table I."""


def function_of(netlist) -> int:
    """The truth table of the one output, by the naive simulator."""
    return sum(row[0] << vector for vector, row in enumerate(naive.truth_table(netlist)))


def swapped(table: int, p: int, q: int) -> int:
    """A function with two inputs exchanged."""
    found = 0
    for vector in range(16):
        differ = (vector >> p ^ vector >> q) & 1
        found |= (table >> (vector ^ differ << p ^ differ << q) & 1) << vector
    return found


def complemented(table: int, p: int) -> int:
    """A function with one input complemented."""
    return sum((table >> (vector ^ 1 << p) & 1) << vector for vector in range(16))


def test_there_are_222_and_83_classes() -> None:
    """Their members are all functions; the self-dual classes are joins of the NPN ones."""
    npn, dual = npn_classes(), self_dual_classes()
    assert (len(npn.representatives), len(dual.representatives)) == (222, 83)
    for classes in (npn, dual):
        members = classes.representatives[classes.number]
        assert (members <= np.arange(65536)).all()
        assert (members[classes.representatives] == classes.representatives).all()
    assert len(set(zip(npn.number.tolist(), dual.number.tolist(), strict=True))) == 222


def test_npn_classes_are_closed_under_what_defines_them() -> None:
    """Exchanged and complemented inputs and a complemented result stay in the class."""
    number = npn_classes().number
    for table in range(0, 65536, 97):
        others = [table ^ 0xFFFF]
        others += [swapped(table, p, p + 1) for p in range(3)]
        others += [complemented(table, p) for p in range(4)]
        assert {number[other] for other in others} == {number[table]}


def test_every_entry_is_what_its_line_says() -> None:
    """Function by the naive simulator, figures, and the distribution known from the literature."""
    entries = load_table()
    assert [entry.table for entry in entries] == npn_classes().representatives.tolist()
    for entry in entries:
        assert function_of(entry.netlist) == entry.table
        assert entry.bound <= entry.cells
        assert entry.depth_bound <= entry.depth
    assert Counter(entry.cells for entry in entries) == SIZES


def test_all_sizes_and_depths_are_proven() -> None:
    """The claim of the file: every class is settled."""
    assert all(entry.settled for entry in load_table())


def test_the_file_is_as_it_would_be_written() -> None:
    """Reading and writing gives the same bytes."""
    assert table_text(load_table()) == PATH.read_text(encoding="utf-8")


def prove(entry: TableEntry) -> None:
    """Ask the solver anew whether fewer cells, or less depth at that size, would do."""
    fewer = exact_netlist([entry.table], 4, entry.cells - 1)
    assert fewer.netlist is None
    assert fewer.bound == entry.cells
    if entry.depth > 1:
        lower = exact_netlist(
            [entry.table],
            4,
            entry.cells,
            min_cells=entry.cells,
            max_depth=entry.depth - 1,
        )
        assert lower.netlist is None
        assert lower.bound == entry.cells + 1


def prove_all(cells: int) -> None:
    """Do so for every class of a size, of which there are as many as the literature has."""
    entries = [entry for entry in load_table() if entry.cells == cells]
    assert len(entries) == SIZES[cells]
    for entry in entries:
        prove(entry)


@pytest.mark.parametrize("cells", [1, 2, 3, 4])
def test_small_sizes_are_optimal(cells: int) -> None:
    """Each class by itself, without the joins by self-duality."""
    prove_all(cells)


@pytest.mark.long
@pytest.mark.parametrize("cells", [5, 6, 7])
@pytest.mark.timeout(1800)
def test_large_sizes_are_optimal(cells: int) -> None:
    """Each class by itself, without the joins by self-duality."""
    prove_all(cells)


def evaluate(graph, literal: int, values: dict[int, int]) -> int:
    """The table of a literal of a graph."""
    node = literal >> 1
    if node not in values:
        a, b, c = (evaluate(graph, int(lit), values) for lit in graph.fanins[node])
        values[node] = a & b | a & c | b & c
    return values[node] ^ 0xFFFF * (literal & 1)


def test_every_form_computes_every_function() -> None:
    """All forms of many functions of each class, in no more cells than the class takes."""
    library, random = form_library(), np.random.default_rng(0)
    inputs = np.array([0, 2, 4, 6, 8], dtype=np.int64)
    local = np.zeros(16, dtype=np.int64)
    classes = npn_classes()
    for row in range(222):
        members = np.flatnonzero(classes.number == row)
        for table in random.choice(members, min(3, len(members)), replace=False).tolist():
            for form in range(library.start[row], library.start[row + 1]):
                graph = new_graph(5, 16)
                made = make_form(graph, library, table, form, inputs, local)
                values = {0: 0, 1: 0xAAAA, 2: 0xCCCC, 3: 0xF0F0, 4: 0xFF00}
                assert evaluate(graph, int(made), values) == table
                assert graph.made[0] - 5 <= library.size[row]


def test_the_forms_of_a_class_are_different() -> None:
    """XOR3 has one for each choice of what it shares."""
    library = form_library()
    row = npn_classes().number[0x6969]
    forms = library.cells[library.start[row] : library.start[row + 1]]
    assert len(np.unique(forms.reshape(len(forms), -1), axis=0)) == len(forms) > 3


@pytest.mark.parametrize("table", [0x0000, 0x0001, 0x0016, 0x8117, 0x6996, 0xFEDC])
def test_what_can_be_said_without_a_solver_is_right(table: int) -> None:
    """The last input chooses between smallest forms of three: eleven cells at most."""
    netlist = make_table.expanded(table)
    assert function_of(netlist) == table
    assert netlist.n_cells <= 11


def test_an_entry_is_improved_step_by_step() -> None:
    """With few conflicts the bound rises and the netlist stays; without limit both are settled."""
    start = TableEntry(0x0016, make_table.expanded(0x0016), 0, 0)
    some = make_table.improved(start, conflicts=10)
    assert 0 < some.bound < 4 < some.cells
    done = make_table.improved(some)
    assert done.settled
    assert (done.cells, done.depth) == (4, 3)
    assert function_of(done.netlist) == 0x0016
    assert make_table.improved(done) is done


def test_members_take_over_netlist_and_proof() -> None:
    """From 83 entries to 222: functions, sizes and depths."""
    entries = {entry.table: entry for entry in load_table()}
    wanted = {table: entries[table] for table in self_dual_classes().representatives.tolist()}
    for made, known in zip(make_table.with_members(wanted), load_table(), strict=True):
        assert function_of(made.netlist) == made.table == known.table
        assert made.cells == known.cells
        assert made.depth == known.depth


def forget(tables: set[int]) -> str:
    """The file as if some classes had not been worked on."""
    entries = {entry.table: entry for entry in load_table()}
    for table in tables:
        entries[table] = TableEntry(table, make_table.expanded(table), 0, 0)
    return table_text(make_table.with_members(entries))


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_program_works_on_what_is_open(tmp_path: Path, jobs: int) -> None:
    """Two classes are settled again, the others left alone, whatever the number of processes."""
    path = tmp_path / "npn4.txt"
    path.write_text(forget({0x0007, 0x0019}), encoding="utf-8")
    ran = CliRunner().invoke(make_table.main, ["--output", str(path), "--jobs", str(jobs)])
    assert ran.exit_code == 0, ran.output
    assert "make_table: 83 of 83: 6996: 6 cells, depth 4, proven" in ran.output
    text = path.read_text(encoding="utf-8")
    found = read_table(text, "npn4.txt")
    figures = [(e.cells, e.bound, e.depth, e.depth_bound) for e in found]
    assert figures == [(e.cells, e.bound, e.depth, e.depth_bound) for e in load_table()]


def test_the_program_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    """One line, exit code 2."""
    path = tmp_path / "npn4.txt"
    path.write_text("0000 0 0 0 0 = 0\n", encoding="utf-8")
    ran = CliRunner().invoke(make_table.main, ["--output", str(path)])
    assert ran.exit_code == 2
    assert ran.output == f"make_table: error: {path}: expected 222 classes, got 1\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0000 0 0 0 0 = 0", "nonsense", ":3: expected table, four figures and a netlist"),
        ("0000 0 0 0 0 = 0", "0000 0 0 0 0 = !0", ":3: the netlist computes ffff, not 0000"),
        ("0000 0 0 0 0 = 0", "0000 0 0 0 0 = e", ":3: e does not exist yet"),
        ("0000 0 0 0 0 = 0", "0000 1 0 0 0 = 0", ":3: expected 1 cells and depth 0, got 0 cells"),
        ("0000 0 0 0 0 = 0", "0000 0 1 0 0 = 0", ":3: a bound is above what the netlist has"),
        ("0000 0 0 0 0 = 0\n", "", ":3: expected class 0000, got 0001"),
        ("000f 1 1 1 1 e=<", "000f 1 1 1 1 f=<", "expected cell 'e', got 'f=<"),
        ("000f 1 1 1 1 e=<!0 c d>", "000f 1 1 1 1 e=<!0 !0 d>", "no cell in normal form"),
        ("000f 1 1 1 1 e=<!0 c d>", "000f 1 1 1 1 e=<!0 x d>", "x does not exist yet"),
    ],
)
def test_damaged_files_are_refused(old: str, new: str, message: str) -> None:
    """Line, what was expected and what came."""
    text = PATH.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(DataError, match=message):
        read_table(text.replace(old, new, 1), "t")


def test_a_class_too_many_is_refused() -> None:
    """After the last one nothing is expected."""
    text = PATH.read_text(encoding="utf-8")
    with pytest.raises(DataError, match="expected no more lines, got 6996"):
        read_table(text + text.splitlines()[-1] + "\n", "t")


def test_entries_are_immutable() -> None:
    """The table is shared."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_table()[0].bound = 3
    assert statistics(load_table()[-1].netlist).cells == 6
