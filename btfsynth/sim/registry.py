"""The table of simulators."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from btfsynth.backends.manifest import Manifest
from btfsynth.errors import UsageError
from btfsynth.sim.amaranth import AmaranthSimulator, AmaranthStreamSimulator
from btfsynth.sim.base import Simulator
from btfsynth.sim.cocotb import Cocotb
from btfsynth.sim.ghdl import Ghdl
from btfsynth.sim.icarus import Icarus
from btfsynth.sim.verilator import Verilator

__all__ = ["SIMULATORS", "get_simulator", "simulators_for"]

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
            f"unknown simulator {name!r}: expected one of {', '.join(SIMULATORS)}"
        ) from None


def simulators_for(manifest: Manifest) -> tuple[str, ...]:
    """Return the names of all simulators, without those for what the design was not asked to have."""
    stream = AmaranthStreamSimulator.role in manifest.files
    return tuple(name for name in SIMULATORS if stream or name != AmaranthStreamSimulator.name)
