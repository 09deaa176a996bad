"""Which simulators take too long for a design to be run without being asked for.

Simulators that interpret follow every change through the netlist: some ``cells * depth`` steps a vector, and
Amaranth's own as many for every input port, as it settles after each. Compiled ones do not.
"""

from __future__ import annotations

from btfsynth.sim.design import Design

__all__ = ["too_long"]

_MOST = {"amaranth": 1e9, "amaranth_stream": 1e9, "cocotb": 4e9, "ghdl": 4e9, "icarus": 4e9}
"""Steps that take a few minutes, by simulator."""
_PORT_BY_PORT = ("amaranth", "amaranth_stream")


def too_long(name: str, design: Design) -> str | None:
    """Return why a simulator is left out of those that run by themselves, None if it is not.

    Parameters
    ----------
    name
        The simulator.
    design
        The design.
    """
    manifest = design.manifest
    cells, depth = (int(manifest.netlist.get(key, 0)) for key in ("cells", "depth"))
    steps = cells * depth * design.vectors.count
    if name in _PORT_BY_PORT:
        steps *= len(manifest.input_ports)
    if name not in _MOST or steps <= _MOST[name]:
        return None
    return (
        f"{cells} cells of depth {depth} on {design.vectors.count} vectors would take it long; "
        f"--simulator {name} runs it"
    )
