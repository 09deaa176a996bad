"""The tables of writers: hardware languages, and netlist files by the ending of their name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from btfsynth import __version__
from btfsynth.errors import UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.amaranth import emit_amaranth
from btfsynth.hdl.module import Backend, HardwareModule
from btfsynth.hdl.verilog.emit import emit_plain_verilog, emit_verilog
from btfsynth.hdl.vhdl import emit_vhdl
from btfsynth.netlist.formats.aiger import aiger_names, emit_aag, emit_aig
from btfsynth.netlist.formats.bench import bench_names, emit_bench
from btfsynth.netlist.formats.blif import blif_names, emit_blif
from btfsynth.netlist.formats.tokens import plain_cells
from btfsynth.netlist.formats.yosys_json import emit_yosys_json, yosys_names
from btfsynth.netlist.identifiers import HdlNames, legal_names, printable
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist
from btfsynth.ports import moved_pins

Emitter = Callable[[Netlist, HdlNames, Mapping[str, str]], str | bytes]


@dataclass(frozen=True)
class Writer:
    """A netlist file.

    Parameters
    ----------
    ending
        File name ending, lower case with the dot.
    names
        Finds names that the format can hold.
    emit
        Writes the netlist under such names, with provenance lines.
    file_pattern
        File name in a design folder, with ``{module}`` in it; empty for the module and the ending.
    keeps_pins
        False if the file lists ports, not pins, so that pins come in the order of the ports.
    """

    name: str
    description: str
    ending: str
    names: Callable[[Netlist], HdlNames]
    emit: Emitter
    file_pattern: str = ""
    keeps_pins: bool = True

    def file_name(self, module: str) -> str:
        return (self.file_pattern or f"{{module}}{self.ending}").format(module=module)

    def content(self, netlist: Netlist) -> tuple[bytes, tuple[str, ...]]:
        """Return the bytes of the file, and a line for every name that had to change and pins that moved."""
        names = self.names(netlist)
        content = self.emit(netlist, names, {"generator": f"btfsynth {__version__}"})
        moved = moved_pins(netlist.input_ports, netlist.output_ports) if not self.keeps_pins else ()
        notices = (*names.notices, *map(printable, moved))
        return content if isinstance(content, bytes) else content.encode(), notices


def _verilog_names(netlist: Netlist) -> HdlNames:
    return legal_names(netlist.name, netlist.input_ports, netlist.output_ports, verilog_only=True)


def _own_names(netlist: Netlist) -> HdlNames:
    return HdlNames(netlist.name, netlist.input_ports, netlist.output_ports, ())


def _verilog(netlist: Netlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    return emit_plain_verilog(HardwareModule(plain_cells(netlist), names, provenance))


WRITERS = MappingProxyType(
    {
        writer.name: writer
        for writer in (
            Writer(
                "mig",
                "btfsynth's own text",
                ".mig",
                _own_names,
                lambda netlist, _, __: format_netlist(netlist),
            ),
            Writer("blif", "BLIF", ".blif", blif_names, emit_blif),
            Writer("aag", "ASCII AIGER", ".aag", aiger_names, emit_aag),
            Writer("aig", "binary AIGER", ".aig", aiger_names, emit_aig),
            Writer("bench", "BENCH", ".bench", bench_names, emit_bench),
            Writer(
                "json",
                "Yosys JSON",
                ".json",
                yosys_names,
                emit_yosys_json,
                "{module}_yosys.json",
                keeps_pins=False,
            ),
            Writer(
                "verilog",
                "structural Verilog-2001",
                ".v",
                _verilog_names,
                _verilog,
                keeps_pins=False,
            ),
        )
    }
)
"""The writers by name."""

FOLDER_FORMATS = tuple(name for name in WRITERS if name != "verilog")
"""Those that a design folder may hold besides its hardware."""


def get_writer(path: StrPath) -> Writer:
    """Return the writer for a file name; one without an ending is a ``.mig``."""
    path = as_path(path)
    ending = path.suffix.lower() or ".mig"
    for writer in WRITERS.values():
        if writer.ending == ending:
            return writer
    known = ", ".join(writer.ending for writer in WRITERS.values())
    raise UsageError(f"{path}: expected the ending of a netlist file, one of {known}")


# The table of backends.

BACKENDS = MappingProxyType(
    {
        backend.name: backend
        for backend in (
            Backend("verilog", "structural Verilog-2001", "{module}.v", emit_verilog),
            Backend("amaranth", "Amaranth component", "{module}_amaranth.py", emit_amaranth),
            Backend("vhdl", "structural VHDL-93", "{module}.vhd", emit_vhdl),
        )
    }
)


def get_backend(name: str) -> Backend:
    """Return a backend by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    try:
        return BACKENDS[name]
    except KeyError:
        raise UsageError(
            f"unknown backend {name!r}: expected one of {', '.join(BACKENDS)}"
        ) from None
