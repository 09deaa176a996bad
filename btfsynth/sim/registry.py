"""The table of simulators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from btfsynth.errors import UsageError
from btfsynth.hdl.manifest import Manifest
from btfsynth.sim.amaranth import AmaranthSimulator, AmaranthStreamSimulator
from btfsynth.sim.base import Simulator
from btfsynth.sim.cocotb import Cocotb
from btfsynth.sim.ghdl import Ghdl
from btfsynth.sim.icarus import Icarus
from btfsynth.sim.verilator import Verilator

ALL_SIMULATORS = "all"
"""The name that stands for every simulator that fits a design, none of which may be missing."""
PARSED_CHECK = "parsed_verilog"
"""Name of the check that reads the Verilog back, which may be listed among simulators."""

SIMULATORS: Mapping[str, Simulator] = MappingProxyType(
    {
        simulator.name: simulator
        for simulator in (
            AmaranthSimulator(),
            AmaranthStreamSimulator(),
            Cocotb(),
            Ghdl(),
            Icarus(),
            Verilator(),
        )
    }
)


def get_simulator(name: str) -> Simulator:
    """Return a simulator by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    try:
        return SIMULATORS[name]
    except KeyError:
        raise UsageError(
            f"unknown simulator {name!r}: expected one of {', '.join(SIMULATORS)} or {ALL_SIMULATORS}"
        ) from None


def simulators_for(manifest: Manifest) -> tuple[str, ...]:
    """Return the names of all simulators, without those for what the design was not asked to have."""
    stream = AmaranthStreamSimulator.role in manifest.files
    return tuple(name for name in SIMULATORS if stream or name != AmaranthStreamSimulator.name)


def chosen_simulators(names: Sequence[str] | None, manifest: Manifest) -> tuple[str, ...]:
    """Return the names of the simulators to run on a design, each once.

    Parameters
    ----------
    names
        Those asked for; None and `ALL_SIMULATORS` stand for all that fit the design.
    manifest
        The design.
    """
    if names is None:
        return simulators_for(manifest)
    found = [
        name
        for wanted in names
        for name in (simulators_for(manifest) if wanted == ALL_SIMULATORS else (wanted,))
    ]
    return tuple(dict.fromkeys(found))
