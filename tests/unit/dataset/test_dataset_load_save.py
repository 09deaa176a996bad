"""Finding out what a source is, the guards of reading, and writing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from btfsynth.dataset.formats import FORMATS, base, format_by_name
from btfsynth.dataset.load import load, save
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import DataError, OutputError, UsageError

XOR = {
    "dat": "4\n2 2\n2 1\n0 0 0\n1 0 1\n0 1 1\n1 1 0\n",
    "pla": ".i 2\n.o 1\n.type f\n10 1\n01 1\n.e\n",
    "truth": "0110\n",
    "csv": "x[0],x[1],y\n0,0,0\n1,0,1\n0,1,1\n1,1,0\n",
}
TEXT_FORMATS = sorted(XOR)


@pytest.mark.parametrize("ending", [".data", "", ".txt"])
@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_content_tells_the_format_of_an_unknown_ending(
    tmp_path: Path, name: str, ending: str
) -> None:
    """Without a known ending the content decides."""
    path = tmp_path / f"2-bit xor{ending}"
    path.write_text(XOR[name])
    dataset = load(str(path))
    assert dataset.content_hash == parse_task("parity:2").content_hash
    assert dataset.source == path.name
    assert dataset.name == "_2_bit_xor"


def test_content_tells_an_archive(tmp_path: Path) -> None:
    """An archive is recognised by its first bytes."""
    save(parse_task("parity:2"), tmp_path / "a.bin", "npz")
    assert load(tmp_path / "a.bin").content_hash == parse_task("parity:2").content_hash


def test_format_can_be_named(tmp_path: Path) -> None:
    """A named format goes before the ending; an unknown one lists the known."""
    path = tmp_path / "a.csv"
    path.write_text(XOR["pla"])
    assert load(path, format="pla").exhaustive
    with pytest.raises(UsageError, match="formats are: npz, pla, truth, dat, arff, csv"):
        load(path, format="xls")
    assert format_by_name("pla") is FORMATS["pla"]


def test_a_task_goes_before_a_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that names a task is the task; a path, or a folder before the name, is the file."""
    monkeypatch.chdir(tmp_path)
    Path("full_adder").write_text(XOR["truth"])
    assert load("full_adder").n_inputs == 3
    assert load("./full_adder").n_inputs == 2
    assert load(Path("full_adder")).n_inputs == 2


@pytest.mark.parametrize("source", ["multiplir:2", "nowhere.pla", "", "a\0b", "x" * 5000])
def test_neither_file_nor_task(source: str) -> None:
    """The message says both and lists the tasks."""
    with pytest.raises(UsageError, match="no such file, and not a task; tasks are: multiplier:N"):
        load(source)


def test_a_task_takes_no_file_options() -> None:
    """Options for files do not go with tasks."""
    with pytest.raises(UsageError, match="neither output columns nor a format"):
        load("parity:2", outputs=1)


