"""Every example runs as it stands, in its quick setting, and what it claims is so."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from btfsynth.dataset.load import load
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.text import read_netlist
from btfsynth.network.formats import load_network
from btfsynth.reproduce.record import hidden_netlist
from btfsynth.verify.equivalence import equivalent

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Run an example in its quick setting; return what it says, by the first word of the line."""

    def example(name: str) -> dict[str, str]:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / name), str(tmp_path / "out"), "--quick"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        said: dict[str, str] = {}
        for line in done.stdout.splitlines():
            if match := re.match(r"(\w+(?: \w+)?) {2,}(.+)", line):
                said.setdefault(match[1], match[2])
        return said

    return example


def numbers(text: str) -> list[int]:
    """Return the whole numbers of a line."""
    return [int(number) for number in re.findall(r"\b\d+\b", text)]


def report(folder: Path) -> dict:
    """Return the report of a design."""
    return json.loads((folder / "report.json").read_text())


def test_every_example_is_tested_and_listed() -> None:
    """None is forgotten here or in the table of the README."""
    names = {path.name for path in EXAMPLES.glob("*.py")}
    tested = set(re.findall(r'run\("(\w+\.py)"\)', Path(__file__).read_text()))
    listed = set(re.findall(r"\((\w+\.py)\)", (EXAMPLES / "README.md").read_text()))
    assert names == tested == listed


def test_multiplier(run, tmp_path) -> None:
    """The design is verified, and the smallest circuits found multiply."""
    said = run("multiplier.py")
    assert said["trained"] == "64 of 64 bits right"
    assert said["verified"].startswith("True")
    assert report(tmp_path / "out" / "one")["verified"] is True
    data = load("multiplier:2")
    found = sorted((tmp_path / "out" / "many" / "front").glob("*/*.mig"))
    assert found
    for path in found:
        assert np.array_equal(evaluate(read_netlist(path), data.inputs), data.targets)
    trials, exact = numbers(said["searched"].split(":")[2])
    assert trials == 6 >= exact > 0


def test_recover(run, tmp_path) -> None:
    """All of the hidden circuit is proven, and the hardware made of the network is it too."""
    said = run("recover.py")
    right, total, _ = numbers(said["tested"])
    assert right == total
    equal, outputs = numbers(said["recovered"])
    assert equal == outputs
    assert "by SAT sweeping" in said["recovered"]
    assert "verified True" in said["hardware"]
    source = report(tmp_path / "out")["source"]
    (path,) = (tmp_path / "out").glob("*.mig")
    assert equivalent(read_netlist(path), hidden_netlist(source)).equal


def test_automaton(run, tmp_path) -> None:
    """The share of test bits is that of the saved network, and a proof holds for all states."""
    said = run("automaton.py")
    network = load_network(tmp_path / "out" / "rule30.npz")
    test = load("automaton:30,cells=8,train=128,test=128,part=test")
    assert said["tested"].startswith(f"{network.bits_right(test) / test.targets.size:.2%} of")
    proven, cells, *_ = numbers(said["proven"])
    assert proven == cells == 8
    assert "by all 256 input vectors" in said["proven"]


def test_autoencoder(run, tmp_path) -> None:
    """Every vector has a code of its own, and the two circuits bring it back."""
    said = run("autoencoder.py")
    assert said["together"].startswith("8 of 8 vectors come back")
    data = load("autoencoder:8")
    encode, decode = (
        partial(evaluate, read_netlist(tmp_path / "out" / name / f"{name}.mig"))
        for name in ("encoder", "decoder")
    )
    codes = encode(data.inputs)
    assert len(np.unique(codes, axis=0)) == 8
    assert np.array_equal(decode(codes), data.inputs)
    assert all(report(tmp_path / "out" / name)["verified"] for name in ("encoder", "decoder"))


def test_own_csv(run, tmp_path) -> None:
    """Every digit lights the segments of the table."""
    said = run("own_csv.py")
    assert said["verified"].startswith("True")
    data = load(EXAMPLES / "data" / "seven_segment.csv")
    found = evaluate(read_netlist(tmp_path / "out" / "seven_segment.mig"), data.inputs)
    assert ((found == data.targets) | ~data.care_mask).all()
    assert said["cares"].startswith("70 of 112")
    cells, _ = numbers(said["netlist"])
    assert report(tmp_path / "out")["netlist"]["cells"] == cells


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn")
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_digits(run, tmp_path) -> None:
    """The hardware gives unseen images the labels that the trained network gives them."""
    said = run("digits.py")
    same, unseen = numbers(said["same"])
    assert same == unseen == 40
    network = load_network(tmp_path / "out" / "digits.npz")
    images = load("digits:grey,train=128,part=test,count=40")
    labels = network.output_sums(images.inputs >= 0.5).argmax(axis=1)
    right = int((labels == images.targets.argmax(axis=1)).sum())
    assert said["trained"] == said["netlist"] == f"{right} of 40 unseen images right"
    made = report(tmp_path / "out")
    assert made["verified"] is True
    assert made["checks"]["labels"] == {"passed": 168, "failed": 0}
    assert made["checks"]["icarus"]["passed"] >= 168


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn")
@pytest.mark.skipif(importlib.util.find_spec("onnx") is None, reason="needs onnx")
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_from_onnx(run, tmp_path) -> None:
    """Every row has the model's label, and the hardware is verified."""
    said = run("from_onnx.py")
    assert said["network"] == "<Network: digits, widths 64-6-10, weights 437>"
    rows, same, near = numbers(said["X"])
    assert (rows, same, near) == (1797, 1797, 0)
    assert said["proven"].startswith("True")
    assert report(tmp_path / "out" / "design")["verified"] is True


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn")
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_from_difflogic(run, tmp_path) -> None:
    """The netlist gets smaller and stays equal, and the hardware is verified."""
    said = run("from_difflogic.py")
    (before, _), (after, _) = (numbers(said[name]) for name in ("built", "smaller"))
    assert after < before
    assert said["proven"].startswith("True")
    assert report(tmp_path / "out" / "design")["verified"] is True


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn")
def test_from_sklearn(run, tmp_path) -> None:
    """Every row has scikit-learn's label, and the netlist of the folder is that of the model."""
    said = run("from_sklearn.py")
    same, rows = numbers(said["compared"])
    assert same == rows == 569
    assert said["netlist"].endswith("equal True")
    made = report(tmp_path / "out")
    assert made["verified"] is True
    assert [(each["rows"], each["same"]) for each in made["compared"]] == [(569, 569), (1024, 1024)]
    assert made["library"].startswith("scikit-learn")
