"""Read a trained network from any of the files that hold one."""

from __future__ import annotations

from btfsynth.files import StrPath, as_path
from btfsynth.network.formats import read_network_text
from btfsynth.network.trained import TrainedNetwork, load_network

__all__ = ["is_network", "read_network"]

_TEXT_ENDINGS = (".net", ".sol")
_ARCHIVE_ENDING = ".npz"
_ARCHIVE_MAGIC = b"PK"


def is_network(path: StrPath) -> bool:
    """Tell whether a file is to be read as a network: by its ending, else by its first bytes."""
    path = as_path(path)
    if path.suffix.lower() in (_ARCHIVE_ENDING, *_TEXT_ENDINGS):
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(len(_ARCHIVE_MAGIC)) == _ARCHIVE_MAGIC
    except OSError:
        return False  # reading it as something else says what is wrong


def read_network(path: StrPath) -> TrainedNetwork:
    """Read a network: text of boolearn where the ending is ``.net`` or ``.sol``, else an archive.

    Raises
    ------
    DataError
        If the file is missing or is anything else.
    """
    path = as_path(path)
    if path.suffix.lower() in _TEXT_ENDINGS:
        return read_network_text(path)
    return load_network(path)
