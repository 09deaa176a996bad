"""A trial gives the best network that it has been through, not the last one."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import TrainingError
from btfsynth.network.network import TrainedNetwork, layered, measure
from btfsynth.ports import Port
from btfsynth.settings.table import StopRule
from btfsynth.training import trainer
from btfsynth.training.parameters import StopReason, TrainParameters
from btfsynth.training.session import TrainOptions, train
from btfsynth.training.state import make_problem, make_state, state_bytes
from btfsynth.training.trainer import TrialOptions, train_trial
from btfsynth.workers.executor import Inline

MANY = TrainParameters(beta=0.6, gamma=5e-3, max_iterations=437, stop=StopRule.NONE)
"""A trial that gets worse before it ends."""


def noisy(patterns: int = 120, seed: int = 5) -> Dataset:
    """Targets that no small network gets all right."""
    random = np.random.default_rng(seed)
    inputs = random.permutation(1 << 8)[:patterns]
    bits = (inputs[:, None] >> np.arange(8)) & 1
    targets = random.integers(0, 2, (patterns, 2))
    ports = (Port("x", 8),), (Port("y", 2),)
    return Dataset("noisy", "noisy", bits.astype(np.uint8), targets.astype(np.uint8), *ports)


def halves() -> tuple[Dataset, Dataset]:
    data = noisy()
    parts = (slice(0, 80), slice(80, None))
    return tuple(
        replace(data, inputs=data.inputs[part], targets=data.targets[part], care=None)
        for part in parts
    )  # type: ignore[return-value]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("stop", [StopRule.NONE, StopRule.GAP, StopRule.EXACT, StopRule.BOTH])
def test_the_best_of_the_way_is_returned(stop, seed):
    """No network of the history, at whatever step, has more right than the one that is returned."""
    data = noisy()
    parameters = replace(MANY, stop=stop)
    result = train_trial(data, layered((8, 6, 2)), parameters, seed)
    assert result.stop is StopReason.ITERATIONS
    assert result.iterations == 437
    assert result.bits_right >= max(round(point.bits * result.bits) for point in result.history)
    assert result.bits_right > round(result.history[-1].bits * result.bits)
    assert 0 < result.best_iteration < 437


def test_what_is_reported_is_of_the_returned_network():
    """A trial of as many steps as the best one's ends with the same weights, gap and count."""
    data, topology = noisy(), layered((8, 6, 2))
    result = train_trial(data, topology, MANY, 1)
    shorter = train_trial(data, topology, replace(MANY, max_iterations=result.best_iteration), 1)
    last = shorter.history[-1]
    assert last.iterations == shorter.best_iteration == result.best_iteration
    assert last.gap == shorter.gap == result.gap
    assert last.bits == result.bits_right / result.bits
    assert shorter.weights.tobytes() == result.weights.tobytes()


def test_of_equals_the_smaller_gap_is_taken():
    """A run that converges with every target right gives the converged network, not the first exact one."""
    data = parse_task("multiplier:2")
    parameters = TrainParameters(
        beta=0.4, gamma=1e-3, max_iterations=20_000, stop=StopRule.GAP, gap_limit=0.02
    )
    result = train_trial(data, layered((4, 4, 4, 4)), parameters, 0)
    assert result.stop is StopReason.GAP
    assert result.exact
    assert result.best_iteration == result.iterations
    assert result.gap < parameters.gap_limit


def test_exact_ends_with_the_network_it_stopped_at():
    """Neither held-out patterns nor an earlier network take the place of the exact one."""
    data = parse_task("multiplier:2")
    alone, beside = (
        train_trial(data, layered((4, 8, 8, 4)), TrainParameters(), 1, valid=held)
        for held in (None, noisy_twin(data))
    )
    assert alone.stop is beside.stop is StopReason.EXACT
    assert beside.exact
    assert beside.best_iteration == beside.iterations == alone.iterations
    assert beside.weights.tobytes() == alone.weights.tobytes()


@pytest.mark.parametrize("iterations", [10_000, 1_400, 1_300])
def test_an_exact_network_between_the_tests_is_not_missed(iterations):
    """This start swings between two networks: even steps, where the tests are, show the wrong one.

    The trial ends at the next point of its history, or at its limit, and has met the rule.
    """
    data = parse_task("multiplier:2")
    parameters = TrainParameters(beta=0.6, gamma=3e-3, max_iterations=iterations)
    result = train_trial(data, layered((4, 4, 4, 4)), parameters, 15)
    assert result.stop is StopReason.EXACT
    assert result.succeeded
    assert result.exact
    assert result.best_iteration % 2 == 1
    assert result.best_iteration <= result.iterations <= min(iterations, 1585)
    network = TrainedNetwork(
        data.name, result.topology, result.weights, data.input_ports, data.output_ports
    )
    assert network.bits_right(data) == data.care_mask.sum()


def noisy_twin(data: Dataset) -> Dataset:
    """The same inputs with other targets."""
    return replace(data, targets=1 - data.targets)


