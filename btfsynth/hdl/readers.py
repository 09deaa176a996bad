"""The table of readers, and the one function that reads any of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path
from btfsynth.plugins import Registry, later

if TYPE_CHECKING:
    from btfsynth.dataset.formats.base import SourceFile
    from btfsynth.netlist.formats.nets import Design
    from btfsynth.netlist.netlist import Netlist


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
    for reader in READERS.values():
        if reader.magic.search(head):
            return reader
    raise DataError(
        f"expected a netlist of a known format; known endings are: {design_endings()}", path
    )
