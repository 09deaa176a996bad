"""Write a design folder: the hardware, what checks it, and the manifest that says what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from btfsynth import __version__
from btfsynth.errors import DataError, OutputError
from btfsynth.files import StrPath, as_path, write_bytes, write_text
from btfsynth.hdl.amaranth import renumbered
from btfsynth.hdl.amaranth_stream import emit_amaranth_stream
from btfsynth.hdl.amaranth_test import emit_amaranth_test
from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.cocotb import emit_cocotb
from btfsynth.hdl.interchange import WRITERS
from btfsynth.hdl.manifest import CELL_LIBRARY, MANIFEST_FILE, DesignPort, Manifest
from btfsynth.hdl.options import HardwareOptions
from btfsynth.hdl.pipeline import make_pipeline
from btfsynth.hdl.registry import BACKENDS
from btfsynth.hdl.testbench import emit_testbench
from btfsynth.hdl.timing import CONTROL_NAMES
from btfsynth.hdl.vectors import VectorTable
from btfsynth.hdl.verilog.emit_cells import emit_cell_library, emit_verilog_cells
from btfsynth.hdl.vhdl_testbench import emit_vhdl_testbench
from btfsynth.netlist.identifiers import legal_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import statistics
from btfsynth.ports import Port, in_pin_order

__all__ = [
    "write_design",
]


def write_design(
    netlist: Netlist,
    vectors: VectorTable,
    directory: StrPath,
    *,
    source: str = "",
    data_hash: str = "",
    provenance: Mapping[str, str] | None = None,
    made_with: Mapping[str, Any] | None = None,
    options: HardwareOptions | None = None,
    notices: Sequence[str] = (),
    targets: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write all files of a design into an existing folder, the manifest last.

    Parameters
    ----------
    netlist
        The design; its name becomes the name of the module.
    vectors
        What it is checked against.
    directory
        The folder.
    source, data_hash
        Where the data came from and their hash.
    provenance
        More lines for the header comments, after version, source and hash.
    made_with
        What the manifest says of how the netlist was made; plain JSON values.
    options
        What hardware is made of it; a combinational design if None.
    notices
        More notices for the manifest, before those on renamed ports.
    targets
        Targets that the netlist gets right, by set of patterns, for the manifest; plain JSON values.

    Returns
    -------
    The manifest as written.

    Raises
    ------
    DataError
        If the netlist has no inputs, or the vectors do not fit its ports.
    OutputError
        If a file cannot be written.
    """
    directory = as_path(directory)
    _require_fit(netlist, vectors)
    if not directory.is_dir():
        raise OutputError(f"{directory}: cannot be written to: no such folder")
    options = options or HardwareOptions()
    module = _hardware_module(netlist, _header(source, data_hash, provenance or {}), options)
    names = module.names
    formats, renamed = _netlist_files(module, options.formats)
    contents = _contents(module, vectors, options) | formats
    manifest = Manifest(
        name=netlist.name,
        module=names.module,
        version=__version__,
        source=source,
        data_hash=data_hash,
        inputs=_design_ports(netlist.input_ports, names.inputs),
        outputs=_design_ports(netlist.output_ports, names.outputs),
        vector_count=vectors.count,
        exhaustive=vectors.exhaustive,
        files={role: name for role, (name, _) in contents.items()},
        netlist=vars(statistics(netlist)),
        options=dict(made_with or {}),
        notices=(*notices, *names.notices, *renumbered(names), *renamed),
        hashes=_hashes(contents),
        timing=module.timing,
        targets=dict(targets or {}),
    )
    for name, content in contents.values():
        write_bytes(directory / name, content)
    write_text(directory / MANIFEST_FILE, manifest.to_text())
    return manifest


def _hashes(contents: Mapping[str, tuple[str, bytes]]) -> dict[str, str]:
    return {role: hashlib.sha256(content).hexdigest() for role, (_, content) in contents.items()}


