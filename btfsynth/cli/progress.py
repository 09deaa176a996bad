"""Progress on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from btfsynth.cli.output import errors, say
from btfsynth.flow import Observer
from btfsynth.train.parameters import Progress

__all__ = ["observed"]


@contextmanager
def observed(title: str) -> Iterator[Observer]:
    """Show progress while the body runs: live on a terminal, else a line a stage."""
    if not errors.is_terminal:
        yield Observer(on_stage=lambda stage: say(f"{title}: {stage} ..."))
        return
    with Bar(
        SpinnerColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=errors,
        transient=True,
    ) as bar:
        task = bar.add_task(title, total=None)

        def on_progress(progress: Progress) -> None:
            # The title is on the screen already; a line has to fit into 80 columns.
            widths = "-".join(str(width) for width in progress.widths or ())
            bar.update(
                task,
                description=f"trial {progress.trial + 1}: {progress.bits_right} of {progress.bits} "
                f"bits  gap {progress.gap:.3f}  step {progress.iterations}  {widths}",
            )

        yield Observer(
            on_stage=lambda stage: bar.update(task, description=f"{title}: {stage}"),
            on_progress=on_progress,
            on_detail=lambda line: bar.update(task, description=line),
        )
