"""The patterns of a flow: coded tables, simulation vectors of a design, and counts of correct targets.

The code of a table is chosen from its training rows, or taken from a design or a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import (
    Code,
    Coded,
    InputCode,
    choose_code,
    code_inputs,
    is_table,
    load_code,
    require_bits,
    with_code,
)
from btfsynth.dataset.dataset import Dataset, InputKind, with_classes
from btfsynth.dataset.fit_code import CodeSpec
from btfsynth.dataset.patterns import by_name, find_contradiction, settled
from btfsynth.dataset.table_code import IMPUTE, TableCode
from btfsynth.errors import DataError, UsageError, percent, plural
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import CODE_ROLE, MANIFEST_FILE, load_manifest
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    evaluate,
    exhaustive_words,
    unpack_bits,
)
from btfsynth.network.formats import load_network
from btfsynth.network.network import Accuracy, TrainedNetwork, hardware_outputs
from btfsynth.settings.table import Conflicts, Preserve


def find_code(path: StrPath) -> Coded:
    """Return the code, with its classes, of the folder of a design, of a network or of a JSON file.

    Raises
    ------
    DataError
        If there is none.
    """
    path = as_path(path)
    if path.is_dir():
        manifest = load_manifest(path)
        if CODE_ROLE not in manifest.files:
            raise DataError(
                "the inputs of this design are plain bits, without a code", path / MANIFEST_FILE
            )
        return load_code(path / manifest.files[CODE_ROLE])
    if path.suffix.lower() == ".npz":
        network = load_network(path)
        if network.code is None:
            raise DataError("the inputs of this network have no code", path)
        return network.code, network.classes
    return load_code(path)


def in_bits(
    train: Dataset,
    others: Sequence[Dataset | None],
    spec: Code | None,
    missing: str | None = None,
    conflicts: Conflicts | None = None,
) -> tuple[Dataset, list[Dataset | None]]:
    """Return training data and other data in the bits of a code chosen from the training data.

    Bits, and analog values with a linear code or without one, stay unchanged. Training rows with equal bits and
    different targets are settled, by majority if no rule is given; the classes of the other data are numbered
    like those of the training data.

    Raises
    ------
    UsageError, DataError
        If a table has no code, or the code does not fit.
    """
    if train.input_kind is InputKind.TABLE and spec is None:
        require_bits(train)
    if train.input_kind is InputKind.BOOLEAN:
        if train.code is None and isinstance(spec, CodeSpec) and spec.text != "auto":
            raise UsageError(
                f"{train.source}: `code` is for analog inputs and tables; these are Boolean"
            )
    elif spec is not None and (
        train.input_kind is InputKind.TABLE or not isinstance(spec, InputCode)
    ):
        code, notes = choose_code(train, spec, missing or IMPUTE)
        train = with_code(replace(train, notices=(*train.notices, *notes)), code)
        train = without_conflicts(train, conflicts or Conflicts.MAJORITY)
    made = [None if each is None else as_trained_on(each, train) for each in others]
    return train, made


def as_trained_on(dataset: Dataset, train: Dataset) -> Dataset:
    """Return other patterns in the bits of the training data, their classes in its order."""
    return _alike(dataset, train.code, train, train.source)


def as_coded(dataset: Dataset, network: TrainedNetwork) -> Dataset:
    """Return a table in the bits that a network reads, and classes numbered as the network's."""
    return _alike(dataset, network.code, network, network.name)


def _alike(
    dataset: Dataset, code: TableCode | None, model: Dataset | TrainedNetwork, where: str
) -> Dataset:
    """Code rows as a model has them: also those of a file in which all numbers happen to be 0 and 1."""
    plain = dataset.code is None and dataset.input_kind is InputKind.BOOLEAN
    if code is not None and (
        is_table(dataset) or (plain and dataset.input_ports != model.input_ports)
    ):
        dataset = with_code(dataset, code)
    return with_classes(dataset, model.classes, model.output_ports, where)


def without_conflicts(dataset: Dataset, rule: Conflicts) -> Dataset:
    """Settle contradictions between coded rows."""
    where = dataset.source if dataset.code is None else f"{dataset.source} as {dataset.code.text}"
    error = find_contradiction(dataset, where)
    return dataset if error is None else settled(replace(dataset, contradiction=error), rule)


def all_in_bits(
    dataset: Dataset, spec: Code | None, missing: str | None, rule: Conflicts | None
) -> Dataset:
    """Return data in the bits of a code of any kind; without a code as they are."""
    if dataset.input_kind is InputKind.BOOLEAN and dataset.contradiction is not None:
        dataset = settled(dataset, rule or Conflicts.ERROR)
    if isinstance(spec, InputCode) and dataset.input_kind is InputKind.ANALOG:
        return without_conflicts(code_inputs(dataset, spec), rule or Conflicts.MAJORITY)
    return in_bits(dataset, (), spec, missing, rule)[0]


_ALL_VECTORS = 4096
"""Maximum number of input vectors for checking hardware of a sample on all of them."""
_SAMPLE = 1024
"""Random vectors where there are more, ..."""
_MIN_SAMPLE = 64
_SAMPLE_WORK = 2_000_000
"""... fewer for large netlists: vectors times cells."""


def require_fit(design: Netlist | TrainedNetwork, dataset: Dataset) -> None:
    """Refuse patterns whose numbers of inputs and outputs differ from those of a design."""
    shape = design if isinstance(design, Netlist) else design.topology
    if (shape.n_inputs, shape.n_outputs) != (dataset.n_inputs, dataset.n_outputs):
        raise UsageError(
            f"{design.name}: has {shape.n_inputs} inputs and {shape.n_outputs} outputs, the "
            f"patterns of {dataset.source} have {dataset.n_inputs} and {dataset.n_outputs}"
        )


