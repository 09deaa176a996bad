"""What long work tells while it runs: one callback, ``on_event``, called with typed events.

A caller looks at the types it cares for and ignores the others::

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
    """Base of all events: what a function given as `on_event` is called with."""


@dataclass(frozen=True)
class StageBegan(Event):
    """The work enters another stage, such as ``training`` or ``emitting``."""

    stage: str


@dataclass(frozen=True)
class Note(Event):
    """Something went wrong that does not end the work, or is worth knowing."""

    text: str


@dataclass(frozen=True)
class TrialProgress(Event):
    """The state of a running trial, some ten times per second.

    ``gap`` is that of the last iteration; ``bits_right`` of ``bits`` targets are right in its best network so
    far. ``widths`` is None for a graph without layers, ``valid`` the share of validation targets right at the
    last point of the history, None without a validation set.
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
        """True if every target that matters is right."""
        return self.bits_right == self.bits


@dataclass(frozen=True)
class SettingsTried(Event):
    """Tuning has tried settings.

    Of the best of all ``candidates`` so far it gives the seconds per exact network, or the share of validation
    targets right. Both are None while no network was exact.
    """

    candidates: int
    seconds_per_solution: float | None = None
    valid: float | None = None


@dataclass(frozen=True)
class PassProgress(Event):
    """A pass of an optimisation begins, or has got further; ``cells`` and ``depth`` are those so far."""

    name: str
    number: int
    passes: int
    cells: int
    depth: int
    seconds: float


@dataclass(frozen=True)
class BetterCircuit(Event):
    """Learning has a circuit that is right on more validation samples than all before it."""

    learner: str
    how: str
    valid_right: int
    valid_samples: int
    cells: int


@dataclass(frozen=True)
class ApproximationStatus(Event):
    """Where a search for approximate circuits stands: the smallest circuit within the bound it is at.

    ``bound`` in words; ``points`` are on the front.
    """

    sweep: int
    bound: str
    walks: int
    cells: int
    points: int
    seconds: float


@dataclass(frozen=True)
class Growing(Event):
    """Where the cascade of a trial of a discovery stands.

    ``free`` of ``inputs`` are free, ``learnt`` of ``outputs`` are made again with them. A training has
    ``right`` of ``patterns`` right of ``output``, the name of an output bit, empty while none runs. The circuit
    has ``cells``, and ``bits_right`` of all ``bits`` of the function.
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
    least of any circuit of the front, None while it is empty; ``seconds`` count from the start of the search.
    ``growing`` is the foremost cascade under way.
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
    """A reproduction has to make ``wanted`` runs, of which ``found`` were done before."""

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
"""What gets events."""


def ignore(event: Event) -> None:
    """Take an event and do nothing."""
