"""A model of another library as a netlist over bits, and its comparison with the library.

`compare_rows` compares its labels with those of the library; a difference is an error that shows the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import frame_columns, is_frame, number_matrix, require_values
from btfsynth.dataset.table_code import Scalar, TableCode, class_of
from btfsynth.dataset.vectors import numbers_of
from btfsynth.errors import DataError, UsageError, VerificationError, plural, shown
from btfsynth.lower.lowering import lower_network
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import function_reference
from btfsynth.network.network import TrainedNetwork, hardware_outputs, label_port
from btfsynth.ports import Port

BitFunction = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""From ``(rows, input bits)`` to ``(rows, output bits)``, uint8 0/1."""


def class_port(classes: int) -> Port:
    """Return the output port of a model with this number of classes."""
    return label_port((), classes)


@dataclass(frozen=True)
class Library:
    """The library of a model, which predicts rows in its own form."""

    name: str  # With its version
    # The label of each row, or ``(rows, outputs)`` 0/1 of a model without classes
    predict: Callable[[Any], NDArray[Any]]
    # ``(rows, classes)`` float64: the largest decides the label, or the first of equal ones. For two classes, 0
    # and the sum whose sign decides. None if the model has no such sums.
    scores: Callable[[Any], NDArray[np.float64]] | None = None
    # Maximum error of the library's floating-point sums
    rounding: float = 0.0


@dataclass(frozen=True, eq=False)
class ImportedModel:
    """A model as converted by a reader.

    The output ports are those of the model's bits or, with `classes`, one port ``class_number``: the index of
    the label among the classes, a single bit for two classes. A network with classes has the bits of its output
    neurons before that port.
    """

    name: str
    source: str  # Library and kind, such as ``scikit-learn DecisionTreeClassifier``
    netlist: Netlist
    function: BitFunction  # The integer model, to compare the netlist with
    code: TableCode | None = None  # None if the inputs are bits
    classes: tuple[Scalar, ...] = ()
    network: TrainedNetwork | None = None
    library: Library | None = None
    # Returns up to this many rows, in the library's form, at the thresholds of the model
    border_rows: Callable[[int], Any] | None = None
    # Maximum error of the sums that decide: a label may differ only where two sums are closer than twice this
    # error and the rounding of the library
    bound: float = 0.0
    notes: tuple[str, ...] = ()

    def bits(self, X: Any) -> NDArray[np.uint8]:
        """Return ``(rows, input bits)`` uint8 of rows in the library's form.

        Raises
        ------
        DataError, UsageError
            If columns are missing, or the code does not know a value.
        """
        if self.code is not None:
            columns, values = frame_columns("X", X)
            expected = len(self.code.columns)
            if not is_frame(X) and len(columns) != expected:  # columns of a frame are found by name
                raise UsageError(
                    f"{self.name}: expected rows of {plural(expected, 'column')}, got {len(columns)}"
                )
            return self.code.bits(columns, values, "X")[0]
        values = number_matrix("X", X)
        if values.shape[1] != self.netlist.n_inputs:
            raise UsageError(
                f"{self.name}: expected rows of {self.netlist.n_inputs} bits, got {values.shape[1]}"
            )
        require_values("X", values, np.isin(values, (0, 1)), "0 or 1")
        return values.astype(np.uint8)

    def labels(self, outputs: NDArray[np.uint8]) -> list[Any]:
        """Return the label of each row of output bits; a `UsageError` for a model without classes."""
        last = self.netlist.output_ports[-1]
        if self.classes and last.name == class_port(len(self.classes)).name:
            places = numbers_of(outputs[:, -last.width :]).clip(0, len(self.classes) - 1)
            return [self.classes[place] for place in places.tolist()]
        return class_of(self.classes, outputs)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the outputs of the hardware for rows: labels, or ``(rows, outputs)`` uint8 without classes."""
        outputs = self.function(self.bits(X))
        return np.array(self.labels(outputs)) if self.classes else outputs


def lowered(network: TrainedNetwork, label: bool) -> Netlist:
    """Return the netlist of a network, with the class number after its outputs if there are classes."""
    function = hardware_outputs(network, label)
    reference = function_reference(function, network.topology.n_inputs)
    return lower_network(network, reference, label)[0]


# Beside the library

_BORDER_ROWS = 1024
_THRESHOLDS = "thresholds"


@dataclass(frozen=True)
class Comparison:
    """How many rows have the library's label, and how many another one within the bound that is stated."""

    what: str
    rows: int
    same: int

    @property
    def place(self) -> str:
        """Where the rows are from."""
        return "at its thresholds" if self.what == _THRESHOLDS else f"of {self.what}"

    @property
    def near(self) -> int:
        """Rows whose label another rounding decides."""
        return self.rows - self.same


