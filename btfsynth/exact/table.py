"""The smallest netlists of all functions of four inputs, read from a file.

``npn4.txt`` has a line for each of the 222 NPN classes: the table of the representative in hexadecimal,
cells, the lower bound on the cells proven by SAT, depth, the lower bound on the depth at that size, and the
netlist. Its inputs are ``a`` (least significant) to ``d``, its cells ``e``, ``f`` and so on, ``<x y z>`` is a
majority and ``!`` a complement::

    0007 3 3 2 2 e=<0 a b> f=<!0 c d> g=<!0 e f> = !g

Three files of the same form are for other cells (`btfsynth.settings.table.Basis`): ``npn4_xmg.txt``,
``npn4_aig.txt`` and ``npn4_xag.txt``, where ``[x y z]`` is a parity and ``[0 x y]`` a parity of two inputs.
`btfsynth.exact.make_table` generates these files.

Two functions are in one *NPN class* if one becomes the other by complementing inputs, permuting them and
complementing the result: 222 classes. A netlist of one member implements any other with other literals.

Because majority is self-dual, classes can be merged further: a netlist of majorities is a self-dual function of
its inputs and the constant, which can be permuted like an input. All members of such a *self-dual class* need
the same cells and depth: 83 classes of functions of four inputs (Goto and Takahasi, "Some
theorems useful in threshold logic for enumerating Boolean functions", IFIP 1962).

Compiled code gets every class with all of its forms: as majorities (`form_library`), or over the cells of a
basis (`gate_forms`). A graph (see `btfsynth.netlist.hashing`) also holds parities, as cells with descending
literals (see `btfsynth.netlist.gates`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import permutations
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import DataError
from btfsynth.netlist.gates import AnyNetlist, GateBuilder, gate_output_words
from btfsynth.netlist.hashing import cell_of, majority
from btfsynth.netlist.kernels import majority_of, value_of
from btfsynth.netlist.simulation import exhaustive_words
from btfsynth.netlist.views import depth_of
from btfsynth.ports import Port
from btfsynth.settings.table import Basis

CLASS_INPUTS = 4
"""Inputs of the functions."""

_TABLES = 1 << (1 << CLASS_INPUTS)
_VECTORS = 1 << CLASS_INPUTS


@dataclass(frozen=True, eq=False)
class FunctionClasses:
    """A partition of all functions, with the transformation of each to its representative.

    - `representatives`: ``(classes,)`` uint16 tables, ascending, each the minimum of its class.
    - `number`: ``(65536,)`` uint8, the class of every table.
    - `transformation`: ``(65536,)`` int16, a row of `leaves` and `flips`.
    - `leaves`: ``(transformations, 5)`` int8, the replacement of each local node of a netlist of the
      representative: 0 the constant false and 1 to 4 the inputs.
    - `flips`: ``(transformations, 6)`` int8, whether each local node is complemented, and last the result.
    - `sources`: ``(transformations, 16)`` int8, the vector at which each value of the transformed function is
      read, over all local nodes, the constant least significant; a vector with a 1 there means the complement
      of the value at the complemented inputs.
    """

    representatives: NDArray[np.uint16]
    number: NDArray[np.uint8]
    transformation: NDArray[np.int16]
    leaves: NDArray[np.int8]
    flips: NDArray[np.int8]
    sources: NDArray[np.int8]

    def stabiliser(self, table: int) -> NDArray[np.int64]:
        """Return the rows of ``leaves`` and ``flips`` that leave a function unchanged."""
        return np.flatnonzero(_members(table, self.sources, self.flips[:, -1]) == table)


@cache
def npn_classes() -> FunctionClasses:
    inputs = range(1, CLASS_INPUTS + 1)
    return _classes([(0, *order) for order in permutations(inputs)])


@cache
def self_dual_classes() -> FunctionClasses:
    return _classes(list(permutations(range(CLASS_INPUTS + 1))))


def _classes(orders: list[tuple[int, ...]]) -> FunctionClasses:
    """Partition the functions by permutations of local nodes, and all complements."""
    sources, leaves, flips = _transformations(orders)
    number = np.zeros(_TABLES, dtype=np.uint8)
    chosen = np.full(_TABLES, -1, dtype=np.int16)
    representatives: list[int] = []
    for table in range(_TABLES):
        if chosen[table] >= 0:
            continue
        members = _members(table, sources, flips[:, -1])
        tables, first = np.unique(members, return_index=True)
        number[tables] = len(representatives)
        chosen[tables] = first
        representatives.append(table)
    return FunctionClasses(
        np.array(representatives, dtype=np.uint16), number, chosen, leaves, flips, sources
    )


def _transformations(
    orders: list[tuple[int, ...]],
) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int8]]:
    vectors = np.arange(_VECTORS) << 1
    sources, leaves, flips = [], [], []
    for order in orders:
        moved = sum((vectors >> leaf & 1) << node for node, leaf in enumerate(order))
        for complements in range(_VECTORS):
            for result in (0, 1):
                # Complements of all local nodes are one of the result: node 0 needs none of its own.
                sources.append(moved ^ complements << 1)
                leaves.append(order)
                inputs = [complements >> bit & 1 for bit in range(CLASS_INPUTS)]
                flips.append([0, *inputs, result])
    return (
        np.array(sources, dtype=np.int8),
        np.array(leaves, dtype=np.int8),
        np.array(flips, dtype=np.int8),
    )


def _members(table: int, sources: NDArray[np.int8], results: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the result of every transformation of a function."""
    bits = table >> np.arange(_VECTORS) & 1
    dual = np.empty(2 * _VECTORS, dtype=np.int64)
    dual[0::2], dual[1::2] = bits, 1 - bits[::-1]
    values = dual[sources] ^ results[:, None]
    members: NDArray[np.int64] = (values << np.arange(_VECTORS)).sum(axis=1)
    return members


