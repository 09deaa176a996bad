"""The library names settings; the command line spells them as its options."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

import btfsynth
from btfsynth.cli.main import cli
from btfsynth.cli.output import spelled
from btfsynth.errors import UsageError
from btfsynth.passes.registry import parse_script

PACKAGE = Path(btfsynth.__file__).parent


@click.command()
@click.option("--time-limit", type=float)
@click.option("-o", "--output", "directory")
@click.option("--label/--no-label")
@click.option("--code")
def _command(**_):
    """Stand for any command."""


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("`time_limit`: expected 1", "--time-limit: expected 1"),
        ("`directory` or `output` names it", "--output or --output names it"),
        ("give `code=binary:4`", "give --code binary:4"),
        ("`label`, `label=true` or `label=false`", "--label, --label or --no-label"),
        ("a column `x`, a file `a b`", "a column `x`, a file `a b`"),
    ],
)
def test_settings_become_options(message, shown):
    """Under the name of the parameter or of the option; what is neither stays."""
    assert spelled(message, _command) == shown


def test_without_a_command_nothing_changes():
    """A message outside the command line is the library's."""
    assert spelled("`code`: expected one") == "`code`: expected one"


def _flags() -> set[str]:
    """Return every option of every command."""
    context = click.Context(cli)
    commands = [cli, *(cli.get_command(context, name) for name in cli.list_commands(context))]
    return {
        name
        for command in commands
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }


def _texts(tree: ast.AST) -> list[tuple[int, str]]:
    """Return the texts of a module that may be shown: no documentation, f-strings in one piece."""
    silent: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                silent.add(id(statement.value))
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values}
    return [
        (node.lineno, ast.unparse(node))
        for node in ast.walk(tree)
        if id(node) not in silent
        and (
            isinstance(node, ast.JoinedStr)
            or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        )
    ]


def _is_script(text: str) -> bool:
    """Tell whether a literal is a script of passes, whose options belong to the passes."""
    try:
        return bool(parse_script(ast.literal_eval(text)))
    except (UsageError, ValueError, SyntaxError):  # or an f-string, which is no literal
        return False


def test_the_library_names_no_option():
    """No message below the command line has an option; a text that is one word goes to another program."""
    flags, found, read = _flags(), [], 0
    for path in sorted(PACKAGE.rglob("*.py")):
        within = path.relative_to(PACKAGE)
        if within.parts[0] == "cli" or within.as_posix() == "passes/registry.py":
            continue  # the options in the latter are those of passes
        for line, text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
            read += 1
            named = flags & set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
            if " " in text and named and not _is_script(text):
                found.append(f"{path.relative_to(PACKAGE)}:{line}: {text[:100]}")
    assert read > 1000
    assert len(flags) > 50
    assert not found, "\n".join(found)
