"""The learner of all outputs at once: circuits whose outputs share gates, and data whose outputs share a rule.

Its circuits compete with those of the other learners, output by output, on the validation samples. If these
were split off the training samples, the outputs that it wins are then learnt again from all samples.

Shared rule: if all outputs are one function of the rotated inputs, as in a cellular automaton, one sample of n
outputs gives n samples of that function.

With an oracle, circuits are found by queries (see `Inquiry`).
"""

from __future__ import annotations

import math
import subprocess
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
from btfsynth.learning.circuit_moves import flip_gate
from btfsynth.learning.circuit_search import Search
from btfsynth.learning.circuit_state import MAJORITY, State, first_place, new_state, pins
from btfsynth.learning.circuits import Chain, Ground, Sampled, confidence, load_circuit, predict
from btfsynth.learning.portfolio import JOINT
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.settings.table import Basis, Share
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


# Active learning: an oracle gives the outputs of the function on input vectors that the learner chooses.
#
# Several circuits, found independently, explain the answers so far. The next vectors are those on which the
# circuits disagree, and those that test where they agree. A vector tests a connection if the value there
# reaches an output, as in tests for stuck-at faults. Each connection is tested with both values several times,
# which also reveals parts missing in all circuits. After each round, circuits that are wrong are repaired.
#
# Query by committee: H. S. Seung et al., COLT 1992. Tests of every fault more than once: I. Pomeranz and S. M.
# Reddy, IEEE TCAD 19, 1372, 2000.

