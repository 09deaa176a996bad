"""Samples to a folder: requests, splits, reports."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from learn_helpers import make_dataset

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.errors import ToolError, UsageError
from btfsynth.events import Event, Note
from btfsynth.learning import LearnOptions, learn
from btfsynth.learning.base import check_samples, contradicting, split
from btfsynth.ports import Port
from btfsynth.workers.executor import Finished, Inline

OPTIONS = LearnOptions(
    time_limit=None, trials=2, baselines=False, passes="strash", simulators=("amaranth",)
)


def count(inputs):
    """Half of the inputs or more."""
    return 2 * inputs.sum(axis=1) >= inputs.shape[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "`trials`: expected a whole number of at least 1, got 0"),
        ({"max_cells": 0}, "max_cells"),
        ({"max_ands": 0}, "max_ands"),
        ({"jobs": 0}, "jobs"),
        ({"seed": -1}, "seed"),
        ({"time_limit": 0.0}, "`time_limit`: expected a number of seconds above 0, got 0.0"),
    ],
)
def test_options_out_of_range(change, message):
    """One line names the option."""
    with pytest.raises(UsageError, match=message):
        LearnOptions(**change)


def test_the_split_is_a_partition():
    """Every pattern is in one part, the same for the same seed, another for another."""
    data = make_dataset(count, 8, 100, 1)
    train, valid = split(data, 3)
    rows = np.concatenate([train.inputs, valid.inputs])
    assert sorted(map(tuple, rows)) == sorted(map(tuple, data.inputs))
    assert valid.n_patterns == round(data.n_patterns / 4)
    assert np.array_equal(split(data, 3)[0].inputs, train.inputs)
    assert not np.array_equal(split(data, 4)[0].inputs, train.inputs)


def test_one_pattern_cannot_be_split():
    """There would be nothing to choose by."""
    data = make_dataset(count, 8, 1, 1)
    with pytest.raises(UsageError, match="at least 2"):
        split(data, 1)


@pytest.mark.parametrize("seed", range(5))
def test_the_split_leaves_no_output_silent(seed):
    """Where only two patterns say anything of an output, each part gets one, whatever else is drawn."""
    data = make_dataset(count, 6, 40, 1)
    rare = np.zeros(data.n_patterns, dtype=np.bool_)
    rare[[3, 5]] = True
    both = replace(
        data,
        targets=np.repeat(data.targets, 2, axis=1),
        care=np.stack([np.ones_like(rare), rare], axis=1),
        output_ports=(Port("y", 1), Port("z", 1)),
    )
    train, valid = split(both, seed)
    assert train.care_mask.sum(axis=0).tolist() == [train.n_patterns, 1]
    assert valid.care_mask.sum(axis=0).tolist() == [valid.n_patterns, 1]
    assert train.n_patterns + valid.n_patterns == data.n_patterns
    once = replace(both, care=both.care_mask & (np.cumsum(both.care_mask, axis=0) == 1))
    with pytest.raises(UsageError, match=r"output bit . matters in 1 of \d+ patterns, .* `valid`"):
        split(once, seed)


def test_a_limit_below_one_cell_an_output(tmp_path):
    """It holds for the circuit as a whole: two of three outputs get their cell."""
    inputs = np.array([[v >> bit & 1 for bit in range(4)] for v in range(16)], dtype=np.uint8)
    data = Dataset(
        name="ands",
        source="ands",
        inputs=inputs,
        targets=inputs[:, :3] & inputs[:, 1:],
        input_ports=(Port("x", 4),),
        output_ports=(Port("y", 3),),
    )
    report = learn(data, tmp_path, replace(OPTIONS, trials=1, max_cells=2, max_ands=2), valid=data)
    assert [outcome.candidates[0].netlist.n_cells for outcome in report.outcomes] == [1, 1, 0]
    assert report.netlist.n_cells == 2


def test_contradicting_patterns_are_counted():
    """Inputs that both sets have, and those of them with another output."""
    data = make_dataset(count, 6, 200, 1)
    flipped = data.targets.copy()
    flipped[:3] ^= 1
    other = replace(data, targets=flipped)
    assert contradicting(data, data) == (data.n_patterns, 0)
    assert contradicting(data, other) == (data.n_patterns, 3)


def test_data_that_do_not_belong_together():
    """Other ports, analog inputs and outputs that nobody specifies are refused."""
    data = make_dataset(count, 6, 50, 1)
    with pytest.raises(UsageError, match=r"`test` f.pla: expected the input ports"):
        check_samples(data, {"test": make_dataset(count, 7, 50, 1)})
    analog = replace(data, inputs=data.inputs.astype(np.float32), input_kind=InputKind.ANALOG)
    with pytest.raises(UsageError, match="analog"):
        check_samples(analog, {})
    silent = replace(data, care=np.zeros(data.targets.shape, dtype=np.bool_))
    with pytest.raises(UsageError, match="don't-care in every row"):
        check_samples(silent, {})


def test_several_outputs(tmp_path):
    """Each output has its learner, all are in one netlist under the ports of the data."""
    inputs = np.random.default_rng(1).integers(0, 2, (100, 7), dtype=np.uint8)
    inputs = np.unique(inputs, axis=0)
    targets = np.stack([count(inputs), inputs.sum(axis=1) & 1, inputs[:, 2]], axis=1)
    data = Dataset(
        "three", "three.pla", inputs, targets, (Port("x", 7),), (Port("a", 2), Port("b", 1))
    )
    report = learn(data, tmp_path / "out", OPTIONS)
    assert report.verified
    assert report.netlist.output_ports == data.output_ports
    assert report.scores["valid"].vectors == 1.0
    winners = [entry["winner"] for entry in report.to_json()["outputs"]]
    assert winners[1] in ("polynomial", "symmetric")
    assert (tmp_path / "out" / "three.aig").read_bytes().startswith(b"aig ")


def test_the_same_bytes_again(tmp_path):
    """Trials as the limit: the same folder, whatever the number of jobs."""
    data = make_dataset(lambda x: count(x) & x[:, 0] ^ x[:, 3], 8, 120, 1)
    for name, jobs in (("one", 1), ("two", 2)):
        learn(data, tmp_path / name, replace(OPTIONS, jobs=jobs))
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in names:
        if name != "report.json":  # it has the time that was taken
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("limit", [1, 20])
def test_limits_hold(tmp_path, limit):
    """The circuit is within the limits, however little they leave."""
    data = make_dataset(count, 13, 300, 1)
    report = learn(data, tmp_path, replace(OPTIONS, max_cells=limit, max_ands=limit))
    assert report.cost.cells <= limit
    assert report.ands <= limit
    assert report.scores["valid"].bits > 0.5


def test_what_was_found_is_kept_when_the_workers_are_lost(tmp_path):
    """The circuit of the quick learners is written; the report says what has happened."""

    class Gone(Inline):
        def wait(self, timeout):
            raise ToolError("the scheduler is gone")

    data = make_dataset(count, 6, 60, 1)
    report = learn(data, tmp_path, OPTIONS, executor=lambda _: Gone())
    assert report.lost == "the scheduler is gone"
    assert report.verified
    assert (tmp_path / "f.aig").is_file()


def test_a_training_that_kills_its_workers_is_left_out(tmp_path):
    """A note says so, and the others are made into circuits."""
    told: list[Event] = []

    class Deadly(Inline):
        def submit(self, key, function, *arguments):
            self.key = key
            super().submit(key, function, *arguments)

        def wait(self, timeout):
            if self.key != 0:
                return super().wait(timeout)
            self.clear()
            return [Finished(0, died=True)]

    data = make_dataset(lambda x: x[:, 0] ^ (x.sum(axis=1) > 3), 7, 80, 1)
    report = learn(data, tmp_path, OPTIONS, on_event=told.append, executor=lambda _: Deadly())
    assert [event.text for event in told if isinstance(event, Note)] == [
        "training 0: its worker died; it is run again",
        "training 0: its worker died again; it is skipped",
    ]
    assert any(candidate.learner == "btf" for candidate in report.outcomes[0].candidates)
