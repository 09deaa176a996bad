# amaranth: UnusedElaboratable=no
"""Connect a design to the serial port of a board, in a separate process, because the design's module is code.

The shell reads the bytes of an input and answers with those of the output: eight bits, no parity, one stop bit.
An input has as many bytes as its bits need, lowest bits and first port first; so has the answer. Bytes received
during an answer are lost.

Run as ``python -m btfsynth.fpga.board_worker FOLDER BOARD``. Simulates the shell on the vectors, writes the
files for the tools to the current folder and prints the result as JSON.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Elaboratable, Module, Signal

from btfsynth.errors import DataError
from btfsynth.fpga.devices import BOARDS
from btfsynth.ports import Port
from btfsynth.sim.amaranth_worker import (
    Failures,
    get_port,
    load_component,
    print_answer,
    run_clocked,
)
from btfsynth.sim.simulators import Design, load_design

BAUD = 115_200
"""Bits a second on the line."""

_MAX_VECTORS = 256
_SIMULATED_DIVISOR = 6


def main(arguments: Sequence[str]) -> int:
    folder, board = arguments

    def work(answer: dict[str, Any]) -> None:
        design = load_design(Path(folder))
        places, failures = simulate_shell(design)
        answer |= {"failed": failures.count, "count": len(places)}
        if failures.first is not None:
            number, got = failures.first
            answer["first"] = (int(places[number]), got)
        _write_plan(design, board)

    return print_answer(work, {"failed": 0, "first": None, "count": 0})


def simulate_shell(design: Design) -> tuple[Any, Failures]:
    """Send the vectors of a design over the serial line and compare the answers.

    Returns ``(vectors,)`` numbers of the vectors sent, all or an even sample of many, and the failures,
    counted among those.
    """
    places, vectors = design.vectors.sample(_MAX_VECTORS)
    failures = Failures(vectors)
    shell = _shell(design, _SIMULATED_DIVISOR)
    n_outputs = vectors.expected.shape[1]

    async def bench(ctx: Any, _: Any) -> None:
        for number, bits in enumerate(vectors.inputs):
            await _send(ctx, shell, bits)
            got = await _receive(ctx, shell, byte_count(n_outputs))
            failures.check(number, f"{got:0{8 * byte_count(n_outputs)}b}"[-n_outputs:])

    run_clocked(shell, bench)
    return places, failures


def _shell(design: Design, divisor: int) -> UartShell:
    component = load_component(design.path("amaranth"))
    manifest = design.manifest
    timing = manifest.timing
    return UartShell(
        component,
        [get_port(component, port) for port in manifest.input_ports],
        [get_port(component, port) for port in manifest.output_ports],
        get_port(component, Port("en", 1)) if timing and timing.enable else None,
        timing.latency if timing else 0,
        divisor,
    )


async def _send(ctx: Any, shell: UartShell, bits: Any) -> None:
    """Send an input byte by byte, the lowest bits first."""
    padded = np.zeros(8 * byte_count(len(bits)), dtype=int)
    padded[: len(bits)] = bits
    for byte in padded.reshape(-1, 8).tolist():
        for level in (0, *byte, 1):
            ctx.set(shell.rx, level)
            await ctx.tick().repeat(_SIMULATED_DIVISOR)


async def _receive(ctx: Any, shell: UartShell, n_bytes: int) -> int:
    """Receive bytes as a number; a missing byte or stop bit makes it wrong."""
    value = 0
    for place in range(n_bytes):
        for _ in range(1000 * _SIMULATED_DIVISOR):
            if not ctx.get(shell.tx):
                break
            await ctx.tick()
        else:
            raise DataError("the shell sends no answer")
        await ctx.tick().repeat(_SIMULATED_DIVISOR // 2)
        for bit in range(8):
            await ctx.tick().repeat(_SIMULATED_DIVISOR)
            value |= ctx.get(shell.tx) << (8 * place + bit)
        await ctx.tick().repeat(_SIMULATED_DIVISOR)
        if not ctx.get(shell.tx):
            raise DataError("the shell sends a byte without a stop bit")
    return value


def _write_plan(design: Design, board: str) -> None:
    """Write the RTLIL, Yosys' script and the pins for a board into the current folder."""
    from amaranth.hdl import Elaboratable, Module

    _, module, name = BOARDS[board]
    platform = getattr(importlib.import_module(module), name)()
    divisor = round(platform.default_clk_frequency / BAUD)
    shell = _shell(design, divisor)

    class Top(Elaboratable):  # type: ignore[misc]
        def elaborate(self, platform: Any) -> Any:
            m = Module()
            port = platform.request("uart", 0)
            m.submodules.shell = shell
            m.d.comb += [shell.rx.eq(port.rx.i), port.tx.o.eq(shell.tx)]
            return m

    # What remembers where sources lie would differ from machine to machine.
    after = "setattr -unset src w:* c:*\nwrite_verilog -noattr top.v"
    plan = platform.prepare(Top(), "top", script_after_synth=after)
    for file in ("top.il", "top.ys", "top.pcf"):
        content = plan.files[file]
        data = content.encode() if isinstance(content, str) else content
        Path(file).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))


