"""Exact resynthesis: windows of few cells are replaced by minimum netlists, using don't-cares."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import NetlistError
from btfsynth.exact.synthesis import Limits, exact_netlist
from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist, majority_of, value_of
from btfsynth.netlist.simulation import Reference, simulate, simulate_cells, unpack_bits
from btfsynth.netlist.views import count_references, list_users
from btfsynth.passes.goal import keep, require_options

_MAX_LEAVES = 7
_MAX_CELLS = 9
_MAX_USERS = 32
"""Cells that read a signal are looked at only where they are not very many."""
_WHOLE = 1 << 22
"""Words of signatures up to which don't-cares are worked out."""

_Window = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Cells, leaves and outputs, each ascending."""
_Question = tuple[tuple[int, ...], tuple[int, ...], int, int]


@dataclass(frozen=True)
class Exact:
    """Search for a smaller netlist of each window by SAT (see `btfsynth.exact.synthesis`).

    A window is a cell with some of the cells below it, over few leaves, and other cells that read only these;
    cells read from outside are its outputs. Leaf values that never occur on the vectors of the reference are
    don't-cares; so are, for a window of one output, values that are not observable at the outputs of the
    netlist. If the reference is a sample, there are no don't-cares.

    At most `leaves` (2 to 7), `cells` (2 to 9) and `outputs` per window and `conflicts` per question (0 for
    no limit). `tries` windows per cell: the first one grows where it needs the fewest leaves, the others at
    random.
    """

    leaves: int = 5
    cells: int = 6
    outputs: int = 3
    tries: int = 3
    conflicts: int = 1000
    seed: int = 1
    name: ClassVar[str] = "exact"
    structural: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_options(
            self,
            leaves=(2, _MAX_LEAVES),
            cells=(2, _MAX_CELLS),
            outputs=1,
            tries=1,
            conflicts=0,
            seed=0,
        )

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        chance = random.Random(self.seed)  # noqa: S311
        answers: dict[_Question, Netlist | None] = {}
        work = _Work(rebuild(netlist), reference)
        place = idle = 0

        def so_far() -> Netlist:
            return work.netlist

        while idle < work.netlist.n_cells:
            keep(so_far)
            # From the outputs on: what is below may go with a window.
            place = (place or work.netlist.n_cells) - 1
            smaller = self._try_windows(work, work.netlist.first_cell + place, chance, answers)
            idle += 1
            if smaller is not None:
                work = _Work(smaller, reference)
                place, idle = min(place, work.netlist.n_cells), 0
        return work.netlist

    def _try_windows(
        self,
        work: _Work,
        root: int,
        chance: random.Random,
        answers: dict[_Question, Netlist | None],
    ) -> Netlist | None:
        """Return a smaller netlist by one of a cell's windows, None if there is none."""
        seen = set()
        for number in range(self.tries):
            window = self._window(work, root, chance if number else None)
            if window is None or window in seen:
                continue
            seen.add(window)
            cells, leaves, outputs = window
            question = (*work.functions(cells, leaves, outputs), len(leaves), len(cells) - 1)
            if question not in answers:
                answers[question] = exact_netlist(
                    question[0],
                    len(leaves),
                    len(cells) - 1,
                    care=question[1],
                    limits=Limits(conflicts=self.conflicts),
                ).netlist
            form = answers[question]
            smaller = None if form is None else work.replaced(form, leaves, outputs)
            if smaller is not None:
                return smaller
        return None

    def _window(self, work: _Work, root: int, chance: random.Random | None) -> _Window | None:
        """Grow a window and return the last one on the way that is within the limits, None if none is."""
        found = None
        for cone, leaves in self._grow(work, root, chance):
            if len(leaves) > self.leaves:
                continue
            cells = work.with_siblings(cone, leaves, self.cells)
            outputs = work.outputs_of(cells)
            if len(cells) > 1 and len(outputs) <= self.outputs:
                found = (tuple(sorted(cells)), tuple(sorted(leaves)), outputs)
        return found

    def _grow(
        self, work: _Work, root: int, chance: random.Random | None
    ) -> Iterator[tuple[set[int], set[int]]]:
        cone, leaves = {root}, work.sources(root)
        while True:
            yield cone, leaves
            steps = []
            for leaf in sorted(leaves):
                if leaf >= work.netlist.first_cell:
                    after = (leaves | work.sources(leaf)) - {leaf}
                    if len(after) <= self.leaves + 1:
                        steps.append((len(after), -leaf))
            if len(cone) == self.cells or not steps:
                return
            leaf = -(min(steps) if chance is None else chance.choice(steps))[1]
            cone = cone | {leaf}
            leaves = (leaves | work.sources(leaf)) - {leaf}


