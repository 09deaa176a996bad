"""Networks of votes: small threshold neurons, each trained on the errors of the sum of those before it.

Reflect-reflect-relax searches for weights with which every target is correct. For noisy data with many patterns
there are none, and it settles far from the best network. A sum of many small neurons is better: every output
counts the votes of hidden neurons with at most a few inputs and weights of -1 or 1, and outputs are compared by
their counts. In hardware a vote is one lookup table and one input of a counter, and no weight needs rounding.

Votes come in rounds, one for every output. With the counts ``s`` of a pattern, its outputs have probability
``softmax(rate s)`` (of bits, each the logistic function of its own ``rate s``), and the vote of a round is the
neuron that agrees best with the residual, target less probability: gradient boosting (J. Friedman, Annals of
Statistics 29, 1189 (2001)) with steps of one size, so that the counts are whole numbers. Every round uses a
random share of the inputs, and of the rows if there are many, which makes the votes more diverse (L. Breiman,
Machine Learning 45, 5 (2001)). A neuron is built input by input, each time with the input for which the best
threshold of the sum agrees best.

Residuals are rounded to whole numbers whose sums are exact in single precision, so results do not depend on the
order in which a linear algebra library adds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.errors import TrainingError, UsageError
from btfsynth.network.network import Topology

_EXACT_SUMS = 2.0**23
"""Below this number, all whole numbers are exact in single precision."""
_ROWS_A_ROUND = 16_384
_LEAST_COLUMNS = 24
_GAIN = 1.001
"""Minimum improvement of a neuron by an input."""
_LEARNT = 1e-4
"""Mean residual of a target below which there is nothing left to learn."""
_MOST_BYTES = 8 << 30
_FOLDS = 4
_LEAST_PATTERNS, _MANY_PATTERNS = 24, 8_000
"""Minimum patterns for cross-fitting, and for cross-fitting with a single part."""

Reals = NDArray[np.float64]
Counts = NDArray[np.int32]


class Vote(NamedTuple):
    """A neuron over -1/+1 inputs: it fires where the sum of weight times input is above the threshold."""

    inputs: tuple[int, ...]  # numbers of the inputs, rising
    weights: tuple[int, ...]  # -1 or 1 each, the first is 1
    threshold: int  # odd where the sum is even, so that no sum is equal to it


@dataclass(frozen=True)
class VoteOptions:
    """How votes are trained; see the module's docstring."""

    fan_in: int = 6
    rate: float = 0.3
    share: float = 1.0  # of the inputs, that a round looks at
    # What an input has to add to the agreement of a neuron, in standard deviations of a sum of residuals
    caution: float = 1.0


@dataclass(frozen=True, eq=False)
class Votes:
    """Rounds of votes: of every output the neuron and whether it counts 1 or -1 where it fires."""

    n_inputs: int
    n_outputs: int
    bias: tuple[int, ...]  # what the counts of the outputs begin with
    rounds: tuple[tuple[tuple[Vote, int], ...], ...]
    rate: float
    # What is right of the training and of the validation patterns after 0, 1, ... rounds: classes, else bits.
    # No items where there is no validation set.
    seen: tuple[int, ...] = ()
    held: tuple[int, ...] = ()

    def first(self, rounds: int) -> Votes:
        """Return the votes of the first rounds."""
        cut = slice(rounds + 1)
        return Votes(
            self.n_inputs,
            self.n_outputs,
            self.bias,
            self.rounds[:rounds],
            self.rate,
            self.seen[cut],
            self.held[cut],
        )

    def smallest(self, loss: float = 0.0) -> int:
        """Return the fewest rounds with at most `loss` fewer correct patterns than the best.

        `loss` counts patterns of the validation set, or of the training set if there is none.
        """
        right = np.array(self.held or self.seen)
        return int(np.flatnonzero(right >= right.max() - loss)[0])

    def topology(self) -> tuple[Topology, NDArray[np.float32]]:
        """Return the graph and its weights: equal votes become one neuron, weighted by their count."""
        numbers: dict[Vote, int] = {}
        counts: list[dict[int, int]] = [{} for _ in range(self.n_outputs)]
        for votes in self.rounds:
            for output, (vote, sign) in enumerate(votes):
                number = numbers.setdefault(vote, len(numbers))
                counts[output][number] = counts[output].get(number, 0) + sign
        used = {number for output in counts for number, count in output.items() if count}
        kept = [vote for vote, number in numbers.items() if number in used]
        place = {numbers[vote]: k for k, vote in enumerate(kept)}
        rows: list[tuple[list[int], list[int]]] = []
        for vote in kept:
            rows.append(([0, *(1 + k for k in vote.inputs)], [vote.threshold, *vote.weights]))
        for output, counted in enumerate(counts):
            terms = sorted((place[number], count) for number, count in counted.items() if count)
            sources = [0, *(1 + self.n_inputs + k for k, _ in terms)]
            rows.append((sources, [-self.bias[output], *(count for _, count in terms)]))
        starts = np.cumsum([0, *(len(sources) for sources, _ in rows)])
        graph = Topology(
            self.n_inputs,
            self.n_outputs,
            starts.astype(np.int32),
            np.array([node for sources, _ in rows for node in sources], dtype=np.int32),
        )
        weights = np.array([weight for _, weights in rows for weight in weights], dtype=np.float32)
        return graph, weights


