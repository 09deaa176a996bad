"""Pseudo-Boolean constraints: what a threshold function is once its inputs are literals of a netlist.

``sum of weights[j] * literals[j] >= bound`` over 0/1 literals with positive integer weights (Een and
Soerensson, Translating pseudo-Boolean constraints into SAT, JSAT 2006): the normal form that every way
of building a threshold function starts from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd

from btfsynth.lower.support import ThresholdFunction
from btfsynth.netlist.literals import FALSE, TRUE

__all__ = ["PseudoBoolean", "normal_form", "pseudo_boolean"]


@dataclass(frozen=True)
class PseudoBoolean:
    """True where the weights of the literals that are true sum to the bound or more.

    Parameters
    ----------
    literals
        Each of another node, none constant; by falling weight, and by node where weights are equal.
    weights
        Positive integers, none above the bound.
    bound
        A positive integer, unless the constraint is constant: then there are no literals, and the bound is
        0 for true and 1 for false.
    """

    literals: tuple[int, ...]
    weights: tuple[int, ...]
    bound: int

    @cached_property
    def constant(self) -> int | None:
        """The constant literal that the constraint is, None if it is none."""
        if self.literals:
            return None
        return TRUE if self.bound <= 0 else FALSE


def pseudo_boolean(function: ThresholdFunction, literals: Sequence[int]) -> PseudoBoolean:
    """Bring a threshold function of literals to the normal form.

    Constants are folded, literals of one node are joined, and what no choice of the others can make up
    for, or needs, is cut off.

    Parameters
    ----------
    function
        The function.
    literals
        The literal of every input of the neuron, by its position among the neuron's edges.
    """
    # sum w x > T with x = 2 b - 1 is sum 2 w b >= T + 1 + sum w.
    bound = function.threshold + 1
    weights: dict[int, int] = {}
    for position, weight in zip(function.inputs, function.weights, strict=True):
        literal = literals[position]
        signed = -weight if literal & 1 else weight  # the value of a complement is -x
        bound += signed
        weights[literal >> 1] = weights.get(literal >> 1, 0) + 2 * signed
    weights.pop(FALSE >> 1, None)
    terms: list[tuple[int, int]] = []
    for node, weight in weights.items():
        if weight < 0:  # w b = -|w| + |w| (1 - b)
            bound -= weight
        if weight:
            terms.append((abs(weight), 2 * node + int(weight < 0)))
    return normal_form(terms, bound)


def normal_form(terms: Sequence[tuple[int, int]], bound: int) -> PseudoBoolean:
    """Return the normal form of (positive weight, literal) terms, no two of one node, and a bound."""
    terms = list(terms)
    total = sum(weight for weight, _ in terms)
    if bound <= 0:
        return PseudoBoolean((), (), 0)
    if total < bound:
        return PseudoBoolean((), (), 1)
    terms, bound = _divided(terms, bound)
    # A literal that is needed has to outweigh what all others can do without, one that is enough the bound.
    slack = sum(weight for weight, _ in terms) - bound
    for place, (weight, literal) in enumerate(terms):
        if weight > slack + 1:
            bound -= weight - slack - 1
            terms[place] = (slack + 1, literal)
    terms, bound = _divided([(min(weight, bound), literal) for weight, literal in terms], bound)
    terms.sort(key=lambda term: (-term[0], term[1]))
    return PseudoBoolean(
        tuple(literal for _, literal in terms), tuple(weight for weight, _ in terms), bound
    )


def _divided(terms: list[tuple[int, int]], bound: int) -> tuple[list[tuple[int, int]], int]:
    """Divide by what all weights have in common; the bound is rounded up."""
    divisor = gcd(*(weight for weight, _ in terms))
    return [(weight // divisor, literal) for weight, literal in terms], -(-bound // divisor)