def test_valid_patterns_choose():
    """The best by what is held out is returned; as a test set they choose nothing."""
    shown, held = halves()
    topology = layered((8, 6, 2))
    parameters = replace(MANY, max_iterations=1200)
    chosen = train_trial(shown, topology, parameters, 2, valid=held)
    counts = [round(point.valid_bits * held.targets.size) for point in chosen.history]
    assert chosen.valid_right >= max(counts) > counts[-1]
    tested = train_trial(
        shown, topology, parameters, 2, valid=held, options=TrialOptions(valid_chooses=False)
    )
    plain = train_trial(shown, topology, parameters, 2)
    assert tested.valid_right is None
    assert tested.weights.tobytes() == plain.weights.tobytes() != chosen.weights.tobytes()


def test_trials_are_compared_by_valid_patterns():
    """Of several trials that meet the rule, or of several that do not, the best held-out one is taken."""
    shown, held = halves()
    for stop in (StopRule.NONE, StopRule.EXACT):
        options = TrainOptions(widths=(8, 6, 2), max_iterations=200, trials=5, stop=stop)
        run = train(shown, options, valid=held, run_all=True)
        assert len(run.results) == 5
        assert run.best.valid_right == max(each.valid_right for each in run.results)
        network = run.network(shown, 1)
        assert measure(network, held).bits_right == run.best.valid_right
        assert network.training["best_iteration"] == run.best.best_iteration


@pytest.mark.parametrize("kind", [InputKind.ONE_HOT_GENERATOR, InputKind.HYPERCUBE_GENERATOR])
def test_codes_are_those_of_the_best_step(kind):
    """Where inputs are generated, the codes go with the weights."""
    random = np.random.default_rng(3)
    targets = random.integers(0, 2, (24, 12), dtype=np.uint8)
    data = Dataset("g", "g", np.zeros((24, 0)), targets, (), (Port("y", 12),), input_kind=kind)
    result = train_trial(data, layered((5, 12)), replace(MANY, max_iterations=900), 1)
    shares = [point.bits for point in result.history]
    assert result.bits_right >= round(max(shares) * result.bits)
    assert result.best_iteration < 900
    run = train(
        data, TrainOptions(widths=(5, 12), max_iterations=900, trials=1, stop=StopRule.NONE)
    )
    right = (run.network(data, 1).outputs(run.best.codes) == targets).sum()
    assert right == run.best.bits_right


def interrupted(data, topology, parameters, steps):
    """Return the last snapshot of a trial that is interrupted after so many steps or some more."""
    kept = []
    cancelled = threading.Event()

    def on_event(at):
        if at.iterations >= steps:
            cancelled.set()

    options = TrialOptions(
        on_snapshot=lambda _, snapshot: kept.append(snapshot),
        cancelled=cancelled,
    )
    train_trial(data, topology, parameters, 1, options=options, on_event=on_event)
    return kept[-1]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_resumed_trial_keeps_the_best(threads):
    """What was best before an interruption is still known after it."""
    data, topology = noisy(), layered((8, 6, 2))
    many = replace(MANY, max_iterations=20_000)
    whole = train_trial(data, topology, many, 1)
    for steps in (500, min(whole.best_iteration + 1, 12_000)):
        snapshot = interrupted(data, topology, many, steps)
        again = train_trial(
            data, topology, many, 1, options=TrialOptions(resume=snapshot, threads=threads)
        )
        assert again.weights.tobytes() == whole.weights.tobytes()
        assert (again.best_iteration, again.gap) == (whole.best_iteration, whole.gap)


def test_everybody_comes_to_the_same(tmp_path):
    """Threads, an executor and a checkpoint that holds all give the same best network."""
    shown, held = halves()
    options = TrainOptions(widths=(8, 6, 2), max_iterations=300, trials=3)
    runs = [
        train(shown, replace(options, jobs=2), valid=held),
        train(shown, options, valid=held, executor=Inline()),
        *(train(shown, options, valid=held, checkpoint_file=tmp_path / "c") for _ in range(2)),
    ]
    first = runs[0].best
    for run in runs[1:]:
        best = run.best
        assert (best.trial, best.best_iteration, best.gap) == (
            first.trial, first.best_iteration, first.gap,
        )  # fmt: skip
        assert best.valid_right == first.valid_right
        assert best.weights.tobytes() == first.weights.tobytes()


def test_memory_is_known_before_it_is_taken(monkeypatch):
    """What a state takes is counted as it is made, and refused where the machine has less."""
    data = parse_task("multiplier:2")
    topology = layered((4, 4, 4, 4))
    state = make_state(make_problem(data, topology, 3.0, np.float32), (1, 0))
    taken = sum(array.nbytes for array in state)
    assert taken < state_bytes(topology, data.n_patterns, np.float32) < taken + 2000
    monkeypatch.setattr(trainer, "physical_memory", lambda: 1000)
    with pytest.raises(TrainingError, match=r"16 patterns on 60 weights take 0.0 GB"):
        train_trial(data, topology, TrainParameters(), 1)
