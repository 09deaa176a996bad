"""Samples of one output: input vectors and the value that the output has on each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.patterns import group_rows
from btfsynth.errors import UsageError
from btfsynth.netlist.simulation import count_ones, pack_bits, valid_words

_VALID_SHARE = 0.25
"""Share of the patterns that is kept to choose between circuits."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples of classes."""

    inputs: NDArray[np.uint8]  # (rows, bits) uint8 0/1
    labels: NDArray[np.int64]  # (rows,) int64

    @property
    def count(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Samples:
    """Input vectors and the values of one output."""

    inputs: NDArray[np.uint8]  # (samples, inputs) uint8 0/1
    on: NDArray[np.bool_]  # (samples,) bool

    @property
    def count(self) -> int:
        return len(self.on)

    @property
    def n_inputs(self) -> int:
        return int(self.inputs.shape[1])

    @cached_property
    def rows(self) -> Rows:
        """The samples as those of the classes 0 and 1."""
        return Rows(self.inputs, self.on.astype(np.int64))

    @cached_property
    def input_words(self) -> NDArray[np.uint64]:
        """``(inputs, words)`` uint64 signatures of the inputs."""
        return pack_bits(self.inputs)

    @cached_property
    def on_words(self) -> NDArray[np.uint64]:
        """``(words,)`` uint64 signature of the output."""
        words: NDArray[np.uint64] = pack_bits(self.on[:, None])[0]
        return words

    def hits(self, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return the samples on which a signature is the output's, both ``(words,)`` uint64."""
        hits: NDArray[np.uint64] = ~(words ^ self.on_words) & valid_words(self.count)
        return hits

    def right(self, words: NDArray[np.uint64]) -> int:
        """Return on how many samples a signature, ``(words,)`` uint64, is the output's."""
        return count_ones(self.hits(words))


def samples_of(dataset: Dataset, output: int) -> Samples:
    """Return the patterns on which an output of a Boolean data set matters."""
    rows = dataset.care_mask[:, output]
    return Samples(
        np.ascontiguousarray(dataset.inputs[rows]), dataset.targets[rows, output].astype(np.bool_)
    )


def check_samples(train: Dataset, others: dict[str, Dataset]) -> None:
    """Refuse data that nothing can be learnt from, or that do not belong together."""
    for dataset in (train, *others.values()):
        if dataset.input_kind is not InputKind.BOOLEAN:
            raise UsageError(
                f"{dataset.source}: expected Boolean inputs to learn a circuit from, got "
                f"{dataset.input_kind.value} ones"
            )
    for name, dataset in others.items():
        for kind in ("input", "output"):
            wanted, given = (getattr(data, f"{kind}_ports") for data in (train, dataset))
            if wanted != given:
                raise UsageError(
                    f"`{name}` {dataset.source}: expected the {kind} ports of {train.source}, "
                    f"{_listed(wanted)}, got {_listed(given)}"
                )
    for name, dataset in (
        ("train", train),
        *((f"`{name}`", each) for name, each in others.items()),
    ):
        silent = np.flatnonzero(~dataset.care_mask.any(axis=0))
        if silent.size:
            raise UsageError(
                f"{name} {dataset.source}: output bit {silent[0] + 1} is a don't-care in every row"
            )


def _listed(ports: tuple[object, ...]) -> str:
    shown = [f"{port.name} ({port.width})" for port in ports[:4]]  # type: ignore[attr-defined]
    return ", ".join(shown) + (", ..." if len(ports) > len(shown) else "")


def split(dataset: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Split patterns at random into those to train on and those to select on.

    Where one part would have no pattern that says anything of some output, the first that does comes over
    from the other.
    """
    count = dataset.n_patterns
    if count < 2:
        raise UsageError(f"{dataset.source}: expected at least 2 patterns to split, got {count}")
    held = min(count - 1, max(1, round(count * _VALID_SHARE)))
    rows = np.random.default_rng(seed).permutation(count)
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[rows[:held]] = True
    for output in range(dataset.n_outputs):
        for part in (True, False):
            _let_speak(dataset, output, chosen, part, rows)
    return dataset.select(np.flatnonzero(~chosen)), dataset.select(np.flatnonzero(chosen))


def _let_speak(
    dataset: Dataset, output: int, chosen: NDArray[np.bool_], part: bool, rows: NDArray[np.int64]
) -> None:
    """Move a pattern into a part that says nothing of an output. Changes chosen."""
    care = dataset.care_mask
    if care[chosen == part, output].any():
        return
    spoken = care[chosen != part].sum(axis=0)  # where a part has one pattern only, that must stay
    spare = care[:, output] & (chosen != part) & ~(care & (spoken == 1)).any(axis=1)
    found = rows[spare[rows]]
    if not found.size:
        raise UsageError(
            f"{dataset.source}: output bit {output + 1} matters in {int(care[:, output].sum())} of "
            f"{dataset.n_patterns} patterns, too few to split; give a "
            "validation set as `valid`"
        )
    chosen[found[0]] = part


def contradicting(one: Dataset, other: Dataset) -> tuple[int, int]:
    """Return how many patterns of another set have inputs that one has, and how many contradict it."""
    rows = np.concatenate([one.inputs, other.inputs])
    groups, first = group_rows(rows)
    place = np.full(len(first), -1)
    place[groups[: one.n_patterns]] = np.arange(one.n_patterns)
    match = place[groups[one.n_patterns :]]
    seen = match >= 0
    differ = one.targets[match[seen]] != other.targets[seen]
    differ &= one.care_mask[match[seen]] & other.care_mask[seen]
    return int(seen.sum()), int(differ.any(axis=1).sum())
