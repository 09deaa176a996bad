"""What a shell can complete beside commands and options: data, which are tasks or files."""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from btfsynth.dataset.formats import FORMATS
from btfsynth.dataset.tasks import TASKS

__all__ = ["complete_source"]


def complete_source(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the examples of the tasks and the files of data whose names begin so.

    Where there are none the shell completes files by itself.
    """
    found = [
        CompletionItem(task.example, help=task.description)
        for task in TASKS.values()
        if task.example.startswith(incomplete.lower())
    ]
    found += [CompletionItem(name, help="a file") for name in _files(incomplete)]
    # Bash forgets what came before an item of this type, so it comes first.
    return [CompletionItem(incomplete, type="file"), *found]


def _files(incomplete: str) -> list[str]:
    """Return the files of data in the current folder; those elsewhere the shell finds itself."""
    endings = {ending for known in FORMATS.values() for ending in known.endings}
    if "/" in incomplete:
        return []
    try:
        return sorted(
            path.name
            for path in Path().iterdir()
            if path.name.startswith(incomplete) and path.suffix.lower() in endings
        )
    except OSError:
        return []
