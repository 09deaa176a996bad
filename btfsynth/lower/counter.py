"""A pseudo-Boolean constraint as a weighted population count and a comparison with a constant.

The literals are added up by binary weight in carry-save form (see `adder`), so the cells are linear in the
inputs times the bits of a weight, whatever the weights are. A constant is added along that makes the
comparison the carry out of the highest column: of the last adder of each column nothing but its carry is
read, one cell.

Weights are written with digits -1, 0 and 1, no two neighbours nonzero (the non-adjacent form, Reitwiesner
1960), a third of the digits nonzero on average: ``-b`` is ``(1 - b) - 1``, an inverter and a constant.
"""

from __future__ import annotations

from btfsynth.lower.adder import Column, signed_digits
from btfsynth.lower.pseudo_boolean import PseudoBoolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE

__all__ = ["lower_counter"]


def lower_counter(builder: NetlistBuilder, constraint: PseudoBoolean) -> int:
    """Build a constraint and return its literal.

    Parameters
    ----------
    builder
        Gets the cells; some of those made may stay unused.
    constraint
        What to build.
    """
    if constraint.constant is not None:
        return constraint.constant
    bound = constraint.bound
    digits = []
    for weight, literal in zip(constraint.weights, constraint.literals, strict=True):
        for column, negative in signed_digits(weight):
            digits.append((column, literal ^ int(negative)))
            bound += int(negative) << column
    # Adding 2^top - bound carries out of the columns below top exactly where the sum is the bound or more.
    top = (bound - 1).bit_length()
    constant = (1 << top) - bound
    levels: dict[int, int] = {}
    columns = [Column(builder, levels, len(digits)) for _ in range(top)]
    beyond = []
    for column, literal in sorted(digits, key=lambda digit: digit[0]):
        if column < top:
            columns[column].add(literal)
        else:
            beyond.append(literal)
    carries: list[int] = []
    for column in range(top):
        for carry in carries:
            columns[column].add(carry)
        a, b, carries = columns[column].compress()
        last = columns[column].carry(a, b, constant >> column & 1)
        if last != FALSE:
            carries.append(last)
    # From there on anything that is true is enough.
    result = FALSE
    for literal in [*carries, *beyond]:
        result = builder.or_(result, literal)
    return result
