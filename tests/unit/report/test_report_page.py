"""The page as text: self-contained, small, the same every time, and data never become markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from circuits import full_adder, majority_adder
from report_folders import (
    HOSTILE,
    add_build,
    hostile_folder,
    multiplier_folder,
    write_folder,
    wrong_folder,
)

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import DataError
from btfsynth.hdl.design import HardwareOptions
from btfsynth.hdl.vectors import VectorTable
from btfsynth.report.page import report_page, vector_record, write_report

NOT_CLOSED = {"meta", "link", "input", "img", "br", "hr"}


class Page(HTMLParser):
    """Collects tags, attributes that name addresses, texts and the data of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.open: list[tuple[str, dict]] = []
        self.data = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [
            value for name, value in attrs if name in ("src", "href", "action", "xlink:href")
        ]
        if tag not in NOT_CLOSED:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Check that tags close in order."""
        opened, _ = self.open.pop()
        assert opened == tag

    def handle_data(self, data):
        """Note a text."""
        tag, attributes = self.open[-1] if self.open else ("", {})
        if attributes.get("id") == "data":
            self.data = json.loads(data)
        elif tag not in ("script", "style"):
            self.texts.append(data)


def test_page_needs_nothing_else(tmp_path):
    """All addresses are inside the page; its tags close; it is below a megabyte."""
    text = report_page(multiplier_folder(3, tmp_path / "m3"))
    page = Page(text)
    assert page.open == []
    assert {"#summary", "data:,"} <= set(page.addresses)
    assert all(address.startswith("#") or address == "data:," for address in page.addresses)
    assert "default-src 'none'" in text
    assert len(text.encode()) < 1_000_000
    assert str(tmp_path) not in text


def test_same_bytes(tmp_path):
    """The same folder gives the same bytes, wherever it lies."""
    for name in ("one", "two"):
        write_report(multiplier_folder(2, tmp_path / name), tmp_path / f"{name}.html")
    one, two = (tmp_path / f"{name}.html" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_hostile_names_are_text(tmp_path):
    """Names that are markup stand in the page as text, as attributes and as data."""
    plain = Page(report_page(multiplier_folder(2, tmp_path / "m2")))
    page = Page(report_page(hostile_folder(tmp_path / "h")))
    assert page.open == []
    assert not page.handlers
    assert page.tags.count("script") == plain.tags.count("script")
    assert "img" not in page.tags
    for name in HOSTILE:
        assert name in page.texts
    assert [port["name"] for port in page.data["inputs"]] == list(HOSTILE)


def test_hostile_records_are_text(tmp_path):
    """Records from outside are text too, wherever they appear."""
    folder = multiplier_folder(2, tmp_path / "m2")
    bad = "<script>window.hit=1</script>"
    own = json.loads((folder / "manifest.json").read_text())["sha256"]
    (folder / "verify.json").write_text(
        json.dumps(
            {
                "sha256": own,
                "links": [{"name": bad, "result": bad, "covers": bad, "detail": bad,
                           "counterexample": {bad: bad}}],
            }
        )
    )  # fmt: skip
    (folder / "fpga-x").mkdir()
    (folder / "fpga-x" / "fpga.json").write_text(json.dumps({"device": bad, bad: 3, "luts": bad}))
    page = Page(report_page(folder))
    assert bad in page.texts
    assert all(bad not in tag for tag in page.tags)
    assert page.tags.count("script") == 4


def test_kernel_only_where_something_is_drawn(tmp_path, monkeypatch):
    """A circuit too large to be drawn comes without the code of the layout."""
    folder = multiplier_folder(2, tmp_path / "m2")
    whole = report_page(folder)
    monkeypatch.setattr("btfsynth.report.page.MAX_DRAWN", 3)
    small = report_page(folder)
    assert len(small) < 200_000 < len(whole)
    assert Page(small).data["limit"] == 3


def adder_rows(rows: list[int]) -> Dataset:
    """Some input vectors of the full adder; where both operands are 1 the carry does not matter."""
    whole = parse_task("full_adder")
    inputs = whole.inputs[rows]
    care = np.ones((len(rows), 2), dtype=np.bool_)
    care[:, 1] = ~inputs[:, :2].all(axis=1)
    return replace(
        whole, inputs=inputs, targets=whole.targets[rows], care=care, unlisted_dont_care=True
    )


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (parse_task("full_adder"), "8 vectors, every input vector."),
        (
            adder_rows([*range(8)]),
            "8 vectors, every input vector; don't-care outputs for 2 of those listed.",
        ),
        (
            adder_rows([0, 1, 3]),
            "3 vectors, all that are given; don't-care outputs for 6 of 8 input vectors.",
        ),
    ],
)
def test_what_the_vectors_cover(tmp_path, dataset, words):
    """Every given row counts as checked, and don't-cares are counted, those of rows not given too."""
    page = Page(report_page(write_folder(full_adder(majority_adder), tmp_path / "fa", dataset)))
    assert any(words in text for text in page.texts)
    assert words.split(" vectors, ")[1].rstrip(".") in page.texts


