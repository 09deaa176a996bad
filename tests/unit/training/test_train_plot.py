"""The picture of a training history."""

from __future__ import annotations

import builtins
import importlib.util
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from btfsynth.errors import MissingToolError, UsageError
from btfsynth.training.history import HistoryPoint, draw_history, require_plot

pytest.importorskip("matplotlib")

POINTS = tuple(
    HistoryPoint(
        iterations=step, gap=1 / step, gap_w=0.5 / step, gap_x=0.6 / step, gap_y=0.4 / step,
        least_gap=1 / step, bits=0.9, vectors=0.5, valid_bits=0.8, valid_vectors=0.25,
    )
    for step in (1, 10, 100, 1000)
)  # fmt: skip


def words(path: Path) -> set[str]:
    """Return the texts of an SVG file."""
    root = ElementTree.parse(path).getroot()
    return {"".join(node.itertext()).strip() for node in root.iter() if node.tag.endswith("}text")}


@pytest.mark.parametrize(
    ("ending", "magic"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".SVG", b"<?xml")]
)  # fmt: skip
def test_same_history_same_bytes(tmp_path, ending, magic):
    """The format follows the ending; neither date nor name of the file is in the bytes."""
    first, second = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    draw_history(POINTS, first, "a title")
    draw_history(POINTS, second, "a title")
    assert first.read_bytes().startswith(magic)
    assert first.read_bytes() == second.read_bytes()
    assert b"202" not in b"".join(
        line for line in first.read_bytes().splitlines() if b"date" in line.lower()
    )


def test_bytes_do_not_depend_on_the_process_or_the_users_settings(tmp_path):
    """Another hash seed and another style give the same file."""
    draw_history(POINTS, tmp_path / "here.svg", "t")
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 7\naxes.facecolor: red\n")
    tests = Path(__file__).parent
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from test_train_plot import POINTS, draw_history\n"
        "draw_history(POINTS, pathlib.Path('there.svg'), 't')\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tests)], cwd=tmp_path, check=True,
        env={"PYTHONHASHSEED": "77", "PATH": "", "MPLCONFIGDIR": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert (tmp_path / "here.svg").read_bytes() == (tmp_path / "there.svg").read_bytes()


def test_axes_say_what_is_drawn(tmp_path):
    """Gap, its parts, accuracies and their axes are named; steps are powers of ten."""
    draw_history(POINTS, tmp_path / "a.svg", "multiplier $x$")
    shown = words(tmp_path / "a.svg")
    assert shown >= {
        "multiplier $x$", "iterations", "gap", "right (%)", "weights w", "inputs x", "outputs y",
        "least gap so far", "bits", "patterns", "valid: bits", "valid: patterns",
    }  # fmt: skip
    assert not any("labels" in word for word in shown)
    ticks = {word.replace(" ", "").replace("\n", "") for word in shown}
    assert any(word.startswith("10") and word != "100" for word in ticks), ticks


def test_what_is_not_known_is_not_drawn(tmp_path):
    """Without held-out patterns there are none in the picture; with classes there are labels."""
    point = HistoryPoint(1, 0.5, 0.1, 0.2, 0.3, 0.5, bits=0.5, vectors=0.25, labels=0.75)
    draw_history([point], tmp_path / "a.svg", "t")
    shown = words(tmp_path / "a.svg")
    assert "labels" in shown
    assert not any("held out" in word for word in shown)


def test_a_gap_of_nothing_is_left_out(tmp_path):
    """A closed gap does not break the logarithmic axis."""
    closed = HistoryPoint(2, 0.0, 0.0, 0.0, 0.0, 0.0, bits=1.0, vectors=1.0)
    draw_history([POINTS[0], closed], tmp_path / "a.svg", "t")
    assert "gap" in words(tmp_path / "a.svg")


@pytest.mark.parametrize("name", ["a", "a.csv", "a.jpg", ".svg"])
def test_other_endings_are_refused(name):
    """The message lists those that can be."""
    with pytest.raises(UsageError, match=r"\.svg, \.png, \.pdf"):
        require_plot(Path(name))


def test_a_missing_package_says_what_to_install(monkeypatch, tmp_path):
    """One line, and nothing is imported."""
    found = importlib.util.find_spec

    def none(name: str, *rest: object) -> object:
        return None if name == "matplotlib" else found(name, *rest)

    def refuse(name: str, *rest: object, **more: object) -> object:
        assert not name.startswith("matplotlib")
        return imported(name, *rest, **more)

    imported = builtins.__import__
    monkeypatch.setattr(importlib.util, "find_spec", none)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingToolError, match=r"^matplotlib is not installed; pip install "):
        draw_history(POINTS, tmp_path / "a.svg", "t")
    assert not list(tmp_path.iterdir())
