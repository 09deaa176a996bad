"""The tables of readers and writers: hardware languages, and netlist files by the ending of their name.

Their entries are imported when they are used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from btfsynth import __version__
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.netlist.identifiers import HdlNames, legal_names, printable
from btfsynth.plugins import Registry, later
from btfsynth.ports import moved_pins

if TYPE_CHECKING:
    from btfsynth.dataset.formats.base import SourceFile
    from btfsynth.hdl.module import HardwareModule
    from btfsynth.netlist.formats.nets import Design
    from btfsynth.netlist.gates import AnyNetlist
    from btfsynth.netlist.netlist import Netlist
    from btfsynth.settings.table import Basis


@dataclass(frozen=True)
class Reader:
    name: str
    description: str
    endings: tuple[str, ...]  # file name endings, lower case with the dot
    magic: re.Pattern[bytes]  # matches in the text of such a file; for files of unknown ending
    read: Callable[[SourceFile, bool], Design]
    """Makes the design of a file, with registers as ports if its second argument is true. A format without
    registers ignores that argument."""
    foreign: bool = True
    """True if the format is not the package's own, so that majorities are yet to be detected."""


def _read_mig(file: SourceFile, _: bool) -> Design:
    from btfsynth.netlist.formats.nets import Design
    from btfsynth.netlist.text import parse_netlist

    return Design(parse_netlist("\n".join(file.lines), file.path))


def _read_verilog(file: SourceFile, comb: bool) -> Design:
    from btfsynth.hdl.foreign import read_any_verilog

    return read_any_verilog(file, comb)


_FORMATS = "btfsynth.netlist.formats"


def _reader(name: str, description: str, endings: str, magic: bytes, read: str) -> Reader:
    pattern = re.compile(magic, re.MULTILINE)
    return Reader(name, description, tuple(endings.split()), pattern, later(f"{_FORMATS}.{read}"))


_BUILTIN = (
    Reader(
        "mig",
        "btfsynth's own text",
        (".mig",),
        re.compile(rb"^mig [0-9]", re.MULTILINE),
        _read_mig,
        foreign=False,
    ),
    _reader(
        "aiger", "AIGER, ASCII and binary", ".aag .aig", rb"\Aa[ai]g [0-9]", "aiger:parse_aiger"
    ),
    _reader(
        "blif",
        "BLIF, hierarchy flattened",
        ".blif",
        rb"^[ \t]*\.(model|inputs|names)\b",
        "blif:parse_blif",
    ),
    _reader(
        "bench", "ISCAS BENCH", ".bench", rb"(?i)^[ \t]*(INPUT|OUTPUT)[ \t]*\(", "bench:parse_bench"
    ),
    Reader(
        "verilog",
        "Verilog and SystemVerilog, hierarchy flattened",
        (".v", ".sv"),
        re.compile(rb"^[ \t]*module\s", re.MULTILINE),
        _read_verilog,
    ),
    _reader(
        "json",
        "Yosys JSON, one module of gates",
        ".json",
        rb'\A\s*\{\s*"creator"',
        "yosys_json:parse_yosys_json",
    ),
    _reader(
        "pla", "espresso's PLA", ".pla .esp", rb"^[ \t]*\.i[ \t]+[0-9]", "tables:parse_pla_design"
    ),
    _reader(
        "truth",
        "a truth table",
        ".truth .tt",
        rb"\A(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*(0[xX][0-9A-Fa-f]+|[01-]{2,})\s",
        "tables:parse_truth_design",
    ),
)

READERS: Registry[Reader] = Registry(
    "readers", Reader, {reader.name: reader for reader in _BUILTIN}
)
"""The readers by name, the more recognisable ones first."""

_LOOKED_AT = 1 << 16


def design_endings() -> str:
    return ", ".join(ending for reader in READERS.values() for ending in reader.endings)


