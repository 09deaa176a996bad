"""Trainings by votes: their number by accuracy and by look-up tables."""

from __future__ import annotations

import numpy as np
import pytest

import btfsynth as btf
from btfsynth.errors import UsageError
from btfsynth.training.session import TrainOptions, look_up_tables, train, train_record
from btfsynth.training.votes import VoteOptions, train_votes

TRAIN = btf.load("digits:thermometer:3,train=512").core
TEST = btf.load("digits:thermometer:3,train=512,part=test").core.select(np.arange(300))


def test_votes_are_a_trial_that_succeeds() -> None:
    run = train(TRAIN, TrainOptions(votes=12, seed=2))
    assert run.succeeded
    assert 1 <= run.best.iterations <= 12
    network = run.network(TRAIN, 2)
    assert network.training["votes"] == run.best.votes
    assert network.bits_right(TRAIN) == run.best.bits_right
    assert train_record(run)["stop"] == "iterations"
    again = train(TRAIN, TrainOptions(votes=12, seed=2)).network(TRAIN, 2)
    assert (again.weights == network.weights).all()


def test_the_validation_set_chooses_and_a_loss_saves_votes() -> None:
    best = train(TRAIN, TrainOptions(votes=25), valid=TEST)
    less = train(TRAIN, TrainOptions(votes=25, max_loss=4.0), valid=TEST)
    shares = [run.best.history[-1].valid_labels or 0 for run in (best, less)]
    assert less.best.iterations < best.best.iterations
    assert shares[0] - 0.04 <= shares[1] <= shares[0]


def test_look_up_tables_limit_the_votes() -> None:
    run = train(TRAIN, TrainOptions(votes=25, max_luts=260), valid=TEST)
    votes = train_votes(TRAIN, 25, VoteOptions(), (1,))
    rounds = run.best.iterations
    assert look_up_tables(votes.first(rounds)) <= 260 < look_up_tables(votes.first(rounds + 1))
    with pytest.raises(UsageError, match="`max_luts`: expected at least"):
        train(TRAIN, TrainOptions(votes=25, max_luts=3), valid=TEST)


def test_what_votes_do_not_take() -> None:
    with pytest.raises(UsageError, match="takes neither `widths` nor `topology`"):
        train(TRAIN, TrainOptions(votes=2, widths=(192, 4, 10)))
    with pytest.raises(UsageError, match="supports neither checkpoints"):
        train(TRAIN, TrainOptions(votes=2), checkpoint_file="a.npz")
    with pytest.raises(UsageError, match="expected Boolean inputs"):
        train(btf.load("digits:grey,train=20").core, TrainOptions(votes=2))
