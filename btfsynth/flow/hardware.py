"""The network that hardware keeps: over bits, with integer weights where that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import InputCode, code_inputs, quantise_inputs
from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.vectors import numbers_of
from btfsynth.errors import UsageError
from btfsynth.flow.patterns import require_fit
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.network.accuracy import Accuracy, measure
from btfsynth.network.integers import Rounding, round_keeping_labels, round_network
from btfsynth.network.sparse import Sparsification, sparsify
from btfsynth.network.trained import TrainedNetwork
from btfsynth.sim.base import CheckResult


@dataclass(frozen=True, eq=False)
class HardwareNetwork:
    """A network on its way into hardware."""

    given: TrainedNetwork  # the network as it was trained
    network: TrainedNetwork  # what the netlist keeps: over the bits of the hardware
    dataset: Dataset  # The patterns in these bits; no patterns are held out if None
    valid: Dataset | None
    over_bits: bool  # whether the trained network reads these bits; False if it reads analog values
    rounding: Rounding | None  # how the weights were made integers; None if they were not
    # how the weights were made few before that; None if they were not
    sparsification: Sparsification | None = None


@dataclass(frozen=True)
class HardwareReport:
    """How right the network is at every station, on the patterns and on those held out."""

    code: str | None  # the code of analog inputs
    label: bool  # whether there is a port for the class
    rounding: Rounding | None  # how the weights were made integers
    # by station (``trained``: the network on the values as they are; ``quantised``: the network that the
    # netlist keeps, on the bits; ``netlist``) and part (``train``, ``valid``). Labels of the netlist
    # are those of its port
    accuracy: dict[str, dict[str, Accuracy]]
    # by part, on how many patterns the port has the class that the trained network gives the values as
    # they are; empty without a port
    labels_as_trained: dict[str, int]
    # how the weights were made few before they were made integers
    sparsification: Sparsification | None = None

    def labels_check(self) -> CheckResult:
        """Return on how many of all patterns the port has the class that the trained network gives them."""
        patterns = sum(right.patterns for right in self.accuracy["trained"].values())
        same = sum(self.labels_as_trained.values())
        return CheckResult("labels", passed=same, failed=patterns - same)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a report."""
        return {
            "code": self.code,
            "label": self.label,
            "weights": None if self.rounding is None else self.rounding.to_json(),
            "sparse": None if self.sparsification is None else self.sparsification.to_json(),
            "accuracy": {
                station: {
                    part: {
                        "patterns": right.patterns,
                        "bits": right.bits,
                        "bits_right": right.bits_right,
                        "vectors_right": right.vectors_right,
                        **right.label_record(),
                    }
                    for part, right in parts.items()
                }
                for station, parts in self.accuracy.items()
            },
            "labels_as_trained": dict(self.labels_as_trained),
        }


def require_label(dataset: Dataset) -> None:
    """Refuse a port for the class where targets are no classes."""
    if dataset.output_kind is not OutputKind.LABEL:
        raise UsageError(f"{dataset.source}: expected classes as targets for a label, got bits")


def training_data(dataset: Dataset, code: InputCode | None) -> Dataset:
    """Return the patterns that a network for hardware is trained on.

    The values that a binary code stands for, or the bits of a thermometer code.
    """
    if code is None:
        return dataset
    return code_inputs(dataset, code) if code.trains_on_bits else quantise_inputs(dataset, code)


def hardware_network(
    network: TrainedNetwork,
    dataset: Dataset,
    valid: Dataset | None,
    *,
    code: InputCode | None,
    rounded: bool,
    weight_bits: int | None,
    label: bool,
    keep_labels: bool = False,
    sparse: bool = False,
) -> HardwareNetwork:
    """Bring a network to the bits of its hardware."""
    parts = [dataset] if valid is None else [dataset, valid]
    for part in parts[1:]:
        if (part.n_inputs, part.input_kind) != (dataset.n_inputs, dataset.input_kind):
            raise UsageError(
                f"{part.source}: expected {dataset.n_inputs} {dataset.input_kind.value} inputs as in "
                f"{dataset.source}, got {part.n_inputs} {part.input_kind.value} ones"
            )
    bits = parts if code is None else [code_inputs(part, code) for part in parts]
    over_bits = code is None or network.topology.n_inputs == bits[0].n_inputs
    for part in bits if over_bits else parts:
        require_fit(network, part)
    made, rounding, fitted = network, None, None
    seen = bits if over_bits else parts
    if sparse:
        made, fitted = sparsify(network, seen[0])
    given = made, seen[0], None if over_bits else code, bits[0].input_ports
    if keep_labels:
        made, rounding = round_keeping_labels(*given, seen[1] if seen[1:] else None)
    elif rounded or not over_bits:
        made, rounding = round_network(*given, weight_bits=weight_bits, label=label)
    return HardwareNetwork(
        network,
        made,
        bits[0],
        None if valid is None else bits[1],
        over_bits,
        rounding,
        sparsification=fitted,
    )


def hardware_report(
    hardware: HardwareNetwork,
    netlist: Netlist,
    dataset: Dataset,
    valid: Dataset | None,
    code: InputCode | None,
) -> HardwareReport:
    """Measure a network, what was made of it, and the netlist."""
    label = netlist.n_outputs > hardware.network.topology.n_outputs
    report: dict[str, dict[str, Accuracy]] = {"trained": {}, "quantised": {}, "netlist": {}}
    as_trained: dict[str, int] = {}
    for name, given, bits in (
        ("train", dataset, hardware.dataset),
        ("valid", valid, hardware.valid),
    ):
        if given is None or bits is None:
            continue
        seen = bits if hardware.over_bits else given
        report["trained"][name] = measure(hardware.given, seen)
        report["quantised"][name] = measure(hardware.network, bits)
        report["netlist"][name], labels = _measure_netlist(netlist, bits, label)
        if labels is not None:
            sums = hardware.given.output_sums(seen.inputs)
            as_trained[name] = int((sums.argmax(axis=1) == labels).sum())
    return HardwareReport(
        None if code is None else code.text,
        label,
        hardware.rounding,
        report,
        as_trained,
        hardware.sparsification,
    )


def _measure_netlist(
    netlist: Netlist, dataset: Dataset, label: bool
) -> tuple[Accuracy, NDArray[np.int64] | None]:
    """Count what a netlist gets right of Boolean data; return the classes of its label too."""
    found = evaluate(netlist, dataset.inputs)
    outputs, extra = found[:, : dataset.n_outputs], found[:, dataset.n_outputs :]
    right, care = outputs == dataset.targets, dataset.care_mask
    labels = numbers_of(extra) if label else None
    return (
        Accuracy(
            patterns=dataset.n_patterns,
            bits=int(care.sum()),
            bits_right=int((right & care).sum()),
            vectors_right=int((right | ~care).all(axis=1).sum()),
            labels_right=None
            if labels is None
            else int((labels == dataset.targets.argmax(axis=1)).sum()),
        ),
        labels,
    )
