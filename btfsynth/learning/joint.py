"""The learner of all outputs at once: circuits whose outputs share gates, and data whose outputs share a rule.

Its circuits compete with those of the other learners, output by output, on the validation samples. If these
were split off the training samples, the outputs that it wins are then learnt again from all samples.

Shared rule: if all outputs are one function of the rotated inputs, as in a cellular automaton, one sample of n
outputs gives n samples of that function.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.patterns import group_rows
from btfsynth.errors import ToolError, UsageError
from btfsynth.events import OnEvent, StageBegan
from btfsynth.learning.base import OUTPUT, Fit, LearnOptions, Limits, Problem, inlined, new_builder
from btfsynth.learning.candidates import Candidate, measured
from btfsynth.learning.circuit_search import Search
from btfsynth.learning.circuits import Ground, Sampled, confidence
from btfsynth.learning.portfolio import JOINT
from btfsynth.learning.queries import Inquiry, Oracle
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.settings.table import Share
from btfsynth.workers.executor import Executor

_MAX_SAMPLES = 1536
"""Maximum number of samples of a chain; of more, every second, third and so on is used."""
_MAX_CHAINS = 16
"""Maximum number of chains without a time limit."""
_COMPETING = 4
_CHAIN_SHARE = 0.95
"""Share of the time for chains; the rest is for the confidence."""


@dataclass(frozen=True, eq=False)
class Joint:
    """Circuits of all outputs that explain the same samples, the simplest first."""

    samples: Dataset
    circuits: tuple[Sampled, ...]
    confidence: NDArray[np.float64]  # (outputs,) of the simplest
    lost: str | None = None  # The error that ended the workers, if one did
    interrupted: bool = False  # True if the user stopped it

    @cached_property
    def netlists(self) -> tuple[Netlist, ...]:
        ports = self.samples.input_ports, self.samples.output_ports
        return tuple(each.netlist(self.samples.name, *ports) for each in self.circuits)

    def candidates(self, problem: Problem, whole: Limits, output: int) -> list[Candidate]:
        """Return the cones of one output as candidates.

        The limits are those of all outputs if the whole circuit is within them, else those of the problem.
        """
        found = []
        for circuit, netlist in zip(self.circuits, self.netlists, strict=True):
            builder = new_builder(problem)
            inputs = [builder.input(bit) for bit in range(builder.n_inputs)]
            cone = builder.build([inlined(builder, netlist, inputs)[output]])
            how = f"{circuit.how}, of {netlist.n_cells} cells in all"
            limits = whole if whole.hold(netlist) else problem.limits
            candidate = measured(replace(problem, limits=limits), Fit(JOINT, how, cone))
            if candidate is not None:
                found.append(candidate)
        return found


def search_jointly(
    samples: Dataset,
    options: LearnOptions,
    deadline: float | None,
    executor: Executor,
    on_event: OnEvent,
) -> Joint | None:
    """Return the simplest circuits of all outputs; None if none is shorter than a list of the values."""
    on_event(StageBegan(JOINT))
    rows = slice(None, None, -(-samples.n_patterns // _MAX_SAMPLES))
    signs = 2.0 * samples.targets[rows] - 1
    targets = np.where(samples.care_mask[rows], signs, 0.0).astype(np.float32).T
    ground = Ground(
        samples.inputs[rows], np.ascontiguousarray(targets), options.basis, options.seed
    )
    chains = None if options.trials is None else min(options.trials, _MAX_CHAINS)
    found: list[Sampled] = []
    lost, interrupted = None, False
    try:
        part = None if deadline is None else _left(deadline) * _CHAIN_SHARE + time.monotonic()
        found.extend(Search(ground, chains, part, executor, on_event).run())
    except ToolError as error:
        lost = str(error)
    except KeyboardInterrupt:
        if not found:
            raise
        interrupted = True
    # A description longer than the values that it describes explains nothing.
    listed = math.log(2) * np.count_nonzero(ground.targets)
    ranked = sorted((each for each in found if each.energy < listed), key=lambda each: each.energy)
    # Each chain gives a circuit for noisy samples and one that explains every sample.
    cheap = [each for each in ranked if "cheap" in each.how][:1]
    best = [each for each in ranked if "cheap" not in each.how][:_COMPETING]
    if not best:
        return None
    seconds = None if deadline is None else _left(deadline)
    sure = confidence(ground, best, 0.0 if interrupted or lost is not None else seconds)
    return Joint(samples, (*best, *cheap), sure, lost, interrupted)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


@dataclass(frozen=True, eq=False)
class Asked:
    """Circuits learnt from an oracle."""

    joint: Joint
    asked: int  # Number of vectors asked for, without those given
    settled: bool  # True if the circuits agreed before the limit


def ask_jointly(
    samples: Dataset, options: LearnOptions, oracle: Oracle, on_event: OnEvent
) -> Asked:
    """Ask for more samples until the circuits that explain them agree."""
    if options.share is not Share.NONE:
        raise UsageError("`oracle` and `share`: give one of them")
    if not samples.care_mask.all():
        raise UsageError(f"`oracle`: expected no don't-cares in {samples.source}")
    on_event(StageBegan("asking"))
    given = samples.inputs, samples.targets
    inquiry = Inquiry(given, oracle, options.queries, options.basis, options.seed)
    answers = inquiry.run()
    whole = replace(samples, inputs=answers.inputs, targets=answers.targets, care=None)
    sure = confidence(inquiry.ground, list(answers.circuits))
    return Asked(Joint(whole, answers.circuits, sure), answers.asked, answers.settled)


def refitted(
    joint: Joint, outcomes: list[Candidate], whole: Limits, problems: Callable[[int], Problem]
) -> list[Candidate]:
    """Return the winners; those of this learner are replaced by the simplest circuit learnt from all samples.

    That circuit must be correct on at least as many samples as the winner.
    """
    chosen = []
    for output, winner in enumerate(outcomes):
        best = winner
        if winner.learner == JOINT:
            again = replace(joint, circuits=joint.circuits[:1])
            for each in again.candidates(problems(output), whole, output):
                right = each.train_right + each.valid_right
                if right >= winner.train_right + winner.valid_right:
                    best = replace(each, how=f"{each.how}, from all samples")
        chosen.append(best)
    return chosen


def tied(samples: Dataset) -> Dataset:
    """Return samples of the rule that all outputs share, from inputs rotated for each output."""
    n = samples.n_outputs
    if samples.n_inputs != n:
        raise UsageError(
            f"`share` cyclic: expected as many outputs as inputs in {samples.source}, got "
            f"{samples.n_inputs} inputs and {n} outputs"
        )
    inputs = np.concatenate([np.roll(samples.inputs, -turn, axis=1) for turn in range(n)])
    values = np.concatenate(list(samples.targets.T))
    care = np.concatenate(list(samples.care_mask.T))
    groups, first = group_rows(inputs[care])
    kept = values[care]
    clash = np.flatnonzero(kept != kept[first[groups]])
    if clash.size:
        raise UsageError(
            f"`share` cyclic: {samples.source} contradicts it: the outputs are not one function of the "
            "rotated inputs"
        )
    return replace(
        samples,
        inputs=inputs[care][first],
        targets=kept[first][:, None],
        output_ports=(OUTPUT,),
        care=None,
    )


def untied(samples: Dataset, rule: Netlist) -> Netlist:
    """Return the circuit of all outputs from the rule of the first one."""
    builder = NetlistBuilder(samples.name, samples.input_ports, samples.output_ports)
    n = builder.n_inputs
    inputs = [builder.input(bit) for bit in range(n)]
    return builder.build(
        [inlined(builder, rule, inputs[turn:] + inputs[:turn])[0] for turn in range(n)]
    )
