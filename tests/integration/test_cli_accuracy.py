"""Beside "verified" stands what the hardware gets right of its targets, everywhere."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from btfsynth.errors import percent
from btfsynth.flow.patterns import Targets, verified_words

CHECK = ("--simulator", "amaranth")


@pytest.fixture
def coin_flips(tmp_path):
    """Write analog patterns whose targets are noise, so that no small network has them all right."""
    random = np.random.default_rng(11)
    rows = [f"{a:.2f} {b:.2f} {t}" for a, b, t in zip(*random.random((2, 60)),
            random.integers(0, 2, 60), strict=True)]  # fmt: skip
    (tmp_path / "flips.dat").write_text("\n".join(["60", "0 2", "2 1", *rows]) + "\n")
    return tmp_path


@pytest.fixture
def styles(monkeypatch):
    """Every text that is written, with its style."""
    told = []
    write = Console.print

    def tell(self, *objects, **others):
        told.extend((each.plain, each.style) for each in objects if isinstance(each, Text))
        write(self, *objects, **others)

    monkeypatch.setattr(Console, "print", tell)
    return told


def test_a_build_that_misses_targets_says_so(cli, coin_flips, styles):
    """Last line, JSON, report.json, page, verify and simulate tell the same count, and none is green."""
    build = ("build", "flips.dat", "--code", "binary:3", "--widths", "2,3,1", "--max-iterations", 60,
             "--stop", "none", "--trials", 1, *CHECK, "-o", "out", "--report")  # fmt: skip
    outcome = cli(*build)
    assert outcome.code == 0, outcome.stderr
    record = json.loads((coin_flips / "out" / "report.json").read_text())
    right = record["targets"]["train"]["right"]
    assert record["targets"] == {"train": {"right": right, "count": 60}}
    assert right == record["hardware"]["accuracy"]["netlist"]["train"]["bits_right"] < 60
    share = f"{right / 60:.2%}"
    counted = f"{right} of 60 targets right ({share})"
    assert record["verdict"] == f"verified: hardware equals the network; {counted}"
    assert outcome.stdout.splitlines()[-1] == record["verdict"]
    assert styles[-1] == (record["verdict"], "bold yellow")
    page = (coin_flips / "out" / "report.html").read_text()
    assert f'<span class="pill warn">verified, {share} of targets right</span>' in page
    assert counted in page
    for command in (("verify", "out", "--mutants", 1), ("simulate", "out")):
        again = cli(*command, *CHECK)
        assert again.stdout.splitlines()[-1] == f"verified: hardware equals the netlist; {counted}"
        assert styles[-1][1] == "bold yellow"
        told = cli(*command, *CHECK, "--json").json
        assert told["targets"] == record["targets"]
        assert told["verdict"].endswith(counted)


def test_a_build_that_misses_nothing_is_green(cli, styles):
    """All targets: 100 %."""
    outcome = cli("build", "full_adder", *CHECK)
    words = "verified: hardware equals the netlist; 16 of 16 targets right (100%)"
    assert outcome.stdout.splitlines()[-1] == words
    assert styles[-1] == (words, "bold green")


def test_a_learnt_circuit(cli, tmp_path):
    """Counts of all sets, and a page with the command that was run."""
    random = np.random.default_rng(2)
    for name, count in (("some", 90), ("more", 50)):
        rows = {tuple(row) for row in random.integers(0, 2, (count, 7)).tolist()}
        lines = [
            f"{''.join(map(str, row))} {(sum(row) * 7 + row[0]) % 3 % 2}" for row in sorted(rows)
        ]
        (tmp_path / f"{name}.pla").write_text(
            "\n".join([".i 7", ".o 1", ".type fr", *lines, ".e"]) + "\n"
        )
    learn = ("learn", "some.pla", "--test", "more.pla", "--trials", "1", "--seed", "4",
             "--passes", "strash", "--no-baselines", *CHECK)  # fmt: skip
    outcome = cli(*learn, "-o", "out")
    assert outcome.code == 0, outcome.stderr
    record = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(record["targets"]) == ["train", "valid", "test"]
    for name, each in record["targets"].items():
        assert each["count"] == record["patterns"][name]
        assert each["right"] / each["count"] == record["accuracy"][name]["bits"]
    assert record["verdict"].startswith("verified: hardware equals the circuit; train: ")
    assert " ".join(outcome.stdout.split()).endswith(record["verdict"])
    assert record["command"] == ["btfsynth", *learn]
    assert cli("report", "out").code == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "btfsynth learn some.pla --test more.pla" in page
    assert "btfsynth build" not in page
    right, count = (record["targets"]["test"][key] for key in ("right", "count"))
    assert f"{right} of {count} targets right" in page


def test_only_all_are_100_percent():
    """Other shares have two decimals."""
    assert percent(99_999, 100_000) == percent(0.99999) == "99.99%"
    assert percent(123, 124) == "99.19%"
    assert percent(42, 64) == "65.62%"
    assert percent(0, 5) == "0.00%"
    assert percent(0, 0) == percent(5, 5) == "100%"
    two = {"train": Targets(5, 6), "valid": Targets(3, 3, 1, 2)}
    assert verified_words(two) == (
        "verified: hardware equals the netlist; train: 5 of 6 targets right (83.33%); "
        "valid: 3 of 3 targets right (100%), 1 of 2 labels right (50.00%)"
    )
    assert not two["valid"].all_right
