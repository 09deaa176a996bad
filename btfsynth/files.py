"""Write files whole or not at all, and all files of a folder together.

Everything is written to a temporary name in the same folder, then renamed, so that an interrupted run or
a full disk never leaves half a file under its real name. A link is followed, so that it stays one; what is no
file, such as a terminal, a pipe or ``/dev/null``, is written to as it is.
"""

from __future__ import annotations

import contextlib
import io
import json
import lzma
import math
import os
import shutil
import struct
import tempfile
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from btfsynth.errors import DataError, OutputError, UsageError

if TYPE_CHECKING:
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


def move(source: Path, target: Path) -> None:
    """Rename a file or a folder on its disk, over a file that is there."""
    try:
        source.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from None


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


# Make a folder's files beside it and move them in together, whatever ends the run.
#
# Files are made in a hidden folder, ``.btfsynth-XXXX``, inside the one they are for. Renaming that to
# ``.btfsynth-publish`` is what publishes them, in one step of the file system: what follows only moves its
# files up, and the next command that looks at the folder does so if this one was killed. Should a file refuse
# to be moved, one more rename, to ``.btfsynth-undo``, decides that what stood there before comes back. So a
# folder holds the old files or the new ones, and what else is in it stays as it is::
#
#     .btfsynth-XXXX     being made; left by a run that was killed: removed
#     .btfsynth-publish  complete; left by a run that was killed: moved up
#     .btfsynth-undo     given up; left by a run that was killed: what was there before is put back

_HIDDEN = ".btfsynth-"
_PUBLISH = f"{_HIDDEN}publish"
_UNDO = f"{_HIDDEN}undo"
_FORMER = ".former"
"""Folder of what stood there before, inside of the hidden one."""
_NAMES = ".names"
"""Names of all files that are published, as JSON, inside of the hidden one."""
_PATIENCE = 10.0
"""Seconds that a reader waits for a run that is just moving its files up."""
_NAP = 0.05


@contextlib.contextmanager
def staging_folder(directory: StrPath) -> Iterator[Path]:
    """Yield a hidden folder inside the one named to make files in; it is removed at the end.

    The named folder is made if it is missing, and removed again if it is empty at the end. It is locked
    meanwhile, where the system can, so that two runs do not mix their files. What a run that was killed left
    behind is finished or removed first.
    """
    directory = as_path(directory)
    made = [path for path in (directory, *directory.parents) if not os.path.lexists(path)]
    try:
        make_folder(directory)
        with _locked(directory) as locked:
            if locked:
                _recover(directory)
            try:
                staging = Path(tempfile.mkdtemp(prefix=_HIDDEN, dir=directory))
            except OSError as error:
                raise OutputError(f"{directory}: cannot be written to: {error.strerror}") from None
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    finally:
        for folder in made:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[bool]:
    """Lock a folder against other runs; yields False where the system has no such locks."""
    try:
        import fcntl

        descriptor = os.open(directory, os.O_RDONLY)
    except (ImportError, OSError):
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = True
        except BlockingIOError:
            raise OutputError(
                f"{directory}: another run is writing to it; wait for it, or name another folder"
            ) from None
        except OSError:  # some network file systems
            locked = False
        yield locked
    finally:
        os.close(descriptor)


def settle(directory: StrPath) -> None:
    """Finish in a folder what a run that was killed had begun to publish there, and remove what it left.

    A run that is at work on the folder is not disturbed; it is waited for while it moves its files up.
    """
    directory = as_path(directory)
    if not _leftovers(directory):
        return
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with _locked(directory) as locked:
                _recover(directory, everything=locked)
                return
        except OutputError:
            if not _is_moving(directory):
                return  # it belongs to a run that is still making its files
            if time.monotonic() > end:
                raise
        time.sleep(_NAP)


