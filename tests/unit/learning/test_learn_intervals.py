"""Confidence intervals of an accuracy: known values, and bits that fail together."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.learning.report import bits_interval, score, wilson
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port


def test_wilson():
    """As tabled: 5 of 5, 15 of 20, none of 10."""
    assert wilson(5, 5) == (pytest.approx(0.5655, abs=1e-4), 1.0)
    assert wilson(15, 20) == pytest.approx((0.5313, 0.8881), abs=1e-4)
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))


def test_bits_that_fail_together_count_once():
    """Copies of one bit tell no more than it does, unrelated bits more; don't-cares tell nothing."""
    random = np.random.default_rng(1)
    one = random.random((400, 1)) < 0.9
    care = np.ones_like(one)
    alone = bits_interval(one, care)
    assert alone == pytest.approx(wilson(one.sum(), 400))
    copied = bits_interval(np.repeat(one, 8, axis=1), np.repeat(care, 8, axis=1))
    assert copied == pytest.approx(alone)
    many = random.random((400, 8)) < 0.9
    low, high = bits_interval(many, np.ones_like(many))
    assert low < many.mean() < high
    assert high - low < 0.5 * (alone[1] - alone[0])
    free = np.hstack([one, ~one]), np.hstack([care, ~care])
    assert bits_interval(*free) == pytest.approx(alone)


def test_all_right_and_one_output_always_wrong():
    """What is always right is as sure as the vectors are many; what is constant is as sure as the bits."""
    right = np.ones((50, 4), np.bool_)
    assert bits_interval(right, np.ones_like(right)) == wilson(50, 50)
    right[:, 0] = False
    assert bits_interval(right, np.ones_like(right)) == wilson(150, 200)


def test_patterns_without_a_target_are_not_scored():
    """As in the figures of the simulated hardware."""
    ports = (Port("x", 1),), (Port("y", 2),)
    same = NetlistBuilder("n", *ports).build([2, 2])
    care = np.array([[True, True], [True, True], [False, False]])
    data = Dataset(
        "d", "d", np.array([[0], [1], [1]]), np.array([[0, 0], [0, 1], [0, 0]]), *ports, care=care
    )
    found = score(same, data, unseen=True)
    assert (found.bits, found.vectors) == (0.75, 0.5)
    assert found.vectors_interval == wilson(1, 2)
