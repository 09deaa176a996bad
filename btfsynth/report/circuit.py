"""What the page needs of a circuit and its vectors to draw it and to compute its values itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.identifiers import cell_prefix
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port

__all__ = ["MAX_DRAWN", "circuit_record", "port_records", "vector_record"]

MAX_DRAWN = 2000
"""Cells of the largest circuit that is drawn."""
_MAX_CHARACTERS = 150_000
"""Characters of the vectors that a page holds; more would make it heavy."""


def circuit_record(netlist: Netlist, title: str) -> dict[str, Any]:
    """Return a netlist as JSON values: its literals as they are (see `btfsynth.netlist`)."""
    return {
        "title": title,
        "prefix": cell_prefix(netlist),
        "cells": netlist.fanins.ravel().tolist(),
        "drive": netlist.outputs.tolist(),
    }


def port_records(ports: Sequence[Port]) -> list[dict[str, Any]]:
    """Return ports as JSON values."""
    return [
        {"name": port.name, "width": port.width, "low": port.low, "step": port.step}
        for port in ports
    ]


def vector_record(vectors: VectorTable, wrong: NDArray[np.bool_]) -> dict[str, Any]:
    """Return vectors as JSON values, those that fail first among what there is room for.

    Parameters
    ----------
    vectors
        All vectors.
    wrong
        ``(vectors,)`` bool, on which of them the netlist is wrong.
    """
    width = vectors.inputs.shape[1] + vectors.expected.shape[1] + 12
    room = max(16, _MAX_CHARACTERS // width)
    kept = np.argsort(~wrong, kind="stable")[:room]
    kept.sort()
    wanted = np.where(vectors.care[kept], vectors.expected[kept], 2).astype(np.uint8)
    return {
        "count": vectors.count,
        "exhaustive": vectors.exhaustive,
        "wrong": int(wrong.sum()),
        "numbers": None if len(kept) == vectors.count else kept.tolist(),
        "inputs": _lines(vectors.inputs[kept], "01"),
        "expected": _lines(wanted, "01-"),
    }


def _lines(rows: NDArray[np.uint8], digits: str) -> str:
    """Return rows as text, bit 0 first, a blank between rows."""
    table = np.frombuffer(digits.encode(), dtype=np.uint8)[rows]
    blanks = np.full((len(rows), 1), ord(" "), dtype=np.uint8)
    return np.hstack([table, blanks]).tobytes().decode("ascii").rstrip()