_FRAME = 10
"""Bits of a byte on the line, with start and stop."""


def byte_count(bits: int) -> int:
    return (bits + 7) // 8


class UartShell(Elaboratable):  # type: ignore[misc]
    """The shell; its signals ``rx`` and ``tx`` are the line, high at rest."""

    def __init__(
        self,
        component: Any,
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        enable: Any,
        latency: int,
        divisor: int,
    ) -> None:
        self.rx = Signal(init=1)
        self.tx = Signal(init=1)
        self._component = component
        self._inputs = Cat(*inputs)
        self._outputs = Cat(*outputs)
        self._enable = enable
        self._latency = latency
        self._divisor = divisor

    def elaborate(self, platform: Any) -> Any:
        """Return the shell with the component in it."""
        m = Module()
        m.submodules.dut = self._component
        if self._enable is not None:
            m.d.comb += self._enable.eq(1)
        byte, arrived = self._receiver(m)
        start = Signal()
        answering = Signal()
        self._collect(m, byte, arrived, start, answering)
        self._answer(m, start, answering)
        return m

    def _receiver(self, m: Any) -> tuple[Any, Any]:
        """Add the receiver; returns the byte and a pulse when it is complete."""
        line = Signal(2, init=3)
        timer = Signal(range(2 * self._divisor))
        left = Signal(range(_FRAME))
        byte, arrived = Signal(8), Signal()
        m.d.sync += [line.eq(Cat(self.rx, line[0])), arrived.eq(0)]
        with m.If((left == 0) & ~line[1]):
            # A start bit: the middle of the bit behind it is one and a half bits away.
            m.d.sync += [left.eq(9), timer.eq(self._divisor + self._divisor // 2 - 1)]
        with m.Elif((left != 0) & (timer == 0)):
            m.d.sync += [left.eq(left - 1), timer.eq(self._divisor - 1)]
            with m.If(left == 1):
                m.d.sync += arrived.eq(line[1])  # without a stop bit it was no byte
            with m.Else():
                m.d.sync += byte.eq(Cat(byte[1:], line[1]))
        with m.Elif(left != 0):
            m.d.sync += timer.eq(timer - 1)
        return byte, arrived

    def _collect(self, m: Any, byte: Any, arrived: Any, start: Any, answering: Any) -> None:
        """Add the assembly of an input from bytes; ``start`` pulses when its output is ready."""
        n_bytes = byte_count(len(self._inputs))
        given = Signal(8 * n_bytes)
        count = Signal(range(n_bytes + 1))
        wait = Signal(range(self._latency + 2))
        m.d.comb += self._inputs.eq(given[: len(self._inputs)])
        with m.If(arrived & ~answering & (wait == 0)):
            m.d.sync += [given.eq(Cat(given[8:], byte)), count.eq(count + 1)]
            with m.If(count == n_bytes - 1):
                m.d.sync += [count.eq(0), wait.eq(self._latency + 1)]
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
            m.d.comb += start.eq(wait == 1)

    def _answer(self, m: Any, start: Any, answering: Any) -> None:
        n_bytes = byte_count(len(self._outputs))
        frames = Signal(_FRAME * n_bytes, init=-1)
        left = Signal(range(_FRAME * n_bytes + 1))
        timer = Signal(range(self._divisor))
        bits = [*self._outputs, *[0] * (8 * n_bytes - len(self._outputs))]
        framed = [
            bit for place in range(n_bytes) for bit in (0, *bits[8 * place : 8 * place + 8], 1)
        ]
        m.d.comb += [answering.eq(start | (left != 0)), self.tx.eq((left == 0) | frames[0])]
        with m.If(start):
            m.d.sync += [
                frames.eq(Cat(*framed)),
                left.eq(_FRAME * n_bytes),
                timer.eq(self._divisor - 1),
            ]
        with m.Elif(left != 0):
            with m.If(timer == 0):
                m.d.sync += [frames.eq(frames >> 1), left.eq(left - 1), timer.eq(self._divisor - 1)]
            with m.Else():
                m.d.sync += timer.eq(timer - 1)
