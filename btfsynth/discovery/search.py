"""Discover circuits: parallel trainings, whose results are kept as soon as they are found."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from btfsynth.dataset.code import require_bits
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.discovery.portfolio import (
    Planned,
    Portfolio,
    Schedule,
    TrialTask,
    grows,
    make_portfolio,
)
from btfsynth.discovery.record import Findings, Record
from btfsynth.discovery.store import Certifier, Identity, Store
from btfsynth.discovery.work import (
    Cascade,
    GrowTask,
    failed_growth,
    get_ready,
    grow_part,
    partial_record,
    polish,
    run_trial,
)
from btfsynth.errors import InterruptedWorkError, ToolError, UsageError
from btfsynth.events import Growing, Note, OnEvent, SearchStatus, StageBegan, ignore
from btfsynth.files import StrPath, as_path, staging_folder
from btfsynth.passes.registry import parse_script
from btfsynth.settings.setting import Options
from btfsynth.settings.table import DEFAULT_TIME_LIMIT, DISCOVER, Objective
from btfsynth.training.checkpoint import training_fingerprint
from btfsynth.training.session import TrainOptions, plan_for
from btfsynth.workers.executor import (
    NAP,
    Executor,
    Finished,
    Task,
    WorkerPool,
    completed,
    processors,
    refuse_in_workers,
)

_LATE = 0.75
"""Share of the time after which circuits are polished."""

_LATE_GROWN = 0.2
"""The same for cascades, where further walks gain more than further trials.

Running cascades then continue, and no more are started.
"""

_RESERVE = 0.1
_LONGEST_RESERVE = 4.0
"""Time reserved to check the last circuits of the front: a share of it, up to this many seconds."""

_COMPILING_SECONDS = 8.0
"""Seconds between two messages about compilation."""

_SETTLED = 5.0
"""Seconds, less in a short search, before a circuit of the front is checked, because most are soon beaten."""


@dataclass(frozen=True)
class DiscoverOptions(Options, settings=DISCOVER):
    """Options of a discovery.

    Parameters
    ----------
    training
        Seed and settings; those given apply to all trials.
    (settings)
    """

    training: TrainOptions = field(default_factory=TrainOptions)
    trials: int | None = None
    time_limit: float | None = None
    jobs: int = DISCOVER["jobs"].default
    passes: str = DISCOVER["passes"].default
    objective: Objective = DISCOVER["objective"].default
    polish: bool = DISCOVER["polish"].default

    def __post_init__(self) -> None:
        super().__post_init__()
        script = "depth" if self.objective is Objective.DEPTH else "size"
        self._fill("passes", script)
        self._fill("jobs", processors())
        if self.trials is None:
            self._fill("time_limit", DEFAULT_TIME_LIMIT)


@dataclass(frozen=True, eq=False)
class DiscoverReport:
    """The result of a discovery.

    Counts include earlier sessions; `seconds` and `problems` (of trainings and polishings, as in the records)
    are of this one. `front` has the checked entries, the best first, as JSON values with their ``path`` in the
    folder. `lost` has the trials whose worker died twice, `rejected` the reasons why circuits of the front
    failed their checks, by key. `partial` is the state of the most advanced cascade if there is no front.
    """

    name: str
    directory: Path
    objective: Objective
    trials: int
    exact: int
    distinct: int
    polished: int
    seconds: float
    front: tuple[dict[str, Any], ...]
    lost: tuple[int, ...]
    problems: int
    rejected: dict[str, str]
    interrupted: bool
    partial: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values; paths are given from the current folder."""
        names = ("cells", "depth", "inverters", "and", "or", "maj", "verified")
        front = [
            {
                **{name: entry[name] for name in names},
                "targets": entry.get("targets"),
                "path": (self.directory / entry["path"]).as_posix(),
                "origin": entry["origin"],
            }
            for entry in self.front
        ]
        best = front[0] if front else None
        return {
            "name": self.name,
            "trials": self.trials,
            "exact": self.exact,
            "distinct": self.distinct,
            "polished": self.polished,
            "seconds": round(self.seconds, 3),
            "objective": self.objective.value,
            "front": front,
            "best": best and {name: best[name] for name in ("cells", "depth", "path")},
            "lost": list(self.lost),
            "problems": self.problems,
            "rejected": list(self.rejected.values()),
            "interrupted": self.interrupted,
            "partial": self.partial,
            "directory": self.directory.as_posix(),
        }


