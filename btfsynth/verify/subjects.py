"""Subjects of a comparison: a netlist, a table, a design folder, VHDL or an Amaranth module.

`align` brings two netlists from different files to the same ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.formats import format_by_ending
from btfsynth.dataset.load import load
from btfsynth.dataset.patterns import group_rows
from btfsynth.dataset.tasks import is_task_spec
from btfsynth.errors import DataError, ToolTimeoutError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.formats import READERS, find_reader, read_noted
from btfsynth.hdl.manifest import CONTROL_NAMES, Manifest, load_manifest
from btfsynth.hdl.verilog.read import read_verilog_netlist
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.text import read_netlist
from btfsynth.ports import Port, bit_names, pin_order, total_width
from btfsynth.process import DEFAULT_TIMEOUT
from btfsynth.verify.simulate import timed_out
from btfsynth.verify.yosys import VHDL_ENDINGS, amaranth_netlist, vhdl_netlist

_SHOWN = 8

ORDER_NOTE = "matched by their order"
"""Words of a note about ports without a partner of the same name."""


def align(first: Netlist, second: Netlist) -> Netlist:
    """Bring the second netlist to the ports of the first.

    Bits of the same name are matched. The remaining bits of both sides are matched in order if the widths of
    their ports agree, or one side has only single bits or one bus. Where one side has no names at all, all bits
    are matched in order. The order is that of the pins in the files.
    """
    inputs, _ = match_bits("inputs", first.input_ports, second.input_ports)
    outputs, _ = match_bits("outputs", first.output_ports, second.output_ports)
    return under_ports(second, inputs, outputs, first)


def under_ports(
    netlist: Netlist, inputs: NDArray[np.int64], outputs: NDArray[np.int64], first: Netlist
) -> Netlist:
    """Return a netlist with the ports of another, by a mapping of bits (see `match_bits`)."""
    moved = np.arange(netlist.n_nodes)
    moved[1 + inputs] = 1 + np.arange(len(inputs))

    def renamed(literals: NDArray[np.int32]) -> NDArray[np.int32]:
        result: NDArray[np.int32] = (2 * moved[literals >> 1] + (literals & 1)).astype(np.int32)
        return result

    return Netlist(
        netlist.name,
        first.input_ports,
        first.output_ports,
        renamed(netlist.fanins),
        renamed(netlist.outputs)[outputs],
    )


def match_bits(
    kind: str, first: Sequence[Port], second: Sequence[Port]
) -> tuple[NDArray[np.int64], str]:
    """Return the bit of the second for every bit of the first, ``(bits,)`` int64, and notes on guesses.

    `kind` names the bits in messages; see `align`.
    """
    if total_width(first) != total_width(second):
        raise _different(
            kind, first, second, f"{total_width(first)} and {total_width(second)} bits"
        )
    second, notes = _in_ranges(kind, first, second)
    names, others = bit_names(first), bit_names(second)
    nameless = any(ports and not any(port.named for port in ports) for ports in (first, second))
    if nameless and set(names) != set(others):
        chosen = _in_order(first, second, names, {})
        return np.array(chosen, dtype=np.int64), _order_note(kind, first, second)
    widths = {port.name: port.width for port in second}
    for port in first:
        if widths.get(port.name, port.width) != port.width:
            raise _different(kind, first, second, f"{port.name!r} has two widths")
    bits = {name: bit for bit, name in enumerate(others)}
    if min(len(bits), len(set(names))) < len(names):
        raise _different(kind, first, second, "two bits have the same name")
    known = {name: bits[name] for name in names if name in bits}
    left = [bit for name, bit in bits.items() if name not in known]
    if left:
        rest = [port for port in first if not known.keys() & set(port.bits)]
        other = [port for port in second if not known.keys() & set(port.bits)]
        shapes = [[port.width for port in ports] for ports in (rest, other)]
        flat = any(set(shape) == {1} or len(shape) == 1 for shape in shapes)
        if any(sum(shape) != len(left) for shape in shapes) or (
            shapes[0] != shapes[1] and not flat
        ):
            raise _different(kind, first, second, "neither names nor widths agree")
        notes.append(_order_note(kind, rest, other))
    return np.array(_in_order(first, second, names, known), dtype=np.int64), "; ".join(notes)


def _in_ranges(
    kind: str, first: Sequence[Port], second: Sequence[Port]
) -> tuple[list[Port], list[str]]:
    """Return the second ports with the indices of the first where these differ, and notes.

    Bits of ``[0:3]`` and ``[3:0]`` keep their names; those of ``[7:4]`` and ``[3:0]`` have none in common.
    """
    known = {port.name: port for port in first}
    found, moved = [], []
    for port in second:
        like = known.get(port.name, port)
        if like.width == port.width and set(like.bits) != set(port.bits):
            moved.append(f"{like.label} with {port.label}")
            found.append(replace(port, low=like.low, step=like.step))
        else:
            found.append(port)
    if not moved:
        return found, []
    return found, [f"{kind} matched by significance: {', '.join(moved[:_SHOWN])}"]


def _in_order(
    first: Sequence[Port], second: Sequence[Port], names: Sequence[str], known: dict[str, int]
) -> list[int]:
    """Return the bit of the second for every bit of the first: the known one, the others by order of pins."""
    taken = set(known.values())
    waiting = iter([bit for bit in pin_order(second) if bit not in taken])
    chosen = [known.get(name, -1) for name in names]
    for bit in pin_order(first):
        if chosen[bit] < 0:
            chosen[bit] = next(waiting)
    return chosen


def _order_note(kind: str, first: Sequence[Port], second: Sequence[Port]) -> str:
    return f"{kind} {ORDER_NOTE}: {_listed(first)} with {_listed(second)}"


def with_ranges(netlist: Netlist, inputs: Sequence[Port], outputs: Sequence[Port]) -> Netlist:
    """Return a netlist with the ranges of given ports, if names and widths agree.

    For files in a language in which every vector counts from 0.
    """

    def found(own: Sequence[Port], wanted: Sequence[Port]) -> tuple[Port, ...]:
        known = {(port.name, port.width): port for port in wanted}
        return tuple(
            replace(port, low=like.low, step=like.step)
            for port in own
            for like in (known.get((port.name, port.width), port),)
        )

    return replace(
        netlist,
        input_ports=found(netlist.input_ports, inputs),
        output_ports=found(netlist.output_ports, outputs),
    )


def _different(kind: str, first: Sequence[Port], second: Sequence[Port], reason: str) -> UsageError:
    return UsageError(
        f"different {kind}, so they cannot be compared ({reason}): "
        f"{_listed(first)} and {_listed(second)}"
    )


def _listed(ports: Sequence[Port]) -> str:
    shown = [port.label for port in ports]
    more = [f"... ({len(shown)} ports)"] if len(shown) > _SHOWN else []
    return ", ".join([*shown[:_SHOWN], *more]) or "none"


_TABLES = ("pla", "truth")


@dataclass(frozen=True, eq=False)
class Table:
    """A function on listed input vectors; on all others the outputs are don't-cares."""

    patterns: Dataset  # Boolean, without contradictions; an input vector may come twice

    @property
    def inputs(self) -> NDArray[np.uint8]:
        """``(vectors, input bits)`` uint8, every listed vector once."""
        return self._merged[0]

    @cached_property
    def _merged(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
        """Every vector once, with its outputs and care mask."""
        groups, first = group_rows(self.patterns.inputs)
        shape = len(first), self.patterns.n_outputs
        values, care = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
        cared = self.patterns.care_mask
        np.logical_or.at(values, groups, self.patterns.targets.astype(np.bool_) & cared)
        np.logical_or.at(care, groups, cared)
        return self.patterns.inputs[first], values.astype(np.uint8), care

    def evaluate(self, vectors: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the outputs for ``(vectors, input bits)`` uint8, and their care mask."""
        _, values, care = self._merged
        keys, rows = self._index
        wanted = _keys(vectors)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        row = rows[place]
        return values[row], care[row] & (keys[place] == wanted)[:, None]

    @cached_property
    def _index(self) -> tuple[NDArray[np.bytes_], NDArray[np.intp]]:
        """The keys of the vectors in rising order, and the row of each."""
        keys = _keys(self.inputs)
        rows = np.argsort(keys, kind="stable")
        return keys[rows], rows


def _keys(vectors: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Return vectors as byte strings that sort and compare, ``(vectors,)``."""
    # A constant byte behind each: NumPy drops zeros at the end of byte strings.
    packed = np.packbits(vectors, axis=1)
    packed = np.hstack([packed, np.ones((len(packed), 1), dtype=np.uint8)])
    keys: NDArray[np.bytes_] = np.ascontiguousarray(packed).view(f"S{packed.shape[1]}")[:, 0]
    return keys


@dataclass(frozen=True, eq=False)
class Subject:
    path: Path
    netlist: Netlist | None  # what it computes; None if all there is are the rows of a table
    # of the same inputs and outputs, 1 where those of `netlist` do not matter; None if they always do
    dont_care: Netlist | None = None
    notes: tuple[str, ...] = ()  # how it was read, one line each
    # the rows of a table that says nothing of other input vectors; what the outputs are is then read here
    table: Table | None = None
    # clocks from an input to its output, 0 without registers; None if that is not known
    latency: int | None = None
    # whether the bits of every bus are numbered by significance, whatever its range is elsewhere
    counts_from_zero: bool = False

    @property
    def input_ports(self) -> tuple[Port, ...]:
        return self._ported.input_ports

    @property
    def output_ports(self) -> tuple[Port, ...]:
        return self._ported.output_ports

    @property
    def _ported(self) -> Netlist | Dataset:
        if self.table is not None:
            return self.table.patterns
        assert self.netlist is not None
        return self.netlist

    @property
    def leaves_open(self) -> bool:
        """True if some output is a don't-care for some input vector."""
        if self.table is None:
            return self.dont_care is not None
        return not self.table.patterns.exhaustive

    def under_ranges(self, other: Subject) -> Subject:
        """Return it with the ranges of another one's ports if its own have no indices."""
        if self.netlist is None or not self.counts_from_zero or other.counts_from_zero:
            return self
        netlist = with_ranges(self.netlist, other.input_ports, other.output_ports)
        return replace(self, netlist=netlist)

    def evaluate(self, vectors: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the outputs for ``(vectors, input bits)`` uint8, and their bool care mask."""
        if self.table is not None:
            return self.table.evaluate(vectors)
        assert self.netlist is not None
        values = evaluate(self.netlist, vectors)
        if self.dont_care is None:
            return values, np.ones(values.shape, dtype=np.bool_)
        return values, evaluate(self.dont_care, vectors) == 0


def read_subject(
    path: StrPath, timeout: float | None = None, comb: bool = False, *, tables: bool = True
) -> Subject:
    """Read a netlist or, unless `tables` is False, a table or a task; of a design folder, its Verilog.

    A string that begins with the name of a task is a task (see `load`). A Python file is run and its Amaranth
    component read by way of Yosys; VHDL is read by way of GHDL. Registers of a pipelined design folder count as
    wires. `comb` makes the registers of a netlist ports (see `read_design`); `timeout` is in seconds for each
    command of a tool, `DEFAULT_TIMEOUT` if None.
    """
    if tables and isinstance(path, str) and is_task_spec(path):
        return Subject(Path(path), None, table=Table(_boolean(Path(path), load(path))))
    path = as_path(path)
    if path.is_dir():
        manifest = load_manifest(path)
        netlist = verilog_netlist(path, manifest)
        return Subject(path, netlist, latency=_latency(manifest))
    ending = path.suffix.lower()
    if ending == ".py" or ending in VHDL_ENDINGS:
        return _read_by_tools(path, timeout)
    if tables and is_table(path):
        return _of_table(path, load(path))
    if tables and find_reader(path).name == "pla":
        dataset = _listed_pla(path)
        if dataset is not None:
            return _of_table(path, dataset)
    design = read_noted(path, comb)
    notes = tuple(f"{path.name}: {note}" for note in design.notes)
    netlist = design.netlist
    if find_reader(path).name in _TABLES:
        netlist = replace(
            netlist,
            input_ports=_made_up(netlist.input_ports, "x"),
            output_ports=_made_up(netlist.output_ports, "y"),
        )
    return Subject(
        path,
        netlist,
        design.dont_care,
        notes,
        latency=design.latency,
        counts_from_zero=design.counts_from_zero,
    )


def is_table(path: Path) -> bool:
    """Return True if a file contains patterns in a format without netlists."""
    ending = path.suffix.lower()
    if any(ending in reader.endings for reader in READERS.values()):
        return False
    return format_by_ending(path) is not None


def _listed_pla(path: Path) -> Dataset | None:
    """Return the patterns of a PLA file of listed vectors; None for complete or too large tables."""
    try:
        dataset = load(path, format="pla")
    except DataError:
        return None  # what is wrong with it, if anything, is said when it is read as a netlist
    return dataset if dataset.unlisted_dont_care and not dataset.lists_all else None


def _boolean(path: Path, dataset: Dataset) -> Dataset:
    if dataset.input_kind is not InputKind.BOOLEAN or not dataset.n_inputs:
        raise DataError(
            f"expected patterns of Boolean inputs, got {dataset.input_kind.value} ones", path
        )
    return dataset


def _of_table(path: Path, dataset: Dataset) -> Subject:
    dataset = _boolean(path, dataset)
    notes = tuple(f"{path.name}: {note}" for note in dataset.notices)
    dataset = replace(
        dataset,
        input_ports=_made_up(dataset.input_ports, "x"),
        output_ports=_made_up(dataset.output_ports, "y"),
    )
    return Subject(path, None, notes=notes, table=Table(dataset))


def _made_up(ports: tuple[Port, ...], name: str) -> tuple[Port, ...]:
    """Return ports without names if they have the default names of tables."""
    return tuple(
        replace(port, named=False) if len(ports) == 1 and port.name == name else port
        for port in ports
    )


def _read_by_tools(path: Path, timeout: float | None) -> Subject:
    read = amaranth_netlist if path.suffix.lower() == ".py" else vhdl_netlist
    seconds = DEFAULT_TIMEOUT if timeout is None else timeout
    manifest = _manifest_of(path)
    clocked = manifest is not None and manifest.timing is not None
    try:
        netlist = read(path, seconds, CONTROL_NAMES if clocked else ())
    except ToolTimeoutError:
        raise ToolTimeoutError(f"{path}: reading it {timed_out(seconds)}") from None
    if manifest is None:
        return Subject(path, netlist)
    # Amaranth numbers the bits of every port from 0.
    netlist = with_ranges(netlist, manifest.input_ports, manifest.output_ports)
    return Subject(path, netlist, latency=_latency(manifest))


def _latency(manifest: Manifest) -> int:
    return 0 if manifest.timing is None else manifest.timing.latency


def _manifest_of(path: Path) -> Manifest | None:
    """Return the manifest of the design folder of a file, None if there is none."""
    try:
        manifest = load_manifest(path.parent)
    except DataError:
        return None
    known = [manifest.files[role] for role in ("amaranth", "vhdl") if role in manifest.files]
    return manifest if path.name in known else None


def verilog_netlist(directory: Path, manifest: Manifest) -> Netlist:
    """Return the netlist in the Verilog of a design folder, under the names of the data."""
    file, *libraries = manifest.verilog_files(directory)
    netlist = read_verilog_netlist(file, *libraries)
    _require_ports(netlist, manifest.input_ports, manifest.output_ports, file)
    return _under_data(netlist, manifest)


def stored_netlist(directory: Path, manifest: Manifest) -> Netlist | None:
    """Return the netlist of a design folder, with the names of the data; None if there is none."""
    path = directory / f"{manifest.module}.mig"
    if not path.is_file():
        return None
    netlist = read_netlist(path)
    named = _under_data(netlist, manifest)
    _require_ports(netlist, named.input_ports, named.output_ports, path)
    return named


def _require_ports(
    netlist: Netlist, inputs: Sequence[Port], outputs: Sequence[Port], path: Path
) -> None:
    for kind, found, wanted in (
        ("inputs", netlist.input_ports, inputs),
        ("outputs", netlist.output_ports, outputs),
    ):
        if tuple(found) != tuple(wanted):
            raise DataError(f"expected the {kind} that the manifest lists", path)


def _under_data(netlist: Netlist, manifest: Manifest) -> Netlist:
    return replace(
        netlist,
        name=manifest.name,
        input_ports=tuple(port.data_port for port in manifest.inputs),
        output_ports=tuple(port.data_port for port in manifest.outputs),
    )