TABLE_FILE = "npn4.txt"
"""Name of the file in this package."""

_GRAPHS = {
    Basis.MAJ: "majority-inverter graphs",
    Basis.XMG: "graphs of majorities and parities of two and three",
    Basis.AIG: "and-inverter graphs",
    Basis.XAG: "graphs of ANDs, ORs and parities of two",
}
_HEAD = """\
# Smallest {} of the 222 NPN classes of functions of four inputs.
# representative, cells, cells proven necessary, depth, depth proven necessary at that size, netlist
"""
_ALL = (1 << (1 << CLASS_INPUTS)) - 1
_NODES = "0abcdefghijklmnopqrstuvwxyz"
_WORD = r"(!?[0-9a-z])"
_CELL = re.compile(rf"([a-z])=(?:<{_WORD} {_WORD} {_WORD}>|\[{_WORD} {_WORD} {_WORD}\])\Z")
_LINE = re.compile(
    r"([0-9a-f]{4}) (\d+) (\d+) (\d+) (\d+) ((?:[a-z]=(?:<[^<>=]*>|\[[^][=]*\]) )*)= (!?[0a-z])\Z"
)


@dataclass(frozen=True, eq=False)
class TableEntry:
    """One class: its representative and the smallest known netlist of four inputs and one output.

    `bound` is a lower bound on the cells, and `depth_bound` on the depth at that size, 0 if unknown.
    """

    table: int
    netlist: AnyNetlist
    bound: int
    depth_bound: int

    @property
    def cells(self) -> int:
        return self.netlist.n_cells

    @property
    def depth(self) -> int:
        return depth_of(self.netlist)

    @property
    def optimal(self) -> bool:
        return self.cells == self.bound

    @property
    def settled(self) -> bool:
        return self.optimal and self.depth == self.depth_bound


def table_file(basis: Basis) -> str:
    """Return the name of the file of a basis in this package."""
    return TABLE_FILE if basis is Basis.MAJ else f"npn4_{basis.value}.txt"


@cache
def load_table(basis: Basis = Basis.MAJ) -> tuple[TableEntry, ...]:
    """Return a table of this package, read and checked once per process."""
    name = table_file(basis)
    text = files("btfsynth.exact").joinpath(name).read_text(encoding="utf-8")
    return read_table(text, name, basis)


