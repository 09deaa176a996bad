"""The network of the hardware: over bits, with integer weights if requested."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import InputCode, code_inputs, quantise_inputs
from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.vectors import numbers_of
from btfsynth.errors import UsageError
from btfsynth.flow.patterns import require_fit
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.network.integers import (
    Rounding,
    Sparsification,
    round_keeping_labels,
    round_network,
    sparsify,
)
from btfsynth.network.network import Accuracy, TrainedNetwork, accuracy_of, measure
from btfsynth.settings.table import EXACT, LABELS, SPARSE
from btfsynth.sim.simulators import CheckResult


class Part(NamedTuple):
    """A set of patterns as it was given, and in the bits of the hardware."""

    given: Dataset
    bits: Dataset


@dataclass(frozen=True, eq=False)
class HardwareNetwork:
    """A network prepared for hardware."""

    given: TrainedNetwork  # as it was trained
    network: TrainedNetwork  # what the netlist keeps: over the bits of the hardware
    parts: dict[str, Part]  # "train" and, if there are patterns to measure on, "valid"
    code: InputCode | None  # None for Boolean data
    over_bits: bool  # whether the trained network reads these bits; False if it reads analog values
    rounding: Rounding | None  # how the weights were made integers; None if they were not
    sparsification: (
        Sparsification | None
    )  # how they were made few before that; None if they were not

    def read(self, part: str) -> Dataset:
        """Return patterns in the form that the trained network reads."""
        return self.parts[part].bits if self.over_bits else self.parts[part].given


@dataclass(frozen=True)
class HardwareReport:
    """How right the network is at every stage, on the training set and the validation set."""

    code: str | None  # the code of analog inputs
    label: bool  # whether there is a port for the class
    rounding: Rounding | None  # how the weights were made integers
    # By stage and set (``train``, ``valid``). Stages are ``trained``, the network on the values as they are,
    # ``quantised``, the network that the netlist keeps, on the bits, and ``netlist``, with its own labels.
    accuracy: dict[str, dict[str, Accuracy]]
    # By set, for how many patterns the port names the class that the trained network does; empty without it.
    labels_as_trained: dict[str, int]
    sparsification: Sparsification | None = None  # how they were made few before that

    def labels_check(self) -> CheckResult:
        """Return the number of patterns on which the class port equals the class of the trained network."""
        patterns = sum(right.patterns for right in self.accuracy["trained"].values())
        same = sum(self.labels_as_trained.values())
        return CheckResult("labels", passed=same, failed=patterns - same)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a report."""
        return {
            "code": self.code,
            "label": self.label,
            "weights": None if self.rounding is None else asdict(self.rounding),
            "sparse": None if self.sparsification is None else asdict(self.sparsification),
            "accuracy": {
                stage: {
                    part: {
                        "patterns": right.patterns,
                        "bits": right.bits,
                        "bits_right": right.bits_right,
                        "vectors_right": right.vectors_right,
                        **right.label_record(),
                    }
                    for part, right in parts.items()
                }
                for stage, parts in self.accuracy.items()
            },
            "labels_as_trained": dict(self.labels_as_trained),
        }


def require_label(dataset: Dataset) -> None:
    """Refuse a port for the class where targets are no classes."""
    if dataset.output_kind is not OutputKind.LABEL:
        raise UsageError(f"{dataset.source}: expected classes as targets for a label, got bits")


def training_data(dataset: Dataset, code: InputCode | None) -> Dataset:
    """Return the training patterns of a network for hardware.

    These are the rounded values of a binary code, or the bits of a thermometer code.
    """
    if code is None:
        return dataset
    return code_inputs(dataset, code) if code.trains_on_bits else quantise_inputs(dataset, code)


def hardware_network(
    network: TrainedNetwork,
    dataset: Dataset,
    valid: Dataset | None,
    *,
    code: InputCode | None = None,
    weights: str | int = EXACT,
    label: bool = False,
) -> HardwareNetwork:
    """Bring a network to the bits of its hardware, under the name and the ports of the data.

    The network is over the inputs of the data or over the bits of their code. `weights` is a rule or a number
    of bits (see `BuildOptions`); weights over coded values become integers in any case.
    """
    parts = {"train": Part(dataset, _in_bits(dataset, code))}
    if valid is not None:
        if (valid.n_inputs, valid.input_kind) != (dataset.n_inputs, dataset.input_kind):
            raise UsageError(
                f"{valid.source}: expected {dataset.n_inputs} {dataset.input_kind.value} inputs as in "
                f"{dataset.source}, got {valid.n_inputs} {valid.input_kind.value} ones"
            )
        parts["valid"] = Part(valid, _in_bits(valid, code))
    bits = parts["train"].bits
    over_bits = code is None or network.topology.n_inputs == bits.n_inputs
    read = [part.bits if over_bits else part.given for part in parts.values()]
    for patterns in read:
        require_fit(network, patterns)
    made, rounding, sparsification = network, None, None
    if weights == SPARSE:
        made, sparsification = sparsify(network, read[0])
    given = made, read[0], None if over_bits else code, bits.input_ports
    if weights == LABELS:
        made, rounding = round_keeping_labels(*given, read[1] if read[1:] else None)
    elif weights != EXACT or not over_bits:
        wide = weights if isinstance(weights, int) else None
        made, rounding = round_network(*given, weight_bits=wide, label=label)
    made = replace(
        made,
        name=dataset.name,
        input_ports=bits.input_ports,
        output_ports=dataset.output_ports,
        code=bits.code,
        classes=dataset.classes,
    )
    return HardwareNetwork(network, made, parts, code, over_bits, rounding, sparsification)


def _in_bits(dataset: Dataset, code: InputCode | None) -> Dataset:
    return dataset if code is None else code_inputs(dataset, code)


def hardware_report(hardware: HardwareNetwork, netlist: Netlist) -> HardwareReport:
    """Measure the trained network, the quantised one and the netlist, with or without a class port."""
    label = netlist.n_outputs > hardware.network.topology.n_outputs
    report: dict[str, dict[str, Accuracy]] = {"trained": {}, "quantised": {}, "netlist": {}}
    as_trained: dict[str, int] = {}
    for name, part in hardware.parts.items():
        read = hardware.read(name)
        report["trained"][name] = measure(hardware.given, read)
        report["quantised"][name] = measure(hardware.network, part.bits)
        report["netlist"][name], labels = _measure_netlist(netlist, part.bits, label)
        if labels is not None:
            sums = hardware.given.output_sums(read.inputs)
            as_trained[name] = int((sums.argmax(axis=1) == labels).sum())
    return HardwareReport(
        None if hardware.code is None else hardware.code.text,
        label,
        hardware.rounding,
        report,
        as_trained,
        hardware.sparsification,
    )


def _measure_netlist(
    netlist: Netlist, dataset: Dataset, label: bool
) -> tuple[Accuracy, NDArray[np.int64] | None]:
    """Count the correct targets of a netlist on Boolean data; also return the classes of its label."""
    found = evaluate(netlist, dataset.inputs)
    outputs, extra = found[:, : dataset.n_outputs], found[:, dataset.n_outputs :]
    labels = numbers_of(extra) if label else None
    return accuracy_of(outputs == dataset.targets, dataset, labels), labels
