"""Legal HDL names for modules and ports with arbitrary names."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from btfsynth.errors import UsageError
from btfsynth.ports import Port, bit_names

if TYPE_CHECKING:
    from btfsynth.netlist.gates import AnyNetlist

MAX_LENGTH = 100
"""Longer names are cut: file names are made from them."""

_LEGAL = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LEGAL_VERILOG = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CELL = re.compile(r"n+[0-9]+", re.IGNORECASE)
"""Cell names (see `cell_names`): they avoid the netlist's ports, so other names must not have this form."""
_SHOWN = 60


@dataclass(frozen=True)
class HdlNames:
    """Legal names of a design in hardware, in the order and with the widths of the netlist's ports.

    `notices` has a line for every name that had to change.
    """

    module: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    notices: tuple[str, ...]


def is_legal(name: str, verilog_only: bool = False) -> bool:
    """Return whether a name is legal unchanged in Verilog, VHDL, Python and C++, or in Verilog alone.

    In the first case it begins with a letter (Amaranth treats a leading underscore as private) and is not a
    reserved word, ignoring case.
    """
    if len(name) > MAX_LENGTH:
        return False
    if verilog_only:
        return _LEGAL_VERILOG.fullmatch(name) is not None and name not in VERILOG_WORDS
    return _LEGAL.fullmatch(name) is not None and name.lower() not in RESERVED_WORDS


def is_legal_module(name: str) -> bool:
    """Return whether a module can have this name in all languages: one that is legal and no name of cells."""
    return is_legal(name) and _CELL.fullmatch(name) is None


def require_module_name(name: str) -> None:
    if not is_legal_module(name):
        raise UsageError(
            f"expected a letter, then letters, digits and _, at most {MAX_LENGTH}, no word that Verilog, VHDL, "
            f"Python or C++ reserve and no name of cells such as n1; got {name[:60]!r}"
        )


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
    """Find distinct legal names; unless they are for Verilog only, they also differ when case is ignored.

    A legal name that is not taken is kept, independent of the others; if a module and a port share a name, the
    port keeps it.
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
            notices.append(f"{kind} {_shown(name)} is renamed to {found[place]} in hardware")
    split = 1 + len(input_ports)
    inputs = [replace(port, name=found[1 + at]) for at, port in enumerate(input_ports)]
    outputs = [replace(port, name=found[split + at]) for at, port in enumerate(output_ports)]
    return HdlNames(found[0], tuple(inputs), tuple(outputs), tuple(notices))


def _mended(name: str, prefix: str) -> str:
    ascii_only = re.sub(r"[^A-Za-z0-9]+", "_", name[: 4 * MAX_LENGTH]).strip("_")
    candidate = ascii_only[: MAX_LENGTH - 20].rstrip("_")
    return candidate if is_legal_module(candidate) else f"{prefix}_{candidate or 'unnamed'}"


def _free_name(name: str, taken: set[str], key: Callable[[str], str]) -> str:
    candidate, number = name, 2
    while key(candidate) in taken:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def _shown(name: str) -> str:
    """Quote a name for a message; repr escapes whatever is not printable."""
    return repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}... ({len(name)} characters)"


# Words that no port and no module may be called, in lower case.

_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle
checker class clocking cmos config const constraint context continue cover covergroup coverpoint
cross deassign default defparam design disable dist do edge else end endcase endchecker endclass
endclocking endconfig endfunction endgenerate endgroup endinterface endmodule endpackage
endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event
eventually expect export extends extern final first_match for force foreach forever fork
forkjoin function generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins
implements implies import incdir include initial inout input inside instance int integer
interconnect interface intersect join join_any join_none large let liblist library local
localparam logic longint macromodule mailbox matches medium modport module nand negedge nettype
new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed parameter
pmos posedge primitive priority process program property protected pull0 pull1 pulldown pullup
pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randomize randsequence rcmos
real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0
rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared semaphore sequence
shortint shortreal showcancelled signed small soft solve specify specparam static string strong
strong0 strong1 struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task
this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior
trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var
vectored virtual void wait wait_order wand weak weak0 weak1 while wildcard wire with within wor
wreal xnor xor
"""

_VHDL = """
abs access after alias all and architecture array assert assume assume_guarantee attribute begin
block body buffer bus case component configuration constant context cover default disconnect
downto else elsif end entity exit fairness file for force function generate generic group
guarded if impure in inertial inout is label library linkage literal loop map mod nand new next
nor not null of on open or others out package parameter port postponed private procedure process
property protected pure range record register reject release rem report restrict
restrict_guarantee return rol ror select sequence severity shared signal sla sll sra srl strong
subtype then to transport type unaffected units until use variable vmode vprop vunit wait when
while with xnor xor
"""

# Verilator turns names into C++ and warns about these.
_CPP = """
alignas alignof and_eq asm auto bit_vector bitand bitor bool break catch cdecl char char16_t
char32_t class compl complex concept const_cast const_iterator const_reference constexpr
continue decltype default delete deque do double dynamic_cast explicit extern false far float
friend goto huge inline int interrupt list long main map mutable namespace near not_eq nullptr
operator pascal private public queue register reinterpret_cast requires return sc_clock sc_in
sc_inout sc_out sc_signal sensitive sensitive_neg sensitive_pos set short signed sizeof stack
static static_assert static_cast std struct switch synchronized template this thread_local throw
true try type_info typedef typeid typename union unsigned using vector virtual void volatile
wchar_t while xor_eq
"""

# Attributes of a component and names used by the emitted modules and testbenches themselves.
_EMITTED = """
const dut elaborate in m metadata module net out platform self signal signature wiring
"""

VERILOG_WORDS = frozenset(_VERILOG.split())
"""The words of Verilog and SystemVerilog alone."""

RESERVED_WORDS = frozenset(
    (" ".join((_VERILOG, _VHDL, _CPP, _EMITTED))).split()
    + [word.lower() for word in keyword.kwlist]
)


# What cells are called, in listings, drawings and every file that names them.


def cell_prefix(netlist: AnyNetlist) -> str:
    """Return the prefix of cell names: ``n``, repeated if port names begin the same way.

    Cells are numbered from 1, in the order in which the netlist has them.
    """
    ports = (*netlist.input_ports, *netlist.output_ports)
    taken = {name.strip().lower() for name in (*bit_names(ports), *(port.name for port in ports))}
    prefix = "n"
    while any(re.fullmatch(f"{prefix}[0-9]+", name) for name in taken):
        prefix += "n"
    return prefix


def cell_names(netlist: AnyNetlist) -> list[str]:
    prefix = cell_prefix(netlist)
    return [f"{prefix}{number}" for number in range(1, netlist.n_cells + 1)]