def read_design(path: StrPath, comb: bool = False) -> Netlist:
    """Read a netlist from a file of any known format, by its ending, else by its content.

    With `comb` every register becomes two ports, as ``comb`` of ABC does it: its output an input of the circuit
    and its input an output ``NAME_in``, after the other ports. Otherwise registers raise `SequentialError`,
    except those of a Verilog pipeline.
    """
    return read_noted(path, comb).netlist


def read_noted(path: StrPath, comb: bool = False) -> Design:
    """Read a netlist as `read_design` does; return it with notes and don't-cares."""
    from btfsynth.dataset.formats.base import read_source

    return find_reader(path).read(read_source(path), comb)


def find_reader(path: StrPath) -> Reader:
    path = as_path(path)
    ending = path.suffix.lower()
    for reader in READERS.values():
        if ending in reader.endings:
            return reader
    from btfsynth.dataset.formats.base import read_source

    head = read_source(path).data[:_LOOKED_AT]
    if ending in (".vhd", ".vhdl"):
        raise DataError(
            "VHDL is not read here; GHDL makes Verilog of it: ghdl synth --out=verilog FILE -e ENTITY",
            path,
        )
    for reader in READERS.values():
        if reader.magic.search(head):
            return reader
    raise DataError(
        f"expected a netlist of a known format; known endings are: {design_endings()}", path
    )


# Writers


@dataclass(frozen=True)
class Backend:
    """A hardware language; `name` is also its role in a manifest, `file_pattern` has ``{module}`` in it."""

    name: str
    description: str
    file_pattern: str
    emit: Callable[[HardwareModule], str]

    def file_name(self, module: str) -> str:
        return self.file_pattern.format(module=module)


@dataclass(frozen=True)
class Writer:
    name: str
    description: str
    ending: str  # file name ending, lower case with the dot
    names: Callable[[Any], HdlNames]  # finds names that the format can hold
    emit: Callable[[Any, HdlNames, Mapping[str, str]], str | bytes]
    """Writes the netlist under such names, with provenance lines."""
    file_pattern: str = ""
    """File name in a design folder, with ``{module}`` in it; empty for the module and the ending."""
    keeps_pins: bool = True
    """False if the file lists ports, not pins, so that pins come in the order of the ports."""
    parities: bool = False
    """Whether `names` and `emit` also take a `GateNetlist` with parities."""

    def file_name(self, module: str) -> str:
        return (self.file_pattern or f"{{module}}{self.ending}").format(module=module)

    def content(self, netlist: AnyNetlist) -> tuple[bytes, tuple[str, ...]]:
        """Return the bytes of the file, and a line for every name that had to change and pins that moved."""
        cells: Any = netlist
        if hasattr(cells, "basis"):  # without a look at the class, which needs NumPy
            self.require(cells.basis)
            cells = cells if cells.basis.parities else cells.as_netlist()
        names = self.names(cells)
        content = self.emit(cells, names, {"generator": f"btfsynth {__version__}"})
        moved = moved_pins(netlist.input_ports, netlist.output_ports) if not self.keeps_pins else ()
        notices = (*names.notices, *map(printable, moved))
        return content if isinstance(content, bytes) else content.encode(), notices

    def require(self, basis: Basis, path: StrPath | None = None) -> None:
        """Refuse a basis with parities if the format has none."""
        if not basis.parities or self.parities:
            return
        others = ", ".join(writer.ending for writer in WRITERS.values() if writer.parities)
        raise UsageError(
            f"{self.ending if path is None else path}: {self.description} has no exclusive or; "
            f"`basis={basis.value}` needs one of {others}"
        )


def _verilog_names(netlist: AnyNetlist) -> HdlNames:
    return legal_names(netlist.name, netlist.input_ports, netlist.output_ports, verilog_only=True)


def _own_names(netlist: Netlist) -> HdlNames:
    return HdlNames(netlist.name, netlist.input_ports, netlist.output_ports, ())