def read_table(text: str, path: str, basis: Basis = Basis.MAJ) -> tuple[TableEntry, ...]:
    """Read a table, an entry per class, representatives ascending; every netlist is simulated.

    A `DataError` if a line is malformed, a netlist does not match its line, or a class is missing or
    duplicate.
    """
    wanted = npn_classes().representatives.tolist()
    entries: list[TableEntry] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        entry = _read_line(line, path, number, basis)
        expected = wanted[len(entries)] if len(entries) < len(wanted) else None
        if entry.table != expected:
            told = "no more lines" if expected is None else f"class {expected:04x}"
            raise DataError(f"expected {told}, got {entry.table:04x}", path, number)
        entries.append(entry)
    if len(entries) < len(wanted):
        raise DataError(f"expected {len(wanted)} classes, got {len(entries)}", path)
    return tuple(entries)


def table_text(entries: Iterable[TableEntry], basis: Basis = Basis.MAJ) -> str:
    return _HEAD.format(_GRAPHS[basis]) + "".join(_line(entry) for entry in entries)


def netlist_table(netlist: AnyNetlist) -> int:
    words = gate_output_words(netlist, exhaustive_words(CLASS_INPUTS))
    return int(words[0, 0]) & _ALL


def _line(entry: TableEntry) -> str:
    netlist = entry.netlist
    figures = f"{entry.cells} {entry.bound} {entry.depth} {entry.depth_bound}"
    cells = "".join(
        f"{_NODES[netlist.first_cell + number]}={_cell_text(fanin)} "
        for number, fanin in enumerate(netlist.fanins.tolist())
    )
    return f"{entry.table:04x} {figures} {cells}= {_name(int(netlist.outputs[0]))}\n"


def _cell_text(fanin: Sequence[int]) -> str:
    names = " ".join(map(_name, sorted(fanin)))
    return f"[{names}]" if fanin[0] > fanin[2] else f"<{names}>"


def _name(literal: int) -> str:
    return "!" * (literal & 1) + _NODES[literal >> 1]


def _read_line(line: str, path: str, number: int, basis: Basis) -> TableEntry:
    match = _LINE.match(line)
    if match is None:
        raise DataError(f"expected table, four figures and a netlist, got {line!r}", path, number)
    table = int(match[1], 16)
    cells, bound, depth, depth_bound = (int(match[group]) for group in (2, 3, 4, 5))
    builder = GateBuilder(f"npn4_{match[1]}", [Port("x", CLASS_INPUTS)], [Port("y", 1)], basis)
    for made, text in enumerate(re.findall(r"\S+=[<[][^]>]*[]>]", match[6])):
        cell = _CELL.match(text)
        own = 1 + CLASS_INPUTS + made
        if cell is None or own >= len(_NODES) or cell[1] != _NODES[own]:
            raise DataError(f"expected cell {_NODES[own : own + 1]!r}, got {text!r}", path, number)
        parity = cell[2] is None
        read = [_literal(name, own, path, number) for name in cell.groups()[1:] if name]
        literal = builder.xor(*read) if parity else builder.maj(*read)
        if literal != 2 * own or builder.n_cells != made + 1:
            raise DataError(f"{text} is no cell in normal form", path, number)
    output = _literal(match[7], 1 + CLASS_INPUTS + builder.n_cells, path, number)
    gates = builder.build([output])
    netlist = gates.as_netlist() if basis is Basis.MAJ else gates
    entry = TableEntry(table, netlist, bound, depth_bound)
    if (entry.cells, entry.depth) != (cells, depth):
        told = f"{entry.cells} cells and depth {entry.depth}"
        raise DataError(f"expected {cells} cells and depth {depth}, got {told}", path, number)
    if bound > cells or depth_bound > depth:
        raise DataError(f"a bound is above what the netlist has: {line!r}", path, number)
    if netlist_table(entry.netlist) != table:
        found = netlist_table(entry.netlist)
        raise DataError(f"the netlist computes {found:04x}, not {table:04x}", path, number)
    return entry


def _literal(name: str, n_nodes: int, path: str, number: int) -> int:
    node = _NODES.find(name[-1], 0, n_nodes)
    if node < 0:
        raise DataError(f"{name} does not exist yet", path, number)
    return 2 * node + (len(name) - 1)


_FIRST = 1 + CLASS_INPUTS
_INPUT_TABLES = (0x0000, 0xAAAA, 0xCCCC, 0xF0F0, 0xFF00)


