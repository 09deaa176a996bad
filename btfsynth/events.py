"""Events of long-running work: one callback, ``on_event``, is called with typed events.

A caller handles the types it needs and ignores the others::

    def show(event: Event) -> None:
        match event:
            case StageBegan(stage=stage):
                print(stage)
            case TrialProgress(trial=trial, gap=gap):
                print(trial, gap)

Training calls it from its own threads, one call at a time. An exception that it raises ends the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Base of all events, with which `on_event` is called."""


@dataclass(frozen=True)
class StageBegan(Event):
    """A stage of the work begins, such as ``training`` or ``emitting``."""

    stage: str


@dataclass(frozen=True)
class Note(Event):
    """A problem that does not end the work, or other information."""

    text: str


@dataclass(frozen=True)
class TrialProgress(Event):
    """The state of a running trial, about ten times per second.

    ``gap`` is that of the last iteration. ``bits_right`` of ``bits`` targets are correct in the best network so
    far. ``widths`` is None for a graph without layers. ``valid`` is the share of correct validation targets at
    the last point of the history, None without a validation set.
    """

    trial: int
    iterations: int
    gap: float
    bits_right: int
    bits: int
    widths: tuple[int, ...] | None
    seconds: float = 0.0
    valid: float | None = None


@dataclass(frozen=True)
class TrialEnded(Event):
    """A trial has ended; ``stop`` is the value of its `btfsynth.training.parameters.StopReason`."""

    trial: int
    stop: str
    succeeded: bool
    iterations: int
    gap: float
    bits_right: int
    bits: int
    seconds: float

    @property
    def exact(self) -> bool:
        """True if every target except don't-cares is correct."""
        return self.bits_right == self.bits


@dataclass(frozen=True)
class SettingsTried(Event):
    """Tuning has tried a candidate.

    ``seconds_per_solution`` or ``valid``, the share of correct validation targets, is that of the best of all
    ``candidates`` so far. Both are None until a network was exact.
    """

    candidates: int
    seconds_per_solution: float | None = None
    valid: float | None = None


@dataclass(frozen=True)
class PassProgress(Event):
    """A pass of an optimisation begins or continues; ``cells`` and ``depth`` are the present ones."""

    name: str
    number: int
    passes: int
    cells: int
    depth: int
    seconds: float


@dataclass(frozen=True)
class BetterCircuit(Event):
    """Learning has a circuit that is correct on more validation samples than all before it."""

    learner: str
    how: str
    valid_right: int
    valid_samples: int
    cells: int


@dataclass(frozen=True)
class ApproximationStatus(Event):
    """The state of a search for approximate circuits: the smallest circuit within the present bound.

    ``bound`` is in words, and so is ``size``, in what the search counts; ``points`` counts the circuits of
    the front.
    """

    sweep: int
    bound: str
    walks: int
    cells: int
    points: int
    seconds: float
    size: str = ""


@dataclass(frozen=True)
class Growing(Event):
    """The state of a cascade of a discovery.

    ``free`` of ``inputs`` are released, ``learnt`` of ``outputs`` are rebuilt with them. The running training
    has ``right`` of ``patterns`` correct for the output bit ``output``, which is empty if none runs. The
    circuit has ``cells``, and ``bits_right`` of ``bits`` of the function are correct.
    """

    trial: int
    free: int
    inputs: int
    learnt: int
    outputs: int
    output: str
    right: int
    patterns: int
    cells: int
    bits_right: int
    bits: int


@dataclass(frozen=True)
class SearchStatus(Event):
    """The state of a discovery, a few times per second.

    ``phase`` is ``trials`` or ``polishing``; counts include earlier sessions. ``cells`` and ``depth`` are the
    minima over the front, None while it is empty. ``seconds`` count from the start of the search. ``growing``
    is the most advanced running cascade.
    """

    phase: str
    trials: int
    exact: int
    distinct: int
    polished: int
    cells: int | None
    depth: int | None
    front: int
    seconds: float
    growing: Growing | None = None


@dataclass(frozen=True)
class RunsPlanned(Event):
    """A reproduction makes ``wanted`` runs, of which ``found`` are already done."""

    wanted: int
    found: int


@dataclass(frozen=True)
class RunBegan(Event):
    """A run of a reproduction begins."""

    experiment: str
    seed: int


@dataclass(frozen=True)
class RunProgress(Event):
    """The state of a run's training."""

    experiment: str
    seed: int
    at: TrialProgress


@dataclass(frozen=True)
class RunEnded(Event):
    """A run has ended; ``summary`` is its result in words."""

    experiment: str
    seed: int
    summary: str


OnEvent = Callable[[Event], None]
"""A function that receives events."""


def ignore(event: Event) -> None:
    """Take an event and do nothing."""
