"""``btfsynth import``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from btfsynth.cli.config import command_line
from btfsynth.cli.options import (
    SectionCommand,
    folder_option,
    hardware_options,
    json_option,
    name_option,
    record_options,
    source_option,
)
from btfsynth.cli.output import (
    console,
    emit_json,
    kept_beside,
    netlist_summary,
    say,
    show,
    show_checks,
    show_files,
    why_not_verified,
)
from btfsynth.cli.progress import observed
from btfsynth.errors import (
    BtfsynthError,
    DataError,
    UsageError,
    VerificationError,
    WidthError,
    plural,
)
from btfsynth.settings.table import IMPORT, READ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from btfsynth.dataset.dataset import Dataset
    from btfsynth.flow.importing import ImportOptions, ImportReport
    from btfsynth.hdl.design import HardwareOptions
    from btfsynth.models.readers import ReadOptions
    from btfsynth.models.record import ImportedModel


@click.command("import", cls=SectionCommand)
@click.argument("model", type=click.Path(path_type=Path))
@folder_option("Folder of the files.  [default: hdl_out/<name of the file>]")
@source_option(
    "--data",
    "source",
    help="Task or file with rows to simulate; their labels are compared with the library's.",
)
@name_option
@json_option
@record_options("reading", "btfsynth.models.readers:ReadOptions", READ)
@record_options("options", "btfsynth.flow.importing:ImportOptions", IMPORT)
@hardware_options
def import_command(
    *,
    model: Path,
    directory: Path | None,
    source: str | None,
    name: str | None,
    reading: ReadOptions,
    options: ImportOptions,
    hardware: HardwareOptions,
    as_json: bool,
) -> None:
    """Turn MODEL, a file of another library, into checked hardware.

    MODEL is recognised by its content: XGBoost, LightGBM, ONNX, torchlogix or arrays. The labels of all rows
    of --data, and of rows at the thresholds of the model, are compared with the library's. If rounding does
    not explain a difference, the import fails and shows the row. scikit-learn models are Python objects: pass
    them to btf.from_sklearn.

    \b
    Examples:
      btfsynth import model.json --data rows.csv -o hdl_out/model
      btfsynth import model.txt --data rows.csv --leaf-bits 4
    """  # noqa: D301
    from btfsynth.flow.importing import import_model

    with observed(name or model.stem) as on_event:
        found, rows = _read(model, source, replace(reading, name=name or model.stem))
        directory = directory or Path("hdl_out") / found.name
        options = replace(
            options, hardware=hardware, command=command_line(without=("directory", "as_json"))
        )
        report = import_model(found, directory, options, X=rows, on_event=on_event)
    asked, directory = directory, report.directory or directory
    if as_json:
        emit_json(report.to_json())
    else:
        _show(report, directory)
    if not report.verified:
        reason = why_not_verified(list(report.checks.values()), options.simulators or ())
        raise VerificationError(f"{reason}{kept_beside(asked, directory)}")


def _read(
    path: Path, source: str | None, reading: ReadOptions
) -> tuple[ImportedModel, NDArray[Any] | None]:
    """Return the model and the rows: all columns of a table, or those before its labels, as the model needs."""
    from btfsynth.dataset.formats.base import SIGNS_NOTICE
    from btfsynth.dataset.load import load, load_rows
    from btfsynth.models.readers import read_model_file, rows_of

    if source is None:
        return read_model_file(path, None, reading), None
    wrong: BtfsynthError | None = None
    dataset = load_rows(source)
    if dataset is not None:
        try:
            found = read_model_file(path, rows_of(dataset), reading)
        except (UsageError, DataError) as error:
            wrong = error
        else:
            _require_order(found, dataset, source)
            return found, rows_of(dataset)
    try:
        dataset = load(source, conflicts=None)
        found = read_model_file(path, rows_of(dataset), reading)
    except (DataError, WidthError):
        if wrong is not None:
            raise wrong from None
        raise
    _require_order(found, dataset, source)
    for notice in dataset.notices:
        if notice != SIGNS_NOTICE:  # rows have the signs again
            say(f"note: {notice}")
    return found, rows_of(dataset)


def _require_order(model: ImportedModel, dataset: Dataset, source: str) -> None:
    """Refuse a table with the columns of the model in another order: columns are matched by position."""
    if model.code is None:
        return
    wanted = [column.name for column in model.code.columns]
    given = [column.name for column in dataset.columns]
    if given != wanted and sorted(given) == sorted(wanted):
        first = next(place for place, name in enumerate(given) if name != wanted[place])
        raise UsageError(
            f"{source}: expected the columns in the order of the model; column {first + 1} is {given[first]}, "
            f"but {wanted[first]} in the model"
        )
    unnamed = {name for k in range(len(wanted)) for name in (f"x[{k}]", f"Column_{k}")}
    pairs = list(zip(given, wanted, strict=False))
    other = next((place for place, (a, b) in enumerate(pairs) if a != b), None)
    if other is not None and not unnamed & {*given, *wanted}:
        say(
            f"note: columns are matched by position: column {other + 1} is {given[other]} here and "
            f"{wanted[other]} in the model"
        )


def _show(report: ImportReport, directory: Path) -> None:
    model = report.model
    console.rule(model.name, align="left", style="dim")
    show("model", model.source)
    inputs = plural(model.netlist.n_inputs, "input bit")
    columns = "" if model.code is None else f" of {plural(len(model.code.columns), 'column')}"
    show("code", f"{inputs}{columns}")
    if model.classes:
        show("classes", ", ".join(map(str, model.classes)))
    for comparison in report.comparisons:
        from btfsynth.flow.importing import said

        show("compared", said(comparison))
    show("netlist", netlist_summary(report.cost), style="green")
    show("", f"from {plural(model.netlist.n_cells, 'cell')}; proven equal on every input vector")
    show_files(report.files, directory, report.notices, ())
    show_checks(report)
