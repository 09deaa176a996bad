"""Files of trained networks: archives (``.npz``) and the text of boolearn (``.wth .net .sol .gen``)."""

from btfsynth.network.formats.files import (
    is_network,
    load_network,
    read_generators,
    read_network,
    read_network_text,
    read_widths,
    save_network,
    write_generators,
    write_network_text,
    write_widths,
)

__all__ = [
    "is_network",
    "load_network",
    "read_generators",
    "read_network",
    "read_network_text",
    "read_widths",
    "save_network",
    "write_generators",
    "write_network_text",
    "write_widths",
]
