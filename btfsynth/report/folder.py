"""The content of a design folder for a report.

Manifest, vectors and netlist are required and checked. All other files are optional, and used only if they
belong to the design, because a folder may contain files of an earlier build; omitted files get a notice.
Records may be written by other programs; invalid content counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import BtfsynthError, percent
from btfsynth.files import StrPath, as_path
from btfsynth.flow.patterns import Targets
from btfsynth.hdl.manifest import Manifest
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.views import NetlistStatistics, statistics
from btfsynth.network.formats import load_network
from btfsynth.network.network import TrainedNetwork
from btfsynth.records import read_record, sub_record
from btfsynth.sim.simulators import load_design
from btfsynth.training.history import HistoryPoint, parse_history
from btfsynth.verify.subjects import stored_netlist, verilog_netlist

_T = TypeVar("_T")

VERIFY_FILE = "verify.json"
_FPGA_FOLDERS = "fpga-*"
_FPGA_FILE = "fpga.json"


@dataclass(frozen=True, eq=False)
class DesignFolder:
    directory: Path
    manifest: Manifest
    vectors: VectorTable
    netlist: Netlist  # its ports under the names of the data
    network: TrainedNetwork | None
    history: tuple[HistoryPoint, ...]  # of the training; empty if not known
    # Contents of report.json and verify.json; empty if there is none of this design.
    build: Mapping[str, Any]
    verification: Mapping[str, Any]
    fpga: tuple[
        tuple[str, Mapping[str, Any]], ...
    ]  # name of the folder and figures of every FPGA run
    notices: tuple[str, ...]  # what was omitted and why, one line each

    @property
    def cost(self) -> NetlistStatistics:
        return statistics(self.netlist)

    @property
    def targets(self) -> dict[str, Targets]:
        """Recorded correct targets of the design by set of patterns; empty if there is no record."""
        own = recorded_targets({"targets": self.manifest.targets})
        return own or recorded_targets(self.build)

    def wrong_vectors(self) -> NDArray[np.bool_]:
        """Return the vectors, ``(vectors,)`` bool, on which the netlist is wrong, don't-cares excluded."""
        return self.vectors.wrong(evaluate(self.netlist, self.vectors.inputs))


def read_folder(directory: StrPath) -> DesignFolder:
    directory = as_path(directory)
    design = load_design(directory)
    manifest = design.manifest
    netlist = stored_netlist(directory, manifest) or verilog_netlist(directory, manifest)
    notices: list[str] = []
    build = _optional(read_record, directory / "report.json", notices) or {}
    if build and not _is_of(build, manifest, netlist):
        notices.append("report.json belongs to another design and is omitted")
        build = {}
    verification = _optional(read_record, directory / VERIFY_FILE, notices) or {}
    if verification and sub_record(verification, "sha256") != dict(manifest.hashes):
        notices.append(f"{VERIFY_FILE} belongs to another design and is omitted; run verify again")
        verification = {}
    files = build.get("files")
    listed = files if isinstance(files, list) else []
    weights, history = f"{manifest.module}.npz", f"{manifest.module}_history.csv"
    network = _optional(load_network, directory / weights, notices) if weights in listed else None
    points = _optional(_read_history, directory / history, notices) if history in listed else None
    runs: list[tuple[str, Mapping[str, Any]]] = []
    for path in sorted(directory.glob(f"{_FPGA_FOLDERS}/{_FPGA_FILE}")):
        record = _optional(read_record, path, notices) or {}
        if not _is_run_of(record, manifest):
            notices.append(
                f"{path.parent.name} belongs to another design and is omitted; run fpga again"
            )
        elif record:
            runs.append((path.parent.name, record))
    return DesignFolder(
        directory=directory,
        manifest=manifest,
        vectors=design.vectors,
        netlist=netlist,
        network=network,
        history=points or (),
        build=build,
        verification=verification,
        fpga=tuple(runs),
        notices=tuple(notices),
    )


def _read_history(path: Path) -> tuple[HistoryPoint, ...]:
    return parse_history(path.read_text(encoding="utf-8"), path)


