"""Sweeping: merge signals that are proven equal over cuts or by SAT.

SAT sweeping: Kuehlmann, "Dynamic transition relation simplification for bounded property checking", ICCAD 2004;
Mishchenko, Chatterjee, Brayton and Een, "Improvements to combinational equivalence checking", ICCAD 2006.
Signals that agree on many vectors are candidates. In topological order each is compared with those of its class
that are still apart: by structural hashing; by the truth tables of both over a common cut of few signals; by
SAT on their cones, up to signals merged before. A vector that distinguishes two of them is simulated, with its
neighbours, on all signals and splits the classes.

Cut sweeping: Een, "Cut sweeping", Cadence Berkeley Labs, 2007. The netlist is rebuilt in topological order; a
cell whose function over one of its cuts is that of an earlier signal becomes that signal, so that cells above
find their leaves shared. It needs neither vectors nor a solver and is enough where only local replacements
changed a netlist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numba
import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import PassError
from btfsynth.netlist.cuts import Cuts, begin_cuts, cuts_of_cell, table_maps
from btfsynth.netlist.hashing import majority, new_graph, rebuild, roll_back, sorted_by_level
from btfsynth.netlist.kernels import complement_mask, majority_of, value_of, variable_word
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference, simulate
from btfsynth.passes.cones import DIFFERENT, EQUAL, UNDECIDED, ConeSolver, compare_cones, new_cones
from btfsynth.passes.goal import keep, require_options

_LEAVES = 4
_PER_NODE = 12
_ONES = (1 << (1 << _LEAVES)) - 1


def equal_over_cuts(netlist: Netlist) -> NDArray[np.int32]:
    """Return a literal of the first signal equal to each node, int32, as far as small cuts show."""
    n_nodes, first = netlist.n_nodes, netlist.first_cell
    cuts = Cuts(
        np.zeros(n_nodes + 1, dtype=np.int32),
        np.zeros((n_nodes + 1, _PER_NODE), dtype=np.int8),
        np.zeros((n_nodes + 1, _PER_NODE, _LEAVES), dtype=np.int32),
        np.zeros((n_nodes + 1, _PER_NODE), dtype=np.uint16),
    )
    slots = 1 << int(2 * _PER_NODE * n_nodes).bit_length()
    known = np.zeros(slots, dtype=np.int32)
    result = np.arange(n_nodes, dtype=np.int32) * 2
    _sweep(netlist.fanins, first, table_maps(_LEAVES), cuts, known, result)
    return result


@numba.njit(cache=True, nogil=True)
def _sweep(fanins: Any, first: Any, maps: Any, cuts: Any, known: Any, result: Any) -> None:
    """Rebuild the cells one by one. Modifies cuts, known and result.

    known: int32 ``(slots,)``, ``cuts per node * node + cut + 1`` by the hash of the cut; result: int32
    ``(nodes,)``, as `equal_over_cuts` returns it.
    """
    n_nodes = result.shape[0]
    graph = new_graph(first, n_nodes + 1)
    literal = np.arange(n_nodes, dtype=np.int64) * 2
    origin = np.arange(n_nodes + 1, dtype=np.int64) * 2  # of each node of the graph, in the netlist
    scratch = np.zeros((2, _LEAVES), dtype=np.int32)
    begin_cuts(first, maps, cuts)
    for node in range(first):
        _remember(cuts, node, known)
    for node in range(first, n_nodes):
        row = fanins[node - first]
        before = graph.made[0]
        made = majority(
            graph, value_of(literal, row[0]), value_of(literal, row[1]), value_of(literal, row[2])
        )
        if graph.made[0] > before:
            cuts_of_cell(graph.fanins[before], False, before, maps, cuts, True, scratch)
            equal = _find(cuts, before, known)
            if equal >= 0:
                roll_back(graph, before)
                made = equal ^ (made & 1)
            else:
                origin[before] = 2 * node ^ (made & 1)
                _remember(cuts, before, known)
        literal[node] = made
        result[node] = origin[made >> 1] ^ (made & 1)


@numba.njit(cache=True, nogil=True)
def _slot(cuts: Any, node: Any, cut: Any, known: Any) -> Any:
    """Return where a cut is among those known, or where there is room for it."""
    size, leaves, tables = cuts.size[node, cut], cuts.leaves[node, cut], cuts.tables[node, cut]
    table = tables ^ (_ONES if tables & 1 else 0)
    key = np.uint64(table)
    for place in range(size):
        key = (key ^ np.uint64(leaves[place])) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    mask = np.uint64(known.shape[0] - 1)
    slot = key & mask
    while known[slot]:
        other, which = divmod(known[slot] - 1, _PER_NODE)
        there = cuts.tables[other, which]
        same = cuts.size[other, which] == size and there ^ (_ONES if there & 1 else 0) == table
        for place in range(size):
            same = same and cuts.leaves[other, which, place] == leaves[place]
        if same:
            return slot
        slot = (slot + np.uint64(1)) & mask
    return slot


@numba.njit(cache=True, nogil=True)
def _find(cuts: Any, node: Any, known: Any) -> Any:
    """Return the literal of an earlier node with a cut of this one and its function, -1 if there is none."""
    for cut in range(cuts.counts[node] - 1):
        slot = _slot(cuts, node, cut, known)
        if known[slot]:
            other, which = divmod(known[slot] - 1, _PER_NODE)
            return 2 * np.int64(other) ^ ((cuts.tables[node, cut] ^ cuts.tables[other, which]) & 1)
    return -1


@numba.njit(cache=True, nogil=True)
def _remember(cuts: Any, node: Any, known: Any) -> None:
    """Add the cuts of a node to those known. Modifies known."""
    for cut in range(cuts.counts[node]):
        slot = _slot(cuts, node, cut, known)
        if not known[slot]:
            known[slot] = _PER_NODE * node + cut + 1


_MAX_WORDS = 64
_FEW = 5_000
"""Netlists of more nodes than this have candidates anyway."""


@dataclass(frozen=True)
class SatSweep:
    """Merge signals that are equal, or complements, on every input vector.

    Candidates come from the reference's vectors and from `words` random ones of 64 vectors each; each is
    proven within `conflicts`, 0 for no limit, before it is used (see `find_equal_signals`).
    """

    conflicts: int = 200
    words: int = 16
    seed: int = 1
    name: ClassVar[str] = "sat_sweep"
    structural: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_options(self, conflicts=0, seed=0, words=1)

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        hashed = sorted_by_level(rebuild(netlist))
        random = random_vectors(hashed.n_inputs, self.words, self.seed)
        vectors = np.concatenate([random, reference.inputs[:, :_MAX_WORDS]], axis=1)
        if hashed.n_nodes <= _FEW and _all_differ(simulate(hashed, vectors)):
            return rebuild(hashed)
        found = find_equal_signals(hashed, vectors, self.conflicts, self.seed)
        return rebuild(hashed, found.substitution)


_MAX_TRIED = 4
"""Signals of its class that one is compared with."""
_CUT = 12
"""Maximum signals of a common cut: 64 words of truth table."""
_CUT_CELLS = 100
"""Maximum cells above a common cut."""
_NEAR_CELLS, _NEAR_CONFLICTS = 300, 50
"""Cells and conflicts of the first question about two signals."""
_MOST_POOLED = 16
_NODES_POOLED = 4096
"""Nodes for each counterexample that waits for others, as all nodes are simulated for them."""

Words = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class EqualSignals:
    """Proven equalities: ``(nodes,)`` int32, a literal of the first signal equal to each node, else its own.

    `undecided` counts candidates that reached the conflict limit, `solved` those that SAT decided.
    """

    substitution: NDArray[np.int32]
    undecided: int
    solved: int


def random_vectors(n_inputs: int, words: int, seed: int) -> Words:
    random = np.random.Generator(np.random.PCG64(seed))
    return random.integers(0, 1 << 64, (n_inputs, words), dtype=np.uint64)


def _all_differ(values: Words) -> bool:
    """Return whether no two signals have the same signature or the complement's, by 64 bits of each."""
    plain = np.where((values[:, :1] & np.uint64(1)).astype(np.bool_), ~values, values)
    random = np.random.Generator(np.random.PCG64(0))
    factors = random.integers(0, 1 << 64, values.shape[1], dtype=np.uint64) | np.uint64(1)
    return len(np.unique((plain * factors).sum(axis=1))) == len(values)


