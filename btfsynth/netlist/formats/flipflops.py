"""Flip-flops and latches of FPGA vendors and of Yosys: what they take over, as a function.

Clock and initial value are passed over, and an asynchronous reset is taken for a synchronous one, as they are
where registers are cut into ports.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from btfsynth.netlist.formats.fpga_cells import CellFunction, parameter_value

__all__ = [
    "NEXT",
    "find_flipflop",
]

NEXT = "next"
"""Name of the signal that a flip-flop takes over."""

_YOSYS = re.compile(
    r"\$_(?:(?P<kind>DFFE|DFF|SDFFCE|SDFFE|SDFF|DLATCH)_(?P<marks>[PN]{1,2}[01]?[PN]?)|FF)_"
)
_VENDORS = re.compile(
    r"FD(|E|R|RE|S|SE|C|CE|P|PE)(_1)?|SB_DFFN?E?(SR|SS|R|S)?|DFFN?[SRPC]?E?|FD1[SP]3[A-Z]X|LD[CP]?E?"
)
_ENABLES = ("E", "CE", "EN", "SP", "G")
_RESETS = ("R", "CLR", "RESET", "CLEAR", "CD")
_SETS = ("S", "PRE", "SET", "PRESET", "PD")
_CLOCKS = ("C", "CLK", "CK")
_GATE_ENABLE = "GE"
"""Of Xilinx' latches: open where it and ``G`` are high."""


def find_flipflop(
    kind: str, ports: Collection[str], parameters: Mapping[str, int | str]
) -> CellFunction | None:
    """Return what a flip-flop takes over, as a function of its inputs and of its output ``Q``.

    Parameters
    ----------
    kind
        Name of the cell.
    ports
        Names of the ports that are connected.
    parameters
        Values by name; ``IS_D_INVERTED`` and the like say that a pin acts inverted.

    Raises
    ------
    ValueError
        If such a parameter is no bit.
    """
    yosys = _YOSYS.fullmatch(kind)
    if yosys is not None:
        return _of_yosys(yosys["kind"] or "FF", yosys["marks"] or "")
    if kind == "TRELLIS_FF" and {"DI", "Q"} <= set(ports):
        return _of_trellis(ports, parameters)
    if _VENDORS.fullmatch(kind) is None or not {"D", "Q"} <= set(ports):
        return None
    known = {"D", "Q", _GATE_ENABLE, *_ENABLES, *_RESETS, *_SETS, *_CLOCKS}
    if not set(ports) <= known:
        return None
    found = {
        role: next((name for name in names if name in ports), None)
        for role, names in (("enable", _ENABLES), ("reset", _RESETS), ("set", _SETS))
    }
    # iCE40 has synchronous ones whose enable comes first.
    enable_first = kind.startswith("SB_") and kind.endswith(("SR", "SS"))
    enables = [
        name for name in (found["enable"], _GATE_ENABLE) if name is not None and name in ports
    ]
    reset = found["reset"] or found["set"]
    inverted = {
        pin
        for pin in ("D", reset, *enables)
        if f"IS_{pin}_INVERTED" in parameters
        and parameter_value(parameters, f"IS_{pin}_INVERTED", 1)
    }
    return _function(enables, reset, found["set"], enable_first, inverted)


def _function(
    enables: Sequence[str],
    reset: str | None,
    value: object,
    enable_first: bool,
    inverted: Collection[str | None] = (),
) -> CellFunction:
    """Return the function; it takes over ``D`` where all enables are on, which act low if they are inverted."""
    names = ["D", "Q", *enables, *([] if reset is None else [reset])]
    table = 0
    for vector in range(1 << len(names)):
        now = {
            name: bool(vector >> place & 1) != (name in inverted)
            for place, name in enumerate(names)
        }
        is_enabled = all(now[name] for name in enables)
        is_reset = reset is not None and now[reset]
        following = now["D"] if is_enabled else now["Q"]
        if is_reset and (is_enabled or not enable_first):
            following = bool(value)
        table |= following << vector
    return CellFunction(NEXT, tuple(names), table)


def _of_yosys(kind: str, marks: str) -> CellFunction | None:
    """Return the function of a flip-flop of Yosys' library: polarities of clock, reset, enable and value."""
    value = marks[2:3] in ("0", "1") and marks[2]
    rest = marks.replace("0", "").replace("1", "")
    is_latch, has_enable = kind == "DLATCH", kind in ("DFFE", "SDFFE", "SDFFCE", "DLATCH")
    wanted = (kind != "FF") + bool(value) + (has_enable and not is_latch)
    if len(rest) != wanted or (kind.startswith("SDFF") and not value):
        return None
    enable_mark = rest[0] if is_latch else rest[-1] if has_enable else "P"
    reset_mark = rest[1] if value else "P"
    return _function(
        ["E"] if has_enable else [],
        "R" if value else None,
        value == "1",
        kind == "SDFFCE",
        {name for name, mark in (("E", enable_mark), ("R", reset_mark)) if mark == "N"},
    )


def _of_trellis(ports: Collection[str], parameters: Mapping[str, int | str]) -> CellFunction:
    """Return the function of the flip-flop of ECP5, whose reset comes before its enable."""

    def chosen(name: str, allowed: Sequence[str]) -> str:
        value = str(parameters.get(name, allowed[0])).strip().strip('"').strip()
        if value not in allowed:
            raise ValueError(
                f"the parameter {name}: expected {' or '.join(allowed)}, got {value!r}"
            )
        return value

    chosen("LSRMODE", ("LSR",))
    enable, reset = chosen("CEMUX", ("1", "CE", "INV")), chosen("LSRMUX", ("LSR", "INV"))
    inverted = {pin for pin, way in (("CE", enable), ("LSR", reset)) if way == "INV"}
    function = _function(
        [] if enable == "1" else ["CE"],
        "LSR" if "LSR" in ports else None,
        chosen("REGSET", ("RESET", "SET")) == "SET",
        False,
        inverted,
    )
    return replace(function, inputs=("DI", *function.inputs[1:]))