def bytes_needed(patterns: int, inputs: int, outputs: int, fan_in: int) -> int:
    """Return the maximum memory of `train_votes` in bytes."""
    rows = min(patterns, _ROWS_A_ROUND)
    once = 5 * patterns * inputs  # 0/1 in single precision and as they are given
    a_round = 4 * rows * inputs + 4 * (rows + 6 * inputs) * outputs * (fan_in + 1)
    return once + a_round + 48 * patterns * outputs


def train_votes(
    dataset: Dataset,
    rounds: int,
    options: VoteOptions,
    seed: Sequence[int],
    *,
    valid: Dataset | None = None,
    patience: int | None = None,
    deadline: float | None = None,
) -> Votes:
    """Train up to this many rounds of votes on Boolean data.

    With `patience`, training ends after this many rounds without improvement on the validation set or, without
    one, on the patterns themselves. `deadline` is a value of `time.monotonic`; one round is always trained.
    Memory is checked before it is allocated.
    """
    if dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected Boolean inputs to train votes on, got "
            f"{dataset.input_kind.value} ones; a `code` makes bits of them"
        )
    needed = bytes_needed(dataset.n_patterns, dataset.n_inputs, dataset.n_outputs, options.fan_in)
    if needed > _MOST_BYTES:
        raise TrainingError(
            f"{dataset.source}: {dataset.n_patterns} patterns of {dataset.n_inputs} bits take "
            f"{needed / 2**30:.1f} GB, expected at most {_MOST_BYTES / 2**30:.0f}; train on fewer patterns "
            "or give a code of fewer bits"
        )
    grower = _Grower(dataset, options, seed)
    watch = grower.patterns if valid is None else _Patterns(valid, grower.bias)
    seen, held = [grower.patterns.right()], [watch.right()]
    made: list[tuple[tuple[Vote, int], ...]] = []
    best = 0
    for number in range(1, rounds + 1):
        residual = grower.patterns.residual(options.rate)
        left = float(np.abs(residual).mean(axis=0).max())
        if number > 1 and left < _LEARNT / (dataset.n_outputs if grower.patterns.classes else 1):
            break
        votes = grower.round(residual)
        made.append(votes)
        grower.patterns.count(votes)
        if watch is not grower.patterns:
            watch.count(votes)
        seen.append(grower.patterns.right())
        held.append(watch.right())
        if held[-1] > held[best]:
            best = number
        if patience is not None and number - best >= patience:
            break
        if deadline is not None and time.monotonic() > deadline:
            break
    return Votes(
        dataset.n_inputs,
        dataset.n_outputs,
        tuple(grower.bias.tolist()),
        tuple(made),
        options.rate,
        tuple(seen),
        () if valid is None else tuple(held),
    )


