"""A name for a circuit that does not depend on how it happens to be written down.

Every cell is brought to the normal form of `NetlistBuilder` (at most one complemented fan-in, equal cells
joined, trivial ones folded, dead ones left out), then hashed from the inputs up over its sorted fan-in. As
inputs and outputs stay in place, the normal form leaves one choice of polarity and one set of cells, and
only their order is open: two netlists have the same hash exactly if they are the same graph.

Told to be the same: netlists that differ in the numbering or the order of cells, in the order of a fan-in,
in where inverters sit (``MAJ(!a, !b, !c) = !MAJ(a, b, c)``), in duplicate, trivial or dead cells, in names.

Told apart: everything else. Circuits that differ by an exchange of inputs or outputs are two, also where
the function is symmetric in them, and so are two arrangements of one function, such as the two
sides of the distributive law.
"""

from __future__ import annotations

import hashlib

import numpy as np

from btfsynth.netlist.hashing import rebuild
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.views import levels

__all__ = ["canonical_hash", "canonical_netlist"]


def canonical_hash(netlist: Netlist) -> str:
    """Return the SHA-256 of a netlist's canonical form, 64 hexadecimal digits."""
    normal = rebuild(netlist)
    names = _names(normal)
    sizes = b"".join(count.to_bytes(4, "little") for count in (normal.n_inputs, normal.n_outputs))
    outputs = (_literal(names, literal) for literal in normal.outputs.tolist())
    return _digest(b"circuit", sizes, *outputs).hex()


def canonical_netlist(netlist: Netlist) -> Netlist:
    """Return the netlist in its canonical form: the same arrays for all that have the same hash.

    Cells are in normal form and in the order of their levels, within a level of their hashes.
    """
    normal = rebuild(netlist)
    names, level = _names(normal), levels(normal).tolist()
    cells = range(normal.first_cell, normal.n_nodes)
    order = sorted(cells, key=lambda node: (level[node], names[node]))
    number = np.arange(normal.n_nodes, dtype=np.int32)
    number[order] = np.arange(normal.first_cell, normal.n_nodes, dtype=np.int32)
    rows = normal.fanins[np.array(order, dtype=np.int64) - normal.first_cell]
    return Netlist(
        normal.name,
        normal.input_ports,
        normal.output_ports,
        np.sort(2 * number[rows >> 1] + (rows & 1), axis=1),
        2 * number[normal.outputs >> 1] + (normal.outputs & 1),
    )


def _names(normal: Netlist) -> list[bytes]:
    """Return the hash of every node of a netlist in normal form."""
    names = [_digest(b"node", node.to_bytes(4, "little")) for node in range(normal.first_cell)]
    for fanin in normal.fanins.tolist():
        names.append(_digest(b"cell", *sorted(_literal(names, literal) for literal in fanin)))
    return names


def _literal(names: list[bytes], literal: int) -> bytes:
    return names[literal >> 1] + bytes([literal & 1])


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