Oracle = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""``(vectors, inputs)`` to ``(vectors, outputs)`` uint8 0/1."""

_BEGIN = 48
"""Number of vectors before the first search: those given, and random ones."""
_MEMBERS = 3
_BATCH = 8
_POOL = 4096
"""Number of random vectors from which the next ones are chosen."""
_DETECTIONS = 8
"""Number of tests of each value of a connection."""
_ERROR = 24.0
"""Energy of an error; higher than for samples, as answers have no noise."""
_REPAIRS = 12
_CHECKS = 16
"""Number of random vectors for the final check; no circuit was fitted to them."""
_SECONDS = 600.0


@dataclass(frozen=True, eq=False)
class Answers:
    """All samples after the questions, and the circuits that explain them, the simplest first."""

    inputs: NDArray[np.uint8]
    targets: NDArray[np.uint8]
    circuits: tuple[Sampled, ...]
    asked: int  # Number of vectors asked for, without those given
    settled: bool  # True if the circuits agreed and passed the final check before the limit


class Inquiry:
    """The state of active learning: samples so far, questions left, and the circuits that explain them."""

    def __init__(
        self,
        given: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        oracle: Oracle,
        limit: int,
        basis: Basis,
        seed: int,
    ) -> None:
        self.inputs, self.targets = given
        self.oracle = oracle
        self.left = limit
        self.limit = limit
        self.basis, self.seed = basis, seed
        self.random = np.random.default_rng([seed, 7])
        self.members: list[Sampled] = []

    @property
    def ground(self) -> Ground:
        targets = np.ascontiguousarray((2.0 * self.targets.T - 1).astype(np.float32))
        return Ground(self.inputs, targets, self.basis, self.seed, _ERROR)

    def run(self) -> Answers:
        self.ask(self._vectors(max(0, _BEGIN - len(self.inputs))))
        self.members = [self._begun(number) for number in range(_MEMBERS)]
        settled = False
        while self.left > 0 and not settled:
            chosen = self._choose()
            settled = not len(chosen)
            if settled:
                # Random vectors, which no circuit was fitted to, decide.
                chosen = self._vectors(min(_CHECKS, self.left))
            before = len(self.inputs)
            self.ask(chosen)
            said = predict(self.members[0], self.inputs[before:]).T
            settled = settled and self.members[0].exact
            settled = settled and np.array_equal(said, self.targets[before:])
            if not settled:
                self.members = [self._repaired(place) for place in range(_MEMBERS)]
                self.members.sort(key=lambda each: each.energy)
        asked = self.limit - self.left
        return Answers(self.inputs, self.targets, tuple(self.members), asked, settled)

    def ask(self, vectors: NDArray[np.uint8]) -> None:
        """Ask for the outputs of vectors, up to the limit."""
        vectors = vectors[: self.left]
        if not len(vectors):
            return
        answers = np.asarray(self.oracle(vectors))
        wanted = len(vectors), self.targets.shape[1]
        if answers.shape != wanted or not np.isin(answers, (0, 1)).all():
            raise UsageError(
                f"`oracle`: expected an array of {wanted[0]} by {wanted[1]} values 0 or 1, got "
                f"{answers.dtype} of shape {answers.shape}"
            )
        self.left -= len(vectors)
        self.inputs = np.concatenate([self.inputs, vectors])
        self.targets = np.concatenate([self.targets, answers.astype(np.uint8)])

    def _vectors(self, count: int) -> NDArray[np.uint8]:
        return self.random.integers(0, 2, (count, self.inputs.shape[1]), dtype=np.uint8)

    def _begun(self, number: int) -> Sampled:
        chain = Chain(self.ground, number)
        chain.full_course(chain.steps // 2)
        return chain.sampled("")

    def _repaired(self, place: int) -> Sampled:
        """Return a member repaired with the last answers, from the best member if that explains more."""
        best = min(self.members, key=lambda each: each.energy)
        start = self.members[place]
        rounds = len(self.inputs)  # each round has its own random numbers
        chain = Chain(self.ground, rounds * _MEMBERS + place, start=start)
        chain.repair(_REPAIRS)
        wrong, energy = chain.measure()
        if wrong.any() and place:
            again = Chain(self.ground, rounds * _MEMBERS + place + (1 << 20), start=best)
            again.repair(_REPAIRS)
            if again.measure()[1] < energy:
                chain = again
        if chain.measure()[0].any():
            chain.repair(3 * _REPAIRS)
        return chain.sampled("")

    def _choose(self) -> NDArray[np.uint8]:
        """Return the next vectors; none if all members agree and every connection has its tests."""
        half = self._vectors(_POOL // 2)
        # Near vectors asked before, most connections of a path still reach an output.
        near = self.inputs[self.random.integers(0, len(self.inputs), _POOL // 2)].copy()
        near ^= self.random.random(near.shape) < 2 / near.shape[1]
        pool = np.concatenate([half, near])
        said = np.array([predict(each, pool) for each in self.members])
        differ = (said != said[0]).any(axis=0)  # (outputs, pool)
        tests = detections(self.members[0], pool)
        seen = detections(self.members[0], self.inputs).sum(axis=1).astype(np.float64)
        possible = tests.any(axis=1)
        asked = np.zeros(len(differ))
        chosen: list[int] = []
        for _ in range(min(_BATCH, self.left)):
            missing = np.where(possible & (seen < _DETECTIONS), 1 / (1 + seen), 0.0)
            score = (4 / (1 + asked)) @ differ + missing @ tests
            score[chosen] = -1
            best = int(score.argmax())
            if score[best] <= 0:
                break
            chosen.append(best)
            seen += tests[:, best]
            asked += differ[:, best]
        return pool[chosen]


def detections(circuit: Sampled, vectors: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return ``(2 * connections, vectors)`` bool: which vectors test each value of each connection."""
    state: State = new_state(vectors, len(circuit.outputs), len(circuit.kinds))
    load_circuit(state, circuit)
    base = first_place(state)
    rows = []
    for literal in state.outputs.tolist():
        value = state.values[literal >> 1] > 0
        rows += [value, ~value]
    nodes = (state.outputs >> 1) - base
    for place in state.order[: state.size[0]].tolist():
        flip_gate(state, place)
        reached = state.marked[nodes] & (nodes >= 0)
        changed = state.flipped[nodes[reached]] != state.values[base + nodes[reached]]
        observed = changed.any(axis=0)
        for pin in range(pins(state, place)):
            literal = int(state.fanins[place, pin])
            if literal < 2:
                continue
            open_ = observed
            if state.kinds[place] == MAJORITY:
                one, two = (int(state.fanins[place, (pin + turn) % 3]) for turn in (1, 2))
                same = state.values[one >> 1] == state.values[two >> 1]
                open_ = observed & (same ^ ((one ^ two) & 1 == 0))
            value = state.values[literal >> 1] > 0
            rows += [open_ & value, open_ & ~value]
    return np.array(rows)


def command_oracle(command: str, outputs: int) -> Oracle:
    """Return an oracle that runs a command, which reads lines of 0 and 1 and writes a line for each."""

    def ask(vectors: NDArray[np.uint8]) -> NDArray[np.uint8]:
        text = "".join("".join(map(str, row)) + "\n" for row in vectors.tolist())
        try:
            done = subprocess.run(  # noqa: S602 (it is the user's own command line)
                command,
                check=False,
                shell=True,
                input=text,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"`oracle`: {command[:60]!r} ran for {_SECONDS:g} s") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ToolError(
                f"`oracle`: {command[:60]!r} ended with code {done.returncode}: {last[:200]}"
            )
        lines = done.stdout.split()
        wrong = next(
            (each for each in lines if len(each) != outputs or set(each) - {"0", "1"}), None
        )
        if len(lines) != len(vectors) or wrong is not None:
            got = f"{len(lines)} lines" if wrong is None else f"the line {wrong[:40]!r}"
            raise ToolError(
                f"`oracle`: expected {len(vectors)} lines of {outputs} digits 0 or 1 from "
                f"{command[:60]!r}, got {got}"
            )
        return np.array([list(map(int, line)) for line in lines], dtype=np.uint8)

    return ask
