"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from btfsynth.errors import OutputError
from btfsynth.files import archive_bytes, make_folder, write_archive, write_bytes, write_text


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def test_a_file_is_written_and_overwritten(tmp_path: Path) -> None:
    """The last content stands, and nothing else is in the folder."""
    path = tmp_path / "f.txt"
    write_bytes(path, b"old")
    write_text(path, "new ä\nline\n")
    assert path.read_bytes() == "new ä\nline\n".encode()
    assert names(tmp_path) == ["f.txt"]


@pytest.mark.parametrize("step", ["write", "replace", "chmod", "mkstemp"])
def test_a_failure_leaves_what_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whichever step fails, the old content stays and no temporary file does."""
    path = tmp_path / "f.txt"
    write_bytes(path, b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    if step == "write":
        monkeypatch.setattr("btfsynth.files.os.fdopen", Full)
    elif step == "mkstemp":
        monkeypatch.setattr("btfsynth.files.tempfile.mkstemp", fail)
    else:
        monkeypatch.setattr(Path, step, fail)
    with pytest.raises(OutputError, match=r"f\.txt' cannot be written: No space left on device"):
        write_bytes(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["f.txt"]


def test_an_interrupt_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C just before the renaming passes on and cleans up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "f.txt", b"new")
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["none/f.txt", "", "bad\0name"])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    """A missing folder, a folder in the way and a NUL in the name are output errors."""
    with pytest.raises(OutputError, match="cannot be written"):
        write_bytes(tmp_path / name, b"x")
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 127])
def test_the_longest_name_can_be_written(tmp_path: Path, name: str) -> None:
    """The temporary name is not longer than the file system allows."""
    write_bytes(tmp_path / name, b"x")
    assert names(tmp_path) == [name]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    """As if the file had been opened for writing, and the umask is as before."""
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "f", b"x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "f").stat().st_mode & 0o777 == mode


def test_an_archive_has_no_dates_and_is_read_by_numpy(tmp_path: Path) -> None:
    """The same bytes each time, whatever the clock, and NumPy reads the arrays."""
    arrays = {"a": np.arange(5, dtype=np.int16), "b": np.array([[1.5, 2]])}
    content = archive_bytes(arrays)
    assert content == archive_bytes({name: array.copy() for name, array in arrays.items()})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert [member.filename for member in archive.infolist()] == ["a.npy", "b.npy"]
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {member.create_system for member in archive.infolist()} == {3}
    write_archive(tmp_path / "x.npz", arrays)
    assert (tmp_path / "x.npz").read_bytes() == content
    with np.load(tmp_path / "x.npz", allow_pickle=False) as read:
        for name, array in arrays.items():
            assert np.array_equal(read[name], array)
            assert read[name].dtype == array.dtype


def test_objects_are_not_archived() -> None:
    """No pickle is ever written."""
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        archive_bytes({"a": np.array([{}], dtype=object)})


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    """Existing folders are fine, twice too."""
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_folders_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the way, as the folder or as a parent, and a NUL are output errors."""
    (tmp_path / "f").write_bytes(b"")
    for path in (tmp_path / "f", tmp_path / "f" / "b", tmp_path / "a\0b"):
        with pytest.raises(OutputError, match="the folder cannot be created"):
            make_folder(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs links and pipes")
def test_links_stay_and_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """A link's target gets the content; a pipe, as a device would, stays what it is."""
    (tmp_path / "far").mkdir()
    link, target = tmp_path / "link", tmp_path / "far" / "f.txt"
    link.symlink_to(target)
    for content in (b"new file", b"overwritten"):
        write_bytes(link, content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert names(target.parent) == ["f.txt"]

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(pipe.read_bytes)
        write_bytes(pipe, b"through")
        assert seen.result() == b"through"
    assert pipe.is_fifo()

    link.unlink()
    link.symlink_to(link)
    with pytest.raises(OutputError, match="link' cannot be written"):
        write_bytes(link, b"")
