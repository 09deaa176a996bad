"""Majority votes of circuits, chosen greedily on the validation samples.

Caruana et al., Ensemble selection from libraries of models, ICML 2004: from the best circuit on, the two
votes that help most are added, the same circuit again or others, as long as they help and the whole fits the
limits. Votes are odd in number, so that there are no ties.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from btfsynth.errors import plural
from btfsynth.learn.base import Fit, Problem, inlined, new_builder
from btfsynth.learn.boosting import lower_vote
from btfsynth.learn.candidates import Candidate, rank
from btfsynth.netlist.simulation import unpack_bits

__all__ = ["vote"]

_MEMBERS = 24
"""Circuits that are considered."""
_VOTES = 21
_GATE_ANDS = 12
"""AND nodes that a vote adds to those of the circuits."""
_WORTH = 2
"""Validation samples that two more votes have to bring."""


def vote(problem: Problem, candidates: list[Candidate]) -> Fit | None:
    """Return the best vote, None if none is better than the best circuit alone.

    Parameters
    ----------
    problem
        What the circuits are to solve.
    candidates
        The circuits.
    """
    members = _different(rank(candidates))[:_MEMBERS]
    if len(members) < 3 or members[0].valid_right == problem.valid.count:
        return None
    signs = np.stack([_signs(each, problem.valid.count) for each in members])
    target = problem.valid.on
    votes = [0]
    total = signs[0]
    right = members[0].valid_right
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
    if len(votes) == 1:
        return None
    return _fit(problem, members, votes)


def _different(candidates: list[Candidate]) -> list[Candidate]:
    """Return candidates without those that say the same as one before on all validation samples."""
    kept: dict[bytes, Candidate] = {}
    for each in candidates:
        kept.setdefault(each.valid_words.tobytes(), each)
    return list(kept.values())


def _signs(candidate: Candidate, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    bits = unpack_bits(candidate.valid_words[None, :], count)[:, 0]
    return 2 * bits.astype(np.int16) - 1


def _ands(members: list[Candidate], votes: list[int]) -> int:
    """Return about how many AND nodes a vote takes."""
    return sum(members[k].ands for k in set(votes)) + _GATE_ANDS * len(votes)


def _fit(problem: Problem, members: list[Candidate], votes: list[int]) -> Fit:
    builder = new_builder(problem)
    inputs = [builder.input(i) for i in range(builder.n_inputs)]
    chosen = sorted(set(votes))
    literals = [inlined(builder, members[k].netlist, inputs)[0] for k in chosen]
    literal = lower_vote(builder, literals, [votes.count(k) for k in chosen])
    kinds: dict[str, int] = {}
    for k in chosen:
        kinds[members[k].learner] = kinds.get(members[k].learner, 0) + 1
    how = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return Fit("vote", f"{plural(len(votes), 'vote')} of {how}", builder.build([literal]))
