"""The experiments of arXiv 2602.17493: data, networks, settings, and the figures that the authors published.

Figures of the authors are those of the paper and of the documentation of their program
(github.com/veitelser/boolearn). Our step size and metric rate are larger than theirs, which saves iterations.
For fitting, training ends as soon as the function is exact; for generalisation, the gap must close.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from btfsynth.errors import UsageError
from btfsynth.network.network import Topology, layered
from btfsynth.settings.table import StopRule
from btfsynth.training.parameters import TrainParameters


class Measure(str, Enum):
    EXACT = "exact"
    """Correct training targets; the goal is all of them."""
    TEST_BITS = "test bits"
    """Share of the test targets got right."""
    TEST_LABELS = "test labels"
    """Share of the test classes got right, by the largest sum."""
    CODES = "codes used"
    """Different codes that the patterns have found; the goal is all there are."""


@dataclass(frozen=True)
class Published:
    """Figures of the authors (arXiv 2602.17493 and the documentation of their program)."""

    result: str
    # Their settings, None if not published. Their runs end by the gap
    beta: float | None = None
    gamma: float | None = None
    gap_limit: float | None = None
    iterations: int | None = None  # Iterations of a run, None if not published
    share: float | None = None  # Share of correct test bits, None if not published
    # Share of the test that a ReLU network trained by AdamW got right, without and with a penalty
    # on row norms and L1
    adamw: float | None = None
    adamw_penalty: float | None = None


@dataclass(frozen=True)
class Scale:
    """Limits of a run of an experiment."""

    seeds: int  # Random starts, each with a data set of its own where the data are random
    max_iterations: int


@dataclass(frozen=True)
class Experiment:
    """One row of the table."""

    name: str
    title: str
    task: str
    widths: tuple[int, ...]  # Widths of the network, inputs first; also those of the ReLU network
    measure: Measure
    published: Published
    full: Scale
    quick: Scale
    # Our settings (see `btfsynth.training.parameters.TrainParameters`)
    sigma: float = 3.0
    beta: float = 0.4
    gamma: float = 1e-3
    stop: StopRule = StopRule.EXACT
    gap_limit: float = 0.1
    seeded: bool = True
    # Whether a circuit is behind the data, to be compared with what was learnt
    hidden: bool = False
    skip: bool = False
    # Whether it is judged with its weights refitted (`btfsynth.network.integers`), not as trained
    fitted: bool = False

    @property
    def topology(self) -> Topology:
        return layered(self.widths, skip=self.skip)

    @property
    def tested(self) -> bool:
        return self.measure in (Measure.TEST_BITS, Measure.TEST_LABELS)

    def source(self, seed: int) -> str:
        return f"{self.task},seed={seed}" if self.seeded else self.task

    def test_source(self, seed: int) -> str:
        return f"{self.source(seed)},part=test"

    def parameters(self, scale: Scale) -> TrainParameters:
        return TrainParameters(
            sigma=self.sigma,
            beta=self.beta,
            gamma=self.gamma,
            max_iterations=scale.max_iterations,
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
            "max_iterations": scale.max_iterations,
            **({"skip": True} if self.skip else {}),
            **({"fitted": True} if self.fitted else {}),
        }


def _multiplier(bits: int, widths: tuple[int, ...], published: Published) -> Experiment:
    small = bits == 2
    return Experiment(
        name=f"multiplier{bits}",
        title=f"{bits}-bit multiplier",
        task=f"multiplier:{bits}",
        widths=widths,
        measure=Measure.EXACT,
        published=published,
        beta=0.6 if small else 0.5,
        gamma=3e-3,
        seeded=False,
        full=Scale(50 if small else 20, 10_000 if small else 80_000),
        quick=Scale(10 if small else 3, 10_000 if small else 80_000),
    )


def _autoencoder(
    count: int, code: int, gamma: float, full: Scale, quick: Scale, published: Published
) -> Experiment:
    return Experiment(
        name=f"autoencoder{count}",
        title=f"autoencoder, {count} random vectors of {count} bits",
        task=f"autoencoder:{count}",
        widths=(count, count, code, count, count),
        measure=Measure.EXACT,
        published=published,
        gamma=gamma,
        full=full,
        quick=quick,
    )


def _and_or(samples: int, share: float) -> Experiment:
    return Experiment(
        name=f"and_or_{samples}",
        title=f"random AND/OR circuit, 3 layers of 32, {samples} patterns",
        task=f"random_and_or:3x32,train={samples}",
        widths=(32, 32, 32, 32),
        measure=Measure.TEST_BITS,
        published=Published("test bits", 0.2, 1e-3, 0.1, share=share),
        stop=StopRule.GAP,
        hidden=True,
        full=Scale(5, 300_000),
        quick=Scale(1, 50_000),
    )


def _lean_and_or(
    samples: int, share: float, hidden: tuple[int, ...], full: Scale, quick: Scale
) -> Experiment:
    """Return the same circuits with few neurons, which see the inputs too, and weights refitted.

    A signal that is only passed on then takes no neuron, and few neurons leave little to learn by heart.
    """
    return replace(
        _and_or(samples, share),
        name=f"and_or_{samples}_lean",
        title=f"random AND/OR circuit, 3 layers of 32, {samples} patterns, few neurons and weights",
        widths=(32, *hidden, 32),
        skip=True,
        fitted=True,
        full=full,
        quick=quick,
    )


def _majority(samples: int, published: Published, full: Scale) -> Experiment:
    return Experiment(
        name=f"majority_{samples}",
        title=f"random majority circuit, 5 layers of 32, {samples} patterns",
        task=f"random_majority:5x32,train={samples}",
        widths=(32,) * 6,
        measure=Measure.TEST_BITS,
        published=published,
        stop=StopRule.GAP,
        hidden=True,
        full=full,
        quick=Scale(1, 10_000),
    )


def _automaton(
    name: str,
    world: tuple[int, int, int],
    widths: tuple[int, ...],
    scales: tuple[Scale, Scale],
    published: Published,
    gap_limit: float = 0.1,
) -> Experiment:
    rule, steps, cells = world
    words = f"{steps} steps" if steps > 1 else "1 step"
    return Experiment(
        name=name,
        title=f"rule {rule}, {words}, {cells} cells, 256 patterns"
        + (f", hidden layers of {widths[1]}" if name.endswith("_wide") else ""),
        task=f"automaton:{rule},steps={steps},cells={cells},train=256",
        widths=widths,
        measure=Measure.TEST_BITS,
        published=published,
        stop=StopRule.GAP,
        gap_limit=gap_limit,
        hidden=True,
        full=scales[0],
        quick=scales[1],
    )


def _digits(samples: int, share: float, adamw: float) -> Experiment:
    return Experiment(
        name=f"digits_{samples}",
        title=f"8x8 grey digits, {samples} patterns",
        task=f"digits:grey,train={samples}",
        widths=(64, 64, 10),
        measure=Measure.TEST_LABELS,
        published=Published("test labels", 0.2, 1e-3, 0.05, share=share, adamw=adamw),
        sigma=5.0,
        stop=StopRule.GAP,
        full=Scale(3, 50_000),
        quick=Scale(1, 4_000),
    )


_RULE_30 = Published(
    "test bits",
    beta=0.2,
    gamma=1e-3,
    gap_limit=0.1,
    iterations=755_382,
    share=0.9966,
    adamw=0.861,
    adamw_penalty=1.0,
)

_ALL = (
    _multiplier(
        2,
        (4, 4, 4, 4),
        Published("3 of 5 runs within 10,000 iterations", 0.2, 1e-3, 0.01, iterations=3561),
    ),
    _multiplier(3, (6, 12, 12, 12, 6), Published("architecture only", 0.2, 1e-3, 0.01)),
    _autoencoder(8, 3, 2e-3, Scale(20, 50_000), Scale(5, 20_000), Published("none for this size")),
    _autoencoder(
        16,
        4,
        1e-3,
        Scale(20, 100_000),
        Scale(5, 40_000),
        Published("5 of 5 runs within 100,000 iterations", 0.2, 1e-4, 0.05, iterations=55_115),
    ),
    _autoencoder(
        32, 5, 1e-3, Scale(10, 500_000), Scale(2, 60_000), Published("none for this size")
    ),
    Experiment(
        name="decoder16",
        title="decoder, 16 random vectors of 16 bits from 4-bit codes",
        task="decoder:16",
        widths=(4, 16, 16),
        measure=Measure.EXACT,
        published=Published("all 16 codes used", 0.5, 1e-4, 0.01, iterations=76_136),
        gamma=3e-3,
        full=Scale(20, 100_000),
        quick=Scale(5, 40_000),
    ),
    _and_or(64, 0.753),
    _and_or(128, 0.869),
    _and_or(256, 0.9975),
    # Of 64 and 128 patterns, chosen by the test of circuits 101 to 106, none of which is reported.
    _lean_and_or(64, 0.753, (4,), Scale(5, 10_000), Scale(1, 10_000)),
    _lean_and_or(128, 0.869, (8,), Scale(5, 40_000), Scale(1, 10_000)),
    _lean_and_or(256, 0.9975, (16, 16), Scale(5, 50_000), Scale(1, 15_000)),
    _majority(256, Published("data generator and architecture only"), Scale(1, 50_000)),
    _majority(
        512,
        Published("data generator and architecture only", adamw=0.819),
        Scale(3, 150_000),
    ),
    _majority(1024, Published("data generator and architecture only"), Scale(1, 50_000)),
    _automaton(
        "rule232",
        (232, 3, 32),
        (32, 32, 32, 32),
        (Scale(3, 300_000), Scale(1, 40_000)),
        Published("test bits", 0.2, 1e-3, 0.1, share=0.983),
    ),
    _automaton(
        "rule30",
        (30, 1, 16),
        (16, 32, 32, 16),
        (Scale(5, 500_000), Scale(1, 150_000)),
        _RULE_30,
    ),
    # 32 are just enough for 16 cells; with some to spare the gap closes, and sooner.
    _automaton(
        "rule30_wide",
        (30, 1, 16),
        (16, 48, 48, 16),
        (Scale(5, 60_000), Scale(1, 60_000)),
        replace(_RULE_30, result="test bits (hidden layers of 32)"),
        gap_limit=0.05,
    ),
    _automaton(
        "rule30_2",
        (30, 2, 16),
        (16, 32, 32, 32, 32, 16),
        (Scale(1, 100_000), Scale(1, 20_000)),
        Published("data generator only"),
    ),
    _digits(128, 0.641, 0.858),
    _digits(256, 0.818, 0.905),
    _digits(512, 0.901, 0.944),
    Experiment(
        name="digit_images",
        title="images of one digit from 16 one-hot codes",
        task="digit_images:4",
        widths=(16, 64, 64),
        measure=Measure.CODES,
        published=Published(
            "1024 images of 16x16 from 16-256-256: gap saturates, all 16 codes used",
            0.2,
            1e-3,
            0.01,
        ),
        sigma=5.0,
        stop=StopRule.GAP,
        gap_limit=0.01,
        seeded=False,
        full=Scale(5, 20_000),
        quick=Scale(1, 3_000),
    ),
)

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _ALL}
"""The experiments by name, in the order of the table."""


def choose(names: tuple[str, ...]) -> tuple[Experiment, ...]:
    wanted: set[str] = set()
    for name in names:
        fitting = {known for known in EXPERIMENTS if known == name}
        fitting = fitting or {known for known in EXPERIMENTS if known.startswith(name)}
        if not fitting or not name:
            raise UsageError(
                f"{name[:40]!r} is not an experiment; experiments are {', '.join(EXPERIMENTS)}"
            )
        wanted |= fitting
    return tuple(each for each in _ALL if not names or each.name in wanted)