def find_equal_signals(
    netlist: Netlist,
    inputs: Words,
    conflicts: int | None,
    seed: int = 1,
    sides: NDArray[np.uint8] | None = None,
) -> EqualSignals:
    """Prove as many signals equal as possible.

    The netlist is best sorted by level (see `btfsynth.netlist.hashing.sorted_by_level`), so that shallow
    signals replace deep ones. `inputs`, ``(input bits, words)`` uint64, are vectors to find candidates by.
    Pairs that hashing and common cuts do not prove are decided by a compiled solver on the latest cells of the
    cones (see `compare_cones`), and the rest by a second solver on whole cones with `conflicts`, 0 for no
    limit, None for no second solver. `sides`, ``(nodes,)`` uint8, is for two joined netlists: 1 for a signal of
    the first, 2 of the second, 3 of both; solvers then are asked only about pairs that make a signal one of
    both. A `PassError` if simulation does not confirm a vector of a solver.
    """
    given = np.zeros(netlist.n_nodes, dtype=np.uint8) if sides is None else sides.copy()
    work = _Work(netlist, inputs, conflicts, seed, given)
    work.run()
    return EqualSignals(work.substitution(), work.undecided, work.solved)


class _Work:
    """The netlist under reconstruction, and the classes of the remaining signals."""

    def __init__(
        self,
        netlist: Netlist,
        inputs: Words,
        conflicts: int | None,
        seed: int,
        sides: NDArray[np.uint8],
    ) -> None:
        self.netlist = netlist
        self.sides = sides
        self.random = np.random.Generator(np.random.PCG64(seed))
        first, n_nodes = netlist.first_cell, netlist.n_nodes
        self.graph = new_graph(first, n_nodes + 1)
        self.literal = np.arange(n_nodes, dtype=np.int64) * 2
        values = simulate(netlist, inputs) if inputs.shape[1] else np.zeros((n_nodes, 1), np.uint64)
        self.phase = (values[:, 0] & np.uint64(1)).astype(np.uint8)
        self.classes = np.zeros(n_nodes, dtype=np.int32)
        self.previous = np.full(n_nodes, -1, dtype=np.int32)
        self.rows = np.zeros(n_nodes + 1, dtype=np.int32)
        for word in range(values.shape[1]):
            _split(self.classes, self.previous, self.phase, np.ascontiguousarray(values[:, word]))
        self.solving = conflicts is not None
        self.solver = ConeSolver(self.graph, conflicts or 0)
        self.given_up: set[tuple[int, int]] = set()
        self.undecided = 0
        self.solved = 0
        self.limits = _NEAR_CELLS, _NEAR_CONFLICTS
        self.cones = new_cones(n_nodes + 1, *self.limits)
        pooled = min(_MOST_POOLED, 1 + n_nodes // _NODES_POOLED)
        self.pool = np.zeros((pooled, first - 1), dtype=np.uint8)
        self.counts = np.zeros(3, dtype=np.int64)
        self.done = first

    def run(self) -> None:
        node = self.netlist.first_cell
        try:
            while True:
                self.done = node
                keep(self._so_far)
                node = _advance(
                    self.netlist.fanins,
                    node,
                    self.graph,
                    self.literal,
                    (self.classes, self.previous, self.phase, self.sides),
                    self.rows,
                    (self.cones, self.limits, self.pool, self.counts),
                )
                if self.counts[_POOLED]:
                    self._learn(self.pool[: self.counts[_POOLED]])
                    self.counts[_POOLED] = 0
                elif node == self.netlist.n_nodes:
                    break
                else:
                    node = self._decide(node)
            self.done = node
            self.solved += int(self.counts[_SOLVED])
        finally:
            self.solver.close()

    def _learn(self, vectors: NDArray[np.uint8]) -> None:
        """Split the classes by counterexamples and their neighbours."""
        share = -(-64 // len(vectors))
        words = self._neighbourhood(np.repeat(vectors, share, axis=0)[:64].T, share)
        values = np.ascontiguousarray(simulate(self.netlist, words)[:, 0])
        if not _split(self.classes, self.previous, self.phase, values):
            raise PassError("a counterexample of the solver does not distinguish two signals")

    def _decide(self, node: int) -> int:
        """Compare a cell with the nearest of its class by the solver; return where to continue."""
        other = node
        for _ in range(_MAX_TRIED if self.solving else 0):
            other = int(self.previous[other])
            if other < 0:
                break
            if (node, other) in self.given_up or not _wanted(self.sides[node], self.sides[other]):
                continue
            wanted = int(self.literal[other]) ^ int(self.phase[node] ^ self.phase[other])
            equal, vector = self.solver.compare(int(self.literal[node]), wanted)
            if equal is None:
                self.given_up.add((node, other))
                continue
            self.solved += 1
            if vector is None:
                self.literal[node] = wanted
                self.classes[node] = -1
                self.sides[other] |= self.sides[node]
                return node + 1
            self._learn(vector[None, :])
            return node
        self.undecided += 1
        return node + 1

    def _neighbourhood(self, bits: NDArray[np.uint8], each: int) -> Words:
        """Return a word of vectors ``(inputs, 64)``, of which the first of `each` stay and others lose bits."""
        n_inputs = len(bits)
        share = 0.5 ** (1 + np.arange(64) % 6)
        flips = self.random.random((n_inputs, 64)) < share
        flips[:, ::each] = False
        octets = np.packbits(bits ^ flips.astype(np.uint8), axis=1, bitorder="little")
        return octets.view("<u8").astype(np.uint64)

    def _so_far(self) -> Netlist:
        return rebuild(self.netlist, self.substitution())

    def substitution(self) -> NDArray[np.int32]:
        """Return the first node of the netlist that each node became the same literal as, so far."""
        result = np.arange(self.netlist.n_nodes, dtype=np.int32) * 2
        _first_of_each(self.literal[: self.done], result)
        return result


@numba.njit(cache=True, nogil=True)
def _first_of_each(literal: Any, result: Any) -> None:
    """Turn literals of the graph into literals of the first node that became them. Modifies result."""
    origin = np.full(literal.shape[0] + 1, -1, dtype=np.int64)
    for node in range(literal.shape[0]):
        made = literal[node]
        if origin[made >> 1] < 0:
            origin[made >> 1] = 2 * node ^ (made & 1)
        result[node] = value_of(origin, made)


@numba.njit(cache=True, nogil=True)
def _split(classes: Any, previous: Any, phase: Any, values: Any) -> Any:
    """Split the classes by a word of new vectors; return whether it could. Modifies classes and previous.

    classes: int32 (nodes,), -1 for a node that is alone; previous: int32 (nodes,), the node before it
    in its class, -1 for the first; phase: uint8 (nodes,), whether a node is taken complemented; values:
    uint64 (nodes,).
    """
    n_nodes = classes.shape[0]
    slots = 16
    while slots < 2 * n_nodes:
        slots *= 2
    mask = np.uint64(slots - 1)
    table = np.full(slots, -1, dtype=np.int32)
    fresh = np.full(n_nodes, -1, dtype=np.int32)
    size = np.zeros(n_nodes, dtype=np.int32)
    count, former = 0, 0
    for node in range(n_nodes):
        if classes[node] < 0:
            continue
        former += previous[node] < 0
        value = values[node] ^ complement_mask(phase[node])
        key = (value ^ np.uint64(classes[node])) * np.uint64(0x9E3779B97F4A7C15)
        slot = (key ^ (key >> np.uint64(31))) & mask
        while True:
            other = table[slot]
            if other < 0:
                table[slot] = node
                fresh[node] = count
                count += 1
                break
            taken = values[other] ^ complement_mask(phase[other])
            if classes[other] == classes[node] and taken == value:
                fresh[node] = fresh[other]
                break
            slot = (slot + np.uint64(1)) & mask
        size[fresh[node]] += 1
    last = np.full(count, -1, dtype=np.int32)
    for node in range(n_nodes):
        group = fresh[node]
        classes[node] = -1
        previous[node] = -1
        if group >= 0 and size[group] > 1:
            classes[node] = group
            previous[node] = last[group]
            last[group] = node
    return count > former


@numba.njit(cache=True, nogil=True)
def _wanted(side: Any, other: Any) -> Any:
    """Return whether two signals should be compared: see sides in `find_equal_signals`."""
    return (side == 0) | ((side | other == 3) & (side & other != 3))


_POOLED, _SOLVED = 0, 1


@numba.njit(cache=True, nogil=True)
def _advance(
    fanins: Any, node: Any, graph: Any, literal: Any, groups: Any, rows: Any, near: Any
) -> Any:
    """Continue from a node to the next that only whole cones can decide, or until the pool is full.

    groups: classes, previous and phase, as for `_split`, and sides; rows: int32, a place for every node
    of the graph, for `_equal_over_cut`; near: (cones, limits, pool, counts), the first two as for
    `compare_cones`, pool uint8 (vectors, inputs) for counterexamples, counts int64. Modifies all but fanins.
    Returns where to go on, the end at last.
    """
    cones, limits, pool, counts = near
    first = graph.first
    classes, previous, phase, sides = groups
    tables = np.zeros((_CUT + _CUT_CELLS + 1, 1 << (_CUT - 6)), dtype=np.uint64)
    while node < literal.shape[0]:
        a, b, c = fanins[node - first, 0], fanins[node - first, 1], fanins[node - first, 2]
        made = majority(graph, value_of(literal, a), value_of(literal, b), value_of(literal, c))
        literal[node] = made
        other, apart = node, False
        for _ in range(_MAX_TRIED if classes[node] >= 0 else 0):
            # Those that have become another signal since stand in the class no more.
            while previous[other] >= 0 and classes[previous[other]] < 0:
                previous[other] = previous[previous[other]]
            other = previous[other]
            if other < 0:
                break
            wanted = literal[other] ^ (phase[node] ^ phase[other])
            equal = made == wanted or _equal_over_cut(graph, made, wanted, rows, tables)
            if not equal and _wanted(sides[node], sides[other]):
                found = compare_cones(graph, made, wanted, cones, limits, pool[counts[_POOLED]])
                equal = found == EQUAL
                counts[_SOLVED] += found != UNDECIDED
                apart = apart or found == UNDECIDED
                if found == DIFFERENT:
                    counts[_POOLED] += 1
                    if counts[_POOLED] == pool.shape[0]:
                        return node
            if equal:
                literal[node] = wanted
                classes[node] = -1
                sides[other] |= sides[node]
                apart = False
                break
        if apart:
            return node
        node += 1
    return node


@numba.njit(cache=True, nogil=True)
def _equal_over_cut(graph: Any, a: Any, b: Any, rows: Any, tables: Any) -> Any:
    """Return whether two literals are equal as functions of the signals of a cut below both.

    The latest signal is expanded first, as long as the cut stays small. False says nothing.
    """
    fanins, first = graph.fanins, graph.first
    cut = np.zeros(_CUT + 3, dtype=np.int64)
    cells = np.zeros(_CUT_CELLS, dtype=np.int64)
    size = _insert(cut, 0, a >> 1)
    size = _insert(cut, size, b >> 1)
    count = 0
    while size and cut[0] >= first and count < _CUT_CELLS:
        node = cut[0]
        fresh = -1
        for place in range(3):
            source = fanins[node, place] >> 1
            known = source == 0
            for k in range(1, size):
                known = known or cut[k] == source
            fresh += 0 if known else 1
        if size + fresh > _CUT:
            break
        for k in range(1, size):
            cut[k - 1] = cut[k]
        size -= 1
        cells[count] = node
        count += 1
        for place in range(3):
            size = _insert(cut, size, np.int64(fanins[node, place] >> 1))
    words = 1 << max(0, size - 6)
    rows[0] = 0
    for k in range(size):
        rows[cut[k]] = 1 + k
        for word in range(words):
            tables[1 + k, word] = variable_word(k, word)
    for k in range(count - 1, -1, -1):
        row = 1 + size + count - 1 - k
        rows[cells[k]] = row
        x, y, z = fanins[cells[k], 0], fanins[cells[k], 1], fanins[cells[k], 2]
        for word in range(words):
            p = _table_word(tables, rows, x, word)
            q = _table_word(tables, rows, y, word)
            r = _table_word(tables, rows, z, word)
            tables[row, word] = majority_of(p, q, r)
    for word in range(words):
        if _table_word(tables, rows, a, word) != _table_word(tables, rows, b, word):
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _table_word(tables: Any, rows: Any, literal: Any, word: Any) -> Any:
    """Return a word of a literal's truth table."""
    return tables[rows[literal >> 1], word] ^ complement_mask(literal)


@numba.njit(cache=True, nogil=True)
def _insert(cut: Any, size: Any, node: Any) -> Any:
    """Insert a node into a falling list, unless it is there or constant; return the new size."""
    if node == 0:
        return size
    at = size
    while at > 0 and cut[at - 1] <= node:
        if cut[at - 1] == node:
            return size
        at -= 1
    for k in range(size, at, -1):
        cut[k] = cut[k - 1]
    cut[at] = node
    return size + 1
