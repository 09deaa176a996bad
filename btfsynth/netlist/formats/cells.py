"""Cells of FPGA vendors and of Yosys: lookup tables, buffers, constants, carries, flip-flops and latches.

A cell is a list of functions of at most six inputs, each given by its truth table, bit ``v`` the value at the
input vector ``v``, the first input least significant. A function may read the output of an earlier one.
Cells of different vendors with the same name are distinguished by their ports.

A flip-flop is given by the function of its next value. Its clock and its initial value are ignored, and
an asynchronous reset is read as a synchronous one, because registers are cut into ports anyway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

Parameters = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class CellFunction:
    """One output of a cell (``CO[2]`` is a bit of a vector), or an internal signal, by its truth table."""

    output: str
    inputs: tuple[str, ...]
    table: int


@dataclass(frozen=True, slots=True)
class _Cell:
    """The ports by which a cell is recognised, and the function that makes its functions."""

    ports: frozenset[str]
    make: Callable[[Parameters], Sequence[CellFunction]]


def library_cell(
    kind: str, ports: Collection[str], parameters: Parameters
) -> tuple[Sequence[CellFunction], bool] | None:
    """Return the functions of a cell or the one of a flip-flop, and whether it is a flip-flop; None if unknown.

    A parameter that is a text of 0 and 1 is binary. ValueError if a parameter is missing or invalid.
    """
    for cell in _CELLS.get(kind, ()):
        if set(ports) <= cell.ports:
            return cell.make(parameters), False
    flipflop = find_flipflop(kind, ports, parameters)
    return None if flipflop is None else ([flipflop], True)


def needed_functions(
    functions: Sequence[CellFunction], connected: Collection[str]
) -> Sequence[CellFunction]:
    """Return, in order, the functions that connected outputs depend on, without open inputs of no effect.

    Other inputs may be undefined: Yosys leaves inputs of tables open that these do not depend on.
    """
    known = {*connected, *(one.output for one in functions)}
    wanted = set(connected)
    found = []
    for whole in reversed(functions):
        if whole.output in wanted:
            one = _without_open_inputs(whole, known)
            found.append(one)
            wanted.update(one.inputs)
    return found[::-1]


def _without_open_inputs(function: CellFunction, known: Collection[str]) -> CellFunction:
    """Return a function without the inputs that are not known and that do not change its value."""
    names, table = list(function.inputs), function.table
    for place in reversed(range(len(names))):
        where_0 = [vector for vector in range(1 << len(names)) if not vector >> place & 1]
        if names[place] not in known and all(
            table >> vector & 1 == table >> (vector | 1 << place) & 1 for vector in where_0
        ):
            table = sum((table >> vector & 1) << new for new, vector in enumerate(where_0))
            del names[place]
    return CellFunction(function.output, tuple(names), table)


def cell_names() -> tuple[str, ...]:
    return tuple(_CELLS)


def parameter_value(parameters: Parameters, name: str, width: int) -> int:
    """Return a parameter as a number of `width` bits; ValueError if it is missing, no number or too wide."""
    value = parameters.get(name)
    if value is None:
        raise ValueError(f"the parameter {name} is missing")
    if isinstance(value, str):
        text = value.strip().strip('"').replace("_", "").lower()
        if re.fullmatch(r"[01]+", text):
            value = int(text, 2)
        elif re.fullmatch(r"0x[0-9a-f]{1,64}", text):
            value = int(text, 16)
        else:
            raise ValueError(f"the parameter {name}: expected digits 0 and 1, got {value[:40]!r}")
    if value < 0 or value >> width:
        raise ValueError(f"the parameter {name}: expected at most {width} bits, got {value:#x}")
    return value


def _table(width: int, function: Callable[..., object]) -> int:
    return sum(
        1 << vector
        for vector in range(1 << width)
        if function(*(bool(vector >> place & 1) for place in range(width)))
    )


def _fixed(outputs: Mapping[str, tuple[str, Callable[..., object]]]) -> _Cell:
    functions = [
        CellFunction(output, tuple(inputs.split()), _table(len(inputs.split()), function))
        for output, (inputs, function) in outputs.items()
    ]
    ports = {name for one in functions for name in (one.output, *one.inputs)}
    return _Cell(frozenset(ports), lambda _: functions)


def _lut(inputs: str, outputs: str, parameter: str = "INIT") -> _Cell:
    names = tuple(inputs.split())

    def make(parameters: Parameters) -> Sequence[CellFunction]:
        table = parameter_value(parameters, parameter, 1 << len(names))
        return [CellFunction(output, names, table) for output in outputs.split()]

    return _Cell(frozenset((*names, *outputs.split())), make)


def _two_luts(parameters: Parameters) -> Sequence[CellFunction]:
    names = tuple(f"I{place}" for place in range(6))
    table = parameter_value(parameters, "INIT", 64)
    return CellFunction("O6", names, table), CellFunction("O5", names[:5], table & (1 << 32) - 1)


def _carry4(_: Parameters) -> Sequence[CellFunction]:
    found = [CellFunction("carry", ("CI", "CYINIT"), 0b1110)]
    before = "carry"
    for place in range(4):
        found.append(CellFunction(f"O[{place}]", (f"S[{place}]", before), 0b0110))
        reads = (f"S[{place}]", before, f"DI[{place}]")
        found.append(CellFunction(f"CO[{place}]", reads, _table(3, _mux)))
        before = f"CO[{place}]"
    return found


def _ccu2c(parameters: Parameters) -> Sequence[CellFunction]:
    """Return the functions of Lattice' CCU2C, two bits of a carry chain."""
    found: list[CellFunction] = []
    carry = "CIN"
    for place in (0, 1):
        table = parameter_value(parameters, f"INIT{place}", 16)
        inject = str(parameters.get(f"INJECT1_{place}", "YES")).strip().strip('"')
        if inject not in ("YES", "NO"):
            raise ValueError(f"the parameter INJECT1_{place}: expected YES or NO, got {inject!r}")
        names = tuple(f"{letter}{place}" for letter in "ABCD")
        found.append(CellFunction(f"lut{place}", names, table))
        generate = 0 if inject == "YES" else table & 15
        found.append(CellFunction(f"small{place}", names[:2], generate))
        added = 0b1010 if inject == "YES" else 0b0110
        found.append(CellFunction(f"S{place}", (f"lut{place}", carry), added))
        after = "COUT" if place else "middle"
        reads = (f"lut{place}", carry, f"small{place}")
        found.append(CellFunction(after, reads, _table(3, _mux)))
        carry = after
    return found


