"""The work of a discovery, one function a kind: arguments in, a record out.

The functions depend on their arguments alone and go by their names, so they can run in any
process: on this machine's workers or on others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numba.core import event

from btfsynth.dataset.dataset import Dataset
from btfsynth.discovery.cascade import (
    CascadeOptions,
    Growth,
    Part,
    begin,
    finished,
    grow,
    grown,
    holding,
    interleaved_order,
    merged,
    parts_of,
    run_part,
)
from btfsynth.discovery.learner import LearnerOptions
from btfsynth.discovery.portfolio import Portfolio, grows
from btfsynth.discovery.record import Circuit, Record, canonical_netlist, make_circuit
from btfsynth.discovery.stage import steps_within
from btfsynth.errors import NetlistError, TrainingError, VerificationError
from btfsynth.events import Growing
from btfsynth.flow.simplify import simplify_netlist, simplify_network
from btfsynth.netlist.kernels import kernel_module
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import care_reference, count_wrong, output_words
from btfsynth.netlist.text import parse_netlist
from btfsynth.passes.annealing import Annealing
from btfsynth.passes.base import Pass
from btfsynth.passes.basic import Inverters
from btfsynth.passes.registry import format_script, parse_script
from btfsynth.ports import Port, bit_names
from btfsynth.training.parameters import TrainingPlan, TrainParameters
from btfsynth.training.trainer import network_of, train_trial
from btfsynth.workers.executor import report

_SEEDS = 1 << 31


def run_trial(dataset: Dataset, portfolio: Portfolio, seed: int, passes: str, trial: int) -> Record:
    """Train one network; if it is exact, lower it, run the passes and check the netlist.

    If something fails on the way, a check of the netlist included, the record says so.
    """
    topology, parameters = portfolio.topology(trial), portfolio.parameters(trial)
    record = _begun(dataset, parameters, topology.widths, seed, trial, passes)
    try:
        result = train_trial(dataset, topology, parameters, seed, trial)
    except TrainingError as error:
        return replace(record, problem=str(error))
    record = replace(record, iterations=result.iterations, bits_right=result.bits_right)
    if not result.exact:
        return record
    network = network_of(dataset, topology, result.weights)
    try:
        netlist, _, _ = simplify_network(network, dataset, None, passes)
        return replace(record, circuit=_checked(netlist, dataset))
    except (NetlistError, VerificationError) as error:  # such as a neuron too wide to lower
        return replace(record, problem=str(error))


def _begun(
    dataset: Dataset,
    parameters: TrainParameters,
    widths: tuple[int, ...] | None,
    seed: int,
    trial: int,
    passes: str,
) -> Record:
    """Return the record of a trial that has no result yet."""
    return Record(
        trial=trial,
        seed=seed,
        method="network",
        widths=widths,
        sigma=parameters.sigma,
        beta=parameters.beta,
        gamma=parameters.gamma,
        max_iterations=parameters.max_iterations,
        iterations=0,
        bits_right=0,
        bits=int(dataset.care_mask.sum()),
        passes=passes,
    )


_GROWN = "depth --cells 0; inverters"
"""Passes in place of ``size`` after a cascade: its last walks have done better than they would."""


def grow_part(
    dataset: Dataset, seed: int, passes: str, growth: Growth, task: GrowTask
) -> Growth | Record:
    """Do a part of a trial's cascade; the last one runs the passes and checks the netlist.

    Where the passes are only to save cells, walks have done so before.
    """
    options = cascade_options(dataset, seed, task.trial)
    if task.part != FINISH:
        return run_part(dataset, options, growth, task.part)
    passes = _GROWN if passes == "size" else passes
    record = failed_growth(dataset, seed, passes, task.trial, growth, "")
    circuit = grown(dataset, options, growth)
    made = {**circuit.made, "trainings": circuit.trainings, "cells": circuit.netlist.n_cells}
    record = replace(record, bits_right=record.bits, made=made)
    netlist, _ = simplify_netlist(circuit.netlist, dataset, None, passes)
    return replace(record, circuit=_checked(netlist, dataset))


def failed_growth(
    dataset: Dataset, seed: int, passes: str, trial: int, growth: Growth, problem: str
) -> Record:
    """Return the record of a cascade that did not end with a circuit."""
    record = _begun(dataset, LearnerOptions().parameters, None, seed, trial, passes)
    return replace(
        record,
        method="cascade",
        iterations=growth.iterations,
        bits_right=growth.bits_right,
        problem=problem,
    )


def polish(
    dataset: Dataset, parent: Record, text: str, passes: str, keep_all: bool, attempt: int
) -> Record:
    """Run the passes over a circuit again, their random moves from another seed.

    They begin with its canonical form, so that the result does not depend on which netlist of the circuit
    came first. Every pass that has a seed gets one that follows from seed, circuit and attempt. `keep_all`
    keeps the outputs on every input vector, not only on the patterns.

    Circuits grown by cascades are annealed (`btfsynth.passes.annealing`) in place of the passes. Every third
    attempt holds some inputs at 0 and grows the cascade again from what is left of the circuit.
    """
    if parent.circuit is None:
        raise VerificationError("expected the record of a circuit to polish")
    key = parent.circuit.key
    label = f"{parent.seed} {key} {attempt}"
    number = int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little") % _SEEDS
    start = canonical_netlist(parse_netlist(text))
    script = format_script(_reseeded(parse_script(passes), number))
    made = parent.made
    if grows(dataset):
        script = _annealing(start, dataset, number, attempt)
        if attempt % 3 == 2:
            start, made = _regrown(dataset, start, number)
    record = replace(parent, passes=script, circuit=None, parent=key, attempt=attempt, made=made)
    netlist, _ = simplify_netlist(start, None if keep_all else dataset, None, script)
    try:
        return replace(record, circuit=_checked(netlist, dataset))
    except VerificationError as error:
        return replace(record, problem=str(error))


_WALK = 20_000_000
"""Microseconds of a walk, about."""

_LONGEST_WALK = 2_000_000

_REGROWN_WALK = 4_000
"""Steps per cell of the walks of the last stage where a part of a circuit is grown again."""

_WALKS = ((4, 10), (6, 10), (2, 10), (4, 20))
"""Slack and uphill moves of the walks, in turn (see `btfsynth.passes.annealing.Annealing`)."""


def _annealing(netlist: Netlist, dataset: Dataset, seed: int, attempt: int) -> str:
    steps = min(_LONGEST_WALK, steps_within(_WALK, netlist, dataset))
    slack, uphill = _WALKS[(attempt // 3 + attempt) % len(_WALKS)]
    walk = Annealing(steps=steps, slack=slack, uphill=uphill, seed=seed)
    return format_script([walk, Inverters()])


def _regrown(dataset: Dataset, netlist: Netlist, seed: int) -> tuple[Netlist, dict[str, int]]:
    """Hold up to three inputs of a circuit at 0 and let them free again by a cascade."""
    random = np.random.Generator(np.random.PCG64(seed))
    order = list(interleaved_order(dataset.input_ports))
    held = int(random.integers(1, 4))
    if random.integers(0, 2):
        order = [int(bit) for bit in random.permutation(dataset.n_inputs)]
    free = dataset.n_inputs - held
    cells = int(random.integers(2, 4))
    options = CascadeOptions(seed=seed, order=tuple(order), cells=cells, walk=_REGROWN_WALK)
    circuit = grow(dataset, options, holding(dataset, netlist, order, free))
    return circuit.netlist, {**circuit.made, "cells": circuit.netlist.n_cells}


def get_ready(passes: str, precision: int, cascades: bool) -> None:
    """Load or compile all that the work takes, on a task of a moment; report modules that are compiled."""
    with event.install_listener("numba:compile", _Compiling()):
        _try_everything(passes, precision, cascades)


class _Compiling(event.Listener):  # type: ignore[misc]
    """Reports compilations by their modules; loading from Numba's cache is none."""

    def __init__(self) -> None:
        self._told = ""

    def on_start(self, happening: event.Event) -> None:
        module = kernel_module(happening)
        if module != self._told:
            self._told = module
            report(module)

    def on_end(self, happening: event.Event) -> None:
        """Nothing is told then."""


