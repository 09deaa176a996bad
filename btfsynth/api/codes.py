"""Tables in the API: their code, from rows to bits and from outputs to classes; features of classifiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Complex, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from btfsynth.api.show import Shown
from btfsynth.dataset.code import (
    CODES,
    InputCode,
    choose_code,
    code_inputs,
    parse_code,
    save_code,
    with_code,
)
from btfsynth.dataset.columns import TableColumn, frame_columns, is_frame
from btfsynth.dataset.dataset import Dataset as Patterns
from btfsynth.dataset.dataset import InputKind
from btfsynth.dataset.fit_code import MAX_WORDS, CodeSpec, parse_spec
from btfsynth.dataset.patterns import find_contradiction, settled
from btfsynth.dataset.table_code import IMPUTE, TableCode, class_of
from btfsynth.errors import DataError, UsageError, plural, shown
from btfsynth.files import StrPath
from btfsynth.ports import Port
from btfsynth.settings.table import LEARN, Conflicts

EVERY = "*"
"""Key of a mapping for all columns without a rule of their own."""


@dataclass(frozen=True, repr=False)
class Code(Shown):
    """Code from the columns of a table to bits, chosen from training rows and applied to any rows.

    `Dataset.code` and `Design.code` have it; `Code.load` reads it from a design, a network or its own file.

    Examples
    --------
    >>> import btfsynth as btf
    >>> data = btf.Dataset([[2.5], [7.0], [9.5]], ["low", "high", "high"], inputs=["t"]).coded()
    >>> data.code
    <Code: auto, columns 1, bits 2, classes high, low>
    >>> data.code.encode([[3.1]]).tolist(), data.code.decode([[1], [0]]).tolist()
    ([[0, 0]], ['low', 'high'])
    """

    core: TableCode
    classes: tuple[Any, ...] = ()

    @classmethod
    def load(cls, path: StrPath) -> Code:
        """Read a code from the folder of a design, a network (.npz) or a JSON file.

        Raises
        ------
        DataError
            If there is none.
        """
        from btfsynth.flow.patterns import find_code

        return cls(*find_code(path))

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports of the bits."""
        return self.core.ports

    @property
    def meanings(self) -> dict[str, str]:
        """The meaning of the bits of each port, by its name in the data."""
        return self.core.meanings()

    @property
    def bit_meanings(self) -> dict[str, list[str]]:
        """For each bit of each port, least significant first, the condition under which it is 1."""
        return self.core.bit_meanings()

    def encode(self, X: ArrayLike | Any) -> NDArray[np.uint8]:
        """Return the bits of rows, ``(rows, bits)`` uint8 0/1.

        Columns of a frame are matched by name, those of an array by position.

        Raises
        ------
        DataError, UsageError
            If columns or required values are missing, or a column of numbers contains a word.
        """
        columns, values = frame_columns("X", X)
        return self.core.bits(columns, values, "X")[0]

    def decode(self, y: ArrayLike) -> NDArray[Any]:
        """Return the class of each row of outputs, ``(rows, outputs)`` 0/1 or sums, ``(rows,)``.

        With several outputs the largest one decides, the first of equal ones.

        Raises
        ------
        UsageError
            If the outputs do not represent classes, or their number is wrong.
        """
        rows = np.asarray(y)
        return np.array(class_of(self.classes, rows[:, None] if rows.ndim == 1 else rows))

    def save(self, path: StrPath) -> None:
        """Write the code as JSON.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        save_code(self.core, self.classes, path)

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {
            "name": self.core.text,
            "columns": len(self.core.columns),
            "bits": self.core.width,
        }
        return facts | ({"classes": list(map(str, self.classes))} if self.classes else {})


def coded_rows(
    given: Patterns, code: str | Mapping[str, str] | Code, missing: str, conflicts: Conflicts
) -> Patterns:
    """Return analog data or a table as bits; rows with equal bits and different targets follow a rule."""
    if isinstance(code, Code):
        made = with_code(given, code.core)
    else:
        spec = _spec(code)
        if isinstance(spec, InputCode) and given.input_kind is not InputKind.TABLE:
            made = code_inputs(given, spec)
            return replace(made, contradiction=find_contradiction(made))
        chosen, notes = choose_code(given, spec, LEARN["missing"].take(missing) or IMPUTE)
        made = with_code(replace(given, notices=(*given.notices, *notes)), chosen)
    error = find_contradiction(made)
    return made if error is None else settled(replace(made, contradiction=error), conflicts)


def _spec(code: str | Mapping[str, str]) -> InputCode | CodeSpec:
    if isinstance(code, str):
        return parse_code(code)
    if not isinstance(code, Mapping):
        raise UsageError(f"`code`: expected {CODES}, a mapping or a Code, got {shown(code)}")
    common = parse_spec(str(code.get(EVERY, "auto")))
    told = {str(name): parse_spec(str(rule)) for name, rule in code.items() if name != EVERY}
    if common.columns or any(each.columns for each in told.values()):
        raise DataError("`code`: expected one rule for each column of a mapping")
    text = ",".join([common.text, *(f"{name}={each.text}" for name, each in told.items())])
    return CodeSpec(text, common.rule, tuple((name, each.rule) for name, each in told.items()))


# Features of a classifier: numbers, words and gaps, read as `btfsynth.Dataset` reads them.


@dataclass(frozen=True)
class Features:
    """Columns and their values, ``(samples, features)`` float64 (see `btfsynth.dataset.columns`)."""

    columns: tuple[TableColumn, ...]
    values: NDArray[np.float64]

    def require_usable(self) -> None:
        """Refuse words among numbers, and too many different words, with what to do about it."""
        for place, column in enumerate(self.columns):
            name = f"feature {shown(column.name, 40)}"
            if column.doubt:
                raise ValueError(f"{name}: {column.doubt}; None stands for a missing value")
            given = self.values[:, place]
            count = 0 if column.is_number else len(np.unique(given[~np.isnan(given)]))
            if count > MAX_WORDS:
                raise ValueError(
                    f"{name}: expected numbers, or at most {MAX_WORDS} different words, got {count} in "
                    f"{plural(len(given), 'sample')}; drop the feature, or merge words"
                )


def read_features(given: Any, checked: NDArray[Any], names: Sequence[str]) -> Features:
    """Return the features of samples.

    Parameters
    ----------
    given, checked
        The samples as they were passed, and as an array that scikit-learn has checked.
    names
        Names of the features.

    Raises
    ------
    TypeError
        If a value is neither a number nor a word.
    ValueError
        If a number is not finite.
    """
    if checked.dtype.kind == "O":
        _require_plain(checked)
    framed = is_frame(given) and (
        checked.dtype.kind not in "biuf"
        or any(hasattr(each, "categories") for each in given.dtypes)
    )
    try:
        columns, values = frame_columns("X", given if framed else checked)
    except DataError as error:
        raise ValueError(str(error)) from None
    named = zip(columns, names, strict=True)
    return Features(tuple(replace(column, name=name) for column, name in named), values)


def _require_plain(values: NDArray[Any]) -> None:
    for kind in set(map(type, values.ravel().tolist())):
        container = issubclass(kind, Iterable) and not issubclass(kind, (str, bytes))
        if container or (issubclass(kind, Complex) and not issubclass(kind, Real)):
            raise TypeError(f"argument must be a string or a number, got {kind.__name__}")
