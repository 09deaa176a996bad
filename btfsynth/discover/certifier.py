"""Check the circuits of the front beside the search, one at a time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.discover.certify import certify
from btfsynth.discover.findings import Findings
from btfsynth.discover.record import Record
from btfsynth.discover.store import Store, entry_name
from btfsynth.errors import BtfsynthError
from btfsynth.events import Note, OnEvent
from btfsynth.files import StrPath, as_path, make_folder

__all__ = ["Certifier"]


class Certifier:
    """Turns circuits of the front into entries on the disk, from a thread of its own.

    The work is done by child processes and hardly takes time from this one.

    Parameters
    ----------
    dataset
        What the circuits compute.
    store
        Where entries go.
    scratch
        A folder, on the same disk, to make them in.
    settled
        Seconds a circuit stands on the front before it is checked.
    on_event
        Gets a `Note` for every circuit that fails; it is left out from then on.
    """

    def __init__(
        self,
        dataset: Dataset,
        store: Store,
        scratch: StrPath,
        settled: float,
        on_event: OnEvent,
    ) -> None:
        scratch = as_path(scratch)
        self.rejected: dict[str, str] = {}
        self._dataset = dataset
        self._store = store
        self._scratch = scratch
        self._settled = settled
        self._on_event = on_event
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="check")
        self._seen: dict[tuple[Any, ...], float] = {}
        self._running: tuple[Record, Path, Future[dict[str, Any]]] | None = None
        self._entries: dict[tuple[Any, ...], dict[str, Any]] = {}

    def step(self, front: Sequence[Record], found: Findings) -> bool:
        """Take what has ended, begin what is due; return whether an entry was added."""
        added = self._take(wait=False)
        now = time.monotonic()
        for record in front:
            seen = self._seen.setdefault(_identity(record), now)
            due = now - seen >= self._settled and _identity(record) not in self._entries
            if due and self._running is None:
                self._begin(record, found)
        return added

    def finish(self, front: Callable[[], Sequence[Record]], found: Findings) -> None:
        """Check all of the front; what fails makes place for others, which are checked too."""
        self._take(wait=True)
        while True:
            missing = [r for r in front() if _identity(r) not in self._entries]
            if not missing:
                return
            self._begin(missing[0], found)
            self._take(wait=True)

    def entries(self, front: Sequence[Record]) -> list[dict[str, Any]]:
        """Return the checked entries of the front in its order, each with its path in the store."""
        result = []
        for record in front:
            entry = self._entries.get(_identity(record))
            if entry is not None:
                path = self._store.path(record).relative_to(self._store.directory)
                result.append({"path": path.as_posix(), **entry})
        return result

    def close(self) -> None:
        """Wait for the check that is running and begin no other."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _begin(self, record: Record, found: Findings) -> None:
        if record.circuit is None:
            return
        folder = self._scratch / entry_name(record)
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        text = found.text(record.circuit.key)
        future = self._thread.submit(certify, self._dataset, record, text, folder)
        self._running = record, folder, future

    def _take(self, wait: bool) -> bool:
        """Put the entry that is finished, if one is, where it belongs."""
        if self._running is None or not (wait or self._running[2].done()):
            return False
        record, folder, future = self._running
        while not future.done():  # short naps, so that Ctrl-C is seen
            time.sleep(0.02)
        self._running = None
        try:
            entry = future.result()
        except BtfsynthError as error:
            if record.circuit is not None:
                self.rejected[record.circuit.key] = str(error)
            self._on_event(Note(f"not kept: {error}"))
            return False
        self._store.place(record, folder)
        self._entries[_identity(record)] = entry
        return True


def _identity(record: Record) -> tuple[Any, ...]:
    """Tell entries apart: one circuit may come with fewer inverters, or from an earlier trial."""
    return ("" if record.circuit is None else record.circuit.key, *record.rank)