def _try_everything(passes: str, precision: int, cascades: bool) -> None:
    vectors = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8)
    targets = vectors.sum(axis=1, keepdims=True) % 2
    ports = (Port("x", 2),), (Port("y", 1),)
    tiny = Dataset("ready", "ready", vectors, targets.astype(np.uint8), *ports)
    if cascades:
        for cells in (0, 3):
            grow(tiny, CascadeOptions(cells=cells))
    plan = TrainingPlan((2, 3, 1), TrainParameters(max_iterations=500, precision=precision))
    for trial in range(20):
        if run_trial(tiny, Portfolio(plan, vary_network=False), 0, passes, trial).exact:
            return


def _checked(netlist: Netlist, dataset: Dataset) -> Circuit:
    wrong = count_wrong(netlist, care_reference(dataset))
    if wrong:
        raise VerificationError(
            f"{netlist.name}: a netlist is wrong on {wrong} of {dataset.n_patterns} patterns"
        )
    return make_circuit(netlist)


def _reseeded(steps: Sequence[Pass], seed: int) -> list[Pass]:
    return [
        replace(step, seed=seed)  # type: ignore[type-var]
        if any(field.name == "seed" for field in fields(step))  # type: ignore[arg-type]
        else step
        for step in steps
    ]


# Cascades of a discovery under way: their parts handed out, their results taken in order, their state kept.
#
# The parts of a step run side by side, on any worker; what a cascade becomes follows from its own results
# alone, so neither the number of workers nor who is first matters.


@dataclass(frozen=True)
class GrowTask:
    """A part of a trial's cascade; `step` numbers the steps of this session."""

    trial: int
    step: int
    part: Part


