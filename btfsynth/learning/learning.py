"""From samples to a circuit that generalises, written as a design and compared with scikit-learn models."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import InputCode, is_table
from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.fit_code import AUTO_CODE, parse_spec
from btfsynth.dataset.patterns import settled
from btfsynth.errors import MissingToolError, OutputError, ToolError
from btfsynth.events import Event, Note, OnEvent, StageBegan, ignore
from btfsynth.files import StrPath, as_path, staging_folder, write_bytes, write_text
from btfsynth.flow.patterns import function_vectors, in_bits
from btfsynth.flow.report import publish_design
from btfsynth.flow.simplify import simplify_netlist
from btfsynth.hdl.design import Origin, write_design
from btfsynth.learning.base import (
    Budget,
    ClassProblem,
    LearnOptions,
    Limits,
    Problem,
    check_samples,
    contradicting,
    inlined,
    samples_of,
    split,
)
from btfsynth.learning.candidates import within
from btfsynth.learning.circuits import warm_up_circuits
from btfsynth.learning.joint import (
    Asked,
    Joint,
    Oracle,
    ask_jointly,
    command_oracle,
    refitted,
    search_jointly,
    tied,
    untied,
)
from btfsynth.learning.lut_limit import counter, within_luts
from btfsynth.learning.portfolio import (
    JOINT,
    Outcome,
    class_numbers,
    compete,
    compete_for_classes,
    rows_of,
)
from btfsynth.learning.report import Baseline, LearnReport, have_sklearn, measure_baselines, score
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.aiger import aiger_names, emit_aig
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.text import format_netlist
from btfsynth.passes.base import InterruptedPasses
from btfsynth.passes.registry import parse_script
from btfsynth.plugins import install_command
from btfsynth.ports import bit_names
from btfsynth.settings.table import PARSED_CHECK, Conflicts, Share
from btfsynth.sim.registry import get_simulator
from btfsynth.sim.simulators import CheckResult
from btfsynth.training.parameters import TrainParameters
from btfsynth.training.trainer import warm_up
from btfsynth.verify.simulate import simulate_design
from btfsynth.workers.executor import Executor, local_executor

_JOINT_SHARE = 0.4
"""Share of the time for all outputs at once; where they are learnt again from all samples, half the rest."""
_SHOWN_VECTORS = 1024
"""Number of training patterns, besides random vectors, for the simulation of the hardware."""


def learn(
    train: Dataset,
    directory: StrPath,
    options: LearnOptions,
    *,
    valid: Dataset | None = None,
    test: Dataset | None = None,
    on_event: OnEvent | None = None,
    executor: Callable[[int], Executor] = local_executor,
    oracle: Oracle | None = None,
) -> LearnReport:
    """Learn a circuit from samples and write it as a design folder with an AIGER file.

    Circuits are chosen by the validation patterns, a quarter of the training patterns without any; nothing
    depends on the test patterns. Conflicts are settled among the training patterns alone. The events are
    `StageBegan`, `BetterCircuit` and `Note`. If the folder cannot be written, its content is unchanged.
    """
    directory = as_path(directory)
    on_event = on_event or ignore
    samples = _samples(train, valid, test, options, oracle, on_event)
    with staging_folder(directory) as staging:
        begin = time.monotonic()
        with closing(executor(options.jobs)) as workers:
            # Workers of this machine then find the kernels compiled.
            warm_up(TrainParameters().precision)
            outcomes, sure = _learnt(samples, options, on_event, workers)
        seconds = time.monotonic() - begin
        baselines: list[list[Baseline]] = [[] for _ in outcomes]
        outcomes = _affordable(outcomes, options)
        stopped = any(outcome.interrupted for outcome in outcomes)

        def make(chosen: Sequence[Outcome]) -> tuple[Netlist, bool]:
            whole = _joined(samples.seen["train"], [each.candidates[0].netlist for each in chosen])
            if options.share is Share.CYCLIC:
                whole = untied(samples.data["train"], whole)
            return (whole, True) if stopped else _simplified(whole, options)

        if not stopped:  # Ctrl-C waits for no comparison and no optimisation
            baselines = _baselines(samples.seen, samples.n_classes, options, on_event)
            on_event(StageBegan("simplifying"))
        made = within_luts(outcomes, options, make)
        report = LearnReport(
            data=samples.data,
            n_classes=samples.n_classes,
            options=options,
            outcomes=made.outcomes,
            confidence=sure,
            baselines=tuple(baselines),
            netlist=made.netlist,
            luts=made.luts,
            scores={
                name: score(made.netlist, each, unseen=name == "test")
                for name, each in samples.data.items()
            },
            checks={},
            files=(),
            notices=(*samples.notices, *made.notices),
            seconds=seconds,
            asked=None if samples.answered is None else samples.answered.asked,
            interrupted=made.stopped,
        )
        on_event(StageBegan("emitting"))
        report = _emit(report, staging, on_event)
        whole = report.verified and not report.interrupted and report.lost is None
        return replace(report, directory=publish_design(staging, directory, whole))


@dataclass(frozen=True, eq=False)
class _Samples:
    """The sets of samples by name, and their origin."""

    data: dict[str, Dataset]
    seen: dict[
        str, Dataset
    ]  # As the learners see them: the outputs tied to each other if they share a rule
    n_classes: int | None  # None if there are two classes or plain outputs
    answered: Asked | None
    held: bool  # True if the validation samples were taken from the training samples
    notices: tuple[str, ...]


def _samples(
    train: Dataset,
    valid: Dataset | None,
    test: Dataset | None,
    options: LearnOptions,
    oracle: Oracle | None,
    on_event: OnEvent,
) -> _Samples:
    answered, held = _answered(train, valid, options, oracle, on_event), valid is None
    if answered is None:
        train, valid, test = _prepared(train, valid, test, options)
    else:
        train = answered.joint.samples
    many = train.output_kind is OutputKind.LABEL and train.n_outputs > 2
    # Answers are explained, all of them; the simplest circuit is chosen.
    data = {"train": train, "valid": valid or train, **({} if test is None else {"test": test})}
    data = {name: class_numbers(each) for name, each in data.items()}
    is_tied = options.share is Share.CYCLIC
    return _Samples(
        data=data,
        seen={name: tied(each) if is_tied else each for name, each in data.items()},
        n_classes=train.n_outputs if many and answered is None else None,
        answered=answered,
        held=held and answered is None and options.learners != (JOINT,),
        notices=(*train.notices, *_overlaps(data), *_unsettled(answered)),
    )


def _learnt(
    samples: _Samples, options: LearnOptions, on_event: OnEvent, workers: Executor
) -> tuple[list[Outcome], NDArray[np.float64] | None]:
    """Return an outcome per output, or one for all classes, and the confidence (see `_outcomes`)."""
    if samples.n_classes is not None:
        problem = _class_problem(samples.data, samples.n_classes, options)
        return [compete_for_classes(problem, on_event)], None
    if samples.answered is not None:
        return _of_answers(samples.seen, options, samples.answered)
    return _outcomes(samples.seen, options, on_event, workers, samples.held)


def _prepared(
    train: Dataset, valid: Dataset | None, test: Dataset | None, options: LearnOptions
) -> tuple[Dataset, Dataset, Dataset | None]:
    """Return the sets as they are learnt from: split, without conflicts in the training set, in bits."""
    if options.conflicts is Conflicts.ERROR:
        for each in (train, valid, test):
            if each is not None and each.contradiction is not None:
                settled(each, options.conflicts)
    if valid is None and options.learners == (JOINT,):
        valid = train
    elif valid is None:
        # With the conflicts: what is selected by is as noisy as what is to be predicted.
        train, valid = split(train, options.seed)
    train = train if train.contradiction is None else settled(train, options.conflicts)
    code = AUTO_CODE if options.code is None and is_table(train) else options.code
    if isinstance(code, InputCode):
        code = parse_spec(code.text)
    train, (valid, test) = in_bits(train, (valid, test), code, options.missing, options.conflicts)
    assert valid is not None
    _check_request(train, valid, test, options)
    return train, valid, test


def _check_request(
    train: Dataset, valid: Dataset | None, test: Dataset | None, options: LearnOptions
) -> None:
    """Refuse impossible requests before any work is done."""
    parse_script(options.passes)
    if options.max_luts is not None:
        counter(options)
    for name in options.simulators or ():
        if name != PARSED_CHECK:
            get_simulator(name)
    if options.baselines and not have_sklearn():
        raise MissingToolError(
            f"`baselines`: scikit-learn is not installed; {install_command('scikit-learn')}"
        )
    others = {"valid": valid, "test": test}
    check_samples(train, {name: data for name, data in others.items() if data is not None})


def _overlaps(data: dict[str, Dataset]) -> list[str]:
    """Report where the sets contradict each other: samples may be noisy, which the user should know."""
    lines = []
    for name, each in data.items():
        if name == "train":
            continue
        seen, wrong = contradicting(data["train"], each)
        if wrong:
            lines.append(
                f"{wrong} of the {each.n_patterns} {name} patterns contradict training patterns "
                f"with the same inputs ({seen} have such): noise that no circuit can fit"
            )
    return lines


def _outcomes(
    data: dict[str, Dataset],
    options: LearnOptions,
    on_event: OnEvent,
    workers: Executor,
    held: bool,
) -> tuple[list[Outcome], NDArray[np.float64] | None]:
    """Learn all outputs, and return the agreement of circuits that explain the samples equally well.

    `held` means that the validation samples were split off the training samples.
    """
    joint, is_joint = None, _is_joint(data["train"], options)
    if is_joint:  # before the time begins
        warm_up_circuits()
    budget = Budget(None if options.time_limit is None else time.monotonic() + options.time_limit)
    if is_joint:
        alone = options.learners == (JOINT,)
        part = budget if alone else budget.share(_JOINT_SHARE)
        joint = search_jointly(data["train"], options, part.deadline, workers, on_event)
    rest = budget.share(0.5) if joint is not None and held else budget
    outcomes = _singly(data, options, on_event, workers, (joint, rest))
    if joint is None:
        return outcomes, None
    sure = joint.confidence
    won = any(each.candidates[0].learner == JOINT for each in outcomes)
    stopped = any(each.interrupted or each.lost is not None for each in outcomes)
    if held and won and not stopped:
        both = _together(data["train"], data["valid"])
        again = search_jointly(both, options, budget.deadline, workers, on_event)
        if again is not None:
            sure = again.confidence
            outcomes = _refitted(data, options, outcomes, again)
    return outcomes, sure


def _answered(
    train: Dataset,
    valid: Dataset | None,
    options: LearnOptions,
    oracle: Oracle | None,
    on_event: OnEvent,
) -> Asked | None:
    """Ask the oracle, if there is one."""
    if oracle is None and options.oracle is not None:
        oracle = command_oracle(options.oracle, train.n_outputs)
    if oracle is None:
        return None
    _check_request(train, valid, None, options)
    return ask_jointly(train, options, oracle, on_event)


def _unsettled(answered: Asked | None) -> list[str]:
    if answered is None or answered.settled:
        return []
    return [
        f"all {answered.asked} questions were used up before the circuits that explain the answers "
        "agreed"
    ]


def _of_answers(
    data: dict[str, Dataset], options: LearnOptions, answered: Asked
) -> tuple[list[Outcome], NDArray[np.float64]]:
    """Return the circuits that an oracle's answers have left, the simplest first."""
    limits = _limits(options)
    joint = answered.joint
    outcomes = []
    for output in range(data["train"].n_outputs):
        problem = _problem(data, output, limits, options, Budget())
        found = joint.candidates(problem, limits, output)
        if not found:
            outcomes.append(compete(problem, trials=1))
            continue
        outcomes.append(Outcome(tuple(found), len(joint.circuits) - len(found), False))
    return outcomes, joint.confidence


