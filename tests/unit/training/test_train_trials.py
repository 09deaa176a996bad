"""Trials: results, stopping, determinism, limits."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import OutputError, TopologyError, UsageError
from btfsynth.events import Note, TrialEnded, TrialProgress
from btfsynth.network.network import layered
from btfsynth.ports import Port
from btfsynth.settings.table import StopRule
from btfsynth.training.history import format_history
from btfsynth.training.parameters import StopReason, TrainingPlan, TrainParameters, default_plan
from btfsynth.training.session import TrainOptions, plan_for, train
from btfsynth.training.trainer import TrialOptions, train_trial
from btfsynth.training.trials import Series, TrainingRun
from btfsynth.training.trials import run_trials as run_series
from btfsynth.workers.executor import Inline


def run_trials(data, plan, seed: int, trials: int, **options) -> TrainingRun:
    """Run a series of trials."""
    ways = {name: options.pop(name) for name in ("jobs", "on_event") if name in options}
    return run_series(Series(data, plan, seed, trials, **options), **ways)


def test_two_bit_multiplier_is_learnt_at_the_defaults():
    """At least 18 of 20 seeds are exact within 10,000 steps."""
    data = parse_task("multiplier:2")
    plan = default_plan(data)
    assert plan.parameters.max_iterations == 10_000
    exact = sum(
        train_trial(data, plan.trial_topology(0), plan.parameters, seed).exact for seed in range(20)
    )
    assert exact >= 18


@pytest.mark.parametrize(
    "spec", ["full_adder", "adder:2", "majority:5", "parity:3", "comparator:2", "popcount:4",
             "automaton:30", "automaton:110,cells=5", "multiplier:1", "parity:1"]
)  # fmt: skip
def test_every_small_task_is_learnt(spec):
    """The default plan finds an exact network for each kind of task."""
    data = parse_task(spec)
    run = run_trials(data, default_plan(data), 1, 20)
    assert run.succeeded
    assert run.network(data, 1).bits_right(data) == int(data.care_mask.sum())


def test_result_does_not_depend_on_jobs():
    """The lowest-numbered success is taken, whoever finishes first."""
    data = parse_task("multiplier:2")
    plan = TrainingPlan((4, 4, 4, 4), TrainParameters(beta=0.3, gamma=1e-3, max_iterations=400))
    runs = [run_trials(data, plan, 3, 30, jobs=jobs) for jobs in (1, 2, 5)]
    assert runs[0].best.trial > 0
    for run in runs[1:]:
        assert run.best.trial == runs[0].best.trial
        assert run.best.weights.tobytes() == runs[0].best.weights.tobytes()
        assert run.iterations == runs[0].iterations
        assert [r.trial for r in run.results] == [r.trial for r in runs[0].results]


def test_same_seed_same_weights_other_seed_others():
    """A trial is a function of its seed and number."""
    data = parse_task("full_adder")
    parameters = TrainParameters(max_iterations=50, stop=StopRule.NONE)
    results = [train_trial(data, layered((3, 4, 2)), parameters, s, t) for s, t in
               ((1, 0), (1, 0), (2, 0), (1, 1))]  # fmt: skip
    assert results[0].weights.tobytes() == results[1].weights.tobytes()
    assert results[0].weights.tobytes() != results[2].weights.tobytes()
    assert results[0].weights.tobytes() != results[3].weights.tobytes()


def test_stop_none_runs_to_the_end():
    """Nothing ends the trial but its iterations."""
    data = parse_task("full_adder")
    parameters = TrainParameters(max_iterations=3_000, stop=StopRule.NONE)
    result = train_trial(data, layered((3, 6, 2)), parameters, 1)
    assert (result.stop, result.iterations) == (StopReason.ITERATIONS, 3_000)


def test_stop_gap_closes_the_gap_and_clears_the_weights():
    """At a small gap first-layer neurons of sigma 3 have one or three weights that are not near 0."""
    data = parse_task("multiplier:2")
    parameters = TrainParameters(
        beta=0.4, gamma=1e-3, max_iterations=40_000, stop=StopRule.GAP, gap_limit=0.01
    )
    plan = TrainingPlan((4, 4, 4, 4), parameters)
    run = run_trials(data, plan, 1, 20)
    assert run.best.stop is StopReason.GAP
    assert run.best.gap < 0.01
    assert run.best.exact
    first_layer = np.abs(run.best.weights[:20].reshape(4, 5))
    # Only the first layer sees all its input vectors: the others are free to keep more weights.
    assert set(np.count_nonzero(first_layer > 0.3, axis=1)) <= {1, 3}
    assert first_layer[first_layer <= 0.3].max() < 0.1


def test_stop_both_is_exact_and_small():
    """Both conditions hold at the end."""
    data = parse_task("full_adder")
    parameters = TrainParameters(beta=0.4, gamma=1e-3, stop=StopRule.BOTH, gap_limit=0.05)
    run = run_trials(data, TrainingPlan((3, 6, 6, 2), parameters), 1, 20)
    assert run.best.stop is StopReason.BOTH
    assert run.best.exact
    assert run.best.gap < 0.05


def test_float64_learns_too():
    """Double precision is a setting, not another program."""
    data = parse_task("multiplier:2")
    plan = default_plan(data)
    run = run_trials(data, replace(plan, parameters=replace(plan.parameters, precision=64)), 1, 20)
    assert run.succeeded


def test_dont_cares_are_free():
    """Targets that do not matter may come out either way, and the others come out right."""
    table = parse_task("parity:4")
    care = np.zeros((16, 1), dtype=bool)
    care[::2] = True
    data = replace(table, care=care)
    run = run_trials(data, default_plan(data), 1, 10)
    assert run.succeeded
    right = run.network(data, 1).outputs(data.inputs) == data.targets
    assert right[care].all()


def test_a_plan_widens_its_hidden_layers():
    """Hidden layers grow every so many trials, inputs and outputs never do."""
    plan = TrainingPlan((3, 10, 10, 2), TrainParameters(), patience=2, growth=1.5)
    assert [plan.trial_widths(t)[1] for t in range(5)] == [10, 10, 15, 15, 22]
    assert {(plan.trial_widths(t)[0], plan.trial_widths(t)[-1]) for t in range(5)} == {(3, 2)}


def test_failure_reports_the_best_trial():
    """With no success the trial with most bits right is kept, its weights those that got them."""
    data = parse_task("multiplier:3")
    plan = TrainingPlan((6, 12, 12, 12, 6), TrainParameters(max_iterations=60))
    run = run_trials(data, plan, 1, 3)
    assert not run.succeeded
    assert len(run.results) == 3
    assert run.best.bits_right == max(r.bits_right for r in run.results)
    assert run.network(data, 1).bits_right(data) == run.best.bits_right < 384


def test_time_limit_ends_with_the_best():
    """A time limit ends the run and says so."""
    data = parse_task("multiplier:4")
    plan = TrainingPlan((8, 16, 16, 8), TrainParameters(max_iterations=10_000_000))
    run = run_trials(data, plan, 1, 5, jobs=2, time_limit=0.5)
    assert run.timed_out
    assert not run.succeeded
    assert run.best.stop is StopReason.TIME


def test_cancelling_a_trial_ends_it():
    """A set event ends the trial after the chunk it is in."""
    cancelled = threading.Event()
    cancelled.set()
    data = parse_task("multiplier:3")
    result = train_trial(
        data,
        layered((6, 6, 6)),
        TrainParameters(max_iterations=10_000_000),
        1,
        options=TrialOptions(cancelled=cancelled),
    )
    assert result.stop is StopReason.INTERRUPTED
    assert result.iterations < 10_000_000


def test_progress_is_told():
    """Progress names the trial, its steps and the bits right."""
    told = []
    data = parse_task("multiplier:2")
    run_trials(data, default_plan(data), 1, 20, on_event=told.append)
    seen = [event for event in told if isinstance(event, TrialProgress)]
    assert seen
    assert seen[-1].bits == 64
    assert seen[-1].widths == (4, 4, 4, 4)
    assert seen[-1].iterations > 0


@pytest.mark.parametrize("widths", [(5, 4, 4), (4, 4, 5)])
def test_widths_that_do_not_fit_are_refused(widths):
    """Inputs and outputs of the network must be those of the data."""
    with pytest.raises(TopologyError, match="multiplier_2 has 4"):
        run_trials(parse_task("multiplier:2"), TrainingPlan(widths, TrainParameters()), 1, 1)


@pytest.mark.parametrize("kind", [InputKind.ONE_HOT_GENERATOR, InputKind.HYPERCUBE_GENERATOR])
def test_generative_training_finds_codes(kind):
    """Each pattern gets a code from which the network makes it."""
    targets = np.unpackbits(np.arange(4, dtype=np.uint8)[:, None] * 37, axis=1)
    data = Dataset("g", "g", np.zeros((4, 0)), targets, (), (Port("y", 8),), input_kind=kind)
    plan = TrainingPlan((4, 8), TrainParameters(beta=0.4, gamma=1e-3, max_iterations=20_000))
    run = run_trials(data, plan, 1, 10)
    assert run.succeeded
    codes = run.best.codes
    assert codes.shape == (4, 4)
    assert len(np.unique(codes, axis=0)) == 4
    if kind is InputKind.ONE_HOT_GENERATOR:
        assert (codes.sum(axis=1) == 1).all()
    np.testing.assert_array_equal(run.network(data, 1).outputs(codes), targets)


def test_history_is_on_a_logarithmic_grid():
    """The history has growing steps, parts that make up the gap, and held-out accuracy."""
    data = parse_task("multiplier:2")
    plan = TrainingPlan((4, 4, 4, 4), TrainParameters(max_iterations=300, stop=StopRule.NONE))
    points = run_trials(data, plan, 1, 1, valid=data).best.history
    steps = [point.iterations for point in points]
    assert steps == sorted(set(steps))
    assert steps[:10] == [1, 2, 3, 4, 5, 6, 8, 10, 13, 16]
    assert steps[-1] == 300
    for point in points:
        assert point.gap**2 == pytest.approx(point.gap_w**2 + point.gap_x**2 + point.gap_y**2)
        assert point.least_gap <= point.gap + 1e-12
        assert point.valid_bits == point.bits
        assert point.valid_vectors == point.vectors <= point.bits
        assert point.labels is point.valid_labels is None
    text = format_history(points)
    assert text.splitlines()[0].startswith("iterations,gap,gap_w,gap_x,gap_y,least_gap,bits")
    assert len(text.splitlines()) == len(points) + 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_trial_that_ends_is_told(jobs):
    """Each once, with what it came to; progress tells time and held-out accuracy."""
    data = parse_task("multiplier:2")
    plan = TrainingPlan((4, 4, 4, 4), TrainParameters(max_iterations=2_000))
    events = []
    run = run_trials(
        data, plan, 1, 5, jobs=jobs, run_all=True, valid=data, on_event=events.append,
    )  # fmt: skip
    told = [event for event in events if isinstance(event, TrialEnded)]
    seen = [event for event in events if isinstance(event, TrialProgress)]
    assert sorted(result.trial for result in told) == [0, 1, 2, 3, 4]
    assert {result.trial for result in told if result.succeeded} == {
        result.trial for result in run.solutions
    }
    assert seen
    assert all(p.seconds > 0 and 0 <= p.valid <= 1 for p in seen)


@pytest.mark.parametrize(
    ("field", "value"),
    [("sigma", 1.0), ("sigma", float("nan")), ("sigma", float("inf")), ("beta", 0.0),
     ("beta", 2.0), ("gamma", -0.1), ("gamma", 1.0), ("max_iterations", 0), ("precision", 16),
     ("check_interval", 0), ("gap_limit", -1.0)],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(field, value):
    """Every parameter names itself, its range and what came."""
    with pytest.raises(UsageError, match=field):
        TrainParameters(**{field: value})


def test_a_plan_lets_every_layer_see_the_inputs():
    """By the task's plan, or by an option; widths of one's own start without."""
    four = parse_task("multiplier:4")
    assert plan_for(four, TrainOptions()).trial_topology(0).n_edges == 10_504
    assert plan_for(four, TrainOptions(skip=False)).trial_topology(0).n_edges == 9_416
    two = parse_task("multiplier:2")
    plain = plan_for(two, TrainOptions(widths=(4, 5, 6, 4)))
    skipping = plan_for(two, TrainOptions(widths=(4, 5, 6, 4), skip=True))
    assert skipping.trial_topology(0).n_edges - plain.trial_topology(0).n_edges == 4 * (6 + 4)


@pytest.mark.parametrize("executor", [None, Inline()])
def test_a_checkpoint_of_more_trials_gives_those_asked_for(tmp_path, executor):
    """Fewer trials than are finished: only they count, on whatever the trials run."""
    data = parse_task("multiplier:2")
    path = tmp_path / "c"
    options = TrainOptions(trials=4, widths=(4, 4, 4, 4))
    whole = train(data, options, checkpoint_file=path, run_all=True)
    fewer = train(
        data, replace(options, trials=2), checkpoint_file=path, run_all=True, executor=executor
    )
    assert [each.trial for each in fewer.results] == [0, 1]
    assert fewer.iterations == sum(each.iterations for each in whole.results[:2])
    assert fewer.seconds >= sum(each.seconds for each in whole.results[:2]) > 0


def test_a_training_outlives_its_checkpoint(tmp_path):
    """A folder that goes away is told once; the network is that of any other run."""
    data = parse_task("multiplier:2")
    options = TrainOptions(trials=3, widths=(4, 4, 4, 4), stop=StopRule.NONE, max_iterations=2000)
    folder = tmp_path / "away"
    notes: list[str] = []

    def disturb(event):
        if isinstance(event, Note):
            notes.append(event.text)
        elif isinstance(event, TrialProgress):
            shutil.rmtree(folder, ignore_errors=True)

    def run(on_event):
        return train(
            data,
            options,
            checkpoint_file=folder / "c",
            checkpoint_interval=0,
            run_all=True,
            on_event=on_event,
        )

    folder.mkdir()
    kept = run(disturb)
    assert len(notes) == 1
    assert "cannot be written: No such file or directory; training continues" in notes[0]
    free = train(data, options, run_all=True)
    np.testing.assert_array_equal(kept.best.weights, free.best.weights)
    assert not folder.exists()
    with pytest.raises(OutputError, match="cannot be written"):
        run(None)
