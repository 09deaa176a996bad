"""``btfsynth train`` and ``tune``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from btfsynth.cli.config import DataOptions, config_option, configured_source_argument, data_options
from btfsynth.cli.options import (
    SectionCommand,
    code_options,
    conflicts_option,
    executor_of,
    file_option,
    gathered,
    guarded,
    join_ranks,
    json_option,
    name_option,
    option,
    outputs_option,
    path_option,
    prepared,
    require_writable,
    scheduler_option,
    training_options,
)
from btfsynth.cli.output import (
    attempted,
    emit_json,
    require_whole,
    say,
    show,
    show_training,
    why_beside,
)
from btfsynth.cli.progress import observed
from btfsynth.errors import (
    InterruptedWorkError,
    OutputError,
    TrainingError,
    UsageError,
    percent,
    plural,
)
from btfsynth.events import StageBegan
from btfsynth.files import beside, followed, write_text
from btfsynth.settings.run_file import format_run_file
from btfsynth.settings.table import CHECKPOINT_INTERVAL, INPUTS, TUNE

if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.network.network import Accuracy, TrainedNetwork
    from btfsynth.training.parallel import Ranks
    from btfsynth.training.session import TrainOptions
    from btfsynth.training.trials import TrainingRun
if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.training.tuning import TuningResult


@dataclass(frozen=True)
class _Files:
    """Files that a training writes, None if not requested."""

    path: Path | None
    history: Path | None
    plot: Path | None
    generators: Path | None
    checkpoint: Path | None

    @property
    def network(self) -> Path:
        assert self.path is not None  # it has its default once the data are read
        return self.path

    def named(self) -> Iterator[tuple[str, Path]]:
        """Yield every file to write with its option."""
        for name, path in vars(self).items():
            if path is not None:
                yield f"--{'output' if name == 'path' else name}", path

    def beside_earlier(self) -> _Files:
        """Return where the results of a training that failed go: no file of an earlier one is replaced."""
        kept = {
            name: beside(path)
            for name, path in vars(self).items()
            if path is not None and path.is_file() and name != "checkpoint"
        }
        return replace(self, **kept)

    def require_writable(self) -> None:
        for _, path in self.named():
            require_writable(path)

    def require_apart(self, data: DataOptions) -> None:
        """Refuse to write a file twice, or over the patterns."""
        taken = {
            followed(Path(source)): "the patterns"
            for source in (data.source, data.valid)
            if source is not None and not data.is_task(source)
        }
        for flag, path in self.named():
            place = followed(path)
            if place in taken:
                raise UsageError(f"{flag} {path}: is the file of {taken[place]}; name another one")
            taken[place] = flag


@dataclass(frozen=True)
class _Trials:
    """Execution of the trials."""

    checkpoint_interval: float
    resume: bool
    run_all: bool
    share: bool
    scheduler: str | None

    def ranks(self, training: TrainOptions) -> Ranks | None:
        """Join the other processes if requested; refuse two ways of running at once."""
        parallel = training.jobs > 1 or training.threads > 1
        if self.scheduler is not None and (self.share or parallel):
            raise UsageError("--scheduler: takes neither --mpi nor --jobs nor --threads")
        ranks = join_ranks(self.share)
        if ranks is not None and parallel:
            raise UsageError(
                "--mpi: takes neither --jobs nor --threads; start more processes instead"
            )
        return ranks

    def require_checkpoint(self, checkpoint: Path | None, root: bool) -> None:
        """Refuse to resume without a checkpoint, and to overwrite one without `--resume`."""
        from btfsynth.training.checkpoint import is_begun

        if self.resume and checkpoint is None:
            raise UsageError("--resume: needs a checkpoint; give its file with --checkpoint")
        if root and checkpoint is not None and is_begun(checkpoint) and not self.resume:
            raise UsageError(
                f"--checkpoint {checkpoint}: exists; give --resume to continue from it"
            )


@click.command("train", cls=SectionCommand)
@configured_source_argument
@config_option
@file_option("File of the network; .net and .sol are boolearn's formats.  [default: <name>.npz]")
@option(INPUTS["valid"], help="Validation set, by which the best network is chosen.")
@path_option(
    "--history",
    metavar="FILE.csv",
    help="Write gap and accuracies of the best trial per iteration as CSV.",
)
@path_option(
    "--plot",
    metavar="FILE.svg|.png|.pdf",
    help="Plot gap and accuracies of the best trial over the iterations.",
)
@path_option(
    "--generators",
    metavar="FILE.gen",
    help="For data without inputs: write the trained codes and how many patterns use each.",
)
@path_option(
    "--checkpoint",
    metavar="FILE",
    help="Save finished trials and the state of running ones in FILE.",
)
@option(CHECKPOINT_INTERVAL)
@click.option("--resume", is_flag=True, help="Continue from the checkpoint if there is one.")
@click.option(
    "--all",
    "run_all",
    is_flag=True,
    help="Run every trial, all with the same widths, to measure the success rate and iterations per solution.",
)
@click.option(
    "--mpi",
    "share",
    is_flag=True,
    help="Distribute each trial over the processes started by mpirun; does not change the result.",
)
@scheduler_option
@name_option
@outputs_option
@conflicts_option
@code_options
@json_option
@training_options
@data_options
@gathered("files", _Files)
@gathered("trials", _Trials)
def train_command(
    data: DataOptions, files: _Files, trials: _Trials, training: TrainOptions, as_json: bool
) -> None:
    """Train a network on SOURCE and save it.

    SOURCE is a task (see 'btfsynth tasks') or a file: .dat, .pla, .truth, .csv, .arff, .npz.
    The network with the most correct targets is saved. If no trial meets the stopping rule, the command exits
    with 1 and does not overwrite existing files: it writes m3.failed.npz beside m3.npz.

    \b
    Examples:
      btfsynth train multiplier:3 -o m3.npz --jobs 2
      btfsynth train adder:2 --widths 4,8,8,3 --sigma 3 --beta 0.4 --gamma 1e-3 --stop gap
      btfsynth train multiplier:2 --trials 20 --all --checkpoint m2.ckpt --resume --history m2.csv
      btfsynth train multiplier:2 --plot m2.svg
      mpirun -n 4 btfsynth train big.dat --widths 64,256,256,10 --mpi
    """  # noqa: D301
    from btfsynth.training.history import require_plot
    from btfsynth.training.session import plan_for, train

    ranks = trials.ranks(training)
    root = ranks is None or ranks.is_root

    def prepare() -> tuple[Dataset, Dataset | None, _Files]:
        trials.require_checkpoint(files.checkpoint, root)
        dataset = data.load()
        n_inputs = plan_for(dataset, training).trial_topology(0).n_inputs
        valid = data.load_valid(dataset, n_inputs)
        if files.generators is not None and not _is_generated(dataset):
            raise UsageError("--generators: expected data without inputs; these have inputs")
        named = replace(files, path=files.path or Path(f"{dataset.name}.npz"))
        named.require_apart(data)
        if root:
            named.require_writable()
        if files.plot is not None:
            require_plot(files.plot)
        return dataset, valid, named

    dataset, valid, asked = prepared(ranks, prepare)
    with (
        observed(dataset.name) as on_event,
        executor_of(trials.scheduler) as executor,
        guarded(ranks),
    ):
        run = train(
            dataset, training, on_event=on_event, valid=valid, checkpoint_file=asked.checkpoint,
            checkpoint_interval=trials.checkpoint_interval, run_all=trials.run_all,
            executor=ranks or executor,
        )  # fmt: skip
    written = asked
    problems: list[str] = []
    if root:
        written = asked if run.succeeded else asked.beside_earlier()
        network = run.network(dataset, training.seed)
        _save(network, written.network)
        problems = _save_extras(dataset, run, training.seed, written)
        _report(dataset, valid, run, network, training.seed, written.network, as_json)
    _require_success(run, asked, written)
    require_whole(problems, f"the network is saved in {written.network}")


def _require_success(run: TrainingRun, asked: _Files, written: _Files) -> None:
    """Fail if the training was stopped or found no network; its best one is saved."""
    where = f"{written.network}{why_beside(asked.network, written.network)}"
    if run.interrupted:
        more = "" if asked.checkpoint is None else "; continue with --resume"
        raise InterruptedWorkError(f"interrupted; the best network is saved in {where}{more}")
    if not run.succeeded:
        best = run.best
        raise TrainingError(
            f"no trial met the stopping rule; the best network, {best.bits_right} of {best.bits} bits right "
            f"(gap {best.gap:.3g}), is saved in {where}"
        )


def _is_generated(dataset: Dataset) -> bool:
    from btfsynth.dataset.dataset import InputKind

    return dataset.input_kind in (InputKind.ONE_HOT_GENERATOR, InputKind.HYPERCUBE_GENERATOR)


def _save_extras(dataset: Dataset, run: TrainingRun, seed: int, files: _Files) -> list[str]:
    """Write the requested files besides the network; return failures."""
    from btfsynth.dataset.dataset import InputKind
    from btfsynth.network.formats import write_generators
    from btfsynth.training.history import draw_history, format_history

    best, problems = run.best, []
    history, plot, generators = files.history, files.plot, files.generators
    if history is not None:
        text = format_history(best.history)
        problems += attempted("--history", lambda: write_text(history, text))
    if plot is not None:
        title = _title(dataset, run, seed)
        problems += attempted(
            "--plot", lambda: draw_history(best.history, plot, title, best.best_iteration)
        )
    codes = best.codes
    if generators is not None and codes is not None:
        one_hot = dataset.input_kind is InputKind.ONE_HOT_GENERATOR
        problems += attempted("--generators", lambda: write_generators(generators, codes, one_hot))
    return problems


def _save(network: TrainedNetwork, path: Path) -> None:
    from btfsynth.network.formats import save_network, write_network_text
    from btfsynth.ports import moved_pins

    if path.suffix in (".net", ".sol"):
        write_network_text(path, network)
        for notice in moved_pins(network.input_ports, network.output_ports):
            say(f"note: {notice}")
    else:
        save_network(network, path)


def _title(dataset: Dataset, run: TrainingRun, seed: int) -> str:
    """Return the title of a plot; long titles are cut."""
    best, parameters = run.best, run.best.parameters
    widths = "-".join(str(width) for width in best.topology.widths or ("graph",))
    return (
        f"{dataset.name[:40]}, {widths[:40]}, seed {seed}, trial {best.trial}\n"
        f"sigma {parameters.sigma:g}, beta {parameters.beta:g}, gamma {parameters.gamma:g}"
    )


def _report(
    dataset: Dataset,
    valid: Dataset | None,
    run: TrainingRun,
    network: TrainedNetwork,
    seed: int,
    path: Path,
    as_json: bool,
) -> None:
    """Show the result of the training, as text or JSON."""
    import numpy as np

    from btfsynth.network.network import measure
    from btfsynth.training.session import train_record
    from btfsynth.training.trainer import with_codes

    codes = run.best.codes
    right = measure(network, dataset if codes is None else with_codes(dataset, codes))
    on_valid = None if valid is None else measure(network, valid)
    record = {
        "name": dataset.name,
        "source": dataset.source,
        "seed": seed,
        **train_record(run),
        "vectors_right": right.vectors_right,
        **right.label_record(),
        "patterns": dataset.n_patterns,
        "succeeded": run.succeeded,
        "file": path.name,
    }
    if codes is not None:
        record["codes_used"] = len(np.unique(codes, axis=0))
    if on_valid is not None:
        record["valid"] = {
            "patterns": on_valid.patterns,
            "bits": on_valid.bit_share,
            "vectors": on_valid.vector_share,
            **on_valid.label_record(),
        }
    if as_json:
        emit_json(record)
        return
    show_training(run)
    if len(run.results) > 1:
        show("trials", _trials_line(record, len(run.results)))
    show("right", _shares(right))
    if on_valid is not None:
        show("valid", _shares(on_valid))
    if codes is not None:
        show(
            "codes",
            f"{record['codes_used']} different codes for {plural(dataset.n_patterns, 'pattern')}",
        )
    show("saved", f"in {path}")


def _shares(right: Accuracy) -> str:
    """Return accuracies in words."""
    words = f"{percent(right.bit_share)} of bits, {percent(right.vector_share)} of patterns"
    if right.label_share is not None:
        words += f", {percent(right.label_share)} of labels (largest sum)"
    return words


def _trials_line(record: dict[str, Any], trials: int) -> str:
    """Return success rate and cost of a solution in words."""
    line = f"{record['solutions']} of {trials} succeeded ({record['success_rate']:.0%})"
    if record["solutions"]:
        error = record["iterations_standard_error"]
        spread = "" if error is None else f" +- {error:.0f}"
        line += (
            f"; {record['iterations_per_solution']:.0f}{spread} iterations and "
            f"{record['seconds_per_solution']:.2f} s per solution"
        )
    return line


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
        _report_settings(result, None if unsaved else path)
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
    """Return the data of the settings for a run file, so that another command needs no SOURCE."""
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


def _report_settings(result: TuningResult, path: Path | None) -> None:
    """Print the settings found, and their file if there is one."""
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
