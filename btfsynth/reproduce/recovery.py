"""Whether a trained network is the circuit that its patterns were drawn from: proven, not tested."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import NetlistError
from btfsynth.lower.lowering import lower_network, make_reference
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Preserve
from btfsynth.network.accuracy import measure
from btfsynth.network.integers import round_network
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import Port
from btfsynth.verify.equivalence import equivalent


@dataclass(frozen=True)
class Recovery:
    """What came of comparing a network with the hidden circuit.

    Parameters
    ----------
    outputs
        Outputs there are.
    equal
        Of these, proven equal to the hidden circuit's on every input vector.
    method
        How it was proven; None where it was not looked for.
    rounded_share
        Share of the test bits that the network with rounded weights gets right; None without a test.
    cells
        Cells of the netlist that was compared, 0 where none was.
    hidden_cells
        Cells of the hidden circuit.
    why_not
        Why it was not looked for; None if it was.
    """

    outputs: int
    equal: int
    method: str | None
    rounded_share: float | None
    cells: int
    hidden_cells: int
    why_not: str | None = None

    @property
    def whole(self) -> bool:
        """Whether all outputs are proven equal."""
        return self.equal == self.outputs

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**vars(self), "whole": self.whole}


def recover(
    network: TrainedNetwork,
    dataset: Dataset,
    test: Dataset | None,
    hidden: Netlist,
    *,
    least: float = 0.97,
) -> Recovery:
    """Compare a network with the circuit behind its data.

    Its weights are first rounded, neuron by neuron, to the least integers that leave it as it is on the
    training patterns: what has not quite settled on 0 or on one size does so then. The network of integers is
    lowered to a netlist that keeps it on every input, and that is compared output by output.

    Parameters
    ----------
    network
        The trained network.
    dataset
        Its training patterns.
    test
        Patterns to measure the rounded network on.
    hidden
        The circuit.
    least
        Share of the test bits below which no netlist is made: it is not the circuit then, and its
        neurons are large.

    Raises
    ------
    UsageError
        If the data are not Boolean.
    """
    rounded, _ = round_network(network, dataset, None, dataset.input_ports)
    share = None if test is None else measure(rounded, test).bit_share
    if share is not None and share < least:
        return _nothing(hidden, share, f"less than {least:.0%} of the test bits right")
    try:
        reference = make_reference(rounded, dataset, Preserve.NETWORK)
        # Neurons of integers are lowered fast as they are, and slowly on all vectors of 16 inputs.
        netlist, _ = lower_network(rounded, replace(reference, complete=False))
    except NetlistError as error:
        return _nothing(hidden, share, str(error))
    whole = equivalent(netlist, hidden)
    equal = hidden.n_outputs if whole.equal else _count_equal(netlist, hidden)
    return Recovery(hidden.n_outputs, equal, whole.method, share, netlist.n_cells, hidden.n_cells)


def _nothing(hidden: Netlist, share: float | None, why_not: str) -> Recovery:
    return Recovery(hidden.n_outputs, 0, None, share, 0, hidden.n_cells, why_not)


def _count_equal(netlist: Netlist, hidden: Netlist) -> int:
    return sum(
        equivalent(_alone(netlist, bit), _alone(hidden, bit)).equal
        for bit in range(hidden.n_outputs)
    )


def _alone(netlist: Netlist, bit: int) -> Netlist:
    """Return a netlist with one of its outputs alone."""
    return Netlist(
        netlist.name,
        netlist.input_ports,
        (Port("y", 1),),
        netlist.fanins,
        netlist.outputs[bit : bit + 1],
    )
