"""A training by votes as one call: how many there are is chosen by accuracy, and by look-up tables."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.errors import UsageError
from btfsynth.events import OnEvent
from btfsynth.network.network import TrainedNetwork, measure
from btfsynth.settings.table import StopRule
from btfsynth.training.history import HistoryPoint
from btfsynth.training.parameters import StopReason, TrainParameters, TrialResult
from btfsynth.training.trainer import network_of
from btfsynth.training.trials import TrainingRun
from btfsynth.training.votes import VoteOptions, Votes, cross_fitted, train_votes

if TYPE_CHECKING:
    from btfsynth.training.session import TrainOptions

_PATIENCE = 60
_NEURON, _TERM, _CLASS = 1.0, 1.7, 8.0
"""Look-up tables of six inputs that a neuron, a vote in a sum, and an output to compare take, as measured."""


def run_votes(
    dataset: Dataset, options: TrainOptions, valid: Dataset | None, on_event: OnEvent | None
) -> TrainingRun:
    """Train the votes that options ask for: one trial, which always succeeds.

    Their number is the fewest that are right of at most `max_loss` percent less than the best, on the
    validation set or, without one, by cross-fitting; within `max_luts`.
    """
    assert options.votes is not None
    if options.widths is not None or options.topology is not None:
        raise UsageError(
            "`votes`: takes neither `widths` nor `topology`; votes are the hidden layer"
        )
    begin = time.perf_counter()
    limit = options.time_limit
    deadline = None if limit is None else time.monotonic() + limit
    votes = _trained(dataset, options, valid, deadline)
    if options.max_luts is not None:
        votes = _within(votes, options.max_luts)
    graph, weights = votes.topology()
    network = network_of(dataset, graph, weights)
    seen = measure(network, dataset)
    held = None if valid is None else measure(network, valid)
    gap = _residual(network, dataset, votes.rate)
    seconds = time.perf_counter() - begin
    rounds = len(votes.rounds)
    point = HistoryPoint(
        iterations=rounds,
        gap=gap,
        gap_w=0.0,
        gap_x=0.0,
        gap_y=gap,
        least_gap=gap,
        bits=seen.bit_share,
        vectors=seen.vector_share,
        labels=seen.label_share,
        valid_bits=None if held is None else held.bit_share,
        valid_vectors=None if held is None else held.vector_share,
        valid_labels=None if held is None else held.label_share,
    )
    result = TrialResult(
        trial=0,
        topology=graph,
        parameters=TrainParameters(max_iterations=options.votes, stop=StopRule.NONE),
        weights=weights,
        stop=StopReason.ITERATIONS,
        iterations=rounds,
        best_iteration=rounds,
        gap=gap,
        bits_right=seen.bits_right,
        bits=seen.bits,
        seconds=seconds,
        step_seconds=seconds,
        history=(point,),
        votes=rounds,
    )
    if on_event is not None:
        on_event(result.event)
    late = deadline is not None and time.monotonic() > deadline
    return TrainingRun((result,), result, True, False, late, seconds)


def _trained(
    dataset: Dataset, options: TrainOptions, valid: Dataset | None, deadline: float | None
) -> Votes:
    rounds, loss, seed = options.votes or 1, (options.max_loss or 0) / 100, (options.seed,)
    chosen = VoteOptions()
    if valid is None:
        best = cross_fitted(dataset, rounds, chosen, seed, loss=loss, deadline=deadline)
        return train_votes(dataset, best, chosen, seed, deadline=deadline)
    votes = train_votes(
        dataset, rounds, chosen, seed, valid=valid, patience=_PATIENCE, deadline=deadline
    )
    counted = valid.n_patterns
    if valid.output_kind is not OutputKind.LABEL:
        counted = int(valid.care_mask.sum())
    return votes.first(max(1, votes.smallest(loss * counted)))


def look_up_tables(votes: Votes) -> int:
    """Estimate how many look-up tables of six inputs votes take with the comparison of the classes."""
    graph, _ = votes.topology()
    outputs = votes.n_outputs
    hidden = int((graph.fan_in[:-outputs] > 2).sum())  # the bias is one
    terms = int((graph.fan_in[-outputs:] - 1).sum())
    return round(_NEURON * hidden + _TERM * terms + (_CLASS * outputs if outputs > 1 else 0))


def _within(votes: Votes, most: int) -> Votes:
    """Return the rounds, of the first ones, that fit; one at least."""
    low, high = 1, len(votes.rounds)
    while low < high:
        middle = (low + high + 1) // 2
        if look_up_tables(votes.first(middle)) <= most:
            low = middle
        else:
            high = middle - 1
    found = votes.first(low)
    if look_up_tables(found) > most:
        raise UsageError(
            f"`max_luts`: expected at least {look_up_tables(found)}, which one vote an output takes, "
            f"got {most}"
        )
    return found


def _residual(network: TrainedNetwork, dataset: Dataset, rate: float) -> float:
    """Return the root mean square of target less probability."""
    sums = rate * network.output_sums(dataset.inputs)
    if dataset.output_kind is OutputKind.LABEL:
        odds = np.exp(sums - sums.max(axis=1, keepdims=True))
        shares = odds / odds.sum(axis=1, keepdims=True)
    else:
        shares = 1 / (1 + np.exp(-np.clip(sums, -40, 40)))
    left = (dataset.targets - shares)[dataset.care_mask]
    return float(np.sqrt((left**2).mean()))
