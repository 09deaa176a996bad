"""Legal HDL names for modules and ports whose names come from anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from btfsynth.backends.reserved import RESERVED_WORDS, VERILOG_WORDS
from btfsynth.dataset.ports import Port

__all__ = ["MAX_LENGTH", "HdlNames", "is_legal", "is_legal_module", "legal_names", "printable"]

MAX_LENGTH = 100
"""Longer names are cut: file names are made from them."""

_LEGAL = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LEGAL_VERILOG = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CELL = re.compile(r"n+[0-9]+", re.IGNORECASE)
"""What cells are called (see `btfsynth.netlist.names`): their names keep clear of the ports as the netlist has
them, so nothing else may become such a name."""
_SHOWN = 60


@dataclass(frozen=True)
class HdlNames:
    """The names a design has in hardware.

    Parameters
    ----------
    module
        Name of the module.
    inputs, outputs
        The ports under legal names, in the order and with the widths of the netlist's.
    notices
        One line for every name that had to change.
    """

    module: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    notices: tuple[str, ...]


def is_legal(name: str, verilog_only: bool = False) -> bool:
    """Tell whether a name can stand in Verilog, VHDL, Python and C++ as it is, or in Verilog alone.

    For all of them it begins with a letter (Amaranth takes a leading underscore as private) and is no reserved
    word in any case.
    """
    if len(name) > MAX_LENGTH:
        return False
    if verilog_only:
        return _LEGAL_VERILOG.fullmatch(name) is not None and name not in VERILOG_WORDS
    return _LEGAL.fullmatch(name) is not None and name.lower() not in RESERVED_WORDS


def is_legal_module(name: str) -> bool:
    """Tell whether a module can have this name in all languages: one that is legal and no name of cells."""
    return is_legal(name) and _CELL.fullmatch(name) is None


def printable(text: str) -> str:
    """Return text that is safe in a comment: ASCII, on one line."""
    return text.encode("unicode_escape").decode("ascii")


def legal_names(
    module: str,
    input_ports: Sequence[Port],
    output_ports: Sequence[Port],
    reserved: Collection[str] = (),
    verilog_only: bool = False,
) -> HdlNames:
    """Find legal names, all different; even if case is ignored, unless they are for Verilog only.

    A name that is legal and not yet taken stays as it is, whatever the others become; of a module and a port
    of one name the port keeps it.

    Parameters
    ----------
    module
        Wanted name of the module.
    input_ports, output_ports
        Ports under their wanted names.
    reserved
        More names that none may have, in lower case.
    verilog_only
        Whether the names are for a Verilog file alone, which takes more names as they are.
    """

    def key(name: str) -> str:
        return name if verilog_only else name.lower()

    wanted = [module, *(port.name for port in (*input_ports, *output_ports))]
    found: dict[int, str] = {}
    taken = set(reserved)
    # Ports come first: circuits are compared by their names, not by that of the module.
    for place, name in (*enumerate(wanted[1:], 1), (0, module)):
        cell = not place and _CELL.fullmatch(name)
        if is_legal(name, verilog_only) and not cell and key(name) not in taken:
            found[place] = name
            taken.add(key(name))
    notices = []
    for place, name in enumerate(wanted):
        if place not in found:
            found[place] = _free_name(_mended(name, "p" if place else "m"), taken, key)
            taken.add(key(found[place]))
            kind = "port" if place else "module"
            notices.append(f"{kind} {_shown(name)} is called {found[place]} in hardware")
    split = 1 + len(input_ports)
    inputs = [replace(port, name=found[1 + at]) for at, port in enumerate(input_ports)]
    outputs = [replace(port, name=found[split + at]) for at, port in enumerate(output_ports)]
    return HdlNames(found[0], tuple(inputs), tuple(outputs), tuple(notices))


def _mended(name: str, prefix: str) -> str:
    """Return the nearest legal name."""
    ascii_only = re.sub(r"[^A-Za-z0-9]+", "_", name[: 4 * MAX_LENGTH]).strip("_")
    candidate = ascii_only[: MAX_LENGTH - 20].rstrip("_")
    return candidate if is_legal_module(candidate) else f"{prefix}_{candidate or 'unnamed'}"


def _free_name(name: str, taken: set[str], key: Callable[[str], str]) -> str:
    """Return the name, with a number behind it if it is taken."""
    candidate, number = name, 2
    while key(candidate) in taken:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def _shown(name: str) -> str:
    """Quote a name for a message; repr escapes whatever is not printable."""
    return repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}... ({len(name)} characters)"
