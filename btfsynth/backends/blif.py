"""BLIF: one ``.names`` a cell, as Yosys and ABC read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from btfsynth.backends.cells import plain_cells
from btfsynth.backends.identifiers import HdlNames, printable
from btfsynth.backends.tokens import net_names, token_names, wrapped
from btfsynth.dataset.ports import bit_names, pin_order
from btfsynth.netlist.literals import FALSE, TRUE
from btfsynth.netlist.netlist import Netlist

__all__ = ["blif_names", "emit_blif"]

_FORBIDDEN = ' #\\="'


def blif_names(netlist: Netlist) -> HdlNames:
    """Return names that a BLIF file can hold."""
    return token_names(netlist, _FORBIDDEN, one_space=True)


def emit_blif(netlist: Netlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as BLIF, pins in their order; complements are in the rows of the covers.

    Parameters
    ----------
    netlist
        What to write.
    names
        Names of its ports (see `blif_names`).
    provenance
        Lines of the header comment, in order.
    """
    netlist = plain_cells(netlist)
    inputs, outputs = bit_names(names.inputs), bit_names(names.outputs)
    nets = net_names(netlist, inputs, outputs)
    lines = [f"# {printable(key)}: {printable(value)}" for key, value in provenance.items()]
    lines.append(f".model {names.module}")
    lines.extend(_listed(".inputs", [inputs[bit] for bit in pin_order(names.inputs)]))
    lines.extend(_listed(".outputs", [outputs[bit] for bit in pin_order(names.outputs)]))
    for cell, fanin in enumerate(netlist.fanins.tolist()):
        lines.extend(_cell(fanin, nets, nets[netlist.first_cell + cell]))
    for name, literal in zip(outputs, netlist.outputs.tolist(), strict=True):
        if literal in (FALSE, TRUE):
            lines.append(f".names {name}")
            lines.extend(["1"] * literal)
        elif nets[literal >> 1] != name or literal & 1:
            lines.append(f".names {nets[literal >> 1]} {name}")
            lines.append(f"{1 - (literal & 1)} 1")
    lines.append(".end")
    return "\n".join(lines) + "\n"


def _listed(keyword: str, names: Sequence[str]) -> list[str]:
    rows = [" ".join(row) for row in wrapped(names)]
    return [f"{keyword} " + " \\\n  ".join(rows)] if rows else [keyword]


def _cell(fanin: Sequence[int], nets: Sequence[str], output: str) -> list[str]:
    """Return the cover of a cell."""
    read = [literal for literal in fanin if literal > TRUE]
    ones = ["0" if literal & 1 else "1" for literal in read]
    lines = [f".names {' '.join(nets[literal >> 1] for literal in read)} {output}"]
    if FALSE in fanin:
        lines.append(f"{ones[0]}{ones[1]} 1")
    elif TRUE in fanin:
        lines.extend((f"{ones[0]}- 1", f"-{ones[1]} 1"))
    else:
        x, y, z = ones
        lines.extend((f"{x}{y}- 1", f"{x}-{z} 1", f"-{y}{z} 1"))
    return lines