def _is_joint(samples: Dataset, options: LearnOptions) -> bool:
    several = samples.n_outputs > 1 or options.share is Share.CYCLIC
    return several if options.learners is None else JOINT in options.learners


def _together(train: Dataset, valid: Dataset) -> Dataset:
    return replace(
        train,
        inputs=np.concatenate([train.inputs, valid.inputs]),
        targets=np.concatenate([train.targets, valid.targets]),
        care=np.concatenate([train.care_mask, valid.care_mask]),
    )


def _refitted(
    data: dict[str, Dataset], options: LearnOptions, outcomes: list[Outcome], again: Joint
) -> list[Outcome]:
    """Use the circuit learnt from all samples for outputs that the learner `circuit` has won."""
    limits = _limits(options)

    def problem(output: int) -> Problem:
        parts = _limits(options, len(outcomes), output)
        return _problem(data, output, parts, options, Budget())

    winners = refitted(again, [each.candidates[0] for each in outcomes], limits, problem)
    return [
        replace(each, candidates=tuple(dict.fromkeys((winner, *each.candidates))))
        for each, winner in zip(outcomes, winners, strict=True)
    ]


def _singly(
    data: dict[str, Dataset],
    options: LearnOptions,
    on_event: OnEvent,
    workers: Executor,
    known: tuple[Joint | None, Budget],
) -> list[Outcome]:
    """Learn the outputs one after the other; each gets its share of the time that is left."""
    joint, whole = known
    train = data["train"]
    names = bit_names(train.output_ports)
    outcomes: list[Outcome] = []
    interrupted = joint is not None and joint.interrupted
    for output in range(train.n_outputs):
        budget = whole.share(1 / (train.n_outputs - output))
        if interrupted:
            budget = Budget(time.monotonic())
        limits = _limits(options, train.n_outputs, output)
        problem = _problem(data, output, limits, options, budget)
        where = f"{names[output]}: " if train.n_outputs > 1 else ""
        # Circuits that share gates share the limits too.
        shared = _limits(options)
        outcome = compete(
            problem,
            given=[] if joint is None else joint.candidates(problem, shared, output),
            learners=options.learners,
            trials=options.trials,
            executor=workers,
            on_event=_of_output(where, on_event),
        )
        interrupted = interrupted or outcome.interrupted
        outcomes.append(outcome)
    return outcomes


