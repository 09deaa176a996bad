"""Rules: conjunctions that cover the samples of one value."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from learn_helpers import accuracy, make_problem, make_samples

from btfsynth.learning.base import Budget, Samples
from btfsynth.learning.rules import RulesLearner, _covered_counts, find_rules
from btfsynth.netlist.simulation import pack_bits

LINES = [
    *(tuple(range(3 * row, 3 * row + 3)) for row in range(3)),
    *(tuple(range(column, 9, 3)) for column in range(3)),
    (0, 4, 8),
    (2, 4, 6),
]


def has_line(board):
    """Whether one of the eight lines of tic-tac-toe is full."""
    return np.any([board[:, line].all(axis=1) for line in LINES], axis=0)


def without_line(board):
    return ~has_line(board)


@pytest.mark.parametrize(("function", "value"), [(has_line, True), (without_line, False)])
def test_the_rules_are_found(function, value):
    """All eight lines, as rules of three literals, from 300 of 512 boards; also of the complement."""
    samples = make_samples(function, 9, 300, 1)
    rules = find_rules(samples, value, 2.0, Budget())
    assert sorted(rules) == sorted(tuple(2 * place for place in sorted(line)) for line in LINES)
    problem = make_problem(function, 9)
    best = max(RulesLearner().fit(problem), key=lambda fit: accuracy(fit, problem.valid))
    everything = np.array(list(itertools.product((0, 1), repeat=9)), dtype=np.uint8)
    assert accuracy(best, Samples(everything, function(everything))) == 1


def test_noise_costs_little():
    """One sample in twenty flipped, also of those chosen by: nearly all boards without noise come right."""
    problem = make_problem(has_line, 9, 1500)
    random = np.random.default_rng(5)
    for samples in (problem.train, problem.valid):
        samples.on[random.random(samples.count) < 0.05] ^= True
    best = max(RulesLearner().fit(problem), key=lambda fit: accuracy(fit, problem.valid))
    assert accuracy(best, make_samples(has_line, 9, 1000, 3)) > 0.97


def test_counts_are_those_of_the_rows():
    """The kernel counts what rows one by one say."""
    random = np.random.default_rng(2)
    rules, literals, sets = (random.random((100, n)) < 0.5 for n in (3, 5, 2))
    right, wrong = _covered_counts(
        pack_bits(rules.astype(np.uint8)),
        pack_bits(literals.astype(np.uint8)),
        *pack_bits(sets.astype(np.uint8)),
    )
    for i, k in itertools.product(range(3), range(5)):
        both = rules[:, i] & literals[:, k]
        assert (right[i, k], wrong[i, k]) == tuple((both[:, None] & sets).sum(axis=0))


@pytest.mark.parametrize("value", [0, 1])
def test_a_constant_needs_no_rules(value):
    """Nothing to cover, or nothing to keep out."""
    problem = make_problem(lambda x: np.full(len(x), value), 5)
    assert list(RulesLearner().fit(problem)) == []
