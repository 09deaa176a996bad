"""Files of trained networks: the archive (``.npz``), and the text of boolearn, the authors' C program.

The text files contain numbers separated by white space.

``.wth``, the widths of a layered network: the number of weight layers, then one width more, inputs first.
4 inputs, two hidden layers of 4 neurons and 4 outputs are::

    3
    4 4 4 4

``.net`` and ``.sol``, a network: a header, then receiver, sender and weight of every edge::

    17  5  4  60
        5    0    1.28963089
        5    1   -0.01003229

The header counts the nodes, the input nodes, the output nodes and the edges. The constant, node 0 of
value -1, is one of the input nodes. The others are the inputs, then the neurons in topological order,
the outputs last. In a ``.net`` file an edge that was not trained yet has the weight 0.
Edges are written receiver by receiver. When read, they may be in any order; edges into one neuron keep
theirs. Weights have 8 decimals: a float32 of magnitude 0.125 or more is read back exactly, a
smaller one within 1e-8, one below 5e-9 as zero. Further writing and reading changes nothing.

``.gen``, the generators of a generative model and the number of patterns per generator: the numbers of
generators listed and used, then one generator per line, its bits and after a tab the number of patterns::

    2  2

     1 0	23
     0 1	94

One-hot generators are all listed, in order of the bit that is 1. Of a hypercube only the vectors in use are
listed, in counting order, the first bit least significant. The number of bits is not in the file, so each
generator that is read has a line of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import code_of_record, code_record
from btfsynth.dataset.formats.base import MAX_CELLS, NumberFile, is_count, quoted, read_source
from btfsynth.dataset.table_code import TableCode, plain_class
from btfsynth.errors import DataError, TopologyError, UsageError, plural
from btfsynth.files import (
    BROKEN_ARCHIVE,
    StrPath,
    as_path,
    broken_reason,
    read_archive,
    write_archive,
    write_text,
)
from btfsynth.network.network import Topology, TrainedNetwork, layered
from btfsynth.ports import Port, port_from_values, port_values_of


def read_widths(path: StrPath) -> tuple[int, ...]:
    numbers = NumberFile(read_source(path))
    (layers,) = numbers.header(["the number of weight layers"])
    if layers < 1:
        raise numbers.error("expected at least one weight layer, got 0", 0)
    found = len(numbers.tokens) - 1
    if found != layers + 1:
        raise numbers.error(
            f"expected {layers + 1} widths for {plural(layers, 'weight layer')}, got {found}",
            layers + 2,
        )
    widths = numbers.counts(1, 1, "a width")
    for index, width in enumerate(widths.tolist(), start=1):
        if width < 1:
            raise numbers.error("expected a width of at least 1, got 0", index)
    return tuple(widths.tolist())


def write_widths(path: StrPath, widths: Sequence[int]) -> None:
    path = as_path(path)
    if len(widths) < 2 or any(width < 1 for width in widths):
        shown = ",".join(str(width) for width in widths)
        raise TopologyError(f"widths {shown!r}: a .wth file holds at least two positive widths")
    write_text(path, f"{len(widths) - 1}\n{' '.join(str(width) for width in widths)}\n")


_GENERATORS_HEADER = ("the number of generators", "the number of generators in use")


def read_generators(path: StrPath) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return generators, ``(generators, width)`` uint8 0/1, and the number of patterns that use each."""
    numbers = NumberFile(read_source(path))
    listed, used = numbers.header(_GENERATORS_HEADER)
    file = numbers.file
    rows = [(line, row) for line, row in enumerate(map(str.split, file.lines), start=1) if row]
    if len(rows[0][1]) != len(_GENERATORS_HEADER):
        raise file.error(
            f"expected a line of two numbers, got {plural(len(rows[0][1]), 'number')}", rows[0][0]
        )
    if not 1 <= used <= listed:
        raise file.error(
            f"expected 1 to {listed} generators in use of {listed}, got {used}"
            if listed
            else "expected at least one generator, got 0",
            rows[0][0],
        )
    del rows[0]
    if len(rows) != listed:
        line = rows[listed][0] if len(rows) > listed else numbers.line_of(len(numbers.tokens))
        raise file.error(
            f"expected {plural(listed, 'generator')}, one per line, got {len(rows)}", line
        )
    codes, counts = _read_rows(numbers, rows)
    found = int(np.count_nonzero(counts))
    if found != used:
        raise file.error(f"expected {plural(used, 'generator')} in use, got {found}")
    return codes, counts


