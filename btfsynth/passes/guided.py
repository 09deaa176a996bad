"""Guided resubstitution: replacements found on patterns and proven one by one, at any number of inputs.

Lee, Riener, Mishchenko, Brayton and De Micheli, "A simulation-guided paradigm for logic synthesis and
verification", IEEE TCAD 41(8), 2022. All signals have signatures on some patterns over the inputs. Patterns on
which flipping a cell changes no output are don't-cares; on the others a replacement must agree. Each
replacement found in this way is checked by SAT, with observability don't-cares. If it is wrong, the solver
returns a counterexample, which extends the signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numba
import numpy as np

from btfsynth.errors import PassError
from btfsynth.netlist.hashing import rebuild_from
from btfsynth.netlist.kernels import next_below, random_state
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference
from btfsynth.passes.goal import keep, require_options
from btfsynth.passes.guided_state import (
    COUNT,
    MISLED,
    RIGHT,
    UNDECIDED,
    WORK,
    WRONG,
    add_pattern,
    check_choice,
    depth_of,
    look_above,
    near_signals,
    new_check,
    new_guided,
    replace,
    resimulate,
)
from btfsynth.passes.replacement import Search, State, find_replacement

_PACKED = 256
"""Patterns on which replacements are searched for."""

_SMALL = 8
"""The first window below a cell is smaller by this factor."""

_FEWEST = 20
"""Conflicts allowed where many were in vain before."""

_SEARCH = 500
"""Minimum steps counted for a search."""

_PORTION = 1000
"""Cells tried before the best netlist so far is noted."""

_MILLION = 1_000_000
_ANY_DEPTH = 1 << 30


@dataclass(frozen=True)
class Guided:
    """Replace cells by existing signals or by one or two new cells each, don't-cares included.

    `k` new cells per replacement, 0 to 2. The pass ends after `patience` cells without a gain; with 0 it
    accepts only gains and makes no moves of equal size. At most `divisors` signals, the nearest, are tried per
    cell; a second new cell as in `resub`. The window has up to `above` cells that depend on the cell and
    `below` cells under these. `words` of 64 patterns are used, half of them for counterexamples; at most
    `conflicts` per question, and `asks` questions per cell. The depth never exceeds the lowest one so far by
    more than `rise` percent (-1 for no limit); with `max_depth` it may rise up to that. The pass ends after
    `work` million steps, about four million per second.
    """

    k: int = 2
    patience: int = 20_000
    divisors: int = 60
    tries: int = 4
    above: int = 100
    below: int = 1_000
    words: int = 32
    conflicts: int = 1_000
    asks: int = 4
    rise: int = 0
    work: int = 60
    seed: int = 1
    max_depth: int = 0
    name: ClassVar[str] = "guided"
    structural: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_options(
            self,
            k=(0, 2),
            max_depth=0,
            patience=0,
            seed=0,
            below=0,
            rise=-1,
            words=2,
            divisors=1,
            tries=1,
            above=1,
            conflicts=1,
            asks=1,
            work=1,
        )

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        random = random_state(self.seed)
        first = netlist.first_cell
        fanins = np.zeros((netlist.n_nodes, 3), dtype=np.int32)
        fanins[first:] = netlist.fanins
        state = new_guided(fanins, netlist.outputs.copy(), first, self.words, random)
        check = new_check(netlist.n_nodes, first, self.below, self.above, self.conflicts)
        best, idle, depth = netlist, 0, _ANY_DEPTH
        while idle <= self.patience and netlist.n_cells:
            if self.max_depth:
                depth = max(self.max_depth, depth_of(state))
            elif self.rise >= 0:
                depth = min(depth, depth_of(state) * (100 + self.rise) // 100)
            queue = _queue(state, self.patience > 0, random)
            idle += max(1, len(queue))
            for begin in range(0, len(queue), _PORTION):
                _try_cells(
                    state, check, queue[begin : begin + _PORTION], self._options(depth), random
                )
                if state.numbers[MISLED]:
                    raise PassError("a counterexample of the solver does not show a difference")
                if state.numbers[COUNT] < best.n_cells:
                    best = rebuild_from(netlist, state.fanins[first:], state.outputs)
                    idle = 0
                keep(partial(_as_it_is, best))
            if state.numbers[WORK] > self.work * _MILLION:
                break
        return best

    def _options(self, depth: int) -> _Options:
        return _Options(
            self.k,
            self.patience > 0,
            self.tries,
            self.divisors,
            self.above,
            self.below,
            self.conflicts,
            self.asks,
            depth,
            self.work * _MILLION,
        )


class _Options(NamedTuple):
    k: int
    walk: bool
    tries: int
    divisors: int
    above: int
    below: int
    conflicts: int
    asks: int
    depth: int  # the most
    work: int


@numba.njit(cache=True, nogil=True)
def _gather(state: Any, divisors: Any, node: Any, room: Any) -> Any:
    """Pack up to `_PACKED` patterns of the care set of a cell.

    Counterexamples come first. Returns the signatures of the divisors and the cell over these patterns, uint64
    (nodes, words), and how many patterns these are.
    """
    matters, compact, places = room.matters, room.compact, room.places
    values = state.values
    words = values.shape[1]
    count = 0
    for word in range(words - 1, -1, -1):
        left = matters[word]
        for bit in range(64 if left else 0):
            if (left >> np.uint64(bit)) & np.uint64(1) and count < _PACKED:
                places[count] = 64 * word + bit
                count += 1
    packed = max(1, (count + 63) >> 6)
    rows = compact[: values.shape[0] * packed].reshape((values.shape[0], packed))
    for k in range(divisors.shape[0] + 1):
        row = divisors[k] if k < divisors.shape[0] else node
        for word in range(packed):
            made = np.uint64(0)
            for at in range(64 * word, min(64 * word + 64, count)):
                bit = values[row, places[at] >> 6] >> np.uint64(places[at] & 63)
                made |= (bit & np.uint64(1)) << np.uint64(at & 63)
            rows[row, word] = made
    return rows, count


@numba.njit(cache=True, nogil=True)
def _differs(state: Any, node: Any, choice: Any, matters: Any) -> Any:
    """Return whether a choice differs from a cell on a pattern of its care set."""
    values = state.values
    _, a, b, c, d, e = choice
    for word in range(values.shape[1]):
        made = _word(values, a, word)
        if b >= 0:
            third = _word(values, c, word)
            if d >= 0:
                third = _majority(third, _word(values, d, word), _word(values, e, word))
            made = _majority(made, _word(values, b, word), third)
        if (made ^ values[node, word]) & matters[word]:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _word(values: Any, literal: Any, word: Any) -> Any:
    return ~values[literal >> 1, word] if literal & 1 else values[literal >> 1, word]


@numba.njit(cache=True, nogil=True)
def _majority(x: Any, y: Any, z: Any) -> Any:
    return (x & y) | (z & (x | y))


@numba.njit(cache=True, nogil=True)
def _is_itself(fanins: Any, node: Any, choice: Any) -> Any:
    """Return whether a choice is the unchanged cell."""
    _, a, b, c, d, _ = choice
    if b < 0 or d >= 0:
        return False
    x, y, z = fanins[node, 0], fanins[node, 1], fanins[node, 2]
    low, high = min(a, b, c), max(a, b, c)
    return low == min(x, y, z) and high == max(x, y, z) and a + b + c == x + y + z


@numba.njit(cache=True, nogil=True)
def _deepens(state: Any, node: Any, choice: Any, most: Any) -> Any:
    """Return whether a choice makes the netlist deeper than allowed."""
    level = state.level
    _, a, b, c, d, e = choice
    if b < 0:
        return level[a >> 1] + state.height[node] > most
    third = level[c >> 1]
    if d >= 0:
        third = 1 + max(third, level[d >> 1], level[e >> 1])
    return 1 + max(level[a >> 1], level[b >> 1], third) + state.height[node] > most


class _Room(NamedTuple):
    """Scratch of a round."""

    matters: Any  # uint64 ``(words,)``, where the present cell matters
    divisors: Any  # int32 ``(divisors,)``
    marked: Any  # uint8 ``(nodes,)``, zero between uses
    stack: Any  # int32 ``(3 * nodes + 8,)``
    compact: Any  # uint64, the patterns packed of all nodes
    places: Any  # int32 ``(_PACKED,)``, which these are
    mask: Any  # uint64 ``(_PACKED / 64,)``
    errors: Any  # uint64, for `find_replacement`
    pairs: Any
    no_care: Any


@numba.njit(cache=True, nogil=True)
def _new_room(nodes: Any, words: Any, divisors: Any) -> Any:
    packed = (_PACKED + 63) >> 6
    rows = 2 * divisors
    return _Room(
        np.zeros(words, dtype=np.uint64),
        np.zeros(divisors, dtype=np.int32),
        np.zeros(nodes, dtype=np.uint8),
        np.zeros(3 * nodes + 8, dtype=np.int32),
        np.zeros(nodes * packed, dtype=np.uint64),
        np.zeros(_PACKED, dtype=np.int32),
        np.zeros(packed, dtype=np.uint64),
        np.zeros(rows * packed, dtype=np.uint64),
        np.zeros((rows, (rows + 63) >> 6), dtype=np.uint64),
        np.zeros((1, 1), dtype=np.uint64),
    )


def _as_it_is(netlist: Netlist) -> Netlist:
    return netlist


@numba.njit(cache=True, nogil=True)
def _queue(state: Any, walk: Any, random: Any) -> Any:
    """Return the cells in use, in random order if walking."""
    queue = state.order[: state.numbers[COUNT]].copy()
    if walk:
        for i in range(queue.shape[0] - 1, 0, -1):
            j = next_below(random, i + 1)
            queue[i], queue[j] = queue[j], queue[i]
    return queue


@numba.njit(cache=True, nogil=True)
def _try_cells(state: Any, check: Any, queue: Any, options: Any, random: Any) -> None:
    """Try these cells once, as long as there is work allowed. Modifies the state."""
    room = _new_room(state.values.shape[0], state.values.shape[1], options.divisors)
    for node in queue:
        if state.numbers[WORK] > options.work:
            break
        if state.references[node] > 0:
            _try_cell(state, check, np.int64(node), options, room, random)


@numba.njit(cache=True, nogil=True)
def _try_cell(state: Any, check: Any, node: Any, options: Any, room: Any, random: Any) -> None:
    """Look for a replacement of a cell that is right; each wrong one adds a pattern. Modifies the state."""
    matters = room.matters
    look_above(state, node, options.above, matters)
    nearest = (options.divisors, options.depth - state.height[node])
    size = near_signals(state, node, nearest, room.divisors, room.marked)
    for _ in range(options.asks):
        state.numbers[WORK] += _SEARCH + state.numbers[COUNT] // 4
        choice = _find(state, node, size, options, room, random)
        if (
            choice[0] < 0
            or _is_itself(state.fanins, node, choice)
            or _deepens(state, node, choice, options.depth)
            or _differs(state, node, choice, matters)
        ):
            return
        result = _ask(state, check, node, choice, options, matters, random)
        if result == RIGHT:
            replace(state, node, choice, room.stack)
            resimulate(state)
        if result != WRONG:
            return


@numba.njit(cache=True, nogil=True)
def _ask(
    state: Any, check: Any, node: Any, choice: Any, options: Any, matters: Any, random: Any
) -> Any:
    """Check a choice in a small window first, then in a large one. Modifies patterns and matters.

    The answer is `WRONG` only if a pattern has been added that shows it.
    """
    hard, below = state.hard, options.below // _SMALL
    conflicts = max(options.conflicts >> hard[node], _FEWEST)
    while True:
        result, closed = check_choice(state, check, choice, (below, conflicts), random)
        if result == RIGHT:
            hard[node] = 0
            return RIGHT
        if result == UNDECIDED:
            hard[node] = min(hard[node] + 1, 10)
            return UNDECIDED
        add_pattern(state, check.pattern, matters.shape[0] // 2)
        look_above(state, node, options.above, matters)
        if _differs(state, node, choice, matters):
            return WRONG
        # The signals under an open window do not all have such values.
        state.numbers[MISLED] |= closed
        if closed or below == options.below:
            return UNDECIDED
        below = options.below


@numba.njit(cache=True, nogil=True)
def _find(state: Any, node: Any, size: Any, options: Any, room: Any, random: Any) -> Any:
    """Search among this many divisors on the packed patterns; returns a choice as `find_replacement`."""
    divisors, mask = room.divisors[:size], room.mask
    compact, count = _gather(state, divisors, node, room)
    packed = compact.shape[1]
    for word in range(packed):
        left = count - 64 * word
        mask[word] = ~np.uint64(0)
        if left < 64:
            mask[word] = (np.uint64(1) << np.uint64(left)) - np.uint64(1)
    rows = room.pairs.shape[0]
    errors = room.errors[: rows * packed].reshape((rows, packed))
    view = State(
        state.fanins, state.outputs, state.references, compact, room.no_care, state.first, None
    )
    limit = max(state.level[node], options.depth - state.height[node])
    work = Search(
        divisors,
        mask[:packed],
        room.stack,
        errors,
        room.pairs,
        room.marked,
        state.level,
        limit,
    )
    wanted = (options.k, options.walk, options.tries, True)
    return find_replacement(view, node, wanted, work, random)