def _require_fit(netlist: Netlist, vectors: VectorTable) -> None:
    """Refuse a netlist that cannot be checked, or not on these vectors."""
    if not netlist.n_inputs:
        raise DataError(f"{netlist.name}: expected at least one input bit to drive, got none")
    if (vectors.inputs.shape[1], vectors.expected.shape[1]) != (
        netlist.n_inputs,
        netlist.n_outputs,
    ):
        raise DataError(
            f"{netlist.name}: test vectors of {vectors.inputs.shape[1]} inputs and "
            f"{vectors.expected.shape[1]} outputs for a netlist of {netlist.n_inputs} and "
            f"{netlist.n_outputs}"
        )


def _hardware_module(
    netlist: Netlist, header: Mapping[str, str], options: HardwareOptions
) -> HardwareModule:
    """Return a netlist under names that are legal in hardware, with registers if they are asked for."""
    timing = options.timing(netlist)
    reserved = CONTROL_NAMES if timing else frozenset()
    names = legal_names(netlist.name, netlist.input_ports, netlist.output_ports, reserved)
    pipeline = make_pipeline(netlist, timing.latency) if timing else None
    return HardwareModule(netlist, names, header, timing, pipeline)


def _contents(
    module: HardwareModule, vectors: VectorTable, options: HardwareOptions
) -> dict[str, tuple[str, bytes]]:
    """Return name and content of every file by its role, but for the manifest and netlist files."""
    name = module.names.module
    vector_file = f"{name}_vectors.mem"
    contents = {
        backend.name: (backend.file_name(name), backend.emit(module))
        for backend in BACKENDS.values()
    }
    if options.cells and module.netlist.n_cells:
        contents["verilog"] = (contents["verilog"][0], emit_verilog_cells(module))
        contents[CELL_LIBRARY] = (f"{name}_cells.v", emit_cell_library(module))
    verilog = [contents[role][0] for role in ("verilog", CELL_LIBRARY) if role in contents]
    contents["testbench"] = (f"tb_{name}.v", emit_testbench(module, vectors.count, vector_file))
    contents["vhdl_testbench"] = (
        f"tb_{name}.vhd",
        emit_vhdl_testbench(module, vectors.count, vector_file),
    )
    contents["cocotb"] = (
        f"test_{name}_cocotb.py",
        emit_cocotb(module, vectors.count, vector_file, verilog),
    )
    contents["amaranth_test"] = (
        f"test_{name}_amaranth.py",
        emit_amaranth_test(module, vectors.count, vector_file, options.stream),
    )
    if options.stream:
        contents["amaranth_stream"] = (f"{name}_stream.py", emit_amaranth_stream(module))
    contents["vectors"] = (vector_file, vectors.to_text())
    return {role: (file, content.encode()) for role, (file, content) in contents.items()}


def _netlist_files(
    module: HardwareModule, formats: Sequence[str]
) -> tuple[dict[str, tuple[str, bytes]], list[str]]:
    """Return the netlist files asked for by their role, and what there is to say of them."""
    contents = {}
    notices: list[str] = []
    for name in dict.fromkeys(formats):
        writer = WRITERS[name]
        content, renamed = writer.content(module.netlist)
        contents[name] = (writer.file_name(module.names.module), content)
        notices.extend(f"{name}: {notice}" for notice in renamed)
    if contents and module.timing is not None:
        notices.append(f"{', '.join(contents)}: the netlist without registers")
    return contents, notices


def _header(source: str, data_hash: str, provenance: Mapping[str, str]) -> dict[str, str]:
    header = {"generator": f"btfsynth {__version__}"}
    if source:
        header["source"] = source
    if data_hash:
        header["data hash"] = data_hash
    return header | dict(provenance)


def _design_ports(ports: Sequence[Port], legal: Sequence[Port]) -> tuple[DesignPort, ...]:
    keep_pins = not in_pin_order(ports)
    return tuple(
        DesignPort(
            port.name,
            hdl.name,
            port.width,
            port.low,
            port.step,
            port.pins if keep_pins else None,
        )
        for port, hdl in zip(ports, legal, strict=True)
    )
