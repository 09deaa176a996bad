"""Checkpoints: the state of a series of trials on disk, so that it can continue after a kill.

The checkpoint file contains the finished trials. The state of each running trial is in a separate file
``FILE.trial<k>``, which is removed when the trial is finished. All files are written atomically, so a kill
loses only the work since the last interval, and the continued run has the same result as an uninterrupted one.

When a file is read, every name, type, shape and range is compared with the data and the plan, and the correct
targets of the weights are counted again.
"""

from __future__ import annotations

import glob
import hashlib
import itertools
import json
import math
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.errors import BtfsynthError, DataError, OutputError, shown
from btfsynth.events import Note, OnEvent
from btfsynth.files import StrPath, as_path, read_archive, write_archive
from btfsynth.network.network import Topology, measure
from btfsynth.records import (
    InvalidRecordError,
    between,
    file_content,
    inside,
    items,
    one_of,
    real,
    share,
    whole,
)
from btfsynth.training.history import HistoryPoint
from btfsynth.training.parameters import StopReason, TrainingPlan, TrialResult
from btfsynth.training.state import state_layout
from btfsynth.training.trainer import Counters, Snapshot, network_of, with_codes

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
    """Return True if a training left a checkpoint, even if only the state of its first trial."""
    path = as_path(path)
    states = f"{glob.escape(path.name)}.trial*"
    return path.exists() or any(path.parent.glob(states))


