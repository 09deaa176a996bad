"""The table of data file formats; readers and writers are imported when they are used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from btfsynth.errors import DataError, UsageError

if TYPE_CHECKING:
    import os

    from btfsynth.dataset.dataset import Dataset
    from btfsynth.dataset.formats.base import SourceFile

OutputColumns = int | Sequence[str]
"""Output columns: the number of last columns, or names."""


@dataclass(frozen=True)
class Format:
    """One file format."""

    name: str
    # File name endings, lower case with the dot; the first is the usual one
    endings: tuple[str, ...]
    description: str
    module: str  # The module here that has sniff(file), read(file) and write(dataset)
    names_ports: bool = True  # False if position is all that tells the bits of a file apart
    # True if its columns need not be marked: read(file, outputs) takes the choice of the user
    chooses_outputs: bool = False

    def _call(self, function: str, *arguments: object) -> Any:
        return getattr(import_module(f"{__name__}.{self.module}"), function)(*arguments)

    def sniff(self, file: SourceFile) -> bool:
        """Return True if the content looks like this format; for files of unknown ending."""
        return bool(self._call("sniff", file))

    def read(self, file: SourceFile, outputs: OutputColumns | None = None) -> Dataset:
        if outputs is not None and not self.chooses_outputs:
            raise UsageError(f"{file.path}: output columns cannot be chosen in a {self.name} file")
        chosen = (outputs,) if self.chooses_outputs else ()
        dataset: Dataset = self._call("read", file, *chosen)
        return dataset

    def write(self, dataset: Dataset) -> bytes:
        """Return the content of the file; raise a `UsageError` if the format cannot represent the data."""
        return bytes(self._call("write", dataset))


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format(
            "npz",
            (".npz",),
            "NumPy archive with inputs and targets (or X and y); keeps everything",
            "npz_file",
        ),
        Format(
            "pla",
            (".pla", ".esp"),
            "espresso's PLA, types f, fd, fr and fdr; cubes and don't-cares",
            "pla",
        ),
        Format(
            "truth",
            (".truth", ".tt"),
            "one line of 0 and 1 per output, highest pattern first; hexadecimal after 0x",
            "truth",
            names_ports=False,
        ),
        Format(
            "dat",
            (".dat",),
            "counts and types, then numbers in free layout; labels and analog inputs too",
            "dat",
            names_ports=False,
        ),
        Format(
            "arff",
            (".arff",),
            "Weka's ARFF and KEEL's .dat with @attribute lines",
            "arff_file",
            chooses_outputs=True,
        ),
        Format(
            "csv",
            (".csv", ".tsv"),
            "comma-, semicolon- or tab-separated table, header optional",
            "csv_file",
            chooses_outputs=True,
        ),
    )
}
"""The formats by name, the more recognisable ones first: a file of unknown ending is the first it
looks like."""


def known_endings() -> str:
    return ", ".join(ending for fmt in FORMATS.values() for ending in fmt.endings)


def format_by_name(name: str) -> Format:
    if name not in FORMATS:
        raise UsageError(f"no format {name!r}; formats are: {', '.join(FORMATS)}")
    return FORMATS[name]


def format_by_ending(path: str | os.PathLike[str]) -> Format | None:
    """Return the format of a file name, None if its ending is unknown."""
    ending = Path(path).suffix.lower()
    return next((fmt for fmt in FORMATS.values() if ending in fmt.endings), None)


def format_of_source(file: SourceFile) -> Format:
    """Return the format by the ending of the file's name, else by its content.

    A ``.dat`` file with the attributes of KEEL or with separators is a table like any other.
    """
    chosen = format_by_ending(file.path)
    if chosen is None:
        return format_by_content(file)
    if chosen.name == "dat" and not chosen.sniff(file):
        tables = (FORMATS[name] for name in ("arff", "csv"))
        return next((each for each in tables if each.sniff(file)), chosen)
    return chosen


def format_by_content(file: SourceFile) -> Format:
    if not FORMATS["npz"].sniff(file):
        _ = file.lines  # raises for what is no text
    for fmt in FORMATS.values():
        if fmt.sniff(file):
            return fmt
    raise DataError(f"unknown format; known endings are: {known_endings()}", file.path)
