"""Help, completion and the list of tasks are there at once: they import nothing that computes."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

HEAVY = ("numba", "scipy", "amaranth", "pyverilog", "pysat", "jinja2", "sklearn")
SHOW_ALL = """
import click
from btfsynth.cli.main import cli
context = click.Context(cli)
for name in cli.list_commands(context):
    command = cli.get_command(context, name)
    command.get_help(click.Context(command, info_name=name))
"""
TASKS = (
    "from btfsynth.cli.main import main\ntry:\n    main(['tasks'])\nexcept SystemExit:\n    pass\n"
)
COMPLETE = """
import os
os.environ |= {"_BTFSYNTH_COMPLETE": "bash_complete", "COMP_WORDS": "btfsynth build mul", "COMP_CWORD": "2"}
from btfsynth.cli.main import main
try:
    main([])
except SystemExit:
    pass
"""


def _imported(program: str) -> tuple[str, set[str]]:
    """Run a program; return what it writes and the packages it has imported."""
    tell = "\nimport sys\nprint('imported', *{name.partition('.')[0] for name in sys.modules})\n"
    ran = subprocess.run(
        [sys.executable, "-c", program + tell], capture_output=True, text=True, check=True
    )
    *shown, last = ran.stdout.splitlines()
    return "\n".join(shown), set(last.split()[1:])


@pytest.mark.parametrize(
    ("program", "shown"),
    [(SHOW_ALL, ""), (TASKS, "multiplier:N"), (COMPLETE, "multiplier:2")],
    ids=["help", "tasks", "completion"],
)
def test_nothing_that_computes_is_imported(program, shown):
    """None of the packages that take a tenth of a second and more."""
    text, packages = _imported(program)
    assert shown in text
    assert "click" in packages
    assert not packages & set(HEAVY)


def test_compiled_code_of_another_version_is_named(monkeypatch, capsys):
    """numba imports the modules that compiled kernels were made of, even those that are gone."""
    module = importlib.import_module("btfsynth.cli.main")

    def gone(**_: object) -> None:
        raise ModuleNotFoundError("No module named", name="btfsynth.gone")

    monkeypatch.setattr(module.cli, "main", gone)
    with pytest.raises(SystemExit) as ended:
        module.main(["tasks"])
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert "(btfsynth.gone is gone)" in error
    assert error.endswith("-name '*.nb[ic]' -delete\n")
