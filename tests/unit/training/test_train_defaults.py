"""Settings that a task brings along."""

from __future__ import annotations

import pytest

from btfsynth.dataset.load import load
from btfsynth.settings.table import StopRule
from btfsynth.training.parameters import default_plan
from btfsynth.training.session import TrainOptions, train


@pytest.mark.parametrize(
    ("spec", "inputs"), [("digits:train=5", 64), ("digits:thermometer:3", 192)]
)
def test_digits_have_the_settings_of_the_paper(spec: str, inputs: int) -> None:
    """One hidden layer at sigma 5, however the grey levels are coded and the images are split."""
    plan = default_plan(load(spec))
    assert plan.trial_widths(0) == plan.trial_widths(9) == (inputs, 64, 10)
    assert (plan.parameters.sigma, plan.parameters.beta, plan.parameters.gamma) == (5, 0.2, 1e-3)
    assert plan.parameters.stop is StopRule.NONE


@pytest.mark.parametrize(
    ("spec", "widths"),
    [
        ("autoencoder:16", (16, 16, 4, 16, 16)),
        ("autoencoder:5,bits=9", (9, 9, 3, 9, 9)),
        ("decoder:16", (4, 16, 16)),
        ("decoder:6,code=one-hot", (6, 6, 6)),
    ],
)
def test_codes_are_as_short_as_can_be(spec: str, widths: tuple[int, ...]) -> None:
    """Autoencoders and decoders have a code that just tells the vectors apart, in every trial."""
    plan = default_plan(load(spec))
    assert plan.trial_widths(0) == plan.trial_widths(9) == widths


@pytest.mark.parametrize(
    "spec",
    [
        "majority:5",
        "parity:5",
        "popcount:5",
        "comparator:2",
        "automaton:30",
        "automaton:30,cells=4",
        "adder:2",
        "multiplier:2x3",
        "squarer:3",
        "full_adder",
        "multiplier:2",
    ],
)
def test_tables_are_learnt_in_the_first_trials(spec: str) -> None:
    """The settings of every family of small tables reach an exact network within three trials."""
    run = train(load(spec), TrainOptions(seed=7, trials=3))
    assert run.succeeded
    assert run.best.bits_right == run.best.bits


def test_one_hidden_layer_is_for_tables() -> None:
    """A sample of an automaton gets the general rule, as what was tuned were tables."""
    assert len(default_plan(load("automaton:30")).widths) == 3
    assert len(default_plan(load("automaton:30,cells=5")).widths) == 3
    assert len(default_plan(load("automaton:30,cells=9,train=20,test=10")).widths) == 4
