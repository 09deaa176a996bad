"""Write a design folder: the hardware, testbenches, and the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from btfsynth import __version__
from btfsynth.dataset.code import code_text
from btfsynth.dataset.table_code import Scalar, TableCode, plain_class
from btfsynth.errors import DataError, OutputError, UsageError
from btfsynth.files import StrPath, as_path, write_bytes, write_text
from btfsynth.hdl.backends import emit_amaranth_stream, renumbered
from btfsynth.hdl.formats import BACKENDS, WRITERS
from btfsynth.hdl.manifest import (
    CELL_LIBRARY,
    CODE_ROLE,
    CONTROL_NAMES,
    MANIFEST_FILE,
    DesignPort,
    Manifest,
    Timing,
)
from btfsynth.hdl.module import HardwareModule, make_pipeline, stages_for_depth
from btfsynth.hdl.vectors import (
    VectorTable,
    emit_amaranth_test,
    emit_cocotb,
    emit_testbench,
    emit_vhdl_testbench,
)
from btfsynth.hdl.verilog.emit import emit_cell_library, emit_verilog_cells
from btfsynth.netlist.identifiers import legal_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import statistics
from btfsynth.ports import Port, in_pin_order
from btfsynth.settings.setting import Options
from btfsynth.settings.table import HARDWARE


@dataclass(frozen=True)
class HardwareOptions(Options, settings=HARDWARE):
    """Options of the hardware of a netlist.

    Parameters
    ----------
    (settings)

    Raises
    ------
    UsageError
        If a value is outside its range, or a combinational design has an enable or a reset.
    """

    pipeline: int | str = HARDWARE["pipeline"].default
    enable: bool = False
    reset: bool = False
    stream: bool = False
    cells: bool = False
    formats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pipeline == 0 and not self.stream and (self.enable or self.reset):
            word = "enable" if self.enable else "reset"
            raise UsageError(f"`{word}`: a combinational design has no registers; set `pipeline`")

    def timing(self, netlist: Netlist) -> Timing | None:
        stages = self.pipeline
        if isinstance(stages, str):
            stages = stages_for_depth(netlist, int(stages.removeprefix("auto:")))
        if self.stream:
            stages = max(1, stages)
        if not stages:
            return None
        return Timing(stages, enable=self.enable or self.stream, reset=self.reset or self.stream)


@dataclass(frozen=True)
class Origin:
    source: str = ""
    data_hash: str = ""
    """Name and hash of the data."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """More lines for the header comments, after version, source and hash."""
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """Origin of the netlist, as plain JSON values."""
    notices: Sequence[str] = ()  # notices for the manifest, before those on renamed ports
    targets: Mapping[str, Any] = field(default_factory=dict)
    """Accuracy by set of patterns; plain JSON values."""
    code: TableCode | None = None
    """The code from the columns of a table to the input bits."""
    classes: tuple[Scalar, ...] = ()
    """The classes of the outputs."""
    files: Callable[[str], Mapping[str, tuple[str, bytes]]] | None = None
    """More files of the folder, by role: takes the name of the module."""

    def header(self) -> dict[str, str]:
        header = {"generator": f"btfsynth {__version__}"}
        if self.source:
            header["source"] = self.source
        if self.data_hash:
            header["data hash"] = self.data_hash
        return header | dict(self.provenance)


def write_design(
    netlist: Netlist,
    vectors: VectorTable,
    directory: StrPath,
    *,
    origin: Origin | None = None,
    options: HardwareOptions | None = None,
) -> Manifest:
    """Write all files of a design into an existing folder, the manifest last.

    A `DataError` if the netlist has no inputs or the vectors do not fit its ports.
    """
    directory = as_path(directory)
    _require_fit(netlist, vectors)
    if not directory.is_dir():
        raise OutputError(f"{directory}: cannot be written to: no such folder")
    origin, options = origin or Origin(), options or HardwareOptions()
    said = _meanings(netlist, origin)
    module = _hardware_module(netlist, origin.header(), _port_lines(netlist, said), options)
    names = module.names
    formats, renamed = _netlist_files(module, options.formats)
    contents = _contents(module, vectors, options) | formats
    if origin.code is not None:
        text = code_text(origin.code, origin.classes)
        contents[CODE_ROLE] = (f"{names.module}_code.json", text.encode())
    if origin.files is not None:
        contents |= origin.files(names.module)
    manifest = Manifest(
        name=netlist.name,
        module=names.module,
        version=__version__,
        source=origin.source,
        data_hash=origin.data_hash,
        inputs=_design_ports(netlist.input_ports, names.inputs, said),
        outputs=_design_ports(netlist.output_ports, names.outputs, said),
        vector_count=vectors.count,
        exhaustive=vectors.exhaustive,
        files={role: name for role, (name, _) in contents.items()},
        netlist=vars(statistics(netlist)),
        options=dict(origin.made_with),
        notices=(*origin.notices, *names.notices, *renumbered(names), *renamed),
        hashes=_hashes(contents),
        timing=module.timing,
        targets=dict(origin.targets),
        classes=tuple(plain_class(each) for each in origin.classes),
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
    netlist: Netlist,
    header: Mapping[str, str],
    meanings: Mapping[str, str],
    options: HardwareOptions,
) -> HardwareModule:
    timing = options.timing(netlist)
    reserved = CONTROL_NAMES if timing else frozenset()
    names = legal_names(netlist.name, netlist.input_ports, netlist.output_ports, reserved)
    pipeline = make_pipeline(netlist, timing.latency) if timing else None
    return HardwareModule(netlist, names, header, timing, pipeline, meanings)


def _contents(
    module: HardwareModule, vectors: VectorTable, options: HardwareOptions
) -> dict[str, tuple[str, bytes]]:
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
    count = vectors.count
    amaranth = emit_amaranth_test(module, count, vector_file, options.stream)
    contents |= {
        "testbench": (f"tb_{name}.v", emit_testbench(module, count, vector_file)),
        "vhdl_testbench": (f"tb_{name}.vhd", emit_vhdl_testbench(module, count, vector_file)),
        "cocotb": (f"test_{name}_cocotb.py", emit_cocotb(module, count, vector_file, verilog)),
        "amaranth_test": (f"test_{name}_amaranth.py", amaranth),
    }
    if options.stream:
        contents["amaranth_stream"] = (f"{name}_stream.py", emit_amaranth_stream(module))
    contents["vectors"] = (vector_file, vectors.to_text())
    return {role: (file, content.encode()) for role, (file, content) in contents.items()}


def _netlist_files(
    module: HardwareModule, formats: Sequence[str]
) -> tuple[dict[str, tuple[str, bytes]], list[str]]:
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


_LABEL_PORT = "class_number"


def _meanings(netlist: Netlist, origin: Origin) -> dict[str, str]:
    """Return the meanings of input and output ports, by name in the data."""
    said = {} if origin.code is None else origin.code.meanings()
    said = {port.name: said[port.name] for port in netlist.input_ports if port.name in said}
    if not origin.classes:
        return said
    words = [str(each) for each in origin.classes]
    outputs = {port.name: port.width for port in netlist.output_ports}
    if _LABEL_PORT in outputs:
        listed = ", ".join(f"{place} is {word}" for place, word in enumerate(words))
        said[_LABEL_PORT] = f"the class: {listed}"
        outputs.pop(_LABEL_PORT)
    if len(outputs) == 1:
        name, width = next(iter(outputs.items()))
        if width == len(words):
            said[name] = _votes(words, _LABEL_PORT in said)
        elif width == 1 and len(words) == 2:
            said[name] = f"0 is {words[0]}, 1 is {words[1]}"
    return said


def _votes(words: Sequence[str], labelled: bool) -> str:
    listed = ", ".join(f"bit {bit}: the vote for class {word}" for bit, word in enumerate(words))
    if labelled:
        return f"{listed}; none or several may be 1, `{_LABEL_PORT}` is the class"
    return f"{listed}; none or several may be 1, of which `predict` takes the first, or {words[0]}"


def _port_lines(netlist: Netlist, said: Mapping[str, str]) -> dict[str, str]:
    """Return the meanings of ports as lines of the header comment."""
    lines: dict[str, str] = {}
    for kind, ports in (("input", netlist.input_ports), ("output", netlist.output_ports)):
        lines |= {f"{kind} {port.label}": said[port.name] for port in ports if port.name in said}
    return lines


def _design_ports(
    ports: Sequence[Port], legal: Sequence[Port], said: Mapping[str, str]
) -> tuple[DesignPort, ...]:
    keep_pins = not in_pin_order(ports)
    return tuple(
        DesignPort(
            port.name,
            hdl.name,
            port.width,
            port.low,
            port.step,
            port.pins if keep_pins else None,
            said.get(port.name, ""),
        )
        for port, hdl in zip(ports, legal, strict=True)
    )
