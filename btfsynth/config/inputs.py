"""The names under which a run file keeps what a run has read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from btfsynth.dataset.tasks import is_task_spec
from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path

__all__ = ["RunInputs", "file_hash", "recorded_name"]


@dataclass(frozen=True)
class RunInputs:
    """How what a run reads was named, to be recorded.

    Parameters
    ----------
    source, valid
        The data; None takes the names that the data have of themselves.
    outputs
        Which columns are outputs: how many of the last, or their names; None by the header.
    network, network_hash
        File of the network that was given instead of a training, and its `file_hash`.
    topology, topology_hash
        File of the graph that was trained, and its `file_hash`.
    name
        Name that was given to the design; None takes that of the data.
    """

    source: str | None = None
    valid: str | None = None
    outputs: int | tuple[str, ...] | None = None
    network: str | None = None
    network_hash: str | None = None
    topology: str | None = None
    topology_hash: str | None = None
    name: str | None = None


def recorded_name(name: StrPath) -> str:
    """Return the name of a file as a run file keeps it: never an absolute path.

    A relative name stays relative to the current folder. So does an absolute one of a file in it; of any
    other only the name without its folders is left: a record is not to tell where on a disk it was made.
    """
    path = os.path.normpath(os.fspath(name))
    if os.path.isabs(path):  # noqa: PTH117
        try:
            path = str(Path(path).relative_to(Path.cwd()))
        except ValueError:
            path = Path(path).name
    path = Path(path).as_posix()
    return f"./{path}" if is_task_spec(path) else path


def file_hash(path: StrPath) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    path = as_path(path)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
