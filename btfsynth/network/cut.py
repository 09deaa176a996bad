"""Cut a layered network at one of its layers into two that follow each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from btfsynth.errors import TopologyError
from btfsynth.network.topology import Topology
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import Port

__all__ = ["cut_network"]


def cut_network(
    network: TrainedNetwork, layer: int, port: str
) -> tuple[TrainedNetwork, TrainedNetwork]:
    """Return what comes before the outputs of a layer, and what is made of them.

    The second network on the outputs of the first is the whole one: an autoencoder cut at its narrowest
    layer is an encoder and a decoder.

    Parameters
    ----------
    network
        Layers, none of which sees more than the layer before it.
    layer
        A hidden layer by its place among the widths: 1 is the first after the inputs.
    port
        Name of the port between the two.

    Returns
    -------
    first, second : TrainedNetwork
        Both with the name of the network; `first` has its input ports, `second` its output ports.

    Raises
    ------
    TopologyError
        If there is no such layer, or a neuron behind it sees what lies before it.
    """
    topology, widths = network.topology, network.topology.widths
    if widths is None or not 1 <= layer <= len(widths) - 2:
        shown = "no layers" if widths is None else f"widths {','.join(map(str, widths))}"
        raise TopologyError(f"{network.name}: {shown}: there is no hidden layer {layer}")
    between = (Port(port, widths[layer]),)
    neurons = sum(widths[1 : layer + 1])
    edges = int(topology.fanin_start[neurons])
    first = replace(
        network,
        topology=Topology(
            topology.n_inputs,
            widths[layer],
            topology.fanin_start[: neurons + 1],
            topology.sources[:edges],
            widths[: layer + 1],
        ),
        weights=network.weights[:edges],
        output_ports=between,
    )
    # The last neurons of the first network are the inputs of the second, from node 1 on.
    shift = topology.first_neuron + neurons - widths[layer] - 1
    sources = topology.sources[edges:].astype(np.int64)
    if np.any((sources > 0) & (sources <= shift)):
        raise TopologyError(f"{network.name}: a neuron behind layer {layer} sees what lies before")
    second = replace(
        network,
        topology=Topology(
            widths[layer],
            topology.n_outputs,
            topology.fanin_start[neurons:] - edges,
            np.where(sources > 0, sources - shift, 0),
            widths[layer:],
        ),
        weights=network.weights[edges:],
        input_ports=between,
    )
    return first, second
