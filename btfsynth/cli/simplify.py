"""``btfsynth simplify``: a smaller netlist, proven equal."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btfsynth.cli.options import (
    SectionCommand,
    comb_option,
    conflicts_option,
    file_option,
    gathered,
    json_option,
    load_design,
    load_source,
    name_option,
    named,
    option,
    require_writable,
    source_option,
)
from btfsynth.cli.output import (
    console,
    emit_json,
    field_table,
    netlist_summary,
    say,
    show,
    why_beside,
)
from btfsynth.cli.progress import PLAIN_SECONDS, announced_compiling, is_live, watched
from btfsynth.errors import InterruptedWorkError, UsageError, VerificationError, plural
from btfsynth.events import Event, OnEvent, PassProgress
from btfsynth.files import beside, write_bytes
from btfsynth.settings.table import (
    BUILD,
    SIMPLIFY,
    Basis,
    Conflicts,
    Effort,
    Objective,
    Preserve,
)

if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.flow.simplify import InBasis
    from btfsynth.netlist.gates import AnyNetlist
    from btfsynth.netlist.netlist import Netlist
    from btfsynth.netlist.simulation import Reference
    from btfsynth.passes.base import PassReport, ScriptResult
    from btfsynth.passes.goal import Goal


@dataclass(frozen=True)
class _Search:
    """Goal, passes and limits of an optimisation."""

    passes: str | None
    objective: str | None
    max_depth: int | None
    time_limit: float | None
    effort: str
    basis: str


@dataclass(frozen=True)
class _Kept:
    """What the optimised netlist has to keep."""

    source: str | None
    conflicts: Conflicts | None
    preserve: str | None

    def of(self) -> tuple[Dataset | None, Preserve | None]:
        """Return the data set and the rule, if they are given."""
        dataset = (
            None
            if self.source is None
            else load_source(self.source, conflicts=self.conflicts or Conflicts.KEEP)
        )
        wanted = None if self.preserve is None else Preserve(self.preserve)
        if wanted is Preserve.CARE and dataset is None:
            raise UsageError("--preserve care: needs patterns; give them with --data")
        return dataset, wanted


@click.command("simplify", cls=SectionCommand)
@click.argument("file", type=click.Path(path_type=Path))
@file_option(
    "File of the netlist; its ending gives the format: .mig, .blif, .aag, .aig, .bench, .json or .v; "
    ".py or .c for a program, .truth or .pla for a table.  "
    "[default: FILE with the ending .mig]",
    "OUT",
)
@source_option(
    "--data",
    "source",
    help="Task or file whose targets are kept (see --preserve); exits with 1 if one is missed.",
)
@conflicts_option
@name_option
@comb_option
@json_option
@option(SIMPLIFY["time_limit"])
@option(SIMPLIFY["effort"])
@option(SIMPLIFY["basis"])
@option(
    BUILD["passes"],
    default=None,
    otherwise="by cells, effort and time limit; depth for an objective other than cells",
)
@option(SIMPLIFY["objective"])
@option(SIMPLIFY["max_depth"])
@option(BUILD["preserve"])
@gathered("kept", _Kept)
@gathered("search", _Search)
def simplify_command(
    *,
    file: Path,
    path: Path | None,
    kept: _Kept,
    search: _Search,
    name: str | None,
    comb: bool,
    as_json: bool,
) -> None:
    """Optimise a netlist.

    FILE is a netlist (.mig, .blif, .aag, .aig, .bench, Yosys .json, .v, .sv), a table (.truth,
    .pla) or a trained network (.npz, .net, .sol). The result is proven equivalent. Without --data the
    function is kept on every input vector. At the time limit and on Ctrl-C the best netlist so far is
    written; one that could not be proven goes to OUT.unproven.

    \b
    Examples:
      btfsynth simplify m3.npz --data multiplier:3 -o m3.mig
      btfsynth simplify m3.mig -o m3.aig
      btfsynth simplify m3.aig -o m3.blif --effort high --time-limit 600
      btfsynth simplify m3.mig -o m3_xag.blif --basis xag
      btfsynth simplify m3.mig -o smaller.mig --passes 'resub --patience 2000 --seed 7'
    """  # noqa: D301
    from btfsynth.hdl.formats import get_writer
    from btfsynth.passes.base import Ended
    from btfsynth.passes.goal import wanted_goal
    from btfsynth.passes.registry import parse_script

    cells = Basis(search.basis)
    path = path or require_writable(file.parent / f"{file.stem}{_ENDINGS[cells]}")
    if path == file:
        raise UsageError(f"{path}: is the input file; name another one with -o")
    get_writer(path).require(cells, path)
    dataset, wanted = kept.of()
    goal = wanted_goal(search.objective, search.max_depth)
    passes = search.passes or goal.script
    parse_script(passes or "")
    limits = _Limits.of(passes or Effort(search.effort), goal, cells, search.time_limit)
    with (
        announced_compiling(file.stem),
        watched(file.stem, _progress()) as on_event,
    ):
        given, result = _smallest(file, dataset, wanted, comb, limits, on_event)
        work = _Work(file, path, name, given, result, goal, cells)
        if result.ended is Ended.USER:
            raise work.interrupted(as_json)
        if cells is not Basis.MAJ:
            work = work.in_basis(limits, as_json)
    work.finish(dataset, wanted, as_json)


_ENDINGS = {Basis.MAJ: ".mig", Basis.XMG: ".blif", Basis.AIG: ".aig", Basis.XAG: ".blif"}


@dataclass(frozen=True)
class _Limits:
    script: str | Effort
    goal: Goal
    deadline: float | None  # of the passes
    end: float | None  # of all

    @classmethod
    def of(
        cls, script: str | Effort, goal: Goal, basis: Basis, time_limit: float | None
    ) -> _Limits:
        """Give the passes half of the time where another basis is searched after them."""
        if time_limit is None:
            return cls(script, goal, None, None)
        now = time.monotonic()
        part = time_limit if basis is Basis.MAJ else time_limit / 2
        return cls(script, goal, now + part, now + time_limit)


def _progress() -> Callable[[Event], str | None]:
    """Return the words for an event; without a terminal only once a minute."""
    said = time.monotonic()

    def words(event: Event) -> str | None:
        nonlocal said
        if not isinstance(event, PassProgress):
            return None
        now = time.monotonic()
        if not is_live() and now - said < PLAIN_SECONDS:
            return None
        said = now
        return (
            f"{event.name}, {event.number} of {event.passes}; {plural(event.cells, 'cell')}, "
            f"depth {event.depth}, {event.seconds:.0f} s"
        )

    return words


def _smallest(
    file: Path,
    dataset: Dataset | None,
    wanted: Preserve | None,
    comb: bool,
    limits: _Limits,
    on_event: OnEvent,
) -> tuple[Netlist, ScriptResult]:
    """Return the netlist of a file before the passes, and the result of the passes."""
    from btfsynth.flow.simplify import lower, optimise
    from btfsynth.network.formats import is_network, read_network

    if is_network(file):
        network = read_network(file)
        given, _, reference = lower(network, dataset, wanted, deadline=limits.deadline)
    else:
        given, reference = _read(file, dataset, wanted, comb)
    script, end, goal = limits.script, limits.deadline, limits.goal
    if goal.objective is Objective.LUT6:
        from btfsynth.flow.simplify import optimise_for_luts

        return given, optimise_for_luts(given, reference, script, end, on_event, goal.max_depth)
    return given, optimise(given, reference, script, end, on_event, goal)


def _read(
    file: Path, dataset: Dataset | None, wanted: Preserve | None, comb: bool
) -> tuple[Netlist, Reference]:
    """Return a netlist, and the reference that passes must keep."""
    from btfsynth.flow.simplify import netlist_reference
    from btfsynth.netlist.simulation import MAX_EXHAUSTIVE_INPUTS

    design = load_design(file, comb)
    given = design.netlist
    open_at = None if wanted is Preserve.NETWORK else design.dont_care
    if open_at is not None and dataset is None and open_at.n_inputs > MAX_EXHAUSTIVE_INPUTS:
        say(f"note: don't-cares are ignored above {MAX_EXHAUSTIVE_INPUTS} inputs")
    if wanted is None and dataset is not None and _is_sample_of(dataset, given):
        wanted = Preserve.NETWORK
        say(
            f"note: {dataset.source} is a sample, so the netlist keeps its function on every input; "
            "--preserve care keeps only the targets"
        )
    return given, netlist_reference(given, dataset, wanted, open_at)


def _is_sample_of(dataset: Dataset, netlist: Netlist) -> bool:
    """Return whether patterns are a sample of what a netlist computes; others cannot be kept at all."""
    from btfsynth.flow.patterns import count_targets, fitted

    return not dataset.says_all and count_targets(netlist, fitted(netlist, dataset)).all_right


@dataclass(frozen=True)
class _Work:
    """The files and messages of a result."""

    file: Path
    asked: Path
    name: str | None
    given: Netlist
    result: ScriptResult
    goal: Goal
    basis: Basis
    made: InBasis | None = None

    def in_basis(self, limits: _Limits, as_json: bool) -> _Work:
        """Find a netlist over another basis; the given netlist is a second start if equivalent."""
        from btfsynth.flow.simplify import to_basis
        from btfsynth.passes.gate_search import GateEffort

        best = self.best()
        also = () if best.fanins is self.given.fanins else (self.given,)
        try:
            found = to_basis(best, self.basis, also, GateEffort(deadline=limits.end))
        except KeyboardInterrupt:
            raise self.interrupted(as_json) from None
        made = min(found, self._cell_by_cell(best), key=lambda made: made.rank(self.goal))
        return replace(self, made=made)

    def _cell_by_cell(self, netlist: Netlist, why: str = "") -> InBasis:
        """Translate without a search, or return the given netlist if it is better."""
        from btfsynth.flow.simplify import cell_by_cell

        starts = (netlist, named(self.given, self.name))
        made = (cell_by_cell(each, self.basis, why) for each in starts)
        return min(made, key=lambda made: made.rank(self.goal))

    def best(self) -> Netlist:
        """Return the proven netlist, or the given one if it is better."""
        from btfsynth.netlist.views import statistics

        made = self.result.netlist
        # A walk over netlists of equal size ends at any of them, mostly at a deeper one.
        chosen = self.goal.objective is Objective.LUT6  # what was given among others
        better = not chosen and statistics(self.given).dominates(statistics(made))
        return named(self.given if better else made, self.name)

    def over_basis(self, netlist: Netlist) -> AnyNetlist:
        """Translate a netlist to the requested cells, one by one."""
        from btfsynth.netlist.gates import of_netlist

        return netlist if self.basis is Basis.MAJ else of_netlist(netlist, self.basis)

    def _in_majorities(self, netlist: Netlist) -> Netlist:
        """Return the written netlist in the form for counting lookup tables."""
        return netlist if self.made is None else self.made.gates.expanded()

    def write(self, netlist: AnyNetlist, path: Path) -> tuple[str, ...]:
        from btfsynth.hdl.formats import get_writer

        content, notices = get_writer(path).content(netlist)
        write_bytes(path, content)
        return notices

    def write_unproven(self) -> Path | None:
        """Write the netlist that could not be proven to a file of its own."""
        if self.result.unproven is None:
            return None
        path = self.asked.with_name(f"{self.asked.stem}.unproven{self.asked.suffix}")
        self.write(self.over_basis(named(self.result.unproven, self.name)), path)
        return path

    def unproven_words(self, path: Path | None) -> str:
        """Return words for the file of the unproven netlist, empty if there is none."""
        netlist = self.result.unproven
        if netlist is None:
            return ""
        cells = plural(self.over_basis(netlist).n_cells, "cell")
        return f"{cells} that could not be proven in time are in {path}"

    def interrupted(self, as_json: bool) -> InterruptedWorkError:
        """Write the best netlist so far, and return the message."""
        from btfsynth.passes.base import Ended

        result = self.result
        unproven_path = self.write_unproven()
        unproven = self.unproven_words(unproven_path)
        if not result.reports or (unproven and not any(each.kept for each in result.reports)):
            kept = unproven or "nothing was saved"
            where = "in the first pass" if len(result.reports) < 2 else "before the proof"
            return InterruptedWorkError(f"interrupted {where}; {kept}")
        path = beside(self.asked) if self.asked.exists() else self.asked
        best = self.best()
        made = None
        if self.basis is not Basis.MAJ:
            made = self._cell_by_cell(best, ", as it was interrupted")
        written = best if made is None else made.gates
        notices = self.write(written, path)
        if as_json:
            ended = replace(self, made=made, result=replace(result, ended=Ended.USER))
            emit_json(ended._record(best, path, unproven_path, notices))
        done = sum(not report.cut_short for report in result.reports)
        more = f"; {unproven}" if unproven else ""
        return InterruptedWorkError(
            f"interrupted after {done} of {plural(result.steps, 'pass', 'passes')}; the best netlist so far, "
            f"{plural(written.n_cells, 'cell')}, is saved in {path}{why_beside(self.asked, path)}{more}"
        )

    def finish(self, dataset: Dataset | None, wanted: Preserve | None, as_json: bool) -> None:
        """Write the netlist and print the result; a `VerificationError` if a request is not met."""
        from btfsynth.flow.patterns import count_targets, fitted, targets_record

        netlist = self.best()
        targets = None if dataset is None else count_targets(netlist, fitted(netlist, dataset))
        broken, notices, what = "", self._notices(netlist), "the netlist"
        if dataset is not None and targets is not None and not targets.all_right:
            missed = f"{targets.count - targets.right} of {plural(targets.count, 'target')}"
            notices = (*notices, f"{netlist.name} misses {missed} of {dataset.source}")
            if wanted is None and dataset.says_all:
                broken = f"the targets of {dataset.source} are missed, {targets.words()}"
                what = "the netlist of the network"
        written = netlist if self.made is None else self.made.gates
        broken = broken or self._too_deep(written)
        path = beside(self.asked) if broken and self.asked.exists() else self.asked
        notices = (*self.write(written, path), *notices)
        unproven = self.write_unproven()
        if as_json:
            record = self._record(netlist, path, unproven, notices)
            if targets is not None:
                record["targets"] = targets_record({"data": targets})["data"]
            emit_json(record)
        else:
            self._show(netlist, path, notices)
        if broken:
            raise VerificationError(
                f"{self.file}: {broken}; {what} is in {path}{why_beside(self.asked, path)}"
            )
        if unproven is not None:
            raise VerificationError(
                f"{self.file}: {self.unproven_words(unproven)}; the proven netlist of "
                f"{plural(written.n_cells, 'cell')} is in {path}"
            )

    def _too_deep(self, netlist: AnyNetlist) -> str:
        from btfsynth.netlist.gates import GateNetlist
        from btfsynth.netlist.views import statistics

        depth = netlist.depth if isinstance(netlist, GateNetlist) else statistics(netlist).depth
        most = self.goal.max_depth
        if not most or depth <= most:
            return ""
        return f"no netlist of depth {most} or less was found; the shallowest has depth {depth}"

    def _notices(self, netlist: Netlist) -> tuple[str, ...]:
        from btfsynth.passes.base import Ended

        found: tuple[str, ...] = ()
        reports = self.result.reports
        if self.result.ended is Ended.TIME:
            done = sum(not report.cut_short for report in reports)
            passes = plural(self.result.steps, "pass", "passes")
            found = (f"the time ended after {done} of {passes}; this is the best so far",)
        unchanged = netlist.fanins is self.given.fanins and self.result.unproven is None
        if unchanged and reports:
            found = (*found, "no smaller netlist was found; the netlist is unchanged")
        return found

    def _record(
        self, netlist: Netlist, path: Path, unproven: Path | None, notices: Sequence[str]
    ) -> dict[str, object]:
        from btfsynth.netlist.views import statistics

        first = statistics(self.given)
        left = self.result.unproven
        made: dict[str, object] = {} if self.made is None else {"basis": self.made.record()}
        if self.goal.objective is Objective.LUT6:
            from btfsynth.flow.simplify import lut_cost

            made["luts_before"] = lut_cost(self.given)[0]
            made["luts"] = lut_cost(self._in_majorities(netlist))[0]
        return {
            "name": netlist.name,
            "cells_before": first.cells,
            "before": first.record(),
            **statistics(netlist).record(),
            "passes": [report.record() for report in self.result.reports],
            "ended": self.result.ended.value,
            "file": path.name,
            "unproven": None
            if left is None or unproven is None
            else {**statistics(left).record(), "file": unproven.name},
            "notices": list(notices),
            **made,
        }

    def _show(self, netlist: Netlist, path: Path, notices: Sequence[str]) -> None:
        from btfsynth.netlist.views import statistics

        reports = self.result.reports
        if reports:
            headings = ("pass", "before", "after", "depth", "seconds", "checked on")
            console.print(field_table(headings, [_row(report) for report in reports], numbers=4))
            console.print()
            compiled = sum(report.compile_seconds for report in reports)
            if compiled >= 0.1:
                show("note", f"compiling the kernels (once) took another {compiled:.1f} s")
            proof = sum(report.proof_seconds for report in reports)
            if proof >= 1:
                show("note", f"the proof took another {proof:.1f} s")
        show("netlist", netlist_summary(statistics(netlist)), style="green")
        if self.made is not None:
            from btfsynth.flow.simplify import basis_summary

            show(self.made.gates.basis.value, basis_summary(self.made.gates), style="green")
            show("", f"equal to the netlist: {self.made.proof}")
        if self.goal.objective is Objective.LUT6:
            from btfsynth.flow.simplify import lut_cost

            (before, _, _), (luts, levels, _) = (
                lut_cost(self.given),
                lut_cost(self._in_majorities(netlist)),
            )
            tables = f"{plural(luts, 'table')} of six inputs, {plural(levels, 'level')}"
            show("lut6", f"{tables}; from {plural(before, 'table')}", style="green")
        show("", f"from {plural(self.given.n_cells, 'cell')}; saved in {path}")
        for notice in notices:
            show("note", notice)


def _row(report: PassReport) -> tuple[str, ...]:
    cut = ", cut short" if report.cut_short else ""
    undone = "no better" if report.worse else "not proven"
    return (
        report.name,
        str(report.before.cells),
        str(report.after.cells),
        str(report.after.depth),
        f"{report.seconds:.2f}",
        f"{report.proof}{cut}" if report.kept else f"{report.proof}: {undone}, undone",
    )