def _gowin_alu(parameters: Parameters) -> Sequence[CellFunction]:
    """Return the functions of Gowin's ALU that adds or subtracts."""
    mode = parameters.get("ALU_MODE")
    mode = parameter_value(parameters, "ALU_MODE", 32) if mode is not None else -1
    if mode not in (0, 1, 2):
        raise ValueError("the parameter ALU_MODE: expected 0, 1 or 2 (add, subtract, either)")
    second = {0: 0b1100, 1: 0b0011, 2: 0b1001}[mode]
    # in mode 2 the input I3 tells adding from subtracting
    operand = ("I3", "I1") if mode == 2 else ("I0", "I1")
    return (
        CellFunction("operand", operand, second),
        CellFunction("SUM", ("I0", "operand", "CIN"), _table(3, lambda a, b, c: a ^ b ^ c)),
        CellFunction("COUT", ("I0", "operand", "CIN"), _table(3, lambda a, b, c: a + b + c > 1)),
    )


def _mux(choice: bool, high: bool, low: bool) -> bool:
    return high if choice else low


def _same(a: bool) -> bool:
    return a


def _inverse(a: bool) -> bool:
    return not a


def _xilinx_mux(select: str = "S") -> _Cell:
    return _fixed({"O": (f"{select} I1 I0", _mux)})


_BUFFER = _fixed({"O": ("I", _same)})

