"""Settings as keyword arguments: names, types, and conversion to the options of the library."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from btfsynth.errors import UsageError, shown
from btfsynth.events import OnEvent
from btfsynth.settings.setting import Setting
from btfsynth.settings.table import INPUTS

if TYPE_CHECKING:
    from btfsynth.api.training import Network

_NEAR = 0.7
"""Minimum similarity of names for a suggestion: `name` is not suggested for `enable`."""

Function = TypeVar("Function", bound=Callable[..., Any])


class TrainSettings(TypedDict, total=False):
    """Settings of a training (see `btfsynth.train`); the others follow from the data."""

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
    votes: int
    max_luts: int
    max_loss: float


class HardwareSettings(TypedDict, total=False):
    """Settings of the hardware of a netlist (see `btfsynth.Netlist.write`)."""

    pipeline: int | str
    enable: bool
    reset: bool
    stream: bool
    cells: bool
    formats: Sequence[str]


class BuildSettings(TrainSettings, HardwareSettings, total=False):
    """Settings of a build (see `btfsynth.build`)."""

    passes: str
    objective: str
    max_depth: int
    preserve: str
    simulators: Sequence[str]
    timeout: float
    code: str
    missing: str
    weights: str | int
    label: bool


class ImportSettings(HardwareSettings, total=False):
    """Settings of the hardware of an imported model (see `btfsynth.from_sklearn`)."""

    passes: str
    objective: str
    max_depth: int
    time_limit: float
    effort: str
    simulators: Sequence[str]
    timeout: float


class DiscoverSettings(TrainSettings, total=False):
    """Settings of a discovery (see `btfsynth.discover`)."""

    passes: str
    objective: str
    polish: bool


class ApproximateSettings(TypedDict, total=False):
    """Settings of a search for approximate circuits (see `btfsynth.approximate`)."""

    metric: str
    signed: bool
    bits: bool
    objective: str
    basis: str
    sweeps: int
    time_limit: float
    jobs: int
    seed: int


class LearnSettings(TypedDict, total=False):
    """Settings of learning from samples (see `btfsynth.learn`)."""

    trials: int
    time_limit: float | None
    jobs: int
    max_cells: int
    max_ands: int
    max_luts: int
    count_luts: str
    tolerance: float
    conflicts: str
    code: str
    missing: str
    passes: str
    learners: Sequence[str]
    basis: str
    oracle: str | Callable[..., Any]
    queries: int
    share: str
    baselines: bool
    simulators: Sequence[str]


def documented(*tables: Mapping[str, Setting]) -> Callable[[Function], Function]:
    """Add the settings of tables to the docstring of a function that takes them by keyword."""

    def add(function: Function) -> Function:
        lines = [inspect.cleandoc(function.__doc__ or ""), "", "Settings", "--------"]
        for setting in merged(*tables).values():
            lines += [f"{setting.name} : {setting.kind.expected}", f"    {setting.described()}"]
        function.__doc__ = "\n".join(lines)
        return function

    return add


def merged(*tables: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return the settings of several tables by name, without the seed; the first table with a name wins."""
    found: dict[str, Setting] = {}
    for table in tables:
        found |= {name: each for name, each in table.items() if name not in ("seed", *found)}
    return found


def require_known(
    function: Callable[..., Any], given: Mapping[str, Any], *tables: Mapping[str, Setting]
) -> None:
    """Refuse unknown settings; the message has the present name, the nearest name, or all names."""
    settings = merged(*tables)
    own = [
        each.name
        for each in inspect.signature(function).parameters.values()
        if each.default is not each.empty
    ]
    known = [*own, *settings, *({"topology"} if "widths" in settings else ())]
    former = {
        each.formerly: name
        for name, each in merged(*tables, INPUTS).items()
        if each.formerly and name in known
    }
    for name in given:
        if name in known:
            continue
        if name in former:
            raise UsageError(f"{function.__name__}: `{name}` is renamed to `{former[name]}`")
        near = get_close_matches(name, known, 1, _NEAR)
        hint = f"is `{near[0]}` meant?" if near else f"expected some of {', '.join(known)}"
        raise UsageError(f"{function.__name__}: unknown setting `{name}`; {hint}")


def listener(on_event: OnEvent | None) -> OnEvent | None:
    """Return the function to call with events."""
    if on_event is not None and not callable(on_event):
        raise UsageError(f"`on_event`: expected a function of one event, got {shown(on_event)}")
    return on_event


def taken(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: given.pop(name) for name in names if name in given}


def vectors(X: ArrayLike, n_inputs: int, *, analog: bool = False) -> NDArray[Any]:
    """Return input vectors, ``(vectors, inputs)`` or ``(inputs,)``: uint8 0/1, or values from 0 to 1."""
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