def recorded_targets(build: Mapping[str, Any]) -> dict[str, Targets]:
    """Return the correct targets in the record of a build or a learning, by set of patterns.

    Empty if they are missing or invalid.
    """
    found = {}
    for name, record in sub_record(build, "targets").items():
        if not isinstance(record, dict):
            return {}
        values = [record.get(key) for key in ("right", "count", "labels_right", "labels")]
        for right, count in (values[:2], values[2:]):
            known = type(right) is int and type(count) is int and 0 <= right <= count
            if not known and (right is not None or count is not None):
                return {}
        right, count, *labels = values
        if right is None or count is None:
            return {}
        found[name] = Targets(right, count, *labels)
    return found


_NAMED = 8
"""Maximum outputs with a confidence on the page."""


def interval_text(build: Mapping[str, Any], name: str) -> str:
    """Return the 95% interval of the accuracy on a set of patterns, of labels where there are classes."""
    bits = as_number(build, "n_classes") is None
    score = sub_record(sub_record(build, "accuracy"), name)
    limits = numbers(score.get("bits_interval" if bits else "vectors_interval"))
    if len(limits) != 2 or not 0 <= limits[0] <= limits[1] <= 1:
        return ""
    return f"95% confidence: {percent(limits[0])} to {percent(limits[1])}"


def recorded_agreement(build: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the `agreement` of the outputs in a record; None if unknown."""
    told = []
    for output in records(build, "outputs"):
        sure = as_number(output, "confidence")
        if sure is not None and 0 <= sure <= 1:
            told.append((float(sure), as_text(output, "name")))
    return agreement(told)


def agreement(told: list[tuple[float, str]]) -> tuple[str, str] | None:
    """Return on how many outputs probable circuits agree, and a line about the others.

    told: the confidence of each output that has one, and its name.
    """
    if not told:
        return None
    unsure = sorted(each for each in told if each[0] < 1)
    named = ", ".join(f"{name} {percent(sure)}" for sure, name in unsure[:_NAMED])
    more = f" and {len(unsure) - _NAMED} more" if len(unsure) > _NAMED else ""
    words = "outputs on which probable circuits agree"
    return (
        f"{len(told) - len(unsure)} of {len(told)}",
        f"{words}; lowest: {named}{more}" if named else words,
    )


def known_targets(directory: StrPath) -> dict[str, Targets]:
    try:
        return read_folder(directory).targets
    except BtfsynthError:
        return {}


def _is_of(build: Mapping[str, Any], manifest: Manifest, netlist: Netlist) -> bool:
    """Return True if the record of a build belongs to this design, by data and costs."""
    recorded = sub_record(build, "netlist")
    cost = statistics(netlist).record()
    return as_text(build, "data_hash") == manifest.data_hash and all(
        recorded.get(name) == value for name, value in cost.items()
    )


def _is_run_of(run: Mapping[str, Any], manifest: Manifest) -> bool:
    """Return True if an FPGA run belongs to this design, by the module and the hashes of its sources.

    Records without a module, from other programs, are accepted.
    """
    if "module" not in run:
        return True
    made_from = sub_record(run, "sha256")
    return (
        run["module"] == manifest.module
        and bool(made_from)
        and all(manifest.hashes.get(role) == digest for role, digest in made_from.items())
    )


def _optional(read: Callable[[Path], _T], path: Path, notices: list[str]) -> _T | None:
    """Read a file if it exists; None, with a notice, if it cannot be read."""
    if not path.is_file():
        return None
    try:
        return read(path)
    except (BtfsynthError, OSError, UnicodeDecodeError) as error:
        # Without the folder, which is not to stand in a report.
        reason = str(error).replace(str(path), path.name)
        known = isinstance(error, BtfsynthError)
        notices.append(f"omitted: {reason if known else f'{path.name}: cannot be read'}")
        return None


_MAX_TEXT = 2000


def records(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of the list under a name; anything else is ignored."""
    value = record.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_number(record: Mapping[str, Any], name: str) -> float | int | None:
    """Return the finite number under a name; True does not count as a number."""
    value = record.get(name)
    if type(value) not in (int, float) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def as_text(record: Mapping[str, Any], name: str) -> str:
    """Return the text under a name, cut if it is long, empty if there is none."""
    value = record.get(name)
    return value[:_MAX_TEXT] if isinstance(value, str) else ""


def numbers(values: Any) -> list[float | int]:
    """Return the numbers of a list, empty if it contains anything else."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        return []
    kept = [value for value in values if type(value) in (int, float)]
    return kept if len(kept) == len(values) else []
