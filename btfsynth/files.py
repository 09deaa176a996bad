"""Write files whole or not at all.

Everything is written to a temporary name in the same folder, then renamed, so that an interrupted run or
a full disk never leaves half a file under its real name. A link is followed, so that it stays one; what is no
file, such as a terminal, a pipe or ``/dev/null``, is written to as it is.
"""

from __future__ import annotations

import io
import lzma
import math
import os
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from btfsynth.errors import DataError, OutputError, UsageError

if TYPE_CHECKING:  # NumPy costs every command a tenth of a second
    from numpy.typing import NDArray

_ARCHIVE_DATE = (1980, 1, 1, 0, 0, 0)
_PREFIX = 40
"""Characters of a file's name in the temporary one, which must not become longer than may be."""

_MAX_REASON = 160


def followed(path: StrPath) -> Path:
    """Return the absolute path to which links lead; what is missing at its end may be missing."""
    path = as_path(path)
    try:
        place = path.resolve()
    except OSError as error:
        raise OutputError(f"{str(path)!r}: cannot be followed: {error.strerror}") from None
    except RuntimeError:  # of Python before 3.13
        place = path
    if place.is_symlink():
        raise OutputError(f"{str(path)!r} cannot be written: a link that leads to itself")
    return place


def write_bytes(path: StrPath, content: bytes) -> None:
    """Write a file atomically."""
    path = as_path(path)
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


def write_text(path: StrPath, content: str) -> None:
    """Write UTF-8 text atomically, line ends as they are (see `write_bytes`)."""
    path = as_path(path)
    write_bytes(path, content.encode())


def write_archive(path: StrPath, arrays: Mapping[str, NDArray[Any]], compress: bool = True) -> None:
    """Write arrays as ``.npz`` atomically (see `archive_bytes` and `write_bytes`)."""
    path = as_path(path)
    write_bytes(path, archive_bytes(arrays, compress))


def archive_bytes(arrays: Mapping[str, NDArray[Any]], compress: bool = True) -> bytes:
    """Return arrays as ``.npz`` without dates: the same bytes for the same arrays."""
    import numpy as np

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


BROKEN_ARCHIVE = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a broken archive of arrays can raise."""


def read_archive(path: StrPath, what: str) -> dict[str, NDArray[Any]]:
    """Read all arrays of an ``.npz`` and trust nothing in it."""
    path = as_path(path)
    arrays: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                name = member.removesuffix(".npy")
                if name == member or name in arrays:
                    raise ValueError("a member is no array, or there twice")
                arrays[name] = read_array(archive.read(member))
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except BROKEN_ARCHIVE as error:
        raise DataError(
            f"not {what} ({type(error).__name__}: {broken_reason(error)})", path
        ) from None
    return arrays


def broken_reason(error: Exception) -> str:
    """Return the first line of why an archive cannot be read, which may quote the archive."""
    lines = str(error).splitlines()
    return f"{lines[0]:.{_MAX_REASON}}" if lines else "no reason given"


def read_array(data: bytes) -> NDArray[Any]:
    """Return the array of an ``.npy``. A shape that the bytes do not fill is refused before it is allocated."""
    import numpy as np

    npy = np.lib.format
    stream = io.BytesIO(data)
    version = npy.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy.read_array_header_2_0(stream)
    else:
        raise ValueError(f"array format {version[0]}.{version[1]} is not supported")
    if dtype.hasobject:
        raise ValueError("an array holds Python objects; words are saved as y.astype(str)")
    if not dtype.itemsize:
        raise ValueError("an array has values of no size")
    if any(length < 0 for length in shape):
        raise ValueError("an array has a negative length")
    if math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise ValueError("an array is shorter or longer than its header says")
    stream.seek(0)
    return np.asarray(npy.read_array(stream, allow_pickle=False))


StrPath = str | os.PathLike[str]
"""What a path may be given as."""


def as_path(path: StrPath) -> Path:
    """Return a path that was given as text, as a `Path` or as anything else that stands for one."""
    if isinstance(path, Path):
        return path
    if path == "":  # a Path of it would be the current folder
        raise UsageError("expected a path, got an empty text")
    try:
        return Path(path)
    except TypeError:
        raise UsageError(
            f"expected a path, got {path!r:.60} of type {type(path).__name__}"
        ) from None


def beside(path: StrPath) -> Path:
    """Return where the result of a run that failed goes if an earlier result has its place.

    ``net.npz`` gives ``net.failed.npz``, a folder ``out`` gives ``out.failed``.
    """
    path = as_path(path)
    return path.with_name(f"{path.stem}.failed{path.suffix}")


def make_folder(path: StrPath) -> None:
    path = as_path(path)
    if "\0" in str(path):
        raise OutputError(f"{str(path)!r}: the folder cannot be created: a NUL in the name")
    followed(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: the folder cannot be created: {error.strerror or error}"
        ) from None
