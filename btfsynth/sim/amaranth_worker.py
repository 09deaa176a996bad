# amaranth: UnusedElaboratable=no
"""Simulate an Amaranth module of a design folder, or its stream wrapper, and print the result as JSON.

Run as ``python -m btfsynth.sim.amaranth_worker FOLDER ROLE``. Output of the module goes to standard error, so
that standard output contains only the result.

A stream must not lose or duplicate items, and must keep the handshake of Amaranth RFC 61: a valid item stays
unchanged until it is taken, and its validity does not depend, in the same clock, on whether it is taken.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import random
import sys
import warnings
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from btfsynth.errors import BtfsynthError, DataError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import Manifest, Timing
from btfsynth.hdl.vectors import VectorTable
from btfsynth.ports import Port
from btfsynth.sim.simulators import Design, load_design

_PERIOD = 1e-6
_SEED = 1
_ITEMS = 256
"""Number of items at full speed; with gaps and back-pressure all vectors, repeated if there are fewer."""
_OFFERED = 0.7
_TAKEN = 0.5
_PATIENCE = 20
"""Maximum average clocks per item before the stream counts as stuck."""
_ENABLED = 0.75
"""How often the enable is high."""


class Failures:
    def __init__(self, vectors: VectorTable) -> None:
        # Bits of expected and of cared for outputs, most significant first.
        self._expected = _numbers(vectors.expected)
        self._care = _numbers(vectors.care)
        self._failed: set[int] = set()
        self.first: tuple[int, str] | None = None
        """The vector found first and its output bits, most significant first."""

    @property
    def count(self) -> int:
        return len(self._failed)

    def check(self, vector: int, got: str) -> None:
        if (int(got, 2) ^ self._expected[vector]) & self._care[vector]:
            self.add(vector, got)

    def add(self, vector: int, got: str) -> None:
        self._failed.add(vector)
        if self.first is None:
            self.first = (vector, got)


def _numbers(bits: Any) -> list[int]:
    return [int("".join(str(int(bit)) for bit in reversed(row)), 2) for row in bits.tolist()]


def load_component(path: StrPath) -> Any:
    """Import a file, which can import its neighbours, and return an instance of its one component."""
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
    signal = getattr(component, port.name, None)
    if signal is None or len(signal) != port.width:
        raise DataError(f"expected a port {port.name} of {port.width} bits")
    return signal


def run_clocked(component: Any, bench: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Simulate a component in a clock domain ``sync``; the testbench gets the simulation and the reset."""
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


def simulate_stream(design: Design) -> Failures:
    """Run vectors at full speed, reset, then run all with gaps and back-pressure."""
    component = load_component(design.path("amaranth_stream"))
    _require_streams(component, design.manifest)
    failures = Failures(design.vectors)
    run_clocked(component, _Traffic(component, design, failures).bench)
    return failures


def _require_streams(component: Any, manifest: Manifest) -> None:
    from amaranth.lib import data, stream, wiring

    for name, flow, ports in (
        ("i", wiring.In, manifest.input_ports),
        ("o", wiring.Out, manifest.output_ports),
    ):
        layout = data.StructLayout({port.name: port.width for port in ports})
        members = component.signature.members
        if name not in members or members[name] != flow(stream.Signature(layout)):
            raise DataError(f"expected {name} to be {flow.name}(stream.Signature({layout!r}))")


