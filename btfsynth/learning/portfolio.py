"""All learners on one output: the quick ones first, then networks, then votes among everything found.

Data with classes get one circuit that gives the number of the class. Two classes are one bit, for which all
learners compete. More are learned together: boosted trees with a sum per class, and the class of the largest
sum as a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import ToolError
from btfsynth.events import BetterCircuit, OnEvent, StageBegan, ignore
from btfsynth.learning.base import (
    ClassProblem,
    Fit,
    Learner,
    Problem,
    Rows,
    Samples,
    count_ands,
    measure_spectrum,
    new_builder,
)
from btfsynth.learning.boosting import VOTE, BoostingLearner, vote
from btfsynth.learning.candidates import Candidate, measured, ordered, rank, within
from btfsynth.learning.closed_forms import PolynomialLearner, SupportLearner, SymmetricLearner
from btfsynth.learning.front import GradientLearner, boosted_front, lower_stage
from btfsynth.learning.networks import NetworkLearner
from btfsynth.learning.rules import RulesLearner
from btfsynth.learning.trees import FringeLearner, TreeLearner
from btfsynth.lower.class_sums import constant_bits
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.netlist.simulation import evaluate, pack_bits
from btfsynth.network.network import label_port
from btfsynth.workers.executor import Executor

_QUICK_SHARE = 0.4
_EXACT_SHARE = 0.3
"""Shares of the time: of the quick learners, and of the networks where something exact is known already,
which get this share of the trials too."""


class ConstantLearner:
    name: ClassVar[str] = "constant"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        value = 2 * int(problem.train.on.sum()) > problem.train.count
        literal = TRUE if value else FALSE
        yield Fit(self.name, str(int(value)), new_builder(problem).build([literal]))


_QUICK: tuple[type[Learner], ...] = (
    ConstantLearner,
    PolynomialLearner,
    SymmetricLearner,
    SupportLearner,
    TreeLearner,
    FringeLearner,
    RulesLearner,
    GradientLearner,
    BoostingLearner,
)
JOINT = "circuit"
"""The learner of all outputs at once, whose circuits are given."""
LEARNERS = (JOINT, *(each.name for each in _QUICK), NetworkLearner.name, VOTE)
"""Names of the learners, in the order in which they run."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The circuits found for one output."""

    candidates: tuple[Candidate, ...]
    discarded: int
    interrupted: bool  # True if the user stopped it
    lost: str | None = None  # What became of the workers, if they were lost on the way


def better(candidate: Candidate, valid: int) -> BetterCircuit:
    """Return the event of a candidate that is better than those before it, on this many validation samples."""
    cells = candidate.netlist.n_cells
    return BetterCircuit(candidate.learner, candidate.how, candidate.valid_right, valid, cells)


class _Contest:
    def __init__(self, problem: Problem, on_event: OnEvent) -> None:
        self.problem = problem
        self.on_event = on_event
        self.best = -1
        self.exact = False
        """Whether a circuit is right on all samples."""
        self.candidates: list[Candidate] = []
        self.discarded = 0
        self.lost: str | None = None

    def enter(self, fit: Fit, parity: tuple[int, ...] = ()) -> bool:
        """Enter a fit; return True if it is right on all samples."""
        candidate = measured(self.problem, fit, parity)
        if candidate is None:
            self.discarded += 1
            return False
        return self.take(candidate)

    def take(self, candidate: Candidate) -> bool:
        """Take a candidate; return True if it is right on all samples."""
        self.candidates.append(candidate)
        if candidate.valid_right > self.best:
            self.best = candidate.valid_right
            self.on_event(better(candidate, self.problem.valid.count))
        right = candidate.train_right, candidate.valid_right
        exact = right == (self.problem.train.count, self.problem.valid.count)
        self.exact = self.exact or exact
        return exact


def compete(
    problem: Problem,
    *,
    given: Sequence[Candidate] = (),
    learners: Sequence[str] | None = None,
    trials: int | None = None,
    executor: Executor | None = None,
    on_event: OnEvent = ignore,
) -> Outcome:
    """Run all learners on one output, unless one of the given candidates is right on all samples."""
    contest = _Contest(problem, on_event)
    interrupted = False
    try:
        exact = [contest.take(each) for each in given]
        if not any(exact):
            _run(contest, NetworkLearner(trials, executor, on_event), learners or LEARNERS)
    except KeyboardInterrupt:
        if not contest.candidates:
            raise
        interrupted = True
    found = ordered(contest.candidates, problem)
    return Outcome(tuple(found), contest.discarded, interrupted, contest.lost)


def _run(contest: _Contest, networks: NetworkLearner, wanted: Sequence[str]) -> None:
    problem = contest.problem
    budget = problem.budget
    parity = measure_spectrum(problem.train).common()
    variants: list[tuple[tuple[int, ...], Problem]] = [((), problem)]
    if parity:
        variants.append((parity, _without(problem, parity)))
    quick = budget.share(_QUICK_SHARE)
    for make in _QUICK:
        # The constant is what is left if nothing else is within the limits.
        if make.name not in (*wanted, ConstantLearner.name):
            continue
        for flips, variant in variants:
            if quick.over() and contest.candidates:
                break
            learner = make()
            contest.on_event(StageBegan(learner.name))
            for fit in learner.fit(replace(variant, budget=quick)):
                contest.enter(fit, flips)
        if contest.exact:
            break
    if NetworkLearner.name in wanted:
        _train(contest, networks, variants)
    if VOTE not in wanted:
        return
    contest.on_event(StageBegan(VOTE))
    chosen = vote(problem, contest.candidates)
    if chosen is not None:
        contest.enter(chosen)