def _class_problem(data: dict[str, Dataset], n_classes: int, options: LearnOptions) -> ClassProblem:
    train = data["train"]
    deadline = None if options.time_limit is None else time.monotonic() + options.time_limit
    return ClassProblem(
        name=train.name,
        ports=train.input_ports,
        label=train.output_ports[0],
        n_classes=n_classes,
        train=rows_of(train),
        valid=rows_of(data["valid"]),
        limits=_limits(options),
        seed=options.seed,
        budget=Budget(deadline),
        tolerance=options.tolerance,
    )


def _limits(options: LearnOptions, outputs: int = 1, output: int = 0) -> Limits:
    """Return an output's share of the limits."""
    return Limits(
        _part(options.max_cells, outputs, output),
        _part(options.max_ands, outputs, output),
        None if options.max_luts is None else _part(options.max_luts, outputs, output),
    )


def _problem(
    data: dict[str, Dataset], output: int, limits: Limits, options: LearnOptions, budget: Budget
) -> Problem:
    train = data["train"]
    return Problem(
        name=train.name,
        ports=train.input_ports,
        train=samples_of(train, output),
        valid=samples_of(data["valid"], output),
        limits=limits,
        seed=options.seed,
        budget=budget,
        tolerance=options.tolerance,
    )


def _part(limit: int, outputs: int, output: int) -> int:
    """Return an output's share of a limit; of one that is less than one an output, the first get it."""
    return limit // outputs or int(output < limit)