class _Traffic:
    def __init__(self, component: Any, design: Design, failures: Failures) -> None:
        timing = design.manifest.timing
        if timing is None:
            raise DataError("expected a design with a clock")
        self._into, self._out = component.i, component.o
        self._latency, self._vectors, self._failures = timing.latency, design.vectors, failures
        self._items = [
            int("".join(map(str, reversed(row))), 2) for row in design.vectors.inputs.tolist()
        ]
        self._width = design.vectors.expected.shape[1]
        self._taken = 0
        self._waiting: str | None = None

    async def bench(self, ctx: Any, reset: Any) -> None:
        clocks = await self._run(ctx, _ITEMS, 1.0, 1.0)
        if clocks != _ITEMS + self._latency:
            raise DataError(
                f"expected {_ITEMS} items to take {_ITEMS + self._latency} clocks, got {clocks}"
            )
        for _ in range(self._latency):
            await self._clock(ctx, self._items[0], offered=True, ready=True)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        if ctx.get(self._out.valid):
            raise DataError("an item is left after a reset")
        self._waiting = None
        await self._run(ctx, max(_ITEMS, len(self._items)), _OFFERED, _TAKEN)

    async def _run(self, ctx: Any, count: int, offered_rate: float, taken_rate: float) -> int:
        """Send `count` vectors, from the first on, until all are out; return the number of clocks."""
        generator = random.Random(_SEED)  # noqa: S311
        sent, offered, clocks = 0, False, 0
        self._taken = 0
        limit = _PATIENCE * (count + self._latency)
        while self._taken < count:
            offered = offered or (sent < count and generator.random() < offered_rate)
            item = self._items[sent % len(self._items)]
            ready = generator.random() < taken_rate
            moved, got = await self._clock(ctx, item, offered, ready)
            clocks += 1
            if moved:
                sent, offered = sent + 1, False
            if got is not None:
                self._take(got, sent)
            if clocks >= limit:
                raise DataError(
                    f"{count - self._taken} of {count} items are not out in {clocks} clocks"
                )
        for _ in range(2 * self._latency + 2):
            _, got = await self._clock(ctx, self._items[0], offered=False, ready=True)
            if got is not None:
                raise DataError(f"an item comes out after all {count} that went in")
        return clocks

    def _take(self, got: str, sent: int) -> None:
        if self._taken >= sent:
            raise DataError(f"item {self._taken} comes out before it is in")
        self._failures.check(self._taken % len(self._items), got)
        self._taken += 1

    async def _clock(
        self, ctx: Any, item: int, offered: bool, ready: bool
    ) -> tuple[bool, str | None]:
        """Simulate one clock; return whether the item went in, and the item that came out."""
        payload = self._into.payload.as_value()
        ctx.set(payload, item if offered else item ^ ((1 << len(payload)) - 1))
        ctx.set(self._into.valid, offered)
        ctx.set(self._out.ready, not ready)
        other = self._look(ctx)
        ctx.set(self._out.ready, ready)
        found = self._look(ctx)
        if found != other:
            raise DataError(f"item {self._taken}: what is offered depends on whether it is taken")
        if self._waiting is not None and found != self._waiting:
            raise DataError(f"item {self._taken}: it changes though it was not taken")
        self._waiting = None if ready else found
        moved = offered and bool(ctx.get(self._into.ready))
        await ctx.tick()
        return moved, found if ready else None

    def _look(self, ctx: Any) -> str | None:
        if not ctx.get(self._out.valid):
            return None
        return f"{ctx.get(self._out.payload.as_value()):0{self._width}b}"


def main(arguments: Sequence[str]) -> int:
    path, role = arguments

    def simulation(answer: dict[str, Any]) -> None:
        run = simulate_stream if role == "amaranth_stream" else simulate
        failures = run(load_design(Path(path)))
        answer |= {"failed": failures.count, "first": failures.first}

    def conversion(answer: dict[str, Any]) -> None:
        from amaranth.back import rtlil

        answer["rtlil"] = rtlil.convert(load_component(Path(path)), name="design", emit_src=False)

    if role == "rtlil":
        return print_answer(conversion, {"rtlil": ""})
    return print_answer(simulation, {"failed": 0, "first": None})


def print_answer(work: Callable[[dict[str, Any]], None], answer: dict[str, Any]) -> int:
    """Print the answer of work on foreign code as JSON, with the reason of a failure under ``error``.

    Output of that code goes to standard error, so that standard output contains only the answer. Always returns
    0, the exit code.
    """
    answer = {"error": None, **answer}
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            work(answer)
        except BtfsynthError as error:
            answer["error"] = str(error)
        except (Exception, SystemExit) as error:  # the code may raise anything
            text = " ".join(f"{type(error).__name__}: {error}".split())
            answer["error"] = text.rstrip(": ")
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def simulate(design: Design) -> Failures:
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
    def __init__(self, component: Any, design: Design) -> None:
        manifest = design.manifest
        self._design = design
        self._inputs = [get_port(component, port) for port in manifest.input_ports]
        self._outputs = [get_port(component, port) for port in manifest.output_ports]
        self._timing = manifest.timing or Timing(1)
        self._enable = get_port(component, Port("en", 1)) if self._timing.enable else None
        self.failures = Failures(design.vectors)

    async def combinational(self, ctx: Any) -> None:
        for vector, bits in enumerate(self._design.vectors.inputs):
            self._drive(ctx, bits)
            await ctx.delay(1e-9)
            self.failures.check(vector, self._read(ctx))

    async def pipelined(self, ctx: Any, reset: Any) -> None:
        """Drive a vector per clock; while it is not enabled its outputs must not change."""
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
        """Fill it, reset it while it is not enabled and expect zeros."""
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
        text, first = "".join(map(str, bits.tolist())), 0
        for signal in self._inputs:
            last = first + len(signal)
            ctx.set(signal, int(text[first:last][::-1], 2))
            first = last

    def _read(self, ctx: Any) -> str:
        return "".join(f"{ctx.get(signal):0{len(signal)}b}" for signal in reversed(self._outputs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