def _mig(netlist: Netlist, _: HdlNames, __: Mapping[str, str]) -> str:
    from btfsynth.netlist.text import format_netlist

    return format_netlist(netlist)


def _verilog(netlist: AnyNetlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    from btfsynth.hdl.module import HardwareModule
    from btfsynth.hdl.verilog.emit import emit_gates, emit_plain_verilog
    from btfsynth.netlist.formats.nets import plain_cells
    from btfsynth.netlist.gates import GateNetlist

    if isinstance(netlist, GateNetlist):
        return emit_gates(netlist, names, provenance)
    return emit_plain_verilog(HardwareModule(plain_cells(netlist), names, provenance))


def _writer(name: str, description: str, module: str, parities: bool = False) -> Writer:
    place = f"btfsynth.netlist.formats.{module}"
    names, emit = later(f"{place}:{module}_names"), later(f"{place}:emit_{name}")
    return Writer(name, description, f".{name}", names, emit, parities=parities)


_LANGUAGES = (
    Backend(
        "verilog",
        "structural Verilog-2001",
        "{module}.v",
        later("btfsynth.hdl.verilog.emit:emit_verilog"),
    ),
    Backend(
        "amaranth",
        "Amaranth component",
        "{module}_amaranth.py",
        later("btfsynth.hdl.backends:emit_amaranth"),
    ),
    Backend("vhdl", "structural VHDL-93", "{module}.vhd", later("btfsynth.hdl.backends:emit_vhdl")),
)

_FILES = (
    Writer("mig", "btfsynth's own text", ".mig", _own_names, _mig),
    _writer("blif", "BLIF", "blif", parities=True),
    _writer("aag", "ASCII AIGER", "aiger"),
    _writer("aig", "binary AIGER", "aiger"),
    _writer("bench", "BENCH", "bench", parities=True),
    Writer(
        "json",
        "Yosys JSON",
        ".json",
        later("btfsynth.netlist.formats.yosys_json:yosys_names"),
        later("btfsynth.netlist.formats.yosys_json:emit_yosys_json"),
        "{module}_yosys.json",
        keeps_pins=False,
        parities=True,
    ),
    Writer(
        "verilog",
        "structural Verilog-2001",
        ".v",
        _verilog_names,
        _verilog,
        keeps_pins=False,
        parities=True,
    ),
)

_SOFTWARE = "btfsynth.netlist.formats.tables"
SOFTWARE: Mapping[str, Writer] = {
    name: Writer(
        name,
        description,
        ending,
        later(f"{_SOFTWARE}:{names}_names"),
        later(f"{_SOFTWARE}:emit_{name}"),
        keeps_pins=False,
        parities=True,
    )
    for name, description, ending, names in (
        ("python", "a Python function over NumPy arrays", ".py", "python"),
        ("c", "a C99 function of 64 input vectors at once", ".c", "c"),
        ("truth", "a truth table", ".truth", "table"),
        ("pla", "espresso's PLA", ".pla", "table"),
    )
}
"""A netlist as a program or a table, which cannot be read back as the same netlist."""

BACKENDS: Registry[Backend] = Registry(
    "backends", Backend, {each.name: each for each in _LANGUAGES}
)
"""The hardware languages by name; every design folder has them all."""

WRITERS: Registry[Writer] = Registry("writers", Writer, {each.name: each for each in _FILES})
"""The netlist files by name."""


def folder_formats() -> tuple[str, ...]:
    """Return the netlist formats that a design folder may contain."""
    return tuple(name for name in WRITERS if name != "verilog")


def get_writer(path: StrPath) -> Writer:
    """Return the writer for a file name; one without an ending is a ``.mig``."""
    path = as_path(path)
    ending = path.suffix.lower() or ".mig"
    writers = [*WRITERS.values(), *SOFTWARE.values()]
    for writer in writers:
        if writer.ending == ending:
            return writer
    known = ", ".join(writer.ending for writer in writers)
    raise UsageError(f"{path}: expected the ending of a netlist file, one of {known}")
