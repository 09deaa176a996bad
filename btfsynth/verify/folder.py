"""The manifest of a design compared with other records and netlist files in its folder."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from btfsynth.errors import BtfsynthError, DataError, UsageError, shown
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import Manifest
from btfsynth.hdl.writers import WRITERS, folder_formats
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import statistics
from btfsynth.network.formats import load_network
from btfsynth.records import record_or_empty, sub_record
from btfsynth.settings.run_file import RUN_FILE
from btfsynth.sim.base import Design
from btfsynth.verify.compare import compare
from btfsynth.verify.simulate import timed_out
from btfsynth.verify.subjects import Subject, read_subject

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
    """Return where the counts of the manifest are not those of a netlist, None if nowhere."""
    if not manifest.netlist:
        return None  # of a version that kept none
    counted = vars(statistics(netlist))
    for key in (*counted, *manifest.netlist):
        said, found = manifest.netlist.get(key, "nothing"), counted.get(key, "none")
        if said != found:
            return f"the manifest says {key} {said}, the netlist has {found}"
    return None


def data_contradiction(design: Design) -> str | None:
    """Return which file of the folder has another hash of the data than the manifest, None if none has.

    A manifest without seed is of a netlist, in a folder that may hold files of another design.
    """
    manifest, folder = design.manifest, design.directory
    verilog = design.path("verilog")
    stated = {verilog.name: dict(_HEADER.findall(_header(verilog))).get("data hash", _MISSING)}
    if "seed" in manifest.options:
        stated["report.json"] = record_or_empty(folder / "report.json").get("data_hash", _MISSING)
        stated[RUN_FILE] = _run_file(folder / RUN_FILE, "data").get("hash", _MISSING)
    return _first_other(stated, "data hash", manifest.data_hash)


def training_contradiction(design: Design) -> str | None:
    """Return which file of the folder has another seed or trial than the manifest, None if none does."""
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
    """Return which file says something else than the manifest, given what each says or `_MISSING`."""
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
    """How the netlist files of a design compare with its netlist."""

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

    None has registers: in the folder of a pipeline they hold the netlist without these.
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