def cross_fitted(
    dataset: Dataset,
    rounds: int,
    options: VoteOptions,
    seed: Sequence[int],
    *,
    loss: float = 0.0,
    fewest: bool = True,
    patience: int = 60,
    deadline: float | None = None,
) -> int:
    """Return the best number of rounds of votes, up to a limit, by cross-fitting.

    This is the smallest number whose accuracy on held-out patterns is at most `loss` below the best.

    Each of a few parts of the patterns is held out once, or only one part if there are many patterns. If there
    are too few to hold any out, the number is that after which no more patterns become correct. The patterns
    must be the original ones: if conflicts were settled before, the same noise would be on both sides.
    """
    parts = _parts(
        dataset, np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(seed))))
    )
    if not parts:
        return max(1, train_votes(dataset, rounds, options, seed, deadline=deadline).smallest())
    held = np.zeros(rounds + 1, dtype=np.int64)
    for part in parts:
        rest = np.setdiff1d(np.arange(dataset.n_patterns), part)
        votes = train_votes(
            dataset.select(rest),
            rounds,
            options,
            seed,
            valid=dataset.select(part),
            patience=patience,
            deadline=deadline,
        )
        held += np.array(votes.held + votes.held[-1:] * (rounds + 1 - len(votes.held)))
    left_out = sum(len(part) for part in parts)
    if parts and dataset.output_kind is not OutputKind.LABEL:
        left_out *= dataset.n_outputs
    good = np.flatnonzero(held >= held.max() - loss * left_out)
    return max(1, int(good[0 if fewest else -1]))


