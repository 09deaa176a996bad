"""The folder of a discovery: every finished piece of work, and the front as finished designs.

::

    DIR/trials.jsonl             a line a record, in the order in which they came; sorted in the end
    DIR/front.json               the index of the front, and what the records belong to
    DIR/front/c24_d9_i7_1f0a63c2/  one circuit: netlist, hardware, vectors, manifest, entry.json

A line is appended at a time, and a torn last one, as a killed run leaves it, is dropped. Entries are made
and checked elsewhere and moved in whole; the index is written after the entries it names are there and
before those it no longer names go.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from btfsynth.discover.record import Record, parse_record
from btfsynth.errors import DataError, OutputError
from btfsynth.files import StrPath, as_path, make_folder, write_text

__all__ = ["FRONT_FILE", "TRIALS_FILE", "Identity", "Store", "entry_name"]

FRONT_FILE = "front.json"
TRIALS_FILE = "trials.jsonl"
_FRONT = "front"
_FORMAT = 2


@dataclass(frozen=True)
class Identity:
    """What the records of a folder belong to.

    Parameters
    ----------
    name, source, data_hash
        The data set.
    settings
        Hash of all else that the records depend on.
    """

    name: str
    source: str
    data_hash: str
    settings: str


def entry_name(record: Record) -> str:
    """Return the folder name of a circuit."""
    if record.circuit is None:
        raise OutputError("a record without a circuit has no folder")
    cost, key = record.circuit.cost, record.circuit.key
    return f"c{cost.cells}_d{cost.depth}_i{cost.inverters}_{key[:8]}"


class Store:
    """A discovery's folder.

    Parameters
    ----------
    directory
        The folder, which exists.
    identity
        What the records belong to.
    """

    def __init__(self, directory: StrPath, identity: Identity) -> None:
        directory = as_path(directory)
        self.directory = directory
        self.identity = identity
        self._stream: TextIO | None = None

    def path(self, record: Record) -> Path:
        """Return the folder of a circuit of the front."""
        return self.directory / _FRONT / entry_name(record)

    def exists(self) -> bool:
        """Tell whether the folder holds an earlier discovery."""
        return any(os.path.lexists(self.directory / name) for name in _NAMES)

    def set_aside(self) -> Path:
        """Move an earlier discovery into a folder of its own inside this one, and return that."""
        number = 1
        while os.path.lexists(self.directory / f"former-{number}"):
            number += 1
        target = self.directory / f"former-{number}"
        make_folder(target)
        for name in _NAMES:
            if os.path.lexists(self.directory / name):
                _move(self.directory / name, target / name)
        return target

    def read(self) -> list[Record]:
        """Return the records of an earlier discovery of the same data with the same settings.

        Raises
        ------
        DataError
            If a file is not what this package writes, or belongs to something else.
        """
        self._read_index()
        path = self.directory / TRIALS_FILE
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            lines = [""]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot be read: {error}", path) from None
        records = []
        # Text after the last line end was never finished.
        for number, line in enumerate(lines[:-1], start=1):
            try:
                records.append(parse_record(json.loads(line)))
            except (DataError, ValueError, RecursionError) as error:
                raise DataError(f"not a record of a discovery: {error}", path, number) from None
        texts = {r.circuit.key for r in records if r.circuit is not None and r.circuit.netlist}
        wanted = {r.circuit.key for r in records if r.circuit is not None}
        for key in sorted(wanted - texts):
            raise DataError(f"the netlist of circuit {key[:8]} is missing", path)
        return records

    def append(self, record: Record) -> None:
        """Add a record to the file; it is on the disk when this returns.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        path = self.directory / TRIALS_FILE
        try:
            if self._stream is None:
                _drop_torn_line(path)
                self._stream = path.open("a", encoding="utf-8", newline="\n")
            self._stream.write(_line(record))
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None

    def rewrite(self, records: Iterable[Record]) -> None:
        """Write all records anew, in this order."""
        self.close()
        write_text(self.directory / TRIALS_FILE, "".join(map(_line, records)))

    def close(self) -> None:
        """Close the file of records."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def place(self, record: Record, built: Path) -> None:
        """Move the finished folder of a circuit to where it belongs, over an earlier one.

        Raises
        ------
        OutputError
            If it cannot be moved.
        """
        target = self.path(record)
        make_folder(target.parent)
        if os.path.lexists(target):
            former = built.with_name(f"{built.name}.former")
            _move(target, former)
        _move(built, target)

    def write_index(self, entries: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
        """Write the index of the front.

        Parameters
        ----------
        entries
            JSON values of the circuits in place, each with its ``path``.
        summary
            More to say of the discovery; JSON values.
        """
        content = {
            "format": _FORMAT,
            **vars(self.identity),
            **summary,
            "front": list(entries),
        }
        write_text(self.directory / FRONT_FILE, json.dumps(content, indent=2) + "\n")

    def prune(self, keep: Iterable[Record]) -> None:
        """Remove the folders of circuits that are not among these."""
        names = {entry_name(record) for record in keep}
        for folder in (self.directory / _FRONT).glob("c*_d*_i*_*"):
            if folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)

    def _read_index(self) -> None:
        """Check that the index is one, and of this discovery."""
        path = self.directory / FRONT_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError("no such file, so there is nothing to go on from", path) from None
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", path) from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"expected JSON: {error}", path) from None
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise DataError(f"expected the index of a discovery, format {_FORMAT}", path)
        if content.get("data_hash") != self.identity.data_hash:
            raise DataError(
                f"holds circuits of another data set, {str(content.get('source'))[:60]}; this one is "
                f"{self.identity.source}; name another folder",
                path,
            )
        if content.get("settings") != self.identity.settings:
            raise DataError(
                "was made with other settings: seed, passes and training settings must be the "
                "same; name another folder",
                path,
            )
        entries = content.get("front")
        if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
            raise DataError("front: expected a list of circuits with path, key and costs", path)


_NAMES = (FRONT_FILE, TRIALS_FILE, _FRONT)


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("path"), str)
        and isinstance(entry.get("key"), str)
        and all(type(entry.get(name)) is int for name in ("cells", "depth", "inverters"))
    )


def _line(record: Record) -> str:
    return json.dumps(record.to_json(), separators=(",", ":")) + "\n"


def _drop_torn_line(path: Path) -> None:
    """Cut off what a killed run left of a line, so that the next does not continue it."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as stream:
        content = stream.read()
        if not content.endswith(b"\n"):
            stream.truncate(content.rfind(b"\n") + 1)


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from None
