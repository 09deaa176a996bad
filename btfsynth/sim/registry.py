"""The table of simulators, their defaults for a design, and their time-outs.

Interpreting simulators propagate every change through the netlist, in about ``cells * depth`` steps per vector;
Amaranth's simulator needs as many for every input port, because it settles after each. Compiled ones do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from btfsynth.errors import UsageError
from btfsynth.plugins import Registry
from btfsynth.process import DEFAULT_TIMEOUT
from btfsynth.settings.table import ALL_SIMULATORS

if TYPE_CHECKING:
    from btfsynth.hdl.manifest import Manifest
    from btfsynth.sim.simulators import Design, Simulator

SIMULATORS: Registry[Simulator] = Registry(
    "simulators",
    "btfsynth.sim.simulators:Simulator",
    {
        "amaranth": "btfsynth.sim.simulators:AMARANTH",
        "amaranth_stream": "btfsynth.sim.simulators:AMARANTH_STREAM",
        "cocotb": "btfsynth.sim.simulators:COCOTB",
        "ghdl": "btfsynth.sim.simulators:GHDL",
        "icarus": "btfsynth.sim.simulators:ICARUS",
        "verilator": "btfsynth.sim.simulators:VERILATOR",
    },
)


def get_simulator(name: str) -> Simulator:
    if name not in SIMULATORS:
        known = f"{', '.join(SIMULATORS)} or {ALL_SIMULATORS}"
        raise UsageError(f"unknown simulator {name!r}: expected one of {known}")
    return SIMULATORS[name]


def simulators_for(manifest: Manifest) -> tuple[str, ...]:
    """Return the names of all simulators that fit the design."""
    return tuple(n for n in SIMULATORS if n != "amaranth_stream" or n in manifest.files)


def chosen_simulators(names: Sequence[str] | None, manifest: Manifest) -> tuple[str, ...]:
    """Return the names of the simulators to run on a design, each once.

    None and `ALL_SIMULATORS` mean all that fit the design.
    """
    if names is None:
        return simulators_for(manifest)
    found = [
        name
        for wanted in names
        for name in (simulators_for(manifest) if wanted == ALL_SIMULATORS else (wanted,))
    ]
    return tuple(dict.fromkeys(found))


_MAX_STEPS = {"amaranth": 1e9, "amaranth_stream": 1e9, "cocotb": 4e9, "ghdl": 4e9, "icarus": 4e9}
"""Steps that take a few minutes, by simulator."""
_PORT_BY_PORT = ("amaranth", "amaranth_stream")
_COMPILED_CELLS = 50_000
"""Cells that a compiler turns into a program well within `DEFAULT_TIMEOUT`."""


def too_long(name: str, design: Design) -> str | None:
    """Return the reason why a simulator is omitted by default, None if it is not."""
    if _effort(name, design) <= 1:
        return None
    cells, depth = _size(design)
    return (
        f"{cells} cells of depth {depth} on {design.vectors.count} vectors would take long; "
        f"`simulator={name}` runs it"
    )


def time_allowed(name: str, design: Design) -> float:
    """Return the default time-out of a command of a simulator in seconds.

    `DEFAULT_TIMEOUT`, scaled for designs that take longer than a few minutes.
    """
    cells, _ = _size(design)
    return float(round(DEFAULT_TIMEOUT * max(1.0, _effort(name, design), cells / _COMPILED_CELLS)))


def _size(design: Design) -> tuple[int, int]:
    netlist = design.manifest.netlist
    return int(netlist.get("cells", 0)), int(netlist.get("depth", 0))


def _effort(name: str, design: Design) -> float:
    """Return the work of a simulator in units of a few minutes; 0 if it compiles."""
    if name not in _MAX_STEPS:
        return 0.0
    cells, depth = _size(design)
    ports = len(design.manifest.input_ports) if name in _PORT_BY_PORT else 1
    return cells * depth * design.vectors.count * ports / _MAX_STEPS[name]
