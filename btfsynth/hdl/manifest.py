"""The manifest of a design folder: its content and origin."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from btfsynth.dataset.table_code import Scalar
from btfsynth.errors import DataError, shown
from btfsynth.files import StrPath, as_path, settle
from btfsynth.netlist.identifiers import is_legal
from btfsynth.ports import Port
from btfsynth.records import read_record
from btfsynth.settings.table import MAX_LATENCY

MANIFEST_FILE = "manifest.json"
CELL_LIBRARY = "verilog_cells"
"""Role of the file with the cells that the Verilog is made of; not every design has one."""
CODE_ROLE = "code"
"""Role of the file with the code of the inputs (see `btfsynth.dataset.code`); only of coded tables."""
ROLES = ("amaranth", "testbench", "vectors", "verilog")
"""Required files; ``vhdl`` and ``vhdl_testbench`` are newer than the format and may be missing."""

CONTROL_NAMES = frozenset({"clk", "rst", "en"})
"""Names that no data port of a clocked design has."""

_FORMAT = 1
_MAX_WIDTH = 1_000_000
_MAX_CELLS = 2**30
"""Netlists number twice as many literals with 31 bits."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"\[([0-9]{1,9}):([0-9]{1,9})\]")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


@dataclass(frozen=True)
class Timing:
    """The clock of a design and its control ports.

    Every path from an input to an output goes through the same number of registers, so that a new input can
    be accepted every clock. `latency` is the number of rising edges from an input to its output, at least 1.
    Registers keep their values while the port ``en`` is 0; registers and outputs become 0 at a rising edge with
    ``rst`` 1, whatever the enable is.
    """

    latency: int
    enable: bool = False
    reset: bool = False

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the control ports, each one bit wide, in the order in which they precede the data."""
        return ("clk", *(("rst",) if self.reset else ()), *(("en",) if self.enable else ()))


@dataclass(frozen=True)
class DesignPort:
    """A port under its name in the data and its name in hardware; range and pins are those of `Port`."""

    name: str
    hdl: str
    width: int
    low: int = 0
    step: int = 1
    pins: tuple[int, ...] | None = None
    meaning: str = ""  # What to feed it with, or what it says, if it is not just a number

    @property
    def data_port(self) -> Port:
        return Port(self.name, self.width, self.low, self.step, self.pins)

    @property
    def hardware_port(self) -> Port:
        return replace(self.data_port, name=self.hdl)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; the range only where it is not ``[width-1:0]``, the pins only if given."""
        record: dict[str, Any] = {"name": self.name, "hdl": self.hdl, "width": self.width}
        if not self.data_port.counts_from_zero:
            record["range"] = self.data_port.range
        if self.pins is not None:
            record["pins"] = list(self.pins)
        if self.meaning:
            record["meaning"] = self.meaning
        return record


@dataclass(frozen=True)
class Manifest:
    name: str
    module: str
    version: str  # version of this package that wrote it
    source: str
    data_hash: str
    """Source and hash of the data."""
    inputs: tuple[DesignPort, ...]
    outputs: tuple[DesignPort, ...]
    vector_count: int
    exhaustive: bool
    """Number of test vectors, and whether these are all there can be."""
    files: Mapping[str, str]  # file name by role (see `ROLES`)
    netlist: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Statistics of the netlist, and its origin as given by the caller."""
    notices: tuple[str, ...] = ()  # what the user should know, one line each
    hashes: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by role in hexadecimal; empty for a design made before they were kept."""
    timing: Timing | None = None
    targets: Mapping[str, Any] = field(default_factory=dict)
    """Accuracy by set of patterns, as ``report.json`` of a build has it; empty if there or not known."""
    classes: tuple[Scalar, ...] = ()  # what the outputs stand for; empty for plain bits

    @property
    def input_ports(self) -> tuple[Port, ...]:
        return tuple(port.hardware_port for port in self.inputs)

    @property
    def output_ports(self) -> tuple[Port, ...]:
        return tuple(port.hardware_port for port in self.outputs)

    @property
    def specified(self) -> bool:
        """True if the vectors are the patterns, so that the design has no other requirement."""
        kept = self.options.get("preserve", "care" if self.data_hash else "network")
        return bool(kept == "care")

    def verilog_files(self, directory: Path) -> tuple[Path, ...]:
        """Return the paths of the Verilog files: the module first, then its cells if any."""
        roles = ("verilog", CELL_LIBRARY)
        return tuple(directory / self.files[role] for role in roles if role in self.files)

    def to_text(self) -> str:
        record: dict[str, Any] = {
            "btfsynth": self.version,
            "data_hash": self.data_hash,
            "files": dict(self.files),
            "format": _FORMAT,
            "module": self.module,
            "name": self.name,
            "netlist": dict(self.netlist),
            "notices": list(self.notices),
            "options": dict(self.options),
            "ports": {
                "inputs": [port.to_json() for port in self.inputs],
                "outputs": [port.to_json() for port in self.outputs],
            },
            "sha256": dict(self.hashes),
            "source": self.source,
            "timing": None if self.timing is None else vars(self.timing),
            "vectors": {
                "count": self.vector_count,
                "exhaustive": self.exhaustive,
                "file": self.files["vectors"],
            },
        }
        if self.classes:
            record["classes"] = list(self.classes)
        if self.targets:
            record["targets"] = dict(self.targets)
        return json.dumps(record, indent=2, sort_keys=True) + "\n"


