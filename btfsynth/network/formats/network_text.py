"""The ``.net`` and ``.sol`` formats: a header, then receiver, sender and weight of every edge.

A network of 4 inputs and three layers of 4 neurons begins with::

    17  5  4  60
        5    0    1.28963089
        5    1   -0.01003229

The header counts the nodes, the input nodes, the output nodes and the edges. The constant, node 0 of
value -1, is one of the input nodes. The others are the inputs, then the neurons in topological order,
the outputs last. A ``.net`` file has a weight of 0 for every edge that was not trained yet, a ``.sol``
file has trained weights.

Edges are written receiver by receiver. In a file that is read they may come in any order; those into
one neuron keep theirs.

Weights have 8 decimals. A float32 weight of magnitude 0.125 or more comes back exactly, a smaller one
within 1e-8 (the decimals are within 5e-9, the float32 number next to them is read) and one below 5e-9
as zero. What has been read once is written and read again without any change.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.formats.base import MAX_CELLS
from btfsynth.errors import plural
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.network.formats.tokens import NumberFile, read_numbers
from btfsynth.network.topology import Topology, layered
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import Port

__all__ = ["read_network_text", "write_network_text", "write_topology_text"]

_HEADER = (
    "the number of nodes",
    "the number of input nodes",
    "the number of output nodes",
    "the number of edges",
)
_EDGE = ("a receiving node", "a sending node", "a weight")


def read_network_text(path: StrPath, name: str | None = None) -> TrainedNetwork:
    """Read a ``.net`` or ``.sol`` file.

    Parameters
    ----------
    path
        The file.
    name
        Name of the function; the name of the file without folder and ending if None.

    Returns
    -------
    TrainedNetwork
        With one port ``x`` of all inputs and one port ``y`` of all outputs. Its topology has widths
        if every layer sees the constant and exactly the layer before it.

    Raises
    ------
    DataError
        If the file is missing or is anything else.
    """
    path = as_path(path)
    numbers = read_numbers(path)
    nodes, input_nodes, n_outputs = _read_header(numbers)
    first = len(_HEADER)
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
    """Write a network with its weights, as ``.sol`` files have them; its ports are not kept.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = as_path(path)
    _write(path, network.topology, network.weights)


def write_topology_text(path: StrPath, topology: Topology) -> None:
    """Write a graph with a weight of 0 for every edge, as ``.net`` files have them.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = as_path(path)
    _write(path, topology, np.zeros(topology.n_edges, dtype=np.float32))


def _read_header(numbers: NumberFile) -> tuple[int, int, int]:
    """Return nodes, input nodes and outputs once the file has as many edges as it says."""
    nodes, input_nodes, n_outputs, n_edges = numbers.header(_HEADER)
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
    whole, rest = divmod(len(numbers.tokens) - len(_HEADER), len(_EDGE))
    if whole != n_edges or rest:
        more = f" and {plural(rest, 'number')} more" if rest else ""
        raise numbers.error(
            f"expected {plural(n_edges, 'edge')} of three numbers, got {plural(whole, 'edge')}{more}",
            len(_HEADER) + len(_EDGE) * n_edges,
        )
    return nodes, input_nodes, n_outputs


def _check_edges(
    numbers: NumberFile,
    receivers: NDArray[np.int64],
    senders: NDArray[np.int64],
    nodes: int,
    input_nodes: int,
) -> None:
    """Raise for the first edge that cannot be one."""

    def refuse(wrong: NDArray[np.bool_], part: int, expected: str) -> None:
        if wrong.any():
            edge = int(np.argmax(wrong))
            raise numbers.error(
                f"edge into node {receivers[edge]} from node {senders[edge]}: expected {expected}",
                len(_HEADER) + len(_EDGE) * edge + part,
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


def _write(path: Path, topology: Topology, weights: NDArray[np.float32]) -> None:
    counts = (
        topology.n_nodes,
        topology.first_neuron,
        topology.n_outputs,
        topology.n_edges,
    )
    receivers = np.repeat(
        np.arange(topology.first_neuron, topology.n_nodes), topology.fan_in
    ).tolist()
    lines = ["  ".join(str(count) for count in counts)]
    for receiver, sender, weight in zip(
        receivers, topology.sources.tolist(), weights.tolist(), strict=True
    ):
        lines.append(f"{receiver:5d} {sender:4d} {weight:13.8f}")
    write_text(path, "\n".join(lines) + "\n")
