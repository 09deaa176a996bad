"""Make a folder of checked hardware from data, from a trained network or from a netlist."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from btfsynth.dataset.code import CODES, InputCode
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.patterns import by_name, matched
from btfsynth.dataset.table_code import Scalar, TableCode
from btfsynth.errors import (
    BtfsynthError,
    InterruptedWorkError,
    OutputError,
    TrainingError,
    UsageError,
    plural,
)
from btfsynth.events import OnEvent, StageBegan, ignore
from btfsynth.files import StrPath, as_path, publish, staging_folder, write_text
from btfsynth.flow.hardware import (
    HardwareNetwork,
    HardwareReport,
    hardware_network,
    hardware_report,
    require_label,
    training_data,
)
from btfsynth.flow.patterns import (
    as_coded,
    count_targets,
    fitted,
    function_vectors,
    hardware_vectors,
    in_bits,
    targets_record,
)
from btfsynth.flow.report import (
    BuildOptions,
    BuildReport,
    NetworkOrigin,
    format_recipe,
    network_record,
    publish_design,
)
from btfsynth.flow.simplify import lowered_script, simplify_network
from btfsynth.fpga.lut_mapper import map_luts
from btfsynth.hdl.design import HardwareOptions, Origin, write_design
from btfsynth.hdl.manifest import MANIFEST_FILE, Manifest
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.formats.nets import plain_cells
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import MAX_EXHAUSTIVE_INPUTS, evaluate
from btfsynth.netlist.text import format_netlist, read_netlist
from btfsynth.netlist.views import statistics
from btfsynth.network.formats import save_network
from btfsynth.network.network import TrainedNetwork, measure
from btfsynth.passes.base import PassReport
from btfsynth.passes.registry import parse_script
from btfsynth.settings.run_file import RUN_FILE
from btfsynth.settings.table import EXACT, LABELS, Preserve
from btfsynth.sim.simulators import CheckResult
from btfsynth.training.history import format_history
from btfsynth.training.session import plan_for, train
from btfsynth.training.trials import TrainingRun
from btfsynth.verify.simulate import simulate_design

_SIX = 6
"""Inputs of the lookup tables that are limited."""


def build(
    dataset: Dataset,
    directory: StrPath,
    options: BuildOptions,
    on_event: OnEvent | None = None,
    valid: Dataset | None = None,
) -> BuildReport:
    """Train, simplify, emit and check; write everything to a folder.

    `valid` is not used to fit weights: it selects the best network, and the hardware is simulated on it. All
    files are made and checked in a hidden subfolder and then moved together, so that the folder never contains
    half a design. If training fails or is interrupted, or a later step fails, the best network is kept in the
    folder.
    """
    directory = as_path(directory)
    on_event = on_event or ignore
    dataset, (coded,) = in_bits(dataset, (valid,), options.code, options.missing)
    _check_request(dataset, options, coded)
    matching = None if coded is None else matched(coded, dataset)
    learnt = training_data(dataset, options.linear_code)
    plan_for(learnt, options.training)
    limit = options.training.time_limit
    deadline = None if limit is None else time.monotonic() + limit
    with staging_folder(directory) as staging:
        on_event(StageBegan("training"))
        run = train(
            learnt,
            options.training,
            on_event=on_event,
            valid=None if matching is None else training_data(matching, options.linear_code),
        )
        seed = options.training.seed
        network = run.network(learnt, seed)
        _require_success(run, network, directory)
        try:
            origin = NetworkOrigin(network, seed=seed, run=run)
            hardware = _hardware(dataset, matching, network, options)
            work = _Work(origin, hardware, valid, options, on_event, deadline=deadline)
            report = _published(work.design(staging), staging, directory)
        except KeyboardInterrupt:
            kept = _keep(network, directory)
            raise InterruptedWorkError(
                f"interrupted after training; the trained network is saved in {kept}"
            ) from None
        except Exception as error:
            # The training may have taken hours. If even this cannot be written, the error stands.
            with contextlib.suppress(OutputError):
                kept = _keep(network, directory)
                if not isinstance(error, BtfsynthError):
                    raise _failure(error, f"the trained network is saved in {kept}") from error
                error.args = (f"{error}; the trained network is saved in {kept}",)
            raise
    return report


def _failure(error: Exception, kept: str) -> BtfsynthError:
    """Return a system error, such as a full disk, with the place of the kept network."""
    if isinstance(error, OSError):
        where = "" if error.filename is None else f"{error.filename}: "
        return OutputError(f"{where}{error.strerror or error}; {kept}")
    if isinstance(error, MemoryError):
        return TrainingError(f"not enough memory to make hardware of the network; {kept}")
    raise error


def build_network(
    dataset: Dataset,
    network: TrainedNetwork,
    file: str,
    directory: StrPath,
    options: BuildOptions,
    on_event: OnEvent | None = None,
    valid: Dataset | None = None,
) -> BuildReport:
    """Simplify, emit and check a trained network (see `build`).

    Columns of the data with the names of the network's ports go by these, others by their order. The hardware
    has the name and the ports of the data; only the name of `file` is recorded, not its folder.
    """
    directory = as_path(directory)
    on_event = on_event or ignore
    name = Path(file).name
    dataset, coded = _as_the_network(network, dataset, valid, options)
    dataset = by_name(dataset, network.input_ports, network.output_ports, name)
    _check_request(dataset, options, coded)
    if not network.weights.any():
        raise UsageError(
            f"{name}: expected a trained network, got a graph whose weights are all 0; "
            "train it first as the `topology`"
        )
    matching = None if coded is None else matched(coded, dataset)
    hardware = _hardware(dataset, matching, replace(network, name=name), options)
    bits = hardware.parts["train"].bits
    missed = bits.n_patterns - hardware.network.vectors_right(bits)
    wrong = f"the network of {name} is wrong on {missed} of {plural(bits.n_patterns, 'pattern')}"
    if missed and options.preserve is Preserve.CARE:
        raise UsageError(
            f"{dataset.source}: {wrong}, so its targets cannot be preserved; "
            "`preserve=network` keeps the network"
        )
    notices = (f"{wrong}; the netlist keeps the network",) if missed else ()
    with staging_folder(directory) as staging:
        read = hardware.read("train")
        named = replace(
            network,
            name=dataset.name,
            input_ports=read.input_ports,
            output_ports=dataset.output_ports,
            code=read.code,
            classes=dataset.classes,
        )
        origin = NetworkOrigin(named, file=name)
        work = _Work(origin, hardware, valid, options, on_event, notices)
        return _published(work.design(staging), staging, directory)


def _as_the_network(
    network: TrainedNetwork, dataset: Dataset, valid: Dataset | None, options: BuildOptions
) -> tuple[Dataset, Dataset | None]:
    """Return tables coded as for the training of a network; if it has no code, as requested."""
    if network.code is None:
        dataset, (coded,) = in_bits(dataset, (valid,), options.code, options.missing)
        return dataset, coded
    return as_coded(dataset, network), None if valid is None else as_coded(valid, network)


def _published(report: BuildReport, staging: Path, directory: Path) -> BuildReport:
    return replace(report, directory=publish_design(staging, directory, report.verified))


def _hardware(
    dataset: Dataset, valid: Dataset | None, network: TrainedNetwork, options: BuildOptions
) -> HardwareNetwork:
    return hardware_network(
        network, dataset, valid, code=options.linear_code, weights=options.rule, label=options.label
    )


def _check_request(dataset: Dataset, options: BuildOptions, valid: Dataset | None) -> None:
    """Refuse invalid combinations before any work."""
    for part in (dataset,) if valid is None else (dataset, valid):
        _check_inputs(part, options.linear_code)
    if options.label:
        require_label(dataset)
        if options.preserve is Preserve.CARE:
            raise UsageError(
                "`label` requires `preserve=network`, because it compares the network's sums"
            )
    if not dataset.care_mask.any():
        raise UsageError(f"{dataset.source}: every target is a don't-care: nothing to learn")


def _check_inputs(dataset: Dataset, code: InputCode | None) -> None:
    wanted = InputKind.BOOLEAN if code is None else InputKind.ANALOG
    if dataset.input_kind is wanted:
        return
    if dataset.input_kind is InputKind.ANALOG:
        raise UsageError(f"{dataset.source}: analog inputs need a `code` for hardware: {CODES}")
    if dataset.input_kind is InputKind.BOOLEAN:
        raise UsageError(f"{dataset.source}: `code` is for analog inputs; these are Boolean")
    raise UsageError(f"{dataset.source}: expected input columns, got data for a generator")


@dataclass(frozen=True, eq=False)
class _Work:
    """The steps after training."""

    origin: NetworkOrigin
    hardware: HardwareNetwork
    valid: Dataset | None  # as it was given; that of `hardware` has the columns of the training set
    options: BuildOptions
    on_event: OnEvent
    notices: tuple[str, ...] = ()
    deadline: float | None = None

    def design(self, staging: Path) -> BuildReport:
        """Simplify, emit and check; all files go into the staging folder."""
        options, hardware, origin = self.options, self.hardware, self.origin
        dataset, bits = hardware.parts["train"]
        seen = hardware.parts["valid"].bits.inputs if "valid" in hardware.parts else None
        self.on_event(StageBegan("simplifying"))
        netlist, lowering, reports = simplify_network(
            hardware.network,
            bits,
            options.preserve,
            options.passes,
            label=options.label,
            seen=seen,
            deadline=self.deadline,
            goal=options.goal,
        )
        passes = options.passes or lowered_script(lowering.cells, options.goal)
        wide = netlist.n_inputs > MAX_EXHAUSTIVE_INPUTS and lowering.preserved is Preserve.NETWORK
        self.on_event(StageBegan("emitting"))
        made_from = {**_made_from(options), "passes": passes}
        manifest = write_design(
            netlist,
            hardware_vectors(
                bits,
                hardware.network,
                lowering.preserved,
                label=options.label,
                seen=seen,
                cells=netlist.n_cells,
            ),
            staging,
            options=options.hardware,
            origin=Origin(
                dataset.source,
                dataset.content_hash,
                {**origin.provenance(), **made_from},
                {**origin.options(), **made_from, "preserve": lowering.preserved.value},
                self._notices(netlist, reports, len(parse_script(passes, wide))),
                code=bits.code,
                classes=bits.classes,
            ),
        )
        self._save_origin(staging, manifest.module)
        write_text(staging / f"{manifest.module}.mig", format_netlist(netlist))
        trial = None if origin.run is None else origin.run.best.trial
        recipe = format_recipe(
            dataset, self.valid, options, trial, passes=passes, preserve=lowering.preserved
        )
        write_text(staging / RUN_FILE, recipe)
        checks, measured = self._measured(netlist)
        self.on_event(StageBegan("simulating"))
        for check in simulate_design(staging, options.simulators, options.timeout, self.deadline):
            checks[check.name] = check
        report = BuildReport(
            dataset=dataset,
            options=options,
            origin=origin,
            accuracy=measure(hardware.given, hardware.read("train")),
            lowering=lowering,
            passes=reports,
            cost=statistics(netlist),
            checks=checks,
            files=tuple(sorted({path.name for path in staging.iterdir()} | {"report.json"})),
            notices=manifest.notices,
            hardware=measured,
            timing=manifest.timing,
        )
        write_record(report, staging)
        return report

    def _notices(
        self, netlist: Netlist, reports: Sequence[PassReport], passes: int
    ) -> tuple[str, ...]:
        """Return notices on the data, and on passes without time or without the requested depth."""
        done = sum(not report.cut_short for report in reports)
        depth, most = statistics(netlist).depth, self.options.max_depth
        found = list(self.hardware.parts["train"].bits.notices)
        if self.valid is not None:
            # Only what was noted while its columns were put in order.
            found += self.hardware.parts["valid"].given.notices[len(self.valid.notices) :]
        found += self.notices
        if done < passes:
            found.append(f"the time limit was reached after {done} of {passes} passes")
        if most is not None and depth > most:
            found.append(f"no netlist of depth {most} or less was found; this one has {depth}")
        most = self.options.training.max_luts
        if most is not None and self.origin.run is not None:
            luts = map_luts(netlist, _SIX).luts
            if luts > most:
                found.append(
                    f"`max_luts`: the netlist takes {plural(luts, 'lookup table')}, expected at most "
                    f"{most}; try a limit of {most * most // luts}"
                )
        return tuple(found)

    def _save_origin(self, staging: Path, module: str) -> None:
        """Write the network of a design, its training record, and its rounded weights."""
        save_network(self.origin.network, staging / f"{module}.npz")
        if self.origin.run is not None:
            history = format_history(self.origin.run.best.history)
            write_text(staging / f"{module}_history.csv", history)
        if self.hardware.rounding is not None:
            save_network(self.hardware.network, staging / f"{module}_integers.npz")

    def _measured(self, netlist: Netlist) -> tuple[dict[str, CheckResult], HardwareReport | None]:
        """Check network and netlist on the patterns; the report is None where weights are as trained."""
        hardware, options = self.hardware, self.options
        checks: dict[str, CheckResult] = {}
        as_trained = hardware.rounding is None and hardware.code is None
        sampled = options.label or "votes" in hardware.given.training
        if as_trained and not sampled:  # what learns a sample need not have every target right
            checks["network"] = network_record(hardware.network, hardware.parts["train"].given)
        if as_trained and not options.label and self.valid is None:
            return checks, None
        measured = hardware_report(hardware, netlist)
        if options.weights == LABELS:
            checks["labels"] = measured.labels_check()
        return checks, measured


def write_record(report: BuildReport, folder: StrPath) -> None:
    write_text(as_path(folder) / "report.json", json.dumps(report.to_json(), indent=2) + "\n")


def _made_from(options: BuildOptions) -> dict[str, str]:
    """Return the options that are not the usual ones, for headers and the manifest."""
    made = {}
    if options.code is not None:
        made["code"] = options.code.text
    if options.rule != EXACT:
        made["weights"] = str(options.rule)
    if options.label:
        made["label"] = "largest sum"
    if options.objective is not None:
        made["objective"] = options.objective.value
    if options.max_depth is not None:
        made["max_depth"] = str(options.max_depth)
    return made


def _keep(network: TrainedNetwork, directory: Path) -> Path:
    """Save a network that no design could be made from, and return where."""
    path = directory / f"{network.name}_best.npz"
    save_network(network, path)
    return path


def _require_success(run: TrainingRun, network: TrainedNetwork, directory: Path) -> None:
    if run.succeeded:
        return
    kept = _keep(network, directory)
    best = run.best
    near = (
        f"the best network has {best.bits_right} of {best.bits} bits right (gap {best.gap:.3g}, "
        f"trial {best.trial} of {plural(len(run.results), 'trial')}); it is saved in {kept}"
    )
    if run.interrupted:
        raise InterruptedWorkError(f"interrupted; {near}")
    limit = "the time limit" if run.timed_out else "the trials"
    raise TrainingError(f"no network met the stopping rule within {limit}: {near}")


def emit_netlist(
    netlist: Netlist,
    dataset: Dataset | None,
    directory: StrPath,
    options: HardwareOptions | None = None,
    code: TableCode | None = None,
    classes: tuple[Scalar, ...] = (),
) -> Manifest:
    """Write a netlist as hardware, with vectors from patterns or else from its own function.

    `code` and `classes` give the meaning of the ports if the patterns do not. The netlist is also written,
    unless the folder's file of the same name already contains it, with comments or in another order.
    """
    directory = as_path(directory)
    netlist = plain_cells(netlist)
    origin = Origin(code=code, classes=classes)
    if dataset is None:
        vectors = function_vectors(partial(evaluate, netlist), netlist.n_inputs)
    else:
        patterns = fitted(netlist, dataset)
        vectors = VectorTable.from_dataset(patterns)
        origin = Origin(
            dataset.source,
            dataset.content_hash,
            notices=dataset.notices,
            # In the manifest: a report.json in this folder is of a build.
            targets=targets_record({"data": count_targets(netlist, patterns)}),
            code=patterns.code or code,
            classes=patterns.classes or classes,
        )
    with staging_folder(directory) as staging:
        manifest = write_design(netlist, vectors, staging, options=options, origin=origin)
        former, own = (folder / f"{manifest.module}.mig" for folder in (directory, staging))
        if not own.exists() and not (former.is_file() and _holds(former, netlist)):
            # Else the hardware would be compared with, and shown as, what was here before.
            write_text(own, format_netlist(netlist))
        publish(staging, directory, last=MANIFEST_FILE)
    return manifest


def _holds(path: Path, netlist: Netlist) -> bool:
    try:
        return format_netlist(read_netlist(path)) == format_netlist(netlist)
    except BtfsynthError:
        return False