def fitted(design: Netlist | TrainedNetwork, dataset: Dataset) -> Dataset:
    """Return patterns with their columns in the order of a design that has the same names."""
    if isinstance(design, TrainedNetwork):
        dataset = as_coded(dataset, design)
    require_bits(dataset)
    require_fit(design, dataset)
    return by_name(dataset, design.input_ports, design.output_ports, design.name)


def hardware_vectors(
    dataset: Dataset,
    network: TrainedNetwork,
    kept: Preserve,
    *,
    label: bool = False,
    seen: NDArray[np.uint8] | None = None,
    cells: int = 0,
) -> VectorTable:
    """Return the simulation vectors of the hardware.

    If the netlist keeps the targets, these are the patterns. Otherwise they have the network's outputs: on
    every input vector if there are few, else on the patterns, those of `seen` (``(vectors, inputs)`` uint8),
    corners and a fixed random sample, which is smaller for a netlist of many `cells`.
    """
    if kept is Preserve.CARE:
        return VectorTable.from_dataset(dataset)
    listed = dataset.inputs if seen is None else np.concatenate([dataset.inputs, seen])
    sample = min(_SAMPLE, max(_MIN_SAMPLE, _SAMPLE_WORK // max(1, cells)))
    return function_vectors(hardware_outputs(network, label), dataset.n_inputs, listed, sample)


def function_vectors(
    function: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    n_inputs: int,
    seen: NDArray[np.uint8] | None = None,
    sample: int = _SAMPLE,
) -> VectorTable:
    """Return a function on every input vector if there are few, else on those seen, corners and a sample.

    The function takes ``(vectors, inputs)`` and returns ``(vectors, outputs)``, uint8 0/1.
    """
    everything = 1 << n_inputs if n_inputs < 60 else None
    if everything is not None and everything <= _ALL_VECTORS:
        listed = unpack_bits(exhaustive_words(n_inputs), everything)
    else:
        random = np.random.Generator(np.random.PCG64(0))
        drawn = random.integers(0, 2, (sample, n_inputs), dtype=np.uint8)
        first_seen = [] if seen is None else [seen]
        listed = np.concatenate([*first_seen, corner_vectors(n_inputs, sample), drawn])
        _, first = np.unique(listed, axis=0, return_index=True)
        listed = listed[np.sort(first)]
    expected = function(listed)
    return VectorTable(
        inputs=listed,
        expected=expected,
        care=np.ones(expected.shape, dtype=np.bool_),
        exhaustive=len(listed) == everything,
    )


def corner_vectors(n_inputs: int, most: int) -> NDArray[np.uint8]:
    """Return all zeros, all ones, then a single 1 and a single 0 at every input.

    Random vectors of many inputs are never close to these, where carry chains and wide gates show their faults.
    Up to `most` vectors are returned, from evenly spread inputs if there are more.
    """
    places = np.linspace(0, n_inputs - 1, min(n_inputs, most // 2 - 1)).round().astype(np.intp)
    ones = np.zeros((len(places), n_inputs), dtype=np.uint8)
    ones[np.arange(len(places)), places] = 1
    flat = np.repeat(np.array([[0], [1]], dtype=np.uint8), n_inputs, axis=1)
    return np.concatenate([flat, ones, 1 - ones])


_SETS = {"train": "train: ", "valid": "valid: ", "test": "test: "}
"""Prefixes of the figures for several sets of patterns."""


@dataclass(frozen=True)
class Targets:
    """Numbers of correct targets, and of correct labels if there are classes, on a set of patterns."""

    right: int
    count: int  # targets that matter
    labels_right: int | None = None
    labels: int | None = None

    @property
    def all_right(self) -> bool:
        return self.right == self.count and self.labels_right == self.labels

    @classmethod
    def of(cls, accuracy: Accuracy, *, label: bool = False) -> Targets:
        """Return the counts of an accuracy, with the classes if the hardware names them."""
        right, count = accuracy.bits_right, accuracy.bits
        if not label or accuracy.labels_right is None:
            return cls(right, count)
        return cls(right, count, accuracy.labels_right, accuracy.labels)

    def words(self) -> str:
        """Return the counts in words, such as ``42 of 64 targets right (65.62%)``."""
        text = f"{self.right} of {plural(self.count, 'target')} right ({percent(self.right, self.count)})"
        if self.labels_right is None or self.labels is None:
            return text
        share = percent(self.labels_right, self.labels)
        return f"{text}, {self.labels_right} of {self.labels} labels right ({share})"


def count_targets(netlist: Netlist, dataset: Dataset, *, label: bool = False) -> Targets:
    """Count the correct targets of a netlist, and the correct labels if patterns have classes."""
    right = evaluate(netlist, dataset.inputs) == dataset.targets
    care = dataset.care_mask
    bits = int((right & care).sum()), int(care.sum())
    if not label:
        return Targets(*bits)
    known = care.all(axis=1)
    return Targets(*bits, int(right[known].all(axis=1).sum()), int(known.sum()))


def targets_record(targets: Mapping[str, Targets]) -> dict[str, dict[str, Any]]:
    found = {}
    for name, each in targets.items():
        record: dict[str, Any] = {"right": each.right, "count": each.count}
        if each.labels is not None:
            record.update(labels_right=each.labels_right, labels=each.labels)
        found[name] = record
    return found


def verified_words(targets: Mapping[str, Targets], equals: str = "netlist") -> str:
    """Describe verified hardware, which `equals` a netlist or network, and its targets by set of patterns."""
    shown = [
        f"{'' if len(targets) == 1 else _SETS.get(name, '')}{each.words()}"
        for name, each in targets.items()
    ]
    return "; ".join([f"verified: hardware equals the {equals}", *shown])
