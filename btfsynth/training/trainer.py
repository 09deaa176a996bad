"""One trial: reflect-reflect-relax from one random start."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import TopologyError, TrainingError, UsageError
from btfsynth.events import OnEvent, TrialProgress
from btfsynth.network.network import Accuracy, Topology, TrainedNetwork, layered, measure
from btfsynth.ports import Port
from btfsynth.settings.table import StopRule
from btfsynth.training.history import HistoryPoint, next_point
from btfsynth.training.kernel import (
    BEST_ITERATION,
    BEST_MEAN,
    GIVEN,
    MOST_RIGHT,
    STOPPED,
    Tally,
    run_steps,
    start_state,
)
from btfsynth.training.parallel import Ranks, Share, Team, useful_threads
from btfsynth.training.parameters import StopReason, TrainParameters, TrialResult
from btfsynth.training.state import (
    count_blocks,
    generated_codes,
    make_problem,
    make_state,
    state_bytes,
)


def new_best(stop_at: int = -1) -> NDArray[np.float64]:
    """Return `btfsynth.training.kernel.Tally.best` before the first count."""
    return np.array([-1, stop_at, 0, 0, np.inf], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Candidate:
    """The network of an iteration of a trial, with its `score`; the larger score wins.

    ``weights`` are ``(edges,)`` of the trainer's float type, ``mean`` is the mean squared gap, and ``codes``
    are the generated inputs, ``(patterns, inputs)`` uint8, None where inputs are given.
    """

    score: tuple[int, int, float]
    weights: NDArray[np.floating[Any]]
    iterations: int
    mean: float
    codes: NDArray[np.uint8] | None = None

    def better_than(self, other: Candidate | None) -> bool:
        return other is None or self.score > other.score


def score(seen: int, valid: Accuracy | None, mean: float) -> tuple[int, int, float]:
    """Return the sort key of the networks of a trial, compared item by item.

    First the correct validation targets, if there are any: classes if the set has labels, else bits; then the
    correct training targets; then the smaller mean squared gap.
    """
    held = 0
    if valid is not None:
        labels = valid.labels_right
        held = valid.bits_right if labels is None else labels
    return held, seen, -mean


_CHUNK_SECONDS = 0.1
_CHECKS_PER_MEASUREMENT = 20
"""Checks between two measurements in NumPy, which then take a few percent of the time."""


def check_fit(dataset: Dataset, topology: Topology) -> None:
    """Refuse data that a network of this shape cannot learn: other widths, or only don't-cares."""
    if not dataset.care_mask.any():
        raise UsageError(f"{dataset.source}: every target is a don't-care: nothing to learn")
    generated = dataset.input_kind not in (InputKind.BOOLEAN, InputKind.ANALOG)
    for label, data, network in (
        ("inputs", topology.n_inputs if generated else dataset.n_inputs, topology.n_inputs),
        ("outputs", dataset.n_outputs, topology.n_outputs),
    ):
        if data != network:
            raise TopologyError(
                f"the network has {network} {label}, {dataset.name} has {data}; widths begin with "
                "the number of inputs and end with the number of outputs"
            )
    if not topology.n_inputs:
        raise TopologyError(
            f"the network has no inputs, so it cannot distinguish the patterns of {dataset.name}"
        )


def require_memory(dataset: Dataset, topology: Topology, precision: int) -> None:
    """Refuse a training whose state does not fit into memory, before it is allocated."""
    dtype = TrainParameters(precision=precision).dtype
    needed, there = state_bytes(topology, dataset.n_patterns, dtype), physical_memory()
    if there is not None and needed > there:
        raise TrainingError(
            f"{dataset.source}: {dataset.n_patterns} patterns on {topology.n_edges} weights take "
            f"{needed / 2**30:.1f} GB, of {there / 2**30:.1f} GB that the machine has; train fewer patterns or "
            "narrower layers, or use `votes`"
        )


