"""The problem given to a learner, and its result.

A learner takes samples of one output and yields circuits, `Fit`; each circuit is simulated on the
validation samples, so a learner can be wrong but cannot overstate its accuracy.

Signals that learners may use as inputs are suggested by Fourier coefficients. The coefficient of a set of
inputs is the mean of ``y * product of the inputs`` over -1/+1 values, estimated from the samples with a
standard error of ``1 / sqrt(samples)`` (O'Donnell, Analysis of Boolean Functions, chapter 3). The inputs of a
function of moderate complexity usually occur in some set of up to three.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import Code
from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.patterns import group_rows
from btfsynth.errors import UsageError
from btfsynth.fpga.lut_mapper import map_luts
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.formats.aiger import aiger_names, emit_aig
from btfsynth.netlist.netlist import Netlist, value_of
from btfsynth.netlist.simulation import count_ones, pack_bits, valid_words
from btfsynth.ports import Port
from btfsynth.settings.setting import Options
from btfsynth.settings.table import (
    DEFAULT_MAX_CELLS,
    DEFAULT_TIME_LIMIT,
    LEARN,
    UNLIMITED,
    Basis,
    Conflicts,
    LutCount,
    Share,
)

_VALID_SHARE = 0.25
"""Share of the patterns that is kept to choose between circuits."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples of classes."""

    inputs: NDArray[np.uint8]  # (rows, bits) uint8 0/1
    labels: NDArray[np.int64]  # (rows,) int64

    @property
    def count(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Samples:
    """Input vectors and the values of one output."""

    inputs: NDArray[np.uint8]  # (samples, inputs) uint8 0/1
    on: NDArray[np.bool_]  # (samples,) bool

    @property
    def count(self) -> int:
        return len(self.on)

    @property
    def n_inputs(self) -> int:
        return int(self.inputs.shape[1])

    @cached_property
    def rows(self) -> Rows:
        """The samples as those of the classes 0 and 1."""
        return Rows(self.inputs, self.on.astype(np.int64))

    @cached_property
    def input_words(self) -> NDArray[np.uint64]:
        """``(inputs, words)`` uint64 signatures of the inputs."""
        return pack_bits(self.inputs)

    @cached_property
    def on_words(self) -> NDArray[np.uint64]:
        """``(words,)`` uint64 signature of the output."""
        words: NDArray[np.uint64] = pack_bits(self.on[:, None])[0]
        return words

    def hits(self, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Return the samples on which a signature is the output's, both ``(words,)`` uint64."""
        hits: NDArray[np.uint64] = ~(words ^ self.on_words) & valid_words(self.count)
        return hits

    def right(self, words: NDArray[np.uint64]) -> int:
        """Return the number of samples on which a signature, ``(words,)`` uint64, equals the output."""
        return count_ones(self.hits(words))


def samples_of(dataset: Dataset, output: int) -> Samples:
    """Return the patterns on which an output of a Boolean data set matters."""
    rows = dataset.care_mask[:, output]
    return Samples(
        np.ascontiguousarray(dataset.inputs[rows]), dataset.targets[rows, output].astype(np.bool_)
    )


def check_samples(train: Dataset, others: dict[str, Dataset]) -> None:
    """Refuse data that nothing can be learnt from, or that do not belong together."""
    for dataset in (train, *others.values()):
        if dataset.input_kind is not InputKind.BOOLEAN:
            raise UsageError(
                f"{dataset.source}: expected Boolean inputs to learn a circuit from, got "
                f"{dataset.input_kind.value} ones"
            )
    for name, dataset in others.items():
        for kind in ("input", "output"):
            wanted, given = (getattr(data, f"{kind}_ports") for data in (train, dataset))
            if wanted != given:
                raise UsageError(
                    f"`{name}` {dataset.source}: expected the {kind} ports of {train.source}, "
                    f"{_listed(wanted)}, got {_listed(given)}"
                )
    for name, dataset in (
        ("train", train),
        *((f"`{name}`", each) for name, each in others.items()),
    ):
        silent = np.flatnonzero(~dataset.care_mask.any(axis=0))
        if silent.size:
            raise UsageError(
                f"{name} {dataset.source}: output bit {silent[0] + 1} is a don't-care in every row"
            )


def _listed(ports: tuple[object, ...]) -> str:
    shown = [f"{port.name} ({port.width})" for port in ports[:4]]  # type: ignore[attr-defined]
    return ", ".join(shown) + (", ..." if len(ports) > len(shown) else "")


def split(dataset: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Split patterns at random into those to train on and those to select on.

    If one part has no pattern with a defined value of some output, the first such pattern is moved over from
    the other.
    """
    count = dataset.n_patterns
    if count < 2:
        raise UsageError(f"{dataset.source}: expected at least 2 patterns to split, got {count}")
    held = min(count - 1, max(1, round(count * _VALID_SHARE)))
    rows = np.random.default_rng(seed).permutation(count)
    chosen = np.zeros(count, dtype=np.bool_)
    chosen[rows[:held]] = True
    for output in range(dataset.n_outputs):
        for part in (True, False):
            _let_speak(dataset, output, chosen, part, rows)
    return dataset.select(np.flatnonzero(~chosen)), dataset.select(np.flatnonzero(chosen))


def _let_speak(
    dataset: Dataset, output: int, chosen: NDArray[np.bool_], part: bool, rows: NDArray[np.int64]
) -> None:
    """Move a pattern into a part without defined values of an output. Modifies chosen."""
    care = dataset.care_mask
    if care[chosen == part, output].any():
        return
    spoken = care[chosen != part].sum(axis=0)  # where a part has one pattern only, that must stay
    spare = care[:, output] & (chosen != part) & ~(care & (spoken == 1)).any(axis=1)
    found = rows[spare[rows]]
    if not found.size:
        raise UsageError(
            f"{dataset.source}: output bit {output + 1} matters in {int(care[:, output].sum())} of "
            f"{dataset.n_patterns} patterns, too few to split; give a "
            "validation set as `valid`"
        )
    chosen[found[0]] = part


def contradicting(one: Dataset, other: Dataset) -> tuple[int, int]:
    """Return how many patterns of the other set have inputs of the first, and how many contradict it."""
    rows = np.concatenate([one.inputs, other.inputs])
    groups, first = group_rows(rows)
    place = np.full(len(first), -1)
    place[groups[: one.n_patterns]] = np.arange(one.n_patterns)
    match = place[groups[one.n_patterns :]]
    seen = match >= 0
    differ = one.targets[match[seen]] != other.targets[seen]
    differ &= one.care_mask[match[seen]] & other.care_mask[seen]
    return int(seen.sum()), int(differ.any(axis=1).sum())


_TRIPLES_INPUTS = 40
_PAIRS_INPUTS = 600
"""Inputs up to which sets of three, and of two, are looked at."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Sets of inputs that the output correlates with."""

    sets: tuple[tuple[int, ...], ...]
    coefficients: NDArray[np.float64]  # (sets,) float64
    # (inputs,) float64, the largest coefficient that an input takes part in, significant or not
    scores: NDArray[np.float64]
    threshold: float

    def relevant(self) -> list[int]:
        """Return the inputs of significant sets, the most informative first."""
        order = np.argsort(-self.scores, kind="stable")
        return [int(i) for i in order if self.scores[i] >= self.threshold]

    def common(self) -> tuple[int, ...]:
        """Return the inputs common to all significant sets: the output is their parity combined with more."""
        if not self.sets:
            return ()
        return tuple(sorted(set(self.sets[0]).intersection(*self.sets)))


def measure_spectrum(samples: Samples) -> Spectrum:
    """Estimate the coefficients of up to three inputs, of two or one where these are too many."""
    n, count = samples.n_inputs, samples.count
    signs = (2 * samples.inputs.astype(np.float32) - 1).astype(np.float32)
    output = (2 * samples.on.astype(np.float32) - 1).astype(np.float32)
    output = output - output.mean()
    sets: list[tuple[int, ...]] = [(i,) for i in range(n)]
    values = [output @ signs]
    if n <= _PAIRS_INPUTS:
        pairs = (signs * output[:, None]).T @ signs
        upper = np.triu_indices(n, 1)
        sets.extend(zip(upper[0].tolist(), upper[1].tolist(), strict=True))
        values.append(pairs[upper])
    if n <= _TRIPLES_INPUTS:
        for i, j in combinations(range(n), 2):
            if j + 1 < n:
                values.append((output * signs[:, i] * signs[:, j]) @ signs[:, j + 1 :])
                sets.extend((i, j, k) for k in range(j + 1, n))
    coefficients = np.concatenate(values).astype(np.float64) / max(1, count)
    threshold = 1.15 * float(np.sqrt(2 * np.log(max(2, len(sets))) / max(1, count)))
    scores = np.zeros(n)
    for size in (1, 2, 3):
        rows = [row for row, members in enumerate(sets) if len(members) == size]
        if rows:
            members = np.array([sets[row] for row in rows])
            for place in range(size):
                np.maximum.at(scores, members[:, place], np.abs(coefficients[rows]))
    order = np.argsort(-np.abs(coefficients), kind="stable")
    kept = [int(row) for row in order if abs(coefficients[row]) >= threshold]
    return Spectrum(tuple(sets[row] for row in kept), coefficients[kept], scores, threshold)


AND, XOR = 0, 1


@dataclass(frozen=True)
class Features:
    """The inputs, and after them gates of two earlier signals each."""

    n_inputs: int
    # (kind, a, b) of every gate, a and b literals: twice the number of the signal, plus one where
    # it is complemented. Signals are numbered inputs first
    gates: tuple[tuple[int, int, int], ...] = ()

    @property
    def count(self) -> int:
        return self.n_inputs + len(self.gates)

    def columns(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        values = np.empty((self.count, len(inputs)), dtype=np.uint8)
        values[: self.n_inputs] = inputs.T
        for place, (kind, a, b) in enumerate(self.gates, self.n_inputs):
            x, y = (values[literal >> 1] ^ np.uint8(literal & 1) for literal in (a, b))
            values[place] = x & y if kind == AND else x ^ y
        return np.ascontiguousarray(values.T)

    def literals(self, builder: NetlistBuilder) -> list[int]:
        """Build the gates and return the literal of every signal; unused gates cost nothing."""
        literals = [builder.input(i) for i in range(self.n_inputs)]
        for kind, a, b in self.gates:
            x, y = (value_of(literals, literal) for literal in (a, b))
            literals.append(builder.and_(x, y) if kind == AND else builder.xor(x, y))
        return literals

    def extended(self, gates: Sequence[tuple[int, int, int]]) -> Features:
        """Return the features with more gates, each once."""
        return Features(self.n_inputs, tuple(dict.fromkeys((*self.gates, *gates))))


def with_pairs(n_inputs: int, spectrum: Spectrum, most: int) -> Features:
    """Return the inputs and the exclusive ors of pairs that the output correlates with."""
    pairs: dict[tuple[int, int], None] = {}
    for members in spectrum.sets:
        pairs.update(dict.fromkeys(combinations(members, 2)))
        if len(pairs) >= most:
            break
    gates = [(XOR, 2 * i, 2 * j) for i, j in list(pairs)[:most]]
    return Features(n_inputs).extended(gates)


OUTPUT = Port("y", 1)
"""The one output of a learner's circuit."""
_MAX_CELLS_PER_LUT = 40


@dataclass(frozen=True)
class Limits:
    cells: int
    ands: int
    luts: int | None = None  # Lookup tables of six inputs

    def hold(self, netlist: Netlist) -> bool:
        if netlist.n_cells > self.cells or count_ands(netlist) > self.ands:
            return False
        if self.luts is None:
            return True
        # Mapping is slow, and no useful circuit has that many cells per lookup table.
        return (
            netlist.n_cells <= _MAX_CELLS_PER_LUT * self.luts and count_luts(netlist) <= self.luts
        )


@dataclass(frozen=True)
class Budget:
    """When to stop."""

    deadline: float | None = None  # `time.monotonic` value; None for no limit

    def over(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def share(self, part: float) -> Budget:
        """Return a budget of a fraction, 0 to 1, of the remaining time."""
        if self.deadline is None:
            return self
        now = time.monotonic()
        return Budget(now + max(0.0, self.deadline - now) * part)


@dataclass(frozen=True, eq=False)
class Problem:
    """Samples of one output, and limits of its circuit."""

    name: str
    ports: tuple[Port, ...]
    train: Samples
    valid: Samples
    limits: Limits
    seed: int
    budget: Budget = field(default_factory=Budget)
    # Standard errors of validation accuracy that a smaller circuit may lack
    tolerance: float = 1.0


@dataclass(frozen=True, eq=False)
class ClassProblem:
    """Samples of classes, and limits of their circuit."""

    name: str
    ports: tuple[Port, ...]
    label: Port
    n_classes: int
    train: Rows
    valid: Rows
    limits: Limits
    seed: int
    budget: Budget = field(default_factory=Budget)
    tolerance: float = 1.0


@dataclass(frozen=True, eq=False)
class Fit:
    learner: str
    how: str
    netlist: Netlist
    # (words,) uint64, validation samples that it is right on, if those of the netlist itself flatter it
    valid_hits: NDArray[np.uint64] | None = None
    # Mean loss on the validation samples, of models that give probabilities
    valid_loss: float | None = None


class Learner(Protocol):
    """A way to get from samples to circuits."""

    name: ClassVar[str]

    def fit(self, problem: Problem) -> Iterator[Fit]: ...


def new_builder(problem: Problem | ClassProblem) -> NetlistBuilder:
    output = problem.label if isinstance(problem, ClassProblem) else OUTPUT
    return NetlistBuilder(problem.name, problem.ports, (output,))


def inlined(builder: NetlistBuilder, netlist: Netlist, inputs: Sequence[int]) -> list[int]:
    """Build a netlist into another and return its output literals."""
    literals = [0, *inputs]
    for fanin in netlist.fanins.tolist():
        literals.append(builder.maj(*(value_of(literals, each) for each in fanin)))
    return [value_of(literals, literal) for literal in netlist.outputs.tolist()]


def count_luts(netlist: Netlist) -> int:
    """Return the number of six-input lookup tables of a netlist, estimated by mapping it."""
    return map_luts(netlist, 6).luts


def count_ands(netlist: Netlist) -> int:
    header = emit_aig(netlist, aiger_names(netlist), {}).partition(b"\n")[0]
    return int(header.split()[5])


@dataclass(frozen=True)
class LearnOptions(Options, settings=LEARN):
    """Options of learning, and limits of the circuit.

    Parameters
    ----------
    (settings)
    command
        The command line, for the record; empty if there was none.

    Raises
    ------
    UsageError
        If a value is outside its range.
    """

    conflicts: Conflicts = LEARN["conflicts"].default
    code: Code | None = None
    missing: str | None = None
    max_cells: int = LEARN["max_cells"].default
    max_ands: int = LEARN["max_ands"].default
    max_luts: int | None = None
    count_luts: LutCount = LEARN["count_luts"].default
    tolerance: float = LEARN["tolerance"].default
    time_limit: float | None = None
    trials: int | None = None
    jobs: int = LEARN["jobs"].default
    seed: int = LEARN["seed"].default
    passes: str = LEARN["passes"].default
    basis: Basis = LEARN["basis"].default
    learners: tuple[str, ...] | None = None  # Names; None runs all
    oracle: str | None = None
    queries: int = LEARN["queries"].default
    share: Share = LEARN["share"].default
    baselines: bool | None = None
    simulators: tuple[str, ...] | None = None  # Names; None takes all that are installed
    # The command that asks for this, to be recorded; empty if there was none
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._fill("max_cells", DEFAULT_MAX_CELLS if self.max_luts is None else UNLIMITED)
        self._fill("max_ands", self.max_cells)
        self._fill("tolerance", 1.0 if self.max_luts is None else 0.0)
        if self.trials is None:
            self._fill("time_limit", DEFAULT_TIME_LIMIT)
