"""Which blocks of patterns a process holds of a training that several share."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Share"]


@dataclass(frozen=True)
class Share:
    """A run of the blocks of a training.

    Parameters
    ----------
    rank, ranks
        Which process of how many; process 0 of 1 holds everything.
    """

    rank: int = 0
    ranks: int = 1

    def bounds(self, total: int) -> list[int]:
        """Return where the runs of all processes begin, and the end of the last."""
        return [total * rank // self.ranks for rank in range(self.ranks + 1)]

    def blocks(self, total: int) -> tuple[int, int]:
        """Return first and end of this process' run of so many blocks."""
        bounds = self.bounds(total)
        return bounds[self.rank], bounds[self.rank + 1]
