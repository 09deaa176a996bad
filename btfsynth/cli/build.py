"""``btfsynth build``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from btfsynth.cli.config import (
    DataOptions,
    comes_from_file,
    command_line,
    config_option,
    configured_source_argument,
    data_options,
    require_same_file,
)
from btfsynth.cli.options import (
    SectionCommand,
    folder_option,
    hardware_options,
    json_option,
    option,
    record_options,
    setting_of,
    setting_options,
    training_options,
)
from btfsynth.cli.output import (
    attempted,
    console,
    describe_timing,
    emit_json,
    kept_beside,
    netlist_summary,
    require_whole,
    show,
    show_checks,
    show_files,
    show_training,
    why_not_verified,
)
from btfsynth.cli.progress import observed
from btfsynth.errors import UsageError, VerificationError, percent, plural
from btfsynth.settings.table import BUILD, INPUTS, Conflicts, Preserve

if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.flow.hardware import HardwareReport
    from btfsynth.flow.report import BuildOptions, BuildReport, RunInputs
    from btfsynth.hdl.design import HardwareOptions
    from btfsynth.network.network import Accuracy
    from btfsynth.training.session import TrainOptions


@click.command("build", cls=SectionCommand)
@configured_source_argument
@config_option
@folder_option("Folder of the files.  [default: hdl_out/<name>]")
@option(INPUTS["network"])
@record_options("options", "btfsynth.flow.report:BuildOptions", BUILD)
@setting_options(INPUTS, "valid", "name", "outputs", "conflicts")
@click.option(
    "--report", "with_report", is_flag=True, help="Also write report.html (see 'btfsynth report')."
)
@json_option
@training_options
@hardware_options
@data_options
def build_command(
    data: DataOptions,
    directory: Path | None,
    network: str | None,
    options: BuildOptions,
    training: TrainOptions,
    hardware: HardwareOptions,
    with_report: bool,
    as_json: bool,
) -> None:
    """Learn SOURCE and turn it into checked hardware.

    SOURCE is a task (see 'btfsynth tasks') or a file: .dat, .pla, .truth, .csv, .arff, .npz.
    Exits with 0 only if everything was verified. The folder contains run.toml with all settings:
    '--config DIR/run.toml' repeats the build. Analog inputs need --code: see docs/tables.md.

    \b
    Examples:
      btfsynth build multiplier:2
      btfsynth build sample.pla -o out --seed 3 --trials 100 --jobs 2
      btfsynth build multiplier:2 --network hdl_out/multiplier_2/multiplier_2.npz -o again
      btfsynth build --config hdl_out/multiplier_2/run.toml -o again
    """  # noqa: D301
    from btfsynth.flow.building import write_record
    from btfsynth.report.page import PAGE_FILE, write_report

    network_file = None if network is None else Path(network)
    data = replace(data, code=options.code, missing=options.missing)
    dataset = data.load(Conflicts.ERROR if network is None else Conflicts.KEEP, linear=True)
    valid = data.read_valid()
    inputs = _inputs(data, network_file)
    directory = directory or Path("hdl_out") / dataset.name
    options = replace(
        options,
        training=training,
        hardware=hardware,
        inputs=inputs,
        command=command_line(without=("directory", "with_report", "as_json", "jobs", "threads")),
    )
    report = _build(dataset, valid, network_file, directory, options)
    asked, directory = directory, report.directory or directory
    problems: list[str] = []
    if with_report:
        problems = attempted("report", lambda: write_report(directory, directory / PAGE_FILE))
        if not problems:
            report = replace(report, files=tuple(sorted({*report.files, PAGE_FILE})))
            problems = attempted("report", lambda: write_record(report, directory))
    if as_json:
        emit_json(report.to_json())
    else:
        _show(report, directory)
    require_whole(problems if report.verified else [], f"the design is in {directory}")
    if not report.verified:
        reason = why_not_verified(list(report.checks.values()), options.simulators or ())
        raise VerificationError(f"{reason}{kept_beside(asked, directory)}")
    depth, most = report.cost.depth, options.max_depth
    if most is not None and depth > most:
        raise VerificationError(
            f"no netlist of depth {most} or less was found; the design in {directory} has depth {depth}"
        )


def _build(
    dataset: Dataset,
    valid: Dataset | None,
    network_file: Path | None,
    directory: Path,
    options: BuildOptions,
) -> BuildReport:
    """Train and build, or build from the network in a file, while the progress is shown."""
    from btfsynth.flow.building import build, build_network
    from btfsynth.network.formats import read_network

    if network_file is None:
        with observed(dataset.name) as on_event:
            return build(dataset, directory, options, on_event, valid)
    _refuse_training_options()
    network = read_network(network_file)
    with observed(dataset.name) as on_event:
        return build_network(
            dataset, network, network_file.name, directory, options, on_event, valid
        )


def _refuse_training_options() -> None:
    """Refuse options of a training, those of a run file too if the network is named there as well."""
    context = click.get_current_context()
    sources = [ParameterSource.COMMANDLINE]
    if comes_from_file("network"):
        sources.append(ParameterSource.DEFAULT_MAP)
    for parameter in context.command.params:
        setting = setting_of(parameter)
        given = context.get_parameter_source(parameter.name or "")
        if setting is not None and setting.section == "train" and given in sources:
            raise UsageError(f"`{setting.name}`: has no effect with `network`: nothing is trained")


def _inputs(data: DataOptions, network: Path | None) -> RunInputs:
    """Return the names of the inputs of a run; hashes in the run file must still match."""
    from btfsynth.flow.report import RunInputs, file_hash, recorded_name

    topology: str | None = click.get_current_context().params.get("topology")
    files: dict[str, Any] = {}
    for path, section, key in ((network, "data", "network"), (topology, "train", "topology")):
        if path is not None:
            digest = file_hash(path)
            require_same_file(section, key, digest)
            files |= {key: recorded_name(path), f"{key}_hash": digest}
    return RunInputs(**data.recorded(), **files, name=data.name)


def _given(report: BuildReport) -> str:
    """Print the shape and accuracy of a network from a file."""
    right, topology = report.accuracy, report.origin.network.topology
    shape = "-".join(str(width) for width in topology.widths or ()) or plural(
        topology.n_neurons, "neuron"
    )
    return (
        f"{shape}, from {report.origin.file}; {right.bits_right} of {right.bits} bits, "
        f"{right.vectors_right} of {plural(right.patterns, 'pattern')} right"
    )


_STATIONS = {"trained": "as trained", "quantised": "quantised", "netlist": "netlist"}


def _show_hardware(hardware: HardwareReport) -> None:
    """Print the rounding of weights and the accuracy at every stage."""
    rounding, fitted = hardware.rounding, hardware.sparsification
    if fitted is not None:
        show(
            "sparse",
            f"{fitted.nonzero} of {fitted.weights} weights are not 0, {fitted.used} of "
            f"{plural(fitted.neurons, 'neuron')} used; {fitted.bits_right} of {fitted.bits} bits right, "
            f"{fitted.bits_right_before} before",
        )
    if rounding is not None:
        show(
            "weights",
            f"integers of up to {plural(rounding.weight_bits, 'bit')}, "
            f"{rounding.zeros} of {rounding.weights} are 0; rounding changed an output on "
            f"{rounding.changed} of {plural(rounding.patterns, 'pattern')}",
        )
    names = {"train": "patterns", "valid": "valid"}
    for part in hardware.accuracy["trained"]:
        right = [
            f"{_STATIONS[station]} {_right(parts[part], hardware.label)}"
            for station, parts in hardware.accuracy.items()
        ]
        show(names[part], "; ".join(right))
        if part in hardware.labels_as_trained:
            count = hardware.accuracy["trained"][part].patterns
            show(
                "",
                f"the netlist has the trained network's label on "
                f"{hardware.labels_as_trained[part]} of {count}",
            )


def _right(accuracy: Accuracy, label: bool) -> str:
    """Return the share of labels if the hardware has them, else of whole patterns."""
    if label and accuracy.label_share is not None:
        return f"{percent(accuracy.label_share)} of labels"
    return percent(accuracy.vector_share)


def _show(report: BuildReport, directory: Path) -> None:
    data = report.dataset
    coverage = "all input vectors" if data.lists_all else "not all input vectors"
    code = report.options.code
    inputs = (
        plural(data.n_inputs, "input") + ("" if data.code is None else f", {data.code.text}")
        if code is None or data.code is not None
        else f"{plural(data.n_inputs, 'analog input')} in {code.text}"
    )
    console.rule(data.name, align="left", style="dim")
    show(
        "data",
        f"{inputs}, {plural(data.n_outputs, 'output')}; "
        f"{plural(data.n_patterns, 'pattern')}, {coverage}",
    )
    if report.origin.run is not None:
        show_training(report.origin.run)
    else:
        show("network", _given(report))
    show("netlist", netlist_summary(report.cost), style="green")
    if report.hardware is not None:
        _show_hardware(report.hardware)
    kept = {
        Preserve.CARE: "the patterns' targets",
        Preserve.NETWORK: "the network on every input vector",
    }
    show(
        "",
        f"from {plural(report.lowering.cells, 'cell')}; it keeps {kept[report.lowering.preserved]}",
    )
    if report.timing is not None:
        show("timing", describe_timing(report.timing))
    show_files(report.files, directory, report.notices, data.notices)
    show_checks(report)
