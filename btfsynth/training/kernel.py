"""One iteration of reflect-reflect-relax over all patterns, and many of them.

For every pattern the state v has copies w and x of the weight and the input on every edge, and the value y
of every node. Two sets constrain it, each of which is easy to project to:

- A: every neuron computes its threshold function: ``y = +-1`` and ``y (w . x) >= delta``
  (`btfsynth.training.neuron`); the inputs are the data, or the nearest code if they are generated.
- B: consensus. The w of an edge are equal to one weight W for all patterns, and ``|W|^2`` is the fan-in of its
  neuron. The y of a node and the x of its outgoing edges are equal to one value Y, which is the target at an
  output without don't-care.

A neuron's distances on a pattern are weighted by its metric g, 1 at first. So P_B makes, of reflected
copies r, ``W = sqrt(fan-in) S / |S|`` with ``S = sum over patterns of g r_w``, and ``Y = (g r_y + sum over
edges of g r_x) / (g + sum of g)``.

The state moves by ``v += beta (P_B(2 P_A(v) - v) - P_A(v))``. The gap is the root mean square of ``P_B -
P_A`` over patterns and neurons; the metric follows it, ``g <- (1 - gamma) g + gamma gap^2 / mean gap^2``,
so that neurons and patterns in conflict get more weight. `advance_blocks` fuses the update of one iteration
with the projection to A of the next, neuron by neuron, so that the copies w and x are read and written once
per iteration; no projection or reflection is stored, they are formed from ``u`` on the fly.

Layout. Patterns are lanes: `LANES` per group, up to 8 groups per block. Copies lie (block, neuron, group,
edge, lane), so a neuron's copies for one group are one contiguous run; rows of node or neuron values lie
(block, group, row, lane). Sums over patterns are kept per block and added up in block order, so the result
does not depend on how many threads share the blocks.
"""

from __future__ import annotations

import platform
import sys
from itertools import accumulate
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic
from numba.np import arrayobj
from numpy.typing import NDArray

from btfsynth.training.neuron import (
    COEFFICIENTS,
    LEAST_GAP,
    MOMENTS,
    advance_neuron,
    evaluate_neuron,
    reflect_neuron,
    settle_node,
    sum_metric,
)
from btfsynth.training.vector import LANES

_BYTES = 128
"""Two cache lines: processors fetch them in pairs."""


