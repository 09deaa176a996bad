"""Compare two designs, or the manifest of a design with the other files in its folder.

A design is a file of any known format or a folder.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import BtfsynthError, DataError, ToolTimeoutError, UsageError, plural, shown
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.formats import WRITERS, folder_formats
from btfsynth.hdl.manifest import Manifest
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.netlist.simulation import MAX_EXHAUSTIVE_INPUTS, pack_bits
from btfsynth.netlist.views import statistics
from btfsynth.network.formats import load_network
from btfsynth.records import record_or_empty, sub_record
from btfsynth.settings.run_file import RUN_FILE
from btfsynth.sim.simulators import Design, port_values
from btfsynth.verify.equivalence import SAT_METHOD, equivalent, joined
from btfsynth.verify.error_metrics import Errors, Meter, Reading, measure, worst_case
from btfsynth.verify.simulate import timed_out
from btfsynth.verify.subjects import ORDER_NOTE, Subject, match_bits, read_subject, under_ports

_VECTORS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Comparison:
    equal: bool | None  # None if undecided in time
    method: str
    notes: tuple[str, ...]  # what was guessed, one line each
    # A counterexample by port, like ``p=2'b10`` with ``-`` for what does not matter.
    inputs: str = ""
    first: str = ""
    second: str = ""
    # The same as (inputs,) uint8 0/1 in the order of the first.
    vector: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    latencies: tuple[int | None, int | None] = (None, None)  # clocks; None if not known

    @property
    def same_latency(self) -> bool:
        return None in self.latencies or self.latencies[0] == self.latencies[1]

    def to_json(self) -> dict[str, Any]:
        shown = None
        if self.equal is False:
            shown = {"inputs": self.inputs, "a": self.first, "b": self.second}
        return {
            "equivalent": self.equal,
            "method": self.method,
            "notes": list(self.notes),
            "counterexample": shown,
            "latency": dict(zip("ab", self.latencies, strict=True)),
            "same_latency": self.same_latency,
        }


def compare(a: Subject, b: Subject, timeout: float | None = None) -> Comparison:
    """Compare two designs on every input vector, except where an output is a don't-care in either.

    Only the function is compared; different latencies are noted.
    """
    return _Pair(a, b, timeout).compare()


@dataclass(frozen=True)
class ErrorBetween:
    """The error of one design against another."""

    errors: Errors
    method: str
    notes: tuple[str, ...]
    inputs: str = ""  # an input vector with the largest error, and what both give there
    first: str = ""
    second: str = ""

    def to_json(self) -> dict[str, Any]:
        shown = {"inputs": self.inputs, "a": self.first, "b": self.second} if self.inputs else None
        notes = list(self.notes)
        return {
            "errors": self.errors.record(),
            "method": self.method,
            "notes": notes,
            "worst": shown,
        }


def error_between(
    a: Subject,
    b: Subject,
    signed: bool = False,
    bits: bool = False,
    timeout: float | None = None,
) -> ErrorBetween:
    """Measure the error of `b` with respect to `a` on every input vector without don't-cares in either.

    With more than `MAX_MEASURED_INPUTS` inputs the largest absolute error is proven by a solver, within
    `timeout` seconds, and the other metrics are estimated from a sample.
    """
    return _Pair(a, b, timeout).error(signed, bits)


class _Pair:
    """Two designs whose bits have been matched; vectors are in the order of the first."""

    def __init__(self, a: Subject, b: Subject, timeout: float | None) -> None:
        a, b = a.under_ranges(b), b.under_ranges(a)
        self.a, self.b, self.timeout = a, b, timeout
        self.inputs, input_note = match_bits("inputs", a.input_ports, b.input_ports)
        self.outputs, output_note = match_bits("outputs", a.output_ports, b.output_ports)
        self.latencies = (a.latency, b.latency)
        self.notes = [*a.notes, *b.notes, *filter(None, (input_note, output_note))]
        self.notes += [
            f"{subject.path.name} leaves outputs open; these may have any value"
            for subject in (a, b)
            if subject.leaves_open
        ]

    def compare(self) -> Comparison:
        vectors = self.vectors()
        found = self.proven() if vectors is None else self.on_vectors(vectors)
        if found.equal is False and any(ORDER_NOTE in note for note in self.notes):
            self.notes.append("ports matched by order may be matched wrongly")
        if not found.same_latency:
            one, other = (
                f"{subject.path.name} has {subject.latency}" for subject in (self.a, self.b)
            )
            self.notes.append(f"latencies differ: {one}, {other}; only the function was compared")
        return replace(found, notes=tuple(self.notes))

    def error(self, signed: bool, bits: bool) -> ErrorBetween:
        reading = Reading.of(self.a.output_ports, signed, bits)
        vectors = self.vectors()
        if vectors is not None:
            return self.error_on(reading, vectors)
        first, second = self.a.netlist, self.b.netlist
        assert first is not None
        assert second is not None
        second = under_ports(second, self.inputs, self.outputs, first)
        errors = measure(first, second, reading)
        method = plural(errors.vectors, "input vector")
        if errors.exhaustive:
            return self.worst(errors, f"all {method}", None)
        wce = worst_case(first, second, reading, self.timeout)
        errors = replace(errors, wce=wce, worst=None)
        return self.worst(errors, f"wce proven by a solver, all else from {method} at random", None)

    def error_on(self, reading: Reading, vectors: NDArray[np.uint8]) -> ErrorBetween:
        """Measure the error on listed vectors, those without don't-cares in either."""
        meter = Meter(reading)
        mattering = 0
        for start in range(0, len(vectors), _VECTORS_AT_ONCE):
            part = vectors[start : start + _VECTORS_AT_ONCE]
            (first, in_first), (second, in_second) = self.evaluate(part)
            care = (in_first & in_second).all(axis=1)
            mattering += int(care.sum())
            exact, given = (reading.values(pack_bits(each), len(part)) for each in (first, second))
            meter.add(exact, given, np.asarray(care, dtype=np.int64))
        if not mattering:
            raise self.nothing_matters()
        method = f"the {plural(mattering, 'input vector')} on which all outputs matter"
        errors = meter.errors()
        worst = None if errors.worst is None else vectors[errors.worst]
        return self.worst(errors, method, worst)

    def worst(self, errors: Errors, method: str, vector: NDArray[np.uint8] | None) -> ErrorBetween:
        """Return errors with the vector of the largest one, by default given by its number."""
        found = ErrorBetween(errors, method, tuple(self.notes))
        if vector is None and errors.worst is not None and errors.exhaustive:
            vector = (errors.worst >> np.arange(len(self.inputs)) & 1).astype(np.uint8)
        if vector is None:
            return found
        shown = self.differs(vector, method)
        return replace(found, inputs=shown.inputs, first=shown.first, second=shown.second)

    def found(self, equal: bool | None, method: str) -> Comparison:
        return Comparison(equal, method, (), latencies=self.latencies)

    def vectors(self) -> NDArray[np.uint8] | None:
        """Return all vectors with defined outputs, ``(vectors, inputs)``; None if these are not listed."""
        if not (self.a.leaves_open or self.b.leaves_open or self.a.table or self.b.table):
            return None
        listed = []
        if self.a.table is not None:
            listed.append(self.a.table.inputs)
        if self.b.table is not None:
            listed.append(self.b.table.inputs[:, self.inputs])
        if listed:
            return min(listed, key=len)
        if len(self.inputs) > MAX_EXHAUSTIVE_INPUTS:
            return None
        numbers = np.arange(1 << len(self.inputs), dtype=np.int64)
        return ((numbers[:, None] >> np.arange(len(self.inputs))) & 1).astype(np.uint8)

    def evaluate(
        self, vectors: NDArray[np.uint8]
    ) -> tuple[tuple[NDArray[np.uint8], NDArray[np.bool_]], ...]:
        """Return the outputs of both and their care masks, in the order of the first."""
        own = np.empty_like(vectors)
        own[:, self.inputs] = vectors
        values, care = self.b.evaluate(own)
        return self.a.evaluate(vectors), (values[:, self.outputs], care[:, self.outputs])

    def on_vectors(self, vectors: NDArray[np.uint8]) -> Comparison:
        """Compare on listed vectors; on all others the outputs are don't-cares."""
        mattering, wrong_one = 0, None
        for start in range(0, len(vectors), _VECTORS_AT_ONCE):
            part = vectors[start : start + _VECTORS_AT_ONCE]
            (first, in_first), (second, in_second) = self.evaluate(part)
            care = in_first & in_second
            wrong = ((first != second) & care).any(axis=1)
            mattering += int(care.any(axis=1).sum())
            if wrong_one is None and wrong.any():
                wrong_one = part[int(np.argmax(wrong))]
        if not mattering:
            raise self.nothing_matters()
        method = f"the {plural(mattering, 'input vector')} with an output that matters"
        return self.found(True, method) if wrong_one is None else self.differs(wrong_one, method)

    def proven(self) -> Comparison:
        """Compare on every input vector, by simulation or by SAT."""
        a, b = self.a.netlist, self.b.netlist
        assert a is not None
        assert b is not None
        loose = [] if self.a.dont_care is None else [self.a.dont_care]
        if self.b.dont_care is not None:
            loose.append(under_ports(self.b.dont_care, self.inputs, self.outputs, a))
        first, second = a, under_ports(b, self.inputs, self.outputs, a)
        for dont_care in loose:
            first, second = _masked(first, dont_care), _masked(second, dont_care)
        where = " wherever the outputs matter" if loose else ""
        try:
            found = equivalent(first, second, self.timeout)
        except ToolTimeoutError:
            return self.found(None, f"{SAT_METHOD}{where}, time-out after {self.timeout:g} s")
        if found.counterexample is None:
            if loose and self.is_all_open(a, loose):
                raise self.nothing_matters()
            return self.found(True, f"{found.method}{where}")
        return self.differs(found.counterexample, f"{found.method}{where}")

    def is_all_open(self, like: Netlist, loose: Sequence[Netlist]) -> bool:
        """Return True if every output is a don't-care for every input vector, as far as decided in time."""
        cells = np.empty((0, 3), dtype=np.int32)
        zeros, ones = (
            replace(like, fanins=cells, outputs=np.full(like.n_outputs, literal, dtype=np.int32))
            for literal in (FALSE, TRUE)
        )
        for dont_care in loose:
            ones = _masked(ones, dont_care)
        try:
            return equivalent(ones, zeros, self.timeout).equal
        except ToolTimeoutError:
            return False

    def nothing_matters(self) -> UsageError:
        return UsageError(
            f"{self.a.path} and {self.b.path}: there is no input vector for which an output matters in "
            "both, so nothing can be compared"
        )

    def differs(self, vector: NDArray[np.uint8], method: str) -> Comparison:
        """Return the comparison with a vector for which an output differs."""
        first, second = (
            port_values(self.a.output_ports, np.where(care[0], values[0], 2))
            for values, care in self.evaluate(vector[None, :])
        )
        shown = port_values(self.a.input_ports, vector)
        return Comparison(False, method, (), shown, first, second, vector, self.latencies)


