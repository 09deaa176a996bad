"""Simulate an Amaranth module of a design folder and print the result as JSON.

Run as ``python -m btfsynth.sim.amaranth_worker FOLDER ROLE``. What the module prints goes to standard
error, so that standard output holds nothing but the result.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from btfsynth.errors import BtfsynthError
from btfsynth.hdl.timing import Timing
from btfsynth.ports import Port
from btfsynth.sim.amaranth_bench import Failures, get_port, load_component, run_clocked
from btfsynth.sim.amaranth_stream import simulate_stream
from btfsynth.sim.design import Design, load_design

__all__ = ["main", "simulate"]

_SEED = 1
_ENABLED = 0.75
"""How often the enable is high."""


def main(arguments: Sequence[str]) -> int:
    """Simulate the module of a role in a folder, the two arguments; the exit code is always 0."""
    answer: dict[str, Any] = {"error": None, "failed": 0, "first": None}
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            design = load_design(Path(arguments[0]))
            run = simulate_stream if arguments[1] == "amaranth_stream" else simulate
            failures = run(design)
            answer |= {"failed": failures.count, "first": failures.first}
        except BtfsynthError as error:
            answer["error"] = str(error)
        except (Exception, SystemExit) as error:  # the module may raise anything
            text = " ".join(f"{type(error).__name__}: {error}".split())
            answer["error"] = text.rstrip(": ")
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def simulate(design: Design) -> Failures:
    """Run all vectors and return those that failed."""
    component = load_component(design.path("amaranth"))
    bench = _Bench(component, design)
    if design.manifest.timing is None:
        from amaranth.sim import Simulator

        simulator = Simulator(component)
        simulator.add_testbench(bench.combinational)
        simulator.run()
    else:
        run_clocked(component, bench.pipelined)
    return bench.failures


class _Bench:
    """Drives a component and looks at what comes out."""

    def __init__(self, component: Any, design: Design) -> None:
        manifest = design.manifest
        self._design = design
        self._inputs = [get_port(component, port) for port in manifest.input_ports]
        self._outputs = [get_port(component, port) for port in manifest.output_ports]
        self._timing = manifest.timing or Timing(1)
        self._enable = get_port(component, Port("en", 1)) if self._timing.enable else None
        self.failures = Failures(design.vectors)

    async def combinational(self, ctx: Any) -> None:
        """Give it a vector at a time."""
        for vector, bits in enumerate(self._design.vectors.inputs):
            self._drive(ctx, bits)
            await ctx.delay(1e-9)
            self.failures.check(vector, self._read(ctx))

    async def pipelined(self, ctx: Any, reset: Any) -> None:
        """Give it a vector a clock; while it is not enabled its outputs must not change."""
        vectors, latency = self._design.vectors, self._timing.latency
        self._drive(ctx, vectors.inputs[0])
        if self._timing.reset:
            await self._reset(ctx, reset)
        generator = random.Random(_SEED)  # noqa: S311
        edges = 0
        while edges < vectors.count + latency - 1:
            bits = vectors.inputs[min(edges, vectors.count - 1)]
            enabled = self._enable is None or generator.random() < _ENABLED
            if self._enable is not None:
                ctx.set(self._enable, enabled)
            self._drive(ctx, bits if enabled else 1 - bits)
            await ctx.tick()
            self._drive(ctx, 1 - bits)  # outputs that come from no register show it
            edges += enabled
            if edges >= latency:
                self.failures.check(edges - latency, self._read(ctx))

    async def _reset(self, ctx: Any, reset: Any) -> None:
        """Fill it, reset it while it is not enabled and look for zeros."""
        if self._enable is not None:
            ctx.set(self._enable, 1)
        for _ in range(self._timing.latency + 2):
            await ctx.tick()
        ctx.set(reset, 1)
        if self._enable is not None:
            ctx.set(self._enable, 0)
        await ctx.tick()
        ctx.set(reset, 0)
        got = self._read(ctx)
        if "1" in got:
            self.failures.add(0, got)

    def _drive(self, ctx: Any, bits: Any) -> None:
        """Set the inputs to bits, the least significant of the first port first."""
        text, first = "".join(map(str, bits.tolist())), 0
        for signal in self._inputs:
            last = first + len(signal)
            ctx.set(signal, int(text[first:last][::-1], 2))
            first = last

    def _read(self, ctx: Any) -> str:
        """Return the output bits, most significant first."""
        return "".join(f"{ctx.get(signal):0{len(signal)}b}" for signal in reversed(self._outputs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