def require_rows(X: Any) -> None:
    """Refuse `X` without a row."""
    if not (X.shape[0] if getattr(X, "shape", ()) else len(X)):
        raise UsageError("X: expected at least one row, or None")


def compare_rows(model: ImportedModel, X: Any, what: str = "X") -> Comparison:
    """Compare the labels of rows with those of the library.

    Raises
    ------
    VerificationError
        If a label differs although the sums of the two classes are farther apart than rounding accounts for.
    """
    assert model.library is not None
    place = Comparison(what, 0, 0).place
    outputs = model.function(model.bits(X))
    expected = np.asarray(model.library.predict(X))
    if len(expected) != len(outputs):
        raise DataError(f"{model.source}: expected a label per row {place}, got {expected.shape}")
    if not model.classes:
        differ = (outputs != expected.reshape(outputs.shape)).any(axis=1)
        found: Any = outputs
    else:
        found = np.array(model.labels(outputs))
        differ = np.array([str(a) != str(b) for a, b in _pairs(found, expected)], dtype=np.bool_)
    allowed = differ & _near(model, X, found, expected) if differ.any() else differ
    wrong = differ & ~allowed
    if wrong.any():
        row = int(np.argmax(wrong))
        raise VerificationError(
            f"{model.name}: {plural(int(wrong.sum()), 'row')} {place} differ, the first is row {row}: "
            f"{model.library.name} predicts {_word(expected[row])}, the bits give {_word(found[row])}; "
            f"the row is {_row_text(X, row)}"
        )
    return Comparison(what, len(outputs), int((~differ).sum()))


def compare_borders(model: ImportedModel) -> Comparison | None:
    """Compare rows at the borders of what the model tells apart; None if it has none to try."""
    if model.library is None or model.border_rows is None:
        return None
    return compare_rows(model, model.border_rows(_BORDER_ROWS), _THRESHOLDS)


def _pairs(found: NDArray[Any], expected: NDArray[Any]) -> zip[tuple[Any, Any]]:
    return zip(found.tolist(), expected.reshape(-1).tolist(), strict=True)


def _near(
    model: ImportedModel, X: Any, found: NDArray[Any], expected: NDArray[Any]
) -> NDArray[np.bool_]:
    """Mark rows in which the two labels' sums are as near as rounding can turn over."""
    library = model.library
    far = np.zeros(len(found), dtype=np.bool_)
    if library is None or library.scores is None or not model.classes:
        return far
    scores = np.asarray(library.scores(X), dtype=np.float64)
    place = {str(each): number for number, each in enumerate(model.classes)}
    rows = np.arange(len(found))
    given = [[place[str(each)] for each in labels] for labels in (found, expected.reshape(-1))]
    apart = np.abs(scores[rows, given[1]] - scores[rows, given[0]])
    return np.asarray(apart <= 2 * (model.bound + library.rounding))


def _word(value: Any) -> str:
    return shown(
        value.tolist() if isinstance(value, np.ndarray) else getattr(value, "item", lambda: value)()
    )


def _row_text(X: Any, row: int) -> str:
    if hasattr(X, "iloc"):
        values = X.iloc[row].tolist()
    elif hasattr(X, "toarray"):
        values = X[[row]].toarray()[0].tolist()
    else:
        values = np.asarray(X[row]).tolist()
    words = [f"{value:.17g}" if isinstance(value, float) else str(value) for value in values[:40]]
    return f"[{', '.join(words)}{', ...' if len(values) > 40 else ''}]"