def _masked(netlist: Netlist, dont_care: Netlist) -> Netlist:
    """Return a netlist whose outputs are 0 where those of another of the same inputs and outputs are 1."""
    both = joined(netlist, dont_care)
    half = netlist.n_outputs
    fanins = np.stack(
        [np.full(half, FALSE, np.int32), both.outputs[:half], both.outputs[half:] ^ 1], axis=1
    )
    return Netlist(
        netlist.name,
        netlist.input_ports,
        netlist.output_ports,
        np.concatenate([both.fanins, fanins]),
        (2 * (both.n_nodes + np.arange(half))).astype(np.int32),
    )


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_HEADER = re.compile(r"^// (data hash): (.*)$", re.MULTILINE)
_SEED = re.compile(r"^// (?:training: )?seed:? ([0-9]+)", re.MULTILINE)
_MAX_HEADER = 4000
_MAX_SHOWN = 70
_MISSING = object()


def count_contradiction(manifest: Manifest, netlist: Netlist) -> str | None:
    """Return the first count of the manifest that differs from a netlist, None if all agree."""
    if not manifest.netlist:
        return None  # of a version that kept none
    counted = vars(statistics(netlist))
    for key in (*counted, *manifest.netlist):
        said, found = manifest.netlist.get(key, "nothing"), counted.get(key, "none")
        if said != found:
            return f"the manifest says {key} {said}, the netlist has {found}"
    return None


