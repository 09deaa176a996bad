"""Networks of votes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.errors import TrainingError, UsageError
from btfsynth.network.network import TrainedNetwork
from btfsynth.ports import Port
from btfsynth.training import votes as module
from btfsynth.training.votes import VoteOptions, Votes, best_votes, cross_fitted, fires, train_votes


def classes(inputs: NDArray[np.uint8], labels: NDArray[np.intp], count: int) -> Dataset:
    targets = np.eye(count, dtype=np.uint8)[labels]
    ports = (Port("x", inputs.shape[1]),), (Port("y", count),)
    return Dataset("d", "d", inputs, targets, *ports, output_kind=OutputKind.LABEL)


def sample(patterns: int, seed: int) -> Dataset:
    """Return three classes, by the parity of two bits and a majority, a tenth of them wrong."""
    random = np.random.Generator(np.random.PCG64(seed))
    inputs = random.integers(0, 2, (patterns, 12)).astype(np.uint8)
    labels = np.where(inputs[:, 0] ^ inputs[:, 1], 2, inputs[:, 2:7].sum(axis=1) > 2)
    noise = random.random(patterns) < 0.1
    return classes(inputs, np.where(noise, random.integers(0, 3, patterns), labels), 3)


def network(dataset: Dataset, votes: Votes) -> TrainedNetwork:
    graph, weights = votes.topology()
    return TrainedNetwork("d", graph, weights, dataset.input_ports, dataset.output_ports)


def test_network_counts_as_training_did() -> None:
    data, held = sample(300, 1), sample(200, 2)
    votes = train_votes(data, 12, VoteOptions(), (1,), valid=held)
    for rounds in (0, 1, 5, 12):
        made = network(data, votes.first(rounds))
        for part, right in ((data, votes.seen), (held, votes.held)):
            found = made.output_sums(part.inputs).argmax(axis=1)
            assert int((found == part.targets.argmax(axis=1)).sum()) == right[rounds]
    hidden = votes.topology()[0].fan_in[:-3]
    assert hidden.max() <= 7  # six inputs and the bias
    assert votes.held[-1] > 160  # a tenth cannot be right, of any network


def best_by_hand(
    bits: NDArray[np.float32], residual: NDArray[np.float32], fan_in: int
) -> list[float]:
    """Return for every output how well the greedily grown neuron agrees, one candidate after the other."""
    scores = []
    for wanted in residual.T.astype(np.float64):
        level, taken, best = np.zeros(bits.shape[1]), [], -1.0
        for _ in range(min(fan_in, len(bits))):
            found = None
            for number, literal in itertools.product(range(len(bits)), (0, 1)):
                if number in taken:
                    continue
                raised = level + (bits[number] != literal)
                for above in range(len(taken) + 1):
                    score = abs((wanted * np.where(raised > above, 1, -1)).sum())
                    if found is None or score > found[0]:
                        found = score, number, raised
            assert found is not None
            taken.append(found[1])
            level = found[2]
            if found[0] > module._GAIN * best:
                best = found[0]
        scores.append(best)
    return scores


@pytest.mark.parametrize("seed", range(5))
def test_votes_agree_as_the_naive_search_finds(seed: int) -> None:
    random = np.random.Generator(np.random.PCG64(seed))
    bits = random.integers(0, 2, (7, 60)).astype(np.float32)
    residual = random.integers(-40, 40, (60, 3)).astype(np.float32)
    found = best_votes(bits, residual, 4)
    for (vote, sign), wanted, score in zip(
        found, residual.T, best_by_hand(bits, residual, 4), strict=True
    ):
        assert vote.weights[0] == 1
        assert list(vote.inputs) == sorted(set(vote.inputs))
        agreed = (wanted * np.where(fires(vote, bits.astype(np.int8)), sign, -sign)).sum()
        assert agreed == score


def test_same_seed_gives_the_same_votes_and_another_one_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_LEAST_COLUMNS", 3)
    data = sample(300, 1)
    options = VoteOptions(share=0.1)
    first, again, other = (train_votes(data, 6, options, (seed,)) for seed in (1, 1, 2))
    assert first.rounds == again.rounds
    assert first.rounds != other.rounds


def test_patience_and_the_fewest_rounds_within_a_loss() -> None:
    votes = train_votes(sample(300, 1), 60, VoteOptions(), (1,), valid=sample(200, 2), patience=5)
    best = votes.smallest()
    assert votes.held[best] == max(votes.held)
    assert len(votes.rounds) <= best + 5
    small = votes.smallest(loss=6)
    assert small < best
    assert votes.held[small] >= max(votes.held) - 6


def test_bits_with_free_targets() -> None:
    data = sample(300, 1)
    targets = np.stack([data.inputs[:, 0] ^ data.inputs[:, 1], data.inputs[:, 2]], axis=1)
    care = np.ones(targets.shape, dtype=np.bool_)
    care[:50, 0] = False
    wrong = targets.copy()
    wrong[:50, 0] ^= 1
    bits = Dataset("d", "d", data.inputs, wrong, data.input_ports, (Port("y", 2),), care=care)
    votes = train_votes(bits, 60, VoteOptions(), (1,))
    assert votes.seen[-1] == care.sum()
    assert (network(bits, votes).outputs(bits.inputs) == targets).all()


def test_analog_data_and_too_much_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sample(20, 1)
    analog = Dataset(
        "d",
        "d",
        data.inputs.astype(np.float32),
        data.targets,
        data.input_ports,
        data.output_ports,
        input_kind=InputKind.ANALOG,
        output_kind=OutputKind.LABEL,
    )
    with pytest.raises(UsageError, match="expected Boolean inputs"):
        train_votes(analog, 1, VoteOptions(), (1,))
    monkeypatch.setattr(module, "_MOST_BYTES", 1000)
    with pytest.raises(TrainingError, match="20 patterns of 12 bits take"):
        train_votes(data, 1, VoteOptions(), (1,))


def test_cross_fitting_stops_before_noise_is_learnt() -> None:
    random = np.random.Generator(np.random.PCG64(3))
    inputs = random.integers(0, 2, (600, 10)).astype(np.uint8)
    noisy = (inputs[:, :3].sum(axis=1) > 1) ^ (random.random(600) < 0.3)
    data = classes(inputs, noisy.astype(np.intp), 2)
    rounds = cross_fitted(data, 60, VoteOptions(), (1,))
    assert rounds < 10
    few = data.select(np.arange(12))
    votes = train_votes(few, cross_fitted(few, 60, VoteOptions(), (1,)), VoteOptions(), (1,))
    assert votes.seen[-1] == max(votes.seen)
