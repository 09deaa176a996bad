"""Elementary cellular automata on worlds too wide for a table, as samples.

S. Wolfram, Rev. Mod. Phys. 55, 601 (1983). A state is drawn at random and advanced some steps; the outer cells
are neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.generators_split import (
    SPLIT_DEFAULTS,
    read_options,
    read_split,
    whole_number,
)
from btfsynth.errors import UsageError
from btfsynth.ports import Port

__all__ = ["World", "advance", "is_sampled", "read_world", "sampled_automaton"]

_MOST_STEPS = 1000
_MOST_CELLS = 4096

World = tuple[int, int, int]
"""Rule, steps and cells."""


def advance(cells: NDArray[np.int64], rule: int) -> NDArray[np.int64]:
    """Advance ``(rows, cells)`` integers 0/1, leftmost cell last, by one step on a ring."""
    left, right = np.roll(cells, -1, axis=1), np.roll(cells, 1, axis=1)
    return np.asarray((rule >> (left * 4 + cells * 2 + right)) & 1)


def is_sampled(arguments: str) -> bool:
    """Tell whether what stands after ``automaton:`` asks for a sample and not for a table."""
    keys = {part.partition("=")[0].strip().lower() for part in arguments.split(",")[1:]}
    return bool(keys & set(SPLIT_DEFAULTS))


def read_world(arguments: str) -> tuple[World, str, dict[str, str]]:
    """Read the arguments of a sampled automaton.

    Returns
    -------
    world : tuple of int
        Rule, steps and cells.
    source : str
        The specification in its normal form.
    options : dict
        Its options.

    Raises
    ------
    UsageError
        If they are wrong.
    """
    rule_text, *parts = (part.strip() for part in arguments.split(","))
    what = f"automaton:{rule_text[:40]}"
    defaults = {"steps": "1", "cells": "", **SPLIT_DEFAULTS}
    options, changed = read_options(what, parts, defaults)
    if not options["cells"]:
        raise UsageError(f"{what}: expected cells=C with a sample, got none")
    world = (
        whole_number(f"{what}: rule", rule_text, 0, 255),
        whole_number(f"{what}: steps", options["steps"], 1, _MOST_STEPS),
        whole_number(f"{what}: cells", options["cells"], 3, _MOST_CELLS),
    )
    # Without a word on the split it would be the table of all states.
    split = "" if is_sampled(f"{world[0]}{changed}") else f",train={options['train']}"
    return world, f"automaton:{world[0]}{changed}{split}", options


def sampled_automaton(arguments: str) -> Dataset:
    """Make patterns of a world from what stands after ``automaton:``.

    Parameters
    ----------
    arguments
        ``RULE,cells=C``, then with commas ``steps=S``, ``train=N``, ``test=N``, ``seed=N``,
        ``part=train|test``.

    Raises
    ------
    UsageError
        If the arguments are wrong.
    """
    (rule, steps, width), source, options = read_world(arguments)
    inputs = read_split(source, options).vectors(width, source)
    cells = inputs.astype(np.int64)
    for _ in range(steps):
        cells = advance(cells, rule)
    name = f"automaton_{rule}" + (f"_steps{steps}" if steps > 1 else "") + f"_cells{width}"
    return Dataset(
        name=name,
        source=source,
        inputs=inputs,
        targets=cells.astype(np.uint8),
        input_ports=(Port("state", width),),
        output_ports=(Port("next", width),),
    )
