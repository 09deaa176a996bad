"""Where the cells of a netlist stand in a drawing: a column a level, few crossings, short wires.

The layout in layers of K. Sugiyama, S. Tagawa & M. Toda, IEEE Trans. SMC 11, 109 (1981): a wire that passes a
column has a place in it, the places of a column are ordered by the mean of what they are joined to, and moved
as near to it as their order and sizes allow (least squares, by pooling adjacent violators).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Layers", "Place", "arrange"]

Place = Hashable
"""What stands in a column; the caller gives it a meaning."""

_SWEEPS = 8


@dataclass(frozen=True)
class Layers:
    """A drawing that has been laid out.

    Parameters
    ----------
    columns
        The places of every column from top to bottom.
    height
        Of the drawing.
    at
        Ordinate of the middle of every place.
    """

    columns: tuple[tuple[Place, ...], ...]
    height: float
    at: Mapping[Place, float]


def arrange(
    columns: Sequence[Sequence[Place]],
    wires: Sequence[tuple[Place, Place]],
    sizes: Mapping[Place, float],
) -> Layers:
    """Order the places of every column and give them room.

    Parameters
    ----------
    columns
        Places in the order to start from.
    wires
        Pairs of places of one column and the next.
    sizes
        Height of every place, its distance from others included.
    """
    before: dict[Place, list[Place]] = defaultdict(list)
    after: dict[Place, list[Place]] = defaultdict(list)
    for source, target in wires:
        before[target].append(source)
        after[source].append(target)
    order = [list(column) for column in columns]
    rank = {place: float(i) for column in order for i, place in enumerate(column)}
    for _ in range(_SWEEPS):
        for column in order[1:]:
            _reorder(column, before, rank)
        for column in order[-2::-1]:
            _reorder(column, after, rank)
    at: dict[Place, float] = {}
    for column in order:
        _settle(column, {place: rank[place] for place in column}, sizes, at)
    for _ in range(_SWEEPS):
        for neighbours, swept in ((before, order[1:]), (after, order[-2::-1]), (before, order[1:])):
            for column in swept:
                wanted = {place: _mean(neighbours[place], at, at[place]) for place in column}
                _settle(column, wanted, sizes, at)
    top = min((at[place] - sizes[place] / 2 for place in at), default=0.0)
    bottom = max((at[place] + sizes[place] / 2 for place in at), default=0.0)
    return Layers(
        tuple(tuple(column) for column in order),
        bottom - top,
        {place: y - top for place, y in at.items()},
    )


def _mean(places: Sequence[Place], values: Mapping[Place, float], otherwise: float) -> float:
    return sum(values[place] for place in places) / len(places) if places else otherwise


def _reorder(
    column: list[Place], neighbours: Mapping[Place, list[Place]], rank: dict[Place, float]
) -> None:
    """Sort a column by the mean rank of what its places are joined to; the rest keep their rank."""
    wanted = {place: _mean(neighbours.get(place, ()), rank, rank[place]) for place in column}
    column.sort(key=wanted.__getitem__)
    rank.update((place, float(i)) for i, place in enumerate(column))


def _settle(
    column: Sequence[Place],
    wanted: Mapping[Place, float],
    sizes: Mapping[Place, float],
    at: dict[Place, float],
) -> None:
    """Put a column as near to where it is wanted as its order and sizes allow. Changes at."""
    offsets, offset = [], 0.0
    for place in column:
        offsets.append(offset + sizes[place] / 2)
        offset += sizes[place]
    pools: list[list[float]] = []  # sum and number of those that move as one
    for place, start in zip(column, offsets, strict=True):
        pools.append([wanted[place] - start, 1.0])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
            total, count = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += count
    shifts = [total / count for total, count in pools for _ in range(int(count))]
    for place, start, shift in zip(column, offsets, shifts, strict=True):
        at[place] = start + shift