def aligned(size: int, dtype: type[np.floating[Any]] | np.dtype[Any]) -> NDArray[Any]:
    """Return an uninitialised array that shares no cache line with any other."""
    item = np.dtype(dtype).itemsize
    raw = np.empty(size + 2 * _BYTES // item, dtype=dtype)
    skip = (-raw.ctypes.data % _BYTES) // item
    return raw[skip : skip + size]


# Without `_nrt` numba counts the references to every array of the tuples at every call, two atomic operations
# each: nearly half the time of a small step. Nothing here makes an array or keeps one. Calls that are not
# inlined copy the tuples, some three hundred words, to the stack: a third of a small step.
_compiled = numba.njit(nogil=True, cache=True, _nrt=False, forceinline=True)

GIVEN_UP = 1 << 62
"""Count of a meeting that releases all waiting threads."""

GIVEN, ONE_HOT, HYPERCUBE = 0, 1, 2
"""Treatment of the inputs by A: fix them to the data, or project them to the nearest code."""


_ROW = 32
"""Elements of scratch that a row takes a multiple of: no two share a cache line."""

_EDGES_AT_ONCE = 2048
"""Whose sums over blocks are formed side by side: their totals stay in the first-level cache."""


class Problem(NamedTuple):
    """The constants of a training. All arrays are flat; `real` is float32 or float64.

    ``fanin_start`` int64 (neurons + 1,), ``sources`` int64 (edges,), ``delta`` real (neurons,) margins,
    ``norm2`` real (neurons,) squared norms of the weights, ``data`` real (blocks, groups, 1 + inputs,
    lanes) constant and inputs, ``goal`` real (blocks, groups, outputs, lanes) targets -1/+1,
    ``imposed`` real, of goal's shape, 1 where the target matters, ``valid`` real (blocks, groups, lanes)
    1 for patterns and 0 for padding, ``fan_class`` int64 (nodes,) which set of neurons a node feeds,
    ``class_start`` int64 and ``class_members`` int64 the neurons of each set; ``blocks``, ``groups`` (a
    block's) and ``patterns`` are counts; ``generator`` is `GIVEN`, `ONE_HOT` or `HYPERCUBE`.
    """

    fanin_start: NDArray[np.int64]
    sources: NDArray[np.int64]
    delta: NDArray[Any]
    norm2: NDArray[Any]
    data: NDArray[Any]
    goal: NDArray[Any]
    imposed: NDArray[Any]
    valid: NDArray[Any]
    fan_class: NDArray[np.int64]
    class_start: NDArray[np.int64]
    class_members: NDArray[np.int64]
    blocks: int
    groups: int
    patterns: int
    generator: int


class State(NamedTuple):
    """The moving point and the values carried to the next step. All arrays are flat, float32 or float64.

    ``w``, ``x`` copies on the edges; ``y``, ``sign`` (A's outputs), ``values`` (consensus Y), ``sum_1``,
    ``sum_2`` rows over nodes; ``multiplier`` (u), ``metric`` (g), ``gap`` (squared) rows over neurons;
    ``weights`` consensus W (edges,); ``part_1``, ``part_2`` (blocks, edges); ``gap_sums`` float64 (blocks,
    3) the w, x and y parts of the squared gap.
    """

    w: NDArray[Any]
    x: NDArray[Any]
    y: NDArray[Any]
    sign: NDArray[Any]
    values: NDArray[Any]
    sum_1: NDArray[Any]
    sum_2: NDArray[Any]
    multiplier: NDArray[Any]
    metric: NDArray[Any]
    gap: NDArray[Any]
    weights: NDArray[Any]
    part_1: NDArray[Any]
    part_2: NDArray[Any]
    gap_sums: NDArray[np.float64]


class Scratch(NamedTuple):
    """Working memory of one thread, real but for the totals.

    ``shared`` (classes * lanes,), ``moments`` (groups * `MOMENTS`,), ``coefficients`` (groups *
    `COEFFICIENTS`,), ``gap_sums`` (3 * lanes,), ``values`` (nodes * lanes,), ``totals`` float64 (room for
    the edges of some neurons,).
    """

    shared: NDArray[Any]
    moments: NDArray[Any]
    coefficients: NDArray[Any]
    gap_sums: NDArray[Any]
    values: NDArray[Any]
    totals: NDArray[np.float64]


MOST_RIGHT, STOP_AT, STOPPED, BEST_ITERATION, BEST_MEAN = range(5)
"""Places in `Tally.best`."""


class Tally(NamedTuple):
    """Results of the iterations of one call, besides the state; all arrays are modified.

    ``best`` float64 (5,): the largest count of correct targets so far (-1 before the first); the count at which
    to stop, -1 for none; 1 once that was reached; the iteration of this call at which the best was found
    (unchanged if this call finds none); the mean squared gap there. Of equal counts, the smaller gap wins.
    ``weights`` real (edges,) are those of the best count; ``history`` float64 (steps,) is the mean squared gap
    of every iteration.
    """

    best: NDArray[np.float64]
    weights: NDArray[Any]
    history: NDArray[np.float64]


def make_scratch(problem: Problem) -> Scratch:
    """Return the working memory that a thread needs for a problem."""
    sizes = (
        (len(problem.class_start) - 1) * LANES,
        problem.groups * MOMENTS,
        problem.groups * COEFFICIENTS,
        3 * LANES,
        len(problem.fan_class) * LANES,
    )
    # One array for all: this is done before every few steps, which may take microseconds.
    ends = list(accumulate(-(-size // _ROW) * _ROW for size in sizes))
    whole = aligned(ends[-1], problem.delta.dtype)
    whole[:] = 0
    rows = [whole[start : start + size] for start, size in zip((0, *ends), sizes, strict=False)]
    room = _EDGES_AT_ONCE
    if len(problem.sources) > room:
        room = max(room, int(np.diff(problem.fanin_start).max()))
    rows.append(aligned(room, np.float64))
    return Scratch(*rows)


@_compiled
def _form_values(problem: Any, state: Any, scratch: Any, block: Any, keep: Any, gain: Any) -> None:
    """Bring the metric up to date and form the consensus node values Y of one block.

    keep, gain: real, the metric becomes keep * metric + gain * gap. Modifies state.metric, state.values and
    scratch.shared.
    """
    n_neurons = problem.delta.shape[0]
    fan_class, class_start = problem.fan_class, problem.class_start
    n_nodes = fan_class.shape[0]
    first = n_nodes - n_neurons
    n_outputs = problem.goal.shape[0] // (problem.blocks * problem.groups * LANES)
    values, goal, imposed = state.values, problem.goal, problem.imposed
    for group in range(block * problem.groups, (block + 1) * problem.groups):
        neuron_rows = group * n_neurons * LANES
        metric = state.metric[neuron_rows : neuron_rows + n_neurons * LANES]
        gap = state.gap[neuron_rows : neuron_rows + n_neurons * LANES]
        for k in range(metric.shape[0]):
            metric[k] = keep * metric[k] + gain * gap[k]
        for number in range(class_start.shape[0] - 1):
            begin = class_start[number]
            count = class_start[number + 1] - begin
            if count > 0:
                place = (begin, count, neuron_rows, number * LANES)
                sum_metric(problem, state, scratch, place)
        rows = group * n_nodes * LANES
        for node in range(n_nodes):
            own = neuron_rows + (node - first) * LANES if node >= first else -1
            settle_node(state, scratch, (rows + node * LANES, own, fan_class[node] * LANES), gain)
        targets = group * n_outputs * LANES
        row = rows + (n_nodes - n_outputs) * LANES
        for k in range(n_outputs * LANES):
            if imposed[targets + k] > 0:
                values[row + k] = goal[targets + k]


@_compiled
def _generate(generator: Any, y: Any, sign: Any, rows: Any, first: Any) -> None:
    """Project the inputs of one lane group to the nearest code. Modifies sign.

    rows: offset of the group's node rows; first: input nodes, the constant included.
    """
    for lane in range(LANES):
        largest = rows + LANES + lane
        for node in range(1, first):
            k = rows + node * LANES + lane
            sign[k] = -1
            if generator == HYPERCUBE:
                if y[k] > 0:
                    sign[k] = 1
            elif y[k] > y[largest]:
                largest = k
        if generator == ONE_HOT:
            sign[largest] = 1


@_compiled
def _advance_block(problem: Any, state: Any, scratch: Any, block: Any, numbers: Any) -> None:
    """Finish one step and project for the next, for one block of patterns.

    numbers: real tuple (beta, 1 - gamma of this step, 1 - gamma of the step before, and its gamma / mean
    squared gap). Modifies the state of the block except ``weights``.
    """
    beta, keep, keep_before, gain_before = numbers
    n_neurons = problem.delta.shape[0]
    n_nodes = problem.fan_class.shape[0]
    first = n_nodes - n_neurons
    groups = problem.groups
    n_edges = problem.sources.shape[0]
    _form_values(problem, state, scratch, block, keep_before, gain_before)

    block_rows = block * groups * n_nodes * LANES
    y, values, sign = state.y, state.values, state.sign
    sum_1, sum_2 = state.sum_1, state.sum_2
    sum_1[block_rows : block_rows + groups * n_nodes * LANES] = 0
    sum_2[block_rows : block_rows + groups * n_nodes * LANES] = 0
    for group in range(groups):
        rows = block_rows + group * n_nodes * LANES
        for k in range(rows, rows + first * LANES):
            y[k] += beta * (values[k] - sign[k])
        if problem.generator != GIVEN:
            _generate(problem.generator, y, sign, rows, first)
        for k in range(rows, rows + first * LANES):
            sum_1[k] = sign[k] + sign[k] - y[k]
    fanin_start, delta = problem.fanin_start, problem.delta
    total_w = total_x = total_y = 0.0
    sums = scratch.gap_sums
    sums[:] = 0
    for neuron in range(n_neurons):
        edge = fanin_start[neuron]
        fan_in = fanin_start[neuron + 1] - edge
        copies = (block * n_edges + edge) * groups * LANES
        place = (
            edge,
            fan_in,
            copies,
            block_rows,
            first + neuron,
            n_nodes,
            (block * groups * n_neurons + neuron) * LANES,
            n_neurons,
            groups,
            block * groups * LANES,
        )
        advance_neuron(problem, state, scratch, place, (beta, delta[neuron], keep))
        place_all = (edge, fan_in, copies, block_rows, n_nodes, groups, block * n_edges)
        reflect_neuron(problem, state, scratch, place_all)
        for lane in range(LANES):
            total_w += sums[lane]
            total_x += sums[LANES + lane]
            total_y += sums[2 * LANES + lane]
        sums[:] = 0
    state.gap_sums[3 * block] = total_w
    state.gap_sums[3 * block + 1] = total_x
    state.gap_sums[3 * block + 2] = total_y


@_compiled
def advance_blocks(
    problem: Any, state: Any, scratch: Any, first: Any, last: Any, numbers: Any
) -> None:
    """Finish one step and project for the next, for a range of blocks: one thread's share of a step.

    numbers: float64 tuple (beta, gamma, mean squared gap of the step before, 0 at the first step, whose
    metric is still all 1).
    """
    beta, gamma, mean = numbers
    real = state.w.dtype.type
    keep = real(1 - gamma)
    now = (real(beta), keep, real(1), real(0))
    if mean > 0:
        now = (real(beta), keep, keep, real(gamma / mean))
    for block in range(first, last):
        _advance_block(problem, state, scratch, block, now)


@_compiled
def mean_gap(problem: Any, gap_sums: Any) -> Any:
    """Return the mean squared gap of a step from the sums of all its blocks, float64 (blocks * 3,)."""
    total = 0.0
    for k in range(gap_sums.shape[0]):
        total += gap_sums[k]
    return total / (problem.patterns * problem.delta.shape[0]) + LEAST_GAP


@_compiled
def join_neurons(problem: Any, state: Any, scratch: Any, first: Any, last: Any, gain: Any) -> None:
    """Form the consensus weights W of a range of neurons from the blocks' sums.

    The sums' second parts count gain times. Modifies state.weights. A neuron whose sums vanish keeps its
    weights.
    """
    n_edges = problem.sources.shape[0]
    part_1, part_2, weights, totals = state.part_1, state.part_2, state.weights, scratch.totals
    fanin_start = problem.fanin_start
    real = weights.dtype.type
    neuron = first
    while neuron < last:
        begin, past = fanin_start[neuron], neuron + 1
        while past < last and fanin_start[past + 1] - begin <= totals.shape[0]:
            past += 1
        count = fanin_start[past] - begin
        totals[:count] = 0
        for block in range(problem.blocks):
            at = block * n_edges + begin
            row_1, row_2 = part_1[at : at + count], part_2[at : at + count]
            for k in range(count):
                totals[k] += row_1[k] + gain * row_2[k]
        while neuron < past:
            from_edge, to_edge = fanin_start[neuron], fanin_start[neuron + 1]
            norm2 = 0.0
            for edge in range(from_edge, to_edge):
                norm2 += totals[edge - begin] * totals[edge - begin]
            if norm2 > 0:
                scale = np.sqrt(problem.norm2[neuron] / norm2)
                for edge in range(from_edge, to_edge):
                    weights[edge] = scale * real(totals[edge - begin])
            elif np.isnan(norm2):
                weights[from_edge] = np.nan
            neuron += 1


@_compiled
def count_right(problem: Any, state: Any, values: Any) -> Any:
    """Return the number of correct targets of the network with the consensus weights, don't-cares excluded.

    Its inputs are A's: the data, or the codes where they are generated. values: real scratch
    (nodes * LANES,), modified. Sums are in the arrays' own precision.
    """
    n_neurons = problem.delta.shape[0]
    n_nodes = problem.fan_class.shape[0]
    first = n_nodes - n_neurons
    n_outputs = problem.goal.shape[0] // (problem.blocks * problem.groups * LANES)
    right = 0
    for group in range(problem.blocks * problem.groups):
        rows = group * n_nodes * LANES
        for k in range(first * LANES):
            values[k] = state.sign[rows + k]
        for neuron in range(n_neurons):
            edge = problem.fanin_start[neuron]
            place = (edge, problem.fanin_start[neuron + 1] - edge, 0, (first + neuron) * LANES)
            evaluate_neuron(values, state.weights, problem.sources, place)
        output = (n_nodes - n_outputs) * LANES
        targets = group * n_outputs * LANES
        for k in range(n_outputs * LANES):
            if problem.imposed[targets + k] * problem.goal[targets + k] * values[output + k] > 0:
                right += 1
    return right


def start_state(problem: Problem, state: State) -> None:
    """Project a fresh state for the first time. Modifies the state."""
    scratch = make_scratch(problem)
    advance_blocks(problem, state, scratch, 0, problem.blocks, (0.0, 0.0, 0.0))
    state.gap[:] = 0
    join_neurons(problem, state, scratch, 0, len(problem.delta), 0.0)


@_compiled
def run_share(
    problem: Any,
    state: Any,
    scratch: Any,
    team: Any,
    numbers: Any,
    limits: Any,
    tally: Any,
) -> Any:
    """Run one thread's share of `run_steps`.

    `scratch` belongs to the thread; team: (thread, number of threads, shared int64 array (1,) of zero for
    `meet`); limits: (maximum iterations, iterations between two counts of targets); tally: see `Tally`.
    """
    member, members, arrived = team
    steps, check = limits
    best, best_weights, history = tally
    beta, gamma, limit2, mean = numbers
    n_neurons = problem.delta.shape[0]
    first, last = problem.blocks * member // members, problem.blocks * (member + 1) // members
    first_neuron = n_neurons * member // members
    last_neuron = n_neurons * (member + 1) // members
    meetings = 0
    for step in range(steps):
        advance_blocks(problem, state, scratch, first, last, (beta, gamma, mean))
        meetings += 1
        meet(arrived, meetings * members)
        if arrived[0] >= GIVEN_UP:
            return step
        mean = mean_gap(problem, state.gap_sums)
        join_neurons(problem, state, scratch, first_neuron, last_neuron, gamma / mean)
        if member == 0:
            history[step] = mean
        meetings += 1
        meet(arrived, meetings * members)
        if not np.isfinite(mean):
            return step + 1
        if check > 0 and (step + 1) % check == 0:
            if member == 0:
                right = count_right(problem, state, scratch.values)
                most = best[MOST_RIGHT]
                if right > most or (right == most and mean < best[BEST_MEAN]):
                    best[MOST_RIGHT] = right
                    best[BEST_ITERATION] = step + 1
                    best[BEST_MEAN] = mean
                    for k in range(best_weights.shape[0]):
                        best_weights[k] = state.weights[k]
                if right == best[STOP_AT]:
                    best[STOPPED] = 1
            meetings += 1
            meet(arrived, meetings * members)
            if best[STOPPED] == 1:
                return step + 1
        if mean < limit2:
            return step + 1
    return steps


def run_steps(
    problem: Problem,
    state: State,
    numbers: tuple[float, float, float, float],
    steps: int,
    check: int,
    tally: Tally,
) -> int:
    """Run up to `steps` iterations, until enough targets are correct or the gap is small; return their number.

    The state is modified in place, after `start_state`. A state that is not finite stops at once with a NaN in
    the history. numbers: float tuple (beta, gamma, squared gap limit, mean squared gap of the
    iteration before or 0 at the first); a limit of 0 never stops. check: iterations between two counts of
    correct targets; 0 for none.
    """
    alone = (0, 1, np.zeros(1, dtype=np.int64))
    scratch = make_scratch(problem)
    return int(run_share(problem, state, scratch, alone, numbers, (steps, check), tally))


# Where threads of one training wait for each other, inside compiled code.
#
# A step of a small problem takes microseconds, and to wake a thread that sleeps takes tens of them. The
# threads of a team therefore count themselves in and look until all have; who looks for long lets others have
# the processor between two looks.

_LOOKS = 2000
"""Looks, some tens of nanoseconds each, before the processor is offered to others."""

_YIELD = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
_X86 = platform.machine().lower() in ("x86_64", "amd64", "i686")


@intrinsic
def meet(typingctx, arrived, everybody):  # type: ignore[no-untyped-def]
    """Barrier: increment ``arrived[0]`` and wait until it is at least ``everybody``.

    arrived: int64 array (1,), shared by all threads of a team and never reset, so the n-th meeting of m threads
    waits for n m. Writes of a thread before the barrier are visible to all threads after it.
    """
    signature = types.void(arrived, everybody)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count = arrayobj.make_array(sig.args[0])(context, builder, args[0]).data
        kind = ir.IntType(64)
        builder.atomic_rmw("add", count, kind(1), "acq_rel")
        looks = cgutils.alloca_once_value(builder, kind(0))
        look, again, offer, over = (
            builder.append_basic_block(f"meet.{name}")
            for name in ("look", "again", "offer", "over")
        )
        builder.branch(look)
        builder.position_at_end(look)
        now = builder.load_atomic(count, "acquire", 8)
        builder.cbranch(builder.icmp_signed(">=", now, args[1]), over, again)
        builder.position_at_end(again)
        if _X86:
            pause = ir.FunctionType(ir.VoidType(), [])
            builder.call(
                cgutils.get_or_insert_function(builder.module, pause, "llvm.x86.sse2.pause"), []
            )
        done = builder.add(builder.load(looks), kind(1))
        builder.store(done, looks)
        builder.cbranch(builder.icmp_signed("<", done, kind(_LOOKS)), look, offer)
        builder.position_at_end(offer)
        builder.store(kind(0), looks)
        function = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, function, _YIELD), [])
        builder.branch(look)
        builder.position_at_end(over)
        return impl_ret_untracked(context, builder, sig.return_type, context.get_dummy_value())

    return signature, codegen
