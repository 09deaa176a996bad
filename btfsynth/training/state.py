"""From patterns and a topology to the arrays the kernel works on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.network.network import Topology
from btfsynth.training.kernel import GIVEN, HYPERCUBE, ONE_HOT, Problem, State, aligned
from btfsynth.training.parallel import Share
from btfsynth.training.vector import LANES

_GROUPS_A_BLOCK = 8
_WHOLE = Share()
_GENERATORS = {
    InputKind.ONE_HOT_GENERATOR: ONE_HOT,
    InputKind.HYPERCUBE_GENERATOR: HYPERCUBE,
}


def count_blocks(patterns: int) -> int:
    groups = -(-patterns // LANES)
    return -(-groups // min(_GROUPS_A_BLOCK, groups))


def make_problem(
    dataset: Dataset,
    topology: Topology,
    sigma: float,
    dtype: type[np.floating[Any]],
    share: Share = _WHOLE,
) -> Problem:
    """Lay out the patterns and constants of a training in float32 or float64.

    Of a training that several processes share, `share` has the blocks to lay out; ``patterns`` counts all. A
    neuron of fan-in m keeps the margin ``sqrt(m / sigma)``.
    """
    patterns = dataset.n_patterns
    groups = min(_GROUPS_A_BLOCK, -(-patterns // LANES))
    first, last = share.blocks(count_blocks(patterns))
    blocks = last - first
    lanes = blocks * groups * LANES
    start = first * groups * LANES

    def rows(values: NDArray[Any]) -> NDArray[Any]:
        padded = np.zeros((lanes, values.shape[1]), dtype=dtype)
        own = values[start : start + lanes]
        padded[: len(own)] = own
        shaped = padded.reshape(blocks * groups, LANES, values.shape[1])
        return np.ascontiguousarray(shaped.transpose(0, 2, 1)).reshape(-1)

    generator = _GENERATORS.get(dataset.input_kind, GIVEN)
    given = 2.0 * dataset.inputs.astype(np.float64) - 1.0
    if generator != GIVEN:
        given = np.zeros((patterns, topology.n_inputs))
    inputs = np.concatenate([np.full((patterns, 1), -1.0), given], axis=1)
    fan_class, class_start, class_members = _fan_classes(topology)
    fan_in = topology.fan_in.astype(np.float64)
    return Problem(
        fanin_start=topology.fanin_start.astype(np.int64),
        sources=topology.sources.astype(np.int64),
        delta=np.sqrt(fan_in / sigma).astype(dtype),
        norm2=fan_in.astype(dtype),
        data=rows(inputs),
        goal=rows(2.0 * dataset.targets - 1.0),
        imposed=rows(dataset.care_mask.astype(np.float64)),
        valid=rows(np.ones((patterns, 1))),
        fan_class=fan_class,
        class_start=class_start,
        class_members=class_members,
        blocks=blocks,
        groups=groups,
        patterns=patterns,
        generator=generator,
    )


def _fan_classes(
    topology: Topology,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Group nodes by the set of neurons they feed: one class per layer in a layered network."""
    neurons = np.repeat(np.arange(topology.n_neurons, dtype=np.int64), topology.fan_in)
    order = np.argsort(topology.sources, kind="stable")
    bounds = np.searchsorted(topology.sources[order], np.arange(topology.n_nodes + 1))
    targets = neurons[order]
    numbers: dict[bytes, int] = {}
    members: list[NDArray[np.int64]] = []
    fan_class = np.zeros(topology.n_nodes, dtype=np.int64)
    for node in range(topology.n_nodes):
        fed = targets[bounds[node] : bounds[node + 1]]
        key = fed.tobytes()
        if key not in numbers:
            numbers[key] = len(members)
            members.append(fed)
        fan_class[node] = numbers[key]
    start = np.concatenate([[0], np.cumsum([len(fed) for fed in members])]).astype(np.int64)
    return fan_class, start, np.concatenate(members)


