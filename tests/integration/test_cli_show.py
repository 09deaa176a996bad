"""``btfsynth show`` and ``btfsynth completion``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from btfsynth.cli.main import cli as group
from btfsynth.fpga.board_worker import BOARDS
from btfsynth.fpga.devices import DEVICES
from btfsynth.passes.registry import PASSES, SCRIPTS
from btfsynth.reproduce.catalogue import EXPERIMENTS
from btfsynth.sim.registry import SIMULATORS

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
        "    1  n1   = a[0] & a[1]",
        "    2  n2   = ~a[0] | n1",
        "  out  y[0] = n1",
        "  out  y[1] = ~n2",
    ]


def test_show_reads_other_formats_and_folders(cli):
    """A truth table and a design folder show what a netlist file shows; JSON has the same."""
    Path("t.mig").write_text(MIG)
    assert cli("emit", "t.mig", "-o", "t").code == 0
    Path("t/t.mig").write_text(MIG)  # as a build leaves it: Verilog does not tell AND from OR
    record = cli("show", "t", "--json").json
    assert record == cli("show", "t.mig", "--json").json
    assert record["cells"][1] == {
        "name": "n2", "level": 2, "kind": "or", "fanins": ["~a[0]", "n1"],
    }  # fmt: skip
    assert record["drive"] == {"y[0]": "n1", "y[1]": "~n2"}
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
        ((".",), ".: not a design folder: no manifest.json in it"),
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


SOURCES = {
    "plain.mig": 'mig 1\nname "plain"\ninput "a" 3\noutput "y" 2\ncells 3\n0 2 4\n1 3 6\n0 8 11\n'
    "drive 10 13\n",
    "taken.blif": ".model taken\n.inputs n1 b c\n.outputs N2 y\n.names n1 b N2\n11 1\n.names b c k\n"
    "0- 1\n-1 1\n.names N2 k y\n10 1\n.end\n",
    "folded.aag": "aag 6 3 0 2 3\n2\n4\n6\n12\n11\n8 2 2\n10 8 5\n12 10 6\ni0 a\ni1 b\ni2 c\no0 y\no1 z\n",
}
OPERATORS = {"and": "&", "or": "|"}


@pytest.mark.parametrize("source", SOURCES)
def test_a_cell_has_one_name(cli, source):
    """Listing, drawings and every file of a design call a cell by the same name."""
    Path(source).write_text(SOURCES[source])
    outcome = cli("emit", source, "-o", "d", "--format", "blif,bench,json")
    assert outcome.code == 0, outcome.stderr
    listed = cli("show", source, "--json").json
    manifest = json.loads(Path("d/manifest.json").read_text())
    hdl = {
        port["name"] + index: port["hdl"] + index
        for ports in manifest["ports"].values()
        for port in ports
        for index in ([""] if port["width"] == 1 else [f"[{bit}]" for bit in range(port["width"])])
    }

    def words(cell, before, after):
        read = [
            before * literal.startswith("~") + hdl.get(literal.strip("~"), literal.strip("~"))
            for literal in cell["fanins"]
        ]
        return f"{cell['name']} {after[0]} " + f" {after[1][cell['kind']]} ".join(read)

    module = manifest["module"]
    verilog, vhdl = (Path(f"d/{module}{end}").read_text() for end in (".v", ".vhd"))
    blif, bench = (Path(f"d/{module}{end}").read_text() for end in (".blif", ".bench"))
    gates = json.loads(Path(f"d/{module}_yosys.json").read_text())["modules"]
    nets = next(iter(gates.values()))["netnames"]
    amaranth = Path(f"d/{module}_amaranth.py").read_text()
    svg = cli("show", source, "--svg", "-").stdout
    assert cli("show", "d", "--json").json["cells"]
    assert listed["cells"]
    driven = {literal: name for name, literal in listed["drive"].items()}
    for cell in listed["cells"]:
        assert f"assign {words(cell, '~', ('=', OPERATORS))};" in verilog
        line = words(cell, "not ", ("<=", {"and": "and", "or": "or"}))
        assert line.replace("[", "(").replace("]", ")") in vhdl
        assert cell["name"] in nets
        assert f"<title>{cell['name']} = " in svg
        # A net that is an output has the output's name in these.
        net = driven.get(cell["name"], cell["name"])
        assert f" {net}\n" in blif
        assert f"{net} = {cell['kind'].upper()}(" in bench
    prefix = listed["cells"][0]["name"].rstrip("0123456789")
    assert f'name=f"{prefix}{{number}}"' in amaranth


@pytest.mark.parametrize(
    ("option", "name", "wanted"),
    [("--svg", "x.png", ".svg"), ("--svg", "x.dot", ".svg"), ("--dot", "x.svg", ".dot or .gv")],
)
def test_endings_of_drawings(cli, option, name, wanted):
    """A name that promises another format is refused before anything is written."""
    Path("t.mig").write_text(MIG)
    outcome = cli("show", "t.mig", option, name)
    assert outcome.code == 2
    assert outcome.complaint.startswith(f"{option} {name}: expected a name that ends in {wanted}")
    assert not Path(name).exists()
    assert cli("show", "t.mig", "--svg", "x.SVG", "--dot", "x.gv").code == 0


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


def test_names_that_options_take_are_completed(tmp_path, monkeypatch):
    """Devices, boards, simulators, experiments, scripts, passes, formats and held-out data."""
    monkeypatch.chdir(tmp_path)
    assert completions("fpga", "d", "--device", "ecp") == [n for n in DEVICES if n[:3] == "ecp"]
    assert completions("fpga", "d", "--board", "") == list(BOARDS)
    for command in ("build", "simulate", "verify", "learn"):
        assert completions(command, "x", "--simulator", "") == [*SIMULATORS, "all"]
    assert completions("reproduce", "rule30", "multi") == ["multiplier2", "multiplier3"]
    assert completions("reproduce", "") == list(EXPERIMENTS)
    for command in ("build", "simplify", "discover", "learn"):
        assert set(completions(command, "x", "--passes", "")) == {*PASSES, *SCRIPTS}
    assert completions("build", "x", "--passes", "strash; func") == ["strash; functional_hash"]
    assert completions("emit", "x", "--format", "blif,a") == ["blif,aag", "blif,aig"]
    assert completions("data", "x", "--format", "tr") == ["truth"]
    assert completions("build", "x", "--pipeline", "au") == ["auto", "auto:4"]
    assert completions("build", "x", "--weights", "sp") == ["sparse"]
    for command, option in (
        ("build", "--valid"), ("train", "--valid"), ("tune", "--valid"), ("learn", "--test"),
        ("learn", "--valid"), ("emit", "--data"), ("simplify", "--data"),
    ):  # fmt: skip
        assert completions(command, "x", option, "full")[1:] == ["full_adder"]


def test_commands_are_completed_without_loading_them():
    """The list of commands is there at once."""
    code = (
        "import sys\nfrom click.shell_completion import ShellComplete\nfrom btfsynth.cli.main import cli\n"
        "found = ShellComplete(cli, {}, 'btfsynth', 'X').get_completions([], 'b')\n"
        "assert [item.value for item in found] == ['build'], found\nassert 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "blanks", "wanted"),
    [
        ("btfsynth build comp", 0, "comparator:2"),
        ("btfsynth emit x --format blif,js", 0, "blif,json"),
        ('btfsynth simplify x --passes "\'strash; func"', 1, "strash; functional_hash"),
    ],
)
def test_bash_completes(cli, tmp_path, words, blanks, wanted):
    """The script, run by a real shell, fills its list of completions."""
    script = cli("completion", "bash").stdout
    program = tmp_path / "btfsynth"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m btfsynth "$@"\n')
    program.chmod(0o755)
    asked = (
        f"{script}\nCOMP_WORDS=({words})\nCOMP_CWORD={words.count(' ') - blanks}\ncompopt() {{ :; }}\n"
        f'_btfsynth_completion {program}\necho "${{COMPREPLY[*]}}"\n'
    )
    outcome = subprocess.run(
        ["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert outcome.stdout.strip() == wanted
