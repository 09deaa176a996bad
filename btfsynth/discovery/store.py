"""The folder of a discovery: every finished piece of work, and the front as finished and checked designs.

::

    DIR/trials.jsonl             one record per line, in the order in which they came; sorted in the end
    DIR/front.json               the index of the front, and what the records belong to
    DIR/growing/trial_3.json     where the cascade of a trial stands, till it has ended
    DIR/partial.mig              without a front, the circuit of the cascade that has come furthest
    DIR/front/c24_d9_i7_1f0a63c2/  one circuit: netlist, hardware, vectors, manifest, entry.json

Entries are made and checked elsewhere and moved in whole; the index is written after the entries it names are
there and before those it no longer names are removed. See `btfsynth.records.RecordFolder` for all else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.discovery.cascade import Growth, parse_growth
from btfsynth.discovery.record import Findings, Record, parse_record
from btfsynth.errors import BtfsynthError, DataError, OutputError, VerificationError, plural
from btfsynth.events import Note, OnEvent, StageBegan
from btfsynth.files import StrPath, as_path, make_folder, move, write_text
from btfsynth.flow.patterns import count_targets, targets_record
from btfsynth.flow.report import is_verified
from btfsynth.hdl.design import Origin, write_design
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import care_reference, count_wrong
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.records import RecordFolder, file_content, inside, items, read_record, string, whole
from btfsynth.sim.simulators import CheckResult
from btfsynth.verify.simulate import simulate_design

FRONT_FILE = "front.json"
TRIALS_FILE = "trials.jsonl"
_FRONT = "front"
_GROWING = "growing"
PARTIAL_FILE = "partial.mig"
_NAMES = (FRONT_FILE, TRIALS_FILE, _FRONT, _GROWING, PARTIAL_FILE)
_FORMAT = 2


@dataclass(frozen=True)
class Identity:
    """What the records of a folder belong to; `settings` is a hash of all else that they depend on."""

    name: str
    source: str
    data_hash: str
    settings: str


def entry_name(record: Record) -> str:
    if record.circuit is None:
        raise OutputError("a record without a circuit has no folder")
    cost, key = record.circuit.cost, record.circuit.key
    return f"c{cost.cells}_d{cost.depth}_i{cost.inverters}_{key[:8]}"


class Store(RecordFolder):
    def __init__(self, directory: StrPath, identity: Identity) -> None:
        super().__init__(directory, _NAMES, "a discovery", _FORMAT)
        self.identity = identity

    def path(self, record: Record) -> Path:
        return self.directory / _FRONT / entry_name(record)

    def read(self) -> list[Record]:
        """Return the records of an earlier discovery of the same data with the same settings."""
        self._check_index()
        records = self.read_lines(parse_record, "a record of a discovery")
        texts = {r.circuit.key for r in records if r.circuit is not None and r.circuit.netlist}
        wanted = {r.circuit.key for r in records if r.circuit is not None}
        for key in sorted(wanted - texts):
            raise DataError(f"the netlist of circuit {key[:8]} is missing", self.lines)
        return records

    def keep_growth(self, trial: int, growth: Growth) -> None:
        """Write where the cascade of a trial stands."""
        folder = self.directory / _GROWING
        make_folder(folder)
        text = json.dumps(growth.to_json(), separators=(",", ":")) + "\n"
        write_text(folder / f"trial_{trial}.json", text)

    def growth(self, trial: int) -> Growth | None:
        """Return where an earlier session left the cascade of a trial, None if it did not begin."""
        path = self.directory / _GROWING / f"trial_{trial}.json"
        if not path.exists():
            return None
        values = read_record(path)
        try:
            return parse_growth(values)
        except DataError as error:
            raise DataError(f"not the state of a cascade: {error}", path) from None

    def drop_growth(self, trial: int) -> None:
        """Remove the state of a cascade that has ended."""
        folder = self.directory / _GROWING
        (folder / f"trial_{trial}.json").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others are under way, or there is none
            folder.rmdir()

    def keep_partial(self, netlist: Netlist | None) -> Path:
        """Write the circuit that has come furthest; None removes an earlier one."""
        path = self.directory / PARTIAL_FILE
        if netlist is None:
            path.unlink(missing_ok=True)
        else:
            write_text(path, format_netlist(netlist))
        return path

    def append(self, record: Record) -> None:
        """Add a record to the file; it is on the disk when this returns."""
        self.append_line(record.to_json())

    def rewrite(self, records: Iterable[Record]) -> None:
        self.write_lines(record.to_json() for record in records)

    def place(self, record: Record, built: Path) -> None:
        """Move the finished folder of a circuit to its place, over an earlier one."""
        target = self.path(record)
        make_folder(target.parent)
        if os.path.lexists(target):
            former = built.with_name(f"{built.name}.former")
            move(target, former)
        move(built, target)

    def write_front(self, entries: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> None:
        """Write the index of the front; each entry has its `path` among its JSON values."""
        self.write_index({**vars(self.identity), **summary, "front": list(entries)})

    def prune(self, keep: Iterable[Record]) -> None:
        """Remove the folders of circuits that are not among these."""
        names = {entry_name(record) for record in keep}
        for folder in (self.directory / _FRONT).glob("c*_d*_i*_*"):
            if folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)

    def _check_index(self) -> None:
        """Check that the index is one, and of this discovery."""
        path, content = self.index, self.read_index()
        if content.get("data_hash") != self.identity.data_hash:
            raise DataError(
                f"holds circuits of another data set, {str(content.get('source'))[:60]}; this one is "
                f"{self.identity.source}; name another folder",
                path,
            )
        if content.get("settings") != self.identity.settings:
            raise DataError(
                "was made with other settings: seed, "
                "passes and training settings must match; name another folder",
                path,
            )
        with file_content(path), inside("front"):
            for entry in items(content, "front"):
                for name in ("path", "key"):
                    string(entry, name)
                for name in ("cells", "depth", "inverters"):
                    whole(entry, name)


_SIMULATORS = ("amaranth",)


def certify(dataset: Dataset, record: Record, text: str, folder: StrPath) -> dict[str, Any]:
    """Write a circuit's design folder and check it: netlist, parsed Verilog, simulated Amaranth.

    Return its entry as JSON values; ``entry.json`` holds the same. A check that fails is a
    `VerificationError`.
    """
    folder = as_path(folder)
    netlist = parse_netlist(text)
    wrong = count_wrong(netlist, care_reference(dataset))
    checks = {
        "netlist": CheckResult("netlist", passed=dataset.n_patterns - wrong, failed=wrong),
    }
    origin = record.origin()
    targets = targets_record({"train": count_targets(netlist, dataset)})
    manifest = write_design(
        netlist,
        VectorTable.from_dataset(dataset),
        folder,
        origin=Origin(
            dataset.source,
            dataset.content_hash,
            _provenance(record),
            origin,
            dataset.notices,
            targets,
            dataset.code,
            dataset.classes,
        ),
    )
    write_text(folder / f"{manifest.module}.mig", text)
    for check in simulate_design(folder, _SIMULATORS):
        checks[check.name] = check
    if not is_verified(checks, _SIMULATORS):
        failed = next(check for check in checks.values() if not check.ok)
        reason = failed.skipped or f"{plural(failed.failed, 'vector')} failed"
        raise VerificationError(f"circuit {folder.name}: {failed.name}: {reason}")
    if record.circuit is None:
        raise VerificationError(f"circuit {folder.name}: its record has none")
    cost = asdict(record.circuit.cost)
    entry = {
        "key": record.circuit.key,
        **{name.removesuffix("_cells"): count for name, count in cost.items()},
        "verified": True,
        "targets": targets["train"],
        "checks": {name: check.to_json() for name, check in checks.items()},
        "origin": origin,
    }
    write_text(folder / "entry.json", json.dumps(entry, indent=2) + "\n")
    return entry


def _provenance(record: Record) -> dict[str, str]:
    widths = ",".join(str(width) for width in record.widths or ()) or "none"
    lines = {
        "training": f"seed {record.seed}, trial {record.trial}, widths {widths}, "
        f"sigma {record.sigma:g}, beta {record.beta:g}, gamma {record.gamma:g}",
        "passes": record.passes,
    }
    if record.parent is not None:
        lines["polished"] = f"from circuit {record.parent[:8]}, attempt {record.attempt}"
    return lines


class Certifier:
    """Turns circuits of the front into entries on the disk, from a thread of its own.

    The work is done by child processes and hardly takes time from this one. Entries are made in `scratch`, on
    the same disk, once a circuit has stood on the front for `settled` seconds. One that fails gives a `Note`
    and is rejected.
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
            self._on_event(StageBegan(f"checking {entry_name(missing[0])}"))
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
