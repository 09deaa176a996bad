# amaranth: UnusedElaboratable=no
"""A serial port around a component: bytes of an input come in, bytes of its output go out.

Eight bits, no parity, one stop bit. An input is as many bytes as its bits fill, the byte with the lowest bits
first, the first port lowest; so is the answer. What comes in while an answer goes out is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Elaboratable, Module, Signal

__all__ = ["UartShell", "byte_count"]

_FRAME = 10
"""Bits of a byte on the line, with start and stop."""


def byte_count(bits: int) -> int:
    """Return how many bytes so many bits fill."""
    return (bits + 7) // 8


class UartShell(Elaboratable):  # type: ignore[misc]
    """The shell; its signals ``rx`` and ``tx`` are the line, high at rest.

    Parameters
    ----------
    component
        What is inside; a submodule of the shell.
    inputs, outputs
        Its data ports.
    enable
        Its enable, held at 1; None if it has none.
    latency
        Clocks from its inputs to its outputs.
    divisor
        Clocks a bit on the line, at least 4.
    """

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
        """Add what reads the line; returns the byte and a pulse when it is there."""
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
        """Add what makes an input of bytes; ``start`` pulses when the output for it is there."""
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
        """Add what sends the output."""
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
                m.d.sync += [
                    frames.eq(frames >> 1),
                    left.eq(left - 1),
                    timer.eq(self._divisor - 1),
                ]
            with m.Else():
                m.d.sync += timer.eq(timer - 1)
