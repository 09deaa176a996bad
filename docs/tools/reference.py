"""Tables of commands, run-file keys and default settings as Markdown, generated from the program."""

from __future__ import annotations

import inspect
import re

import click

from btfsynth.api.settings import merged
from btfsynth.cli.main import cli
from btfsynth.dataset.load import load
from btfsynth.settings.table import APPROXIMATE, BUILD, DISCOVER, HARDWARE, LEARN, SECTIONS, TRAIN
from btfsynth.training.parameters import default_plan

__all__ = ["command_reference", "default_reference", "key_reference", "settings_reference"]

EXAMPLES = (
    "multiplier:2", "multiplier:3", "multiplier:4", "majority:7", "parity:5", "popcount:7", "comparator:3",
    "automaton:30", "autoencoder:16", "decoder:16", "adder:4",
)  # fmt: skip
"""Tasks with settings of their own, and one with the settings of anything else."""

_REPEATABLE = "; repeatable"
"""Words about an option, which do not apply to a list of names in a run file or in Python."""

_SPECIAL = re.compile(r"([\[*_|])")


def command_reference() -> str:
    """Return every command with its arguments and options, as the command line itself has them."""
    context = click.Context(cli, info_name="btfsynth")
    parts = []
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is None:
            raise LookupError(name)
        parts.append(_command(command, click.Context(command, info_name=name, parent=context)))
    return "\n".join(parts)


def key_reference() -> str:
    """Return the keys of a run file with what each does, takes and is without it."""
    lines = ["| section | key | meaning | value | default |", "|---|---|---|---|---|"]
    for section, keys in SECTIONS.items():
        for name, key in keys.items():
            line = key.line.replace(_REPEATABLE, "")
            words = (f"{line} {key.more}", key.kind.expected, key.default_words)
            cells = " | ".join(_text(each.strip()) for each in words)
            lines.append(f"| `{section}` | `{name}` | {cells} |")
    return "\n".join([*lines, ""])


def settings_reference() -> str:
    """Return the settings that functions of the API take by keyword, and which functions these are."""
    tables = {"train": (TRAIN,), "write": (HARDWARE,), "build": (TRAIN, HARDWARE, BUILD)}
    tables |= {"discover": (DISCOVER, TRAIN), "learn": (LEARN,), "approximate": (APPROXIMATE,)}
    functions = {name: merged(*each) for name, each in tables.items()}
    lines = ["| function | setting | meaning | value | default |", "|---|---|---|---|---|"]
    listed: set[int] = set()
    for settings in functions.values():
        for name, setting in settings.items():
            if id(setting) in listed:
                continue
            listed.add(id(setting))
            users = [f"`{user}`" for user, used in functions.items() if used.get(name) is setting]
            line = setting.line.replace(_REPEATABLE, "")
            words = (f"{line} {setting.more}", setting.kind.expected, setting.default_words)
            cells = " | ".join(_text(each.strip()) for each in words)
            lines.append(f"| {', '.join(users)} | `{name}` | {cells} |")
    return "\n".join([*lines, ""])


def default_reference() -> str:
    """Return the default training settings of `EXAMPLES`."""
    lines = ["| task | widths | sigma | beta | gamma | iterations |", "|---|---|---|---|---|---|"]
    for task in EXAMPLES:
        plan = default_plan(load(task))
        widths = "-".join(map(str, plan.widths)) + (", inputs to every layer" if plan.skip else "")
        used = plan.parameters
        rates = f"{used.sigma:g} | {used.beta:g} | {used.gamma:g}"
        lines.append(f"| `{task}` | {widths} | {rates} | {used.max_iterations:,} |")
    return "\n".join([*lines, ""])


def _command(command: click.Command, context: click.Context) -> str:
    usage = context.command_path + " " + " ".join(command.collect_usage_pieces(context))
    lines = [f"## {command.name}", "", "```text", usage, "```", ""]
    lines += _described(command.help or "")
    lines += ["", "| option | meaning |", "|---|---|"]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            option, meaning = (" ".join(text.split()) for text in record)
            lines.append(f"| `{option.replace('|', chr(92) + '|')}` | {_text(meaning)} |")
    return "\n".join([*lines, ""])


def _described(text: str) -> list[str]:
    """Return the help of a command, what is to stay as it stands as blocks of code."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).replace("\f", "").split("\n\n"):
        rows = paragraph.removeprefix("\b").strip("\n").splitlines()
        if not paragraph.startswith("\b") or not rows:
            lines += [_text(row.strip()) for row in rows] + [""]
            continue
        if not rows[0].startswith(" "):
            lines += [_text(rows.pop(0)), ""]
        lines += ["```sh", *(row.strip() for row in rows), "```", ""]
    return lines


def _text(text: str) -> str:
    """Return text as Markdown; what is in backquotes stays as it is."""
    parts = text.split("`")
    for k in range(0, len(parts), 2):
        plain = parts[k].replace("&", "&amp;").replace("<", "&lt;")
        parts[k] = _SPECIAL.sub(r"\\\1", plain)
    return "`".join(parts)