def test_failing_vectors_are_kept():
    """Where there is no room for all vectors, those that fail are among the kept ones."""
    count, bits = 4096, 60
    random = np.random.default_rng(1)
    vectors = VectorTable(
        random.integers(0, 2, (count, bits), dtype=np.uint8),
        random.integers(0, 2, (count, bits), dtype=np.uint8),
        random.random((count, bits)) < 0.5,
        False,
    )
    wrong = np.zeros(count, dtype=np.bool_)
    wrong[[17, 4000]] = True
    record = vector_record(vectors, wrong)
    assert record["wrong"] == 2
    numbers, inputs = record["numbers"], record["inputs"].split(" ")
    expected = record["expected"].split(" ")
    assert len(numbers) == len(inputs) == len(expected) < count
    assert {17, 4000} <= set(numbers)
    for number, line, wanted in zip(numbers, inputs, expected, strict=True):
        assert [int(bit) for bit in line] == vectors.inputs[number].tolist()
        shown = [str(bit) if care else "-" for bit, care in
                 zip(vectors.expected[number], vectors.care[number], strict=True)]  # fmt: skip
        assert list(wanted) == shown


def test_wrong_design(tmp_path):
    """The page of a wrong design says so at the top."""
    text = report_page(wrong_folder(tmp_path / "w"))
    assert '<span class="pill bad">failed</span>' in text
    assert re.search(r"wrong on 16 of 16 vectors", text)


@pytest.mark.parametrize(
    ("checks", "right", "words"),
    [
        ({"icarus": {"passed": 8, "failed": 0}}, 13,
         "The checks of the hardware passed on all 8 vectors, but 3 of 16 targets are missed."),
        ({"icarus": {"passed": 8, "failed": 0}, "ghdl": {"skipped": "not installed"}}, 16,
         "The checks that ran passed on all 8 vectors, but a required check did not run."),
        ({"network": {"passed": 8, "failed": 0}, "icarus": {"skipped": "not installed"}}, 16,
         "but no check of the hardware is recorded here."),
    ],
)  # fmt: skip
def test_why_a_build_is_not_verified(tmp_path, checks, right, words):
    """The page tells missed targets from checks that did not run."""
    netlist = full_adder(majority_adder)
    folder = write_folder(netlist, tmp_path / "d")
    targets = {"train": {"right": right, "count": 16}}
    add_build(folder, netlist, checks=checks, verified=False, targets=targets)
    text = " ".join(Page(report_page(folder)).texts)
    assert words in text
    assert "not verified" in text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no such folder"),
        (lambda path: path.mkdir(), "no manifest.json in it"),
        (lambda path: _front(path, "{}"), "expected at least one circuit"),
        (lambda path: _front(path, '{"front": [{"path": "../m2"}]}'), "paths inside the folder"),
        (lambda path: _front(path, '{"front": [{"path": "/etc"}]}'), "paths inside the folder"),
        (lambda path: _front(path, "[]"), "expected a JSON object"),
    ],
)
def test_no_folder_of_a_kind_known(tmp_path, make, message):
    """What is neither a design nor a discovery is refused in one line."""
    make(tmp_path / "x")
    with pytest.raises(DataError, match=message):
        report_page(tmp_path / "x")


def _front(path, content):
    path.mkdir()
    (path / "front.json").write_text(content)


def test_registers_are_said_to_be_only_simulated(tmp_path):
    """The page of a pipeline has its latency, and says what was proven of it and what only simulated."""
    netlist = full_adder(majority_adder)
    checks = {name: {"passed": 8, "failed": 0} for name in ("icarus", "parsed_verilog")}
    folder = write_folder(netlist, tmp_path / "d", options=HardwareOptions(pipeline=2, reset=True))
    text = " ".join(Page(report_page(folder)).texts)
    assert "latency 2 clocks, registers neither proven nor simulated" in text
    assert "No simulation of the registers" in text
    add_build(folder, netlist, checks=checks)
    page = Page(report_page(folder))
    text = " ".join(page.texts)
    place = page.texts.index("latency")
    assert "2 clocks" in page.texts[place : place + 3]
    assert "ports clk, rst" in page.texts
    assert "latency 2 clocks, registers only simulated." in text
    assert "Proofs treat registers as wires" in text
    assert "the latency and reset were checked by icarus." in text
    assert "an output comes 2 clocks after its input" in text


def test_nothing_of_registers_where_there_are_none(tmp_path):
    """The page of a combinational design says nothing of clocks."""
    text = " ".join(Page(report_page(multiplier_folder(2, tmp_path / "d"))).texts)
    assert "latency" not in text
    assert "register" not in text
