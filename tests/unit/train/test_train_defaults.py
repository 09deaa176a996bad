"""Settings that a task brings along."""

from __future__ import annotations

import pytest

from btfsynth.dataset.load import load
from btfsynth.train.defaults import default_plan
from btfsynth.train.parameters import StopRule


@pytest.mark.parametrize(
    ("spec", "inputs"), [("digits:train=5", 64), ("digits:thermometer:3", 192)]
)
def test_digits_have_the_settings_of_the_paper(spec: str, inputs: int) -> None:
    """One hidden layer at sigma 5, however the grey levels are coded and the images are split."""
    plan = default_plan(load(spec))
    assert plan.trial_widths(0) == plan.trial_widths(9) == (inputs, 64, 10)
    assert (plan.parameters.sigma, plan.parameters.beta, plan.parameters.gamma) == (5, 0.2, 1e-3)
    assert plan.parameters.stop is StopRule.NONE
