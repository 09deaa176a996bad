"""Write files whole or not at all.

Everything is written to a temporary name in the same folder, then renamed, so that an interrupted run or
a full disk never leaves half a file under its real name. A link is followed, so that it stays one; what is no
file, such as a terminal, a pipe or ``/dev/null``, is written to as it is.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import OutputError

__all__ = ["archive_bytes", "followed", "make_folder", "write_archive", "write_bytes", "write_text"]

_ARCHIVE_DATE = (1980, 1, 1, 0, 0, 0)
_PREFIX = 40
"""Characters of a file's name in the temporary one, which must not become longer than may be."""


def followed(path: Path) -> Path:
    """Return the absolute path to which links lead; what is missing at its end may be missing.

    Raises
    ------
    OutputError
        If a link leads to itself.
    """
    try:
        place = path.resolve()
    except OSError as error:
        raise OutputError(f"{str(path)!r}: cannot be followed: {error.strerror}") from None
    except RuntimeError:  # of Python before 3.13
        place = path
    if place.is_symlink():
        raise OutputError(f"{str(path)!r} cannot be written: a link that leads to itself")
    return place


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically.

    Raises
    ------
    OutputError
        If it cannot be written; what stood there before still stands.
    """
    temporary: str | None = None
    if "\0" in str(path):
        raise OutputError(f"{str(path)!r} cannot be written: a NUL in the name")
    try:
        place = followed(path)
        if place.exists() and not (place.is_file() or place.is_dir()):
            with place.open("wb") as stream:
                stream.write(content)
            return
        descriptor, temporary = tempfile.mkstemp(
            prefix=f".{place.name[:_PREFIX]}.", dir=place.parent
        )
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(place)
        temporary = None
    except OSError as error:
        raise OutputError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text atomically, line ends as they are (see `write_bytes`)."""
    write_bytes(path, content.encode())


def write_archive(path: Path, arrays: Mapping[str, NDArray[Any]], compress: bool = True) -> None:
    """Write arrays as ``.npz`` atomically (see `archive_bytes` and `write_bytes`)."""
    write_bytes(path, archive_bytes(arrays, compress))


def archive_bytes(arrays: Mapping[str, NDArray[Any]], compress: bool = True) -> bytes:
    """Return arrays as ``.npz`` without dates: the same bytes for the same arrays."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_ARCHIVE_DATE)
            entry.create_system = 3  # else it tells on which system the file was written
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
            archive.writestr(entry, member.getvalue())
    return stream.getvalue()


def make_folder(path: Path) -> None:
    """Make a folder and its parents.

    Raises
    ------
    OutputError
        If it cannot be made or is a file.
    """
    if "\0" in str(path):
        raise OutputError(f"{str(path)!r}: the folder cannot be made: a NUL in the name")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: the folder cannot be made: {error.strerror or error}") from None
