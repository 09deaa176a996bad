"""Words that no port and no module may be called, in lower case."""

from __future__ import annotations

import keyword

__all__ = ["RESERVED_WORDS", "VERILOG_WORDS"]

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
