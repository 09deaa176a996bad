"""Put a design behind the serial port of a board, in a process of its own: the module of a design is code.

Run as ``python -m btfsynth.fpga.board_worker FOLDER BOARD``. Simulates the shell over the vectors, writes what
the tools need into the current folder and prints the result as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from btfsynth.errors import BtfsynthError, DataError
from btfsynth.fpga.uart_shell import UartShell, byte_count
from btfsynth.hdl.vectors import VectorTable
from btfsynth.ports import Port
from btfsynth.sim.amaranth_bench import Failures, get_port, load_component, run_clocked
from btfsynth.sim.design import Design, load_design

__all__ = ["BAUD", "BOARDS", "main", "simulate_shell"]

BAUD = 115_200
"""Bits a second on the line."""
BOARDS = {
    "icebreaker": ("ice40-up5k", "amaranth_boards.icebreaker", "ICEBreakerPlatform"),
    "icestick": ("ice40-hx1k", "amaranth_boards.icestick", "ICEStickPlatform"),
}
"""The device of each board, and where its platform is."""

_MAX_VECTORS = 256
_SIMULATED_DIVISOR = 6


def main(arguments: Sequence[str]) -> int:
    """Work on the folder and the board, the two arguments; the exit code is always 0."""
    answer: dict[str, Any] = {"error": None, "failed": 0, "first": None, "count": 0}
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            design = load_design(Path(arguments[0]))
            places, failures = simulate_shell(design)
            first = failures.first
            answer |= {"failed": failures.count, "count": len(places)}
            if first is not None:
                answer["first"] = (int(places[first[0]]), first[1])
            _write_plan(design, arguments[1])
        except BtfsynthError as error:
            answer["error"] = str(error)
        except (Exception, SystemExit) as error:  # the module may raise anything
            text = " ".join(f"{type(error).__name__}: {error}".split())
            answer["error"] = text.rstrip(": ")
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def simulate_shell(design: Design) -> tuple[Any, Failures]:
    """Send the vectors of a design over the line and compare what comes back.

    Returns
    -------
    places : ndarray
        ``(vectors,)`` numbers of the vectors that were sent: all, or some, evenly spread, of many.
    failures : Failures
        Those that failed, counted among the ones sent.
    """
    given = design.vectors
    count = min(given.count, _MAX_VECTORS)
    places = np.arange(count) * given.count // count
    vectors = VectorTable(given.inputs[places], given.expected[places], given.care[places], False)
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
    """Put an input on the line, byte by byte, the lowest bits first."""
    padded = np.zeros(8 * byte_count(len(bits)), dtype=int)
    padded[: len(bits)] = bits
    for byte in padded.reshape(-1, 8).tolist():
        for level in (0, *byte, 1):
            ctx.set(shell.rx, level)
            await ctx.tick().repeat(_SIMULATED_DIVISOR)


async def _receive(ctx: Any, shell: UartShell, n_bytes: int) -> int:
    """Read bytes off the line as a number; one that does not come, or has no stop bit, is as good as wrong."""
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