def physical_memory() -> int | None:
    """Return the memory of this machine in bytes, None if unknown."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def with_codes(dataset: Dataset, codes: NDArray[np.uint8]) -> Dataset:
    """Return generator data with the code of every pattern as its input, on one port ``code``."""
    return replace(
        dataset,
        inputs=codes,
        input_kind=InputKind.BOOLEAN,
        input_ports=(Port("code", codes.shape[1]),),
    )


def network_of(
    dataset: Dataset, topology: Topology, weights: NDArray[np.float32]
) -> TrainedNetwork:
    ports = dataset.input_ports, dataset.output_ports
    return TrainedNetwork(
        dataset.name, topology, weights, *ports, code=dataset.code, classes=dataset.classes
    )


@functools.cache
def warm_up(precision: int) -> None:
    """Compile or load the kernel, so that no measured time contains its compilation."""
    bit = np.array([[0], [1]], dtype=np.uint8)
    tiny = Dataset("warm_up", "warm_up", bit, bit, (Port("x", 1),), (Port("y", 1),))
    dtype = TrainParameters(precision=precision).dtype
    problem = make_problem(tiny, layered((1, 1)), 3.0, dtype)
    state = make_state(problem, (0,))
    start_state(problem, state)
    tally = Tally(new_best(), state.weights.copy(), np.zeros(1))
    run_steps(problem, state, (0.5, 0.0, 0.0, 0.0), 1, 1, tally)
    team = Team(2)
    team.run_steps(problem, state, (0.5, 0.0, 0.0, 0.0), 1, 1, tally)
    team.close()


class Counters(NamedTuple):
    """The numbers of a snapshot, in the order of its file.

    The five from `most_right` on are those of `btfsynth.training.kernel.Tally`, whose iteration here counts
    from the trial's start; `mean` is a mean squared gap; `kept_iteration` and `kept_mean` are those of the
    best network that was measured. Seconds are those so far: all, and of the iterations alone.
    """

    iterations: int
    mean: float
    least_gap: float
    most_right: float
    stop_at: float
    stopped: float
    best_iteration: float
    best_mean: float
    kept_iteration: int
    kept_mean: float
    seconds: float
    step_seconds: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that a running trial needs to continue as if it had not stopped.

    ``arrays`` are those of the state, and of the two best networks so far (the kernel's, and that of the
    measurements along the way) ``best_weights``, ``kept_weights`` and, where inputs are generated,
    ``kept_codes``.
    """

    arrays: dict[str, NDArray[Any]]
    counters: Counters
    history: tuple[HistoryPoint, ...]


@dataclass(frozen=True, eq=False)
class TrialOptions:
    """Execution of a trial: threads and processes, deadline, and snapshots of its state.

    `threads` share the blocks of patterns if the problem is large enough. `ranks` are the processes that share
    the training: each calls `train_trial`, and all get the result. `deadline` is a value of `time.monotonic`.
    `snapshot_due` is called with the number of the trial about every tenth of a second; if it returns True, or
    if the deadline or `cancelled` ends the trial, `on_snapshot` gets a snapshot. Without `valid_chooses`, only
    training targets choose the best network.
    """

    threads: int = 1
    ranks: Ranks | None = None
    resume: Snapshot | None = None
    deadline: float | None = None
    cancelled: threading.Event | None = None
    snapshot_due: Callable[[int], bool] | None = None
    on_snapshot: Callable[[int, Snapshot], None] | None = None
    valid_chooses: bool = True

    @classmethod
    def within(cls, seconds: float | None) -> TrialOptions:
        """Return options with a deadline this many seconds from now; None for no limit."""
        return cls(deadline=None if seconds is None else time.monotonic() + seconds)


