"""What a backend is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from btfsynth.hdl.pipeline import Pipeline
from btfsynth.hdl.timing import Timing
from btfsynth.netlist.identifiers import HdlNames, printable
from btfsynth.netlist.netlist import Netlist

__all__ = [
    "Backend",
    "Emit",
    "HardwareModule",
]


@dataclass(frozen=True, eq=False)
class HardwareModule:
    """A netlist as hardware, before it is text in any language.

    Parameters
    ----------
    netlist
        What it computes.
    names
        Its legal names.
    provenance
        Lines of the header comment, in order.
    timing
        Ports and latency of a clocked module, None for a combinational one.
    pipeline
        Where the registers are; there is one exactly if there is a timing.
    """

    netlist: Netlist
    names: HdlNames
    provenance: Mapping[str, str]
    timing: Timing | None = None
    pipeline: Pipeline | None = None

    @property
    def header(self) -> list[tuple[str, str]]:
        """The lines of the header comment, safe in a comment of any language."""
        return [(printable(key), printable(value)) for key, value in self.provenance.items()]

    @property
    def summary(self) -> str:
        """What kind of module it is, for the header comment."""
        if self.timing is None:
            return "combinational"
        return f"pipelined, latency {self.timing.latency}, a new input every clock"


Emit = Callable[[HardwareModule], str]
"""Writes a module."""


@dataclass(frozen=True)
class Backend:
    """A format a netlist can be written in.

    Parameters
    ----------
    name
        Its key in the table and its role in a manifest.
    description
        One line for a listing.
    file_pattern
        File name with ``{module}`` in it.
    emit
        Writes it.
    """

    name: str
    description: str
    file_pattern: str
    emit: Emit

    def file_name(self, module: str) -> str:
        """Return the name of the file for a module."""
        return self.file_pattern.format(module=module)