def load_manifest(directory: StrPath) -> Manifest:
    """Read the manifest of a design folder and trust nothing in it.

    A publication into the folder that was killed half-way is completed first. File names that lead out of the
    folder are refused.
    """
    directory = as_path(directory)
    path = directory / MANIFEST_FILE
    if not directory.is_dir():
        raise DataError("no such design folder", directory)
    settle(directory)
    if not path.exists():
        raise DataError(f"not a design folder: no {MANIFEST_FILE} in it", directory)
    record = read_record(path)
    try:
        return _manifest(record)
    except _InvalidError as error:
        raise DataError(str(error), path) from None


class _InvalidError(Exception):
    """An error in a manifest, before its path is known."""


def _manifest(record: dict[str, Any]) -> Manifest:
    if _get(record, "format", int) != _FORMAT:
        raise _InvalidError(f"expected format {_FORMAT}, got {record['format']}")
    files = {str(role): name for role, name in _get(record, "files", dict).items()}
    for role, name in files.items():
        if not isinstance(name, str) or not _FILE_NAME.fullmatch(name) or ".." in name:
            raise _InvalidError(f"files.{role}: expected a plain file name, got {name!r:.80}")
    missing = [role for role in ROLES if role not in files]
    if missing:
        raise _InvalidError(f"files: expected an entry for {', '.join(missing)}")
    ports = _get(record, "ports", dict)
    inputs, outputs = (_ports(ports, direction) for direction in ("inputs", "outputs"))
    vectors = _get(record, "vectors", dict)
    module = _identifier(record, "module")
    timing = _timing(record)
    used = [module.lower(), *(port.hdl.lower() for port in (*inputs, *outputs))]
    used += timing.controls if timing else ()
    if len(set(used)) != len(used):
        raise _InvalidError("ports: expected different names")
    if _get(vectors, "count", int) < 1:
        raise _InvalidError("vectors.count: expected at least 1")
    if _get(vectors, "file", str) != files["vectors"]:
        raise _InvalidError("vectors.file: expected the same file as files.vectors")
    return Manifest(
        name=_get(record, "name", str),
        module=module,
        version=_get(record, "btfsynth", str),
        source=_get(record, "source", str),
        data_hash=_get(record, "data_hash", str),
        inputs=inputs,
        outputs=outputs,
        vector_count=vectors["count"],
        exhaustive=_get(vectors, "exhaustive", bool),
        files=files,
        netlist=_statistics(record),
        options=_get(record, "options", dict),
        notices=tuple(str(notice) for notice in _get(record, "notices", list)),
        hashes=_hashes(record, files),
        timing=timing,
        targets=_get(record, "targets", dict) if "targets" in record else {},
        classes=_classes(record),
    )


def _classes(record: dict[str, Any]) -> tuple[Scalar, ...]:
    listed = _get(record, "classes", list) if "classes" in record else []
    if not all(isinstance(name, (str, int, float)) for name in listed):
        raise _InvalidError("classes: expected a list of names")
    return tuple(listed)


