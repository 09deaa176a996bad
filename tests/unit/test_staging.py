"""A folder holds the old files or the new ones, whatever ends the run that publishes."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from btfsynth.errors import OutputError
from btfsynth.files import publish, publish_beside, settle, staging_folder

OLD = {"a.v": "old a", "b.v": "old b", "manifest.json": "old", "notes.txt": "mine"}
NEW = {"a.v": "new a", "c.v": "new c", "manifest.json": "new"}


def make_old(folder: Path) -> Path:
    folder.mkdir()
    for name, text in OLD.items():
        (folder / name).write_text(text)
    (folder / "fpga").mkdir()
    (folder / "fpga" / "own.json").write_text("mine too")
    return folder


def publish_new(folder: Path) -> None:
    with staging_folder(folder) as staging:
        for name, text in NEW.items():
            (staging / name).write_text(text)
        publish(staging, folder, last="manifest.json")


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def killed_at(call: int, work: Callable[[], None]) -> bool:
    """Do work in a child process that is killed before its nth change to the file system; False if it ended."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    made = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def change(*arguments: object, **options: object) -> object:
            nonlocal made
            made += 1
            if made == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **options)

        return change

    for owner, name in (
        (Path, "replace"),
        (Path, "unlink"),
        (Path, "mkdir"),
        (os, "link"),
        (os, "unlink"),
        (os, "rmdir"),
        (shutil, "copy2"),
    ):
        setattr(owner, name, counted(getattr(owner, name)))
    try:
        work()
    finally:
        os._exit(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_every_change(tmp_path: Path) -> None:
    """The next look at the folder finds the old design or the new one, and other files as they were."""
    seen = set()
    for call in range(1, 60):
        folder = make_old(tmp_path / f"d{call}")
        ended = not killed_at(call, lambda folder=folder: publish_new(folder))
        settle(folder)
        found = content(folder)
        assert found in (OLD, {**OLD, **NEW}), call
        seen.add(found["manifest.json"])
        assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["fpga"]
        assert (folder / "fpga" / "own.json").read_text() == "mine too"
        if ended:
            break
    assert ended
    assert seen == {"old", "new"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_while_putting_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be moved brings the old files back, even if that is killed as well."""
    original = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "c.v":
            raise PermissionError(13, "Permission denied")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    for call in range(1, 60):
        folder = make_old(tmp_path / f"d{call}")
        ended = not killed_at(call, lambda folder=folder: publish_new(folder))
        try:
            settle(folder)
        except OutputError:
            settle(folder)
        assert content(folder) == OLD, call
        assert not list(folder.glob(".btfsynth-*"))
        if ended:
            break
    assert ended
    with pytest.raises(OutputError, match="cannot be written to: Permission denied"):
        publish_new(folder)
    assert content(folder) == OLD


@pytest.mark.parametrize("name", ["publish", "undo", "abc"])
def test_links_are_not_followed(tmp_path: Path, name: str) -> None:
    """A link to another folder moves nothing out of that, and goes."""
    other = tmp_path / "other"
    other.mkdir()
    (other / ".names").write_text(json.dumps({"names": ["a.v"], "before": []}))
    (other / "a.v").write_text("of the other")
    folder = make_old(tmp_path / "d")
    (folder / f".btfsynth-{name}").symlink_to(other)
    settle(folder)
    assert content(folder) == OLD
    assert not list(folder.glob(".btfsynth-*"))
    assert sorted(path.name for path in other.iterdir()) == [".names", "a.v"]


@pytest.mark.parametrize("named", ["", ".", "..", "sub/.."])
def test_a_folder_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """It is beside the folder that is meant, however that is named, and the folder stays as it is."""
    folder = make_old(tmp_path / "d.1")
    inner = folder / "sub"
    inner.mkdir()
    monkeypatch.chdir(inner if named == ".." else folder)
    asked = Path(named) if named else folder
    for text in ("first", "second"):
        with staging_folder(asked) as staging:
            (staging / "manifest.json").write_text(text)
            place = publish_beside(staging, asked, last="manifest.json")
        assert place.resolve() == tmp_path / "d.1.failed"
        assert content(place) == {"manifest.json": text}
    assert content(folder) == OLD


def test_next_run_finishes_first(tmp_path: Path) -> None:
    """A run that writes to the folder finishes what another one had published before it."""
    folder = make_old(tmp_path / "d")
    pending = folder / ".btfsynth-publish"
    (pending / ".former").mkdir(parents=True)
    (pending / "b.v").write_text("newer b")
    (pending / ".names").write_text(json.dumps({"names": ["a.v", "b.v"], "before": ["a.v", "b.v"]}))
    publish_new(folder)
    assert content(folder) == {**OLD, "b.v": "newer b", **NEW}


@pytest.mark.parametrize(
    "names",
    [
        '{"names": ["../x"], "before": []}',
        '{"names": [7], "before": []}',
        '{"names": [".."], "before": []}',
        "[]",
        "not JSON",
        '{"names": ["/etc/x"], "before": ["a/b"]}',
    ],
)
def test_list_of_names_is_not_believed(tmp_path: Path, names: str) -> None:
    """Names that lead out of the folder move nothing, and the hidden folder goes."""
    folder = make_old(tmp_path / "d")
    for name in ("publish", "undo"):
        pending = folder / f".btfsynth-{name}"
        pending.mkdir()
        (pending / ".names").write_text(names)
        (folder / "x").write_text("inside")
        settle(folder)
        assert content(folder) == {**OLD, "x": "inside"}
        assert not list(folder.glob(".btfsynth-*"))
        assert [path.name for path in tmp_path.iterdir()] == ["d"]
