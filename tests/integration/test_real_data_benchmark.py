"""The program that compares learned circuits of real tables with other models."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from real_data import (  # noqa: E402
    Split,
    count_luts,
    main,
    measured,
    noisy_xor,
    plain_verilog,
    read_table,
    rounded,
    some_forests,
    some_trees,
    split_rows,
    table_split,
    threshold_bits,
)

TABLE = "\n".join(
    ["@relation t", "@data"]
    + [
        f"{k % 7}, {'red' if k % 3 else 'blue'}, {k % 2}, {'yes' if k % 7 > 3 else 'no'}"
        for k in range(80)
    ]
)


@pytest.fixture
def split(tmp_path):
    (tmp_path / "t.dat").write_text(TABLE)
    return table_split("t", *read_table(tmp_path / "t.dat"), seed=1, levels=4)


def test_rows_are_split_by_class():
    labels = np.array([0] * 50 + [1] * 10)
    parts = split_rows(labels, 3)
    assert [(labels[part] == 0).sum() for part in parts] == [30, 10, 10]
    assert [(labels[part] == 1).sum() for part in parts] == [6, 2, 2]
    assert sorted(np.concatenate(parts)) == list(range(60))


def test_thresholds_come_from_training_rows():
    """Few values are told apart, many at quantiles; a value beyond all of them is as the last."""
    bits = threshold_bits(np.array([1.0, 5.0, 9.0, 100.0]), np.array([0, 1, 2]), 8)
    assert bits.tolist() == [[0, 0], [1, 0], [1, 1], [1, 1]]
    many = threshold_bits(np.arange(100.0), np.arange(100), 4)
    assert many.sum(axis=0).tolist() == [75, 50, 25]


def test_a_keel_table_is_coded(split):
    """A number column, a column of two words, and one of numbers 0 and 1."""
    assert split.bits[0].shape[1] == 3 + 1 + 1
    assert sum(len(labels) for labels in split.labels) == 80


@pytest.mark.parametrize("make", [some_trees, some_forests])
def test_models_become_trees_that_agree(split, make):
    """The rounded trees say what the model says of nearly all rows; the rule is learnt."""
    pytest.importorskip("sklearn")
    assert measured(split, make).accuracy > 0.9


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="no Icarus Verilog")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_plain_verilog_equals_the_ensemble(tmp_path, n_classes):
    """Simulated on all rows; the first of equal sums is the class."""
    pytest.importorskip("sklearn")
    random = np.random.default_rng(n_classes)
    bits = random.integers(0, 2, (64, 5), dtype=np.uint8)
    labels = (bits.sum(axis=1) * n_classes // 6).astype(np.int64)
    split = Split("s", (bits, bits, bits), (labels, labels, labels))
    trees, _ = next(iter(some_forests(split)))
    ensemble = rounded(trees, 3)
    (tmp_path / "m.v").write_text(plain_verilog(ensemble, 5))
    lines = [f'x = {int("".join(map(str, row[::-1])), 2)}; #1 $display("%0d", y);' for row in bits]
    width = 1 if n_classes == 2 else 2
    ports = f"reg [4:0] x; wire [{width - 1}:0] y; m m(x, y);"
    bench = f"module b; {ports} initial begin {' '.join(lines)} end endmodule"
    (tmp_path / "b.v").write_text(bench)
    subprocess.run(["iverilog", "-g2012", "-o", "b", "b.v", "m.v"], cwd=tmp_path, check=True)
    shown = subprocess.run(["vvp", "b"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert [int(line) for line in shown.stdout.split()] == ensemble.labels(bits).tolist()


def test_noisy_xor():
    """Labels are wrong in the training and validation rows alone."""
    split = noisy_xor(1)
    wrong = [
        float((bits[:, 0] ^ bits[:, 1] != labels).mean())
        for bits, labels in zip(split.bits, split.labels, strict=True)
    ]
    assert wrong[0] == pytest.approx(0.4, abs=0.03)
    assert wrong[2] == 0


def test_without_yosys(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert count_luts("module m; endmodule") is None


def test_a_table_is_printed(tmp_path, monkeypatch, capsys):
    """One line per set: accuracy, tables, seconds."""
    (tmp_path / "t.dat").write_text(TABLE)
    arguments = [
        "real_data.py",
        "--peers",
        "none",
        "--ways",
        "learn,votes,classifier",
        "--max-luts",
        "20",
        str(tmp_path),
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("t (48, ")
    assert " @ " in last
