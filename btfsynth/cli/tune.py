"""``btfsynth tune``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from btfsynth.cli.cluster import executor_of
from btfsynth.cli.config import (
    config_option,
    configured_source_argument,
    load_valid,
    require_same_data,
)
from btfsynth.cli.options import (
    json_option,
    load_source,
    option,
    outputs_option,
    require_writable,
    scheduler_option,
)
from btfsynth.cli.output import emit_json, show, why_beside
from btfsynth.cli.progress import observed
from btfsynth.errors import InterruptedWorkError, OutputError, plural
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
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="File of the settings.  [default: <name>.toml]",
)
@option(TUNE["time_limit"])
@click.option(
    "--study",
    type=click.Path(path_type=Path),
    metavar="FILE.db",
    help="Keep all candidates in this SQLite file; continue from it if it exists.",
)
@option(TUNE["seed"])
@option(
    INPUTS["valid"],
    help="Validation set: judge settings by what they get right of it, not by the time to an exact network.",
)
@scheduler_option
@outputs_option
@json_option
def tune_command(
    source: str,
    path: Path | None,
    time_limit: float,
    study: Path | None,
    seed: int,
    valid: str | None,
    scheduler: str | None,
    outputs: int | tuple[str, ...] | None,
    as_json: bool,
) -> None:
    """Search for the settings that learn SOURCE soonest, and write them to a file.

    What is tuned: depth and width of the hidden layers, sigma, beta, gamma; by the time that an exact network
    takes, or by the accuracy on a validation set. 'btfsynth train', 'build' and 'discover' read the file with
    --config. Ctrl-C ends the search and writes the best settings until then.

    \b
    Examples:
      btfsynth tune full_adder --time-limit 5 -o fa.toml
      btfsynth tune digits --valid digits:part=test --time-limit 600
    """  # noqa: D301
    from btfsynth.training.defaults import default_plan
    from btfsynth.training.tuning import tune

    dataset = load_source(source, outputs)
    require_same_data("source", dataset)
    n_inputs = default_plan(dataset).trial_widths(0)[0]
    measured = load_valid(valid, outputs, dataset, n_inputs)
    path = require_writable(path or Path(f"{dataset.name}.toml"))
    if study is not None:
        require_writable(study)
    with observed(dataset.name) as on_event, executor_of(scheduler) as executor:
        on_event(StageBegan("tuning"))
        result = tune(dataset, time_limit, seed, study, on_event, executor, measured)
    held = "" if measured is None else f" --valid {measured.source}"
    comment = (
        f"btfsynth tune {dataset.source}{held}: {result.solutions} of {result.trials} trials exact, "
        f"{plural(result.candidates, 'candidate')}"
    )
    settings = {name: getattr(result, name) for name in
                ("widths", "sigma", "beta", "gamma", "max_iterations", "stop")}  # fmt: skip
    cut_short = result.interrupted or result.lost is not None
    asked, path = path, beside(path) if cut_short and path.exists() else path
    unsaved: OutputError | None = None
    try:
        data = _data(source, valid, outputs, dataset, measured)
        write_text(path, format_run_file({"data": data, "train": settings}, comment))
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
            f"{result.lost}; the best settings until then are kept in {path}{why_beside(asked, path)}"
        )
    if result.interrupted:
        more = "" if study is None else f"; continue with --study {study}"
        raise InterruptedWorkError(
            f"interrupted; the best settings until then are kept in {path}{why_beside(asked, path)}{more}"
        )


def _data(
    source: str,
    valid: str | None,
    outputs: int | tuple[str, ...] | None,
    dataset: Dataset,
    measured: Dataset | None,
) -> dict[str, Any]:
    """Return what the settings were found for, as a run file has it: another command then needs no SOURCE."""
    from btfsynth.dataset.tasks import is_task_spec
    from btfsynth.flow.recipe import recorded_name

    record: dict[str, Any] = {
        "source": dataset.source if is_task_spec(source) else recorded_name(source),
        "hash": dataset.content_hash,
        "outputs": outputs,
    }
    if measured is not None and valid is not None:
        is_task = is_task_spec(valid)
        record["valid"] = measured.source if is_task else recorded_name(valid)
        record["valid_hash"] = measured.content_hash
    return record


def _report(result: TuningResult, path: Path | None) -> None:
    """Show what was found, and the file it is in if there is one."""
    widths = "-".join(str(width) for width in result.widths)
    show(
        "settings",
        f"{widths}, sigma {result.sigma:g}, beta {result.beta:.3g}, gamma {result.gamma:.3g}",
    )
    cost = (
        f"{result.valid:.2%} of the validation set right"
        if result.valid is not None
        else f"{result.seconds_per_solution:.3g} s a solution"
    )
    show(
        "cost",
        f"{cost}, {result.solutions} of {result.trials} trials exact; "
        f"{plural(result.candidates, 'candidate')} tried",
    )
    if path is not None:
        show("saved", f"in {path}; use it with --config {path}, which names the data too")