def _read_rows(
    numbers: NumberFile, rows: list[tuple[int, list[str]]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    file = numbers.file
    width = len(rows[0][1]) - 1
    if width < 1:
        raise file.error("expected the bits of a generator and a count, got one number", rows[0][0])
    seen: dict[bytes, int] = {}
    counts = []
    for line, row in rows:
        if len(row) != width + 1:
            raise file.error(
                f"expected {plural(width, 'bit')} and a count as in the lines before, "
                f"got {plural(len(row), 'number')}",
                line,
            )
        for bit in row[:-1]:
            if bit not in ("0", "1"):
                raise file.error(f"expected a bit, 0 or 1, got {quoted(bit)}", line)
        if not is_count(row[-1]):
            raise file.error(f"expected a number of patterns, got {quoted(row[-1])}", line)
        code = "".join(row[:-1]).encode()
        if code in seen:
            raise file.error(f"the generator of line {seen[code]} is listed again", line)
        seen[code] = line
        counts.append(int(row[-1]))
    bits = np.frombuffer(b"".join(seen), dtype=np.uint8) - np.uint8(ord("0"))
    return bits.reshape(len(rows), width), np.array(counts, dtype=np.int64)


def write_generators(path: StrPath, codes: NDArray[Any], one_hot: bool | None = None) -> None:
    """Write the generators that patterns use; `codes` is ``(patterns, width)`` 0/1.

    Without `one_hot` they count as one-hot generators if exactly one bit of every code is 1.
    """
    path = as_path(path)
    given = np.asarray(codes)
    if given.ndim != 2 or not given.size:
        raise UsageError(f"expected a row of bits per pattern, got an array of shape {given.shape}")
    if not np.isin(given, (0, 1)).all():
        raise UsageError("expected generators of bits, 0 or 1")
    bits = np.asarray(given, dtype=np.uint8)
    single = bool((bits.sum(axis=1, dtype=np.int64) == 1).all())
    if one_hot and not single:
        raise UsageError("expected one-hot generators, got a code without exactly one 1")
    width = bits.shape[1]
    if single if one_hot is None else one_hot:
        if width * width > MAX_CELLS:
            raise UsageError(f"one-hot generators of {width} bits are too many to list")
        listed = np.eye(width, dtype=np.uint8)
        counts = bits.sum(axis=0, dtype=np.int64)
    else:
        found, counts = np.unique(bits[:, ::-1], axis=0, return_counts=True)
        listed = found[:, ::-1]  # compared from the last bit, so in counting order
    lines = [f"{len(listed)}  {np.count_nonzero(counts)}", ""]
    for code, count in zip(listed, counts.tolist(), strict=True):
        lines.append("".join(f" {bit}" for bit in code.tolist()) + f"\t{count}")
    write_text(path, "\n".join(lines) + "\n")


_NETWORK_HEADER = (
    "the number of nodes",
    "the number of input nodes",
    "the number of output nodes",
    "the number of edges",
)
_EDGE = ("a receiving node", "a sending node", "a weight")


def read_network_text(path: StrPath, name: str | None = None) -> TrainedNetwork:
    """Read a ``.net`` or ``.sol`` file, with one port ``x`` of all inputs and one port ``y`` of all outputs.

    The topology has widths if every layer sees the constant and exactly the layer before it.
    """
    numbers = NumberFile(read_source(path))
    nodes, input_nodes, n_outputs = _read_header(numbers)
    first = len(_NETWORK_HEADER)
    receivers = numbers.counts(first, 3, _EDGE[0])
    senders = numbers.counts(first + 1, 3, _EDGE[1])
    weights = numbers.reals(first + 2, 3, _EDGE[2])
    _check_edges(numbers, receivers, senders, nodes, input_nodes)
    fan_in = np.bincount(receivers - input_nodes, minlength=nodes - input_nodes)
    if not fan_in.all():
        node = int(np.argmin(fan_in != 0)) + input_nodes
        raise numbers.file.error(
            f"expected an edge into every node from {input_nodes} (the number of input nodes, the "
            f"constant included) to {nodes - 1}, got none into node {node}"
        )
    order = np.argsort(receivers, kind="stable")
    topology = Topology(
        n_inputs=input_nodes - 1,
        n_outputs=n_outputs,
        fanin_start=np.concatenate([[0], np.cumsum(fan_in)]).astype(np.int32),
        sources=senders[order].astype(np.int32),
    )
    return TrainedNetwork(
        name=numbers.file.function_name if name is None else name,
        topology=replace(topology, widths=_widths(topology)),
        weights=weights[order],
        input_ports=(Port("x", input_nodes - 1),) if input_nodes > 1 else (),
        output_ports=(Port("y", n_outputs),),
    )


def write_network_text(path: StrPath, network: TrainedNetwork) -> None:
    """Write a network with its weights, as ``.sol`` files have them; its ports are not kept."""
    topology = network.topology
    header = topology.n_nodes, topology.first_neuron, topology.n_outputs, topology.n_edges
    receivers = np.repeat(np.arange(topology.first_neuron, topology.n_nodes), topology.fan_in)
    lines = ["  ".join(map(str, header))]
    for receiver, sender, weight in zip(
        receivers.tolist(), topology.sources.tolist(), network.weights.tolist(), strict=True
    ):
        lines.append(f"{receiver:5d} {sender:4d} {weight:13.8f}")
    write_text(path, "\n".join(lines) + "\n")


def _read_header(numbers: NumberFile) -> tuple[int, int, int]:
    """Return nodes, input nodes and outputs; the number of edges must match the header."""
    nodes, input_nodes, n_outputs, n_edges = numbers.header(_NETWORK_HEADER)
    if input_nodes < 1:
        raise numbers.error("expected at least one input node (the constant), got 0", 1)
    if nodes <= input_nodes:
        raise numbers.error(
            f"expected more nodes than the {plural(input_nodes, 'input node')}, got {nodes}", 0
        )
    if nodes > MAX_CELLS:
        raise numbers.error(f"expected at most {MAX_CELLS} nodes, got {nodes}", 0)
    neurons = nodes - input_nodes
    if not 1 <= n_outputs <= neurons:
        raise numbers.error(
            f"expected 1 to {neurons} output nodes (there are as many neurons), got {n_outputs}", 2
        )
    if n_edges < neurons:
        raise numbers.error(
            f"expected at least one edge for each of {plural(neurons, 'neuron')}, got {n_edges}", 3
        )
    whole, rest = divmod(len(numbers.tokens) - len(_NETWORK_HEADER), len(_EDGE))
    if whole != n_edges or rest:
        more = f" and {plural(rest, 'number')} more" if rest else ""
        raise numbers.error(
            f"expected {plural(n_edges, 'edge')} of three numbers, got {plural(whole, 'edge')}{more}",
            len(_NETWORK_HEADER) + len(_EDGE) * n_edges,
        )
    return nodes, input_nodes, n_outputs


def _check_edges(
    numbers: NumberFile,
    receivers: NDArray[np.int64],
    senders: NDArray[np.int64],
    nodes: int,
    input_nodes: int,
) -> None:
    def refuse(wrong: NDArray[np.bool_], part: int, expected: str) -> None:
        if wrong.any():
            edge = int(np.argmax(wrong))
            raise numbers.error(
                f"edge into node {receivers[edge]} from node {senders[edge]}: expected {expected}",
                len(_NETWORK_HEADER) + len(_EDGE) * edge + part,
            )

    refuse(
        (receivers < input_nodes) | (receivers >= nodes),
        0,
        f"a receiving node from {input_nodes} to {nodes - 1}",
    )
    refuse(senders >= nodes, 1, f"a sending node from 0 to {nodes - 1}")
    refuse(senders >= receivers, 1, "a sending node before the receiving one")
    pairs = receivers * nodes + senders  # below 2**52, as nodes are at most MAX_CELLS
    again = np.ones(len(pairs), dtype=np.bool_)
    again[np.unique(pairs, return_index=True)[1]] = False
    refuse(again, 0, "every edge once, got it again")


def _widths(topology: Topology) -> tuple[int, ...] | None:
    """Return the widths of a layered graph, None for any other."""
    start, sources = topology.fanin_start, topology.sources
    starts = start[:-1].astype(np.int64)
    # In a layered graph all neurons of a layer, and no others, see the same first node.
    seen = np.where(sources == 0, topology.n_nodes, sources)
    lowest = np.minimum.reduceat(seen, starts)
    ends = np.append(np.flatnonzero(np.diff(lowest)) + 1, topology.n_neurons)
    widths = (topology.n_inputs, *np.diff(ends, prepend=0).tolist())
    edges = sum((1 + before) * width for before, width in pairwise(widths))
    if not topology.n_inputs or widths[-1] != topology.n_outputs or edges != topology.n_edges:
        return None
    model = layered(widths)
    neurons = np.repeat(np.arange(topology.n_neurons), topology.fan_in)
    ordered = sources[np.lexsort((sources, neurons))]
    same = np.array_equal(start, model.fanin_start) and np.array_equal(ordered, model.sources)
    return widths if same else None


_FORMAT = 1
_DATA_SETS = {"inputs", "X"}
"""Arrays that an archive of patterns has."""


def save_network(network: TrainedNetwork, path: StrPath) -> None:
    """Write a network as ``.npz``, the same bytes for the same network."""
    path = as_path(path)
    if path.suffix.lower() in (".net", ".sol"):
        raise UsageError(
            f"{path}: expected a name that ends in .npz; "
            f"btfsynth.network.formats.write_network_text writes {path.suffix}"
        )
    header = {
        "format": _FORMAT,
        "name": network.name,
        "n_inputs": network.topology.n_inputs,
        "n_outputs": network.topology.n_outputs,
        "widths": network.topology.widths,
        "input_ports": [port_values_of(port) for port in network.input_ports],
        "output_ports": [port_values_of(port) for port in network.output_ports],
        "training": network.training,
    }
    if network.code is not None:
        header["code"] = code_record(network.code)
    if network.classes:
        header["classes"] = [plain_class(each) for each in network.classes]
    text = json.dumps(header, sort_keys=True)
    write_archive(
        path,
        {
            "header": np.frombuffer(text.encode(), dtype=np.uint8),
            "fanin_start": network.topology.fanin_start,
            "sources": network.topology.sources,
            "weights": network.weights,
        },
    )


def load_network(path: StrPath) -> TrainedNetwork:
    path = as_path(path)
    arrays = read_archive(path, "a network written by btfsynth")
    if _DATA_SETS & arrays.keys():
        raise DataError("expected a trained network, got an archive of patterns", path)
    try:
        header = json.loads(arrays["header"].tobytes())
        if header["format"] != _FORMAT:
            raise DataError(f"network format {header['format']!r}, expected {_FORMAT}", path)
        widths = header["widths"]
        topology = Topology(
            int(header["n_inputs"]),
            int(header["n_outputs"]),
            arrays["fanin_start"],
            arrays["sources"],
            None if widths is None else tuple(int(width) for width in widths),
        )
        return TrainedNetwork(
            name=str(header["name"]),
            topology=topology,
            weights=arrays["weights"],
            input_ports=tuple(port_from_values(port) for port in header["input_ports"]),
            output_ports=tuple(port_from_values(port) for port in header["output_ports"]),
            training=dict(header["training"]),
            code=_code(header, path),
            classes=tuple(map(plain_class, header.get("classes", ()))),
        )
    except TopologyError as error:
        raise DataError(f"not a sound network: {error}", path) from None
    except BROKEN_ARCHIVE as error:
        reason = f"{type(error).__name__}: {broken_reason(error)}"
        raise DataError(f"not a network written by btfsynth ({reason})", path) from None


def _code(header: dict[str, Any], path: Path) -> TableCode | None:
    if "code" not in header:
        return None
    try:
        return code_of_record(header["code"])[0]
    except DataError as error:
        raise DataError(f"code: {error}", path) from None


_TEXT_ENDINGS = (".net", ".sol")
_ARCHIVE_ENDING = ".npz"
_ARCHIVE_MAGIC = b"PK"


def is_network(path: StrPath) -> bool:
    """Return True if a file is a network, by its ending or its first bytes."""
    path = as_path(path)
    if path.suffix.lower() in (_ARCHIVE_ENDING, *_TEXT_ENDINGS):
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(len(_ARCHIVE_MAGIC)) == _ARCHIVE_MAGIC
    except OSError:
        return False  # reading it as something else says what is wrong


def read_network(path: StrPath) -> TrainedNetwork:
    """Read a network: text of boolearn where the ending is ``.net`` or ``.sol``, else an archive."""
    path = as_path(path)
    if path.suffix.lower() in _TEXT_ENDINGS:
        return read_network_text(path)
    return load_network(path)
