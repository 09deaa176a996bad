"""Extension points: parts of the package, of other packages and of a session."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from btfsynth.errors import UsageError
from btfsynth.plugins import Registry, register, unregister


@dataclass(frozen=True)
class Part:
    """A part of a table."""

    name: str


def _table():
    return Registry("tasks", Part, {"one": Part("one"), "two": f"{__name__}:TWO"})


TWO = Part("two")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that puts a package with entry points on the path."""

    def install(package, points, text=""):
        folder = tmp_path / package
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[btfsynth.tasks]\n{lines}")
        (folder / f"{package}.py").write_text(text)
        monkeypatch.syspath_prepend(folder)

    yield install
    for name in ("alpha", "beta"):
        sys.modules.pop(name, None)


PARTS = f"from {__name__} import Part\nFOUR, THREE = Part('four'), Part('three')\n"


def test_built_in_parts_come_in_their_order():
    """Objects and names of objects are the same to a reader of the table."""
    table = _table()
    assert list(table) == ["one", "two"]
    assert table["two"] is table.find("two") is TWO
    assert "one" in table
    assert "three" not in table
    assert table.get("three") is None
    assert len(table) == 2
    assert repr(table) == "<tasks: one, two>"


def test_unknown_names_list_the_known_ones():
    """The message says what there is."""
    with pytest.raises(UsageError, match=r"^unknown task 'three': expected one of one, two$"):
        _table().find("three")
    with pytest.raises(KeyError):
        _table()["three"]


def test_entry_points_follow_in_the_order_of_their_names(installed):
    """A package on the path adds to the table, and is imported only for its part."""
    table = _table()
    installed("alpha", {"three": "alpha:THREE", "four": "alpha:FOUR"}, PARTS)
    assert list(table) == ["one", "two", "four", "three"]
    assert "alpha" not in sys.modules
    assert table["four"] == Part("four")
    assert table["four"] is table["four"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("absent:X", "cannot import absent:X: ModuleNotFoundError: No module named 'absent'"),
        ("alpha:Y", "cannot import alpha:Y: AttributeError: module 'alpha' has no attribute 'Y'"),
        ("alpha:PARTS", r"expected a Part, got \[\]"),
        ("alpha:FOUR", "expected a part of this name, got 'four'"),
    ],
)
def test_what_cannot_be_used_is_one_line(installed, value, message):
    """Group, name and package are named; other parts are not touched."""
    table = _table()
    installed("alpha", {"three": value}, f"{PARTS}PARTS = []\n")
    assert table["one"] == Part("one")
    with pytest.raises(UsageError) as caught:
        table.find("three")
    assert str(caught.value).startswith("entry point 'three' of btfsynth.tasks in package alpha: ")
    assert caught.match(f"{message}$")


def test_names_must_not_clash(installed):
    """With a part of the package, and between two packages."""
    installed("alpha", {"three": "alpha:THREE"}, PARTS)
    installed("beta", {"three": "beta:THREE"}, PARTS)
    with pytest.raises(
        UsageError, match=r"'three' of btfsynth.tasks in package beta: package alpha has"
    ):
        list(_table())
    with pytest.raises(UsageError, match=r"package alpha: btfsynth has a part of the same name"):
        list(Registry("tasks", Part, {"three": Part("three")}))


def test_a_session_registers_for_itself():
    """What is registered comes last, until it is taken back."""
    register("tasks", "three", Part("three"))
    try:
        assert list(_table()) == ["one", "two", "three"]
        assert _table()["three"] == Part("three")
    finally:
        unregister("tasks", "three")
    assert "three" not in _table()


def test_what_a_session_registers_is_checked():
    """The group when it is registered; kind and name when the part is read."""
    with pytest.raises(UsageError, match="unknown extension point 'task': expected one of passes"):
        register("task", "three", Part("three"))
    for name, part, message in (
        ("one", Part("one"), "another part has this name"),
        ("three", 3, "'three', registered in btfsynth.tasks: expected a Part, got 3"),
    ):
        register("tasks", name, part)
        try:
            with pytest.raises(UsageError, match=message):
                _table().find("three")
        finally:
            unregister("tasks", name)


def test_tables_are_listed_without_machinery():
    """Names of readers, writers and simulators cost no import of what reads, writes and simulates."""
    code = (
        "import sys; from btfsynth.hdl.formats import BACKENDS, folder_formats; "
        "from btfsynth.hdl.formats import READERS; from btfsynth.sim.registry import SIMULATORS; "
        "print(*BACKENDS, *folder_formats(), *READERS, *SIMULATORS); "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'jinja2', 'pyverilog', 'amaranth')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"vhdl", "blif", "verilator"} < set(done.stdout.split())
