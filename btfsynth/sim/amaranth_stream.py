"""Simulate the stream wrapper of a design: nothing lost, nothing doubled, the handshake kept.

The rules are those of Amaranth RFC 61: an item that is valid stays and does not change until it is taken, and
whether it is valid does not depend, in the same clock, on whether it will be taken.
"""

from __future__ import annotations

import random
from typing import Any

from btfsynth.errors import DataError
from btfsynth.hdl.manifest import Manifest
from btfsynth.sim.amaranth_bench import Failures, load_component, run_clocked
from btfsynth.sim.design import Design

__all__ = ["simulate_stream"]

_SEED = 1
_ITEMS = 256
"""So many items go through at full speed; with gaps and back-pressure all vectors, again and again if fewer."""
_OFFERED = 0.7
_TAKEN = 0.5
_PATIENCE = 20
"""Clocks an item may take on average before the stream counts as stuck."""


def simulate_stream(design: Design) -> Failures:
    """Run vectors at full speed, reset, then run all with gaps and back-pressure.

    Raises
    ------
    DataError
        If the wrapper has not the streams it should have or breaks a rule of the handshake.
    """
    component = load_component(design.path("amaranth_stream"))
    _require_streams(component, design.manifest)
    failures = Failures(design.vectors)
    run_clocked(component, _Traffic(component, design, failures).bench)
    return failures


def _require_streams(component: Any, manifest: Manifest) -> None:
    """Raise unless a component has a stream of the inputs and one of the outputs."""
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
    """Offers items to a stream and takes them from it."""

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
        """Run it all."""
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
        """Send so many vectors, from the first on, until all are out; return the clocks that took."""
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
        """Go one clock on; return whether the item went in, and the item that came out."""
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
        """Return the item that is offered, None if none is."""
        if not ctx.get(self._out.valid):
            return None
        return f"{ctx.get(self._out.payload.as_value()):0{self._width}b}"