def _of_output(where: str, on_event: OnEvent) -> OnEvent:
    """Return a function that forwards events, with the output's name in front of stages."""

    def tell(event: Event) -> None:
        on_event(StageBegan(where + event.stage) if isinstance(event, StageBegan) else event)

    return tell


def _baselines(
    data: dict[str, Dataset], n_classes: int | None, options: LearnOptions, on_event: OnEvent
) -> list[list[Baseline]]:
    test = data.get("test")
    count = data["train"].n_outputs if n_classes is None else 1
    wanted = have_sklearn() if options.baselines is None else options.baselines
    if not wanted:
        return [[] for _ in range(count)]
    on_event(StageBegan("baselines"))
    found: list[list[Baseline]] = []
    for output in range(count):
        problem: Problem | ClassProblem
        if n_classes is None:
            problem = _problem(data, output, _limits(options), options, Budget())
            tested = None if test is None else samples_of(test, output).rows
        else:
            problem = _class_problem(data, n_classes, options)
            tested = None if test is None else rows_of(test)
        try:
            found.append(measure_baselines(problem, tested))
        except (Exception, KeyboardInterrupt) as error:  # what was learnt is worth more than these
            reason = "interrupted" if isinstance(error, KeyboardInterrupt) else error
            on_event(Note(f"baselines: skipped: {reason or type(error).__name__}"))
            found.extend([] for _ in range(count - output))
            break
    return found


