"""Threshold functions of up to six inputs, and plain majorities, in the smallest forms known.

With its constant as a variable a threshold function is self-dual, a weighted majority; majorities without
constants are all its cells need. There are 135 classes of up to seven variables, and their forms were
searched once (``benchmarks/threshold_forms.py``, stored in ``threshold_forms.json``): a majority of five
takes four cells, of seven seven, of nine twelve. A class is told by its Chow parameters, the sums of each
variable over the true vectors: no two threshold functions have the same (Chow, On the characterization of
threshold functions, 1961).

A constraint of more inputs is split by its heaviest ones, ``f = MAJ(x, f1, f0)`` as in the decision diagram,
down to known forms.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from btfsynth.lower.threshold import PseudoBoolean, normal_form
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.literals import FALSE, TRUE

_FORMS = Path(__file__).with_name("threshold_forms.json")
KNOWN_INPUTS = 6
"""Every class of up to this many inputs is known."""

_Key = tuple[int, ...]
_Cells = tuple[tuple[int, int, int], ...]


def lower_known(builder: NetlistBuilder, constraint: PseudoBoolean) -> int | None:
    """Build a constraint from the table and return its literal, or None if it is not there."""
    weights = np.array([*constraint.weights, 0], dtype=object)
    # The constant as a variable: sum w b >= B is sum w x + (sum w - 2 B + 1) > 0, always an odd sum.
    weights[-1] = int(weights.sum()) - 2 * constraint.bound + 1
    strength = weights
    by_weights, by_class = _table()
    if len(constraint.literals) <= KNOWN_INPUTS:
        strength = _chow(weights)
    order = sorted(range(len(weights)), key=lambda place: -abs(strength[place]))
    key = tuple(abs(int(strength[place])) for place in order if strength[place])
    cells = (by_class if strength is not weights else by_weights).get(key)
    if cells is None:
        return None
    literals = [FALSE]
    for place in order[: len(key)]:
        if place < len(constraint.literals):
            literals.append(constraint.literals[place])
        else:
            literals.append(TRUE if strength[place] > 0 else FALSE)
    if len(key) == 1:
        return literals[1]
    builder.extend(literals, cells)
    return literals[-1]


@cache
def _signs(width: int) -> NDArray[np.int64]:
    return np.array(list(product((-1, 1), repeat=width)), dtype=np.int64).reshape(-1, width)


def _chow(weights: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the Chow parameters of a self-dual function, on a scale that all of them share."""
    signs = _signs(len(weights))
    on = np.array((signs.astype(object) @ weights) > 0, dtype=np.bool_)
    sums: NDArray[np.int64] = signs[on].sum(axis=0) << (KNOWN_INPUTS + 1 - len(weights))
    return sums.astype(object)


@cache
def _table() -> tuple[dict[_Key, _Cells], dict[_Key, _Cells]]:
    by_weights: dict[_Key, _Cells] = {(1,): ()}
    for form in json.loads(_FORMS.read_text(encoding="utf-8")):
        by_weights[tuple(form["weights"])] = tuple((a, b, c) for a, b, c in form["cells"])
    by_class = {
        tuple(int(k) for k in _chow(np.array(weights, dtype=object))): cells
        for weights, cells in by_weights.items()
        if len(weights) <= KNOWN_INPUTS + 1
    }
    return by_weights, by_class


SPLIT_INPUTS = 12
"""Inputs up to which splitting is worth trying: it may double the cells with every one."""


def lower_split(builder: NetlistBuilder, constraint: PseudoBoolean, known: int) -> int:
    """Build a constraint and return its literal; known forms serve for at most `known` inputs."""
    return _split(builder, constraint, min(known, KNOWN_INPUTS), {})


def _split(
    builder: NetlistBuilder, constraint: PseudoBoolean, known: int, made: dict[PseudoBoolean, int]
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
