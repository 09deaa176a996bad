"""Text from anywhere, made fit to be shown; settings in it are spelled as options."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

_SETTING = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]*))?`")


def one_line(text: str) -> str:
    """Return text on one line; what a terminal would take as a command is shown as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in " ".join(text.split())
    )


def spelled(text: str, command: click.Command | None = None) -> str:
    """Return a message of the library with its settings as the options of a command.

    The library writes ```time_limit``` and ```preserve=network```; these become ``--time-limit`` and
    ``--preserve network``. A name that is no option of the command stays as it is.

    Parameters
    ----------
    command
        Whose options are meant.  [default: the one that runs]
    """
    if command is None:
        context = click.get_current_context(silent=True)
        if context is None:
            return text
        command = context.command
    options = dict(_option_names(command))

    def spell(found: re.Match[str]) -> str:
        option = options.get(found[1])
        if option is None:
            return found[0]
        value = found[2]
        if option.is_flag and value in ("true", "false", None):
            names = option.secondary_opts if value == "false" else option.opts
            return names[0] if names else found[0]
        return f"{_longest(option)} {value}" if value is not None else _longest(option)

    return _SETTING.sub(spell, text)


def _option_names(command: click.Command) -> Iterator[tuple[str, click.Option]]:
    """Give every option under its parameter's name and under its own, a setting's name."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield parameter.name or "", parameter
            for name in parameter.opts:
                yield name.lstrip("-").replace("-", "_"), parameter


def _longest(option: click.Option) -> str:
    return max(option.opts, key=len)
