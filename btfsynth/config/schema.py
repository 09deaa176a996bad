"""What a run file may say: its sections, their keys, and what each of them takes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from btfsynth.dataset.code import parse_code
from btfsynth.errors import UsageError, shown
from btfsynth.hdl.manifest import MAX_LATENCY
from btfsynth.hdl.writers import folder_formats
from btfsynth.netlist.identifiers import is_legal_module
from btfsynth.netlist.reference import Preserve
from btfsynth.passes.registry import parse_script
from btfsynth.sim.registry import ALL_SIMULATORS, PARSED_CHECK, SIMULATORS
from btfsynth.train.parameters import StopRule

__all__ = ["SECTIONS", "Key"]

_LARGEST = 2**62
"""Of whole numbers without another limit: counters have 64 bits."""
_MOST_TRIALS = 100_000
_MOST_JOBS = 256
_AUTO = re.compile(r"auto(:0*[1-9][0-9]{0,5})?")


@dataclass(frozen=True)
class Key:
    """One key of a run file.

    Parameters
    ----------
    expected
        What it takes, in words.
    accepts
        Tells whether a value is that; it may raise `UsageError` to say more.
    """

    expected: str
    accepts: Callable[[Any], bool]

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value, None if nothing is."""
        try:
            if self.accepts(value):
                return None
        except UsageError as error:
            return str(error)
        return f"expected {self.expected}, got {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return shown(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(item) for item in value)


def _whole(least: int, most: int | None = None) -> Key:
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    return Key(
        f"a whole number {limits}",
        lambda value: type(value) is int and least <= value <= (_LARGEST if most is None else most),
    )


def _real(expected: str, holds: Callable[[float], bool]) -> Key:
    return Key(
        expected,
        lambda value: _is_finite(value) and holds(value),
    )


def _is_finite(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _one_of(*names: str) -> Key:
    return Key(f"one of {', '.join(names)}", lambda value: value in names)


def _some_of(*names: str) -> Key:
    return Key(
        f"a list of some of {', '.join(names)}",
        lambda value: isinstance(value, list) and all(item in names for item in value),
    )


def _text(expected: str, check: Callable[[str], object] = lambda _: None) -> Key:
    """Return a key that takes what a function reads without an error."""

    def accepts(value: Any) -> bool:
        if not _is_text(value):
            return False
        check(value)
        return True

    return Key(expected, accepts)


def _require_legal(name: str) -> None:
    if not is_legal_module(name):
        raise UsageError(f"expected a name that can stand in hardware as it is, got {name!r:.60}")


def _is_widths(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(type(width) is int and 1 <= width <= _LARGEST for width in value)
    )


def _is_outputs(value: Any) -> bool:
    return (type(value) is int and 1 <= value <= _LARGEST) or _texts(value)


def _is_weights(value: Any) -> bool:
    return value in ("exact", "auto", "labels", "sparse") or (
        type(value) is int and 2 <= value <= _LARGEST
    )


def _is_pipeline(value: Any) -> bool:
    if isinstance(value, str):
        return _AUTO.fullmatch(value) is not None
    return type(value) is int and 0 <= value <= MAX_LATENCY


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


_FLAG = Key("true or false", lambda value: isinstance(value, bool))
_DIGEST = Key("64 hexadecimal digits", _is_digest)

SECTIONS: Mapping[str, Mapping[str, Key]] = MappingProxyType(
    {
        "data": {
            "source": _text("a task or a file"),
            "hash": _DIGEST,
            "outputs": Key("a number of columns or a list of their names", _is_outputs),
            "name": _text("a name that can stand in hardware as it is", _require_legal),
            "valid": _text("a task or a file"),
            "valid_hash": _DIGEST,
            "code": _text("a code such as binary:4", parse_code),
            "network": _text("a file"),
            "network_hash": _DIGEST,
        },
        "train": {
            "seed": _whole(0),
            "trials": _whole(1, _MOST_TRIALS),
            "jobs": _whole(1, _MOST_JOBS),
            "threads": _whole(1, _MOST_JOBS),
            "time_limit": _real("a number of seconds above 0", lambda value: value > 0),
            "widths": Key("a list of two or more whole numbers of at least 1", _is_widths),
            "skip": _FLAG,
            "topology": _text("a file"),
            "topology_hash": _DIGEST,
            "sigma": _real("a number above 1", lambda value: value > 1),
            "beta": _real("a number above 0 and below 2", lambda value: 0 < value < 2),
            "gamma": _real("a number from 0 to below 1", lambda value: 0 <= value < 1),
            "max_iterations": _whole(1),
            "stop": _one_of(*(rule.value for rule in StopRule)),
            "gap_limit": _real("a number above 0", lambda value: value > 0),
            "precision": Key("32 or 64", lambda value: type(value) is int and value in (32, 64)),
        },
        "netlist": {
            "weights": Key(
                "exact, auto, labels, sparse or a number of bits of at least 2", _is_weights
            ),
            "label": _FLAG,
            "passes": _text("a script of passes", parse_script),
            "preserve": _one_of(*(kind.value for kind in Preserve)),
        },
        "hardware": {
            "pipeline": Key(f"0 to {MAX_LATENCY} stages, auto or auto:DEPTH", _is_pipeline),
            "enable": _FLAG,
            "reset": _FLAG,
            "stream": _FLAG,
            "cells": _FLAG,
            "formats": _some_of(*folder_formats()),
        },
        "check": {
            "simulators": _some_of(*SIMULATORS, PARSED_CHECK, ALL_SIMULATORS),
            "timeout": _real("a number of seconds above 0", lambda value: value > 0),
        },
    }
)
"""The keys by section and name, in the order in which they are written."""