def _timing(record: dict[str, Any]) -> Timing | None:
    """Return the timing, which is optional because it is newer than the format."""
    if record.get("timing") is None:
        return None
    timing = _get(record, "timing", dict)
    latency = _get(timing, "latency", int)
    if not 1 <= latency <= MAX_LATENCY:
        raise _InvalidError(f"timing.latency: expected 1 to {MAX_LATENCY}, got {latency}")
    return Timing(latency, _get(timing, "enable", bool), _get(timing, "reset", bool))


def _statistics(record: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = _get(record, "netlist", dict)
    for key, value in found.items():
        if type(value) is not int or not 0 <= value <= _MAX_CELLS:
            raise _InvalidError(f"netlist.{key}: expected 0 to {_MAX_CELLS}, got {shown(value)}")
    return found


def _hashes(record: dict[str, Any], files: Mapping[str, str]) -> dict[str, str]:
    """Return the hashes of the files; they are optional, as they are younger than the format."""
    if "sha256" not in record:
        return {}
    hashes: dict[str, str] = _get(record, "sha256", dict)
    for role, digest in hashes.items():
        if role not in files or not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise _InvalidError("sha256: expected 64 hexadecimal digits for roles under files")
    missing = sorted(set(files) - set(hashes))
    if hashes and missing:
        raise _InvalidError(f"sha256: expected an entry for {missing[0]}, as for the other files")
    return hashes


def _ports(record: dict[str, Any], direction: str) -> tuple[DesignPort, ...]:
    ports = []
    for entry in _get(record, direction, list):
        if not isinstance(entry, dict):
            raise _InvalidError(f"ports.{direction}: expected objects")
        width = _get(entry, "width", int)
        if not 1 <= width <= _MAX_WIDTH:
            raise _InvalidError(f"ports.{direction}: expected a width of at least 1, got {width}")
        low, step = _range(entry, direction, width)
        pins = tuple(_get(entry, "pins", list)) if "pins" in entry else None
        ports.append(
            DesignPort(
                _get(entry, "name", str),
                _identifier(entry, "hdl"),
                width,
                low,
                step,
                pins,
                _get(entry, "meaning", str) if "meaning" in entry else "",
            )
        )
    if not ports:
        raise _InvalidError(f"ports.{direction}: expected at least one")
    _check_pins(ports, direction)
    return tuple(ports)


def _range(entry: dict[str, Any], direction: str, width: int) -> tuple[int, int]:
    if "range" not in entry:
        return 0, 1
    match = _RANGE.fullmatch(_get(entry, "range", str))
    if match is None or abs(int(match[1]) - int(match[2])) + 1 != width:
        raise _InvalidError(
            f"ports.{direction}: expected a range of {width} bits such as [{width - 1}:0], got "
            f"{entry['range']!r:.40}"
        )
    return int(match[2]), 1 if int(match[1]) >= int(match[2]) else -1


def _check_pins(ports: list[DesignPort], direction: str) -> None:
    """Refuse pins that are not every position once, or not given for all ports."""
    given = [pin for port in ports for pin in port.pins or ()]
    if not given and all(port.pins is None for port in ports):
        return
    width = sum(port.width for port in ports)
    if len(given) != width or any(type(pin) is not int for pin in given):
        raise _InvalidError(f"ports.{direction}: expected {width} whole numbers as pins")
    if sorted(given) != list(range(width)) or any(
        len(port.pins or ()) != port.width for port in ports
    ):
        raise _InvalidError(f"ports.{direction}: expected pins from 0 to {width - 1}, each once")


def _identifier(record: dict[str, Any], key: str) -> str:
    name = _get(record, key, str)
    if not is_legal(name):
        raise _InvalidError(f"{key}: expected a legal identifier, got {name!r:.80}")
    return str(name)


def _get(record: dict[str, Any], key: str, kind: type) -> Any:
    """Return a field of exactly this type (True is no number)."""
    if key not in record:
        raise _InvalidError(f"the field {key!r} is missing")
    if type(record[key]) is not kind:
        raise _InvalidError(f"{key}: expected {kind.__name__}, got {type(record[key]).__name__}")
    return record[key]