def data_contradiction(design: Design) -> str | None:
    """Return the first file whose hash of the data differs from the manifest, None if all agree.

    A manifest without a seed belongs to a netlist, whose folder may contain files of another design.
    """
    manifest, folder = design.manifest, design.directory
    verilog = design.path("verilog")
    stated = {verilog.name: dict(_HEADER.findall(_header(verilog))).get("data hash", _MISSING)}
    if "seed" in manifest.options:
        stated["report.json"] = record_or_empty(folder / "report.json").get("data_hash", _MISSING)
        stated[RUN_FILE] = _run_file(folder / RUN_FILE, "data").get("hash", _MISSING)
    return _first_other(stated, "data hash", manifest.data_hash)


def training_contradiction(design: Design) -> str | None:
    """Return the first file whose seed or trial differs from the manifest, None if all agree."""
    manifest, folder = design.manifest, design.directory
    options = manifest.options
    verilog = design.path("verilog")
    seed = _SEED.search(_header(verilog))
    seeds: dict[str, Any] = {verilog.name: int(seed[1]) if seed else _MISSING}
    trials: dict[str, Any] = {}
    if "seed" in options:
        report = record_or_empty(folder / "report.json")
        entry = sub_record(record_or_empty(folder / "entry.json"), "origin")
        network = f"{manifest.module}.npz"
        training = {} if "learners" in options else _training(folder / network)
        seeds["report.json"] = report.get("seed", _MISSING)
        trials["report.json"] = sub_record(report, "train").get("trial", _MISSING)
        seeds[RUN_FILE] = _run_file(folder / RUN_FILE, "train").get("seed", _MISSING)
        for file, record in (("entry.json", entry), (network, training)):
            seeds[file] = record.get("seed", _MISSING)
            trials[file] = record.get("trial", _MISSING)
    return _first_other(seeds, "seed", options.get("seed")) or _first_other(
        trials, "trial", options.get("trial")
    )


