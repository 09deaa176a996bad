"""What the tests of the readers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import naive

from btfsynth.dataset.formats.base import SourceFile
from btfsynth.netlist.netlist import Netlist


def source(text: str | bytes, name: str = "f.txt") -> SourceFile:
    """A file's content under a name."""
    return SourceFile(Path(name), text if isinstance(text, bytes) else text.encode())


def ports(netlist: Netlist) -> tuple[dict[str, int], dict[str, int]]:
    """The widths of the ports by name, inputs and outputs."""
    return (
        {port.name: port.width for port in netlist.input_ports},
        {port.name: port.width for port in netlist.output_ports},
    )


def computes(netlist: Netlist, function: Callable[..., object]) -> bool:
    """Whether the outputs are those of a function of the input bits, on every vector."""
    for vector in naive.all_vectors(netlist.n_inputs):
        wanted = function(*(bool(bit) for bit in vector))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        if naive.netlist_bits(netlist, vector) != [int(bool(bit)) for bit in wanted]:
            return False
    return True