def _parts(dataset: Dataset, random: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return the rows of each held-out part, with its share of every target."""
    if dataset.n_patterns < _LEAST_PATTERNS:
        return []
    order = random.permutation(dataset.n_patterns)
    order = order[np.lexsort(dataset.targets[order].T)]
    parts = [np.sort(order[k::_FOLDS]) for k in range(_FOLDS)]
    return parts[:1] if dataset.n_patterns > _MANY_PATTERNS else parts


class _Patterns:
    """Patterns with the counts of their outputs so far."""

    def __init__(self, dataset: Dataset, bias: Counts) -> None:
        self.columns = np.ascontiguousarray(dataset.inputs.T).view(np.int8)
        self.goal = dataset.targets.astype(np.float64)
        self.care = dataset.care_mask
        self.classes = dataset.output_kind is OutputKind.LABEL
        self.labels = dataset.targets.argmax(axis=1)
        self.counts: Counts = np.repeat(bias[None], dataset.n_patterns, axis=0)

    def count(self, votes: Sequence[tuple[Vote, int]]) -> None:
        for output, (vote, sign) in enumerate(votes):
            self.counts[:, output] += np.where(fires(vote, self.columns), sign, -sign)

    def right(self) -> int:
        if self.classes:
            return int((self.counts.argmax(axis=1) == self.labels).sum())
        return int((((self.counts > 0) == self.goal) & self.care).sum())

    def residual(self, rate: float) -> Reals:
        """Return target minus probability, ``(patterns, outputs)``, 0 for don't-cares."""
        scaled = rate * self.counts
        if self.classes:
            scaled -= scaled.max(axis=1, keepdims=True)
            probability = np.exp(scaled)
            probability /= probability.sum(axis=1, keepdims=True)
        else:
            probability = 1.0 / (1.0 + np.exp(-np.clip(scaled, -40.0, 40.0)))
        return np.where(self.care, self.goal - probability, 0.0)


def fires(vote: Vote, columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Return ``(patterns,)`` for ``(inputs, patterns)`` 0/1 columns."""
    total = np.full(columns.shape[1], -sum(vote.weights), dtype=np.int32)
    for number, weight in zip(vote.inputs, vote.weights, strict=True):
        total += 2 * weight * columns[number]
    return total > vote.threshold


class _Grower:
    """The training patterns, and the next round of votes for them."""

    def __init__(self, dataset: Dataset, options: VoteOptions, seed: Sequence[int]) -> None:
        self.options = options
        self.random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(seed))))
        share = (dataset.targets * dataset.care_mask).sum(axis=0) + 1.0
        rest = dataset.care_mask.sum(axis=0) + 2.0
        log_odds = np.log(share / rest)
        if dataset.output_kind is OutputKind.LABEL:
            log_odds -= log_odds.mean()
        else:
            log_odds -= np.log1p(-share / rest)
        self.bias: Counts = np.rint(log_odds / options.rate).astype(np.int32)
        self.patterns = _Patterns(dataset, self.bias)
        self.bits = self.patterns.columns.astype(np.float32)

    def round(self, residual: Reals) -> tuple[tuple[Vote, int], ...]:
        """Return the next vote of every output, for ``(patterns, outputs)`` residuals."""
        bits = self.bits
        inputs, patterns = bits.shape
        if patterns > _ROWS_A_ROUND:
            rows = np.sort(self.random.choice(patterns, _ROWS_A_ROUND, replace=False))
            bits, residual = np.ascontiguousarray(bits[:, rows]), residual[rows]
        looked = min(inputs, max(_LEAST_COLUMNS, round(self.options.share * inputs)))
        columns = np.arange(inputs)
        if looked < inputs:
            columns = np.sort(self.random.choice(inputs, looked, replace=False))
            bits = bits[columns]
        size = np.abs(residual).sum(axis=0).max()
        scale = 2.0 ** np.floor(np.log2(_EXACT_SUMS / max(size, 1e-9)))
        whole = np.rint(residual * min(scale, 2.0**20)).astype(np.float32)
        return tuple(
            (vote._replace(inputs=tuple(columns[list(vote.inputs)].tolist())), sign)
            for vote, sign in best_votes(bits, whole, self.options.fan_in, self.options.caution)
        )


def best_votes(
    bits: NDArray[np.float32],
    residual: NDArray[np.float32],
    fan_in: int,
    caution: float = 0.0,
) -> list[tuple[Vote, int]]:
    """Return for every output the neuron that agrees best with its residual, and its sign.

    `bits` is ``(inputs, patterns)`` 0/1, `residual` ``(patterns, outputs)`` whole numbers. A neuron grows by
    one input at a time, as long as that helps.
    """
    inputs, patterns = bits.shape
    outputs = residual.shape[1]
    level = np.zeros((patterns, outputs), dtype=np.intp)  # how many of its literals are true
    open_ = np.ones((outputs, inputs), dtype=np.bool_)
    literals: list[list[tuple[int, int]]] = [[] for _ in range(outputs)]
    best: list[tuple[float, int, int, int]] = [(-np.inf, 0, 0, 1)] * outputs
    doubt = caution * np.sqrt((residual.astype(np.float64) ** 2).sum(axis=0))
    at, every = np.arange(patterns)[:, None], np.arange(outputs)
    for count in range(1, min(fan_in, inputs) + 1):
        parts = np.zeros((patterns, outputs, count), dtype=np.float32)
        parts[at, every, level] = residual
        on = (bits @ parts.reshape(patterns, -1)).reshape(inputs, outputs, count)
        off = parts.sum(axis=0, dtype=np.float64).astype(np.float32) - on
        # Of the sums of residuals by level, with the input or its complement, those above a threshold
        # less those below.
        agreed = np.empty((outputs, inputs, 2, count), dtype=np.float32)
        total = (on + off).sum(axis=2)
        for literal, (raised, kept) in enumerate(((on, off), (off, on))):
            below = kept.copy()
            below[:, :, 1:] += raised[:, :, :-1]
            np.cumsum(below, axis=2, out=below)
            agreed[:, :, literal] = (total[:, :, None] - 2 * below).transpose(1, 0, 2)
        score = np.where(open_[:, :, None, None], np.abs(agreed), -1.0).reshape(outputs, -1)
        place = score.argmax(axis=1)
        chosen, literal_of, threshold = np.unravel_index(place, (inputs, 2, count))
        for output in range(outputs):
            number, complement = int(chosen[output]), int(literal_of[output])
            literals[output].append((number, complement))
            level[:, output] += (bits[number] != complement).astype(np.intp)
            open_[output, number] = False
            found = float(score[output, place[output]])
            if found > _GAIN * best[output][0] + doubt[output]:
                sign = 1 if agreed[output, number, complement, threshold[output]] >= 0 else -1
                best[output] = found, count, int(threshold[output]), sign
    return [_vote(literals[k][: best[k][1]], *best[k][2:]) for k in range(outputs)]


def _vote(literals: Sequence[tuple[int, int]], above: int, sign: int) -> tuple[Vote, int]:
    """Return the neuron that fires where more than `above` literals are true, and the sign of its vote."""
    rising = sorted(literals)
    weights = [-1 if complement else 1 for _, complement in rising]
    threshold = 2 * above + 1 - len(rising)
    if weights[0] < 0:
        weights, threshold, sign = [-weight for weight in weights], -threshold, -sign
    return Vote(tuple(number for number, _ in rising), tuple(weights), threshold), sign
