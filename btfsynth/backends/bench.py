"""BENCH: ANDs, ORs and inverters, majorities as tables in the form of ABC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from btfsynth.backends.cells import plain_cells
from btfsynth.backends.identifiers import HdlNames, printable
from btfsynth.backends.tokens import net_names, net_prefix, token_names
from btfsynth.dataset.ports import bit_names, pin_order
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist

__all__ = ["bench_names", "emit_bench"]

_FORBIDDEN = ' #(),="'


def bench_names(netlist: Netlist) -> HdlNames:
    """Return names that a BENCH file can hold."""
    return token_names(netlist, _FORBIDDEN, one_space=True)


def emit_bench(netlist: Netlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as BENCH, pins in their order.

    A majority is ``LUT 0xe8`` with its complements in the table.

    Parameters
    ----------
    netlist
        What to write.
    names
        Names of its ports (see `bench_names`).
    provenance
        Lines of the header comment, in order.
    """
    netlist = plain_cells(netlist)
    inputs, outputs = bit_names(names.inputs), bit_names(names.outputs)
    prefix = net_prefix([*inputs, *outputs], "i")
    nets = net_names(netlist, inputs, outputs)
    lines = [f"# {printable(key)}: {printable(value)}" for key, value in provenance.items()]
    lines.append(f"# {printable(names.module)}")
    lines.extend(f"INPUT({inputs[bit]})" for bit in pin_order(names.inputs))
    lines.extend(f"OUTPUT({outputs[bit]})" for bit in pin_order(names.outputs))
    inverted: dict[int, str] = {}
    for cell, fanin in enumerate(netlist.fanins.tolist()):
        output = nets[netlist.first_cell + cell]
        if FALSE in fanin or TRUE in fanin:
            read = []
            for literal in fanin:
                if literal > TRUE:
                    node = literal >> 1
                    if literal & 1 and node not in inverted:
                        inverted[node] = f"{prefix}{len(inverted) + 1}"
                        lines.append(f"{inverted[node]} = NOT({nets[node]})")
                    read.append(inverted[node] if literal & 1 else nets[node])
            kind = "AND" if FALSE in fanin else "OR"
            lines.append(f"{output} = {kind}({', '.join(read)})")
        else:
            read = [nets[literal >> 1] for literal in fanin]
            lines.append(f"{output} = LUT 0x{_majority_table(fanin):02x} ({', '.join(read)})")
    for name, literal in zip(outputs, netlist.outputs.tolist(), strict=True):
        if literal in (FALSE, TRUE):
            lines.append(f"{name} = {('gnd', 'vdd')[literal]}")
        elif nets[literal >> 1] != name or literal & 1:
            kind = "NOT" if literal & 1 else "BUFF"
            lines.append(f"{name} = {kind}({nets[literal >> 1]})")
    return "\n".join(lines) + "\n"


def _majority_table(fanin: Sequence[int]) -> int:
    """Return the eight values of a majority of nets, the complements within it."""
    table = 0
    for vector in range(8):
        ones = sum((vector >> place & 1) ^ (literal & 1) for place, literal in enumerate(fanin))
        table |= int(ones >= 2) << vector
    return table
