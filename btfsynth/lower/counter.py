"""A pseudo-Boolean constraint as a weighted population count and a comparison with a constant.

The literals are added up by binary weight in carry-save form (see `adder`), so the cells are linear in the
inputs times the bits of a weight, whatever the weights are. A constant is added along that makes the
comparison the carry out of the highest column: of the last adder of each column nothing but its carry is
read, one cell.

Weights are written with digits -1, 0 and 1, no two neighbours nonzero (the non-adjacent form, Reitwiesner
1960), a third of the digits nonzero on average: ``-b`` is ``(1 - b) - 1``, an inverter and a constant.
"""

from __future__ import annotations

from collections import deque

from btfsynth.lower.adder import full_adder, signed_digits
from btfsynth.lower.pseudo_boolean import PseudoBoolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

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
    columns: list[deque[int]] = [deque() for _ in range(constraint.bound.bit_length() + 1)]
    bound = constraint.bound
    for weight, literal in zip(constraint.weights, constraint.literals, strict=True):
        for column, negative in signed_digits(weight):
            columns[column].append(literal ^ int(negative))
            bound += int(negative) << column
    # Adding 2^top - bound carries out of the columns below top exactly where the sum is the bound or more.
    top = (bound - 1).bit_length()
    constant = (1 << top) - bound
    carried: deque[int] = deque()
    total: list[deque[int]] = columns + [deque() for _ in range(top - len(columns))]
    for column in range(top):
        entries = total[column]
        entries.extend(carried)
        carried = _compress(builder, entries, constant >> column & 1)
    # From there on anything that is true is enough.
    result = FALSE
    for literal in [*carried, *(entry for entries in total[top:] for entry in entries)]:
        result = builder.or_(result, literal)
    return result


def _compress(builder: NetlistBuilder, entries: deque[int], constant: int) -> deque[int]:
    """Add up one column and a constant bit; return what it carries into the next. Empties entries."""
    carried: deque[int] = deque()
    while len(entries) > 2:
        a, b, c = entries.popleft(), entries.popleft(), entries.popleft()
        total, carry = full_adder(builder, a, b, c)
        carried.append(carry)
        entries.append(total)
    entries.extend((TRUE if constant else FALSE, FALSE, FALSE))
    last = builder.maj(entries[0], entries[1], entries[2])
    if last != FALSE:
        carried.append(last)
    return carried
