# amaranth: UnusedElaboratable=no
"""What simulations of Amaranth modules have in common."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.vectors import VectorTable
from btfsynth.ports import Port

__all__ = ["Failures", "get_port", "load_component", "run_clocked"]

_PERIOD = 1e-6


class Failures:
    """The vectors that failed.

    Parameters
    ----------
    vectors
        What outputs are compared with.
    """

    def __init__(self, vectors: VectorTable) -> None:
        # Bits of expected and of cared for outputs, most significant first.
        self._expected = _numbers(vectors.expected)
        self._care = _numbers(vectors.care)
        self._failed: set[int] = set()
        self.first: tuple[int, str] | None = None
        """The vector found first and its output bits, most significant first."""

    @property
    def count(self) -> int:
        """Number of vectors that failed."""
        return len(self._failed)

    def check(self, vector: int, got: str) -> None:
        """Compare the output bits of a vector, most significant first."""
        if (int(got, 2) ^ self._expected[vector]) & self._care[vector]:
            self.add(vector, got)

    def add(self, vector: int, got: str) -> None:
        """Note that a vector failed."""
        self._failed.add(vector)
        if self.first is None:
            self.first = (vector, got)


def _numbers(bits: Any) -> list[int]:
    return [int("".join(str(int(bit)) for bit in reversed(row)), 2) for row in bits.tolist()]


def load_component(path: StrPath) -> Any:
    """Import a file and return an instance of the one component in it.

    The file can import its neighbours, as it can when it is run.

    Raises
    ------
    DataError
        If it holds none or several; besides, whatever the file itself raises.
    """
    path = as_path(path)
    from amaranth.lib import wiring

    spec = importlib.util.spec_from_file_location("design_under_test", path)
    if spec is None or spec.loader is None:
        raise DataError("expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.path[0]
    components = [
        item
        for item in vars(module).values()
        if inspect.isclass(item)
        and issubclass(item, wiring.Component)
        and item.__module__ == module.__name__
    ]
    if len(components) != 1:
        raise DataError(f"expected one wiring.Component, got {len(components)}")
    return components[0]()


def get_port(component: Any, port: Port) -> Any:
    """Return the signal of a port.

    Raises
    ------
    DataError
        If the component has no such port.
    """
    signal = getattr(component, port.name, None)
    if signal is None or len(signal) != port.width:
        raise DataError(f"expected a port {port.name} of {port.width} bits")
    return signal


def run_clocked(component: Any, bench: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Simulate a component in a clock domain ``sync``.

    Parameters
    ----------
    component
        What to simulate.
    bench
        The testbench; it gets the simulation and the reset of the domain.
    """
    from amaranth.hdl import ClockDomain, Module
    from amaranth.sim import Simulator

    domain, top = ClockDomain("sync"), Module()
    top.domains += domain
    top.submodules.dut = component

    async def process(ctx: Any) -> None:
        await bench(ctx, domain.rst)

    simulator = Simulator(top)
    simulator.add_clock(_PERIOD)
    simulator.add_testbench(process)
    simulator.run()