def discover(
    dataset: Dataset,
    directory: StrPath,
    options: DiscoverOptions,
    *,
    resume: bool = False,
    on_event: OnEvent | None = None,
    executor: Callable[[int], Executor] = WorkerPool,
) -> DiscoverReport:
    """Search for circuits of a Boolean data set and keep the Pareto front in a folder.

    Results are written to disk as soon as they are found; Ctrl-C and the time limit end the search at any time.
    If `resume` is set, an earlier discovery in the folder is continued, otherwise it is moved aside. `on_event`
    gets `StageBegan`, `SearchStatus` a few times per second, and `Note`. `executor` makes an executor from a
    number of jobs. A second Ctrl-C, before the last circuits are checked, is an `InterruptedWorkError`.
    """
    refuse_in_workers()
    directory = as_path(directory)
    portfolio = _check_request(dataset, options)
    identity = _identity(dataset, portfolio, options)
    with staging_folder(directory) as scratch:
        store = Store(directory, identity)
        search = _Search(dataset, portfolio, store, scratch, options, on_event or ignore)
        try:
            search.open(resume)
            search.run(executor)
            return search.finish()
        except KeyboardInterrupt:  # the second one, or at the very start
            raise InterruptedWorkError(
                f"interrupted before the last circuits were checked; the circuits are in {directory}; "
                "`resume` continues from there"
            ) from None
        finally:
            search.close()


def _check_request(dataset: Dataset, options: DiscoverOptions) -> Portfolio:
    """Refuse what can be seen to fail before any work is done."""
    parse_script(options.passes)
    require_bits(dataset)
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected Boolean inputs to find circuits for, got "
            f"{dataset.input_kind.value}"
        )
    if not dataset.care_mask.any():
        raise UsageError(f"{dataset.source}: every target is a don't-care: nothing to learn")
    return make_portfolio(dataset, plan_for(dataset, options.training), options.training)


def _identity(dataset: Dataset, portfolio: Portfolio, options: DiscoverOptions) -> Identity:
    parts = (
        training_fingerprint(dataset, portfolio.plan, options.training.seed, None),
        portfolio.vary_network,
        portfolio.vary_sigma,
        portfolio.cascades,
        options.passes,
    )
    settings = hashlib.sha256(repr(parts).encode()).hexdigest()
    return Identity(dataset.name, dataset.source, dataset.content_hash, settings)


