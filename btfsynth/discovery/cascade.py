"""Grow a circuit by a cascade of small searches: one more input at a time, one output after the other.

To learn a large function at once takes a wide network, whose netlist has thousands of cells. But if all inputs
except a few are 0, the function is small, and when one more input is released it is often only a few cells away
from the present circuit. A cascade therefore has a stage for every input. In a stage every output is rebuilt
from the signals of the circuit so far, on the patterns whose other inputs are 0. An output that equals a signal
is taken; one that is up to three cells away is found by exact search (`btfsynth.discovery.signals`); any
other is learnt by small networks (`btfsynth.discovery.learner`), first those that the fewest signals determine.
The smallest learnt circuit is kept, and its cells serve the later outputs as well (this finds the carries of an
adder). At the end of a stage, rounds of walks (see `btfsynth.passes.annealing`) reduce the circuit, from the
best few so far, until a round saves nothing. The smallest circuit continues: a cell saved in a small function
is also saved in the larger ones.

The cascade uses only the patterns of the function.

The work is divided into parts that can run anywhere: `Growth` is the state of a cascade, `parts_of` lists the
next parts, `run_part` runs one, and `merged` combines the results by rule, whatever their order of arrival.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.discovery.learner import LearnerOptions, expand, learn
from btfsynth.discovery.signals import find_expression, find_supports
from btfsynth.discovery.stage import (
    Stage,
    copy_cells,
    expressed,
    input_ports,
    optimise,
    restricted,
    rewired,
    steps_within,
)
from btfsynth.errors import NetlistError, TrainingError, UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, Netlist, value_of
from btfsynth.netlist.simulation import care_reference, count_wrong, pack_bits
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.netlist.views import statistics
from btfsynth.passes.annealing import Annealing
from btfsynth.passes.registry import format_script, parse_script
from btfsynth.ports import Port
from btfsynth.records import flag, items, string, whole

WAYS = ("searched", "trained", "repaired", "expanded")
"""How an output can be made that no signal is yet."""


@dataclass(frozen=True)
class CascadeOptions:
    """How a cascade is grown.

    An output that needs up to `cells` new cells (at most 3) is found by exact search. Of the others, `outputs`
    are trained at the same time, each in `parts` trainings: those that the fewest signals determine, or one
    signal more. After a round without success this number doubles, and any number of signals is allowed. After
    `rounds` rounds one output is written as multiplexers, or the cascade ends if `expands` is false.

    `passes` run after every step that found outputs; `stage_passes` run at the end of a stage, followed by
    rounds of `walks` parallel walks until `patience` rounds (in the last stage, which is polished later, one
    round) have saved no cell. A walk of the last stage has `walk` steps per cell, one of the stage before twice
    as many, and so on up to a limit: smaller circuits get longer walks, because they are part of all later ones
    and their steps are cheap. No walk takes more than about `longest` microseconds. Input bits are released in
    `order`, by default `interleaved_order`.
    """

    seed: int = 1
    learner: LearnerOptions = field(default_factory=LearnerOptions)
    cells: int = 3
    outputs: int = 2
    parts: int = 2
    rounds: int = 2
    expands: bool = True
    passes: str = "functional_hash; resub -k 0 --patience 0; anneal --steps 3000 --slack 1"
    stage_passes: str = "resub -k 0 --patience 0"
    walks: int = 6
    walk: int = 2_500
    longest: int = 30_000_000
    patience: int = 1
    order: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        least = min(self.rounds, self.outputs, self.parts, self.walks, self.patience)
        if least < 1 or min(self.walk, self.longest) < 0:
            raise UsageError(
                "cascade: rounds, outputs, parts, walks and patience must be 1 or more, walk and longest "
                "0 or more"
            )
        if not 0 <= self.cells <= 3:
            raise UsageError(f"cascade: cells: expected 0 to 3, got {self.cells}")
        parse_script(self.passes)
        parse_script(self.stage_passes)


class GrownCircuit(NamedTuple):
    """A netlist that is right on every pattern, and the trainings it took, the failed ones included."""

    netlist: Netlist
    trainings: int
    iterations: int
    made: dict[str, int]
    """Number of outputs of all stages by the way in which they were made (see `WAYS`)."""


@dataclass(frozen=True, eq=False)
class Growth:
    """The state of a cascade.

    `free` inputs are released. The outputs of `circuit` are as in `btfsynth.discovery.stage.Stage`, at the end
    only those of the function. `ranking` lists the outputs to learn next, () before they are known, the first
    `near` of them being the easiest; `round` counts the rounds without success. When all outputs of a stage are
    made, `made_all` is set and `circuit` has only these outputs; `others` are the next best circuits that walks
    have found, and `round` counts the rounds of walks that saved nothing. `bits_right` of all targets are
    correct.
    """

    free: int
    circuit: Netlist
    learnt: tuple[int, ...] = ()
    ranking: tuple[int, ...] = ()
    near: int = 0
    round: int = 0
    steps: int = 0
    trainings: int = 0
    iterations: int = 0
    bits_right: int = 0
    made: tuple[int, ...] = (0,) * len(WAYS)
    made_all: bool = False
    done: bool = False
    others: tuple[Netlist, ...] = ()

    def to_json(self) -> dict[str, Any]:
        names = ("free", "near", "round", "steps", "trainings", "iterations", "bits_right")
        lists = ("learnt", "ranking", "made")
        return {
            **{name: getattr(self, name) for name in names},
            **{name: list(getattr(self, name)) for name in lists},
            "made_all": self.made_all,
            "done": self.done,
            "netlist": format_netlist(self.circuit),
            "others": [format_netlist(other) for other in self.others],
        }


def parse_growth(values: Any) -> Growth:
    """Read the result of `Growth.to_json`."""
    return Growth(
        whole(values, "free"),
        parse_netlist(string(values, "netlist")),
        learnt=_numbers(values, "learnt"),
        ranking=_numbers(values, "ranking"),
        near=whole(values, "near"),
        round=whole(values, "round"),
        steps=whole(values, "steps"),
        trainings=whole(values, "trainings"),
        iterations=whole(values, "iterations"),
        bits_right=whole(values, "bits_right"),
        made=_numbers(values, "made"),
        made_all=flag(values, "made_all"),
        done=flag(values, "done"),
        others=tuple(
            parse_netlist(string({"others": o}, "others")) for o in items(values, "others")
        ),
    )


def _numbers(values: Any, name: str) -> tuple[int, ...]:
    return tuple(whole({name: item}, name) for item in items(values, name))


class Part(NamedTuple):
    """A piece of work: ``look`` for outputs, ``learn`` or ``expand`` one, ``walk`` when all are made."""

    kind: str
    output: int = -1
    number: int = 0


def interleaved_order(ports: Sequence[Port]) -> tuple[int, ...]:
    """Return input bits port by port in turn, the least significant of each first.

    Operands then grow together, so that the stages are the function's own smaller sizes.
    """
    first = np.cumsum([0, *(port.width for port in ports)]).tolist()
    return tuple(
        first[number] + bit
        for bit in range(max((port.width for port in ports), default=0))
        for number, port in enumerate(ports)
        if bit < port.width
    )


def begin(dataset: Dataset, options: CascadeOptions) -> Growth:
    """Return the growth that has nothing yet."""
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected Boolean inputs to grow a circuit for, got "
            f"{dataset.input_kind.value}"
        )
    order_of(dataset, options)
    # Without the stage of no input at all, a function of none would be lost.
    circuit = NetlistBuilder(dataset.name, (), dataset.output_ports).build(
        [FALSE] * dataset.n_outputs
    )
    growth = Growth(0, circuit)
    return replace(growth, bits_right=_bits_right(dataset, options, growth))


def holding(dataset: Dataset, netlist: Netlist, order: Sequence[int], free: int) -> Growth:
    """Return the growth of a circuit of the whole function that has all but the first inputs held at 0."""
    builder = NetlistBuilder(netlist.name, input_ports(free), netlist.output_ports)
    inputs = [FALSE] * netlist.n_inputs
    for place, bit in enumerate(order[:free]):
        inputs[bit] = builder.input(place)
    literals = copy_cells(builder, netlist, inputs)
    driven = [value_of(literals, literal) for literal in netlist.outputs.tolist()]
    return Growth(free, builder.build(driven))


def order_of(dataset: Dataset, options: CascadeOptions) -> tuple[int, ...]:
    order = options.order if options.order is not None else interleaved_order(dataset.input_ports)
    if sorted(order) != list(range(dataset.n_inputs)):
        raise UsageError(
            f"cascade: expected an order of the {dataset.n_inputs} inputs, got {list(order)}"
        )
    return order


def parts_of(growth: Growth, options: CascadeOptions) -> list[Part]:
    """Return the next parts, which may run in parallel; empty if the growth is done."""
    if growth.done:
        return []
    if growth.made_all:
        return [Part("walk", -1, k) for k in range(options.walks if growth.circuit.n_cells else 1)]
    if not growth.ranking:
        return [Part("look")]
    if growth.round >= options.rounds:
        return [Part("expand", growth.ranking[0])]
    most = options.outputs << growth.round
    chosen = growth.ranking[: most if growth.round else min(most, growth.near)]
    return [Part("learn", output, k) for output in chosen for k in range(options.parts)]


def run_part(dataset: Dataset, options: CascadeOptions, growth: Growth, part: Part) -> Growth:
    """Run a part; return the state of the cascade with its result alone."""
    stage = _stage(dataset, options, growth)
    number = options.seed, growth.free, growth.steps, growth.round, part.output + 1, part.number
    seed = int(np.random.SeedSequence(number).generate_state(1)[0]) >> 1
    if part.kind == "look":
        return _look(dataset, options, growth, stage, seed)
    if part.kind == "walk":
        return _walked(dataset, options, growth, part.number, seed)
    if part.kind == "expand":
        found = expand(stage, part.output, options.learner, seed)
    else:
        found = learn(stage, part.output, options.learner, growth.round, seed)
    growth = replace(
        growth,
        trainings=growth.trainings + found.trainings,
        iterations=growth.iterations + found.iterations,
    )
    if found.stage is None:
        return growth
    made = _counted(growth.made, found.how)
    return _standing(dataset, options, replace(growth, made=made), found.stage)


def merged(
    dataset: Dataset, options: CascadeOptions, growth: Growth, results: Sequence[Growth]
) -> Growth:
    """Return the state of the cascade after all parts; the smallest circuit is kept, the first in a tie."""
    if growth.made_all:
        return _round_merged(dataset, options, growth, [result.circuit for result in results])
    if not growth.ranking:
        return results[0]
    better = [result for result in results if len(result.learnt) > len(growth.learnt)]
    least = min(better, key=lambda result: result.circuit.n_cells, default=growth)
    spent = {
        name: getattr(growth, name)
        + sum(getattr(result, name) - getattr(growth, name) for result in results)
        for name in ("trainings", "iterations")
    }
    if least is not growth:
        return replace(least, ranking=(), round=0, steps=growth.steps + 1, **spent)
    number = growth.round + 1
    if number >= options.rounds and not options.expands:
        names = ", ".join(str(output) for output in growth.ranking)
        rounds = f"{options.rounds} {'round' if options.rounds == 1 else 'rounds'}"
        raise TrainingError(
            f"{dataset.name}: with {growth.free} of {dataset.n_inputs} inputs free, none of the output "
            f"bits {names} was learnt in {rounds}"
        )
    return replace(growth, round=number, **spent)


def finished(dataset: Dataset, options: CascadeOptions, growth: Growth) -> Netlist:
    """Return the circuit of a growth with the ports of the data; parts not yet reached are wrong."""
    order = order_of(dataset, options)
    complete = growth.done or growth.made_all
    circuit = growth.circuit if complete else _stage(dataset, options, growth).finished()
    return rewired(circuit, dataset.input_ports, dataset.output_ports, order[: circuit.n_inputs])


def grow(
    dataset: Dataset, options: CascadeOptions | None = None, start: Growth | None = None
) -> GrownCircuit:
    """Grow a circuit that is right on every listed pattern, and anything on other input vectors."""
    options = options or CascadeOptions()
    growth = start or begin(dataset, options)
    while not growth.done:
        parts = parts_of(growth, options)
        results = [run_part(dataset, options, growth, part) for part in parts]
        growth = merged(dataset, options, growth, results)
    return grown(dataset, options, growth)


def grown(dataset: Dataset, options: CascadeOptions, growth: Growth) -> GrownCircuit:
    """Return the result of a growth that is done, checked."""
    ported = finished(dataset, options, growth)
    if count_wrong(ported, care_reference(dataset)):
        raise NetlistError(f"{dataset.name}: the grown circuit is not right on every pattern")
    made = dict(zip(WAYS, growth.made, strict=True))
    return GrownCircuit(ported, growth.trainings, growth.iterations, made)


def _stage(dataset: Dataset, options: CascadeOptions, growth: Growth) -> Stage:
    patterns = restricted(dataset, order_of(dataset, options), growth.free)
    circuit = growth.circuit
    if circuit.n_inputs < growth.free:
        circuit = rewired(circuit, input_ports(growth.free), circuit.output_ports)
    return Stage(patterns, circuit, growth.learnt)


def _standing(dataset: Dataset, options: CascadeOptions, growth: Growth, stage: Stage) -> Growth:
    """Return a growth with the present state of a stage."""
    growth = replace(growth, circuit=stage.circuit, learnt=stage.learnt)
    return replace(growth, bits_right=_bits_right(dataset, options, growth))


def _bits_right(dataset: Dataset, options: CascadeOptions, growth: Growth) -> int:
    return Stage(dataset, finished(dataset, options, growth)).bits_right()


def _cost(netlist: Netlist) -> tuple[int, int]:
    return netlist.n_cells, statistics(netlist).depth


def _look(
    dataset: Dataset, options: CascadeOptions, growth: Growth, stage: Stage, seed: int
) -> Growth:
    """Build outputs that are few cells away; end the stage, or rank the outputs to learn."""
    before = len(stage.learnt)
    stage, found = _searched(stage, options.cells, seed)
    if len(stage.learnt) > before and stage.pending:
        stage = stage.optimised(options.passes)
    growth = replace(growth, made=_counted(growth.made, "searched", found))
    if stage.pending:
        ranking, near = _ranked(stage, options.learner.attempts, seed)
        growth = replace(growth, ranking=ranking, near=near)
        return _standing(dataset, options, growth, stage)
    circuit = optimise(stage.finished(), stage.patterns, options.stage_passes)
    growth = replace(growth, circuit=circuit, learnt=stage.learnt, made_all=True)
    return replace(growth, bits_right=_bits_right(dataset, options, growth))


_MOST_STEPS = 800
"""Maximum steps of a walk per square of its cells, unless the last stage requests more."""

_WALKS = ((4, 10), (6, 10), (2, 10), (4, 20), (3, 10), (6, 20))
"""Slack and uphill moves of the walks at the end of a stage, in turn."""

_KEPT = 3
"""Circuits of a stage from which walks go out."""


def _walked(
    dataset: Dataset, options: CascadeOptions, growth: Growth, number: int, seed: int
) -> Growth:
    """Walk from one of the best circuits of a stage."""
    circuits = growth.circuit, *growth.others
    circuit = circuits[number % len(circuits)]
    slack, uphill = _WALKS[(number + growth.steps) % len(_WALKS)]
    patterns = restricted(dataset, order_of(dataset, options), growth.free)
    most = steps_within(options.longest, circuit, patterns)
    held = dataset.n_inputs - growth.free
    per_cell = min(options.walk << held, max(options.walk, _MOST_STEPS * circuit.n_cells))
    steps = min(per_cell * circuit.n_cells, most)
    walk = Annealing(steps=steps, slack=slack, uphill=uphill, seed=seed % (1 << 31))
    return replace(growth, circuit=optimise(circuit, patterns, format_script([walk])))


def _round_merged(
    dataset: Dataset, options: CascadeOptions, growth: Growth, results: Sequence[Netlist]
) -> Growth:
    """Keep the best circuits of a round of walks; begin the next stage after rounds that saved nothing."""
    known = {format_netlist(each): each for each in (*results, growth.circuit, *growth.others)}
    circuit, *others = sorted(known.values(), key=_cost)[:_KEPT]
    number = 0 if circuit.n_cells < growth.circuit.n_cells else growth.round + 1
    growth = replace(growth, circuit=circuit, steps=growth.steps + 1, round=number)
    last = growth.free == dataset.n_inputs
    if circuit.n_cells and number < (1 if last else options.patience):
        return replace(growth, others=tuple(others))
    growth = replace(growth, learnt=(), round=0, made_all=False, others=())
    free = growth.free + 1
    if last:
        bits = int(dataset.care_mask.sum())
        return replace(growth, bits_right=bits, done=True)
    widened = rewired(circuit, input_ports(free), circuit.output_ports)
    patterns = restricted(dataset, order_of(dataset, options), free)
    return _standing(dataset, options, replace(growth, free=free), Stage(patterns, widened))


def _searched(stage: Stage, most: int, seed: int) -> tuple[Stage, int]:
    """Take outputs that signals are, then the one that is the fewest cells away, again and again."""
    found = 0
    while True:
        stage = stage.adopted()
        nearest = None
        for output in stage.pending:
            target, care = stage.wanted(output)
            nodes = np.array([0, *stage.signals], dtype=np.int32)
            cells = find_expression(
                stage.words, nodes, pack_bits(target[:, None])[0],
                pack_bits(care[:, None].astype(np.uint8))[0], most, seed + found,
            )  # fmt: skip
            if cells is not None and (nearest is None or len(cells) < len(nearest[1])):
                nearest = output, cells
        if nearest is None:
            return stage, found
        output, cells = nearest
        addition = expressed(cells, stage.signals, stage.patterns.name)
        stage = stage.join(addition, output, "strash; functional_hash")
        found += 1


def _ranked(stage: Stage, attempts: int, seed: int) -> tuple[tuple[int, ...], int]:
    """Return the pending outputs, those that the fewest signals determine first, and how many are easy."""
    sizes = {}
    for output in stage.pending:
        target, care = stage.wanted(output)
        bits = np.ascontiguousarray(stage.values[care][:, stage.signals])
        supports = find_supports(bits, np.ascontiguousarray(target[care]), attempts, seed)
        sizes[output] = len(supports[0])
    ranking = tuple(sorted(sizes, key=lambda output: (sizes[output], output)))
    least = sizes[ranking[0]]
    return ranking, sum(size <= least + 1 for size in sizes.values())


def _counted(made: tuple[int, ...], way: str, number: int = 1) -> tuple[int, ...]:
    counts = Counter(dict(zip(WAYS, made, strict=True)))
    counts[way] += number
    return tuple(counts[each] for each in WAYS)
