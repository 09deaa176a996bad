"""A random part of a data set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import UsageError

__all__ = ["sample"]


def sample(dataset: Dataset, n: int, seed: int) -> Dataset:
    """Draw patterns without replacement.

    Parameters
    ----------
    dataset
        Where to draw from.
    n
        Number of patterns, 1 to the number there are.
    seed
        Seed of the draw, at least 0: the same seed gives the same patterns in the same order.

    Returns
    -------
    Dataset
        The patterns drawn. What was not drawn counts as unknown, not as don't-care.

    Raises
    ------
    UsageError
        If `n` or `seed` is out of range.
    """
    if not 1 <= n <= dataset.n_patterns:
        raise UsageError(
            f"sample of {n}: expected 1 to {dataset.n_patterns} patterns, which is what "
            f"{dataset.source} has"
        )
    if seed < 0:
        raise UsageError(f"sample with seed {seed}: expected a seed of at least 0")
    rows = np.random.default_rng(seed).permutation(dataset.n_patterns)[:n]
    return replace(
        dataset,
        source=f"{dataset.source} (sample of {n}, seed {seed})",
        inputs=dataset.inputs[rows],
        targets=dataset.targets[rows],
        care=dataset.care_mask[rows],
        unlisted_dont_care=False,
    )
