"""Weighted votes: boosted trees, and majority votes of circuits that compete.

`BoostingLearner` is AdaBoost over small trees, the weights rounded to small integers, as one threshold gate
(Freund & Schapire, A decision-theoretic generalization of on-line learning, JCSS 55, 1997). The number of
trees and of their leaves is chosen on the validation samples, among those that fit the limits.

`vote` selects circuits greedily (Caruana et al., Ensemble selection from libraries of models, ICML 2004):
starting with the best circuit, it adds the two most helpful votes, possibly the same circuit again, while they
help and the vote fits the limits. The number of votes is odd, so that there are no ties.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import plural
from btfsynth.learning.base import (
    Features,
    Fit,
    Problem,
    inlined,
    measure_spectrum,
    new_builder,
    with_pairs,
)
from btfsynth.learning.candidates import Candidate, is_worse, rank
from btfsynth.learning.trees import Tree, grow_tree, lower_tree, telling_inputs
from btfsynth.lower.adder import lower_counter
from btfsynth.lower.threshold import ThresholdFunction, pseudo_boolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import pack_bits, unpack_bits

_LEAVES = (8, 32, 128)
_MAX_TREES = 91
_MUX_ANDS = 2
_VOTE_ANDS = 36
"""AND nodes of a leaf, as constants fold and trees share, and of a weighted vote: some three full adders."""
_LARGEST = 7
"""Largest integer that a vote is rounded to."""
_PAIRS = 40
_ALLOWED = 0.6
_FEW = 4
"""Share of the signals that each tree may ask for, so that trees differ, where they are not few."""


@dataclass(frozen=True, eq=False)
class _Round:
    tree: Tree
    weight: float
    held: NDArray[np.bool_]


class BoostingLearner:
    """Fit boosted trees of several sizes, over the inputs and over pairs of them."""

    name: ClassVar[str] = "boosting"

    def fit(self, problem: Problem) -> Iterator[Fit]:
        n = problem.train.n_inputs
        pairs = with_pairs(n, measure_spectrum(problem.train), _PAIRS)
        told = telling_inputs(problem)
        everything = list(range(n))
        variants = [(Features(n), everything, "")]
        some_pairs = plural(len(pairs.gates), "pair")
        if pairs.gates:
            variants.append((pairs, everything, f" over {some_pairs} too"))
        if len(told) < n:
            words = f" over {plural(len(told), 'input')} and {some_pairs}"
            variants.append((pairs, told, words))
        for leaves in _LEAVES:
            for number, (features, inputs, words) in enumerate(variants):
                if problem.budget.over():
                    return
                random = np.random.default_rng((problem.seed, leaves, number))
                signals = np.array([*inputs, *range(n, features.count)], dtype=np.intp)
                rounds = _boost(problem, features, signals, leaves, random)
                chosen, weights = _cut(rounds, problem)
                yield Fit(
                    self.name,
                    f"{plural(len(chosen), 'tree')} of {plural(leaves, 'leaf', 'leaves')}{words}",
                    _netlist(problem, features, chosen, weights),
                )


def _boost(
    problem: Problem,
    features: Features,
    signals: NDArray[np.intp],
    leaves: int,
    random: np.random.Generator,
) -> list[_Round]:
    """Grow trees one after the other, each on the samples that those before it get wrong."""
    columns = features.columns(problem.train.inputs)
    held = features.columns(problem.valid.inputs)
    on = problem.train.on
    weights = np.ones(len(on))
    most = min(_MAX_TREES, problem.limits.ands // (_MUX_ANDS * leaves + _VOTE_ANDS))
    some = len(signals) if len(signals) <= _FEW else round(_ALLOWED * len(signals))
    rounds: list[_Round] = []
    for _ in range(max(1, most)):
        allowed = np.sort(random.permutation(signals)[:some])
        tree = grow_tree(columns, on, weights=weights, max_leaves=leaves, allowed=allowed)
        wrong = tree.predict(columns) != on
        error = float(weights[wrong].sum() / weights.sum())
        if error >= 0.5:
            weights = np.ones(len(on))
            continue
        vote = float(np.log((1 - error) / max(error, 1e-4)))
        rounds.append(_Round(tree, vote, tree.predict(held)))
        if error < 1e-9 or problem.budget.over():
            break
        weights = np.where(wrong, weights * np.exp(vote), weights)
        weights = np.maximum(weights / weights.mean(), 1e-6)
    return rounds


def _cut(rounds: list[_Round], problem: Problem) -> tuple[list[_Round], list[int]]:
    """Return the first trees that do best on the validation samples, and their votes as integers."""
    best: tuple[int, int, list[int]] = (-1, 0, [])
    signs = np.array([np.where(each.held, 1, -1) for each in rounds], dtype=np.int64)
    for count in range(1, len(rounds) + 1):
        weights = _rounded([each.weight for each in rounds[:count]])
        # A tie counts as 0, as the gate has it.
        right = int(((np.array(weights) @ signs[:count] > 0) == problem.valid.on).sum())
        if right > best[0]:
            best = (right, count, weights)
    return rounds[: best[1]], best[2]


def _rounded(weights: list[float]) -> list[int]:
    """Return weights as integers of at most `_LARGEST`, at least 1."""
    return [max(1, round(_LARGEST * weight / max(weights))) for weight in weights]


def _netlist(
    problem: Problem, features: Features, rounds: list[_Round], weights: list[int]
) -> Netlist:
    builder = new_builder(problem)
    literals = features.literals(builder)
    votes = [lower_tree(builder, each.tree, literals) for each in rounds]
    return builder.build([lower_vote(builder, votes, weights)])


def lower_vote(builder: NetlistBuilder, votes: list[int], weights: list[int]) -> int:
    """Build a weighted vote and return its literal: true where those for it outweigh those against."""
    function = ThresholdFunction(tuple(range(len(votes))), tuple(weights), 0)
    return lower_counter(builder, pseudo_boolean(function, votes))


VOTE = "vote"
_MEMBERS = 24
"""Circuits that are considered."""
_VOTES = 21
_GATE_ANDS = 12
"""AND nodes that a vote adds to those of the circuits."""
_WORTH = 2
"""Validation samples that two more votes have to bring."""


def vote(problem: Problem, candidates: list[Candidate]) -> Fit | None:
    """Return the best vote; None if no vote is significantly better than the best circuit alone."""
    members = _different(rank(candidates))[:_MEMBERS]
    if len(members) < 3 or members[0].valid_right == problem.valid.count:
        return None
    signs = np.stack([_signs(each, problem.valid.count) for each in members])
    target = problem.valid.on
    hits = _cross_fitted(problem, members, signs, target)
    votes = _select(problem, members, signs, target)
    if hits is None or len(votes) == 1:
        return None
    return replace(_fit(problem, members, votes), valid_hits=hits)


def _select(
    problem: Problem, members: list[Candidate], signs: NDArray[np.int16], target: NDArray[np.bool_]
) -> list[int]:
    """Select votes on ``(members, samples)`` -1/+1 signs; the best circuit is the first."""
    alone = ((signs > 0) == target).sum(axis=1)
    first = int(alone.argmax())
    votes = [first]
    total, right = signs[first], int(alone[first])
    while len(votes) + 2 <= _VOTES:
        best: tuple[int, int, int] | None = None
        for i, j in combinations_with_replacement(range(len(members)), 2):
            if _ands(members, [*votes, i, j]) > problem.limits.ands:
                continue
            gained = int(((total + signs[i] + signs[j] > 0) == target).sum())
            if best is None or gained > best[0]:
                best = (gained, i, j)
        if best is None or best[0] < right + _WORTH:
            break
        right = best[0]
        votes.extend(best[1:])
        total = total + signs[best[1]] + signs[best[2]]
    return votes


def _cross_fitted(
    problem: Problem, members: list[Candidate], signs: NDArray[np.int16], target: NDArray[np.bool_]
) -> NDArray[np.uint64] | None:
    """Return ``(words,)`` uint64, the samples on which votes selected on the other half are right.

    None unless these are at least two standard errors better than the best circuit alone, because the best of
    many votes also fits the noise of the samples that selected it.
    """
    right = np.zeros((2, len(target)), dtype=np.bool_)
    for fold in range(2):
        chosen, others = slice(fold, None, 2), slice(1 - fold, None, 2)
        votes = _select(problem, members, signs[:, chosen], target[chosen])
        for row, used in enumerate((votes, votes[:1])):
            right[row, others] = (signs[used][:, others].sum(axis=0) > 0) == target[others]
    hits, alone = pack_bits(right.T)
    return hits if is_worse(alone, hits, errors=2) else None


def _different(candidates: list[Candidate]) -> list[Candidate]:
    """Return candidates without those that equal an earlier one on all validation samples."""
    kept: dict[bytes, Candidate] = {}
    for each in candidates:
        kept.setdefault(each.valid_words.tobytes(), each)
    return list(kept.values())


def _signs(candidate: Candidate, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    bits = unpack_bits(candidate.valid_words[None, :], count)[:, 0]
    return 2 * bits.astype(np.int16) - 1


def _ands(members: list[Candidate], votes: list[int]) -> int:
    """Return an estimate of the AND nodes of a vote."""
    return sum(members[k].ands for k in set(votes)) + _GATE_ANDS * len(votes)


def _fit(problem: Problem, members: list[Candidate], votes: list[int]) -> Fit:
    builder = new_builder(problem)
    inputs = [builder.input(i) for i in range(builder.n_inputs)]
    chosen = sorted(set(votes))
    literals = [inlined(builder, members[k].netlist, inputs)[0] for k in chosen]
    literal = lower_vote(builder, literals, [votes.count(k) for k in chosen])
    kinds = Counter(members[k].learner for k in chosen)
    how = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return Fit(VOTE, f"{plural(len(votes), 'vote')} of {how}", builder.build([literal]))