def _joined(train: Dataset, netlists: list[Netlist]) -> Netlist:
    """Return one netlist of all outputs with the ports of the data; shared cells are made once."""
    builder = NetlistBuilder(train.name, train.input_ports, train.output_ports)
    inputs = [builder.input(bit) for bit in range(builder.n_inputs)]
    outputs = [literal for netlist in netlists for literal in inlined(builder, netlist, inputs)]
    return builder.build(outputs)


def _affordable(outcomes: list[Outcome], options: LearnOptions) -> list[Outcome]:
    """Apply the limits to each output separately if all chosen circuits together exceed them.

    This happens if some outputs come from one circuit, which meets the limits as a whole, and others do not.
    """
    chosen = [outcome.candidates[0] for outcome in outcomes]
    within_all = sum(each.netlist.n_cells for each in chosen) <= options.max_cells
    if within_all and sum(each.ands for each in chosen) <= options.max_ands:
        return outcomes
    if all(each.learner == JOINT for each in chosen):
        return outcomes
    found = []
    for output, outcome in enumerate(outcomes):
        limits = _limits(options, len(outcomes), output)
        fit = [
            each
            for each in outcome.candidates
            if each.netlist.n_cells <= limits.cells and each.ands <= limits.ands
        ]
        found.append(replace(outcome, candidates=tuple(fit) or outcome.candidates))
    return found


def _simplified(netlist: Netlist, options: LearnOptions) -> tuple[Netlist, bool]:
    """Return the netlist after the passes, and whether the user stopped them.

    The netlist is unchanged if the passes have traded cells for too many AND nodes.
    """
    stopped = False
    try:
        smaller, _ = simplify_netlist(netlist, None, None, options.passes)
    except InterruptedPasses as interruption:
        smaller, stopped = interruption.result.netlist, True
    return within(smaller, _limits(options)) or netlist, stopped


def _lut_limit(options: LearnOptions) -> dict[str, int | str]:
    if options.max_luts is None:
        return {}
    return {"max_luts": options.max_luts, "count_luts": options.count_luts.value}


def _checks(folder: Path, simulators: Sequence[str] | None) -> dict[str, CheckResult]:
    """Simulate a design; a simulator that breaks leaves it unchecked, and takes nothing that was learnt."""
    try:
        return {check.name: check for check in simulate_design(folder, simulators)}
    except (ToolError, OutputError) as error:
        names = tuple(simulators or ()) or ("simulation",)
        return {name: CheckResult(name, skipped=f"failed: {error}") for name in names}


def _emit(report: LearnReport, staging: Path, on_event: OnEvent) -> LearnReport:
    """Write and check the design; return the complete report."""
    netlist, train = report.netlist, report.data["train"]
    options = report.options
    shown = train.inputs[:_SHOWN_VECTORS]
    if "test" in report.data:  # all of them: their accuracy is said of the hardware
        shown = np.concatenate([report.data["test"].inputs, shown])
    vectors = function_vectors(partial(evaluate, netlist), netlist.n_inputs, shown)
    winners = [outcome.candidates[0] for outcome in report.outcomes]
    learned = "; ".join(f"{winner.learner}, {winner.how}" for winner in winners[:8])
    provenance = {"learned": learned, "seed": str(options.seed), "passes": options.passes}
    manifest = write_design(
        netlist,
        vectors,
        staging,
        origin=Origin(
            train.source,
            train.content_hash,
            provenance,
            made_with={
                "seed": options.seed,
                "learners": [winner.learner for winner in winners],
                "passes": options.passes,
                "max_cells": options.max_cells,
                "max_ands": options.max_ands,
                "tolerance": options.tolerance,
                **_lut_limit(options),
            },
            notices=report.notices,
            code=train.code,
            classes=train.classes,
        ),
    )
    write_text(staging / f"{manifest.module}.mig", format_netlist(netlist))
    header = {"source": train.source, **provenance}
    write_bytes(staging / f"{manifest.module}.aig", emit_aig(netlist, aiger_names(netlist), header))
    checks: dict[str, CheckResult] = {}
    stopped = report.interrupted
    if not stopped:
        on_event(StageBegan("simulating"))
        try:
            checks = _checks(staging, options.simulators)
        except KeyboardInterrupt:
            stopped = True
    files = tuple(sorted({path.name for path in staging.iterdir()} | {"report.json"}))
    report = replace(
        report, checks=checks, files=files, notices=manifest.notices, interrupted=stopped
    )
    write_text(staging / "report.json", json.dumps(report.to_json(), indent=2) + "\n")
    return report
