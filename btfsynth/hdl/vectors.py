"""The test vectors of hardware, their file, and the testbenches.

A line of the file is a 1 followed by the care bits, the expected bits and the input bits, each
most significant bit first, as ``$readmemb`` takes them. The leading 1 lets a testbench tell a
vector that was read from memory that was not written: a two-state simulator shows that as zeros.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import DataError
from btfsynth.files import write_text
from btfsynth.hdl.templates import class_name, render, stream_class_name, vhdl_name
from btfsynth.ports import Port, total_width

if TYPE_CHECKING:
    from btfsynth.hdl.module import HardwareModule


@dataclass(frozen=True, eq=False)
class VectorTable:
    inputs: NDArray[np.uint8]  # ``(vectors, input bits)`` uint8 0/1
    expected: NDArray[np.uint8]  # ``(vectors, output bits)`` uint8 0/1; 0 where there is no care
    care: NDArray[np.bool_]  # ``(vectors, output bits)`` bool
    exhaustive: bool
    """True if every possible input vector is listed without don't-cares."""

    @property
    def count(self) -> int:
        return len(self.inputs)

    def wrong(self, outputs: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the vectors with a wrong output bit, don't-cares excluded, ``(vectors,)``."""
        wrong: NDArray[np.bool_] = ((outputs != self.expected) & self.care).any(axis=1)
        return wrong

    def sample(self, limit: int) -> tuple[NDArray[np.intp], VectorTable]:
        """Return up to `limit` of the vectors, evenly spread, and their numbers."""
        count = min(self.count, limit)
        places = np.arange(count) * self.count // count
        table = VectorTable(self.inputs[places], self.expected[places], self.care[places], False)
        return places, table

    @classmethod
    def from_dataset(cls, dataset: Dataset) -> VectorTable:
        """Return the different input vectors of a data set in the order of their first occurrence.

        Equal inputs that require both values of an output bit are a `DataError`.
        """
        if dataset.input_kind is not InputKind.BOOLEAN or not dataset.n_inputs:
            raise DataError(
                f"{dataset.name}: expected Boolean inputs to make test vectors from, "
                f"got {dataset.n_inputs} {dataset.input_kind.value} inputs"
            )
        _, first, group = np.unique(
            np.packbits(dataset.inputs, axis=1), axis=0, return_index=True, return_inverse=True
        )
        group = group.reshape(-1)
        wants = np.zeros((2, len(first), dataset.n_outputs), dtype=np.bool_)
        for value in (0, 1):
            np.logical_or.at(wants[value], group, (dataset.targets == value) & dataset.care_mask)
        clash = (wants[0] & wants[1]).any(axis=1)
        if clash.any():
            rows = np.flatnonzero(group == int(np.argmax(clash)))
            raise DataError(
                f"{dataset.name}: pattern {rows[0]} and a later one with the same inputs want "
                "different outputs"
            )
        order = np.argsort(first)
        return cls(
            dataset.inputs[first[order]],
            wants[1][order].astype(np.uint8),
            (wants[0] | wants[1])[order],
            dataset.exhaustive,
        )

    def write(self, path: Path) -> None:
        write_text(path, self.to_text())

    def to_text(self) -> str:
        marks = np.ones((self.count, 1), dtype=np.uint8)
        care = self.care.astype(np.uint8)
        bits = np.hstack([marks, care[:, ::-1], self.expected[:, ::-1], self.inputs[:, ::-1]])
        lines = np.hstack([bits + ord("0"), np.full_like(marks, ord("\n"))])
        return lines.astype(np.uint8).tobytes().decode("ascii")

    @classmethod
    def read(
        cls, path: Path, n_inputs: int, n_outputs: int, exhaustive: bool = False
    ) -> VectorTable:
        """Read a file of vectors; it does not record whether it is exhaustive."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", path) from None
        width = 1 + 2 * n_outputs + n_inputs
        lines = content.split(b"\n")
        if lines and not lines[-1]:
            lines.pop()
        for number, line in enumerate(lines, 1):
            if len(line) != width:
                raise DataError(f"expected a vector of {width} bits, got {len(line)}", path, number)
            if line.strip(b"01"):
                raise DataError("expected only 0 and 1", path, number)
            if line[:1] != b"1":
                raise DataError("expected a vector to begin with 1", path, number)
        if not lines:
            raise DataError("expected at least one vector, got an empty file", path)
        digits: NDArray[Any] = np.frombuffer(b"".join(lines), dtype=np.uint8)
        bits = digits.reshape(-1, width) - ord("0")
        split = 1 + n_outputs
        return cls(
            np.ascontiguousarray(bits[:, split + n_outputs :][:, ::-1]),
            np.ascontiguousarray(bits[:, split : split + n_outputs][:, ::-1]),
            np.ascontiguousarray(bits[:, 1:split][:, ::-1]).astype(np.bool_),
            exhaustive,
        )


# Self-checking testbenches in Verilog, VHDL, cocotb and Amaranth; of a module they know names and timing.
#
# They read the vectors from a file beside them, give a pipelined module one per clock, and count unknown bits
# and vectors that could not be read as failed. The Verilog, VHDL and cocotb ones print a line for each of the
# first ten mismatches, then ``PASS n vectors`` or ``FAIL k of n``, and fail by their exit code.


def emit_testbench(module: HardwareModule, vector_count: int, vector_file: str) -> str:
    names, timing = module.names, module.timing
    controls = () if timing is None else timing.controls
    driven = "driven" if timing is not None and timing.enable else "inputs"
    return render(
        "testbench/testbench.v.j2",
        **bench_context(module, vector_count, vector_file),
        connections=[
            *((control, control) for control in controls),
            *connections(names.inputs, driven),
            *connections(names.outputs, "got"),
        ],
        reported=REPORTED,
    )


def connections(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    return [(name, f"{bus}[{last}:{first}]") for name, last, first in port_slices(ports)]


REPORTED = 10
"""Maximum mismatches that a testbench prints."""


def bench_context(module: HardwareModule, vector_count: int, vector_file: str) -> dict[str, Any]:
    return {
        "module": module.names.module,
        "vector_count": vector_count,
        "vector_file": vector_file,
        "n_inputs": total_width(module.names.inputs),
        "n_outputs": total_width(module.names.outputs),
        "timing": module.timing,
    }


def port_slices(ports: Sequence[Port]) -> Iterator[tuple[str, int, int]]:
    """Return each port with the last and the first of its bits on a bus of all, the first port lowest."""
    first = 0
    for port in ports:
        yield port.name, first + port.width - 1, first
        first += port.width


def emit_cocotb(
    module: HardwareModule, vector_count: int, vector_file: str, sources: Sequence[str]
) -> str:
    names, timing = module.names, module.timing
    return render(
        "cocotb/test.py.j2",
        **bench_context(module, vector_count, vector_file),
        sources=sources,
        inputs=names.inputs,
        outputs=names.outputs,
        randomised=timing is not None and timing.enable,
    )


def emit_amaranth_test(
    module: HardwareModule, vector_count: int, vector_file: str, stream: bool = False
) -> str:
    names, timing = module.names, module.timing
    return render(
        "amaranth/test.py.j2",
        **bench_context(module, vector_count, vector_file),
        component=class_name(names.module),
        stream=stream_class_name(names.module) if stream else "",
        inputs=names.inputs,
        outputs=names.outputs,
        randomised=timing is not None and timing.enable,
    )


def bench_name(module: str) -> str:
    """Return the name of the VHDL testbench of a module, as GHDL's command line takes it."""
    return vhdl_name(f"tb_{module}")


def emit_vhdl_testbench(module: HardwareModule, vector_count: int, vector_file: str) -> str:
    names, timing = module.names, module.timing
    controls = () if timing is None else timing.controls
    return render(
        "vhdl/testbench.vhd.j2",
        **bench_context(module, vector_count, vector_file),
        entity=vhdl_name(names.module),
        bench=bench_name(names.module),
        connections=[
            *((control, control) for control in controls),
            *_vhdl_connections(names.inputs, "inputs"),
            *_vhdl_connections(names.outputs, "got"),
        ],
        reported=REPORTED,
    )


def _vhdl_connections(ports: Sequence[Port], bus: str) -> list[tuple[str, str]]:
    connections = []
    for name, last, first in port_slices(ports):
        bits = f"{first}" if last == first else f"{last} downto {first}"
        connections.append((vhdl_name(name), f"{bus}({bits})"))
    return connections
