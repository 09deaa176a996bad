"""Settings as keyword arguments: their names and types, and how they become the records of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from btfsynth.errors import UsageError, shown
from btfsynth.hdl.design import HardwareOptions

if TYPE_CHECKING:
    from btfsynth.api.training import Network

Options = TypeVar("Options")
Choice = TypeVar("Choice", bound=Enum)


class TrainSettings(TypedDict, total=False):
    """Settings of a training (see `btfsynth.train`); what is not given follows from the data."""

    trials: int
    jobs: int
    threads: int
    time_limit: float
    widths: Sequence[int]
    skip: bool
    topology: Network
    sigma: float
    beta: float
    gamma: float
    max_iterations: int
    stop: str
    gap_limit: float
    precision: int


class HardwareSettings(TypedDict, total=False):
    """What hardware is made of a netlist (see `btfsynth.Netlist.write`)."""

    pipeline: int | str
    enable: bool
    reset: bool
    stream: bool
    cells: bool
    formats: Sequence[str]


class BuildSettings(TrainSettings, HardwareSettings, total=False):
    """Settings of a build (see `btfsynth.build`)."""

    passes: str
    preserve: str
    simulators: Sequence[str]
    timeout: float
    code: str
    weights: str | int
    label: bool


class DiscoverSettings(TypedDict, total=False):
    """Settings of a discovery (see `btfsynth.discover`)."""

    trials: int
    time_limit: float | None
    jobs: int
    passes: str
    objective: str
    polish: bool
    widths: Sequence[int]
    skip: bool
    sigma: float
    beta: float
    gamma: float
    max_iterations: int


class LearnSettings(TypedDict, total=False):
    """Settings of learning from samples (see `btfsynth.learn`)."""

    trials: int
    time_limit: float | None
    jobs: int
    max_cells: int
    max_ands: int
    passes: str
    baselines: bool
    simulators: Sequence[str]


def options(kind: type[Options], what: str, settings: Mapping[str, Any]) -> Options:
    """Return a record of options made from settings by name.

    Raises
    ------
    UsageError
        If the record has no such field; the message names the nearest one.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    require_known(what, settings, known)
    return kind(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()
        }
    )


def require_known(what: str, settings: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse a setting that is none of the known ones; the message names the nearest one."""
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; is `{near[0]}` meant?" if near else f"; expected some of {', '.join(known)}"
            raise UsageError(f"{what}: unknown setting `{name}`{hint}")


def hardware_options(what: str, settings: Mapping[str, Any]) -> HardwareOptions:
    """Return what hardware is asked for."""
    require_known(what, settings, tuple(HardwareSettings.__annotations__))
    return HardwareOptions(**settings)


def choice(name: str, value: str, kind: type[Choice]) -> Choice:
    """Return the member of an enumeration by its value."""
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(each.value) for each in kind)
        raise UsageError(f"`{name}`: expected one of {known}, got {shown(value)}") from None


def vectors(X: ArrayLike, n_inputs: int, *, analog: bool = False) -> NDArray[Any]:
    """Return input vectors, ``(vectors, inputs)`` or ``(inputs,)``: uint8 0/1, or values from 0 to 1.

    Raises
    ------
    UsageError
        If they have another shape or other values.
    """
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError("X: expected numbers in rows of equal length") from None
    if rows.ndim not in (1, 2) or rows.shape[-1] != n_inputs:
        raise UsageError(f"X: expected shape (patterns, {n_inputs}), got {rows.shape}")
    if analog:
        if not ((rows >= 0) & (rows <= 1)).all():
            raise UsageError("X: expected values from 0 to 1")
        return rows
    if not ((rows == 0) | (rows == 1)).all():
        raise UsageError("X: expected 0 or 1")
    return rows.astype(np.uint8)
