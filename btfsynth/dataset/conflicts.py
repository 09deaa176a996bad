"""Patterns with the same inputs and different targets: refused, decided by majority, dropped or kept."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.patterns import find_contradiction, group_rows
from btfsynth.errors import DataError, plural
from btfsynth.settings.table import Conflicts

_REMEDY = "; `conflicts=majority` takes the more frequent target, drop and keep are other rules"


class _Votes(NamedTuple):
    """What the patterns of the same inputs ask for; ``(patterns, outputs)`` bool but for the first."""

    clash: NDArray[np.bool_]  # (patterns,) bool: where some other pattern contradicts
    wins: NDArray[np.bool_]  # the target that more of them ask for
    tied: NDArray[np.bool_]  # where as many ask for another one
    counted: NDArray[np.bool_]  # where the target matters


def settled(dataset: Dataset, rule: Conflicts) -> Dataset:
    """Return the patterns with their conflicts settled by a rule; a notice counts what was done.

    A class counts as one target: the most frequent one wins. What is tied does not matter any more. `KEEP`
    leaves `contradiction` for the caller to show.

    Raises
    ------
    DataError
        If patterns contradict each other and the rule is `ERROR`, or none is left.
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
