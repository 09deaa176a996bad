"""``btfsynth completion``, and what a shell completes: data, and the names that options take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

PROGRAM = "btfsynth"
VARIABLE = "_BTFSYNTH_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print a script with which SHELL completes commands, options, values, tasks and files.

    \b
    Examples:
      btfsynth completion bash > ~/.local/share/bash-completion/completions/btfsynth
      echo 'eval "$(btfsynth completion zsh)"' >> ~/.zshrc
      btfsynth completion fish > ~/.config/fish/completions/btfsynth.fish
    """  # noqa: D301
    kind = get_completion_class(shell)
    if kind is None:  # the three come with click
        raise click.UsageError(f"{shell}: expected a shell that click supports", context)
    script = kind(context.find_root().command, {}, PROGRAM, VARIABLE)
    click.echo(script.source_template % script.source_vars())


Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_source(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the examples of the tasks and the files of data whose names begin so.

    Where there are none the shell completes files by itself.
    """
    from btfsynth.dataset.tasks import TASKS

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
    from btfsynth.dataset.formats import FORMATS

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
    from btfsynth.passes.registry import PASSES, SCRIPTS

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