class FormLibrary(NamedTuple):
    """The smallest netlists of every class as arrays, and the class and transformation of every function.

    A transformation that leaves the representative unchanged gives another netlist of the same function. Which
    one is best depends on the cells that exist already (the sum of a full adder reads whichever majority is its
    carry), so all of them are listed, including those of the self-dual class.
    """

    number: NDArray[np.uint8]
    transformation: NDArray[np.int16]
    leaves: NDArray[np.int8]
    flips: NDArray[np.int8]
    """These four as in `btfsynth.exact.table.FunctionClasses`."""
    size: NDArray[np.int8]  # ``(classes,)``, cells
    start: NDArray[np.int32]
    """``(classes + 1,)``: the forms of a class are rows ``start[class]`` to ``start[class + 1]``."""
    cells: NDArray[np.int8]
    """``(forms, most cells, 3)`` literals over the local nodes: the constant, the inputs, the cells."""
    output: NDArray[np.int8]  # ``(forms,)``, the literal of the result


_Cells = list[tuple[int, int, int]]
_Form = tuple[_Cells, int]


@cache
def form_library() -> FormLibrary:
    classes, entries = npn_classes(), load_table()
    forms = [all_forms(entry, self_dual_classes()) for entry in entries]
    return FormLibrary(
        classes.number,
        classes.transformation,
        classes.leaves,
        classes.flips,
        *_as_arrays(entries, forms),
    )


def _as_arrays(entries: Sequence[TableEntry], forms: Sequence[Sequence[_Form]]) -> Any:
    """Return sizes, starts, cells and outputs of the forms of all classes (see `FormLibrary`)."""
    rows = [form for group in forms for form in group]
    cells = np.zeros((len(rows), max(entry.cells for entry in entries), 3), dtype=np.int8)
    for row, (made, _) in enumerate(rows):
        cells[row, : len(made)] = np.array(made, dtype=np.int8).reshape(-1, 3)
    size = np.array([entry.cells for entry in entries], dtype=np.int8)
    start = np.cumsum([0, *(len(group) for group in forms)], dtype=np.int32)
    return size, start, cells, np.array([output for _, output in rows], dtype=np.int8)


def all_forms(entry: TableEntry, classes: FunctionClasses) -> list[tuple[_Cells, int]]:
    """Return the netlists of an entry under the transformations that leave its function unchanged.

    Forms whose cells compute the same signals up to complements are merged.
    """
    fanins, output = entry.netlist.fanins.tolist(), int(entry.netlist.outputs[0])
    found: dict[tuple[int, ...], tuple[_Cells, int]] = {}
    for row in [0, *classes.stabiliser(entry.table).tolist()]:  # row 0 changes nothing
        flips = classes.flips[row].tolist()
        names = [
            2 * leaf ^ flip for leaf, flip in zip(classes.leaves[row].tolist(), flips, strict=False)
        ]
        names += [2 * node for node in range(_FIRST, _FIRST + len(fanins))]
        cells, signals = [], list(_INPUT_TABLES)
        for fanin in fanins:
            a, b, c = (value_of(names, literal) for literal in fanin)
            x, y, z = (signals[lit >> 1] ^ _ALL * (lit & 1) for lit in (a, b, c))
            cells.append((a, b, c))
            signals.append(x ^ y ^ z if fanin[0] > fanin[2] else majority_of(x, y, z))
        key = tuple(sorted(min(signal, signal ^ _ALL) for signal in signals[_FIRST:]))
        result = value_of(names, output) ^ flips[-1]
        found.setdefault(key, (cells, result))
    return list(found.values())


@numba.njit(cache=True, nogil=True)
def make_form(graph: Any, library: Any, table: Any, form: Any, inputs: Any, local: Any) -> Any:
    """Make a smallest netlist of a function in a graph; returns its literal. Modifies the graph.

    graph: see `btfsynth.netlist.hashing`; library: `FormLibrary`; form: a row of the function's class; inputs:
    int64 (5,), literals of the constant false and the inputs, any value for inputs that the function does not
    depend on; local: int64, at least 5 elements and one per cell, modified.
    """
    number, transformation, leaves, flips, size, _, cells, output = library
    way = transformation[table]
    for node in range(_FIRST):
        local[node] = inputs[leaves[way, node]] ^ flips[way, node]
    for cell in range(size[number[table]]):
        a, b, c = cells[form, cell, 0], cells[form, cell, 1], cells[form, cell, 2]
        local[_FIRST + cell] = majority(
            graph, value_of(local, a), value_of(local, b), value_of(local, c)
        )
    return value_of(local, output[form]) ^ flips[way, _FIRST]


