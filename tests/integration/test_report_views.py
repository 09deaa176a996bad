"""The report pages as they are seen and handled: nothing jumps, nothing is cut off, text can be read."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from circuits import array_multiplier
from report_folders import add_build, multiplier_folder, write_folder, wrong_folder

from btfsynth.netlist.text import read_netlist
from btfsynth.ports import Port
from btfsynth.report.page import write_report
from btfsynth.reproduce.catalogue import EXPERIMENTS
from btfsynth.reproduce.table import HEADINGS

RESULTS = Path(__file__).parents[2] / "docs" / "experiments"
NARROW = 400
PANE = "[data-part=details]"
CANVAS = "document.querySelector('.canvas').getBoundingClientRect()"


def long_names(directory: Path) -> Path:
    """Write a multiplier whose names need several lines."""
    netlist = array_multiplier(3, 3)
    inputs = tuple(Port(f"operand_{side}_of_the_multiplying_unit_zero", 3) for side in "lr")
    outputs = (Port("product_register_of_the_multiplying_unit_zero", 6),)
    return write_folder(
        replace(netlist, name="long_" * 30, input_ports=inputs, output_ports=outputs), directory
    )


def middle_of(page: Any, selector: str) -> tuple[float, float]:
    """Where the middle of an element is in the window."""
    box = page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def height(page: Any) -> int:
    """The height of the document."""
    return page.evaluate("document.documentElement.scrollHeight")


@pytest.mark.parametrize("width", [1240, NARROW])
@pytest.mark.parametrize("make", [lambda path: multiplier_folder(3, path), long_names])
def test_pointing_moves_nothing(opened, tmp_path, make, width):
    """Whatever is pointed at, chosen or switched, the page stays as high as it was."""
    page = opened(make(tmp_path / "d"), width=width).page
    before, viewer = height(page), page.locator(".viewer").bounding_box()
    pieces = page.locator(".cell, .port .pin")
    for place in range(pieces.count()):
        pieces.nth(place).dispatch_event("pointerenter")
        assert page.inner_text(PANE) != ""
        assert height(page) == before
        pieces.nth(place).dispatch_event("pointerleave")
    page.locator(".cell").nth(7).dispatch_event("click")
    for _ in range(9):
        page.click("[data-part=next]")
        assert height(page) == before
    after = page.locator(".viewer").bounding_box()
    assert after["height"] == viewer["height"]


def test_pane_shows_the_value_of_now(opened, tmp_path):
    """What the pane says of an input, a cell or an output changes with the inputs, under a resting pointer."""
    page = opened(multiplier_folder(3, tmp_path / "d")).page
    pin = page.locator(".port.input .pin").nth(2)
    pin.click()
    assert page.inner_text(f"{PANE} dd >> nth=0") == "1"
    pin.click()
    assert page.inner_text(f"{PANE} dd >> nth=0") == "0"
    page.hover(".cell >> nth=0")
    page.keyboard.press("Escape")
    page.fill("[data-part=find]", "p[0]")
    assert page.inner_text(f"{PANE} .expression >> nth=0").startswith("p[0] = ")
    shown = set()
    for vector in ("0", "9", "1", "63"):
        page.fill("[data-part=vector]", vector)
        page.keyboard.press("Tab")
        value = page.inner_text(f"{PANE} dd >> nth=0")
        assert value == page.locator(".port.output .digit").first.text_content()
        shown.add(value)
    assert shown == {"0", "1"}


def test_finding_shows_the_cell_and_little_else_moves(opened, tmp_path):
    """A cell that is seen stays where it is; in a large circuit it comes into sight, large enough to read."""
    page = opened(multiplier_folder(2, tmp_path / "small")).page
    before = page.get_attribute(".schematic > g", "transform")
    for name in ("n1", "n8", "p[3]", "a[0]"):
        page.fill("[data-part=find]", name)
        assert page.get_attribute(".schematic > g", "transform") == before
    page = opened(write_folder(array_multiplier(7, 7), tmp_path / "large")).page
    cells = page.locator(".cell").count()
    for name in ("n1", f"n{cells}", f"n{cells // 2}", "a[6]", "p[13]"):
        page.fill("[data-part=find]", name)
        last = ".port.output .pin >> nth=-1"
        selector = {"n": ".cell.chosen", "a": ".input .pin.chosen", "p": last}[name[0]]
        x, y = middle_of(page, selector)
        canvas = page.evaluate(CANVAS)
        assert canvas["left"] < x < canvas["right"]
        assert canvas["top"] < y < canvas["bottom"]
        view = page.evaluate("({...viewer.view, svg: 0, stage: 0, last: 0})")
        assert view["scale"] >= 0.6
        # The drawing is larger than the area and leaves no part of it empty.
        assert view["x"] <= 0.5
        assert view["x"] + view["scale"] * view["width"] >= canvas["width"] - 0.5
        # The cell is in the middle but for the edges of the drawing.
        if view["x"] < -1 and view["x"] + view["scale"] * view["width"] > canvas["width"] + 1:
            assert abs(x - (canvas["left"] + canvas["right"]) / 2) < 8


def test_keys_move_and_zoom(opened, tmp_path):
    """Shift and an arrow move, an input in focus is seen and described, 0 shows everything."""
    page = opened(write_folder(array_multiplier(7, 7), tmp_path / "d")).page
    page.fill("[data-part=find]", "p[13]")
    page.focus(".schematic")
    before = page.evaluate("viewer.view.x")
    page.keyboard.press("Shift+ArrowLeft")
    assert page.evaluate("viewer.view.x") > before
    page.keyboard.press("Tab")
    x, y = middle_of(page, ".pin:focus")
    canvas = page.evaluate(CANVAS)
    assert canvas["left"] < x < canvas["right"]
    assert canvas["top"] < y < canvas["bottom"]
    assert page.inner_text(f"{PANE} .expression") == "a[0]"
    page.keyboard.press("Enter")
    assert page.inner_text(f"{PANE} dd >> nth=0") == "1"
    page.keyboard.press("0")
    view = page.evaluate(
        "[viewer.view.scale * viewer.view.width, viewer.view.scale * viewer.view.height]"
    )
    assert view[0] <= canvas["width"] + 0.5
    assert view[1] <= canvas["height"] + 0.5


def test_fingers(opened, tmp_path):
    """Two fingers zoom; a touch that the browser takes for scrolling leaves nothing held."""
    page = opened(multiplier_folder(3, tmp_path / "d")).page
    send = """([type, id, x, y]) => viewer.svg.dispatchEvent(new PointerEvent(type,
        {pointerId: id, pointerType: 'touch', clientX: x, clientY: y, button: 0, bubbles: true}))"""
    x, y = middle_of(page, ".schematic")
    for event in (("pointerdown", 1, x - 20, y), ("pointerdown", 2, x + 20, y)):
        page.evaluate(send, list(event))
    before = page.evaluate("viewer.view.scale")
    page.evaluate(send, ["pointermove", 1, x - 60, y])
    page.evaluate(send, ["pointermove", 2, x + 60, y])
    assert page.evaluate("viewer.view.scale") / before == pytest.approx(3, rel=0.02)
    for number in (1, 2):
        page.evaluate(send, ["pointercancel", number, x, y])
    before = page.evaluate("viewer.view.x")
    page.evaluate(send, ["pointermove", 1, x - 100, y])
    assert page.evaluate("viewer.view.x") == before


@pytest.mark.parametrize(
    "make", [lambda path: multiplier_folder(3, path), long_names, wrong_folder]
)
def test_narrow_windows(opened, tmp_path, make):
    """At the width of a phone nothing is wider than the window and names in the drawing can be read."""
    directory = make(tmp_path / "d")
    passes = [{"name": f"p{place}", "cells": 9, "depth": 3, "seconds": 1, "proof": "all patterns"}
              for place in range(3)]  # fmt: skip
    add_build(directory, read_netlist(next(directory.glob("*.mig"))), passes=passes)
    page = opened(directory, width=NARROW, dark=True).page
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW
    drawn = "all => all.map(one => parseFloat(getComputedStyle(one).fontSize) * viewer.view.scale)"
    sizes = page.locator(".cell .name, .port .title, .port .digit").evaluate_all(drawn)
    assert min(sizes) >= 6.5
    right = "all => Math.max(...all.map(one => one.getBoundingClientRect().right))"
    for table in ("#checks td", "#passes td"):
        assert page.locator(table).evaluate_all(right) <= NARROW
    words = page.locator("#checks td[data-label=covers]").first
    assert words.bounding_box()["height"] < 40  # a line, not a letter a line


def test_wide_windows_after_narrow_ones(opened, tmp_path):
    """Turning a phone shows the drawing anew; a view that was chosen keeps its scale."""
    page = opened(multiplier_folder(3, tmp_path / "d"), width=NARROW).page
    page.set_viewport_size({"width": 1240, "height": 900})
    page.wait_for_function("viewer.view.scale === viewer.view.whole")
    page.click("[data-part=zoom-in]")
    scale = page.evaluate("viewer.view.scale")
    page.set_viewport_size({"width": 1000, "height": 900})
    page.wait_for_function("viewer.view.last.width < 800")
    assert page.evaluate("viewer.view.scale") == scale


def reproduction(directory: Path, count: int) -> Path:
    """Write a page of the committed results cut to some experiments."""
    directory.mkdir()
    shutil.copy(RESULTS / "results.json", directory)
    path = directory / "results.json"
    record = json.loads(path.read_text())
    record["rows"] = record["rows"][:count]
    path.write_text(json.dumps({**record, "complete": True}))
    write_report(directory, directory / "report.html")
    return directory / "report.html"


@pytest.mark.parametrize(
    ("width", "media"), [(1240, "screen"), (800, "screen"), (400, "screen"), (700, "print")]
)
def test_no_column_of_a_reproduction_is_cut_off(chromium, tmp_path, width, media):
    """Every cell of every row is in the window, under its heading, whatever the width."""
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.emulate_media(media=media)
    page.goto(reproduction(tmp_path / "r", 23).as_uri())
    cells = page.locator("#results tbody td").evaluate_all(
        "all => all.map(one => [one.dataset.label, one.getBoundingClientRect().right, one.textContent])"
    )
    assert len(cells) == len(HEADINGS) * len(EXPERIMENTS)
    assert [label for label, _, _ in cells[: len(HEADINGS)]] == list(HEADINGS)
    assert all(text and right <= width for _, right, text in cells)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.inner_text(".headline .pill") == "complete"
    page.close()


def test_part_of_a_reproduction_is_not_complete(chromium, tmp_path):
    """One experiment of all, with every seed run, is said to be that."""
    page = chromium.new_page()
    page.goto(reproduction(tmp_path / "r", 1).as_uri())
    count = f"1 of {len(EXPERIMENTS)} experiments"
    assert page.inner_text(".headline .pill") == count
    assert count in page.inner_text(".reason")
    page.close()
