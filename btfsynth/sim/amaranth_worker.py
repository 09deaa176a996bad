"""Simulate the Amaranth module of a design folder and print the result as JSON.

Run as ``python -m btfsynth.sim.amaranth_worker FOLDER``. What the module prints goes to standard
error, so that standard output holds nothing but the result.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from btfsynth.dataset.ports import Port
from btfsynth.errors import BtfsynthError, DataError
from btfsynth.sim.design import Design, load_design

__all__ = ["load_component", "main"]


def main(arguments: Sequence[str]) -> int:
    """Simulate the folder named by the only argument; the exit code is always 0."""
    answer: dict[str, Any] = {"error": None, "failed": 0, "first": None}
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            design = load_design(Path(arguments[0]))
            failed, first = simulate(design)
            answer |= {"failed": failed, "first": first}
        except BtfsynthError as error:
            answer["error"] = str(error)
        except (Exception, SystemExit) as error:  # the module may raise anything
            text = " ".join(f"{type(error).__name__}: {error}".split())
            answer["error"] = text.rstrip(": ")
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def simulate(design: Design) -> tuple[int, tuple[int, str] | None]:
    """Run all vectors.

    Returns
    -------
    failed : int
        Number of vectors that failed.
    first : tuple of int and str, or None
        The first of them and its output bits, most significant first.
    """
    from amaranth.sim import Simulator

    component = load_component(design.path("amaranth"))
    inputs = _signals(component, design.manifest.input_ports)
    outputs = _signals(component, design.manifest.output_ports)
    stimuli = _values(design.vectors.inputs, design.manifest.input_ports)
    failures: list[tuple[int, str]] = []

    async def bench(ctx: Any) -> None:
        for vector, values in enumerate(stimuli):
            for signal, value in zip(inputs, values, strict=True):
                ctx.set(signal, value)
            await ctx.delay(1e-9)
            got = "".join(f"{ctx.get(signal):0{len(signal)}b}" for signal in reversed(outputs))
            wanted = design.vectors.expected[vector]
            if any(
                care and int(bit) != want
                for bit, want, care in zip(
                    reversed(got), wanted, design.vectors.care[vector], strict=True
                )
            ):
                failures.append((vector, got))

    simulator = Simulator(component)
    simulator.add_testbench(bench)
    simulator.run()
    return len(failures), failures[0] if failures else None


def load_component(path: Path) -> Any:
    """Import a file and return an instance of the one component in it.

    Raises
    ------
    DataError
        If it holds none or several; besides, whatever the file itself raises.
    """
    from amaranth.lib import wiring

    spec = importlib.util.spec_from_file_location("design_under_test", path)
    if spec is None or spec.loader is None:
        raise DataError("expected a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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


def _signals(component: Any, ports: Sequence[Port]) -> list[Any]:
    signals = []
    for port in ports:
        signal = getattr(component, port.name, None)
        if signal is None or len(signal) != port.width:
            raise DataError(f"expected a port {port.name} of {port.width} bits")
        signals.append(signal)
    return signals


def _values(bits: Any, ports: Sequence[Port]) -> list[list[int]]:
    """Return for every row of bits the value of every port."""
    rows = []
    for row in bits:
        text = "".join(map(str, row.tolist()))
        values, first = [], 0
        for port in ports:
            values.append(int(text[first : first + port.width][::-1], 2))
            first += port.width
        rows.append(values)
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
