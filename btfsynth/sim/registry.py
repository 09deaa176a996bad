"""The table of simulators."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from btfsynth.errors import UsageError
from btfsynth.sim.amaranth import AmaranthSimulator
from btfsynth.sim.base import Simulator
from btfsynth.sim.ghdl import Ghdl
from btfsynth.sim.icarus import Icarus
from btfsynth.sim.verilator import Verilator

__all__ = ["SIMULATORS", "get_simulator"]

SIMULATORS: Mapping[str, Simulator] = MappingProxyType(
    {"amaranth": AmaranthSimulator(), "ghdl": Ghdl(), "icarus": Icarus(), "verilator": Verilator()}
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
