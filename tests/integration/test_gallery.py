"""The gallery: kept circuits are what they are said to be, the page shows them, and the search finds more."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from btfsynth.dataset.load import load
from btfsynth.dataset.tasks import TASKS
from btfsynth.netlist.simulation import care_reference, count_wrong
from btfsynth.netlist.text import read_netlist
from btfsynth.netlist.views import statistics

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


def _tool() -> ModuleType:
    """Return the program that writes the page."""
    spec = importlib.util.spec_from_file_location(
        "gallery_page", ROOT / "docs" / "tools" / "gallery.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
RECORD, CIRCUITS = TOOL.read_circuits()


@pytest.fixture
def textbook(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("textbook")


@pytest.mark.parametrize("circuit", CIRCUITS, ids=lambda circuit: circuit.name)
def test_a_kept_circuit(circuit):
    """It computes its task on all input vectors."""
    TOOL.require_equal(circuit)


def test_a_wrong_circuit_is_refused(tmp_path, monkeypatch):
    """Another task's circuit, another size in the name and a file that is not listed are errors."""
    circuit = next(each for each in CIRCUITS if each.task == "multiplier:3")
    text = circuit.path.read_text(encoding="utf-8")
    start, _, last = text.rpartition("drive ")
    words = last.split()
    wrong = tmp_path / circuit.path.name
    wrong.write_text(f"{start}drive {' '.join([*words[:-1], str(int(words[-1]) ^ 1)])}\n")
    with pytest.raises(TOOL.GalleryError, match="wrong on 64 vectors"):
        TOOL.require_equal(replace(circuit, path=wrong))
    with pytest.raises(TOOL.GalleryError, match="other ports"):
        TOOL.require_equal(replace(circuit, task="adder:3"))
    monkeypatch.setattr(TOOL, "CIRCUITS", tmp_path)
    (tmp_path / "gallery.json").write_text('{"circuits": {}}')
    with pytest.raises(TOOL.GalleryError, match=circuit.name):
        TOOL.read_circuits()
    entry = '{"task": "multiplier:4", "how": "training", "command": "none"}'
    (tmp_path / "gallery.json").write_text(f'{{"circuits": {{"{circuit.name}": {entry}}}}}')
    with pytest.raises(TOOL.GalleryError, match="expected multiplier_4_c22"):
        TOOL.read_circuits()


def test_the_page_is_up_to_date():
    """Page and pictures are those that docs/tools/gallery.py writes."""
    assert TOOL.PAGE.read_text(encoding="utf-8") == TOOL.page(RECORD, CIRCUITS)
    kept = {path.name: path.read_text(encoding="utf-8") for path in TOOL.PICTURES.glob("*.svg")}
    assert kept == TOOL.pictures(CIRCUITS)


def test_every_command_of_the_gallery_is_one(monkeypatch):
    """Commands are for the task of their circuit, and the programs take them."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    search = importlib.import_module("gallery")
    for circuit in CIRCUITS:
        program, *words = shlex.split(circuit.command)
        if program == "python":
            assert words[0] == "benchmarks/gallery.py"
            options = search.parser().parse_args(words[1:])
            assert load(options.task).source == circuit.task
            starts = [path.name for path in options.start]
            assert starts == [Path(circuit.start).name] * bool(circuit.start)
            assert options.part is None or (ROOT / options.part).is_file()
        else:
            assert (program, words[1]) == ("btfsynth", circuit.task)


SMALL = (
    "multiplier:3", "multiplier:2x4", "squarer:1", "squarer:5", "adder:3", "adder:3,cin=1", "full_adder",
    "popcount:6", "parity:5", "sorter:1", "sorter:6", "majority:7", "less:3", "equal:3", "comparator:3",
)  # fmt: skip


def test_textbook_circuits(textbook):
    """Whatever is drawn at random, they compute their tasks; there is one for every name."""
    assert {task.partition(":")[0] for task in SMALL} == set(textbook.FUNCTIONS) <= set(TASKS)
    for task in SMALL:
        dataset = load(task)
        reference = care_reference(dataset)
        for seed in range(12):
            assert not count_wrong(textbook.textbook(dataset, Random(seed)), reference), task


def test_textbook_sizes(textbook):
    """Full adders take three cells: the known sizes of ripple adders, counts and arrays come out."""
    sizes = {"adder:4": 12, "popcount:7": 12, "multiplier:4": 52, "less:4": 4, "comparator:4": 9}
    for task, cells in sizes.items():
        assert textbook.textbook(load(task), Random(1)).n_cells == cells
    assert len(textbook.batcher(8)) == 19


@pytest.fixture
def search(monkeypatch, capsys) -> Callable[..., str]:
    """Call the search with these words, its walks short; returns what it prints."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    program = importlib.import_module("gallery")
    monkeypatch.setattr(program, "_WORK", 1_000_000)

    def run(*words: object) -> str:
        program.main([*map(str, words)])
        return capsys.readouterr().out

    return run


def test_the_search_goes_on_where_it_stopped(search, tmp_path):
    """It finds the 8 cells of the 2-bit multiplier; two halves leave what one run leaves."""
    search("multiplier:2", "--rounds", 3, "-o", tmp_path / "a")
    search("multiplier:2", "--rounds", 1, "-o", tmp_path / "b")
    assert "multiplier_2_c8_d3.mig" in search("multiplier:2", "--rounds", 3, "-o", tmp_path / "b")
    files = [sorted((tmp_path / half).rglob("*.*")) for half in "ab"]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]
    (circuit,) = (path for path in files[0] if path.name == "multiplier_2_c8_d3.mig")
    netlist = read_netlist(circuit)
    assert statistics(netlist).cells == 8
    assert not count_wrong(netlist, care_reference(load("multiplier:2")))


def test_a_circuit_of_fewer_bits_is_completed(search, tmp_path):
    """The 22 cells of three bits and 25 of a row and a column are where four bits begin."""
    part = next(each for each in CIRCUITS if each.name == "multiplier_3_c22_d9").path
    told = search("multiplier:4", "--rounds", 1, "--part", part, "-o", tmp_path / "p")
    cells = {int(name) for name in re.findall(r"multiplier_4_c(\d+)_d", told)}
    assert cells
    assert min(cells) <= 47


def test_a_start_that_is_no_start(search, tmp_path, capsys):
    """A file of another function or of other ports, and a folder of another search, end it with one line."""
    circuit = next(each for each in CIRCUITS if each.task == "multiplier:3").path

    def refused(*words: object) -> str:
        with pytest.raises(SystemExit) as ended:
            search(*words, "-o", tmp_path / "s")
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "is not sorter:6" in refused("sorter:6", "--start", circuit)
    assert "expected 4 inputs" in refused("multiplier:2", "--start", circuit)
    assert "expected fewer bits" in refused("multiplier:3", "--part", circuit)
    assert "take one" in refused("adder:4", "--part", circuit)
    search("multiplier:1", "--rounds", 1, "-o", tmp_path / "s")
    assert "name another folder" in refused("multiplier:2")
