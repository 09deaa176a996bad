"""From a model of another library to a folder of checked hardware."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth import __version__
from btfsynth.errors import InterruptedWorkError, VerificationError, plural
from btfsynth.events import OnEvent, StageBegan, ignore
from btfsynth.files import StrPath, as_path, staging_folder, write_text
from btfsynth.flow.patterns import function_vectors
from btfsynth.flow.report import is_verified, publish_design
from btfsynth.flow.simplify import (
    LOWERED_SECONDS,
    lut_cost,
    optimise,
    optimise_for_luts,
    script_for,
)
from btfsynth.hdl.design import HardwareOptions, Origin, write_design
from btfsynth.models.record import (
    Comparison,
    ImportedModel,
    compare_borders,
    compare_rows,
    require_rows,
)
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    evaluate,
    exhaustive_words,
    function_reference,
    unpack_bits,
)
from btfsynth.netlist.text import format_netlist
from btfsynth.netlist.views import NetlistStatistics, statistics
from btfsynth.network.formats import save_network
from btfsynth.passes.base import Ended, PassReport, ScriptResult
from btfsynth.passes.goal import Goal, wanted_goal
from btfsynth.passes.registry import parse_script
from btfsynth.settings.setting import Options
from btfsynth.settings.table import IMPORT, Effort, Objective
from btfsynth.sim.simulators import CheckResult
from btfsynth.verify.simulate import simulate_design

_SHOWN_ROWS = 1024
"""Number of rows, besides random vectors, for the simulation of the hardware."""


@dataclass(frozen=True)
class ImportOptions(Options, settings=IMPORT):
    """Options for the optimisation and the hardware of an imported model.

    Parameters
    ----------
    (settings)
    hardware
        What hardware is made of the netlist.
    command
        The command that asks for this, to be recorded; empty if there was none.
    """

    passes: str | None = None
    objective: Objective | None = None
    max_depth: int | None = None
    time_limit: float | None = None
    effort: Effort = Effort.NORMAL
    simulators: tuple[str, ...] | None = None
    timeout: float | None = None
    hardware: HardwareOptions = field(default_factory=HardwareOptions)
    command: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ImportReport:
    """The result of an import: comparisons and cost."""

    model: ImportedModel
    netlist: Netlist
    options: ImportOptions
    comparisons: tuple[Comparison, ...]
    passes: tuple[PassReport, ...]
    checks: dict[str, CheckResult]
    files: tuple[str, ...]
    notices: tuple[str, ...]
    directory: Path | None = (
        None  # Beside the folder asked for if that holds a verified design, and this is none
    )

    @property
    def cost(self) -> NetlistStatistics:
        return statistics(self.netlist)

    @property
    def verified(self) -> bool:
        """True if nothing failed and a simulator of the hardware ran."""
        return is_verified(self.checks, self.options.simulators or ())

    @property
    def targets(self) -> dict[str, Any]:
        return {}

    @property
    def verdict(self) -> str:
        """The result in one line."""
        if not self.verified:
            return "not verified"
        compared = list(map(said, self.comparisons)) or ["not compared with the library"]
        return "; ".join(["verified: hardware equals the integers of the model", *compared])

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``report.json``."""
        return {
            "name": self.model.name,
            "source": self.model.source,
            **({"classes": list(self.model.classes)} if self.model.classes else {}),
            "library": None if self.model.library is None else self.model.library.name,
            "compared": [
                {"what": each.what, "rows": each.rows, "same": each.same}
                for each in self.comparisons
            ],
            "bound": self.model.bound,
            "netlist": {**self.cost.record(), "lowered_cells": self.model.netlist.n_cells},
            "passes": [report.record() for report in self.passes],
            "checks": {name: check.to_json() for name, check in self.checks.items()},
            "verified": self.verified,
            "verdict": self.verdict,
            "version": __version__,
            "command": list(self.options.command) or None,
            "files": list(self.files),
            "notices": list(self.notices),
        }


def said(comparison: Comparison) -> str:
    """Return the result of a comparison with the library in words."""
    each = comparison
    text = f"{each.same} of {plural(each.rows, 'row')} {each.place} with the library's labels"
    if each.near:
        text += f", {each.near} within the stated rounding"
    return text


def compared(model: ImportedModel, X: Any = None) -> tuple[Comparison, ...]:
    """Compare a model with the library that made it, and its netlist with the integer model.

    The rows are those of `X` and rows at the thresholds of the model. Netlists of up to `MAX_EXHAUSTIVE_INPUTS`
    input bits are compared on every vector, others on a sample.

    Raises
    ------
    VerificationError
        If a difference is larger than the stated rounding.
    """
    if X is not None:
        require_rows(X)
    _require_same(model, X)
    found = [compare_rows(model, X)] if X is not None and model.library is not None else []
    borders = compare_borders(model)
    return (*found, *([] if borders is None else [borders]))


def _require_same(model: ImportedModel, X: Any) -> None:
    """Refuse a netlist that is not the integer model: an error of a reader."""
    netlist = model.netlist
    if netlist.n_inputs <= MAX_EXHAUSTIVE_INPUTS:
        vectors = unpack_bits(exhaustive_words(netlist.n_inputs), 1 << netlist.n_inputs)
    else:
        seen = None if X is None else model.bits(X)
        vectors = function_vectors(partial(evaluate, netlist), netlist.n_inputs, seen).inputs
    wrong = (evaluate(netlist, vectors) != model.function(vectors)).any(axis=1)
    if wrong.any():
        raise VerificationError(
            f"{model.name}: the netlist differs from the model on {int(wrong.sum())} of "
            f"{plural(len(vectors), 'vector')}"
        )