_VENDORS: dict[str, tuple[_Cell, ...]] = {
    **{
        f"LUT{width}": (
            _lut(" ".join(f"I{place}" for place in range(width)), "O"),
            _lut(" ".join(f"I{place}" for place in range(width)), "F"),
            *((_lut("A B C D", "Z"),) if width == 4 else ()),
        )
        for width in range(1, 7)
    },
    **{
        f"LUT{width}_{kind}": (_lut(" ".join(f"I{place}" for place in range(width)), outputs),)
        for width in range(1, 7)
        for kind, outputs in (("L", "LO"), ("D", "O LO"))
    },
    "LUT6_2": (_Cell(frozenset(["I0", "I1", "I2", "I3", "I4", "I5", "O5", "O6"]), _two_luts),),
    "SB_LUT4": (_lut("I0 I1 I2 I3", "O", "LUT_INIT"),),
    "SB_CARRY": (_fixed({"CO": ("I0 I1 CI", lambda a, b, c: a + b + c > 1)}),),
    "CARRY4": (_Cell(frozenset(["CI", "CYINIT", "DI", "S", "O", "CO"]), _carry4),),
    "MUXCY": (_fixed({"O": ("S CI DI", _mux)}),),
    "XORCY": (_fixed({"O": ("LI CI", lambda a, b: a != b)}),),
    **{name: (_xilinx_mux(),) for name in ("MUXF5", "MUXF6", "MUXF7", "MUXF8", "MUXF9")},
    "INV": (_fixed({"O": ("I", _inverse)}), _fixed({"Z": ("A", _inverse)})),
    **dict.fromkeys(
        ("BUF", "IBUF", "OBUF", "BUFG", "BUFGP", "IBUFG", "CLKBUF", "LCELL"), (_BUFFER,)
    ),
    "IB": (_fixed({"O": ("I", _same)}),),
    "OB": (_fixed({"O": ("I", _same)}),),
    "SB_GB": (_fixed({"GLOBAL_BUFFER_OUTPUT": ("USER_SIGNAL_TO_GLOBAL_BUFFER", _same)}),),
    "VCC": (
        _fixed({"P": ("", lambda: True)}),
        _fixed({"V": ("", lambda: True)}),
        _fixed({"Y": ("", lambda: True)}),
    ),
    "GND": (_fixed({"G": ("", lambda: False)}), _fixed({"Y": ("", lambda: False)})),
    "VHI": (_fixed({"Z": ("", lambda: True)}),),
    "VLO": (_fixed({"Z": ("", lambda: False)}),),
    "PFUMX": (_fixed({"Z": ("C0 ALUT BLUT", _mux)}),),
    "L6MUX21": (_fixed({"Z": ("SD D1 D0", _mux)}),),
    "CCU2C": (
        _Cell(
            frozenset(("CIN", "S0", "S1", "COUT", *(f"{pin}{k}" for pin in "ABCD" for k in "01"))),
            _ccu2c,
        ),
    ),
    **{f"MUX2_LUT{width}": (_xilinx_mux("S0"),) for width in range(5, 9)},
    "MUX2": (_xilinx_mux("S0"),),
    "ALU": (_Cell(frozenset(["I0", "I1", "I3", "CIN", "SUM", "COUT"]), _gowin_alu),),
}

_GATES: dict[str, tuple[str, Callable[..., object]]] = {
    "$_BUF_": ("A", _same),
    "$_NOT_": ("A", _inverse),
    "$_AND_": ("A B", lambda a, b: a and b),
    "$_NAND_": ("A B", lambda a, b: not (a and b)),
    "$_OR_": ("A B", lambda a, b: a or b),
    "$_NOR_": ("A B", lambda a, b: not (a or b)),
    "$_XOR_": ("A B", lambda a, b: a != b),
    "$_XNOR_": ("A B", lambda a, b: a == b),
    "$_ANDNOT_": ("A B", lambda a, b: a and not b),
    "$_ORNOT_": ("A B", lambda a, b: a or not b),
    "$_MUX_": ("S B A", _mux),
    "$_NMUX_": ("S B A", lambda s, b, a: not _mux(s, b, a)),
    "$_AOI3_": ("A B C", lambda a, b, c: not ((a and b) or c)),
    "$_OAI3_": ("A B C", lambda a, b, c: not ((a or b) and c)),
    "$_AOI4_": ("A B C D", lambda a, b, c, d: not ((a and b) or (c and d))),
    "$_OAI4_": ("A B C D", lambda a, b, c, d: not ((a or b) and (c or d))),
}

_YOSYS = {name: (_fixed({"Y": gate}),) for name, gate in _GATES.items()}

_CELLS: Mapping[str, tuple[_Cell, ...]] = {**_VENDORS, **_YOSYS}


NEXT = "next"
"""Name of the next value of a flip-flop."""

_YOSYS_FLIPFLOP = re.compile(
    r"\$_(?:(?P<kind>DFFE|DFF|SDFFCE|SDFFE|SDFF|DLATCH)_(?P<marks>[PN]{1,2}[01]?[PN]?)|FF)_"
)
_VENDOR_FLIPFLOP = re.compile(
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
    """Return the next value of a flip-flop as a function of its inputs and of its output ``Q``.

    None if it is not a flip-flop with these ports. Parameters like ``IS_D_INVERTED`` invert a pin; ValueError
    if one is not a bit.
    """
    yosys = _YOSYS_FLIPFLOP.fullmatch(kind)
    if yosys is not None:
        return _of_yosys(yosys["kind"] or "FF", yosys["marks"] or "")
    if kind == "TRELLIS_FF" and {"DI", "Q"} <= set(ports):
        return _of_trellis(ports, parameters)
    if _VENDOR_FLIPFLOP.fullmatch(kind) is None or not {"D", "Q"} <= set(ports):
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
    """Return the next value: ``D`` where all enables are on; enables in `inverted` are active low."""
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
    """Return the next value of a flip-flop of Yosys, by the polarities of clock, reset, enable and value."""
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
    """Return the next value of the ECP5 flip-flop, whose reset overrides its enable."""

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
