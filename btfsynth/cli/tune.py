"""``btfsynth tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from btfsynth.cli.cluster import executor_of
from btfsynth.cli.config import DataOptions, config_option, configured_source_argument, data_options
from btfsynth.cli.options import (
    code_options,
    conflicts_option,
    file_option,
    json_option,
    option,
    outputs_option,
    path_option,
    require_writable,
    scheduler_option,
)
from btfsynth.cli.output import emit_json, show, why_beside
from btfsynth.cli.progress import observed
from btfsynth.errors import InterruptedWorkError, OutputError, percent, plural
from btfsynth.events import StageBegan
from btfsynth.files import beside, write_text
from btfsynth.settings.run_file import format_run_file
from btfsynth.settings.table import INPUTS, TUNE

if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.training.tuning import TuningResult


@click.command("tune")
@configured_source_argument
@config_option
@file_option("File of the settings.  [default: <name>.toml]", "FILE.toml")
@option(TUNE["time_limit"])
@path_option(
    "--study",
    metavar="FILE.db",
    help="Save all candidates in this SQLite file; continue from it if it exists.",
)
@option(TUNE["seed"])
@option(
    INPUTS["valid"],
    help="Validation set: tune for accuracy on it instead of time to an exact network.",
)
@scheduler_option
@outputs_option
@conflicts_option
@code_options
@json_option
@data_options
def tune_command(
    data: DataOptions,
    path: Path | None,
    time_limit: float,
    study: Path | None,
    seed: int,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Search for the settings that learn SOURCE fastest, and write them to a file.

    Tunes depth and width of the hidden layers, sigma, beta and gamma, for the time to an exact network or, with
    --valid, for the accuracy on the validation set. Read the file with --config in 'btfsynth train', 'build'
    and 'discover'. Ctrl-C ends the search and writes the best settings so far.

    \b
    Examples:
      btfsynth tune full_adder --time-limit 5 -o fa.toml
      btfsynth tune digits --valid digits:part=test --time-limit 600
    """  # noqa: D301
    from btfsynth.training.parameters import default_plan
    from btfsynth.training.tuning import tune

    dataset = data.load()
    valid = data.load_valid(dataset, default_plan(dataset).trial_widths(0)[0])
    path = require_writable(path or Path(f"{dataset.name}.toml"))
    if study is not None:
        require_writable(study)
    with observed(dataset.name) as on_event, executor_of(scheduler) as executor:
        on_event(StageBegan("tuning"))
        result = tune(dataset, time_limit, seed, study, on_event, executor, valid)
    with_valid = "" if valid is None else f" --valid {valid.source}"
    comment = (
        f"btfsynth tune {dataset.source}{with_valid}: {result.solutions} of {result.trials} trials exact, "
        f"{plural(result.candidates, 'candidate')}"
    )
    settings = {name: getattr(result, name) for name in
                ("widths", "sigma", "beta", "gamma", "max_iterations", "stop")}  # fmt: skip
    cut_short = result.interrupted or result.lost is not None
    asked, path = path, beside(path) if cut_short and path.exists() else path
    unsaved: OutputError | None = None
    try:
        sections = {"data": _recorded(data, dataset, valid), "train": settings}
        write_text(path, format_run_file(sections, comment))
    except OutputError as error:  # what was found is shown all the same
        unsaved = error
    if as_json:
        record = {"name": dataset.name, **vars(result), "stop": result.stop.value}
        emit_json({**record, "file": None if unsaved else path.name})
    else:
        _report(result, None if unsaved else path)
    if unsaved is not None:
        raise unsaved
    if result.lost is not None:
        raise OutputError(
            f"{result.lost}; the best settings so far are in {path}{why_beside(asked, path)}"
        )
    if result.interrupted:
        more = "" if study is None else f"; continue with --study {study}"
        raise InterruptedWorkError(
            f"interrupted; the best settings so far are in {path}{why_beside(asked, path)}{more}"
        )


def _recorded(data: DataOptions, dataset: Dataset, valid: Dataset | None) -> dict[str, Any]:
    """Return what the settings were found for, as a run file has it: another command then needs no SOURCE."""
    named = data.recorded()
    record: dict[str, Any] = {
        "source": named["source"] or dataset.source,
        "hash": dataset.content_hash,
        "outputs": data.outputs,
        "conflicts": data.conflicts,
    }
    if data.code is not None:
        record |= {"code": data.code, "missing": data.missing}
    if valid is not None:
        record |= {"valid": named["valid"] or valid.source, "valid_hash": valid.content_hash}
    return record


def _report(result: TuningResult, path: Path | None) -> None:
    """Show what was found, and the file it is in if there is one."""
    widths = "-".join(str(width) for width in result.widths)
    show(
        "settings",
        f"{widths}, sigma {result.sigma:g}, beta {result.beta:.3g}, gamma {result.gamma:.3g}",
    )
    cost = (
        f"{percent(result.valid)} of the validation set right"
        if result.valid is not None
        else f"{result.seconds_per_solution:.3g} s per solution"
    )
    show(
        "cost",
        f"{cost}, {result.solutions} of {result.trials} trials exact; "
        f"{plural(result.candidates, 'candidate')} tried",
    )
    if path is not None:
        show("saved", f"in {path}; use it with --config {path}, which also names the data")
