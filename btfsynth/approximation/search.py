"""The search for approximate circuits: parallel walks over increasing bounds.

For every bound the best few netlists are kept. A sweep visits the bounds in increasing order: at each, some
walks start from the netlists kept there and from those of the bound below. The first sweep starts at the exact
circuit; later ones have more patience. If a bound is given, it is the last one, and the smallest circuit within
it is the result; otherwise the result is the front of error and cost. It depends on the seed and the number of
sweeps, not on the number of jobs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.approximation.and_walk import AndWalk
from btfsynth.approximation.lut_walk import LutWalk
from btfsynth.approximation.point import Point, Subject, Unit, size_words, unit_of
from btfsynth.approximation.store import Store
from btfsynth.approximation.tolerance import AVERAGES
from btfsynth.approximation.truncation import Truncated, sum_of, truncations
from btfsynth.approximation.walk import Problem, Walk, get_ready, walk_once
from btfsynth.errors import InterruptedWorkError, ToolError, UsageError
from btfsynth.events import ApproximationStatus, Note, OnEvent, StageBegan, ignore
from btfsynth.files import StrPath, as_path
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist
from btfsynth.passes.goal import Goal
from btfsynth.settings.setting import Options
from btfsynth.settings.table import APPROXIMATE, DEFAULT_TIME_LIMIT, Basis, Metric, Objective
from btfsynth.verify.error_metrics import (
    MAX_MEASURED_INPUTS,
    Bounds,
    Reading,
    number,
    require_fit,
)
from btfsynth.workers.executor import (
    Executor,
    Task,
    WorkerPool,
    completed,
    processors,
    refuse_in_workers,
)

_BATCH = 4
"""Walks per bound, and netlists kept per bound."""
_PATIENCE, _PATIENCE_CELL = 1_000, 10
"""Patience of a walk of the first sweep: cells tried without a saving, a constant plus a part per cell."""
_MOST_PATIENCE = 64
"""Maximum factor of the patience, which doubles with every sweep."""
_HASTE = 8
"""Its divisor for a whole front within a time limit, so that the first sweep reaches all bounds soon."""
_RUNGS = 6
"""Number of bounds below a given one, each half of the next."""
_RUNGS_OF_SUM = 2
"""The same if walks start from sums without low terms."""
_LATER = 3
"""Number of these in later sweeps."""
_LUT_TRIALS, _AND_TRIALS = 4, 60
"""Trials of a table, or an AND, per trial of a cell, because they are that much faster."""


@dataclass(frozen=True)
class ApproximateOptions(Options, settings=APPROXIMATE):
    """Options of a search.

    Parameters
    ----------
    bounds
        Maxima of metrics; empty for the whole front of `metric`.
    (settings)
    """

    bounds: Mapping[Metric, Fraction] = field(default_factory=dict)
    metric: Metric = APPROXIMATE["metric"].default
    signed: bool = False
    bits: bool = False
    objective: Objective = APPROXIMATE["objective"].default
    basis: Basis = APPROXIMATE["basis"].default
    sweeps: int | None = None
    time_limit: float | None = None
    jobs: int = APPROXIMATE["jobs"].default
    seed: int = APPROXIMATE["seed"].default

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bounds:
            Bounds(self.bounds)
        if self.signed and self.bits:
            raise UsageError("`signed`: single bits have no sign; omit `signed` or `bits`")
        if self.basis is Basis.AIG and self.objective is Objective.LUT6:
            raise UsageError("`objective`: lookup tables have no basis; omit `basis`")
        averages = sorted(m.value for m in self.bounds or (self.metric,) if m in AVERAGES)
        if self.basis is Basis.AIG and averages:
            raise UsageError(
                f"`basis`: aig needs bounds on wce and wcre only, got {', '.join(averages)}"
            )
        if self.sweeps is None:
            self._fill("time_limit", DEFAULT_TIME_LIMIT)
        self._fill("jobs", processors())


@dataclass(frozen=True, eq=False)
class ApproximateReport:
    """The result of a search: the points of the front by increasing error."""

    name: str
    directory: Path
    exact: Mapping[str, int]  # cells and depth; also luts or ands if the search counts these
    front: tuple[Point, ...]
    unit: Unit | None
    walks: int
    sweeps: int
    seconds: float
    interrupted: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "directory": self.directory.as_posix(),
            "exact": dict(self.exact),
            "front": [
                {
                    **point.record(self.unit),
                    "path": (self.directory / point.path).as_posix(),
                }
                for point in self.front
            ],
            "walks": self.walks,
            "sweeps": self.sweeps,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
        }


def approximate(
    exact: Netlist,
    directory: StrPath,
    options: ApproximateOptions,
    *,
    source: str = "",
    weights: NDArray[np.int64] | None = None,
    resume: bool = False,
    on_event: OnEvent | None = None,
    executor: Callable[[int], Executor] = WorkerPool,
) -> ApproximateReport:
    """Search for approximations of a circuit and keep the best in a folder, as designs with proven error.

    weights: ``(2 ** inputs,)`` int64 of the input vectors, None for ones. Ctrl-C and the time limit end the
    search at any time and keep the front. If `resume` is set, an earlier search of the same circuit and
    settings in the folder is continued after its last finished walk, otherwise it is moved aside.
    """
    refuse_in_workers()
    reading = Reading.of(exact.output_ports, options.signed, options.bits)
    _require_provable(exact, options, weights)
    require_fit(reading, options.bounds or [options.metric], options.signed)
    _require_useful(reading, options)
    axis = next(iter(options.bounds), options.metric)
    unit = unit_of(options.objective, options.basis)
    subject = Subject(exact, reading, weights, source, axis, unit)
    search = _Search(subject, options, on_event or ignore)
    store = Store(as_path(directory), search.identity, subject)
    return search.run(store, resume, executor)


def _require_provable(
    exact: Netlist, options: ApproximateOptions, weights: NDArray[np.int64] | None
) -> None:
    """Refuse circuits and bounds that could not be measured or proven."""
    asked = set(options.bounds) or {options.metric}
    if exact.n_inputs > MAX_MEASURED_INPUTS and (asked != {Metric.WCE} or weights is not None):
        raise UsageError(
            f"{exact.name}: with more than {MAX_MEASURED_INPUTS} inputs only `wce` of all vectors can be "
            f"proven, got {exact.n_inputs} inputs and {', '.join(sorted(m.value for m in asked))}"
        )
    if not exact.n_inputs:
        raise UsageError(f"{exact.name}: expected a circuit with inputs, got only constants")


def _require_useful(reading: Reading, options: ApproximateOptions) -> None:
    """Refuse bounds that any circuit keeps, and a front of a single point."""
    if not options.bounds and options.metric is Metric.WCE and reading.bits == len(reading.ports):
        raise UsageError(
            "`metric`: wce of single bits is 0 or 1, so that there is no front; use ep or mae"
        )
    spans = [(1 << width) - 1 for _, width, _ in reading.ports]
    largest = {
        Metric.WCE: max(spans),
        Metric.WCRE: max(spans),
        Metric.MAE: sum(spans),
        Metric.MSE: sum(span * span for span in spans),
        Metric.MRE: sum(spans),
        Metric.EP: 1,
    }
    for metric, bound in options.bounds.items():
        if bound >= largest[metric]:
            raise UsageError(
                f"{metric.value}: expected a bound below {largest[metric]}, as no circuit with these outputs "
                f"can exceed it, got {number(bound):g}"
            )


class _Search:
    def __init__(self, subject: Subject, options: ApproximateOptions, on_event: OnEvent) -> None:
        self.subject, self.options, self.on_event = subject, options, on_event
        self.exact, self.reading, self.axis = subject.exact, subject.reading, subject.axis
        weights = subject.weights
        self.problem = Problem(format_netlist(self.exact), self.reading, weights)
        self.goal = Goal(options.objective)
        self.levels = ladder(self.reading, options)
        self.sum = sum_of(self.exact, self.reading) if weights is None else None
        if self.sum is not None and Metric.WCE in options.bounds:
            self.levels = self.levels[-_RUNGS_OF_SUM:]
        self.kept: list[list[Point]] = [[] for _ in self.levels]
        self.began_with: dict[Any, str] = {}  # by the key of a task
        self.walks = 0
        self.again: list[tuple[str, str]] = []  # starts of the bound where a search is continued
        self.begin = time.monotonic()

    @cached_property
    def identity(self) -> str:
        options = self.options
        weights = self.problem.weights
        parts = (
            self.problem.exact,
            self.reading.ports,
            sorted((metric.value, str(most)) for metric, most in options.bounds.items()),
            options.metric.value,
            options.objective.value,
            options.basis.value,
            options.seed,
            None if weights is None else weights.tobytes(),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    def run(
        self, store: Store, resume: bool, executor: Callable[[int], Executor]
    ) -> ApproximateReport:
        sweep, interrupted = 0, False
        former = store.open(resume)
        if isinstance(former, Path):
            self.on_event(Note(f"the earlier search was moved to {former}"))
        else:
            self._continue(former, store.walks)
            sweep = self._place_of(self.walks)[0]
        workers: Executor | None = None
        try:
            self.on_event(StageBegan("starting workers"))
            workers = executor(self.options.jobs)
            self._get_ready(workers)
            self.on_event(StageBegan("searching"))
            self.begin = time.monotonic()
            while self.options.sweeps is None or sweep < self.options.sweeps:
                if self._time_is_up():
                    break
                self._sweep(sweep, workers, store)
                sweep += 1
        except KeyboardInterrupt:
            interrupted = True
        finally:
            if workers is not None:
                workers.close()
        front = self._front()
        try:
            self.on_event(StageBegan("writing the front"))
            store.write(front, self.walks)
        except KeyboardInterrupt:
            raise InterruptedWorkError(
                f"interrupted before the front was written; its circuits are in {store.directory}; "
                "`resume` continues from there"
            ) from None
        return ApproximateReport(
            self.exact.name,
            store.directory,
            self.subject.size,
            tuple(front),
            self.subject.unit,
            self.walks,
            sweep,
            time.monotonic() - self.begin,
            interrupted,
        )

    def _continue(self, former: Sequence[tuple[int, Point]], walks: int) -> None:
        """Take up a search after its last finished walk, as if it had not been interrupted."""
        sweep, place, done = self._place_of(walks)
        for found_at, point in former:
            if found_at <= walks - done:
                self._keep(point)
        if done:  # the other walks at this bound start where those that are done did
            self.again = self._starts(sweep, place)
            for found_at, point in former:
                if found_at > walks - done:
                    self._keep(point)
        self.walks = walks

    def _place_of(self, walks: int) -> tuple[int, int, int]:
        """Return the sweep and the bound that follow a number of walks, and the walks done at this bound."""
        sweep, batches = 0, walks // _BATCH
        while batches >= len(self.levels) - self._first(sweep):
            batches -= len(self.levels) - self._first(sweep)
            sweep += 1
        return sweep, self._first(sweep) + batches, walks % _BATCH

    def _first(self, sweep: int) -> int:
        """Return the first bound of a sweep."""
        return 0 if sweep == 0 or not self.options.bounds else max(0, len(self.levels) - _LATER)

    def _get_ready(self, workers: Executor) -> None:
        """Load and compile everything in one worker first, so that the others find it compiled."""
        self.on_event(StageBegan("loading the kernels, compiled at first use"))
        averages = any(metric in AVERAGES for metric in self.options.bounds or (self.axis,))
        walk = self._walk(1, 1, 0)
        task = Task("ready", "start", get_ready, (averages, walk))
        for finished in completed(workers, [task], attempts=1):
            if finished.died:
                raise ToolError(
                    "a worker process does not start or dies at once; a Python script needs "
                    "`if __name__ == '__main__':` before the call"
                )

    def _sweep(self, sweep: int, workers: Executor, store: Store) -> None:
        for place in range(self._place_of(self.walks)[1], len(self.levels)):
            tasks = self._tasks(sweep, place)
            found = completed(workers, tasks, self.on_event, in_order=True, stop=self._time_is_up)
            with closing(found):
                for finished in found:
                    self.walks += 1
                    if finished.value is not None:
                        point = Point.of(
                            finished.value, self._origin(sweep, place, finished.key), sweep
                        )
                        if self._keep(point):
                            store.append(point, self.walks)
                    self._tell(sweep, place)
            if self._time_is_up():
                return
            front = self._front()
            if store.is_due(front):
                store.write(front, self.walks)

    def _tasks(self, sweep: int, place: int) -> Iterator[Task]:
        starts, self.again = self.again or self._starts(sweep, place), []
        base = _PATIENCE + _PATIENCE_CELL * self.exact.n_cells
        patience = base * min(_MOST_PATIENCE, 1 << sweep)
        if self.options.time_limit is not None and not self.options.bounds:
            patience //= _HASTE
        for each in range(self.walks % _BATCH, _BATCH):
            seed = (self.options.seed * 1009 + sweep) * 100_003 + place * 101 + each
            walk = self._walk(patience, seed % (1 << 62), each)
            start, said = starts[each % len(starts)]
            key = (sweep, place, each)
            if said:
                self.began_with[key] = said
            yield Task(
                key,
                f"walk {each} at {self._words(place)}",
                walk_once,
                (self.problem, start, self.levels[place], walk),
            )

    def _walk(self, patience: int, seed: int, each: int) -> Walk | LutWalk | AndWalk:
        if self.options.basis is Basis.AIG:
            return AndWalk(_AND_TRIALS * patience, seed)
        averages = any(metric in AVERAGES for metric in self.options.bounds or (self.axis,))
        if self.options.objective is Objective.LUT6 and not averages:
            return LutWalk(_LUT_TRIALS * patience, seed)
        return Walk(patience, seed=seed, k=2 if each == 1 else 1)

    def _starts(self, sweep: int, place: int) -> list[tuple[str, str]]:
        """Return netlists to start from, and their descriptions.

        Alternately circuits kept at a bound and below it; truncated sums first, and one of them in every later
        sweep.
        """
        here = self.kept[place]
        below = self.kept[place - 1] if place else []
        found: dict[str, str] = {}
        truncated = self._truncated(place)
        if sweep == 0:
            found.update(
                (format_netlist(each.netlist), each.said) for each in truncated[: _BATCH - 1]
            )
        for rank in range(_BATCH):
            for listed in (here, below):
                if rank < len(listed):
                    found.setdefault(listed[rank].netlist, "")
        if sweep and truncated:
            again = truncated[sweep % len(truncated)]
            rest = list(found.items())[: _BATCH - 1]
            return [*rest, (format_netlist(again.netlist), again.said)]
        return list(found.items()) or [(self.problem.exact, "")]

    def _truncated(self, place: int) -> list[Truncated]:
        bound = self.levels[place].get(Metric.WCE)
        if self.sum is None or bound is None:
            return []
        return list(truncations(self.exact, self.sum, int(bound)))

    def _keep(self, point: Point) -> bool:
        """Add a point to each bound where it is among the best; return whether there is one."""
        kept = False
        for place, bounds in enumerate(self.levels):
            listed = self.kept[place]
            if any(other.key == point.key for other in listed):
                continue
            if any(point.errors.value(metric) > most for metric, most in bounds.items()):
                continue
            listed.append(point)
            listed.sort(key=self._rank)
            kept |= point in listed[:_BATCH]
            del listed[_BATCH:]
        return kept

    def _rank(self, point: Point) -> tuple[Any, ...]:
        return (*point.cost(self.goal), point.errors.value(self.axis), point.key)

    def _front(self) -> list[Point]:
        """Return the Pareto front of error and cost, by increasing error."""
        if self.options.bounds:
            return self.kept[-1][:1]
        every = {point.key: point for listed in self.kept for point in listed}
        ordered = sorted(
            every.values(), key=lambda point: (point.errors.value(self.axis), self._rank(point))
        )
        front: list[Point] = []
        for point in ordered:
            if not front or point.cost(self.goal) < front[-1].cost(self.goal):
                front.append(point)
        return front

    def _origin(self, sweep: int, place: int, key: Any) -> dict[str, Any]:
        bounds = {metric.value: _plain(most) for metric, most in self.levels[place].items()}
        origin = {"seed": self.options.seed, "sweep": sweep, "bounds": bounds, "walk": key[2]}
        began_with = self.began_with.get(key)
        return origin if began_with is None else {**origin, "start": began_with}

    def _words(self, place: int) -> str:
        return ", ".join(f"{m.value} {number(most):g}" for m, most in self.levels[place].items())

    def _tell(self, sweep: int, place: int) -> None:
        best = self.kept[place][0] if self.kept[place] else None
        self.on_event(
            ApproximationStatus(
                sweep + 1,
                self._words(place),
                self.walks,
                self.exact.n_cells if best is None else best.cells,
                len(self._front()),
                time.monotonic() - self.begin,
                size_words(self.subject.size if best is None else best.size(self.subject.unit)),
            )
        )

    def _time_is_up(self) -> bool:
        limit = self.options.time_limit
        return limit is not None and time.monotonic() - self.begin >= limit


def _plain(bound: Fraction) -> int | float | str:
    """Return a bound as a number of JSON if this is exact, else as a fraction in text."""
    value = number(bound)
    return value if Fraction(str(value)) == bound else str(bound)


def ladder(reading: Reading, options: ApproximateOptions) -> list[Mapping[Metric, Fraction]]:
    """Return the bounds of a sweep in increasing order."""
    if options.bounds:
        rungs = [
            {metric: most / (1 << _RUNGS - 1 - rung) for metric, most in options.bounds.items()}
            for rung in range(_RUNGS)
        ]
        return [*_distinct(rungs)]
    width = max(width for _, width, _ in reading.ports)
    least, most = _range(options.metric, width, len(reading.ports))
    levels = []
    bound = least
    while bound <= most:
        levels.append({options.metric: bound})
        levels.append({options.metric: bound * Fraction(3, 2)})
        bound *= 2
    return [*_distinct(levels)]


def _distinct(rungs: Sequence[Mapping[Metric, Fraction]]) -> Iterator[Mapping[Metric, Fraction]]:
    """Yield different bounds; an absolute error is a whole number."""
    seen: list[Mapping[Metric, Fraction]] = []
    for rung in rungs:
        bounds = dict(rung)
        if Metric.WCE in bounds:
            bounds[Metric.WCE] = Fraction(int(bounds[Metric.WCE]))
        if bounds not in seen:
            seen.append(bounds)
            yield bounds


def _range(metric: Metric, width: int, ports: int) -> tuple[Fraction, Fraction]:
    """Return the smallest and the largest bound of a front."""
    top = Fraction(1 << max(0, width - 2))
    if metric is Metric.WCE:
        return Fraction(1), max(top, Fraction(1))
    if metric is Metric.MAE:
        return Fraction(1, 16), max(top / 2 * ports, Fraction(1, 4))
    if metric is Metric.MSE:
        return Fraction(1, 16), max(top * top / 4 * ports, Fraction(1, 4))
    if metric is Metric.EP:
        return Fraction(1, 128), Fraction(3, 4)
    if metric is Metric.MRE:
        return Fraction(1, 1024), Fraction(1, 2)
    return Fraction(1, 64), Fraction(1)