def import_model(
    model: ImportedModel,
    directory: StrPath,
    options: ImportOptions | None = None,
    *,
    X: Any = None,
    on_event: OnEvent | None = None,
) -> ImportReport:
    """Compare a model with its library, optimise its netlist and write a design folder.

    All files are made and checked in a hidden folder, then moved together. An unverified design does not
    replace a verified one.

    Parameters
    ----------
    X
        Rows in the library's form; the hardware is also simulated on the first of them.

    Raises
    ------
    VerificationError
        If the label of a row differs from the library's; nothing is then written.
    """
    directory, options = as_path(directory), options or ImportOptions()
    on_event = on_event or ignore
    parse_script(options.passes or "")
    on_event(StageBegan("comparing"))
    comparisons = compared(model, X)
    seen = None if X is None else model.bits(X)
    on_event(StageBegan("simplifying"))
    result = _smaller(model.netlist, options, seen, on_event)
    netlist = replace(result.netlist, name=model.name)
    with staging_folder(directory) as staging:
        on_event(StageBegan("emitting"))
        report = ImportReport(
            model, netlist, options, comparisons, result.reports, {}, (), _notices(model, result)
        )
        report = _emitted(report, staging, seen, on_event)
        return replace(report, directory=publish_design(staging, directory, report.verified))


def _smaller(
    netlist: Netlist, options: ImportOptions, seen: NDArray[np.uint8] | None, on_event: OnEvent
) -> ScriptResult:
    """Make a netlist smaller by cells, unless something else is asked for, and never in more lookup tables.

    Sums are built for tables of six inputs; passes that save cells may tear such a sum apart.
    """
    goal = wanted_goal(options.objective, options.max_depth)
    deadline = None if options.time_limit is None else time.monotonic() + options.time_limit
    reference = function_reference(partial(evaluate, netlist), netlist.n_inputs, seen)
    script: str | Effort | None = options.passes or goal.script
    if script is None and options.effort is Effort.NORMAL and deadline is None:
        script = script_for(netlist, reference, Effort.NORMAL, LOWERED_SECONDS)
    script = script or options.effort
    if goal.objective is Objective.LUT6:
        result = optimise_for_luts(netlist, reference, script, deadline, on_event, goal.max_depth)
    else:
        result = optimise(netlist, reference, script, deadline, on_event, goal)
    if result.ended is Ended.USER:
        raise InterruptedWorkError("interrupted while simplifying; nothing was saved")
    if statistics(netlist).dominates(statistics(result.netlist)):
        return replace(result, netlist=netlist)
    plain = options.passes is None and goal == Goal()
    if plain and lut_cost(netlist)[0] < lut_cost(result.netlist)[0]:
        return replace(result, netlist=netlist, reports=())
    return result


def _notices(model: ImportedModel, result: ScriptResult) -> tuple[str, ...]:
    found = model.notes
    if model.library is None:
        found = (
            *found,
            "not compared with the library, which is not installed or does not read the file",
        )
    if result.netlist is model.netlist and not result.reports:
        found = (*found, "the netlist is as built: passes save cells, and take more lookup tables")
    if result.ended is Ended.TIME:
        done = sum(not report.cut_short for report in result.reports)
        found = (*found, f"the time limit was reached after {done} of {result.steps} passes")
    return found


def _emitted(
    report: ImportReport, staging: Path, seen: NDArray[np.uint8] | None, on_event: OnEvent
) -> ImportReport:
    """Write and check the design; return the report with what is known then."""
    model, netlist, options = report.model, report.netlist, report.options
    shown = None if seen is None else seen[:_SHOWN_ROWS]
    vectors = function_vectors(model.function, netlist.n_inputs, shown)
    made = _made_with(model, report.passes)
    manifest = write_design(
        netlist,
        vectors,
        staging,
        options=options.hardware,
        origin=Origin(
            model.source,
            _hash(model),
            {key: str(value) for key, value in made.items()},
            made_with=made,
            notices=report.notices,
            code=model.code,
            classes=model.classes,
        ),
    )
    write_text(staging / f"{manifest.module}.mig", format_netlist(netlist))
    if model.network is not None:
        save_network(model.network, staging / f"{manifest.module}.npz")
    on_event(StageBegan("simulating"))
    checks = {
        check.name: check for check in simulate_design(staging, options.simulators, options.timeout)
    }
    files: Sequence[str] = sorted({path.name for path in staging.iterdir()} | {"report.json"})
    report = replace(report, checks=checks, files=tuple(files), notices=manifest.notices)
    write_text(staging / "report.json", json.dumps(report.to_json(), indent=2) + "\n")
    return report


def _made_with(model: ImportedModel, passes: Sequence[PassReport]) -> Mapping[str, Any]:
    made: dict[str, Any] = {"imported": model.source}
    if model.bound:
        made["bound"] = model.bound
    return {**made, "passes": "; ".join(report.name for report in passes)}


def _hash(model: ImportedModel) -> str:
    """Return the identity of a model: a hash of the netlist before the passes."""
    return hashlib.sha256(format_netlist(model.netlist).encode()).hexdigest()
