"""``btfsynth tasks``."""

from __future__ import annotations

import click

from btfsynth.cli.options import json_option
from btfsynth.cli.output import console, emit_json, field_table, show


@click.command("tasks")
@json_option
def command(as_json: bool) -> None:
    """List the built-in tasks.

    \b
    Example:
      btfsynth tasks
    """  # noqa: D301
    from btfsynth.dataset.tasks import TASKS

    if as_json:
        emit_json(
            [
                {
                    "name": task.name,
                    "signature": task.signature,
                    "description": task.description,
                    "example": task.example,
                }
                for task in TASKS.values()
            ]
        )
        return
    rows = [(task.signature, task.description) for task in TASKS.values()]
    console.print(field_table(("task", "what it computes"), rows))
    console.print()
    show("examples", ", ".join(task.example for task in TASKS.values()))