class _Search:
    def __init__(
        self,
        dataset: Dataset,
        portfolio: Portfolio,
        store: Store,
        scratch: Path,
        options: DiscoverOptions,
        on_event: OnEvent,
    ) -> None:
        self.dataset = dataset
        self.portfolio = portfolio
        self.store = store
        self.options = options
        self.on_event = on_event
        self.found = Findings()
        self.schedule = Schedule(
            options.trials, options.polish, options.objective, slow=grows(dataset)
        )
        self.late = _LATE_GROWN if grows(dataset) else _LATE
        self.cascades: dict[int, Cascade] = {}
        settled = (
            _SETTLED if options.time_limit is None else min(_SETTLED, 0.1 * options.time_limit)
        )
        self.certifier = Certifier(dataset, store, scratch, settled, on_event)
        self.keep_all = not dataset.says_all
        self.running: set[Planned | GrowTask] = set()
        self.lost: list[int] = []
        self.looked = 0.0
        self.begin = time.monotonic()
        self.problems = 0
        self.compiled = ""
        self.resumes = False
        self.interrupted = False

    def open(self, resume: bool) -> None:
        """Read the content of the folder, or move it aside; write an index."""
        store = self.store
        self.resumes = resume
        if store.exists() and resume:
            for record in store.read():
                self.found.add(record)
            return
        if store.exists():
            former = store.set_aside()
            self.on_event(Note(f"the earlier discovery was moved to {former}"))
        store.write_front([], self._summary())

    def run(self, executor: Callable[[int], Executor]) -> None:
        """Search until everything is done, the time is up, or the user has had enough."""
        workers: Executor | None = None
        try:
            self.on_event(StageBegan("starting workers"))
            workers = executor(self.options.jobs)
            self._get_ready(workers)
            self.on_event(StageBegan("searching"))
            self.begin = self.looked = time.monotonic()
            workers.on_report = self._told
            found = completed(workers, self._next, self.on_event, stop=self._look)
            with closing(found):
                for finished in found:
                    self._settle(finished)
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            if workers is not None:
                workers.close()

    def finish(self) -> DiscoverReport:
        """Check what is on the front and not checked yet; return what there is."""
        seconds = time.monotonic() - self.begin
        try:
            if self._front():
                self.on_event(StageBegan("checking the front"))
            self.certifier.finish(self._front, self.found)
        finally:
            self.store.rewrite(self.found.in_order())
            front = self._keep_front()
            partial = self._keep_partial(bool(front))
        return DiscoverReport(
            name=self.dataset.name,
            directory=self.store.directory,
            objective=self.options.objective,
            **self._counts(),
            seconds=max(seconds, time.monotonic() - self.begin),
            front=tuple(front),
            lost=tuple(sorted(self.lost)),
            problems=self.problems,
            rejected=self.certifier.rejected,
            interrupted=self.interrupted,
            partial=partial,
        )

    def close(self) -> None:
        self.certifier.close()

    def _get_ready(self, workers: Executor) -> None:
        """Load and compile everything in one worker first: the others find it compiled."""
        cascades = grows(self.dataset)
        arguments = self.options.passes, self.portfolio.plan.parameters.precision, cascades
        workers.on_report = self._compiling
        task = Task("ready", "start", get_ready, arguments)
        for finished in completed(workers, [task], attempts=1, stop=self._say_compiling):
            if finished.died:
                raise ToolError(
                    "a worker process does not start or dies at once; a Python script needs "
                    "`if __name__ == '__main__':` before the call"
                )

    def _compiling(self, _: Hashable, module: Any) -> None:
        if isinstance(module, str):  # trainings tell what they have reached
            if not self.compiled:
                self.looked = self.begin = time.monotonic()
                self.on_event(StageBegan("compiling the kernels (once)"))
            self.compiled = module

    def _say_compiling(self) -> bool:
        """Tell now and then what is compiled; it is no reason to stop."""
        now = time.monotonic()
        if self.compiled and now - self.looked >= _COMPILING_SECONDS:
            self.looked = now
            seconds = f"{now - self.begin:.0f} s"
            self.on_event(StageBegan(f"compiling {self.compiled} for this machine, {seconds}"))
        return False

    def _look(self) -> bool:
        """Check circuits of the front and tell the state now and then; return whether the time is up."""
        if time.monotonic() - self.looked >= NAP:
            self.looked = time.monotonic()
            if self.certifier.step(self._front(), self.found):
                self._keep_front()
            self.on_event(self._status())
        return self._time_is_up()

    def _next(self) -> Task | None:
        """Return the next work for a worker, None if it must wait or there is none."""
        share = self._elapsed_share()
        late = share >= self.late
        if share >= _LATE and self.schedule.polishes(self.found, late):
            planned = self._planned(late)
            return self._next_part() if planned is None else self._task(planned)
        part = self._next_part()
        if part is not None:
            return part
        planned = self._planned(late)
        return None if planned is None else self._task(planned)

    def _next_part(self) -> Task | None:
        """Return a part of a cascade under way, of the first that has one."""
        for trial in sorted(self.cascades):
            part = self.cascades[trial].next()
            if part is not None:
                return self._growing_task(part)
        return None

    def _planned(self, late: bool) -> Planned | None:
        running = {task for task in self.running if not isinstance(task, GrowTask)}
        running |= {TrialTask(trial) for trial in self.cascades}
        return self.schedule.next(self.found, running, late)

    def _task(self, planned: Planned) -> Task | None:
        """Return the work of a planned task; a cascade begins with its first part."""
        seed, passes = self.options.training.seed, self.options.passes
        if isinstance(planned, TrialTask) and self.portfolio.grows(planned.trial):
            start = self.store.growth(planned.trial) if self.resumes else None
            self.cascades[planned.trial] = Cascade(self.dataset, planned.trial, seed, start)
            return self._next_part()
        self.running.add(planned)
        if isinstance(planned, TrialTask):
            name = f"trial {planned.trial} (seed {seed})"
            arguments = (self.dataset, self.portfolio, seed, passes, planned.trial)
            return Task(planned, name, run_trial, arguments)
        name = f"attempt {planned.attempt} at circuit {planned.parent[:8]}"
        parent, text = self.schedule.source(planned), self.found.text(planned.parent)
        attempt = planned.attempt
        return Task(
            planned, name, polish, (self.dataset, parent, text, passes, self.keep_all, attempt)
        )

    def _growing_task(self, task: GrowTask) -> Task:
        self.running.add(task)
        cascade = self.cascades[task.trial]
        seed, passes = self.options.training.seed, self.options.passes
        name = f"trial {task.trial} (seed {seed})"
        return Task(task, name, grow_part, (self.dataset, seed, passes, cascade.growth, task))

    def _told(self, key: Hashable, value: Any) -> None:
        """Record the progress of a training of a cascade."""
        if isinstance(key, GrowTask) and key.trial in self.cascades:
            self.cascades[key.trial].told(key, value)

    def _settle(self, finished: Finished) -> None:
        planned = cast("Planned | GrowTask", finished.key)
        self.running.discard(planned)
        if isinstance(planned, GrowTask):
            self._settle_part(planned, finished)
        elif not finished.died:
            self._keep(finished.value)
        elif isinstance(planned, TrialTask):
            self.lost.append(planned.trial)

    def _settle_part(self, task: GrowTask, finished: Finished) -> None:
        """Merge the result of a part of a cascade; save the state of the cascade."""
        cascade = self.cascades.get(task.trial)
        if cascade is None:  # another part of it was lost
            return
        if finished.died:
            self.lost.append(task.trial)
        elif isinstance(finished.value, Record):
            self._keep(finished.value)
        else:
            if cascade.settle(task, finished.value) and not cascade.problem:
                self.store.keep_growth(task.trial, cascade.growth)
            if not cascade.problem:
                return
            seed, passes = self.options.training.seed, self.options.passes
            arguments = (self.dataset, seed, passes, task.trial, cascade.growth, cascade.problem)
            self._keep(failed_growth(*arguments))
        del self.cascades[task.trial]
        self.store.drop_growth(task.trial)

    def _keep(self, record: Record) -> None:
        self.store.append(self.found.add(record))
        if record.problem and not self.problems:
            self.on_event(Note(f"trial {record.trial}: no circuit: {record.problem}"))
        self.problems += bool(record.problem)

    def _elapsed_share(self) -> float:
        limit = self.options.time_limit
        return 0.0 if limit is None else (time.monotonic() - self.begin) / limit

    def _time_is_up(self) -> bool:
        limit = self.options.time_limit
        if limit is None:
            return False
        reserve = min(_LONGEST_RESERVE, _RESERVE * limit)
        return time.monotonic() - self.begin >= limit - reserve

    def _front(self) -> list[Record]:
        return self.found.front(self.options.objective, self.certifier.rejected)

    def _keep_front(self) -> list[dict[str, Any]]:
        """Write the index of checked circuits, remove dominated ones; return the entries."""
        front = self._front()
        entries = self.certifier.entries(front)
        self.store.write_front(entries, self._summary())
        self.store.prune(front)
        return entries

    def _keep_partial(self, found: bool) -> dict[str, Any] | None:
        """If there is no exact circuit, write that of the most advanced cascade; return its record."""
        if found or not self.cascades:
            self.store.keep_partial(None)
            return None
        foremost = max(
            self.cascades.values(), key=lambda each: (each.growth.bits_right, -each.trial)
        )
        netlist, names = foremost.partial()
        path = self.store.keep_partial(netlist)
        return {**partial_record(foremost, names, netlist), "path": path.as_posix()}

    def _counts(self) -> dict[str, int]:
        found = self.found
        return {
            "trials": len(found.trials),
            "exact": found.exact,
            "distinct": found.distinct,
            "polished": len(found.polished),
        }

    def _summary(self) -> dict[str, Any]:
        options = self.options
        return {
            "seed": options.training.seed,
            "objective": options.objective.value,
            **self._counts(),
        }

    def _status(self) -> SearchStatus:
        costs = [record.circuit.cost for record in self._front() if record.circuit is not None]
        return SearchStatus(
            phase="polishing" if self.schedule.polishing else "trials",
            **self._counts(),
            cells=min((cost.cells for cost in costs), default=None),
            depth=min((cost.depth for cost in costs), default=None),
            front=len(costs),
            seconds=time.monotonic() - self.begin,
            growing=self._foremost(),
        )

    def _foremost(self) -> Growing | None:
        if not self.cascades:
            return None
        return self.cascades[min(self.cascades)].status()