def make_state(problem: Problem, seed: Sequence[int], share: Share = _WHOLE) -> State:
    """Draw a random start: w, x and hidden y uniform in [-1, 1], input and output y at the data, g = 1.

    `seed` is entropy for numpy's SeedSequence, such as (seed, trial). If processes share the training, each
    draws the numbers that a single process would draw for its blocks.
    """
    dtype = problem.delta.dtype
    real = np.float32 if dtype == np.float32 else np.float64
    bits = np.random.PCG64(np.random.SeedSequence(list(seed)))
    random = np.random.Generator(bits)
    groups = problem.blocks * problem.groups
    edges, nodes, neurons = len(problem.sources), len(problem.fan_class), len(problem.delta)
    all_blocks = count_blocks(problem.patterns)
    before, end = share.blocks(all_blocks)

    def uniform(size: int) -> NDArray[Any]:
        # One draw of 64 bits makes two numbers of single precision; sizes are multiples of the lanes.
        draws = size // problem.blocks * np.dtype(real).itemsize // 8
        bits.advance(before * draws)
        values = aligned(size, real)
        random.random(out=values, dtype=real)
        bits.advance((all_blocks - end) * draws)
        values *= 2
        values -= 1
        return values

    def zeros(size: int) -> NDArray[Any]:
        values = aligned(size, real)
        values[:] = 0
        return values

    w, x = uniform(groups * edges * LANES), uniform(groups * edges * LANES)
    y = uniform(groups * nodes * LANES).reshape(groups, nodes, LANES)
    first = nodes - neurons
    data = problem.data.reshape(groups, first, LANES)
    goal = problem.goal.reshape(groups, -1, LANES)
    imposed = problem.imposed.reshape(goal.shape)
    fixed = first if problem.generator == GIVEN else 1
    y[:, :fixed] = data[:, :fixed]
    outputs = y[:, nodes - goal.shape[1] :]
    outputs[:] = np.where(imposed > 0, goal, outputs)
    sign = zeros(groups * nodes * LANES)
    sign.reshape(groups, nodes, LANES)[:, :first] = data
    metric = zeros(groups * neurons * LANES)
    metric.reshape(groups, neurons, LANES)[:] = problem.valid.reshape(groups, 1, LANES)
    return State(
        w=w,
        x=x,
        y=y.reshape(-1),
        sign=sign,
        values=zeros(groups * nodes * LANES),
        sum_1=zeros(groups * nodes * LANES),
        sum_2=zeros(groups * nodes * LANES),
        multiplier=zeros(groups * neurons * LANES),
        metric=metric,
        gap=zeros(groups * neurons * LANES),
        weights=zeros(edges),
        part_1=zeros(problem.blocks * edges),
        part_2=zeros(problem.blocks * edges),
        gap_sums=np.zeros(problem.blocks * 3),
    )


def state_layout(
    topology: Topology, patterns: int, dtype: type[np.floating[Any]]
) -> dict[str, tuple[np.dtype[Any], int]]:
    """Return dtype and length of every array of the state that `make_state` makes for all patterns."""
    blocks = count_blocks(patterns)
    lanes = blocks * min(_GROUPS_A_BLOCK, -(-patterns // LANES)) * LANES
    edges, nodes, neurons = topology.n_edges, topology.n_nodes, topology.n_neurons
    lengths = dict.fromkeys(("w", "x"), lanes * edges)
    lengths |= dict.fromkeys(("y", "sign", "values", "sum_1", "sum_2"), lanes * nodes)
    lengths |= dict.fromkeys(("multiplier", "metric", "gap"), lanes * neurons)
    lengths |= {"weights": edges, "part_1": blocks * edges, "part_2": blocks * edges}
    layout = {name: (np.dtype(dtype), length) for name, length in lengths.items()}
    return {**layout, "gap_sums": (np.dtype(np.float64), 3 * blocks)}


def state_bytes(topology: Topology, patterns: int, dtype: type[np.floating[Any]]) -> int:
    """Return the memory of the state of a training and its problem, in bytes."""
    layout = state_layout(topology, patterns, dtype)
    own = sum(kind.itemsize * length for kind, length in layout.values())
    row = np.dtype(dtype).itemsize * (topology.n_inputs + 2 * topology.n_outputs + 2)
    return own + row * patterns


def generated_codes(problem: Problem, state: State) -> NDArray[np.uint8]:
    """Return ``(patterns, inputs)`` uint8 0/1: the code that A chose for each pattern of its blocks."""
    nodes = len(problem.fan_class)
    first = nodes - len(problem.delta)
    sign = state.sign.reshape(-1, nodes, LANES)[:, 1:first].transpose(0, 2, 1)
    codes = sign.reshape(-1, first - 1)[: int(problem.valid.sum())] > 0
    return np.asarray(codes, dtype=np.uint8)
