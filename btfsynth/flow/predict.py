"""Predictions of a design or a network for new rows, with the names of its data."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import is_table, load_code, require_bits, with_code
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind, class_places, with_classes
from btfsynth.dataset.formats import format_of_source
from btfsynth.dataset.formats.base import read_source
from btfsynth.dataset.formats.csv_file import KnownColumns, read_known
from btfsynth.dataset.load import load
from btfsynth.dataset.patterns import by_name
from btfsynth.dataset.table_code import Scalar, TableCode, class_of
from btfsynth.dataset.tasks import is_task_spec
from btfsynth.dataset.vectors import numbers_of
from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import CODE_ROLE, load_manifest
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.text import read_netlist
from btfsynth.network.formats import load_network
from btfsynth.network.network import TrainedNetwork, label_width
from btfsynth.ports import Port, bit_names, total_width

_LABEL_PORT = re.compile(r"class_number(_[0-9]+)?")


@dataclass(frozen=True, eq=False)
class Model:
    """A netlist or a network, with the code of its inputs and the classes of its outputs."""

    name: str
    core: Netlist | TrainedNetwork
    code: TableCode | None
    classes: tuple[Scalar, ...]

    @property
    def label_port(self) -> Port | None:
        """The port of the class number, after all others; None if there is none."""
        if isinstance(self.core, TrainedNetwork):
            return None
        last = self.core.output_ports[-1]
        fits = not self.classes or last.width == label_width(len(self.classes))
        return last if fits and _LABEL_PORT.fullmatch(last.name) else None

    @property
    def output_ports(self) -> tuple[Port, ...]:
        """The output ports of data; empty if the only port is the class number."""
        ports = self.core.output_ports
        if self.label_port is None or (len(ports) == 1 and not self.classes):
            return tuple(ports)
        return tuple(ports[:-1])

    def answers(self, bits: NDArray[Any]) -> NDArray[Any]:
        """Return ``(rows, outputs)``: bits of a netlist, sums of a network."""
        if isinstance(self.core, TrainedNetwork):
            return self.core.output_sums(bits)
        return evaluate(self.core, np.asarray(bits, dtype=np.uint8))

    def labels(self, answers: NDArray[Any]) -> list[Any]:
        """Return the class of each row of outputs, by the class port if there is one."""
        width = total_width(self.output_ports)
        if self.label_port is not None and self.classes:
            places = numbers_of(answers[:, width:]).clip(0, len(self.classes) - 1)
            return [self.classes[place] for place in places.tolist()]
        return class_of(self.classes, answers[:, :width])


def read_model(path: StrPath) -> Model:
    """Read the folder of a design, or a trained network (.npz).

    Raises
    ------
    DataError
        If it is neither.
    """
    path = as_path(path)
    if not path.is_dir():
        if path.suffix.lower() != ".npz":
            raise DataError("expected the folder of a design, or a trained network (.npz)", path)
        network = load_network(path)
        return Model(path.name, network, network.code, network.classes)
    manifest = load_manifest(path)
    netlist = read_netlist(path / f"{manifest.module}.mig")
    code, classes = None, manifest.classes
    if CODE_ROLE in manifest.files:
        code, classes = load_code(path / manifest.files[CODE_ROLE])
    return Model(manifest.name, netlist, code, classes)


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predictions of a model for patterns, and the number of correct ones."""

    names: tuple[str, ...]  # of the column of classes, or else of every output bit
    outputs: NDArray[np.uint8]  # (patterns, outputs) 0/1
    labels: tuple[Any, ...]  # the class of each pattern; empty without classes
    right: int
    count: int  # classes, or else output bits, that are known
    notices: tuple[str, ...]  # of the patterns, and of what was missing in them


def predict(model: Model, dataset: Dataset) -> Prediction:
    """Apply a model to patterns: a table in its code, or bits by the names of its ports.

    Raises
    ------
    UsageError, DataError
        If they do not fit.
    """
    model = _with_numbers(model, dataset)
    dataset = _fitted(model, dataset)
    answers = model.answers(dataset.inputs)
    width = total_width(model.output_ports)
    outputs = (answers[:, : width or None] > 0).astype(np.uint8)
    if not model.classes:
        care = dataset.care_mask
        right = int(((outputs == dataset.targets) & care).sum())
        names = tuple(bit_names(model.output_ports))
        return Prediction(names, outputs, (), right, int(care.sum()), dataset.notices)
    labels = tuple(model.labels(answers))
    known = class_places(dataset)
    wanted = [model.classes[place] for place in np.maximum(known, 0).tolist()]
    right = sum(a == b for a, b, k in zip(labels, wanted, known.tolist(), strict=True) if k >= 0)
    names = ((model.output_ports or dataset.output_ports)[0].name,)
    return Prediction(names, outputs, labels, right, int((known >= 0).sum()), dataset.notices)


def load_rows(model: Model, source: str) -> Dataset:
    """Read a task or a file for a model, whose port names select the inputs and targets of a table."""
    if not (isinstance(source, str) and is_task_spec(source)) and os.path.lexists(source):
        file = read_source(as_path(source))
        chosen = format_of_source(file)
        dataset = read_known(file, _known(model)) if chosen.name == "csv" else None
        if dataset is not None:
            return dataset
    return load(source, conflicts=None)


def _known(model: Model) -> KnownColumns:
    bits = bit_names(model.core.input_ports)
    if model.code is None:
        read, unused, count = frozenset(bits), frozenset[str](), len(bits)
    else:
        read = frozenset(each.name for each in model.code.columns if each.width)
        unused = frozenset(each.name for each in model.code.columns if not each.width)
        count = len(model.code.columns)
    coded = model.code is not None
    return KnownColumns(read, unused, count, model.output_ports, model.classes, coded)


def _with_numbers(model: Model, dataset: Dataset) -> Model:
    """Return a model that only gives numbers of classes without names with these numbers as its classes."""
    if model.classes or dataset.output_kind is not OutputKind.LABEL:
        return model
    numbered = replace(model, classes=tuple(range(dataset.n_outputs)))
    return numbered if numbered.label_port and not numbered.output_ports else model


def _fitted(model: Model, dataset: Dataset) -> Dataset:
    core = model.core
    plain = dataset.input_kind is InputKind.BOOLEAN and bit_names(dataset.input_ports) != bit_names(
        core.input_ports
    )
    if model.code is not None and dataset.code is None and (is_table(dataset) or plain):
        dataset = with_code(dataset, model.code)
    require_bits(dataset)
    ports = _target_ports(model, dataset)
    dataset = with_classes(dataset, model.classes, ports, model.name)
    _require_width(model.name, "inputs", core.input_ports, dataset.n_inputs, dataset.source)
    _require_width(model.name, "outputs", ports, dataset.n_outputs, dataset.source)
    return by_name(dataset, core.input_ports, ports, model.name)


def _target_ports(model: Model, dataset: Dataset) -> tuple[Port, ...]:
    """Return the ports that targets have: one bit a class where the model gives only its number."""
    if model.output_ports:
        return model.output_ports
    one_bit = len(model.classes) == 2 and dataset.n_outputs == 1
    return (Port(dataset.output_ports[0].name, 1 if one_bit else len(model.classes)),)


def _require_width(name: str, what: str, ports: Sequence[Port], given: int, source: str) -> None:
    width = total_width(ports)
    if width != given:
        raise UsageError(f"{name}: has {width} {what}, the patterns of {source} have {given}")
