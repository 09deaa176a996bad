"""The text files of boolearn, the C program of the authors of the method: ``.wth .net .sol .gen``."""

from __future__ import annotations

from btfsynth.network.formats.generators import read_generators, write_generators
from btfsynth.network.formats.network_text import (
    read_network_text,
    write_network_text,
    write_topology_text,
)
from btfsynth.network.formats.widths import read_widths, write_widths

__all__ = [
    "read_generators",
    "read_network_text",
    "read_widths",
    "write_generators",
    "write_network_text",
    "write_topology_text",
    "write_widths",
]
