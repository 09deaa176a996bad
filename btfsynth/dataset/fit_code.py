"""Choose the code of a table from training rows: the rules given for all or single columns, else the defaults.

Thresholds lie between values that occur, at the number with the fewest digits. `quantile:K` chooses up to K of
them with about as many rows in every interval; `tree:K` chooses those of a tree on this column alone, where the
targets differ most from one interval to the next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import TableColumn, word_of
from btfsynth.dataset.table_code import (
    IMPUTE,
    LEVELS,
    ORDER,
    SKIP,
    STEPS,
    WORDS,
    ColumnCode,
    TableCode,
)
from btfsynth.dataset.tasks import whole_number
from btfsynth.errors import DataError, UsageError, plural, shown

MAX_STEPS = 256
"""Largest number of thresholds of a column."""
MAX_LEVELS = 4095
MAX_WORDS = 64
"""Maximum number of categories of a column whose code is not given as one-hot."""

_QUANTILES = 7
"""Default number of thresholds of a column: eight intervals."""

RULES = "auto, quantile:K, tree:K, binary:K, levels:N, thermometer:K, threshold:X, onehot, ordinal or skip"
"""What can be told of a column, for messages."""


@dataclass(frozen=True)
class ColumnRule:
    """The rule given for a column: its name and its argument."""

    name: str = "auto"
    number: int = 0
    threshold: float = 0.0
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class CodeSpec:
    """The rules given for a table: one for all columns, and those of single columns."""

    text: str  # The specification in its normal form
    rule: ColumnRule = field(default_factory=ColumnRule)
    columns: tuple[tuple[str, ColumnRule], ...] = ()

    def rule_of(self, name: str) -> ColumnRule | None:
        """Return the rule given for a column by its name, or None."""
        return dict(self.columns).get(name)


AUTO_CODE = CodeSpec("auto")
"""The code of a table by default."""


def parse_spec(text: str) -> CodeSpec:
    """Read a specification such as ``quantile:7,age=tree:4,size=ordinal:S<M<L``."""
    rule = ColumnRule()
    columns: list[tuple[str, ColumnRule]] = []
    texts: list[str] = []
    for place, part in enumerate(text.split(",")):
        name, equals, told = part.rpartition("=")
        if not equals and place:
            raise UsageError(
                f"code {text[:40]!r}: expected COLUMN=RULE after a comma, got {part[:40]!r}"
            )
        one, normal = _rule(f"code {text[:40]!r}", told.strip())
        if not equals:
            rule = one
            texts.append(normal)
        elif not name.strip() or name.strip() in dict(columns):
            raise UsageError(f"code {text[:40]!r}: expected different columns, got {part[:40]!r}")
        else:
            columns.append((name.strip(), one))
            texts.append(f"{name.strip()}={normal}")
    return CodeSpec(",".join(texts), rule, tuple(columns))


def _rule(what: str, text: str) -> tuple[ColumnRule, str]:
    name, _, argument = (part.strip() for part in text.partition(":"))
    name = name.lower()
    limits = {
        "quantile": MAX_STEPS,
        "tree": MAX_STEPS,
        "thermometer": MAX_STEPS,
        "levels": MAX_LEVELS,
        "binary": MAX_LEVELS.bit_length(),
    }
    if name in limits:
        number = whole_number(what, argument, 1, limits[name])
        return ColumnRule(name, number), f"{name}:{number}"
    if name == "threshold":
        try:
            threshold = float(argument)
        except ValueError:
            threshold = math.nan
        if not math.isfinite(threshold):
            raise UsageError(f"{what}: expected a number as threshold, got {argument[:40]!r}")
        return ColumnRule(name, threshold=threshold), f"{name}:{threshold:g}"
    if name == "ordinal":
        words = tuple(word.strip() for word in argument.split("<")) if argument else ()
        if words and (len(words) < 2 or len(set(words)) < len(words) or "" in words):
            raise UsageError(
                f"{what}: expected categories such as S<M<L after ordinal, got {argument[:40]!r}"
            )
        return ColumnRule(name, words=words), f"{name}:{argument}" if words else name
    if name in ("auto", "onehot", "skip") and not argument:
        return ColumnRule(name), name
    raise UsageError(f"{what}: expected {RULES}, got {text[:40]!r}")


def fit_code(
    columns: Sequence[TableColumn],
    ports: Sequence[str],
    values: NDArray[np.float64],
    targets: NDArray[np.float64],
    spec: CodeSpec,
    *,
    missing: str = IMPUTE,
    source: str = "",
    constant: bool = False,
) -> tuple[TableCode, list[str]]:
    """Choose a code.

    Parameters
    ----------
    ports
        Name of the port of each column.
    values, targets
        Of the training rows: ``(rows, columns)`` float64, NaN where missing, and ``(rows, outputs)`` 0/1, NaN
        where a target does not matter.
    source
        Names the table in messages.
    constant
        Whether constant rows have a code: one bit of the first column, without information.

    Returns
    -------
    The code, and a note for each column that it skips.

    Raises
    ------
    UsageError
        If the rule given for a column does not fit it, or no column has that name.
    DataError
        If a column without a rule has a few words among numbers, or too many categories.
    """
    known = {column.name for column in columns}
    for name, _ in spec.columns:
        if name not in known:
            listed = ", ".join(column.name for column in columns[:20])
            raise UsageError(f"{source}: no column {shown(name, 40)}; columns are: {listed}")
    made, notes = [], []
    for place, column in enumerate(columns):
        told = spec.rule_of(column.name)
        found, note = _column_code(
            column, ports[place], values[:, place], targets, told, spec.rule, source
        )
        made.append(found)
        if note:
            notes.append(f"{column.name}: {note}, not used")
    code = TableCode(spec.text, tuple(made), missing)
    if not code.width and constant:
        first = _constant_code(columns[0], ports[0], values[:, 0])
        return replace(code, columns=(first, *code.columns[1:])), notes
    if not code.width:
        raise DataError("expected a column that is not the same in all rows, got none", source)
    return code, notes


def _column_code(
    column: TableColumn,
    port: str,
    values: NDArray[np.float64],
    targets: NDArray[np.float64],
    told: ColumnRule | None,
    common: ColumnRule,
    source: str,
) -> tuple[ColumnCode, str]:
    """Return the code of a column, and why it is skipped if it is."""
    known = ~np.isnan(values)
    if told is not None and told.name == "skip":
        return ColumnCode(column.name, SKIP), ""
    if told is None and column.doubt:
        raise _column_error(
            source,
            column,
            f"{column.doubt}; `code` with "
            f"{column.name}=onehot treats all its cells as categories, {column.name}=skip omits it",
        )
    if not known.any():
        return ColumnCode(column.name, SKIP), "it has no value in the training rows"
    if len(np.unique(values[known])) == 1:
        return ColumnCode(column.name, SKIP), "all its values in the training rows are the same"
    wants_words = told is not None and told.name in ("onehot", "ordinal")
    if column.categories is not None or wants_words:
        return _words_code(column, port, values[known], told, source), ""
    rule = told or common
    return _number_code(column, port, values[known], targets[known], rule), ""


def _constant_code(column: TableColumn, port: str, values: NDArray[np.float64]) -> ColumnCode:
    """Return one bit of a constant column, if it has known values."""
    known = values[~np.isnan(values)]
    value = float(known[0]) if known.size else 0.0
    if column.categories:
        words = (column.categories[int(value)],)
        return ColumnCode(column.name, WORDS, port, categories=words, fill=words[0])
    return ColumnCode(column.name, STEPS, port, thresholds=(value,), fill=value)


def _column_error(source: str, column: TableColumn, message: str) -> DataError:
    return DataError(f"column {shown(column.name, 40)}: {message}", source or None)


def _words_code(
    column: TableColumn,
    port: str,
    values: NDArray[np.float64],
    told: ColumnRule | None,
    source: str,
) -> ColumnCode:
    """Return the code of categories: those that the rows have, one-hot unless they have an order."""
    used, counts = np.unique(values, return_counts=True)
    if column.categories is None:
        words = tuple(word_of(number) for number in used.tolist())
    else:
        words = tuple(column.categories[int(place)] for place in used)
    if told is not None and told.name not in ("onehot", "ordinal", "auto"):
        raise UsageError(
            f"{source}: column {shown(column.name, 40)}: `code` {told.name} is for numbers, this column has "
            f"words such as {shown(words[0], 40)}"
        )
    if told is None and len(words) > MAX_WORDS:
        raise _column_error(
            source,
            column,
            f"expected at most {MAX_WORDS} categories, got {len(words)} in {plural(len(values), 'row')}; "
            f"`code` with {column.name}=skip omits the column, {column.name}=onehot takes them all",
        )
    fill = words[int(counts.argmax())]
    kind = WORDS
    if told is None or told.name == "auto":
        kind = ORDER if column.ordered else WORDS
    elif told.name == "ordinal":
        kind = ORDER
        if told.words:
            strange = set(words) - set(told.words)
            if strange:
                raise UsageError(
                    f"{source}: column {shown(column.name, 40)}: the order lacks "
                    f"{shown(min(strange), 40)}, which occurs in the column"
                )
            words = told.words
    if kind == ORDER and len(words) == 2:
        kind = WORDS
    return ColumnCode(column.name, kind, port, categories=words, fill=fill)


def _number_code(
    column: TableColumn,
    port: str,
    values: NDArray[np.float64],
    targets: NDArray[np.float64],
    rule: ColumnRule,
) -> ColumnCode:
    fill = float(np.sort(values)[(len(values) - 1) // 2])
    low, high = float(values.min()), float(values.max())
    if rule.name in ("binary", "levels"):
        levels = (1 << rule.number) - 1 if rule.name == "binary" else rule.number
        return ColumnCode(column.name, LEVELS, port, low=low, high=high, levels=levels, fill=fill)
    if rule.name == "threshold":
        thresholds: tuple[float, ...] = (rule.threshold,)
    elif rule.name == "thermometer":
        steps = (np.arange(rule.number) + 0.5) / rule.number
        thresholds = tuple(dict.fromkeys((low + steps * (high - low)).tolist()))
    elif rule.name == "tree":
        thresholds = _tree_thresholds(values, targets, rule.number)
    else:
        count = rule.number if rule.name == "quantile" else _QUANTILES
        thresholds = _quantile_thresholds(values, count)
    return ColumnCode(column.name, STEPS, port, thresholds=thresholds, fill=fill)


def _quantile_thresholds(values: NDArray[np.float64], count: int) -> tuple[float, ...]:
    """Return up to this many thresholds with about equally many values between any two."""
    different, counts = np.unique(values, return_counts=True)
    below = np.cumsum(counts)[:-1]  # values below each place for a threshold
    wanted = np.arange(1, count + 1) * len(values) / (count + 1)
    after = np.clip(np.searchsorted(below, wanted), 0, len(below) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(below[before] - wanted) <= np.abs(below[after] - wanted)
    places = np.unique(np.where(nearer, before, after))
    if len(below) <= count:
        places = np.arange(len(below))
    return tuple(between(different[place], different[place + 1]) for place in places)


def _tree_thresholds(
    values: NDArray[np.float64], targets: NDArray[np.float64], count: int
) -> tuple[float, ...]:
    """Return up to this many thresholds, each with the largest reduction of the impurity of the targets.

    The impurity of an interval is the sum over outputs of ``n p (1 - p)``: Gini's, for classes.
    """
    order = np.argsort(values, kind="stable")
    ascending, wanted = values[order], targets[order]
    care = ~np.isnan(wanted)
    start = np.zeros((1, wanted.shape[1]))
    ones = np.concatenate([start, np.cumsum(np.where(care, wanted, 0), axis=0)])
    seen = np.concatenate([start, np.cumsum(care, axis=0)])
    cuts = np.flatnonzero(ascending[1:] > ascending[:-1]) + 1

    def impurity(
        first: NDArray[np.intp] | int, last: NDArray[np.intp] | int
    ) -> NDArray[np.float64]:
        n, p = seen[last] - seen[first], ones[last] - ones[first]
        return np.asarray((p - p * p / np.maximum(n, 1)).sum(axis=-1))

    def best(first: int, last: int) -> tuple[float, int]:
        """Return the gain of the best cut of an interval of rows, and its place."""
        inside = cuts[(cuts > first) & (cuts < last)]
        if not inside.size:
            return 0.0, -1
        gains = impurity(first, last) - impurity(first, inside) - impurity(inside, last)
        place = int(gains.argmax())
        return float(gains[place]), int(inside[place])

    parts = [(*best(0, len(values)), 0, len(values))]
    found: list[int] = []
    while len(found) < count:
        gain, cut, first, last = max(parts, key=lambda part: (part[0], -part[2]))
        if gain <= 1e-12:
            break
        parts.remove((gain, cut, first, last))
        found.append(cut)
        parts += [(*best(first, cut), first, cut), (*best(cut, last), cut, last)]
    if not found:  # of no use alone, but maybe with others
        return _quantile_thresholds(values, 1)
    return tuple(between(ascending[cut - 1], ascending[cut]) for cut in sorted(found))


def between(low: float, high: float) -> float:
    """Return the number with the fewest digits in the middle half of an interval; `high` if there is none."""
    middle, near = low + (high - low) / 2, (high - low) / 4
    for digits in range(1, 17):
        number = float(f"{middle:.{digits}g}")
        if low < number <= high and abs(number - middle) <= near:
            return number
    return float(high)
