"""``btfsynth report`` and ``btfsynth build --report``, the pages looked at in headless Chromium."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_folders import (
    HOSTILE,
    add_build,
    hostile_folder,
    multiplier_folder,
    write_folder,
    wrong_folder,
)

from btfsynth.hdl.manifest import load_manifest
from btfsynth.netlist.simulation import output_words, pack_bits, unpack_bits
from btfsynth.netlist.text import read_netlist
from btfsynth.sim.simulators import load_design


def majority_folder(directory: Path) -> Path:
    """Write a full adder of majorities, one port a bit."""
    from circuits import full_adder, majority_adder

    return write_folder(full_adder(majority_adder), directory)


@pytest.mark.parametrize(
    "make",
    [lambda path: multiplier_folder(2, path), lambda path: multiplier_folder(3, path),
     majority_folder],
    ids=["multiplier:2", "multiplier:3", "full_adder"],
)  # fmt: skip
def test_page_agrees_with_the_simulator(opened, tmp_path, make):
    """On every vector, reached by switching inputs one by one, the outputs are the simulator's."""
    directory = make(tmp_path / "d")
    design = load_design(directory)
    netlist = read_netlist(directory / f"{design.manifest.module}.mig")
    page = opened(directory)
    assert page.state == "drawn"
    assert page.page.locator(".cell").count() == netlist.n_cells
    literals = [*netlist.fanins.ravel().tolist(), *netlist.outputs.tolist()]
    inverted = sum(literal > 1 and literal % 2 for literal in literals)
    assert page.page.locator(".bubble").count() == inverted
    switches = page.page.locator(".schematic [role=switch]")
    assert switches.count() == netlist.n_inputs
    labels = switches.evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    bits = [0] * netlist.n_inputs
    for vector in range(1 << netlist.n_inputs):
        if vector:
            flipped = (vector & -vector).bit_length() - 1  # the Gray code: one input at a time
            bits[flipped] ^= 1
            name = page.page.evaluate("bit => viewer.inputNames[bit]", flipped)
            switches.nth(labels.index(f"input {name}")).press("Enter" if vector % 2 else " ")
        words = output_words(netlist, pack_bits(_row(bits)))
        assert page.outputs() == "".join(map(str, unpack_bits(words, 1)[0].tolist()))
    states = switches.evaluate_all("all => all.map(one => one.getAttribute('aria-checked'))")
    assert states.count("true") == sum(bits)


def _row(bits: list[int]) -> Any:
    import numpy as np

    return np.array([bits], dtype=np.uint8)


def test_products(opened, tmp_path):
    """Clicking the inputs of the 3-bit multiplier gives the product on all 64 vectors."""
    page = opened(multiplier_folder(3, tmp_path / "m3"))
    rows = page.page.locator(".values").nth(0).locator("tr")
    buttons = [rows.nth(port).locator("button").nth(2 - bit) for port in (0, 1) for bit in range(3)]
    code = 0
    for vector in range(64):
        if vector:
            flipped = (vector & -vector).bit_length() - 1
            code ^= 1 << flipped
            buttons[flipped].click()
        shown = page.page.locator(".value-number").all_inner_texts()
        assert [int(text) for text in shown] == [code & 7, code >> 3, (code & 7) * (code >> 3)]
        assert page.page.inner_text("[data-part=verdict]") == "as expected"


def test_steps_and_cells(opened, tmp_path):
    """Buttons and arrow keys step through the vectors; cells are found, shown and marked."""
    page = opened(multiplier_folder(3, tmp_path / "m3")).page
    page.click("[data-part=next]")
    page.click("[data-part=next]")
    page.focus(".schematic")
    page.keyboard.press("ArrowRight")
    assert page.input_value("[data-part=vector]") == "3"
    page.keyboard.press("ArrowLeft")
    page.click("[data-part=previous]")
    assert page.input_value("[data-part=vector]") == "1"
    page.fill("[data-part=vector]", "45")
    page.keyboard.press("Tab")
    assert page.locator(".value-number").all_inner_texts() == ["5", "5", "25"]
    page.fill("[data-part=find]", "n12")
    assert page.inner_text(".expression").startswith("n12 = ")
    assert page.locator(".cell.chosen").count() == 1
    assert page.locator(".cell.fanin").count() > 1
    page.fill("[data-part=find]", "n999")
    assert page.get_attribute("[data-part=find]", "aria-invalid") == "true"
    page.focus(".schematic")
    page.keyboard.press("Escape")
    assert page.locator(".cell.chosen").count() == 0
    before = page.get_attribute(".schematic > g", "transform")
    page.keyboard.press("+")
    assert page.get_attribute(".schematic > g", "transform") != before
    page.keyboard.press("0")
    page.hover(".cell >> nth=0")
    assert page.locator(".cell.chosen").count() == 1