class GateForms(NamedTuple):
    """The forms of every class; the first seven fields are those of `btfsynth.exact.table.FormLibrary`."""

    number: NDArray[np.uint8]
    transformation: NDArray[np.int16]
    leaves: NDArray[np.int8]
    flips: NDArray[np.int8]
    size: NDArray[np.int8]
    start: NDArray[np.int32]
    cells: NDArray[np.int8]
    parity: NDArray[np.uint8]  # ``(forms, most cells)``, 1 for a parity
    output: NDArray[np.int8]
    majorities: bool  # whether the basis has majorities of three signals
    parities: bool  # whether it has parities


@cache
def gate_forms(basis: Basis) -> GateForms:
    """Return the forms of a basis; read and checked once per process."""
    classes, entries = npn_classes(), load_table(basis)
    kept = self_dual_classes() if basis.three else classes
    forms = [all_forms(entry, kept) for entry in entries]
    size, start, cells, output = _as_arrays(entries, forms)
    parity = np.zeros(cells.shape[:2], dtype=np.uint8)
    for number, entry in enumerate(entries):
        fanins = entry.netlist.fanins
        parity[start[number] : start[number + 1], : len(fanins)] = fanins[:, 0] > fanins[:, 2]
    return GateForms(
        classes.number,
        classes.transformation,
        classes.leaves,
        classes.flips,
        size,
        start,
        cells,
        parity,
        output,
        basis.three,
        basis.parities,
    )


@numba.njit(cache=True, nogil=True)
def parity_cell(graph: Any, a: Any, b: Any, c: Any) -> Any:
    """Return the literal of a parity; makes a cell if needed. Modifies the graph."""
    flip = (a ^ b ^ c) & 1
    x, y, z = a & ~1, b & ~1, c & ~1
    if x < y:
        x, y = y, x
    if y < z:
        y, z = z, y
    if x < y:
        x, y = y, x
    if x == y:
        return np.int64(z ^ flip)
    if y == z:
        return np.int64(x ^ flip)
    return 2 * cell_of(graph, x, y, z) + flip


@numba.njit(cache=True, nogil=True)
def make_gates(graph: Any, library: Any, table: Any, form: Any, inputs: Any, local: Any) -> Any:
    """Make a smallest netlist of a function in a graph; returns its literal (see `make_form`)."""
    way = library.transformation[table]
    cells, parity, output = library.cells, library.parity, library.output
    for node in range(_FIRST):
        local[node] = inputs[library.leaves[way, node]] ^ library.flips[way, node]
    for cell in range(library.size[library.number[table]]):
        a = value_of(local, cells[form, cell, 0])
        b = value_of(local, cells[form, cell, 1])
        c = value_of(local, cells[form, cell, 2])
        if parity[form, cell]:
            local[_FIRST + cell] = parity_cell(graph, a, b, c)
        else:
            local[_FIRST + cell] = majority(graph, a, b, c)
    return value_of(local, output[form]) ^ library.flips[way, _FIRST]


_MAJORITY, _PARITY = np.int64(0xE8E8), np.int64(0x9696)


@numba.njit(cache=True, nogil=True)
def plain_gate(graph: Any, library: Any, parity: Any, fanin: Any, inputs: Any, local: Any) -> Any:
    """Make a cell directly, or as the first form of its function if the basis has no such cell.

    parity: whether it is one; fanin: int64 (3,), literals. Returns the literal; changes inputs and local.
    """
    a, b, c = fanin[0], fanin[1], fanin[2]
    constant = a <= 1 or b <= 1 or c <= 1
    if parity:
        if library.parities and (constant or library.majorities):
            return parity_cell(graph, a, b, c)
    elif constant or library.majorities:
        return majority(graph, a, b, c)
    for place in range(3):
        inputs[1 + place] = fanin[place]
    table = _PARITY if parity else _MAJORITY
    form = library.start[library.number[table]]
    return make_gates(graph, library, table, form, inputs, local)