def _train(
    contest: _Contest,
    networks: NetworkLearner,
    variants: list[tuple[tuple[int, ...], Problem]],
) -> None:
    budget = contest.problem.budget
    contest.on_event(StageBegan(NetworkLearner.name))
    share = 0.95
    if contest.exact:
        share = _EXACT_SHARE
        if networks.trials is not None:
            networks.trials = max(1, round(networks.trials * share))
    flips, variant = _favourite(contest, variants)
    try:
        for fit in networks.fit(replace(variant, budget=budget.share(share))):
            if contest.enter(fit, flips):
                break
    except ToolError as error:
        contest.lost = str(error)


def _without(problem: Problem, parity: tuple[int, ...]) -> Problem:
    """Return the problem of the remainder after the exclusive or of some inputs is removed."""

    def rest(samples: Samples) -> Samples:
        odd = np.bitwise_xor.reduce(samples.inputs[:, list(parity)], axis=1).astype(np.bool_)
        return Samples(samples.inputs, samples.on ^ odd)

    return replace(problem, train=rest(problem.train), valid=rest(problem.valid))


def _favourite(
    contest: _Contest, variants: list[tuple[tuple[int, ...], Problem]]
) -> tuple[tuple[int, ...], Problem]:
    """Return the variant of the best candidate so far."""
    best = rank(contest.candidates)[0]
    return next(variant for variant in variants if variant[0] == best.parity)


# Data with classes


def class_numbers(dataset: Dataset) -> Dataset:
    """Return data with classes as data of the bits of the class number; other data as they are."""
    if dataset.output_kind is not OutputKind.LABEL:
        return dataset
    port = label_port((), dataset.n_outputs)
    known = np.asarray(dataset.care_mask.all(axis=1))
    return replace(
        dataset,
        targets=bits_of(dataset.targets.argmax(axis=1), port.width),
        care=np.repeat(known[:, None], port.width, axis=1),
        output_ports=(port,),
        output_kind=OutputKind.BOOLEAN,
    )


def rows_of(dataset: Dataset) -> Rows:
    """Return the samples with known classes of a data set of class numbers."""
    known = np.flatnonzero(dataset.care_mask.all(axis=1))
    bits = dataset.targets[known].astype(np.int64)
    return Rows(np.ascontiguousarray(dataset.inputs[known]), bits @ (1 << np.arange(bits.shape[1])))


def compete_for_classes(problem: ClassProblem, on_event: OnEvent) -> Outcome:
    """Grow ensembles, build those on the front and choose among them."""
    candidates: list[Candidate] = []
    discarded = 0
    interrupted = False
    on_event(StageBegan(GradientLearner.name))
    try:
        for fit in _fits(problem):
            candidate = _measured(problem, fit)
            if candidate is None:
                discarded += 1
                continue
            best = max((each.valid_right for each in candidates), default=-1)
            candidates.append(candidate)
            if candidate.valid_right > best:
                on_event(better(candidate, problem.valid.count))
    except KeyboardInterrupt:
        if not candidates:
            raise
        interrupted = True
    return Outcome(tuple(ordered(candidates, problem)), discarded, interrupted)


def _fits(problem: ClassProblem) -> Iterator[Fit]:
    """Yield the most frequent class, then the front."""
    counts = np.bincount(problem.train.labels, minlength=problem.n_classes)
    label = int(counts.argmax())
    bits = constant_bits(label, problem.label.width)
    yield Fit(ConstantLearner.name, str(label), new_builder(problem).build(bits))
    for stage in boosted_front(problem):
        netlist = lower_stage(new_builder(problem), stage, problem.train)
        yield Fit(GradientLearner.name, stage.how, netlist, valid_loss=stage.loss)


def _measured(problem: ClassProblem, fit: Fit) -> Candidate | None:
    """Return a fit as a candidate, None if it cannot meet the limits."""
    small = within(fit.netlist, problem.limits)
    if small is None:
        return None
    hits = [_labels(small, rows) == rows.labels for rows in (problem.train, problem.valid)]
    words = [pack_bits(each[:, None])[0] for each in hits]
    return Candidate(
        learner=fit.learner,
        how=fit.how,
        netlist=small,
        ands=count_ands(small),
        train_right=int(hits[0].sum()),
        valid_right=int(hits[1].sum()),
        train_words=words[0],
        valid_words=words[1],
        valid_hits=words[1],
        valid_loss=fit.valid_loss,
    )


def _labels(netlist: Netlist, rows: Rows) -> NDArray[np.int64]:
    bits = evaluate(netlist, rows.inputs).astype(np.int64)
    return np.asarray(bits @ (1 << np.arange(bits.shape[1])))