def publish(staging: StrPath, directory: StrPath, last: str) -> None:
    """Move all files up, the one named ``last`` after the others; there is never half of them."""
    staging = as_path(staging)
    directory = as_path(directory)
    names = sorted((path.name for path in staging.iterdir()), key=lambda name: (name == last, name))
    for name in names:
        if (directory / name).is_dir():
            raise OutputError(f"{directory / name}: cannot be written: a folder has this name")
    try:
        former = staging / _FORMER
        former.mkdir()
        before = [name for name in names if os.path.lexists(directory / name)]
        for name in before:
            _copy(directory / name, former / name)
        write_text(staging / _NAMES, json.dumps({"names": names, "before": before}))
        staging.replace(directory / _PUBLISH)
    except OSError as error:
        raise _refused(directory, error) from None
    _finish(directory)


def _finish(directory: Path) -> None:
    """Move up what is published, or put back what stood there before."""
    complete = directory / _PUBLISH
    try:
        names, _ = _read_names(complete)
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # it has been moved
                (complete / name).replace(directory / name)
    except BaseException as error:
        try:
            complete.replace(directory / _UNDO)
        except OSError as second:
            raise _refused(directory, second) from None
        _undo(directory)
        if isinstance(error, OSError):
            raise _refused(directory, error) from None
        raise
    _remove(complete)


def _undo(directory: Path) -> None:
    given_up = directory / _UNDO
    names, before = _read_names(given_up)
    for name in names:
        with contextlib.suppress(OSError):
            if name in before:
                (given_up / _FORMER / name).replace(directory / name)
            elif not os.path.lexists(given_up / name):
                (directory / name).unlink(missing_ok=True)
    _remove(given_up)


def _read_names(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of what is published, and of those what stood there before; none if there is no list.

    A folder may come from anywhere: names that would lead out of it are none.
    """
    try:
        record = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
        names, before = record["names"], record["before"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return [], []
    every = (names, before)
    if not all(isinstance(each, list) and all(map(_is_name, each)) for each in every):
        return [], []
    return names, before


def _is_name(name: object) -> bool:
    return (
        isinstance(name, str)
        and not name.startswith(".")
        and "\0" not in name
        and Path(name).name == name
    )


def _remove(folder: Path) -> None:
    """Remove a hidden folder under a name that means nothing, so that half of it means nothing either."""
    done = folder.with_name(f"{_HIDDEN}{os.getpid()}-done")
    with contextlib.suppress(OSError):
        folder.replace(done)
        folder = done
    _discard(folder)


def _discard(folder: Path) -> None:
    """Remove a hidden folder as far as that is possible; of a link, which no run makes, the link."""
    if folder.is_symlink():
        with contextlib.suppress(OSError):
            folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _recover(directory: Path, everything: bool = True) -> None:
    """Finish or put back what a run that was killed left; the rest of it only if all is to go."""
    if _is_folder(directory / _UNDO):
        _undo(directory)
    if _is_folder(directory / _PUBLISH):
        _finish(directory)
    for stale in _leftovers(directory) if everything else ():
        _discard(stale)


def _leftovers(directory: Path) -> list[Path]:
    try:
        return sorted(directory.glob(f"{_HIDDEN}*"))
    except OSError:
        return []


def _is_moving(directory: Path) -> bool:
    return _is_folder(directory / _PUBLISH) or _is_folder(directory / _UNDO)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _copy(source: Path, target: Path) -> None:
    """Keep a file under a second name, by a link where there can be one."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)


def _refused(directory: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"{directory}: cannot be written to: {reason}")


def publish_beside(staging: StrPath, directory: StrPath, last: str) -> Path:
    """Put the files of a run that failed into a folder beside the one named, which keeps an earlier result."""
    staging = as_path(staging)
    directory = as_path(directory)
    named = directory if directory.name not in ("", "..") else directory.resolve()
    place = named.with_name(f"{named.name}.failed")
    with staging_folder(place) as other:
        for path in staging.iterdir():
            shutil.copy2(path, other / path.name)
        publish(other, place, last)
    return place
