"""A pseudo-Boolean constraint split by its heaviest inputs down to known forms.

As in the decision diagram ``f = MAJ(x, f1, f0)``, but what is left of few inputs is not split any further:
it takes its searched form.
"""

from __future__ import annotations

from btfsynth.lower.known_forms import KNOWN_INPUTS, lower_known
from btfsynth.lower.pseudo_boolean import PseudoBoolean, normal_form
from btfsynth.netlist.builder import NetlistBuilder

__all__ = ["SPLIT_INPUTS", "lower_split"]

SPLIT_INPUTS = 12
"""Inputs up to which splitting is worth trying: it may double the cells with every one."""


def lower_split(builder: NetlistBuilder, constraint: PseudoBoolean, known: int) -> int:
    """Build a constraint and return its literal.

    Parameters
    ----------
    builder
        Gets the cells.
    constraint
        What to build, of up to `SPLIT_INPUTS` inputs.
    known
        Take known forms from so many inputs on down, at most `KNOWN_INPUTS`.
    """
    return _split(builder, constraint, min(known, KNOWN_INPUTS), {})


def _split(
    builder: NetlistBuilder,
    constraint: PseudoBoolean,
    known: int,
    made: dict[PseudoBoolean, int],
) -> int:
    if constraint.constant is not None:
        return constraint.constant
    if constraint not in made:
        literal = lower_known(builder, constraint) if len(constraint.literals) <= known else None
        if literal is None:
            (weight, *weights), (x, *literals) = constraint.weights, constraint.literals
            terms = list(zip(weights, literals, strict=True))
            high = _split(builder, normal_form(terms, constraint.bound - weight), known, made)
            low = _split(builder, normal_form(terms, constraint.bound), known, made)
            literal = builder.maj(x, high, low)
        made[constraint] = literal
    return made[constraint]
