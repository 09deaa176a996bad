"""Data with classes: one circuit that gives the number of the class.

Two classes are one bit, for which all learners compete. More are learned together: boosted trees with a sum per
class, and the class of the largest sum as a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.vectors import bits_of
from btfsynth.events import OnEvent, StageBegan
from btfsynth.learning.base import ClassProblem, Fit, Rows, count_ands, new_builder
from btfsynth.learning.candidates import Candidate, ordered, within
from btfsynth.learning.front import GradientLearner, boosted_front, lower_stage
from btfsynth.learning.portfolio import ConstantLearner, Outcome, better
from btfsynth.lower.class_sums import constant_bits
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate, pack_bits
from btfsynth.network.accuracy import label_port


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
    """Return the samples of a data set of class numbers whose class is known."""
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
    front = boosted_front(
        problem.train,
        problem.valid,
        problem.n_classes,
        problem.limits,
        problem.seed,
        problem.budget,
    )
    for stage in front:
        netlist = lower_stage(new_builder(problem), stage, problem.train)
        yield Fit(GradientLearner.name, stage.how, netlist)


def _measured(problem: ClassProblem, fit: Fit) -> Candidate | None:
    """Return a fit as a candidate, None if it cannot be brought within the limits."""
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
    )


def _labels(netlist: Netlist, rows: Rows) -> NDArray[np.int64]:
    bits = evaluate(netlist, rows.inputs).astype(np.int64)
    return np.asarray(bits @ (1 << np.arange(bits.shape[1])))