FINISH = Part("finish")
"""The last part of a cascade: the passes, and the record."""


_TRIAL_WALK = 8_000
"""Steps per cell of the walks of the last stage, in all trials but the first."""

_LONG_INPUTS = 10
"""Inputs up to which the first trial walks as long as the others; each one more divides that by four."""


def cascade_options(dataset: Dataset, seed: int, trial: int) -> CascadeOptions:
    """Return what a trial's cascade is grown with: seeds, orders of the inputs and depths of search vary.

    The first trial has shorter walks, to have an exact circuit soon, and still shorter ones above ten inputs,
    where a stage would otherwise walk for many minutes.
    """
    start = int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])
    order = _order(dataset, np.random.Generator(np.random.PCG64(start)), trial)
    options = CascadeOptions(seed=start, order=order, cells=2 if trial % 2 else 3)
    if trial:
        return replace(options, walk=_TRIAL_WALK)
    return replace(options, longest=options.longest >> 2 * max(0, dataset.n_inputs - _LONG_INPUTS))


def _order(dataset: Dataset, random: np.random.Generator, trial: int) -> tuple[int, ...]:
    """Return an order of the inputs: ports in turn; every eighth trial port by port, every eighth any."""
    order = interleaved_order(dataset.input_ports)
    if trial % 8 == 2:
        return tuple(sorted(order))
    if trial % 8 == 6:
        return tuple(int(bit) for bit in random.permutation(len(order)))
    if trial % 4 == 1:  # of each turn another port first
        ports = interleaved_order(dataset.input_ports[::-1])
        widths = [port.width for port in dataset.input_ports]
        first = np.cumsum([0, *widths])[:-1].tolist()
        back = np.cumsum([0, *widths[::-1]])[:-1].tolist()[::-1]
        number = {
            new + bit: old + bit
            for old, new, width in zip(first, back, widths, strict=True)
            for bit in range(width)
        }
        return tuple(number[bit] for bit in ports)
    return order


class Cascade:
    """One trial's cascade: `next` is the part to be done, if there is one before others have ended."""

    def __init__(self, dataset: Dataset, trial: int, seed: int, start: Growth | None) -> None:
        self.trial = trial
        self.options = cascade_options(dataset, seed, trial)
        self.growth = start or begin(dataset, self.options)
        self.problem = ""
        self._dataset = dataset
        self._seen = self.growth.bits_right
        self._step = 0
        self._output, self._right = "", (0, 0)
        self._plan()

    def _plan(self) -> None:
        self._parts = parts_of(self.growth, self.options) or [FINISH]
        self._handed = 0
        self._results: dict[Part, Growth] = {}
        self._output, self._right = "", (0, 0)

    def next(self) -> GrowTask | None:
        if self.problem or self._handed == len(self._parts):
            return None
        part = self._parts[self._handed]
        self._handed += 1
        return GrowTask(self.trial, self._step, part)

    def settle(self, task: GrowTask, result: Growth) -> bool:
        """Take a part's result; return whether the cascade stands elsewhere now."""
        self._results[task.part] = result
        if len(self._results) < len(self._parts):
            return False
        results = [self._results[part] for part in self._parts]
        try:
            self.growth = merged(self._dataset, self.options, self.growth, results)
        except TrainingError as error:
            self.problem = str(error)
            return True
        self._step += 1
        self._plan()
        return True

    def told(self, task: GrowTask, right: tuple[int, int]) -> None:
        """Note how many patterns of an output a training has right."""
        if task.step == self._step and right[0] >= self._right[0]:
            self._output = bit_names(self._dataset.output_ports)[task.part.output]
            self._right = right

    def status(self) -> Growing:
        growth = self.growth
        return Growing(
            trial=self.trial,
            free=growth.free,
            inputs=self._dataset.n_inputs,
            learnt=len(growth.learnt),
            outputs=self._dataset.n_outputs,
            output=self._output,
            right=self._right[0],
            patterns=self._right[1],
            cells=growth.circuit.n_cells,
            bits_right=growth.bits_right,
            bits=int(self._dataset.care_mask.sum()),
        )

    def partial(self) -> tuple[Netlist, list[str]]:
        """Return the circuit as far as it has come, and the output bits that are right on every pattern."""
        netlist = finished(self._dataset, self.options, self.growth)
        reference = care_reference(self._dataset)
        wrong = (output_words(netlist, reference.inputs) ^ reference.targets) & reference.care
        names = bit_names(self._dataset.output_ports)
        return netlist, [name for name, row in zip(names, wrong, strict=True) if not np.any(row)]


def partial_record(cascade: Cascade, names: list[str], netlist: Netlist) -> dict[str, Any]:
    """Return what is said of a circuit that is not right everywhere yet."""
    status = cascade.status()
    return {
        "trial": cascade.trial,
        "cells": netlist.n_cells,
        "bits_right": status.bits_right,
        "bits": status.bits,
        "free": status.free,
        "outputs": names,
    }
