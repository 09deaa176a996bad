"""Design folders of all kinds for the tests of simulators."""

from __future__ import annotations

from pathlib import Path

from hardware import multiplier, vectors_of

from btfsynth.hdl.design import HardwareOptions, write_design
from btfsynth.netlist.netlist import Netlist
from btfsynth.sim.simulators import Design, load_design

KINDS = {
    "combinational": HardwareOptions(),
    "one_stage": HardwareOptions(pipeline=1),
    "registered": HardwareOptions(pipeline=1, reset=True),
    "enable": HardwareOptions(pipeline=2, enable=True),
    "reset": HardwareOptions(pipeline=3, reset=True),
    "both": HardwareOptions(pipeline=3, enable=True, reset=True),
    "deep": HardwareOptions(pipeline=20, enable=True, reset=True),
}


def make(
    folder: Path, options: HardwareOptions | None = None, netlist: Netlist | None = None
) -> Design:
    """The two-bit multiplier, or another netlist, as hardware."""
    netlist = multiplier() if netlist is None else netlist
    folder.mkdir(exist_ok=True)
    write_design(netlist, vectors_of(netlist), folder, options=options)
    return load_design(folder)


def change(design: Design, role: str, old: str, new: str) -> None:
    """Replace a text, which must be there, in a file."""
    path = design.path(role)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def spoil(design: Design, *vectors: int) -> Design:
    """Flip the lowest expected bit of vectors."""
    path = design.path("vectors")
    place = 2 * design.vectors.expected.shape[1]
    lines = path.read_text().splitlines()
    for vector in vectors:
        line = lines[vector]
        lines[vector] = f"{line[:place]}{'10'[int(line[place])]}{line[place + 1 :]}"
    path.write_text("\n".join(lines) + "\n")
    return load_design(design.directory)
