"""Make a folder's files beside it and move them in together."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from btfsynth.errors import OutputError
from btfsynth.files import make_folder

__all__ = ["publish", "staging_folder"]

_STAGING_PREFIX = ".btfsynth-"


@contextlib.contextmanager
def staging_folder(directory: Path) -> Iterator[Path]:
    """Give a hidden folder inside the one named, to make files in; it is removed in the end.

    The named folder is made if it is missing, and removed again if nothing has come to be in it. It
    is locked meanwhile, where the system can, so that two runs do not mix their files; what a run
    that was killed outright left behind is removed.
    """
    made = [path for path in (directory, *directory.parents) if not os.path.lexists(path)]
    try:
        make_folder(directory)
        with _locked(directory) as locked:
            if locked:
                for stale in directory.glob(f"{_STAGING_PREFIX}*"):
                    shutil.rmtree(stale, ignore_errors=True)
            try:
                staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=directory))
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
    """Lock a folder against other runs; gives False where the system has no such locks.

    Raises
    ------
    OutputError
        If another run holds the lock.
    """
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
                f"{directory}: another run is writing to it; wait for that, or name another folder"
            ) from None
        except OSError:  # some network file systems
            locked = False
        yield locked
    finally:
        os.close(descriptor)


def publish(staging: Path, directory: Path, last: str) -> None:
    """Move all files up, the one named ``last`` after the others.

    Raises
    ------
    OutputError
        If one cannot be moved; what stood there before is put back.
    """
    former = staging / "former"
    moved: list[Path] = []
    paths = sorted(staging.iterdir(), key=lambda path: (path.name == last, path.name))
    for path in paths:
        if (directory / path.name).is_dir():
            raise OutputError(f"{directory / path.name}: cannot be written: a folder has this name")
    try:
        former.mkdir()
        for path in paths:
            target = directory / path.name
            if target.exists():
                shutil.copy2(target, former / target.name)
            path.replace(target)
            moved.append(target)
    except BaseException as error:
        for target in moved:
            with contextlib.suppress(OSError):
                if (former / target.name).exists():
                    (former / target.name).replace(target)
                else:
                    target.unlink()
        if isinstance(error, OSError):
            raise OutputError(
                f"{directory}: cannot be written to: {error.strerror or error}"
            ) from None
        raise
