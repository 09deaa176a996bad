"""What an experiment is: data, network, settings, what is measured, and what was published."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from btfsynth.network.topology import Topology, layered
from btfsynth.train.parameters import StopRule, TrainParameters


class Measure(str, Enum):
    """What an experiment is judged by."""

    EXACT = "exact"
    """Training targets got right; the goal is all of them."""
    TEST_BITS = "test bits"
    """Share of the test targets got right."""
    TEST_LABELS = "test labels"
    """Share of the test classes got right, by the largest sum."""
    CODES = "codes used"
    """Different codes that the patterns have found; the goal is all there are."""


@dataclass(frozen=True)
class Published:
    """What the method's authors report (arXiv 2602.17493 and the documentation of their program).

    Parameters
    ----------
    result
        In words.
    beta, gamma, gap_limit
        Their settings; None where none are told. Their runs end by the gap.
    steps
        Steps of a run; None where none are told.
    share
        Share of the test got right; None where none is told.
    gradient, penalised
        Share of the test that a ReLU network trained by AdamW got right, without and with a penalty on
        row norms and L1.
    """

    result: str
    beta: float | None = None
    gamma: float | None = None
    gap_limit: float | None = None
    steps: int | None = None
    share: float | None = None
    gradient: float | None = None
    penalised: float | None = None


@dataclass(frozen=True)
class Scale:
    """How far a run of an experiment goes.

    Parameters
    ----------
    seeds
        Random starts, each with a data set of its own where the data are random.
    iterations
        Steps of each at most.
    """

    seeds: int
    iterations: int


@dataclass(frozen=True)
class Experiment:
    """One row of the table.

    Parameters
    ----------
    name
        How it is asked for.
    title
        What it is, in a few words.
    task
        Specification of the training data.
    widths
        Widths of the network, inputs first; also those of the ReLU network.
    measure
        What it is judged by.
    published
        The authors' figures.
    sigma, beta, gamma, stop, gap_limit
        Our settings (see `btfsynth.train.parameters.TrainParameters`).
    full, quick
        How far it goes.
    seeded
        Whether the data are random and named by a seed.
    hidden
        Whether a circuit is behind the data, to be compared with what was learnt.
    skip
        Whether every layer sees the inputs.
    fitted
        Whether it is judged with its weights fitted anew (`btfsynth.network.sparse`), not as trained.
    """

    name: str
    title: str
    task: str
    widths: tuple[int, ...]
    measure: Measure
    published: Published
    beta: float
    gamma: float
    full: Scale
    quick: Scale
    sigma: float = 3.0
    stop: StopRule = StopRule.EXACT
    gap_limit: float = 0.01
    seeded: bool = True
    hidden: bool = False
    skip: bool = False
    fitted: bool = False

    @property
    def topology(self) -> Topology:
        """The network."""
        return layered(self.widths, skip=self.skip)

    @property
    def tested(self) -> bool:
        """Whether there are patterns to test on."""
        return self.measure in (Measure.TEST_BITS, Measure.TEST_LABELS)

    def source(self, seed: int) -> str:
        """Return the specification of the training data of a seed."""
        return f"{self.task},seed={seed}" if self.seeded else self.task

    def test_source(self, seed: int) -> str:
        """Return the specification of the test data of a seed."""
        return f"{self.source(seed)},part=test"

    def parameters(self, scale: Scale) -> TrainParameters:
        """Return the settings of a trial."""
        return TrainParameters(
            sigma=self.sigma,
            beta=self.beta,
            gamma=self.gamma,
            iterations=scale.iterations,
            stop=self.stop,
            gap_limit=self.gap_limit,
        )

    def settings(self, scale: Scale) -> dict[str, Any]:
        """Return all that a run depends on, as JSON values."""
        return {
            "task": self.task,
            "widths": list(self.widths),
            "sigma": self.sigma,
            "beta": self.beta,
            "gamma": self.gamma,
            "stop": self.stop.value,
            "gap_limit": self.gap_limit if self.stop is StopRule.GAP else None,
            "iterations": scale.iterations,
            **({"skip": True} if self.skip else {}),
            **({"fitted": True} if self.fitted else {}),
        }
