"""The file formats and the table that names them."""

from __future__ import annotations

from btfsynth.dataset.formats.base import Format, SourceFile
from btfsynth.dataset.formats.csv_file import CSV
from btfsynth.dataset.formats.dat import DAT
from btfsynth.dataset.formats.npz_file import NPZ
from btfsynth.dataset.formats.pla import PLA
from btfsynth.dataset.formats.truth import TRUTH
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path

__all__ = [
    "FORMATS",
    "Format",
    "format_by_content",
    "format_by_ending",
    "format_by_name",
    "known_endings",
]

FORMATS: dict[str, Format] = {fmt.name: fmt for fmt in (NPZ, PLA, TRUTH, DAT, CSV)}
"""The formats by name, the more recognisable ones first: a file of unknown ending is the first it
looks like."""


def known_endings() -> str:
    return ", ".join(ending for fmt in FORMATS.values() for ending in fmt.endings)


def format_by_name(name: str) -> Format:
    if name not in FORMATS:
        raise UsageError(f"no format {name!r}; formats are: {', '.join(FORMATS)}")
    return FORMATS[name]


def format_by_ending(path: StrPath) -> Format | None:
    """Return the format of a file name, None if its ending is unknown."""
    path = as_path(path)
    ending = path.suffix.lower()
    return next((fmt for fmt in FORMATS.values() if ending in fmt.endings), None)


def format_by_content(file: SourceFile) -> Format:
    if not FORMATS["npz"].sniff(file):
        _ = file.lines  # raises for what is no text
    for fmt in FORMATS.values():
        if fmt.sniff(file):
            return fmt
    raise DataError(
        f"the content is of no known format; known endings are: {known_endings()}", file.path
    )
