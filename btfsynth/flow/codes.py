"""Tables on their way into a flow: coded by what training rows show, and as a design or a network has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
from btfsynth.dataset.conflicts import settled
from btfsynth.dataset.dataset import Dataset, InputKind, with_classes
from btfsynth.dataset.fit_code import CodeSpec
from btfsynth.dataset.patterns import find_contradiction
from btfsynth.dataset.table_code import IMPUTE, TableCode
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import CODE_ROLE, MANIFEST_FILE, load_manifest
from btfsynth.network.formats.archive import load_network
from btfsynth.network.trained import TrainedNetwork
from btfsynth.settings.table import Conflicts


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
                "the inputs of this design are plain bits, of no code", path / MANIFEST_FILE
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
    """Return training data and others in the bits of a code that is chosen from the training data.

    What needs no code stays as it is: bits, and analog values with a linear code or without one. Rows of the
    training data that the bits cannot tell apart are settled, by majority if no rule is given; the classes of
    the others are numbered like those of the training data.

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
    """Settle what coded rows contradict."""
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
