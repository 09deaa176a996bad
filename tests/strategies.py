"""Hypothesis strategies: random ports, netlists, references, thresholds, topologies and networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    Reference,
    function_reference,
    output_words,
    pack_bits,
    unpack_bits,
)
from btfsynth.network.network import Topology, TrainedNetwork
from btfsynth.ports import Port
from btfsynth.settings.table import Preserve

NAMES = st.text(min_size=1, max_size=8) | st.sampled_from(
    ['"', "a b", "\\", "ä", "\u2028", "#", "\n"]
)


@st.composite
def ports(draw: st.DrawFn, width: int) -> tuple[Port, ...]:
    """Ports of so many bits together, with any names."""
    found = []
    while width:
        size = draw(st.integers(1, width))
        found.append(Port(draw(NAMES), size))
        width -= size
    return tuple(found)


@st.composite
def netlists(
    draw: st.DrawFn, max_inputs: int = 5, max_cells: int = 14, max_outputs: int = 3
) -> Netlist:
    """Netlists of any form: repeated and constant fan-in, dead cells, several complements a cell."""
    n_inputs = draw(st.integers(0, max_inputs))
    n_cells = draw(st.integers(0, max_cells))
    n_outputs = draw(st.integers(1, max_outputs))
    rows = [
        draw(st.tuples(*[st.integers(0, 2 * (1 + n_inputs + cell) - 1)] * 3))
        for cell in range(n_cells)
    ]
    last = 2 * (1 + n_inputs + n_cells) - 1
    near = st.integers(max(0, last - 7), last)
    outputs = draw(st.lists(near | st.integers(0, last), min_size=n_outputs, max_size=n_outputs))
    return Netlist(
        draw(NAMES),
        draw(ports(n_inputs)),
        draw(ports(n_outputs)),
        np.array(rows, dtype=np.int32).reshape(-1, 3),
        np.array(outputs, dtype=np.int32),
    )


def complete_reference(netlist: Netlist) -> Reference:
    """Return the netlist's own function on all its vectors."""
    return function_reference(
        lambda vectors: unpack_bits(output_words(netlist, pack_bits(vectors)), len(vectors)),
        netlist.n_inputs,
    )


@st.composite
def netlists_with_references(draw: st.DrawFn, **sizes: int) -> tuple[Netlist, Reference]:
    """A netlist and a reference it is right on, with a random care mask."""
    netlist = draw(netlists(**sizes))
    reference = complete_reference(netlist)
    mask = draw(
        hnp.arrays(np.uint8, (reference.vectors, netlist.n_outputs), elements=st.integers(0, 1))
    )
    care = pack_bits(mask) & reference.care
    noise = draw(hnp.arrays(np.uint64, care.shape, elements=st.integers(0, 2**64 - 1)))
    targets = (reference.targets & care) | (noise & ~care)  # what does not matter may be anything
    return netlist, replace(reference, preserve=Preserve.CARE, targets=targets, care=care)


@st.composite
def integer_thresholds(
    draw: st.DrawFn, max_inputs: int = 8, largest: int = 20
) -> tuple[list[int], int]:
    """Weights, none zero, and a threshold that is mostly within reach."""
    weight = st.integers(1, largest) | st.integers(-largest, -1)
    weights = draw(st.lists(weight, max_size=max_inputs))
    reach = sum(abs(weight) for weight in weights) + 1
    return weights, draw(st.integers(-reach, reach))


@st.composite
def topologies(draw: st.DrawFn, max_inputs: int = 5, max_neurons: int = 6) -> Topology:
    """Any acyclic graph of neurons."""
    n_inputs = draw(st.integers(0, max_inputs))
    n_neurons = draw(st.integers(1, max_neurons))
    sources: list[int] = []
    start = [0]
    for neuron in range(n_neurons):
        earlier = list(range(1 + n_inputs + neuron))
        sources += draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=6, unique=True))
        start.append(len(sources))
    return Topology(
        n_inputs,
        draw(st.integers(1, n_neurons)),
        np.array(start, dtype=np.int32),
        np.array(sources, dtype=np.int32),
    )


@st.composite
def networks(draw: st.DrawFn, **sizes: int) -> TrainedNetwork:
    """A random graph with random weights, small whole ones (and so ties) among them."""
    topology = draw(topologies(**sizes))
    number = st.integers(-3, 3) | st.floats(-2, 2, width=32, allow_subnormal=False)
    weights = draw(st.lists(number, min_size=topology.n_edges, max_size=topology.n_edges))
    return TrainedNetwork(
        draw(NAMES),
        topology,
        np.array(weights, dtype=np.float32),
        draw(ports(topology.n_inputs)),
        draw(ports(topology.n_outputs)),
        {"seed": draw(st.integers(0, 9))},
    )
