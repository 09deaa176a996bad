"""``btfsynth show`` and ``btfsynth completion``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from btfsynth.cli.main import cli as group

MIG = 'mig 1\nname "t"\ninput "a" 2\noutput "y" 2\ncells 2\n0 2 4\n1 3 6\ndrive 6 9\n'


def test_show_prints_a_line_a_cell(cli):
    """Ports, costs, cells by level and outputs; no colours where it is no terminal."""
    Path("t.mig").write_text(MIG)
    outcome = cli("show", "t.mig")
    assert outcome.code == 0, outcome.stderr
    assert "\x1b" not in outcome.stdout
    assert outcome.stdout.splitlines() == [
        "name      t",
        "inputs    a[2]",
        "outputs   y[2]",
        "netlist   2 cells: 1 AND, 1 OR, 0 MAJ; 2 inverters, depth 2",
        "",
        "level  cell",
        "    1  n3   = a[0] & a[1]",
        "    2  n4   = ~a[0] | n3",
        "  out  y[0] = n3",
        "  out  y[1] = ~n4",
    ]


def test_show_reads_other_formats_and_folders(cli):
    """A truth table and a design folder show what a netlist file shows; JSON has the same."""
    Path("t.mig").write_text(MIG)
    assert cli("emit", "t.mig", "-o", "t").code == 0
    Path("t/t.mig").write_text(MIG)  # as a build leaves it: Verilog does not tell AND from OR
    record = cli("show", "t", "--json").json
    assert record == cli("show", "t.mig", "--json").json
    assert record["cells"][1] == {
        "name": "n4", "level": 2, "kind": "or", "fanins": ["~a[0]", "n3"],
    }  # fmt: skip
    assert record["drive"] == {"y[0]": "n3", "y[1]": "~n4"}
    Path("x.truth").write_text("1000\n")
    assert "1 cell: 1 AND" in cli("show", "x.truth").stdout


def test_show_draws(cli):
    """Files in place of the listing, or one of them alone on standard output; a cone is smaller."""
    Path("t.mig").write_text(MIG)
    outcome = cli("show", "t.mig", "--cone", "y[0]", "--svg", "t.svg", "--dot", "t.dot")
    assert outcome.code == 0, outcome.stderr
    assert "cone      of y[0]; it reads 2 of 2 input bits" in outcome.stdout
    assert "level" not in outcome.stdout
    assert Path("t.svg").read_text().count("<g>") == 1
    piped = cli("show", "t.mig", "--dot", "-").stdout
    assert piped.startswith('digraph "t" {')
    assert piped.count("shape=box") == 2 > Path("t.dot").read_text().count("shape=box")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.mig",), "none.mig: no such file"),
        (("t.mig", "--cone", "z"), "no output 'z'; outputs are: y[0] to y[1]"),
        ((".",), ".: no manifest.json in it, so this is no design folder"),
    ],
)
def test_show_refuses(cli, arguments, message):
    """One line, exit 2."""
    Path("t.mig").write_text(MIG)
    outcome = cli("show", *arguments)
    assert (outcome.code, outcome.complaint) == (2, message)


def test_large_netlists_are_not_drawn(cli):
    """The message says what can be drawn."""
    cells = "".join(f"0 2 {2 * node}\n" for node in range(2, 2004))
    Path("t.mig").write_text(
        f'mig 1\nname "t"\ninput "a" 2\noutput "y" 1\ncells 2002\n{cells}drive 9\n'
    )
    outcome = cli("show", "t.mig", "--svg", "t.svg")
    assert outcome.code == 2
    assert (
        "expected at most 2000 cells to draw, got 2002; draw the cone of an output"
        in outcome.complaint
    )
    assert cli("show", "t.mig", "--svg", "t.svg", "--cone", "y").code == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(cli, shell):
    """Each shell gets its own script, which asks the program."""
    outcome = cli("completion", shell)
    assert outcome.code == 0, outcome.stderr
    assert f"_BTFSYNTH_COMPLETE={shell}_complete" in outcome.stdout


def completions(*words: str) -> list[str]:
    """Return what could stand in place of the last word."""
    complete = ShellComplete(group, {}, "btfsynth", "_BTFSYNTH_COMPLETE")
    return [item.value for item in complete.get_completions(list(words[:-1]), words[-1])]


def test_what_is_completed(tmp_path, monkeypatch):
    """Commands, options, tasks, files of data, values of options."""
    monkeypatch.chdir(tmp_path)
    for name in ("mult.csv", "multi.txt"):
        Path(name).touch()
    assert completions("sh") == ["show"]
    assert "--version" in completions("--v")
    assert completions("build", "mul")[1:] == ["multiplier:2", "mult.csv"]
    assert completions("tune", "full")[1:] == ["full_adder"]
    assert "--pipeline" in completions("build", "--pi")
    assert completions("build", "--config", "r.toml", "--stop", "") == [
        "exact",
        "gap",
        "both",
        "none",
    ]
    assert completions("completion", "z") == ["zsh"]


def test_commands_are_completed_without_loading_them():
    """The list of commands is there at once."""
    code = (
        "import sys\nfrom click.shell_completion import ShellComplete\nfrom btfsynth.cli.main import cli\n"
        "found = ShellComplete(cli, {}, 'btfsynth', 'X').get_completions([], 'b')\n"
        "assert [item.value for item in found] == ['build'], found\nassert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(cli, tmp_path):
    """The script, run by a real shell, fills its list of completions."""
    script = cli("completion", "bash").stdout
    program = tmp_path / "btfsynth"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m btfsynth "$@"\n')
    program.chmod(0o755)
    asked = (
        f"{script}\nCOMP_WORDS=(btfsynth build comp)\nCOMP_CWORD=2\ncompopt() {{ :; }}\n"
        f'_btfsynth_completion {program}\necho "${{COMPREPLY[*]}}"\n'
    )
    outcome = subprocess.run(
        ["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert outcome.stdout.strip() == "comparator:2"
