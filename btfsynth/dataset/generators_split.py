"""Training and test patterns of a function too wide for its table, both from one seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.errors import UsageError

__all__ = ["SPLIT_DEFAULTS", "Split", "read_options", "read_split", "whole_number"]

SPLIT_DEFAULTS: Mapping[str, str] = {"train": "256", "test": "2048", "seed": "1", "part": "train"}
"""What a specification means that does not say otherwise."""
_LISTED_BITS = 16
"""Bits up to which all vectors are shuffled; wider ones are drawn until enough are different."""
_MOST = 1_000_000


@dataclass(frozen=True)
class Split:
    """Which vectors of a function are shown, and which it is tested on.

    Parameters
    ----------
    train, test
        Numbers of vectors.
    seed
        Names the draw.
    part
        ``train`` or ``test``: which of them the data set is.
    """

    train: int
    test: int
    seed: int
    part: str

    def vectors(self, width: int, source: str) -> NDArray[np.uint8]:
        """Return the input vectors of the part.

        All vectors of both parts differ. The test vectors do not depend on how many are trained on, and a
        smaller training part is the beginning of a larger one.

        Parameters
        ----------
        width
            Bits of a vector.
        source
            The specification, for messages.

        Returns
        -------
        ``(vectors, width)`` uint8 0/1.

        Raises
        ------
        UsageError
            If there are not so many vectors.
        """
        wanted = self.train + self.test
        if width < 60 and wanted > 1 << width:
            raise UsageError(
                f"{source}: expected train and test to sum to at most {1 << width}, which is how many "
                f"vectors of {width} bits there are, got {wanted}"
            )
        random = np.random.Generator(np.random.PCG64([self.seed, 1]))
        drawn = _distinct(random, wanted, width)
        return drawn[self.test :] if self.part == "train" else drawn[: self.test]


def _distinct(random: np.random.Generator, wanted: int, width: int) -> NDArray[np.uint8]:
    """Draw different vectors, in the order in which they came up."""
    if width <= _LISTED_BITS:
        numbers = random.permutation(1 << width)[:wanted]
        return ((numbers[:, None] >> np.arange(width)) & 1).astype(np.uint8)
    drawn = np.empty((0, width), dtype=np.uint8)
    # Drawn one vector after the other, so that more of them begin with the same ones.
    while len(drawn) < wanted:
        more = random.integers(0, 2, (wanted - len(drawn), width), dtype=np.uint8)
        drawn = np.concatenate([drawn, more])
        _, first = np.unique(drawn, axis=0, return_index=True)
        drawn = drawn[np.sort(first)]
    return drawn


def read_split(what: str, options: Mapping[str, str]) -> Split:
    """Read the options that name a split.

    Parameters
    ----------
    what
        The specification, for messages.
    options
        With all keys of `SPLIT_DEFAULTS`.

    Raises
    ------
    UsageError
        If a value is wrong.
    """
    part = options["part"]
    if part not in ("train", "test"):
        raise UsageError(f"{what}: expected part=train or part=test, got part={part[:40]}")
    return Split(
        train=whole_number(f"{what}: train", options["train"], 1, _MOST),
        test=whole_number(f"{what}: test", options["test"], 1, _MOST),
        seed=whole_number(f"{what}: seed", options["seed"], 0, 10**9 - 1),
        part=part,
    )


def read_options(
    what: str, arguments: list[str], defaults: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """Read ``key=value`` parts of a specification.

    Parameters
    ----------
    what
        The specification, for messages.
    arguments
        The parts.
    defaults
        The keys there are, and what they are if not given.

    Returns
    -------
    options : dict
        A value for every key.
    changed : str
        What differs from the defaults, as it is written: ``,key=value`` each.

    Raises
    ------
    UsageError
        If a part is none of these or is given twice.
    """
    given: dict[str, str] = {}
    for part in arguments:
        key, equals, value = (piece.strip() for piece in part.lower().partition("="))
        if not equals or key not in defaults or key in given:
            known = ", ".join(f"{name}=" for name in defaults)
            raise UsageError(f"{what}: expected {known} each once, got {part.strip()[:40]!r}")
        given[key] = value
    options = {**defaults, **given}
    changed = [f",{key}={options[key]}" for key in defaults if options[key] != defaults[key]]
    return options, "".join(changed)


def whole_number(what: str, text: str, low: int, high: int) -> int:
    """Read a decimal number within limits; `what` names it in the error.

    Raises
    ------
    UsageError
        If it is anything else.
    """
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
    if not low <= value <= high:
        raise UsageError(f"{what}: expected a whole number from {low} to {high}, got {text[:40]!r}")
    return value
