"""What a reader returns: the netlist, and what there is to say about how it was read."""

from __future__ import annotations

from dataclasses import dataclass

from btfsynth.netlist.netlist import Netlist

__all__ = [
    "Design",
]


@dataclass(frozen=True, eq=False)
class Design:
    """A netlist that was read from a file.

    Parameters
    ----------
    netlist
        What the file computes.
    notes
        What a user should know about how it was read, one line each.
    dont_care
        A netlist of the same inputs and outputs whose output bits are 1 where those of `netlist` do not
        matter; None if they always do.
    latency
        Registers on every path from an input to an output, which `netlist` has as wires; None if no output
        depends on an input.
    counts_from_zero
        Whether the bits of every bus are numbered by significance, whatever its range is elsewhere.
    """

    netlist: Netlist
    notes: tuple[str, ...] = ()
    dont_care: Netlist | None = None
    latency: int | None = 0
    counts_from_zero: bool = False
