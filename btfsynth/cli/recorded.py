"""The running command as it can be given again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from btfsynth.dataset.code import InputCode


def command_line(without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the running command with what the user gave it, a word an item.

    Files are named without their folders: a record is not to tell where on a disk it was made.

    Parameters
    ----------
    without
        Names of parameters that have no part in the result.
    """
    context = click.get_current_context()
    words = context.command_path.split()
    options: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params.get(name)
        if isinstance(parameter, click.Argument):
            words.append(_word(value))
        elif name not in without and isinstance(parameter, click.Option):
            options += _option(parameter, value)
    return (*words, *options)


def _option(option: click.Option, value: Any) -> list[str]:
    long = [name for name in option.opts if name.startswith("--")]
    if option.is_flag:
        return [*long[:1]] if value else [*option.secondary_opts[:1]]
    values = value if option.multiple else (value,)
    return [word for one in values for word in (long[0], _word(one))]


def _word(value: Any) -> str:
    if isinstance(value, InputCode):
        return value.text
    text = str(value)
    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):
        is_file = False
    return Path(text).name if is_file else text