@pytest.mark.parametrize("name", sorted(FORMATS))
class TestGuards:
    """What is no file of any format, once for every format."""

    def check(self, path: Path, message: str) -> None:
        with pytest.raises(DataError, match=message) as caught:
            load(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)

    def test_missing(self, tmp_path: Path, name: str) -> None:
        """A missing file."""
        self.check(tmp_path / f"a.{name}", "no such file")

    def test_folder(self, tmp_path: Path, name: str) -> None:
        """A folder."""
        (tmp_path / f"a.{name}").mkdir()
        self.check(tmp_path / f"a.{name}", "expected a file, got a folder")

    def test_pipe(self, tmp_path: Path, name: str) -> None:
        """A pipe, which would block."""
        os.mkfifo(tmp_path / f"a.{name}")
        self.check(tmp_path / f"a.{name}", "expected a regular file")

    @pytest.mark.parametrize("content", [b"", b"\n \n"])
    def test_empty(self, tmp_path: Path, name: str, content: bytes) -> None:
        """An empty file, or one of white space."""
        (tmp_path / f"a.{name}").write_bytes(content)
        self.check(tmp_path / f"a.{name}", "empty|archive of plain NumPy arrays")

    def test_binary(self, tmp_path: Path, name: str) -> None:
        """A binary file."""
        (tmp_path / f"a.{name}").write_bytes(b"\x7fELF\0\0\1" * 50)
        self.check(tmp_path / f"a.{name}", "got a binary one|archive of plain NumPy arrays")

    def test_not_utf8(self, tmp_path: Path, name: str) -> None:
        """Text in another encoding; the line of the first bad byte is named."""
        (tmp_path / f"a.{name}").write_bytes(b"# caf\n# caf\xe9\n")
        self.check(tmp_path / f"a.{name}", ":2: expected UTF-8 text, got the byte 0xe9|archive")

    def test_too_large(self, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """A file over the limit is refused before it is read."""
        path = tmp_path / f"a.{name}"
        with path.open("wb") as file:
            file.truncate(base.MAX_FILE_BYTES + (1 << 20))
        monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("was read"))
        self.check(path, "expected at most 512 MiB, got 513 MiB")

    def test_no_permission(
        self, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that may not be read (root may read all, so the refusal is made up)."""
        path = tmp_path / f"a.{name}"
        path.write_text("x")

        def refuse(_: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", refuse)
        self.check(path, "cannot be read: Permission denied")


def test_no_known_content(tmp_path: Path) -> None:
    """Text that looks like no format lists the endings."""
    path = tmp_path / "a.txt"
    path.write_text("hello world\n")
    with pytest.raises(DataError, match=r"unknown format; known endings are: \.npz, \.pla"):
        load(path)


def test_a_byte_order_mark_and_dos_lines_are_read(tmp_path: Path) -> None:
    """Files from Windows editors read like others."""
    for name in TEXT_FORMATS:
        path = tmp_path / f"a.{name}"
        path.write_bytes(b"\xef\xbb\xbf" + XOR[name].replace("\n", "\r\n").encode())
        assert load(path).content_hash == parse_task("parity:2").content_hash


def test_outputs_only_for_tables(tmp_path: Path) -> None:
    """Output columns cannot be chosen where the format says which they are."""
    path = tmp_path / "a.pla"
    path.write_text(XOR["pla"])
    with pytest.raises(UsageError, match="cannot be chosen in a pla file"):
        load(path, outputs=1)


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("spec", ["multiplier:2", "full_adder", "parity:1", "comparator:2"])
def test_tasks_round_trip(tmp_path: Path, name: str, spec: str) -> None:
    """A task written in any format reads back the same; only dat and truth drop port names."""
    dataset = parse_task(spec)
    save(dataset, tmp_path / f"a.{name}")
    back = load(tmp_path / f"a.{name}")
    assert back.inputs.tolist() == dataset.inputs.tolist()
    assert back.targets.tolist() == dataset.targets.tolist()
    assert back.exhaustive
    if name not in ("dat", "truth"):
        assert back.content_hash == dataset.content_hash
    assert back.notices == ()
    assert [entry.name for entry in tmp_path.iterdir()] == [f"a.{name}"]


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_same_data_same_bytes(tmp_path: Path, name: str) -> None:
    """Nothing but the data goes into a file."""
    save(parse_task("adder:2"), tmp_path / f"a.{name}")
    first = (tmp_path / f"a.{name}").read_bytes()
    save(load("adder:2"), tmp_path / f"a.{name}")
    assert (tmp_path / f"a.{name}").read_bytes() == first


def test_save_to_an_unknown_ending(tmp_path: Path) -> None:
    """The endings are listed."""
    with pytest.raises(UsageError, match=r"known endings are: \.npz"):
        save(parse_task("parity:2"), tmp_path / "a.xyz")


@pytest.mark.parametrize("target", ["missing/a.csv", "folder.csv", "a\0.csv", "x" * 300 + ".csv"])
def test_save_where_nothing_can_be_written(tmp_path: Path, target: str) -> None:
    """A path that cannot be written gives one line and leaves nothing behind."""
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        save(parse_task("parity:2"), tmp_path / target)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.csv"]


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the new content cannot be written the old stays."""
    path = tmp_path / "a.csv"
    path.write_text("old")

    def fail(_: Path, __: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        save(parse_task("parity:2"), path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pla", "hypercube generator"),
        ("truth", "hypercube generator"),
        ("csv", "hypercube generator"),
        ("pla", "analog"),
        ("truth", "analog"),
    ],
)
def test_inputs_a_format_cannot_hold(tmp_path: Path, name: str, kind: str) -> None:
    """Generated and analog inputs are refused where there is no way to write them."""
    inputs = "0 1\n2 1\n0.5 1\n" if kind == "analog" else "2 0\n2 1\n1\n"
    (tmp_path / "a.dat").write_text("1\n" + inputs)
    with pytest.raises(UsageError, match=kind):
        save(load(tmp_path / "a.dat"), tmp_path / f"b.{name}")
    assert not (tmp_path / f"b.{name}").exists()
