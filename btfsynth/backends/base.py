"""What a backend is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from btfsynth.backends.identifiers import HdlNames
from btfsynth.netlist.netlist import Netlist

__all__ = ["Backend", "Emit"]

Emit = Callable[[Netlist, HdlNames, Mapping[str, str]], str]
"""Writes a netlist under legal names, with provenance lines for its header."""


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
