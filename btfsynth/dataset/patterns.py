"""Operations on patterns: contradictions, random samples, and matching to given columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, OutputKind, with_classes
from btfsynth.errors import DataError, UsageError, plural
from btfsynth.ports import Port, bit_names
from btfsynth.settings.table import Conflicts

_WORD_BYTES = 8
_FEW_WORDS = 4
"""Maximum words of a row for sorting by all of them."""


def group_rows(rows: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number equal rows of ``(rows, columns)`` uint8 0/1, float32 or float64 alike; NaN is equal to NaN.

    Returns ``(rows,)`` intp, the group of each row, numbered in order of first appearance, and ``(groups,)``
    intp, the first row of each group.
    """
    count = len(rows)
    words = _words(rows)
    # lexsort is stable, so the first of a run of equal rows is the first one in the file too.
    order = _sorted(words) if words.shape[1] else np.arange(count)
    starts = np.ones(count, dtype=np.bool_)
    starts[1:] = np.any(words[order[1:]] != words[order[:-1]], axis=1)
    first = order[starts]
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    groups = np.empty(count, dtype=np.intp)
    groups[order] = rank[np.cumsum(starts) - 1]
    return groups, np.sort(first)


def _sorted(words: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return an order of rows, ``(rows, words)``, in which equal ones are adjacent, in their original order.

    Rows of many words are sorted by sums with odd multipliers or, if different rows have equal sums, by all
    words.
    """
    if words.shape[1] <= _FEW_WORDS:
        return np.lexsort(words.T)
    random = np.random.default_rng(0)
    factors = random.integers(0, 2**63, (words.shape[1], 2), dtype=np.uint64) * 2 + 1
    sums = np.stack([(words * factor).sum(axis=1) for factor in factors.T])
    order = np.lexsort(sums)
    alike = (sums[:, order[1:]] == sums[:, order[:-1]]).all(axis=0)
    rows = np.flatnonzero(alike)
    same = (words[order[rows + 1]] == words[order[rows]]).all()
    return order if same else np.lexsort(words.T)


def _words(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """Pack every row into the minimum number of 64-bit words."""
    if rows.dtype.kind == "f":
        zero = rows.dtype.type(0)  # -0.0 becomes 0.0
        raw = np.ascontiguousarray(rows + zero).view(np.uint8)
    else:
        raw = np.packbits(rows, axis=1)
    raw = raw.reshape(len(rows), -1)
    padded = np.zeros((len(rows), -(-raw.shape[1] // _WORD_BYTES) * _WORD_BYTES), dtype=np.uint8)
    padded[:, : raw.shape[1]] = raw
    return padded.view(np.uint64)


def find_contradiction(
    dataset: Dataset,
    path: str | Path | None = None,
    line_of: Callable[[int], int] | None = None,
) -> DataError | None:
    """Return the error for the first two patterns with equal inputs and different targets, None without.

    Don't-cares do not contradict other targets. `line_of` gives the line of a pattern in the file; without
    it, patterns are counted from 1.
    """
    groups, first = group_rows(dataset.inputs)
    if len(first) == dataset.n_patterns or not dataset.n_inputs:
        return None
    for output, name in enumerate(bit_names(dataset.output_ports)):
        care, wanted = dataset.care_mask[:, output], dataset.targets[:, output]
        rows = [np.flatnonzero(care & (wanted == value)) for value in (0, 1)]
        both = np.intersect1d(groups[rows[0]], groups[rows[1]])
        if both.size:
            zero, one = (int(each[groups[each] == both[0]][0]) for each in rows)
            return contradiction((zero, one), name, path, line_of)
    return None


def with_contradiction(
    dataset: Dataset, path: str | Path | None, line_of: Callable[[int], int] | None = None
) -> Dataset:
    """Return the patterns of a file with the error for their first contradiction, if there is one."""
    return replace(dataset, contradiction=find_contradiction(dataset, path, line_of))


def contradiction(
    rows: tuple[int, int],
    name: str,
    path: str | Path | None,
    line_of: Callable[[int], int] | None,
) -> DataError:
    """Describe the contradiction of two patterns, the one that asks for 0 first."""
    (one, earlier), (two, later) = sorted((row, value) for value, row in enumerate(rows))
    if line_of is None:
        return DataError(
            f"patterns {one + 1} and {two + 1} contradict each other: the same inputs, but output "
            f"{name} is {earlier} in the first and {later} in the second",
            path,
        )
    line_one, line_two = line_of(one), line_of(two)
    return DataError(
        f"contradicts line {line_one}: the same inputs, but output {name} is {earlier} there and "
        f"{later} here",
        path,
        line_two,
    )


# Random parts of a data set, and validation patterns matched to its columns.


def sample(dataset: Dataset, n: int, seed: int) -> Dataset:
    """Draw patterns without replacement; the same seed gives the same patterns in the same order.

    The other vectors are unknown, not don't-cares.
    """
    if not isinstance(n, (int, np.integer)) or not 1 <= n <= dataset.n_patterns:
        raise UsageError(
            f"sample of {n!r}: expected 1 to {dataset.n_patterns} patterns, as {dataset.source} has"
        )
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UsageError(f"sample with seed {seed!r}: expected a whole number of at least 0")
    rows = np.random.default_rng(seed).permutation(dataset.n_patterns)[:n]
    return replace(
        dataset.select(rows),
        source=f"{dataset.source} (sample of {n}, seed {seed})",
        unlisted_dont_care=False,
    )


def matched(valid: Dataset, dataset: Dataset, n_inputs: int | None = None) -> Dataset:
    """Return patterns held out with their columns in the order of the training data.

    Columns go by their names where both data sets have the same ones, in whatever order, else by their
    places: not every format keeps names.
    """
    valid = with_classes(valid, dataset.classes, dataset.output_ports, dataset.source)
    inputs = dataset.n_inputs if n_inputs is None else n_inputs
    for label, wanted, given in (
        ("inputs", inputs, valid.n_inputs),
        ("outputs", dataset.n_outputs, valid.n_outputs),
    ):
        if wanted != given:
            raise UsageError(
                f"`valid`: expected {wanted} {label}, as {dataset.source} has, got the {given} of "
                f"{valid.source}"
            )
    if not valid.care_mask.any():
        raise UsageError(
            f"`valid`: every target of {valid.source} is a don't-care: nothing to measure"
        )
    return by_name(valid, dataset.input_ports, dataset.output_ports, dataset.source)


def by_name(valid: Dataset, inputs: Sequence[Port], outputs: Sequence[Port], where: str) -> Dataset:
    """Return patterns with their columns in the order of ports that have the same names."""
    in_order = _order(inputs, valid.input_ports)
    out_order = _order(outputs, valid.output_ports)
    moved = [
        label
        for label, order in (("inputs", in_order), ("outputs", out_order))
        if order is not None
    ]
    if in_order is not None:
        columns = tuple(valid.columns[place] for place in in_order) if valid.columns else ()
        valid = replace(
            valid,
            inputs=valid.inputs[:, in_order],
            input_ports=tuple(inputs),
            columns=columns,
        )
    if out_order is not None:
        valid = replace(
            valid,
            targets=valid.targets[:, out_order],
            care=valid.care_mask[:, out_order],
            output_ports=tuple(outputs),
        )
    if not moved:
        return valid
    notice = f"{valid.source}: {' and '.join(moved)} are in another order than in {where}; matched by name"
    return replace(valid, notices=(*valid.notices, notice))


def _order(wanted: Sequence[Port], given: Sequence[Port]) -> list[int] | None:
    """Return the column of every required bit; None if the columns keep their order."""
    names, places = bit_names(wanted), bit_names(given)
    if names == places or len(set(names)) < len(names) or set(names) != set(places):
        return None
    column = {name: place for place, name in enumerate(places)}
    return [column[name] for name in names]


# Patterns with the same inputs and different targets: refused, decided by majority, dropped or kept.

_REMEDY = "; `conflicts=majority` takes the more frequent target, drop and keep are other rules"


class _Votes(NamedTuple):
    """Targets of groups of patterns with equal inputs; ``(patterns, outputs)`` bool except the first field."""

    clash: NDArray[np.bool_]  # (patterns,) bool: where some other pattern contradicts
    wins: NDArray[np.bool_]  # the target that more of them ask for
    tied: NDArray[np.bool_]  # where as many ask for another one
    counted: NDArray[np.bool_]  # where the target matters


def settled(dataset: Dataset, rule: Conflicts) -> Dataset:
    """Return the patterns with their conflicts settled by a rule; a notice counts the changes.

    A class is one target: the most frequent one wins. Ties become don't-cares. `KEEP` sets `contradiction`,
    which the caller may show.

    Raises
    ------
    DataError
        If patterns contradict each other and the rule is `ERROR`, or no pattern is left.
    """
    error = dataset.contradiction or find_contradiction(dataset)
    if error is None:
        return dataset
    if rule is Conflicts.ERROR:
        raise _with_remedy(error)
    groups, first = group_rows(dataset.inputs)
    count = _label_votes if dataset.output_kind is OutputKind.LABEL else _bit_votes
    votes = count(dataset, groups, len(first))
    clashing = int(votes.clash.sum())
    if not clashing:  # those that did were not selected
        return replace(dataset, contradiction=None)
    said = (
        f"{clashing} of {plural(dataset.n_patterns, 'pattern')} have the inputs of a pattern with other "
        "targets"
    )
    if rule is Conflicts.KEEP:
        notice = f"{said}; they are kept, and no circuit fits them all"
        return replace(dataset, contradiction=error, notices=(*dataset.notices, notice))
    if rule is Conflicts.DROP:
        rows = np.flatnonzero(~votes.clash)
        if not rows.size:
            raise DataError(f"{dataset.source}: every pattern contradicts another: none is left")
        notices = (*dataset.notices, f"{said}; they are dropped")
        return replace(dataset.select(rows), contradiction=None, notices=notices)
    return _by_majority(dataset, votes, said)


def _with_remedy(error: DataError) -> DataError:
    made = copy(error)
    made.args = (f"{error}{_REMEDY}",)
    return made


def _by_majority(dataset: Dataset, votes: _Votes, said: str) -> Dataset:
    wins = votes.wins.astype(np.uint8)
    targets = np.where(votes.counted & ~votes.tied, wins, dataset.targets)
    care = votes.counted & ~votes.tied
    changed = (targets != dataset.targets).any(axis=1)
    tied = (votes.tied & votes.counted).any(axis=1)
    notice = (
        f"{said}; {plural(int(changed.sum()), 'pattern')} got the more frequent targets, "
        f"{int(tied.sum())} in a tie do not matter"
    )
    return replace(
        dataset,
        targets=targets,
        care=care,
        contradiction=None,
        notices=(*dataset.notices, notice),
    )


def _counts(groups: NDArray[np.intp], size: int, rows: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Count marked rows, ``(rows, columns)`` bool, by their group: ``(size, columns)``."""
    return np.stack([np.bincount(groups[column], minlength=size) for column in rows.T], axis=1)


def _bit_votes(dataset: Dataset, groups: NDArray[np.intp], size: int) -> _Votes:
    care, on = dataset.care_mask, dataset.targets == 1
    ones, zeros = (_counts(groups, size, care & each) for each in (on, ~on))
    clash = np.asarray(((ones > 0) & (zeros > 0)).any(axis=1))
    tied = (ones == zeros) & (ones > 0)
    return _Votes(clash[groups], (ones > zeros)[groups], tied[groups], care)


def _label_votes(dataset: Dataset, groups: NDArray[np.intp], size: int) -> _Votes:
    care = dataset.care_mask.all(axis=1, keepdims=True)
    votes = _counts(groups, size, care & (dataset.targets == 1))
    most = votes.max(axis=1, keepdims=True)
    leaders = ((votes == most) & (most > 0)).sum(axis=1, keepdims=True)
    clash = np.asarray((votes > 0).sum(axis=1) > 1)
    wins = np.arange(votes.shape[1]) == votes.argmax(axis=1)[:, None]
    tied = np.repeat(leaders > 1, votes.shape[1], axis=1)
    return _Votes(clash[groups], wins[groups], tied[groups], dataset.care_mask)
