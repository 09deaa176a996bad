"""What a shell can complete beside commands and options: data, and names that options take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from btfsynth.dataset.formats import FORMATS
from btfsynth.dataset.tasks import TASKS
from btfsynth.passes.registry import PASSES, SCRIPTS

__all__ = ["complete_list", "complete_names", "complete_script", "complete_source"]

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


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


def complete_names(names: Iterable[str] | Mapping[str, str]) -> Completer:
    """Return what completes one of some names; a mapping has what each is."""
    known = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, "")

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _items(known, "", incomplete)

    return complete


def complete_list(names: Iterable[str]) -> Completer:
    """Return what completes the last of names with commas, none of them twice."""
    known = dict.fromkeys(names, "")

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        used = before.split(",")
        left = {name: about for name, about in known.items() if name not in used}
        return _items(left, before + comma, last)

    return complete


def complete_script(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the scripts and passes that the last part of a script of passes can be."""
    before, semicolon, last = incomplete.rpartition(";")
    blank = last[: len(last) - len(last.lstrip())]
    known = dict.fromkeys(PASSES, "a pass") | dict.fromkeys(SCRIPTS, "a script of passes")
    return _items(known, before + semicolon + blank, last.lstrip())


def _items(known: Mapping[str, str], before: str, incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(before + name, help=about or None)
        for name, about in known.items()
        if name.startswith(incomplete)
    ]
