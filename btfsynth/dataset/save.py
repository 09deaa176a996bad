"""Writing a data set to a file."""

from __future__ import annotations

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.formats import FORMATS, format_by_ending, format_by_name, known_endings
from btfsynth.errors import UsageError
from btfsynth.files import StrPath, as_path, write_bytes

__all__ = ["save"]


def save(dataset: Dataset, path: StrPath, format: str | None = None) -> None:  # noqa: A002
    """Write a data set; the file appears whole or not at all.

    Parameters
    ----------
    dataset
        What to write.
    path
        The file.
    format
        Name of the format; by default the ending of the file tells.

    Raises
    ------
    UsageError
        If the format is unknown or cannot hold the data set.
    OutputError
        If the file cannot be written.
    """
    path = as_path(path)
    chosen = format_by_name(format) if format is not None else format_by_ending(path)
    if chosen is None:
        raise UsageError(
            f"{path}: no format has this ending; known endings are: {known_endings()} (or name a "
            f"format: {', '.join(FORMATS)})"
        )
    write_bytes(path, chosen.write(dataset))
