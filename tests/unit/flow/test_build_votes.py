"""Hardware of votes: verified against the network, with the accuracy of its labels beside the word."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.flow import building
from btfsynth.flow.building import build
from btfsynth.flow.report import BuildOptions
from btfsynth.network.formats import load_network
from btfsynth.ports import Port
from btfsynth.training.session import TrainOptions


def test_more_tables_than_the_limit_are_said(tmp_path, monkeypatch) -> None:
    """The number of votes is chosen by an estimate; the netlist is counted."""
    monkeypatch.setattr(building, "map_luts", lambda *_: SimpleNamespace(luts=80))
    random = np.random.default_rng(1)
    inputs = random.integers(0, 2, (60, 5)).astype(np.uint8)
    data = Dataset("d", "d", inputs, inputs[:, :1], (Port("x", 5),), (Port("y", 1),))
    options = BuildOptions(
        training=TrainOptions(votes=3, max_luts=40), passes="light", simulators=("amaranth",)
    )
    report = build(data, tmp_path / "out", options)
    (notice,) = (each for each in report.notices if "max_luts" in each)
    assert "takes 80 lookup tables, expected at most 40; try a limit of 20" in notice


def test_accuracy_of_the_labels_stands_beside_verified(tmp_path) -> None:
    random = np.random.default_rng(1)
    inputs = random.integers(0, 2, (400, 9)).astype(np.uint8)
    labels = np.where(inputs[:, 0] ^ inputs[:, 1], 2, inputs[:, 2:5].sum(axis=1) > 1)
    labels = np.where(random.random(400) < 0.1, random.integers(0, 3, 400), labels)
    targets = np.eye(3, dtype=np.uint8)[labels]
    ports = (Port("x", 9),), (Port("y", 3),)
    data = Dataset("d", "d", inputs, targets, *ports, output_kind=OutputKind.LABEL)
    train, test = data.select(np.arange(200)), data.select(np.arange(200, 400))
    options = BuildOptions(
        training=TrainOptions(votes=9, max_loss=1.0),
        label=True,
        passes="light",
        simulators=("amaranth",),
    )
    report = build(train, tmp_path / "out", options, valid=test)
    assert report.verified
    network = load_network(tmp_path / "out" / "d.npz")
    right = int((network.output_sums(test.inputs).argmax(axis=1) == labels[200:]).sum())
    assert 160 < right < 200
    assert f"{right} of 200 labels right" in report.verdict
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert record["verified"] is True
    assert record["hardware"]["accuracy"]["netlist"]["valid"]["labels_right"] == right
    assert report.origin.run is not None
    assert report.origin.run.best.votes == network.training["votes"]