class _Work:
    def __init__(self, netlist: Netlist, reference: Reference) -> None:
        self.netlist = netlist
        self._reference = reference
        self._fanins = netlist.fanins.tolist()
        self._references = count_references(netlist.fanins, netlist.outputs, netlist.first_cell)
        self._start, self._users = list_users(netlist.fanins, netlist.first_cell)
        words = netlist.n_nodes * reference.inputs.shape[1]
        self._values: NDArray[np.uint64] | None = None
        if reference.complete and words <= _WHOLE:
            self._values = simulate(netlist, reference.inputs)

    def fanin(self, cell: int) -> Sequence[int]:
        row: Sequence[int] = self._fanins[cell - self.netlist.first_cell]
        return row

    def sources(self, cell: int) -> set[int]:
        """Return the nodes that a cell reads, without the constant."""
        return {literal >> 1 for literal in self.fanin(cell)} - {0}

    def with_siblings(self, cone: set[int], leaves: set[int], most: int) -> set[int]:
        """Return a cone and, up to this many cells, others that read it and its leaves alone."""
        cells = set(cone)
        queue = sorted(cone | leaves)
        while queue:
            node = queue.pop(0)
            users = self._users[self._start[node] : self._start[node + 1]].tolist()
            if len(users) > _MAX_USERS:
                continue
            for user in users:
                if len(cells) == most:
                    return cells
                if user not in cells | leaves and self.sources(user) <= cells | leaves:
                    cells.add(user)
                    queue.append(user)
        return cells

    def outputs_of(self, cells: set[int]) -> tuple[int, ...]:
        """Return which of some cells are read from outside."""
        inside = dict.fromkeys(cells, 0)
        for cell in cells:
            for source in self.sources(cell) & cells:
                inside[source] += 1
        return tuple(sorted(cell for cell in cells if int(self._references[cell]) > inside[cell]))

    def functions(
        self, cells: Sequence[int], leaves: Sequence[int], outputs: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the tables of a window's outputs over its leaves, and their care masks."""
        size = 1 << len(leaves)
        everywhere = (1 << size) - 1
        tables = {0: 0}
        for place, leaf in enumerate(leaves):
            tables[leaf] = sum((vector >> place & 1) << vector for vector in range(size))
        for cell in cells:
            x, y, z = (
                tables[literal >> 1] ^ everywhere * (literal & 1) for literal in self.fanin(cell)
            )
            tables[cell] = majority_of(x, y, z)
        care = everywhere if self._values is None else self._care(leaves, outputs)
        return tuple(tables[cell] & care for cell in outputs), (care,) * len(outputs)

    def _care(self, leaves: Sequence[int], outputs: Sequence[int]) -> int:
        values, reference, netlist = self._values, self._reference, self.netlist
        assert values is not None
        if len(outputs) == 1:
            node, flipped = outputs[0], values.copy()
            flipped[node] = ~flipped[node]
            later = netlist.fanins[node + 1 - netlist.first_cell :]
            simulate_cells(later, node + 1, flipped)
            change = flipped[netlist.outputs >> 1] ^ values[netlist.outputs >> 1]
            matters = np.bitwise_or.reduce(change & reference.care, axis=0)
        else:
            matters = np.bitwise_or.reduce(reference.care, axis=0)
        rows = np.concatenate([values[list(leaves)], matters[None, :]])
        bits = unpack_bits(rows, reference.vectors)
        index = bits[:, :-1].astype(np.int64) @ (1 << np.arange(len(leaves)))
        seen = np.unique(index[bits[:, -1] == 1])
        return sum(1 << vector for vector in seen.tolist())

    def replaced(
        self, form: Netlist, leaves: Sequence[int], outputs: Sequence[int]
    ) -> Netlist | None:
        """Return the netlist with a window replaced by a form; None if that makes a cycle or saves nothing."""
        netlist = self.netlist
        literals = [0, *(2 * leaf for leaf in leaves)]
        literals += [2 * (netlist.n_nodes + cell) for cell in range(form.n_cells)]
        places = np.array(literals, dtype=np.int32)
        wider = Netlist(
            netlist.name,
            netlist.input_ports,
            netlist.output_ports,
            np.concatenate([netlist.fanins, value_of(places, form.fanins)]),
            netlist.outputs,
        )
        substitution = 2 * np.arange(wider.n_nodes, dtype=np.int64)
        substitution[list(outputs)] = value_of(places, form.outputs)
        try:
            smaller = rebuild(wider, substitution)
        except NetlistError:
            return None  # a leaf reads the window by another way
        return smaller if smaller.n_cells < netlist.n_cells else None