def test_truth_table(opened, tmp_path):
    """Rows are searched by the values of ports; one opens in the circuit."""
    page = opened(multiplier_folder(3, tmp_path / "m3")).page
    rows = page.locator("#truth tbody tr")
    assert rows.count() == 64
    page.fill("[data-part=filter]", "a=7 p=21")
    assert rows.count() == 1
    rows.locator("button").click()
    assert page.locator(".value-number").all_inner_texts() == ["7", "3", "21"]
    page.check("[data-part=failing]")
    assert rows.count() == 0


def test_wrong_rows_come_first(opened, tmp_path):
    """Rows on which the circuit is wrong are shown as such, with what it gives."""
    directory = wrong_folder(tmp_path / "w")
    add_build(directory, read_netlist(directory / "multiplier_2.mig"))
    page = opened(directory).page
    assert page.inner_text(".headline .pill") == "failed"
    assert page.locator("#truth tr.failing").count() == 16
    assert "got" in page.locator("#truth tr.failing").nth(0).inner_text()
    assert page.inner_text("[data-part=verdict]") == "expected p = 0000"
    assert page.locator(".pin.wrong").count() == 1


def test_hostile_names(opened, tmp_path):
    """Names that are markup are shown as text and nothing in them runs."""
    page = opened(hostile_folder(tmp_path / "h")).page
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    titles = page.locator(".port.input .title title").evaluate_all(
        "all => all.map(t => t.textContent)"
    )
    assert titles == list(HOSTILE)
    assert page.inner_text("h1") == "</title><script>window.hit=3</script>"
    page.hover(".cell >> nth=0")
    page.fill("[data-part=filter]", HOSTILE[0] + "=1")
    assert page.evaluate("window.hit") is None


def test_too_large_to_draw(opened, tmp_path, monkeypatch):
    """Above the limit the page says why there is no schematic; values are still computed."""
    monkeypatch.setattr("btfsynth.report.page.MAX_DRAWN", 3)
    opened_page = opened(multiplier_folder(2, tmp_path / "m2"))
    page = opened_page.page
    assert opened_page.state == "too-large"
    assert "above 3 cells a schematic" in page.inner_text("[data-part=note]")
    for button in page.locator(".value-bit").all()[:4]:
        button.click()
    assert page.locator(".value-number").all_inner_texts() == ["3", "3", "9"]


def test_front(opened, cli, tmp_path):
    """A point of the front, or its row, opens its circuit."""
    outcome = cli(
        "discover", "full_adder", "--trials", "3", "--no-polish", "-o", "found", "--jobs", "1"
    )
    assert outcome.code == 0, outcome.stderr
    page = opened(tmp_path / "found").page
    front = json.loads((tmp_path / "found" / "front.json").read_text())["front"]
    points = page.locator(".point")
    assert points.count() == len(front)
    points.nth(len(front) - 1).press("Enter")
    page.wait_for_selector(".canvas[data-state=drawn]")
    assert page.locator(".cell").count() == front[-1]["cells"]
    assert page.locator("tr.current").count() == 1


def test_build_with_report(cli, tmp_path, fast_simulator):
    """A build keeps history and command and writes the page, which verify's result then joins."""
    outcome = cli(
        "build", "full_adder", "--seed", "2", "--report", "--simulator", fast_simulator,
        "-o", "fa", "--jobs", "2",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    folder = tmp_path / "fa"
    command = f"btfsynth build full_adder --simulator {fast_simulator} --seed 2"
    assert json.loads((folder / "report.json").read_text())["command"] == command.split()
    page = (folder / "report.html").read_text()
    assert f"<code>{command}</code>" in page
    assert 'class="line series-1"' in page
    assert "hidden layer 1" in page
    assert "By verify" not in page
    quick = ("--mutants", "3", "--simulator", fast_simulator)
    assert cli("verify", "fa", "-o", "fa/verify.json", *quick).code == 0
    hashes = json.loads((folder / "verify.json").read_text())["sha256"]
    assert hashes == dict(load_manifest(folder).hashes)
    assert cli("report", "fa", "-o", "page.html").stdout == "report    page.html\n"
    assert "By verify" in (tmp_path / "page.html").read_text()
    assert (folder / "report.html").read_text() == page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("report", "missing"), "missing: no such folder"),
        (("report", "."), "no manifest.json in it"),
        (("report", ".", "-o", "no/where.html"), "no/where.html: cannot be written"),
    ],
)
def test_refusals(cli, arguments, message):
    """What cannot be reported on is refused in one line."""
    outcome = cli(*arguments)
    assert outcome.code in (1, 2)
    assert message in outcome.complaint