def _first_other(stated: Mapping[str, Any], what: str, said: Any) -> str | None:
    """Return the first file that contradicts the manifest, given the value of each or `_MISSING`."""
    for file, found in stated.items():
        if found is not _MISSING and found != said:
            manifest = f"no {what}" if said is None else f"{what} {shown(said, _MAX_SHOWN)}"
            return f"the manifest says {manifest}, {file} has {shown(found, _MAX_SHOWN)}"
    return None


def _header(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as stream:
        return stream.read(_MAX_HEADER).partition("\nmodule ")[0]


def _training(path: Path) -> Mapping[str, Any]:
    try:
        return load_network(path).training
    except BtfsynthError:
        return {}


def _run_file(path: Path, section: str) -> Mapping[str, Any]:
    try:
        return sub_record(tomllib.loads(path.read_text(encoding="utf-8")), section)
    except (OSError, ValueError, RecursionError):
        return {}


@dataclass(frozen=True)
class FilesCheck:
    """Comparison of the netlist files of a design with its netlist."""

    same: tuple[str, ...] = ()  # names of the files that are equal
    undecided: tuple[str, ...] = ()  # names of those that were not compared in time, and why
    problem: str | None = None  # which file is another netlist
    counterexample: Mapping[str, Any] = field(
        default_factory=dict
    )  # where that one differs, by port

    @property
    def words(self) -> tuple[str, ...]:
        found = (f"the same in {', '.join(self.same)}",) if self.same else ()
        return (*found, *self.undecided)


def check_netlist_files(
    design: Design, netlist: Netlist, path: StrPath, timeout: float | None
) -> FilesCheck:
    """Compare every netlist file that the manifest lists with the netlist that was read from `path`.

    In the folder of a pipeline, these files contain the netlist without registers.
    """
    same, undecided = [], []
    files = design.manifest.files
    path = as_path(path)
    for role in [name for name in folder_formats() if name in files and files[name] != path.name]:
        file = files[role]
        names = WRITERS[role].names(netlist)
        wanted = replace(netlist, input_ports=names.inputs, output_ports=names.outputs)
        subject = read_subject(design.path(role), timeout)
        try:
            found = compare(Subject(path, wanted), subject, timeout)
        except UsageError as error:
            raise DataError(str(error), design.path(role)) from None
        if found.equal is False:
            shown = {"inputs": found.inputs, "netlist": found.first, file: found.second}
            return FilesCheck(problem=f"{file} is a different netlist", counterexample=shown)
        if found.equal is None:
            undecided.append(f"{file}: {timed_out(timeout or 0)}")
        else:
            same.append(file)
    return FilesCheck(tuple(same), tuple(undecided))