class Checkpoint:
    """The checkpoint of one series of trials; a file that exists is read, one of another training refused.

    `interval` is the time between two writes of a running trial, in seconds. If a write fails (full disk,
    network folder not available), `on_event` gets one `Note` until a write succeeds again, and the training
    continues; without `on_event` the error is raised.
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
        with file_content(path, "not the state of this trial"):
            return self._stored.state(trial, header, arrays)

    def due(self, trial: int) -> bool:
        now = time.monotonic()
        return now - self._written.setdefault(trial, now) >= self.interval

    def keep(self, trial: int, snapshot: Snapshot) -> None:
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
        for trial in trials:
            self._trial_path(trial).unlink(missing_ok=True)

    def _trial_path(self, trial: int) -> Path:
        return self.path.with_name(f"{self.path.name}.trial{trial}")

    def _save(self, path: Path, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bool:
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
        with file_content(self.path, "not a checkpoint of this training"):
            self.finished.update(self._stored.finished(header, arrays))


_KEPT = (
    "trial", "stop", "iterations", "best_iteration", "gap", "bits_right", "bits", "valid_right",
    "seconds", "step_seconds",
)  # fmt: skip


def _record(result: TrialResult) -> dict[str, Any]:
    record = {name: getattr(result, name) for name in _KEPT}
    return {**record, "history": [asdict(point) for point in result.history]}


_MAX_TRIALS = 100_000
_INPUTS_GIVEN = (InputKind.BOOLEAN, InputKind.ANALOG)
_UNFINISHED = (StopReason.INTERRUPTED, StopReason.TIME)


@dataclass(frozen=True, eq=False)
class Stored:
    """Reads checkpoints of one training; their valid content follows from its data and plan."""

    dataset: Dataset
    plan: TrainingPlan
    valid: Dataset | None

    def finished(
        self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> dict[int, TrialResult]:
        found: dict[int, TrialResult] = {}
        known: set[str] = set()
        for record in items(header, "finished"):
            trial = whole(record, "trial", 0, _MAX_TRIALS)
            if trial in found:
                raise InvalidRecordError(f"trial {trial}: expected it once")
            names = {"weights": f"weights_{trial}"}
            if self.dataset.input_kind not in _INPUTS_GIVEN:
                names["codes"] = f"codes_{trial}"
            known |= set(names.values())
            given = {kind: arrays.get(name) for kind, name in names.items()}
            with inside(f"trial {trial}"):
                found[trial] = self._result(trial, record, given)
        if arrays.keys() - known:
            raise InvalidRecordError(f"expected no array {shown(min(arrays.keys() - known))}")
        return found

    def _result(
        self, trial: int, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any] | None]
    ) -> TrialResult:
        limit = self.plan.parameters.max_iterations
        stops = tuple(stop.value for stop in StopReason if stop not in _UNFINISHED)
        weights = arrays["weights"]
        topology = self._topology(trial, 0 if weights is None else weights.size)
        bits = int(self.dataset.care_mask.sum())
        result = TrialResult(
            trial=trial,
            topology=topology,
            parameters=self.plan.parameters,
            weights=_array(weights, "weights", np.dtype(np.float32), (topology.n_edges,)),
            stop=StopReason(one_of(record, "stop", stops)),
            iterations=whole(record, "iterations", 1, limit),
            gap=real(record, "gap"),
            bits_right=whole(record, "bits_right", 0, bits),
            bits=whole(record, "bits", bits, bits),
            seconds=real(record, "seconds"),
            step_seconds=real(record, "step_seconds"),
            history=self.history(record, whole(record, "iterations", 1, limit)),
            best_iteration=whole(record, "best_iteration", 1, limit),
            valid_right=self._valid_right(record),
            codes=self._codes(arrays["codes"], topology) if "codes" in arrays else None,
        )
        self._measure(result)
        return result

    def _topology(self, trial: int, edges: int) -> Topology:
        """Return the network of a trial, unless it has more edges than there are weights."""
        try:
            if self.plan.topology is None:
                widths = self.plan.trial_widths(trial)
                least = sum((a + 1) * b for a, b in itertools.pairwise(widths))
            else:
                least = 0
        except OverflowError:
            least = edges + 1
        if least > edges:
            raise InvalidRecordError(f"weights: expected one for each edge, got {edges}")
        return self.plan.trial_topology(trial)

    def _codes(self, codes: NDArray[Any] | None, topology: Topology) -> NDArray[np.uint8]:
        shape = (self.dataset.n_patterns, topology.n_inputs)
        found = _array(codes, "codes", np.dtype(np.uint8), shape, 0, 1)
        one_hot = self.dataset.input_kind is InputKind.ONE_HOT_GENERATOR
        if one_hot and (found.sum(axis=1) != 1).any():
            raise InvalidRecordError("codes: expected one 1 in every row")
        return found

    def _valid_right(self, record: Mapping[str, Any]) -> int | None:
        """Return the number of correct validation targets; None if the set is missing or did not choose."""
        if record.get("valid_right") is None:
            return None
        if self.valid is None:
            raise InvalidRecordError("valid_right: expected none without a validation set")
        return whole(record, "valid_right", 0, self.valid.targets.size)

    def _measure(self, result: TrialResult) -> None:
        """Refuse weights whose correct targets differ from the recorded numbers."""
        data = self.dataset
        if result.codes is not None:
            data = with_codes(data, result.codes)
        try:
            network = network_of(data, result.topology, result.weights)
            right = network.bits_right(data)
            held = None if self.valid is None else measure(network, self.valid)
        except BtfsynthError as error:
            raise InvalidRecordError(str(error)) from None
        if right != result.bits_right:
            raise InvalidRecordError(
                f"weights: expected {result.bits_right} of {result.bits} bits right as recorded, they "
                f"get {right} right"
            )
        if held is not None and result.valid_right is not None:
            right = held.bits_right if held.labels_right is None else held.labels_right
            if right != result.valid_right:
                raise InvalidRecordError(
                    f"weights: expected {result.valid_right} right of the validation set as recorded, "
                    f"they get {right} right"
                )
        if result.stop in (StopReason.EXACT, StopReason.BOTH) and not result.exact:
            raise InvalidRecordError(f"stop: expected every bit right after {result.stop.value!r}")

    def history(self, record: Mapping[str, Any], last: int) -> tuple[HistoryPoint, ...]:
        optional = {"labels": self.dataset.output_kind is OutputKind.LABEL}
        held = self.valid is not None
        optional |= {"valid_bits": held, "valid_vectors": held}
        optional["valid_labels"] = held and (
            self.valid is not None and self.valid.output_kind is OutputKind.LABEL
        )
        found: list[HistoryPoint] = []
        for point in items(record, "history"):
            least = found[-1].iterations + 1 if found else 1
            steps = whole(point, "iterations", least, last)
            values: dict[str, float | None] = {}
            for field in fields(HistoryPoint)[1:]:
                is_share = "gap" not in field.name
                if not optional.get(field.name, True):
                    if point.get(field.name) is not None:
                        raise InvalidRecordError(f"history: expected no {field.name}")
                    values[field.name] = None
                else:
                    values[field.name] = (
                        share(point, field.name) if is_share else real(point, field.name)
                    )
            found.append(HistoryPoint(steps, **values))  # type: ignore[arg-type]
        return tuple(found)

    def state(
        self, trial: int, header: Mapping[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> Snapshot:
        """Return the state of a running trial."""
        parameters = self.plan.parameters
        topology = self.plan.trial_topology(trial)
        layout = state_layout(topology, self.dataset.n_patterns, parameters.dtype)
        layout |= {"best_weights": layout["weights"], "kept_weights": layout["weights"]}
        codes = arrays.pop("kept_codes", None)
        generated = self.dataset.input_kind not in _INPUTS_GIVEN
        if generated != (codes is not None):
            raise InvalidRecordError(f"kept_codes: expected {'an' if generated else 'no'} array")
        if arrays.keys() != layout.keys():
            odd = min(arrays.keys() ^ layout.keys())
            raise InvalidRecordError(
                f"expected the arrays {', '.join(layout)}; {shown(odd)} is "
                f"{'missing' if odd in layout else 'none of them'}"
            )
        for name, (dtype, length) in layout.items():
            low = 0.0 if name in ("metric", "gap", "gap_sums") else -math.inf
            _array(arrays[name], name, dtype, (length,), low)
        if codes is not None:
            arrays["kept_codes"] = self._codes(codes, topology)
        counters = self._counters(header)
        return Snapshot(arrays, counters, self.history(header, counters.iterations))

    def _counters(self, header: Mapping[str, Any]) -> Counters:
        numbers, names = items(header, "counters"), Counters._fields
        if len(numbers) != len(names):
            raise InvalidRecordError(f"counters: expected {len(names)} numbers, got {len(numbers)}")
        record = dict(zip(names, numbers, strict=True))
        bits = int(self.dataset.care_mask.sum())
        with inside("counters"):
            done = whole(record, "iterations", 1, self.plan.parameters.max_iterations)
            whole(record, "kept_iteration", 1, done)
            for name in ("mean", "least_gap", "kept_mean", "seconds", "step_seconds"):
                real(record, name)
            for name, low, high in (
                ("most_right", -1, bits),
                ("stop_at", -1, bits),
                ("stopped", 0, 1),
                ("best_iteration", 0, done),
            ):
                real(record, name, low, high, integral=True)
            real(record, "best_mean", infinite=True)
        return Counters(**record)


def _array(
    array: NDArray[Any] | None,
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    low: float = -math.inf,
    high: float = math.inf,
) -> NDArray[Any]:
    if array is None:
        raise InvalidRecordError(f"{name}: expected an array, got none")
    if array.dtype != dtype or array.shape != shape:
        raise InvalidRecordError(
            f"{name}: expected {dtype} of shape {shape}, got {shown(array.dtype)} of shape "
            f"{shown(array.shape)}"
        )
    if not (np.isfinite(array).all() and (array >= low).all() and (array <= high).all()):
        raise InvalidRecordError(f"{name}: expected finite numbers{between(low, high)}")
    return np.ascontiguousarray(array)
