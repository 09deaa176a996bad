"""The page of a reproduction: its table, its curves, and nothing of them becomes markup."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest
from report_folders import HOSTILE
from test_report_page import Page

from btfsynth.errors import DataError
from btfsynth.report.page import report_page
from btfsynth.report.summaries import read_reproduction
from btfsynth.reproduce.catalogue import EXPERIMENTS as EXPERIMENT_NAMES

EXPERIMENTS = Path(__file__).parents[3] / "docs" / "experiments"


@pytest.fixture
def folder(tmp_path):
    """A folder with the committed results and two curves."""
    directory = tmp_path / "run"
    (directory / "curves").mkdir(parents=True)
    shutil.copy(EXPERIMENTS / "results.json", directory)
    for name in ("majority_512", "rule30_wide"):
        shutil.copy(EXPERIMENTS / f"{name}.svg", directory / "curves")
    return directory


def change(directory: Path, edit) -> None:
    """Change the record of a folder."""
    path = directory / "results.json"
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))


def test_page(folder):
    """Published and own figures stand in a row, curves are inside the page, and it asks for nothing."""
    text = report_page(folder)
    page = Page(text)
    assert page.open == []
    assert "script" not in page.tags
    pictures = [address for address in page.addresses if address.startswith("data:image")]
    assert len(pictures) == page.tags.count("img") == 2
    assert b"<svg" in base64.b64decode(pictures[0].partition(",")[2])
    others = set(page.addresses) - set(pictures)
    assert all(address.startswith("#") or address == "data:," for address in others)
    place = page.texts.index("2-bit multiplier")
    row = page.texts[place : page.texts.index("3-bit multiplier")]
    records = json.loads((folder / "results.json").read_text())["rows"]
    (iterations,) = (each["iterations"] for each in records if each["name"] == "multiplier2")
    for cell in (
        "3 of 5 runs within 10,000 iterations",
        "exact 100.00%",
        "3,561",
        f"{iterations:,}",
    ):
        assert cell in row
    assert "complete" in page.texts
    assert str(folder) not in text
    assert report_page(folder) == text


def test_missing_seeds_are_told(folder):
    """The verdict goes by whether every seed was run."""
    change(folder, lambda record: record.update(complete=False))
    texts = Page(report_page(folder)).texts
    assert "not complete" in texts
    assert "complete" not in texts


def test_all_rows(folder):
    """Every experiment of the record is there, run or not."""
    found = read_reproduction(folder)
    rows = json.loads((folder / "results.json").read_text())["rows"]
    assert [row[0] for row in found.results.rows] == [row["title"] for row in rows]
    assert found.done == sum(row["seeds"] > 0 for row in rows)
    assert not found.notices


def test_complete(folder):
    """A reproduction of which every run was made is called complete, whatever came of it."""
    change(folder, lambda record: record.update(complete=True))
    assert read_reproduction(folder).verdict().word == "complete"


def test_part_is_not_complete(folder):
    """Where experiments were left out, the verdict counts those that are there, however far they came."""
    change(folder, lambda record: record.update(complete=True, rows=record["rows"][3:5]))
    found = read_reproduction(folder)
    count = f"2 of {len(EXPERIMENT_NAMES)} experiments"
    assert found.verdict().word == count
    assert found.verdict().state == "none"
    assert count in found.verdict().reason
    assert found.figures()[0].detail == f"of {len(EXPERIMENT_NAMES)}"
    assert "multiplier2" in found.missing


def test_facts(folder):
    """The facts name the experiments where these are not all."""
    change(folder, lambda record: record.update(rows=record["rows"][:2]))
    facts = read_reproduction(folder).facts()
    assert facts[:2] == [
        ("mode", "full", False),
        ("experiments", "multiplier2, multiplier3", False),
    ]
    change(folder, lambda record: record["rows"][0].update(name="; rm"))
    assert "experiments" not in [name for name, _, _ in read_reproduction(folder).facts()]


def test_hostile_records_are_text(folder):
    """Titles, notes and versions that are markup are shown; names do not lead out of the folder."""
    (folder / "secret.svg").write_text("<svg/>")

    def edit(record):
        record["version"] = HOSTILE[0]
        record["notes"] = [HOSTILE[1], 3]
        record["rows"][0]["title"] = HOSTILE[2]
        record["rows"][1]["name"] = "../secret"

    change(folder, edit)
    page = Page(report_page(folder))
    assert page.open == []
    assert not page.handlers
    assert "script" not in page.tags
    assert page.tags.count("img") == 2
    for name in HOSTILE[1:]:
        assert name in page.texts
    assert f"btfsynth {HOSTILE[0]}" in page.texts


@pytest.mark.parametrize("wrong", [{"seeds": "many"}, {"published": None}, {"title": {"a": 1}}])
def test_wrong_rows_are_left_out(folder, wrong):
    """A row that is not as it should be is left out with a notice."""
    rows = len(read_reproduction(folder).results.rows)
    change(folder, lambda record: record["rows"][2].update(wrong))
    found = read_reproduction(folder)
    assert len(found.results.rows) == len(found.settings.rows) == rows - 1 > 0
    assert found.notices == ("row 3 of results.json is not as expected and is omitted",)


def test_large_curves_are_left_out(folder):
    """A picture beyond the limit is left out with a notice."""
    (folder / "curves" / "multiplier2.svg").write_bytes(b" " * 2_000_001)
    found = read_reproduction(folder)
    assert len(found.curves) == 2
    assert found.notices == ("omitted: curves/multiplier2.svg: too large",)


@pytest.mark.parametrize("content", ["{}", '{"rows": [{}]}', '{"rows": 3}', "[]", "{"])
def test_no_reproduction(folder, content):
    """A file that is no table of a reproduction is refused."""
    (folder / "results.json").write_text(content)
    with pytest.raises(DataError, match="expected"):
        report_page(folder)
