"""``btfsynth train``."""

from __future__ import annotations

from pathlib import Path

import click

from btfsynth.cli.options import (
    SectionCommand,
    file_option,
    json_option,
    load_source,
    outputs_option,
    require_writable,
    source_argument,
    training_options,
)
from btfsynth.cli.output import emit_json, show, show_training
from btfsynth.cli.progress import observed
from btfsynth.errors import InterruptedWorkError, TrainingError
from btfsynth.flow import TrainOptions, train, train_record
from btfsynth.network.trained import save_network

__all__ = ["command"]


@click.command("train", cls=SectionCommand)
@source_argument
@file_option("Where the network goes.  [default: <name>.npz]")
@outputs_option
@json_option
@training_options
def command(
    source: str, path: Path | None, training: TrainOptions, outputs: str | None, as_json: bool
) -> None:
    """Train a network on SOURCE and save it.

    SOURCE is a task (see 'btfsynth tasks') or a file: .dat, .pla, .truth, .csv, .npz.
    The best network is saved whether or not the stopping rule was met; exits with 0 only if it was.

    \b
    Examples:
      btfsynth train multiplier:3 -o m3.npz --jobs 2
      btfsynth train adder:2 --widths 4,8,8,3 --sigma 3 --beta 0.4 --gamma 1e-3 --stop gap
    """  # noqa: D301
    dataset = load_source(source, outputs)
    path = path or require_writable(Path(f"{dataset.name}.npz"))
    with observed(dataset.name) as observer:
        run = train(dataset, training, observer)
    network = run.network(dataset, training.seed)
    save_network(network, path)
    best = run.best
    record = {
        "name": dataset.name,
        "source": dataset.source,
        "seed": training.seed,
        **train_record(run),
        "vectors_right": network.vectors_right(dataset),
        "patterns": dataset.n_patterns,
        "succeeded": run.succeeded,
        "file": path.name,
    }
    if as_json:
        emit_json(record)
    else:
        show_training(run)
        show("saved", f"in {path}")
    if run.interrupted:
        raise InterruptedWorkError(f"interrupted; the best network is saved in {path}")
    if not run.succeeded:
        raise TrainingError(
            f"no trial met the stopping rule: {best.bits_right} of {best.bits} bits right at best "
            f"(gap {best.gap:.3g}); that network is saved in {path}"
        )
