"""Compare two designs, each a file of any known format or a design folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.backends.manifest import DesignPort, Manifest, load_manifest
from btfsynth.backends.timing import CONTROL_NAMES
from btfsynth.dataset.load import load
from btfsynth.dataset.ports import Port
from btfsynth.errors import DataError, ToolTimeoutError
from btfsynth.frontends.registry import find_reader, read_noted
from btfsynth.frontends.verilog import read_verilog_netlist
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import MAX_EXHAUSTIVE_INPUTS, output_words, pack_bits, unpack_bits
from btfsynth.sim.base import DEFAULT_TIMEOUT
from btfsynth.sim.result import port_values
from btfsynth.verify.amaranth import amaranth_netlist
from btfsynth.verify.equivalence import SAT_METHOD, equivalent
from btfsynth.verify.interface import align, with_ranges
from btfsynth.verify.simulate import given_up
from btfsynth.verify.vhdl import VHDL_ENDINGS, vhdl_netlist

__all__ = ["Comparison", "Subject", "compare", "read_subject"]

_TABLES = ("pla", "truth")


@dataclass(frozen=True, eq=False)
class Subject:
    """A design to compare.

    Parameters
    ----------
    path
        The file or the folder, as it was named.
    netlist
        What it computes.
    care
        ``(input vectors, output bits)`` bool in counting order, where its outputs matter; None if they always
        do.
    notes
        What its reader has to say, one line each.
    """

    path: Path
    netlist: Netlist
    care: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Parameters
    ----------
    equal
        Whether the two compute the same; None if that was not found out in time.
    method
        How that was found out, or was to be.
    notes
        What was guessed, one line each.
    inputs, first, second
        Values by port where they differ, like ``p=2'b10``; empty if they do not.
    """

    equal: bool | None
    method: str
    notes: tuple[str, ...]
    inputs: str = ""
    first: str = ""
    second: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a report."""
        shown = None
        if self.equal is False:
            shown = {"inputs": self.inputs, "a": self.first, "b": self.second}
        return {
            "equivalent": self.equal,
            "method": self.method,
            "notes": list(self.notes),
            "counterexample": shown,
        }


def read_subject(path: Path, timeout: float | None = None, comb: bool = False) -> Subject:
    """Read a netlist or a table; of a design folder, its Verilog under the names of the data.

    A Python file is run and its Amaranth component read by way of Yosys; VHDL is read by way of GHDL. Of those
    of a pipelined design folder the registers are taken for wires, as those of Verilog are.

    Parameters
    ----------
    path
        The file or the folder.
    timeout
        Seconds one command of a tool may take; `DEFAULT_TIMEOUT` if None.
    comb
        Whether the registers of a netlist become ports, see `read_design`.

    Raises
    ------
    ToolTimeoutError
        If a tool takes longer.
    DataError
        If it cannot be read as what it is.
    MissingToolError
        If a Python file is named and Yosys is missing, or VHDL and GHDL.
    """
    if path.is_dir():
        return Subject(path, _folder_netlist(path))
    ending = path.suffix.lower()
    if ending == ".py" or ending in VHDL_ENDINGS:
        read = amaranth_netlist if ending == ".py" else vhdl_netlist
        seconds = DEFAULT_TIMEOUT if timeout is None else timeout
        try:
            manifest = _manifest_of(path)
            clocked = manifest is not None and manifest.timing is not None
            netlist = read(path, seconds, CONTROL_NAMES if clocked else ())
            if manifest is not None:  # Amaranth numbers the bits of every port from 0
                netlist = with_ranges(netlist, manifest.input_ports, manifest.output_ports)
            return Subject(path, netlist)
        except ToolTimeoutError:
            raise ToolTimeoutError(f"{path}: reading it {given_up(seconds)}") from None
    design = read_noted(path, comb)
    netlist = design.netlist
    care = None
    if find_reader(path).name in _TABLES and netlist.n_inputs <= MAX_EXHAUSTIVE_INPUTS:
        care = _care_of(path, netlist)
    notes = tuple(f"{path.name}: {note}" for note in design.notes)
    return Subject(path, netlist, care, notes)


def _manifest_of(path: Path) -> Manifest | None:
    """Return the manifest of the design folder that a file is of, None if it is of none."""
    try:
        manifest = load_manifest(path.parent)
    except DataError:
        return None
    known = [manifest.files[role] for role in ("amaranth", "vhdl") if role in manifest.files]
    return manifest if path.name in known else None


def _folder_netlist(path: Path) -> Netlist:
    manifest = load_manifest(path)
    file, *libraries = manifest.verilog_files(path)
    netlist = read_verilog_netlist(file, *libraries)
    return replace(
        netlist,
        name=manifest.name,
        input_ports=_renamed(netlist.input_ports, manifest.inputs, file),
        output_ports=_renamed(netlist.output_ports, manifest.outputs, file),
    )


def _renamed(ports: Sequence[Port], wanted: Sequence[DesignPort], path: Path) -> tuple[Port, ...]:
    if list(ports) != [port.hardware_port for port in wanted]:
        raise DataError("expected the ports that the manifest lists", path)
    return tuple(port.data_port for port in wanted)


def _care_of(path: Path, netlist: Netlist) -> NDArray[np.bool_] | None:
    """Return where the outputs of a table matter, None if everywhere."""
    dataset = load(path)
    weights = 1 << np.arange(dataset.n_inputs, dtype=np.int64)
    care = np.zeros((1 << dataset.n_inputs, dataset.n_outputs), dtype=np.bool_)
    np.logical_or.at(care, dataset.inputs.astype(np.int64) @ weights, dataset.care_mask)
    if (dataset.input_ports, dataset.output_ports) != (netlist.input_ports, netlist.output_ports):
        raise DataError("the ports of the table and of its netlist differ", path)
    return None if care.all() else care


def compare(a: Subject, b: Subject, timeout: float | None = None) -> Comparison:
    """Compare two designs on every input for which the outputs matter in both.

    Parameters
    ----------
    a, b
        The designs.
    timeout
        Seconds a SAT proof may take; no limit if None.

    Raises
    ------
    UsageError
        If their ports cannot be matched.
    """
    aligned = align(a.netlist, b.netlist)
    notes = [*a.notes, *b.notes, *aligned.notes]
    for subject in (a, b):
        if subject.care is not None:
            notes.append(f"{subject.path.name} leaves outputs open; these may be anything")
    if a.care is None and b.care is None:
        try:
            found = equivalent(a.netlist, aligned.netlist, timeout)
        except ToolTimeoutError:
            method = f"{SAT_METHOD}, given up after {timeout:g} s"
            return Comparison(None, method, tuple(notes))
        vector, method = found.counterexample, found.method
    else:
        inputs, care = _cared_for(a.care, b.care, aligned.inputs, aligned.outputs)
        differ = (_outputs(a.netlist, inputs) != _outputs(aligned.netlist, inputs)) & care
        wrong = differ.any(axis=1)
        vector = inputs[int(np.argmax(wrong))] if wrong.any() else None
        method = f"the {int(care.any(axis=1).sum())} input vectors with an output that matters"
    if vector is None:
        return Comparison(True, method, tuple(notes))
    ports = a.netlist.output_ports
    first, second = (
        port_values(ports, _text(_outputs(netlist, vector[None, :])[0]))
        for netlist in (a.netlist, aligned.netlist)
    )
    shown = port_values(a.netlist.input_ports, _text(vector))
    return Comparison(False, method, tuple(notes), shown, first, second)


def _cared_for(
    first: NDArray[np.bool_] | None,
    second: NDArray[np.bool_] | None,
    inputs: NDArray[np.int64],
    outputs: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return all input vectors of the first and, for each, the outputs that matter in both."""
    numbers = np.arange(1 << len(inputs), dtype=np.int64)
    vectors = ((numbers[:, None] >> np.arange(len(inputs))) & 1).astype(np.uint8)
    care = np.ones((len(vectors), len(outputs)), dtype=np.bool_)
    if first is not None:
        care &= first
    if second is not None:
        own = vectors.astype(np.int64) @ (np.int64(1) << inputs)
        care &= second[own][:, outputs]
    return vectors, care


def _outputs(netlist: Netlist, vectors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return unpack_bits(output_words(netlist, pack_bits(vectors)), len(vectors))


def _text(bits: NDArray[np.uint8]) -> str:
    return "".join(str(bit) for bit in reversed(bits.tolist()))
