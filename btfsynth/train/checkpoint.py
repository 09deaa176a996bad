"""Checkpoints: what a series of trials has come to, on disk, so that it can go on after a kill.

The checkpoint file holds the finished trials. Each running trial has a file of its own beside it,
``FILE.trial<k>``, with the whole state; it goes when the trial is finished. All are written atomically, so a
kill at any moment loses what was done since the last interval and nothing else, and the run that goes on
ends with the same result as one that was never stopped.
"""

from __future__ import annotations

import glob
import hashlib
import json
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import DataError, OutputError, shown
from btfsynth.events import Note, OnEvent
from btfsynth.files import StrPath, as_path, read_archive, write_archive
from btfsynth.train.defaults import TrainingPlan
from btfsynth.train.parameters import StopReason, TrialResult
from btfsynth.train.stored import InvalidStateError, Stored
from btfsynth.train.trainer import Snapshot

__all__ = ["Checkpoint", "is_begun", "training_fingerprint"]

_FORMAT = 4


def training_fingerprint(
    dataset: Dataset, plan: TrainingPlan, seed: int, valid: Dataset | None
) -> str:
    """Return a hash of all that the result of a series of trials depends on."""
    topology = plan.trial_topology(0)
    graph = hashlib.sha256(topology.fanin_start.tobytes() + topology.sources.tobytes())
    parts = (
        dataset.content_hash,
        repr(replace(plan, topology=None)),
        graph.hexdigest(),
        seed,
        None if valid is None else valid.content_hash,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def is_begun(path: StrPath) -> bool:
    """Tell whether a training has left something to go on from, be it the state of its first trial only."""
    path = as_path(path)
    states = f"{glob.escape(path.name)}.trial*"
    return path.exists() or any(path.parent.glob(states))


class Checkpoint:
    """The checkpoint of one series of trials.

    Parameters
    ----------
    path
        The file; it is read if it exists.
    fingerprint
        From `training_fingerprint`; a file of another training is refused.
    stored
        Reads its contents: data and plan say what they must be.
    interval
        Seconds between two writes of a running trial.
    on_event
        Gets a `Note` when a write fails (a full disk, a network folder that is away), once until one succeeds
        again; nothing is raised then, as the training is worth more than its checkpoint. None raises.

    Raises
    ------
    DataError
        If the file is no checkpoint, belongs to another training, or its weights do not get right what it says.
    """

    def __init__(
        self,
        path: StrPath,
        fingerprint: str,
        stored: Stored,
        interval: float = 30.0,
        on_event: OnEvent | None = None,
    ) -> None:
        path = as_path(path)
        self.path = path
        self.interval = interval
        self._fingerprint = fingerprint
        self._stored = stored
        self._lock = threading.Lock()
        self._written: dict[int, float] = {}
        self._on_event = on_event
        self._failing = False
        self.finished: dict[int, TrialResult] = {}
        if path.exists():
            self._read()

    def snapshot(self, trial: int) -> Snapshot | None:
        """Return the last state of a trial that was running, if it was written."""
        path = self._trial_path(trial)
        if not path.exists():
            return None
        header, arrays = self._load(path)
        try:
            return Snapshot(*self._stored.state(trial, header, arrays))
        except InvalidStateError as error:
            raise DataError(f"not the state of this trial: {error}", path) from None

    def due(self, trial: int) -> bool:
        """Tell whether a running trial's interval has passed."""
        now = time.monotonic()
        return now - self._written.setdefault(trial, now) >= self.interval

    def keep(self, trial: int, snapshot: Snapshot) -> None:
        """Write a running trial's state."""
        header = {
            "counters": list(snapshot.counters),
            "history": [asdict(point) for point in snapshot.history],
        }
        self._save(self._trial_path(trial), header, snapshot.arrays)
        self._written[trial] = time.monotonic()

    def finish(self, result: TrialResult) -> None:
        """Record a finished trial; of one that was cut short the last state is kept."""
        if result.stop in (StopReason.INTERRUPTED, StopReason.TIME):
            return
        with self._lock:
            self.finished[result.trial] = result
            arrays: dict[str, NDArray[Any]] = {}
            records = []
            for number, each in sorted(self.finished.items()):
                arrays[f"weights_{number}"] = each.weights
                if each.codes is not None:
                    arrays[f"codes_{number}"] = each.codes
                records.append(_record(each))
            if not self._save(self.path, {"finished": records}, arrays):
                return
        self._trial_path(result.trial).unlink(missing_ok=True)

    def discard(self, trials: Iterable[int]) -> None:
        """Remove the states of trials that an earlier success made needless."""
        for trial in trials:
            self._trial_path(trial).unlink(missing_ok=True)

    def _trial_path(self, trial: int) -> Path:
        return self.path.with_name(f"{self.path.name}.trial{trial}")

    def _save(self, path: Path, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bool:
        """Write a file; return whether it is there."""
        text = json.dumps({"format": _FORMAT, "fingerprint": self._fingerprint, **header})
        packed = np.frombuffer(text.encode(), dtype=np.uint8)
        try:
            write_archive(path, {"header": packed, **arrays}, compress=False)
        except OutputError as error:
            if self._on_event is None:
                raise
            if not self._failing:
                self._on_event(
                    Note(f"checkpoint: {error}; training continues and will write it again")
                )
            self._failing = True
            return False
        self._failing = False
        return True

    def _load(self, path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        arrays = read_archive(path, "a checkpoint")
        try:
            header = json.loads(arrays.pop("header").tobytes())
            written, fingerprint = header["format"], header["fingerprint"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(f"not a checkpoint ({type(error).__name__}: {error})", path) from None
        if written != _FORMAT:
            raise DataError(f"checkpoint format {shown(written)}, expected {_FORMAT}", path)
        if fingerprint != self._fingerprint:
            raise DataError(
                "is the checkpoint of another training: data, widths, parameters and seed must be the "
                "same; name another file",
                path,
            )
        return header, arrays

    def _read(self) -> None:
        header, arrays = self._load(self.path)
        try:
            self.finished.update(self._stored.finished(header.get("finished"), arrays))
        except InvalidStateError as error:
            raise DataError(f"not a checkpoint of this training: {error}", self.path) from None


def _record(result: TrialResult) -> dict[str, Any]:
    """Return a result's plain values."""
    return {
        "trial": result.trial,
        "stop": result.stop.value,
        "iterations": result.iterations,
        "best_iteration": result.best_iteration,
        "gap": result.gap,
        "bits_right": result.bits_right,
        "bits": result.bits,
        "valid_right": result.valid_right,
        "seconds": result.seconds,
        "step_seconds": result.step_seconds,
        "history": [asdict(point) for point in result.history],
    }
