"""Random parts of a data set, and validation patterns matched to its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import UsageError
from btfsynth.ports import Port, bit_names


def sample(dataset: Dataset, n: int, seed: int) -> Dataset:
    """Draw patterns without replacement; the same seed gives the same patterns in the same order.

    What was not drawn counts as unknown, not as don't-care.
    """
    if not isinstance(n, (int, np.integer)) or not 1 <= n <= dataset.n_patterns:
        raise UsageError(
            f"sample of {n!r}: expected 1 to {dataset.n_patterns} patterns, as {dataset.source} has"
        )
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise UsageError(f"sample with seed {seed!r}: expected a whole number of at least 0")
    rows = np.random.default_rng(seed).permutation(dataset.n_patterns)[:n]
    return replace(
        dataset.select(rows),
        source=f"{dataset.source} (sample of {n}, seed {seed})",
        unlisted_dont_care=False,
    )


def matched(valid: Dataset, dataset: Dataset, n_inputs: int | None = None) -> Dataset:
    """Return patterns held out with their columns in the order of the training data.

    Columns go by their names where both data sets have the same ones, in whatever order, else by their
    places: not every format keeps names.
    """
    inputs = dataset.n_inputs if n_inputs is None else n_inputs
    for label, wanted, given in (
        ("inputs", inputs, valid.n_inputs),
        ("outputs", dataset.n_outputs, valid.n_outputs),
    ):
        if wanted != given:
            raise UsageError(
                f"`valid`: expected {wanted} {label}, as {dataset.source} has, got the {given} of "
                f"{valid.source}"
            )
    if not valid.care_mask.any():
        raise UsageError(
            f"`valid`: every target of {valid.source} is a don't-care: nothing to measure"
        )
    return by_name(valid, dataset.input_ports, dataset.output_ports, dataset.source)


def by_name(valid: Dataset, inputs: Sequence[Port], outputs: Sequence[Port], where: str) -> Dataset:
    """Return patterns with their columns in the order of ports that have the same names."""
    in_order = _order(inputs, valid.input_ports)
    out_order = _order(outputs, valid.output_ports)
    moved = [
        label
        for label, order in (("inputs", in_order), ("outputs", out_order))
        if order is not None
    ]
    if in_order is not None:
        valid = replace(valid, inputs=valid.inputs[:, in_order], input_ports=tuple(inputs))
    if out_order is not None:
        valid = replace(
            valid,
            targets=valid.targets[:, out_order],
            care=valid.care_mask[:, out_order],
            output_ports=tuple(outputs),
        )
    if not moved:
        return valid
    notice = f"{valid.source}: {' and '.join(moved)} are in another order than in {where}; matched by name"
    return replace(valid, notices=(*valid.notices, notice))


def _order(wanted: Sequence[Port], given: Sequence[Port]) -> list[int] | None:
    """Return the column of every bit that is wanted; None to leave columns where they are."""
    names, places = bit_names(wanted), bit_names(given)
    if names == places or len(set(names)) < len(names) or set(names) != set(places):
        return None
    column = {name: place for place, name in enumerate(places)}
    return [column[name] for name in names]
