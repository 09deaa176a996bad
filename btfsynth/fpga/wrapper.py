"""A module between registers, and the testbench that clocks it.

A combinational design has no path that a clock times; between registers it has. Where it has more bits than the
device has pins, they go in and out through shift registers, which add a flip-flop a bit and a multiplexer an
output, behind the registers that are timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from btfsynth.fpga.devices import Device
from btfsynth.hdl.manifest import Manifest
from btfsynth.hdl.templates import render
from btfsynth.hdl.timing import Timing
from btfsynth.hdl.vectors import VectorTable
from btfsynth.ports import Port, total_width

__all__ = ["Wrapper", "make_wrapper"]

_REGISTERS = 2
"""Those before and behind the design."""
_TIED = {"clk": "clk", "rst": "1'b0", "en": "1'b1"}
_SCAN_PINS = 4


@dataclass(frozen=True)
class Wrapper:
    """A wrapper for one module.

    Parameters
    ----------
    module
        Name of the module inside.
    inputs, outputs
        Its data ports.
    timing
        The clock of a module that has registers itself.
    device
        Name of the device.
    scan
        True if the bits go through shift registers.
    """

    module: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    timing: Timing | None
    device: str
    scan: bool

    @property
    def top(self) -> str:
        """Name of the wrapper."""
        return f"{self.module}_fpga"

    @property
    def latency(self) -> int:
        """Clocks from the inputs to the outputs, shifting aside."""
        return _REGISTERS + (self.timing.latency if self.timing else 0)

    @property
    def pins(self) -> tuple[str, ...]:
        """Pins by name, the clock first."""
        if self.scan:
            return ("clk", "scan_in", "load", "scan_out")
        return ("clk", *_bits("inputs", self.inputs), *_bits("outputs", self.outputs))

    @property
    def clocks(self) -> int:
        """Clocks from the moment an input is there to the last bit of its output."""
        shifted = total_width(self.inputs) + total_width(self.outputs) + 1 if self.scan else 0
        return self.latency + shifted

    def verilog(self) -> str:
        """Return the wrapper's Verilog."""
        controls = self.timing.controls if self.timing else ()
        connections = [(name, _TIED[name]) for name in controls]
        connections += _slices(self.inputs, "given") + _slices(self.outputs, "result")
        return render("fpga/wrapper.v.j2", connections=connections, **self._sizes())

    def stub(self) -> str:
        """Return the module inside as a black box."""
        controls = self.timing.controls if self.timing else ()
        ports = [f"input {name}" for name in controls]
        ports += [f"input {port.range} {port.name}" for port in self.inputs]
        ports += [f"output {port.range} {port.name}" for port in self.outputs]
        return f"(* blackbox *)\nmodule {self.module} ({', '.join(ports)});\nendmodule\n"

    def testbench(self, vectors: VectorTable, vector_file: str) -> str:
        """Return a testbench named ``tb_`` and the wrapper's name.

        Parameters
        ----------
        vectors
            What it goes through.
        vector_file
            The file it reads them from.
        """
        return render(
            "fpga/testbench.v.j2",
            vector_count=vectors.count,
            vector_file=vector_file,
            **self._sizes(),
        )

    def _sizes(self) -> dict[str, object]:
        return {
            "module": self.module,
            "top": self.top,
            "device": self.device,
            "scan": self.scan,
            "latency": self.latency,
            "n_inputs": total_width(self.inputs),
            "n_outputs": total_width(self.outputs),
        }


def make_wrapper(manifest: Manifest, device: Device, module: str, timing: Timing | None) -> Wrapper:
    """Return the wrapper of a module with the ports of a design.

    Parameters
    ----------
    manifest
        The design.
    device
        Where it goes.
    module
        Name of the module: the design's own, or that of a reference.
    timing
        The clock of the module, None if it is combinational.
    """
    bits = total_width(manifest.input_ports) + total_width(manifest.output_ports)
    return Wrapper(
        module,
        manifest.input_ports,
        manifest.output_ports,
        timing,
        device.name,
        1 + bits > max(device.pins, _SCAN_PINS),
    )


def _bits(bus: str, ports: Sequence[Port]) -> list[str]:
    """Return what the router calls the bits of a bus; one of a single bit has no index."""
    width = total_width(ports)
    return [bus] if width == 1 else [f"{bus}[{bit}]" for bit in range(width)]


def _slices(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    slices, first = [], 0
    for port in ports:
        slices.append((port.name, f"{bus}[{first + port.width - 1}:{first}]"))
        first += port.width
    return slices
