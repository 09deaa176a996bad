"""Each learner on the functions it is there for, on vectors it has not seen."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from learn_helpers import accuracy, make_problem, make_samples, number

from btfsynth.learning.base import Limits, count_ands
from btfsynth.learning.boosting import BoostingLearner
from btfsynth.learning.closed_forms import PolynomialLearner, SupportLearner, SymmetricLearner
from btfsynth.learning.networks import SETTINGS, NetworkLearner
from btfsynth.learning.trees import FringeLearner, TreeLearner
from btfsynth.workers.executor import WorkerPool


def parity(inputs):
    """The exclusive or of all inputs."""
    return inputs.sum(axis=1) & 1


def carry_bit(inputs):
    """Bit 2 of the sum of two words: an exclusive or with a carry."""
    half = inputs.shape[1] // 2
    return number(inputs[:, :half]) + number(inputs[:, half:]) >> 2 & 1


def scattered(inputs):
    """Something of four inputs among many."""
    a, b, c, d = (inputs[:, i] for i in (1, 4, 6, 9))
    return np.where(a, b & ~c, c ^ d) & 1


CASES = [
    (PolynomialLearner, parity, 20, 1.0),
    (PolynomialLearner, lambda x: (x[:, 0] & x[:, 3]) ^ x[:, 5] ^ 1, 16, 1.0),
    (PolynomialLearner, carry_bit, 10, 1.0),
    (SymmetricLearner, lambda x: x.sum(axis=1) >= 7, 16, 1.0),
    (SymmetricLearner, lambda x: np.isin(x.sum(axis=1), (3, 6, 7, 9)), 12, 1.0),
    (SymmetricLearner, lambda x: (x ^ [1, 0, 0, 1, 0, 1, 0]).sum(axis=1) >= 5, 7, 1.0),
    (SupportLearner, scattered, 24, 1.0),
    (TreeLearner, scattered, 24, 1.0),
    (FringeLearner, carry_bit, 8, 0.9),
    (BoostingLearner, lambda x: x.sum(axis=1) >= 6, 11, 0.9),
]


@pytest.mark.parametrize(("learner", "function", "n_inputs", "least"), CASES)
def test_generalises(learner, function, n_inputs, least):
    """The best circuit on the validation samples is right on vectors of another draw."""
    problem = make_problem(function, n_inputs)
    fits = list(learner().fit(problem))
    best = max(fits, key=lambda fit: accuracy(fit, problem.valid))
    assert best.learner == learner.name
    test = make_samples(function, n_inputs, 500, 3)
    assert accuracy(best, test) >= least


def test_a_polynomial_is_exact_or_absent():
    """What no polynomial of low degree fits on every sample gets none."""
    problem = make_problem(lambda x: x.sum(axis=1) >= 9, 18)
    assert list(PolynomialLearner().fit(problem)) == []


def test_noise_leaves_the_table_right():
    """One sample in twenty flipped: the table of the few inputs is still the function."""
    clean = make_problem(scattered, 12, 2000)
    flipped = np.random.default_rng(5).random(clean.train.count) < 0.05
    clean.train.on[flipped] ^= True
    fits = list(SupportLearner().fit(clean))
    assert max(accuracy(fit, clean.valid) for fit in fits) > 0.97


@pytest.mark.parametrize("learner", [TreeLearner, FringeLearner, BoostingLearner])
def test_same_seed_same_circuit(learner):
    """Two runs give the same netlists, cell by cell."""
    problem = make_problem(carry_bit, 12, 300)
    one, two = (list(learner().fit(problem)) for _ in range(2))
    assert [fit.how for fit in one] == [fit.how for fit in two]
    for first, second in zip(one, two, strict=True):
        assert np.array_equal(first.netlist.fanins, second.netlist.fanins)


def test_networks_learn_a_threshold():
    """Trained networks generalise on a count compared with a constant, and stay small."""
    problem = make_problem(lambda x: x.sum(axis=1) >= 6, 11, 400, Limits(300, 1000))
    fits = list(NetworkLearner(trials=2).fit(problem))
    assert 1 <= len(fits) <= 2
    test = make_samples(lambda x: x.sum(axis=1) >= 6, 11, 500, 3)
    assert max(accuracy(fit, test) for fit in fits) > 0.97
    for fit in fits:
        assert fit.netlist.n_cells <= 300
        assert count_ands(fit.netlist) <= 1000


def test_networks_do_not_depend_on_jobs():
    """Trainings side by side come in the same order with the same circuits."""
    problem = make_problem(carry_bit, 8, 200)
    one = list(NetworkLearner(trials=2).fit(problem))
    with closing(WorkerPool(2)) as pool:
        two = list(NetworkLearner(trials=2, executor=pool).fit(problem))
    assert [fit.how for fit in one] == [fit.how for fit in two]
    for first, second in zip(one, two, strict=True):
        assert np.array_equal(first.netlist.fanins, second.netlist.fanins)


def test_settings_are_told_apart():
    """No two settings of the first round are the same."""
    assert len(set(SETTINGS)) == len(SETTINGS)


@pytest.mark.parametrize(
    ("function", "how"),
    [
        (lambda x: x[:, 0] & x[:, 3], "degree 2, 1 monomial"),
        (lambda x: x[:, 0] ^ x[:, 3], "degree 1, 2 monomials"),
    ],
)
def test_one_of_a_kind_is_no_plural(function, how):
    """What is said of a fit counts in words as one does."""
    problem = make_problem(function, 12, 300)
    (fit,) = PolynomialLearner().fit(problem)
    assert fit.how == how
