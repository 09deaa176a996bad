"""A limit on lookup tables holds for the circuit that is emitted, by whatever counts them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import MissingToolError, ToolError
from btfsynth.hdl.yosys import find_yosys
from btfsynth.learning import LearnOptions, learn, lut_limit
from btfsynth.learning.base import count_luts
from btfsynth.learning.lut_limit import luts_by_yosys
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.settings.table import LutCount


def noisy_rows(count: int, outputs: int = 1) -> Dataset:
    """Return rows of twelve bits and weighted sums of them, some targets wrong."""
    random = np.random.default_rng(3)
    bits = random.integers(0, 2, (count, 12), dtype=np.uint8)
    targets = []
    for _ in range(outputs):
        weights = random.integers(-5, 6, 12)
        wrong = random.random(count) < 0.1
        targets.append((bits @ weights > weights.sum() / 2) ^ wrong)
    values = np.array(targets).T.astype(np.uint8)
    return Dataset("rows", "rows.csv", bits, values, (Port("x", 12),), (Port("y", outputs),))


def options(most: int, count: LutCount = LutCount.ESTIMATE) -> LearnOptions:
    return LearnOptions(
        trials=1,
        max_luts=most,
        count_luts=count,
        baselines=False,
        learners=("tree", "gradient"),
        simulators=("amaranth",),
        passes="strash",
    )


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_count_above_the_estimate_holds_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: int
) -> None:
    """One that finds twice as many as we estimate gets a smaller circuit; all is said of that one."""
    counted: list[int] = []

    def count(netlist: Netlist) -> int:
        counted.append(2 * count_luts(netlist))
        return counted[-1]

    monkeypatch.setattr(lut_limit, "counter", lambda _: count)
    report = learn(noisy_rows(900, outputs), tmp_path / "d", options(24))
    assert counted[0] > 24 >= counted[-1] > 0
    assert report.luts == counted[-1] == report.to_json()["netlist"]["luts"]
    assert count_luts(report.netlist) <= 12
    assert not any("max_luts" in notice for notice in report.notices)
    assert report.verified


def test_what_cannot_be_met_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of the constant, which is all that is left in the end."""
    monkeypatch.setattr(lut_limit, "counter", lambda _: lambda netlist: 30 + count_luts(netlist))
    report = learn(noisy_rows(300), tmp_path / "d", options(24))
    assert report.luts == 30
    (notice,) = (notice for notice in report.notices if "max_luts" in notice)
    assert "takes 30 lookup tables, expected at most 24" in notice


def test_a_broken_counter_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Netlist) -> int:
        raise ToolError("Yosys 0.9 cannot map the circuit")

    monkeypatch.setattr(lut_limit, "counter", lambda _: broken)
    report = learn(noisy_rows(300), tmp_path / "d", options(24))
    assert report.verified
    assert report.luts is None
    assert any("cannot map the circuit" in notice for notice in report.notices)


def test_yosys_is_wanted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingToolError("Yosys is not installed")

    monkeypatch.setattr(lut_limit, "find_yosys", missing)
    with pytest.raises(MissingToolError):
        learn(noisy_rows(300), tmp_path / "d", options(24, LutCount.YOSYS))
    assert not (tmp_path / "d").exists()


@pytest.mark.skipif(shutil.which("yosys") is None, reason="needs Yosys")
@pytest.mark.parametrize("gates", [0, 1, 3])
def test_tables_by_yosys(gates: int) -> None:
    """ANDs of six inputs each, none of them shared."""
    builder = NetlistBuilder("ands", (Port("x", 18),), (Port("y", 3),))
    found = [0, 0, 0]
    for gate in range(gates):
        literal = builder.input(6 * gate)
        for bit in range(6 * gate + 1, 6 * gate + 6):
            literal = builder.and_(literal, builder.input(bit))
        found[gate] = literal
    assert luts_by_yosys(find_yosys(), builder.build(found)) == gates
