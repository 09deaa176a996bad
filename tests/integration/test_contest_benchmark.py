"""The program for the contest's functions, on a folder of two small ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from circuits import AND_ADDERS, full_adder

from btfsynth.hdl.formats import WRITERS

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "contest.py"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), str(folder), "--results", str(folder / "r.jsonl")]
    quick = ["--table-passes", "collapse", "--graph-passes", "detect"]
    return subprocess.run([*command, *quick, *options], capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tables = tmp_path / "benchmarks" / "2022"
    tables.mkdir(parents=True)
    (tables / "ex00.truth").write_text("10010110\n11101000\n", encoding="ascii")  # full adder
    (tables / "ex01.truth").write_text("0110\n", encoding="ascii")
    graphs = tmp_path / "submissions" / "us" / "2022"
    graphs.mkdir(parents=True)
    graph = full_adder(AND_ADDERS[1])
    (graphs / "ex00.aig").write_bytes(WRITERS["aig"].content(graph)[0])
    return tmp_path


def test_functions_are_measured_once_and_added_up(folder):
    first = run(folder, "--markdown")
    assert first.returncode == 0, first.stderr
    rows = [line.split(" | ") for line in first.stdout.splitlines()]
    assert rows[2][0].strip("| ") == "ex00"
    assert [cell.split(" / ")[0].strip(" |") for cell in rows[2][4:]] == ["3", "3"]
    assert rows[3][3] == "-"
    assert rows[4][0].strip("| ") == "total of 1"
    saved = (folder / "r.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["table"]["cells"] for line in saved.splitlines()] == [3, 3]
    again = run(folder, "--json")
    assert [record["name"] for record in json.loads(again.stdout)] == ["ex00", "ex01"]
    assert (folder / "r.jsonl").read_text(encoding="utf-8") == saved


def test_a_graph_of_another_function_is_told(folder):
    (folder / "benchmarks" / "2022" / "ex00.truth").write_text(
        "01101001\n11101000\n", encoding="ascii"
    )
    told = run(folder, "ex00")
    assert told.returncode == 1
    assert "is not the function of" in told.stderr


def test_a_folder_without_tables_is_told(tmp_path):
    told = run(tmp_path)
    assert told.returncode == 1
    assert "expected truth tables (*.truth), found none" in told.stderr
    assert "Traceback" not in told.stderr