class _Run:
    """The state of one trial between two chunks of iterations."""

    def __init__(
        self,
        dataset: Dataset,
        topology: Topology,
        parameters: TrainParameters,
        valid: Dataset | None,
        seed: tuple[int, int],
        options: TrialOptions,
    ) -> None:
        ranks, snapshot = options.ranks, options.resume
        self.dataset = dataset
        self.chooser = valid if options.valid_chooses else None
        self.topology = topology
        self.parameters = parameters
        self.valid = valid
        self.ranks = ranks
        share = Share() if ranks is None else ranks.share
        blocks = count_blocks(dataset.n_patterns)
        if ranks is not None:
            ranks.require(blocks)
        self.blocks = share.blocks(blocks), blocks
        self.problem = make_problem(dataset, topology, parameters.sigma, parameters.dtype, share)
        self.state = make_state(self.problem, (0, 0) if snapshot else seed, share)
        if ranks is not None:
            ranks.begin(self.problem, self.state, blocks)
        self.bits = int(dataset.care_mask.sum())
        stop = parameters.stop
        self.best = new_best(self.bits if stop is StopRule.EXACT else -1)
        self.best_weights = self.state.weights.copy()
        self.kept: Candidate | None = None
        self.done, self.mean, self.least = 0, 0.0, np.inf
        self.spent, self.stepping = 0.0, 0.0
        self.history: list[HistoryPoint] = []
        self.limit2 = parameters.gap_limit**2 if stop in (StopRule.GAP, StopRule.BOTH) else 0.0
        self.check = parameters.check_interval
        self.measured_every = self._measured_every()
        self.begin = time.perf_counter()
        if snapshot is not None:
            self._restore(snapshot)
        elif ranks is not None:
            ranks.start(self.problem, self.state)
        else:
            start_state(self.problem, self.state)

    def _measured_every(self) -> int:
        """Return the iterations between measurements where the kernel's counts do not find the best, else 0."""
        if self.chooser is None and self.problem.generator == GIVEN:
            return 0
        held = 0 if self.chooser is None else self.chooser.n_patterns
        rows = -(-(self.dataset.n_patterns + held) // self.dataset.n_patterns)
        return self.check * _CHECKS_PER_MEASUREMENT * rows

    def snapshot(self) -> Snapshot | None:
        """Copy all that is needed to continue; of several processes only the first gets it."""
        arrays = {}
        for name, array in self.state._asdict().items():
            whole = array if name == "weights" or self.ranks is None else self.ranks.gather(array)
            if whole is not None:
                arrays[name] = whole.copy()
        if self.ranks is not None and not self.ranks.is_root:
            return None
        arrays["best_weights"] = self.best_weights.copy()
        kept = self.kept
        assert kept is not None  # the first step is measured
        arrays["kept_weights"] = kept.weights
        if kept.codes is not None:
            arrays["kept_codes"] = kept.codes
        most_right, stop_at, stopped, best_iteration, best_mean = self.best.tolist()
        counters = Counters(
            iterations=self.done,
            mean=self.mean,
            least_gap=self.least,
            most_right=most_right,
            stop_at=stop_at,
            stopped=stopped,
            best_iteration=best_iteration,
            best_mean=best_mean,
            kept_iteration=kept.iterations,
            kept_mean=kept.mean,
            seconds=self.seconds(),
            step_seconds=self.stepping,
        )
        return Snapshot(arrays, counters, tuple(self.history))

    def _restore(self, snapshot: Snapshot) -> None:
        (first, last), blocks = self.blocks
        for name, array in self.state._asdict().items():
            whole = snapshot.arrays[name]
            own = whole if name == "weights" else whole.reshape(blocks, -1)[first:last].ravel()
            array[:] = own
        self.best_weights[:] = snapshot.arrays["best_weights"]
        at = snapshot.counters
        self.done, self.mean, self.least = at.iterations, at.mean, at.least_gap
        self.spent, self.stepping = at.seconds, at.step_seconds
        self.best[:] = at.most_right, at.stop_at, at.stopped, at.best_iteration, at.best_mean
        weights, codes = snapshot.arrays["kept_weights"], snapshot.arrays.get("kept_codes")
        self.kept = self.candidate(weights, at.kept_iteration, at.kept_mean, codes)
        self.history = list(snapshot.history)

    def seconds(self) -> float:
        return self.spent + time.perf_counter() - self.begin

    def advance(self, steps: int, team: Team | None) -> None:
        """Run at most this many iterations, and not past the next point of the history."""
        parameters = self.parameters
        ahead = next_point(self.done) - self.done
        if self.measured_every:
            ahead = min(ahead, self.measured_every - self.done % self.measured_every)
        steps = max(1, min(steps, ahead, parameters.max_iterations - self.done))
        history = np.zeros(steps)
        # Tests for exactness fall on multiples of the interval, wherever a chunk begins.
        aligned = self.check if self.check and self.done % self.check == 0 else 0
        if self.check and not aligned:
            steps = min(steps, self.check - self.done % self.check)
            aligned = steps if (self.done + steps) % self.check == 0 else 0
        shared = self.ranks or team
        run = run_steps if shared is None else shared.run_steps
        began = time.perf_counter()
        found, self.best[BEST_ITERATION] = self.best[BEST_ITERATION], 0
        ran = run(
            self.problem,
            self.state,
            (parameters.beta, parameters.gamma, self.limit2, self.mean),
            steps,
            aligned,
            Tally(self.best, self.best_weights, history),
        )
        self.stepping += time.perf_counter() - began
        at = self.best[BEST_ITERATION]
        self.best[BEST_ITERATION] = self.done + at if at else found
        self.done += ran
        self.mean = float(history[ran - 1])
        # Weights may be lost while the gap is still a number.
        if not (np.isfinite(self.mean) and np.isfinite(self.state.weights).all()):
            raise TrainingError(
                f"the state is not finite after {self.done} iterations; try a smaller beta "
                f"(now {parameters.beta:g}) or 64 bits of precision"
            )
        self.least = min(self.least, float(history[:ran].min()) ** 0.5)
        if next_point(self.done - 1) == self.done:
            self.record()
        elif self.measured_every and self.done % self.measured_every == 0:
            self.keep(self.candidate(self.state.weights.copy(), self.done, self.mean, self.codes()))

    def record(self) -> None:
        """Add the present iteration to the history; its network may be the best."""
        if self.history and self.history[-1].iterations == self.done:
            return
        cells = self.problem.patterns * self.topology.n_neurons
        sums = self.state.gap_sums if self.ranks is None else self.ranks.gap_sums()
        parts = np.sqrt(sums.reshape(-1, 3).sum(axis=0) / cells)
        gap_w, gap_x, gap_y = (float(part) for part in parts)
        codes = self.codes()
        shown = self.shown(codes)
        network = self.network(self.state.weights, shown)
        seen = measure(network, shown)
        held = None if self.valid is None else measure(network, self.valid)
        chooser = None if self.chooser is None else held
        decides = score(seen.bits_right, chooser, self.mean)
        self.keep(Candidate(decides, self.state.weights.copy(), self.done, self.mean, codes))
        point = HistoryPoint(
            iterations=self.done,
            gap=self.mean**0.5,
            gap_w=gap_w,
            gap_x=gap_x,
            gap_y=gap_y,
            least_gap=self.least,
            bits=seen.bit_share,
            vectors=seen.vector_share,
            labels=seen.label_share,
            valid_bits=None if held is None else held.bit_share,
            valid_vectors=None if held is None else held.vector_share,
            valid_labels=None if held is None else held.label_share,
        )
        self.history.append(point)

    def codes(self) -> NDArray[np.uint8] | None:
        if self.problem.generator == GIVEN:
            return None
        codes = generated_codes(self.problem, self.state)
        return codes if self.ranks is None else self.ranks.gather_everywhere(codes)

    def shown(self, codes: NDArray[np.uint8] | None) -> Dataset:
        return self.dataset if codes is None else with_codes(self.dataset, codes)

    def network(self, weights: NDArray[np.floating[Any]], shown: Dataset) -> TrainedNetwork:
        return network_of(shown, self.topology, weights.astype(np.float32))

    def candidate(
        self,
        weights: NDArray[np.floating[Any]],
        iterations: int,
        mean: float,
        codes: NDArray[np.uint8] | None,
    ) -> Candidate:
        shown = self.shown(codes)
        network = self.network(weights, shown)
        held = None if self.chooser is None else measure(network, self.chooser)
        return Candidate(
            score(network.bits_right(shown), held, mean), weights, iterations, mean, codes
        )

    def keep(self, candidate: Candidate) -> None:
        if candidate.better_than(self.kept):
            self.kept = candidate

    def is_exact(self) -> bool:
        shown = self.shown(self.codes())
        return self.network(self.state.weights, shown).bits_right(shown) == self.bits

    def stopped(self) -> StopReason | None:
        stop = self.parameters.stop
        small = self.limit2 > 0 and self.mean < self.limit2
        if stop is StopRule.EXACT and self.best[STOPPED]:
            # The kernel sums in its own precision; the reference has the last word.
            if self.is_exact():
                return StopReason.EXACT
            self.best[STOPPED] = 0
        if stop is StopRule.EXACT and self._found_between():
            return StopReason.EXACT
        if stop is StopRule.GAP and small:
            return StopReason.GAP
        if stop is StopRule.BOTH and small and self.is_exact():
            return StopReason.BOTH
        if self.done >= self.parameters.max_iterations:
            return StopReason.ITERATIONS
        return None

    def _found_between(self) -> bool:
        """Return True if a measurement found an exact network that later tests did not find again.

        A state that alternates between two networks shows the same one at every test, which is at even steps.
        """
        if self.kept is None or not self.history or self.history[-1].iterations != self.done:
            return False
        earlier = any(point.bits == 1 for point in self.history[:-1])
        return earlier and self.kept.score[1] == self.bits

    def chosen(self, reason: StopReason) -> Candidate:
        """Return the network of the trial: the best of those measured.

        If the trial stopped because every target is correct, this is the present network.
        """
        present = self.candidate(self.state.weights.copy(), self.done, self.mean, self.codes())
        if reason in (StopReason.EXACT, StopReason.BOTH):
            if present.score[1] == self.bits:
                return present
            assert self.kept is not None  # see `_found_between`
            return self.kept
        self.keep(present)
        if self.best[BEST_ITERATION] and self.problem.generator == GIVEN:
            step, mean = int(self.best[BEST_ITERATION]), float(self.best[BEST_MEAN])
            self.keep(self.candidate(self.best_weights, step, mean, None))
        assert self.kept is not None
        return self.kept

    def progress(self, trial: int) -> TrialProgress:
        kept = 0 if self.kept is None else self.kept.score[1]
        return TrialProgress(
            trial=trial,
            iterations=self.done,
            gap=self.mean**0.5,
            bits_right=max(kept, int(self.best[MOST_RIGHT])),
            bits=self.bits,
            widths=self.topology.widths,
            seconds=self.seconds(),
            valid=self.history[-1].valid_bits if self.history else None,
        )

    def result(self, trial: int, reason: StopReason) -> TrialResult:
        seconds = self.seconds()
        self.record()
        chosen = self.chosen(reason)
        held, right, _ = chosen.score
        at_end = reason in (StopReason.ITERATIONS, StopReason.TIME)
        if at_end and self.parameters.stop is StopRule.EXACT and right == self.bits:
            reason = StopReason.EXACT  # met between the tests, see `_found_between`
        return TrialResult(
            trial=trial,
            topology=self.topology,
            parameters=self.parameters,
            weights=chosen.weights.astype(np.float32),
            stop=reason,
            iterations=self.done,
            best_iteration=chosen.iterations,
            gap=chosen.mean**0.5,
            bits_right=right,
            bits=self.bits,
            valid_right=None if self.chooser is None else held,
            seconds=seconds,
            step_seconds=self.stepping,
            history=tuple(self.history),
            codes=chosen.codes,
        )


def train_trial(
    dataset: Dataset,
    topology: Topology,
    parameters: TrainParameters,
    seed: int,
    trial: int = 0,
    *,
    valid: Dataset | None = None,
    options: TrialOptions | None = None,
    on_event: OnEvent | None = None,
) -> TrialResult:
    """Train one network from the random start of ``(seed, trial)``.

    A trial that its stopping rule ends because every target is correct returns that network; if only points of
    the history found an exact one, the trial ends at the second of these and returns that. Any other trial
    returns the best of the networks measured: first by correct validation targets if there is a validation set,
    then by correct targets, then by the smaller gap.

    The result depends only on data, topology, parameters, seed and trial, unless a deadline or a cancellation
    ends the trial early. A `TrialProgress` is sent about every tenth of a second. A state that is no longer
    finite is a `TrainingError`.
    """
    check_fit(dataset, topology)
    if options is None or options.ranks is None:
        require_memory(dataset, topology, parameters.precision)
    warm_up(parameters.precision)
    options = options or TrialOptions()
    ranks = options.ranks
    run = _Run(dataset, topology, parameters, valid, (seed, trial), options)
    sharing = 1 if ranks is not None else useful_threads(run.problem, options.threads)
    team = Team(sharing) if sharing > 1 else None
    try:
        reason = run.stopped() if options.resume is not None else None
        chunk = parameters.check_interval
        while reason is None:
            started = time.perf_counter()
            run.advance(chunk, team)
            took = time.perf_counter() - started
            if ranks is not None:
                (took,) = ranks.agree((took,))
            if took < _CHUNK_SECONDS / 2:
                chunk *= 2
            elif took > 2 * _CHUNK_SECONDS:
                chunk = max(1, chunk // 2)
            reason = run.stopped()
            if reason is None:
                if on_event is not None:
                    on_event(run.progress(trial))
                reason = _ended(run, trial, options)
    finally:
        if team is not None:
            team.close()
    return run.result(trial, reason)


def _ended(run: _Run, trial: int, options: TrialOptions) -> StopReason | None:
    """Make a snapshot if one is due; return the external reason to end the trial, if any."""
    cancelled = options.cancelled is not None and options.cancelled.is_set()
    late = options.deadline is not None and time.monotonic() > options.deadline
    due = options.snapshot_due is not None and options.snapshot_due(trial)
    keep = options.on_snapshot is not None
    if run.ranks is not None:
        agreed = run.ranks.agree((cancelled, late, due, keep))
        cancelled, late, due, keep = (value > 0 for value in agreed)
    if keep and (cancelled or late or due):
        snapshot = run.snapshot()
        if snapshot is not None and options.on_snapshot is not None:
            options.on_snapshot(trial, snapshot)
    if cancelled:
        return StopReason.INTERRUPTED
    return StopReason.TIME if late else None
