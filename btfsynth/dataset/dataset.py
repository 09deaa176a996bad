"""Patterns with named ports, for training networks and for checking hardware.

Every file numbers the classes that occur in it; `with_classes` brings them into the order of another data set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn
from btfsynth.dataset.table_code import Scalar, TableCode
from btfsynth.dataset.vectors import numbers_of
from btfsynth.errors import DataError, UsageError, shown
from btfsynth.ports import Port, total_width


class InputKind(str, Enum):
    """Kinds of inputs of a data set."""

    BOOLEAN = "boolean"
    ANALOG = "analog"
    TABLE = "table"
    """Numbers of any size and words, which a code turns into bits."""
    ONE_HOT_GENERATOR = "one-hot generator"
    HYPERCUBE_GENERATOR = "hypercube generator"


class OutputKind(str, Enum):
    """Kinds of targets of a data set."""

    BOOLEAN = "boolean"
    LABEL = "label"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Input patterns, their targets and their care mask.

    The arrays are copied and the copies are read-only.
    """

    name: str  # Short name of the function; the default name of the module made from it
    source: str  # Where it came from: a task specification or a file name, without its folder
    # (patterns, input bits), uint8 0/1; float32 in [0, 1] for analog inputs; float64 for a table
    # (see `columns`); no columns where a generator makes the inputs
    inputs: NDArray[Any]
    targets: NDArray[np.uint8]  # (patterns, output bits), uint8 0/1. A class label is a one-hot row
    # The ports whose bits the columns are, least significant bit first
    input_ports: tuple[Port, ...]
    output_ports: tuple[Port, ...]
    # (patterns, output bits), bool: False where the target does not matter. All True if None
    care: NDArray[np.bool_] | None = None
    input_kind: InputKind = InputKind.BOOLEAN
    output_kind: OutputKind = OutputKind.BOOLEAN
    # True if the source itself says that input vectors it does not list do not matter (PLA types
    # fd, fr and fdr), False if they are merely unknown (a sample)
    unlisted_dont_care: bool = False
    # What a reader had to guess, one line each, to be shown to the user. Not part of the content
    notices: tuple[str, ...] = ()
    # The error that names two patterns of the file that contradict each other; not part of the
    # content
    contradiction: DataError | None = None
    # Of a table: what its columns hold, the line of each pattern in the file if there is one, and
    # the error of a caller who needs bits
    columns: tuple[TableColumn, ...] = ()
    lines: NDArray[np.int64] | None = None
    not_bits: DataError | None = None
    # The names of the classes that the outputs stand for, in the order of their bits; two classes
    # may be a single bit. Empty for plain bits
    classes: tuple[Scalar, ...] = ()
    # What made these bits of the columns of a table; None if nothing did
    code: TableCode | None = None

    def __post_init__(self) -> None:
        inputs = self._checked_inputs()
        targets = self._bits("targets", self.targets)
        care = (
            np.ones(targets.shape, dtype=np.bool_)
            if self.care is None
            else np.array(self.care, dtype=np.bool_, order="C")
        )
        for label, array in (("inputs", inputs), ("targets", targets), ("care", care)):
            if array.ndim != 2:
                raise DataError(f"{self.name}: {label} must have 2 dimensions, got {array.ndim}")
        if len(inputs) != len(targets) or care.shape != targets.shape:
            raise DataError(
                f"{self.name}: inputs {inputs.shape}, targets {targets.shape} and care "
                f"{care.shape} do not match"
            )
        if not len(targets) or not targets.shape[1]:
            raise DataError(f"{self.name}: expected at least one pattern and one output bit")
        if inputs.shape[1] != total_width(self.input_ports):
            raise DataError(
                f"{self.name}: {inputs.shape[1]} input columns for ports of "
                f"{total_width(self.input_ports)} bits"
            )
        if targets.shape[1] != total_width(self.output_ports):
            raise DataError(
                f"{self.name}: {targets.shape[1]} output columns for ports of "
                f"{total_width(self.output_ports)} bits"
            )
        if self.output_kind is OutputKind.LABEL and not bool(np.all(targets.sum(axis=1) == 1)):
            raise DataError(f"{self.name}: a class label must be a one-hot row")
        for array in (inputs, targets, care):
            array.setflags(write=False)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "targets", targets)
        object.__setattr__(self, "care", care)

    def _checked_inputs(self) -> NDArray[Any]:
        """Copy the inputs with the type of their kind."""
        if self.input_kind is InputKind.ANALOG:
            return self._unit_interval(self.inputs)
        if self.input_kind is not InputKind.TABLE:
            return self._bits("inputs", self.inputs)
        if len(self.columns) != self.inputs.shape[1]:
            raise DataError(
                f"{self.name}: {self.inputs.shape[1]} input columns, {len(self.columns)} described"
            )
        return np.array(self.inputs, dtype=np.float64, order="C")

    def _bits(self, label: str, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Copy values that must be 0 or 1; casting first would wrap or cut off other ones."""
        array = np.asarray(values)
        if array.dtype.kind not in "biuf" or not bool(np.all((array == 0) | (array == 1))):
            raise DataError(f"{self.name}: {label} must be 0 or 1")
        return np.array(array, dtype=np.uint8, order="C")

    def _unit_interval(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Copy values that must lie between 0 and 1; NaN does not."""
        array = np.asarray(values)
        if array.dtype.kind not in "biuf" or not bool(np.all((array >= 0) & (array <= 1))):
            raise DataError(f"{self.name}: inputs must lie between 0 and 1")
        return np.array(array, dtype=np.float32, order="C")

    @property
    def care_mask(self) -> NDArray[np.bool_]:
        """``(patterns, output bits)`` bool, False for don't-cares."""
        assert self.care is not None  # set by __post_init__
        return self.care

    @property
    def n_patterns(self) -> int:
        """Number of patterns."""
        return len(self.targets)

    @property
    def n_inputs(self) -> int:
        """Number of input bits."""
        return int(self.inputs.shape[1])

    @property
    def n_outputs(self) -> int:
        """Number of output bits."""
        return int(self.targets.shape[1])

    @cached_property
    def lists_all(self) -> bool:
        """True if every input vector is listed, even with don't-cares."""
        if self.input_kind is not InputKind.BOOLEAN or not 0 < self.n_inputs <= 24:
            return False
        if self.n_patterns < 1 << self.n_inputs:
            return False
        return len(np.unique(self.input_numbers)) == 1 << self.n_inputs

    @cached_property
    def exhaustive(self) -> bool:
        """True if every input vector is listed without don't-cares."""
        return bool(self.care_mask.all()) and self.lists_all

    @property
    def says_all(self) -> bool:
        """True if the data are no sample: every vector is listed, or the others are don't-cares."""
        return self.lists_all or self.unlisted_dont_care

    def select(self, rows: NDArray[np.integer[Any]]) -> Dataset:
        """Return the patterns of these rows, in their order."""
        return replace(
            self,
            inputs=self.inputs[rows],
            targets=self.targets[rows],
            care=self.care_mask[rows],
            lines=None if self.lines is None else self.lines[rows],
        )

    @property
    def input_numbers(self) -> NDArray[np.int64]:
        """``(patterns,)`` int64: each Boolean input vector as a number.

        The first column is least significant. Only for up to 62 input bits.
        """
        return numbers_of(self.inputs)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256, in hex, of patterns, care mask, kinds and ports; the name does not count."""
        digest = hashlib.sha256()
        header: tuple[object, ...] = (
            self.input_kind.value,
            self.output_kind.value,
            tuple(_port_key(port) for port in self.input_ports),
            tuple(_port_key(port) for port in self.output_ports),
            self.inputs.shape,
            self.targets.shape,
            self.unlisted_dont_care,
        )
        if self.columns:
            header += (tuple((each.categories, each.ordered) for each in self.columns),)
        digest.update(repr(header).encode())
        digest.update(self.inputs.tobytes())
        digest.update((self.targets & self.care_mask).tobytes())
        digest.update(self.care_mask.tobytes())
        return digest.hexdigest()


def _port_key(port: Port) -> tuple[str, int] | tuple[str, int, int, int]:
    """Return the hashed fields of a port, with its range only if bits do not count up from 0."""
    if port.counts_from_zero:
        return port.name, port.width
    return port.name, port.width, port.low, port.step


def class_places(dataset: Dataset) -> NDArray[np.intp]:
    """Return the index of each pattern's class, -1 for a don't-care."""
    single = dataset.n_outputs == 1
    places = dataset.targets[:, 0] if single else dataset.targets.argmax(axis=1)
    return np.where(dataset.care_mask.all(axis=1), places.astype(np.intp), -1)


def with_classes(
    dataset: Dataset, classes: Sequence[Scalar], output_ports: Sequence[Port], where: str
) -> Dataset:
    """Return patterns with their classes numbered as in another data set; plain bits are unchanged.

    Parameters
    ----------
    classes, output_ports
        Those of the other data set; one output bit for two classes, else one for each class.
    where
        Names it in messages.

    Raises
    ------
    UsageError
        If a class is none of these.
    """
    given = dataset.classes
    if not given and classes and dataset.n_outputs == 1 and len(classes) > 2:
        given = (0, 1)  # whole numbers of which no other occurs
    if not classes or not given or given == tuple(classes):
        return dataset
    order = {str(name): place for place, name in enumerate(classes)}
    strange = [name for name in given if str(name) not in order]
    used = class_places(dataset)
    for name in strange:
        if (used == given.index(name)).any():
            known = ", ".join(map(str, classes[:12])) + (", ..." if len(classes) > 12 else "")
            raise UsageError(
                f"{dataset.source}: class {shown(name, 40)} is not among the classes of {where}: {known}"
            )
    moved = np.array([order.get(str(name), 0) for name in given])
    places = np.where(used < 0, 0, moved[used])
    width = sum(port.width for port in output_ports)
    one_bit = width == 1
    targets = places[:, None] if one_bit else places[:, None] == np.arange(len(classes))
    return replace(
        dataset,
        targets=targets.astype(np.uint8),
        care=np.repeat((used >= 0)[:, None], width, axis=1),
        output_ports=tuple(output_ports),
        output_kind=OutputKind.BOOLEAN if one_bit else OutputKind.LABEL,
        classes=tuple(classes),
    )
