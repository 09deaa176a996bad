"""Numbers of thousands of digits, links that lead to themselves, damaged state: one line, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import DataError, UsageError, clipped, shown
from btfsynth.training.tuning import tune

DIGITS = "7" * 5000
NUMBERS = {
    "a.toml": f"[train]\nseed = {DIGITS}\n",
    "b.toml": f"[train]\nseed = 0x{'e' * 5000}\n",
    "c.toml": f"[train]\nwidths = [3, 0x{'e' * 5000}, 2]\n",
    "d.toml": f"[train]\nbeta = 0b{'1' * 50000}\n",
    "a.csv": f"a[1:0],b,out:y\n{DIGITS},0,1\n1,0,0\n",
    "a.dat": f"{DIGITS} 2 2 2 1\n0 0 0\n",
    "a.pla": f".i {DIGITS}\n.o 1\n00 1\n.e\n",
    "a.aag": f"aag {DIGITS} 1 0 1 0\n2\n2\n",
    "a.bench": f"INPUT(a)\nOUTPUT(y)\ny = LUT 0x{DIGITS} (a)\n",
    "a.v": f"module m(input a, output y); assign y = a & {DIGITS}; endmodule\n",
    "a.mig": f'mig 1\nname "m"\ninput "a" {DIGITS}\noutput "y" 1\ncells 0\ndrive 2\n',
    "a.json": f'{{"modules": {{"m": {{"ports": {{"a": {{"bits": [{DIGITS}]}}}}}}}}}}',
}


@pytest.mark.parametrize("name", NUMBERS)
def test_long_numbers_in_files(cli, tmp_path, name):
    """A whole number of 5,000 digits is refused in one short line that names the file."""
    (tmp_path / name).write_text(NUMBERS[name])
    if name.endswith("toml"):
        outcome = cli("train", "full_adder", "--config", name)
    else:
        outcome = cli("data" if name[2:] in ("csv", "dat", "pla") else "estimate", name)
    assert outcome.code == 2
    assert outcome.complaint.startswith(name)
    assert len(outcome.complaint) < 300


@pytest.mark.parametrize(
    "options",
    [("--seed", DIGITS), ("--widths", f"3,{DIGITS},2"), ("--weights", DIGITS), ("--sigma", DIGITS)],
)
def test_long_numbers_on_the_command_line(cli, options):
    """So is one on the command line."""
    outcome = cli("build", "full_adder", *options)
    assert outcome.code == 2
    assert len(outcome.complaint) < 600


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("train", "full_adder", "-o", "loop"), 1),
        (("train", "full_adder", "-o", "n.npz", "--history", "loop"), 1),
        (("train", "full_adder", "-o", "n.npz", "--checkpoint", "loop"), 1),
        (("tune", "full_adder", "--time-limit", 600, "-o", "loop"), 1),
        (("build", "full_adder", "-o", "loop"), 1),
        (("discover", "full_adder", "-o", "loop/x"), 1),
        (("train", "loop"), 2),
        (("train", "full_adder", "--config", "loop"), 2),
        (("estimate", "loop"), 2),
        (("verify", "loop"), 2),
    ],
)
def test_link_to_itself(cli, tmp_path, arguments, code):
    """A link that leads to itself is refused in one line before any work, wherever it is named."""
    (tmp_path / "loop").symlink_to("loop")
    outcome = cli(*arguments)
    assert outcome.code == code
    assert "loop" in outcome.complaint
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]


@pytest.mark.parametrize("command", ["build", "discover"])
def test_folder_that_is_a_link_to_itself(cli, tmp_path, command):
    """The message says what is wrong with it, not that it exists."""
    (tmp_path / "loop").symlink_to("loop")
    outcome = cli(command, "full_adder", "-o", "loop")
    assert outcome.code == 1
    assert outcome.complaint == "'loop' cannot be written: a link that leads to itself"


def test_messages_are_clipped():
    """What is quoted has an end; both ends of a long message stay."""
    error = DataError(f"expected a name, got {'x' * 75_000!r}, which is none", "f.npz", 3)
    assert str(error).startswith("f.npz:3: expected a name, got 'xxx")
    assert str(error).endswith("which is none")
    assert len(str(error)) < 600
    assert len(str(UsageError("word " * 20_000))) < 1300
    assert clipped("a short one") == "a short one"
    assert shown(10**5000) == "a whole number of 16610 bits"
    assert len(shown([10**5000])) < 80


def test_plot_that_fails(cli, tmp_path, monkeypatch):
    """The network is saved and the training reported; what could not be drawn is one line, exit 1."""
    pytest.importorskip("matplotlib")

    def broken(*_: object, **__: object) -> None:
        raise ValueError("no such font")

    monkeypatch.setattr("btfsynth.training.history.draw_history", broken)
    outcome = cli("train", "full_adder", "--plot", "p.svg", "--history", "h.csv", "-o", "n.npz")
    assert outcome.code == 1
    wanted = "--plot: ValueError: no such font; the network is saved in n.npz"
    assert outcome.complaint == wanted
    assert "bits right" in outcome.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["h.csv", "n.npz"]


def test_page_that_fails(cli, tmp_path, monkeypatch):
    """A design whose report page cannot be made is shown and kept."""
    monkeypatch.setattr("btfsynth.report.page.template_folder", lambda: tmp_path)
    given = ("build", "full_adder", "--simulator", "parsed_verilog", "--simulator", "amaranth")
    outcome = cli(*given, "--report", "-o", "d", "--json")
    assert outcome.code == 1
    assert outcome.complaint.startswith("report: ")
    assert outcome.complaint.endswith("the design is in d")
    assert outcome.json["verified"] is True
    assert (tmp_path / "d" / "manifest.json").is_file()
    monkeypatch.undo()


def test_page_is_listed(cli, tmp_path):
    """The page is among the files that the report lists."""
    given = ("build", "full_adder", "--simulator", "amaranth", "--report", "-o", "d", "--json")
    outcome = cli(*given)
    assert outcome.code == 0, outcome.stderr
    there = sorted(path.name for path in (tmp_path / "d").iterdir())
    assert outcome.json["files"] == there
    assert "report.html" in there
    assert json.loads((tmp_path / "d" / "report.json").read_text()) == outcome.json
    assert cli("verify", "d", "--simulator", "amaranth", "--mutants", 5).code == 0
    assert json.loads((tmp_path / "d" / "verify.json").read_text())["verified"] is True


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return the file of a search."""
    pytest.importorskip("optuna")
    path = tmp_path_factory.mktemp("study") / "s.db"
    tune(parse_task("full_adder"), 4.0, storage=path)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("update trial_user_attributes set value_json = '\"x\"' where key = 'widths'", "widths"),
        ("delete from trial_user_attributes where key = 'solutions'", "solutions"),
        (
            "update trial_user_attributes set value_json = '99' where key = 'solutions'",
            "solutions: expected",
        ),
        ("update trial_values set value = -1", "cost"),
        ("update trial_params set distribution_json = '{}'", ""),
        ("delete from trial_params where param_name = 'sigma'", "parameters"),
        ("drop table trial_values", "cost"),
        ("update study_directions set direction = 'MAXIMIZE'", "smallest cost"),
    ],
)
def test_damaged_study(cli, tmp_path, study, change, words):
    """A study whose contents are not those of a search is refused, and stays as it is."""
    shutil.copy(study, tmp_path / "s.db")
    with sqlite3.connect(tmp_path / "s.db") as database:
        database.execute(change)
    database.close()
    outcome = cli("tune", "full_adder", "--time-limit", 0.5, "--study", "s.db", "-o", "t.toml")
    assert outcome.code == 2
    assert outcome.complaint.startswith("s.db: cannot be used as a study: ")
    assert words in outcome.complaint
    assert not (tmp_path / "t.toml").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("curve", [[1]]),
        ("stop", "now"),
        ("train", 1.5),
        ("seed", 0.5),
        ("recovery", {}),
        ("gap", "x"),
    ],
)
def test_damaged_runs(cli, tmp_path, field, value):
    """A row of runs whose values are not those of runs is refused."""
    given = ("reproduce", "multiplier2", "--quick", "--jobs", 1, "-o", "r", "--json")
    record = {
        "seed": 1, "source": "multiplier:2", "patterns": 16, "iterations": 30, "seconds": 0.1,
        "stop": "exact", "gap": 0.2, "train": 1.0, "exact": True, "test": None,
        "test_labels": None, "codes": None, "sparse": None, "recovery": None,
        "curve": [[1, 0.5, 0.5, None]],
    }  # fmt: skip
    from btfsynth.reproduce.catalogue import EXPERIMENTS

    experiment = EXPERIMENTS["multiplier2"]
    row = {
        "format": 1, "name": "multiplier2", "settings": experiment.settings(experiment.quick),
        "trained": [{**record, "source": experiment.source(1), field: value}], "baselines": [],
    }  # fmt: skip
    path = tmp_path / "r" / "rows" / "multiplier2.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(row))
    outcome = cli(*given)
    assert outcome.code == 2
    assert "not a row that 'btfsynth reproduce' has written" in outcome.complaint


def test_tool_without_space(tmp_path, monkeypatch):
    """A tool that fails where no space is left is said to have failed for that."""
    from btfsynth import process

    monkeypatch.setattr(process, "_MIN_SPACE", 1 << 62)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    done = process.run_command(("false",), Path(tmp_path), 10)
    assert str(done.error("it failed")).startswith(f"no space left in {tmp_path}: it failed")
    monkeypatch.setattr(process, "_MIN_SPACE", 0)
    assert str(process.run_command(("false",), tmp_path, 10).error("it failed")).startswith("it f")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("fpga", "nowhere", "--freq"),
        ("train", "full_adder", "-o", "x.npz", "--checkpoint", "x.ckpt", "--checkpoint-interval"),
    ],
    ids=["freq", "checkpoint-interval"],
)
def test_options_that_are_no_numbers(cli, arguments, number):
    """Click's ranges let nan pass, of which no comparison is true: a clock that is never too slow."""
    outcome = cli(*arguments, number)
    assert outcome.code == 2
    assert outcome.complaint.startswith(f"{arguments[-1]}: expected a number ")
    assert number in outcome.complaint
