"""Legal HDL names for modules and ports whose names come from anywhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from btfsynth.backends.reserved import RESERVED_WORDS
from btfsynth.dataset.ports import Port

__all__ = ["MAX_LENGTH", "HdlNames", "is_legal", "legal_names", "printable"]

MAX_LENGTH = 100
"""Longer names are cut: file names are made from them."""

_LEGAL = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NET = re.compile(r"n[0-9]+")
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


def is_legal(name: str) -> bool:
    """Tell whether a name can stand in Verilog, VHDL, Python and C++ as it is.

    It begins with a letter (Amaranth takes a leading underscore as private), is no reserved word in
    any case and is not what the emitters call a net (``n`` and a number).
    """
    lower = name.lower()
    return (
        len(name) <= MAX_LENGTH
        and _LEGAL.fullmatch(name) is not None
        and lower not in RESERVED_WORDS
        and _NET.fullmatch(lower) is None
    )


def printable(text: str) -> str:
    """Return text that is safe in a comment: ASCII, on one line."""
    return text.encode("unicode_escape").decode("ascii")


def legal_names(
    module: str,
    input_ports: Sequence[Port],
    output_ports: Sequence[Port],
    reserved: Collection[str] = (),
) -> HdlNames:
    """Find legal names, all different even if case is ignored.

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
    """
    wanted = [module, *(port.name for port in (*input_ports, *output_ports))]
    found: dict[int, str] = {}
    taken = set(reserved)
    # Ports come first: circuits are compared by their names, not by that of the module.
    for place, name in (*enumerate(wanted[1:], 1), (0, module)):
        if is_legal(name) and name.lower() not in taken:
            found[place] = name
            taken.add(name.lower())
    notices = []
    for place, name in enumerate(wanted):
        if place not in found:
            found[place] = _free_name(_mended(name, "p" if place else "m"), taken)
            taken.add(found[place].lower())
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
    return candidate if is_legal(candidate) else f"{prefix}_{candidate or 'unnamed'}"


def _free_name(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it if it is taken."""
    candidate, number = name, 2
    while candidate.lower() in taken:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def _shown(name: str) -> str:
    """Quote a name for a message; repr escapes whatever is not printable."""
    return repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}... ({len(name)} characters)"
