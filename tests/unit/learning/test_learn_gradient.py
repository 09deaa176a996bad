"""Gradient-boosted trees with integer leaves, their front, and circuits of classes."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from learn_helpers import accuracy, make_problem

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.errors import UsageError, VerificationError
from btfsynth.learning import front as front_module
from btfsynth.learning.base import (
    ClassProblem,
    Fit,
    LearnOptions,
    Limits,
    Rows,
    Samples,
    count_luts,
    new_builder,
)
from btfsynth.learning.boosting import vote
from btfsynth.learning.candidates import Candidate, is_worse, measured, ordered
from btfsynth.learning.front import (
    Booster,
    GradientLearner,
    Growth,
    Stage,
    boosted_front,
    grow_newton_tree,
    leaf_bits,
    lower_stage,
    mean_loss,
    rounded_leaves,
    thinned,
)
from btfsynth.learning.learning import learn
from btfsynth.learning.portfolio import class_numbers, compete, rows_of
from btfsynth.learning.trees import TreeLearner
from btfsynth.lower.trees import LEAF, IntegerTree, TreeEnsemble
from btfsynth.netlist.simulation import evaluate, pack_bits
from btfsynth.ports import Port

LIMITS = Limits(5000, 5000)


def make_rows(count: int, seed: int, n_classes: int = 4, noise: float = 0.0) -> Rows:
    """The class is how many of three thresholds a weighted sum of eight bits passes."""
    random = np.random.default_rng(seed)
    inputs = random.integers(0, 2, (count, 8), dtype=np.uint8)
    total = inputs.astype(np.int64) @ np.array([5, 4, 3, 3, 2, 2, 1, 0])
    labels = (total * n_classes) // 21
    wrong = random.random(count) < noise
    labels[wrong] = random.integers(0, n_classes, int(wrong.sum()))
    return Rows(inputs, labels)


def make_classes(count: int, seed: int, n_classes: int = 4) -> Dataset:
    rows = make_rows(count, seed, n_classes)
    ports = (Port("x", 8),), (Port("c", n_classes),)
    targets = np.eye(n_classes, dtype=np.uint8)[rows.labels]
    return Dataset("d", "d.csv", rows.inputs, targets, *ports, output_kind=OutputKind.LABEL)


def naive_split(
    columns: np.ndarray, first: np.ndarray, second: np.ndarray, reg: float, least: float
) -> int:
    """The first split of a tree by its definition."""
    best, place = 1e-7, -1
    for test in range(columns.shape[1]):
        sides = [columns[:, test] == value for value in (0, 1)]
        if any(second[side].sum() < least for side in sides):
            continue
        gain = sum(first[side].sum() ** 2 / (second[side].sum() + reg) for side in sides)
        gain -= first.sum() ** 2 / (second.sum() + reg)
        if gain > best:
            best, place = gain, test
    return place


@pytest.mark.parametrize("seed", range(4))
def test_tree_splits_as_defined(seed: int) -> None:
    """Root and children ask the best test; the derivatives of every node are those of its rows."""
    random = np.random.default_rng(seed)
    columns = random.integers(0, 2, (200, 9), dtype=np.uint8)
    first = random.normal(size=200).astype(np.float32)
    second = random.uniform(0.05, 0.25, 200).astype(np.float32)
    test, low, high, slopes, bends = grow_newton_tree(
        columns, first, second, np.arange(200), 9, 4, 1.0, 2.0
    )
    assert test[0] == naive_split(columns, first, second, 1.0, 2.0)
    reached = {0: np.ones(200, dtype=np.bool_)}
    for node in range(len(test)):
        rows = reached[node]
        assert slopes[node] == pytest.approx(first[rows].sum(), abs=1e-3)
        assert bends[node] == pytest.approx(second[rows].sum(), abs=1e-3)
        if test[node] != LEAF:
            assert test[node] == naive_split(columns[rows], first[rows], second[rows], 1.0, 2.0)
            reached[int(low[node])] = rows & (columns[:, test[node]] == 0)
            reached[int(high[node])] = rows & (columns[:, test[node]] == 1)


@pytest.mark.parametrize("tests", [1, 2, 3])
def test_tree_asks_few_different_tests(tests: int) -> None:
    """Once the tests are used up a tree goes on with these, in other branches."""
    random = np.random.default_rng(1)
    columns = random.integers(0, 2, (400, 12), dtype=np.uint8)
    first = random.normal(size=400).astype(np.float32)
    second = np.full(400, 0.25, dtype=np.float32)
    test, *_ = grow_newton_tree(columns, first, second, np.arange(400), tests, 16, 1.0, 0.5)
    assert len({int(each) for each in test if each != LEAF}) == tests
    assert tests + 1 < (test == LEAF).sum() + (tests == 1) <= 2**tests + (tests == 1)


@pytest.mark.parametrize("bits", [1, 2])
def test_leaves_have_few_bits(bits: int) -> None:
    """They are the best of all of this form, by the quadratic loss, for three leaves in a small range."""
    random = np.random.default_rng(bits)
    growth = Growth(bits=bits, step=1.0, rate=1.0)
    for _ in range(20):
        slopes, bends = random.normal(size=3) * 6, random.uniform(0.5, 2, 3)
        found = rounded_leaves(slopes, bends, growth)
        tree = IntegerTree(
            np.array([0, LEAF, 1, LEAF, LEAF]),
            np.array([1, 0, 3, 0, 0]),
            np.array([2, 0, 4, 0, 0]),
            np.array([0, found[0], 0, found[1], found[2]]),
        )
        assert leaf_bits(tree) <= bits
        grid = [
            low + (1 << shift) * np.array([a, b, c])
            for shift in range(3)
            for low in range(-16, 17)
            for a in range(1 << bits)
            for b in range(1 << bits)
            for c in range(1 << bits)
        ]
        losses = [
            float((slopes * value + (bends + 1) / 2 * value**2).sum()) for value in (found, *grid)
        ]
        assert losses[0] <= min(losses) + 1e-6


def test_sums_are_kept() -> None:
    """What the booster adds up is what its ensemble says, after every tree."""
    rows = make_rows(300, 1)
    booster = Booster(rows.inputs, rows.labels, 4, Growth(bits=2), seed=1)
    for turn in range(8):
        assert booster.grow(turn % 4)
        assert np.array_equal(booster.ensemble().sums(rows.inputs), booster.sums)
    assert {tree.output for tree in booster.trees} == {0, 1, 2, 3}
    first, _ = booster.derivatives(2)
    assert -1 <= first.min() < 0 < first.max() <= 1


@pytest.mark.parametrize("tolerance", [1.0, 0.0])
def test_front_is_a_front(tolerance: float) -> None:
    """Larger ensembles are better; the best learns the rule, from rows that are partly wrong."""
    train, valid = make_rows(1500, 1, noise=0.1), make_rows(500, 2)
    ports = (Port("x", 8),), Port("class_number", 2)
    problem = ClassProblem("d", *ports, 4, train, valid, LIMITS, 1, tolerance=tolerance)
    front = boosted_front(problem)
    for one, other in pairwise(front):
        assert one.bits < other.bits
        assert one.right < other.right if tolerance else one.loss > other.loss
    assert front[-1].right > 0.93 * valid.count
    again = boosted_front(problem)
    assert [stage.right for stage in again] == [stage.right for stage in front]


@pytest.mark.parametrize("n_sums", [1, 3])
def test_mean_loss(n_sums: int) -> None:
    """It is the mean of minus the logarithm of the probability of the label, which is never a false zero."""
    random = np.random.default_rng(n_sums)
    sums = random.integers(-9, 10, (40, n_sums))
    labels = random.integers(0, max(2, n_sums), 40)
    wanted = 0.0
    for row, label in zip(sums * 0.25, labels, strict=True):
        powers = np.exp(row) if n_sums > 1 else np.array([1.0, np.exp(row[0])])
        wanted -= np.log(powers[label] / powers.sum()) / 40
    assert mean_loss(sums, labels, 0.25) == pytest.approx(wanted)
    assert np.isfinite(mean_loss(sums * 10_000, labels, 0.25))


def test_without_tolerance_ensembles_are_ordered_by_loss() -> None:
    """They fill the places that their correct samples give to ensembles; other circuits stay in theirs."""
    problem = replace(make_problem(lambda x: x.sum(axis=1) > 4, 8), tolerance=0.0)
    candidates = []
    for bit, (right, loss) in enumerate([(300, 0.5), (310, None), (320, 0.7), (330, 0.6)]):
        builder = new_builder(problem)
        fit = Fit("bit", str(bit), builder.build([builder.input(bit)]), valid_loss=loss)
        found = measured(problem, fit)
        assert found is not None
        candidates.append(replace(found, valid_right=right))
    order = [each.how for each in ordered(candidates, problem)]
    assert order == ["0", "3", "1", "2"]


def test_thinned() -> None:
    """What is no better than a smaller one is left out; of many nearly alike some are; the best stays."""
    stages = [
        Stage(Growth(), TreeEnsemble((), (0,)), right, bits)
        for right, bits in ((5, 0), (9, 100), (10, 101), (8, 150), (12, 400))
    ]
    assert [(each.right, each.bits) for each in thinned(stages)] == [
        (5, 0),
        (9, 100),
        (10, 101),
        (12, 400),
    ]
    many = [Stage(Growth(), TreeEnsemble((), (0,)), k, 2**k) for k in range(60)]
    kept = thinned(many)
    assert len(kept) == 24
    assert (kept[0].right, kept[-1].right) == (0, 59)


def test_learner_of_one_output() -> None:
    """A weighted threshold of eight inputs is learnt nearly exactly, as a netlist that equals the trees."""
    problem = make_problem(lambda x: x.astype(int) @ np.array([5, 4, 3, 3, 2, 2, 1, 1]) > 10, 8)
    fits = list(GradientLearner().fit(problem))
    assert accuracy(fits[-1], problem.valid) > 0.97
    assert fits[0].netlist.n_cells <= fits[-1].netlist.n_cells


def test_wrong_netlist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lowering that gives another label on a row is an error that names it."""
    problem = make_problem(lambda x: x[:, 0] == 1, 3, 64)
    (stage,) = boosted_front(problem)[-1:]
    monkeypatch.setattr(front_module, "lower_ensemble", lambda builder, *_: [builder.input(1)])
    with pytest.raises(VerificationError, match=r"gives another label than the trees on row \d+"):
        lower_stage(new_builder(problem), stage, problem.train.rows)


def hits(bits: list[int]) -> np.ndarray:
    return pack_bits(np.array(bits, dtype=np.uint8)[:, None])[0]


@pytest.mark.parametrize(
    ("lost", "won", "worse"),
    [
        (0, 0, False),
        (1, 0, False),
        (1, 1, False),
        (2, 0, True),
        (3, 2, False),
        (7, 3, True),
        (10, 7, False),
        (11, 6, True),
        (0, 5, False),
    ],
)
def test_standard_error(lost: int, won: int, worse: bool) -> None:
    """Samples that both or none are right on say nothing."""
    one = hits([0] * lost + [1] * won + [1] * 20 + [0] * 20)
    other = hits([1] * lost + [0] * won + [1] * 20 + [0] * 20)
    assert is_worse(one, other) is worse


def test_small_circuit_wins_within_the_error() -> None:
    """Under noise the exact gate is chosen, though larger circuits are right on more validation samples."""
    random = np.random.default_rng(4)
    sets = []
    for count in (1200, 400):
        inputs = random.integers(0, 2, (count, 8), dtype=np.uint8)
        noisy = (inputs[:, 0] ^ inputs[:, 1]).astype(np.bool_) ^ (random.random(count) < 0.4)
        sets.append(Samples(inputs, noisy))
    problem = make_problem(lambda x: x[:, 0] == 1, 8)
    object.__setattr__(problem, "train", sets[0])
    object.__setattr__(problem, "valid", sets[1])
    outcome = compete(problem, trials=1)
    clean = np.array([[i >> k & 1 for k in range(8)] for i in range(256)], dtype=np.uint8)
    assert outcome.candidates[0].netlist.n_cells == 3
    found = evaluate(outcome.candidates[0].netlist, clean)[:, 0]
    assert np.array_equal(found, clean[:, 0] ^ clean[:, 1])
    assert max(each.valid_right for each in outcome.candidates) > outcome.candidates[0].valid_right


def test_no_vote_on_noise() -> None:
    """Of circuits of other inputs than the target no vote helps on samples it was not chosen on."""
    problem = make_problem(lambda x: np.random.default_rng(9).random(len(x)) < 0.5, 10, 400)
    candidates: list[Candidate] = []
    for fit in TreeLearner().fit(problem):
        found = measured(problem, fit)
        assert found is not None
        candidates.append(found)
    for bit in range(10):
        builder = new_builder(problem)
        found = measured(problem, Fit("bit", str(bit), builder.build([builder.input(bit)])))
        assert found is not None
        candidates.append(found)
    assert vote(problem, candidates) is None
    assert ordered(candidates, problem)[0].ands <= min(each.ands for each in candidates) + 8


def test_lut_limit() -> None:
    """No circuit of more tables is taken."""
    problem = make_problem(lambda x: x.sum(axis=1) % 3 == 0, 9, limits=Limits(10**6, 10**6, 4))
    outcome = compete(problem, trials=1)
    assert all(count_luts(each.netlist) <= 4 for each in outcome.candidates)
    assert outcome.discarded


def test_class_numbers() -> None:
    """The class is a number; where it is not known nothing of it matters; other data stay as they are."""
    data = make_classes(20, 1, 5)
    care = np.ones(data.targets.shape, dtype=np.bool_)
    care[3] = False
    numbers = class_numbers(Dataset(**{**vars_of(data), "care": care}))
    assert numbers.output_ports == (Port("class_number", 3),)
    rows = rows_of(numbers)
    kept = np.delete(np.arange(20), 3)
    assert np.array_equal(rows.labels, data.targets[kept].argmax(axis=1))
    assert class_numbers(numbers) is numbers


def vars_of(data: Dataset) -> dict[str, object]:
    return {name: getattr(data, name) for name in data.__dataclass_fields__}


QUICK = LearnOptions(
    time_limit=None, trials=1, baselines=True, passes="strash", simulators=("amaranth",)
)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_learning_classes(tmp_path: Path, n_classes: int) -> None:
    """One circuit names the class, is verified on all test rows, and its accuracy stands in the verdict."""
    pytest.importorskip("sklearn")
    train, valid, test = (
        make_classes(count, seed, n_classes) for seed, count in enumerate((900, 300, 1500))
    )
    report = learn(train, tmp_path / "d", QUICK, valid=valid, test=test)
    assert report.verified
    assert report.netlist.output_ports == (Port("class_number", 1 if n_classes == 2 else 2),)
    assert report.scores["test"].vectors > 0.95
    found = evaluate(report.netlist, test.inputs)
    labels = found.astype(int) @ (1 << np.arange(found.shape[1]))
    right = int((labels == test.targets.argmax(axis=1)).sum())
    if n_classes > 2:
        assert f"test: {report.targets['test'].words()}" in report.verdict
        assert f"{right} of 1500 labels right" in report.verdict
    record = json.loads((tmp_path / "d" / "report.json").read_text())
    assert record["n_classes"] == (None if n_classes == 2 else 4)
    front = record["outputs"][0]["front"]
    assert [row["luts"] for row in front] == sorted(row["luts"] for row in front)
    assert sum(row["won"] for row in front) == 1
    learners = [row["learner"] for row in record["outputs"][0]["learners"]]
    assert "sklearn tree" in learners
    if n_classes > 2:
        assert learners == ["constant", "gradient", "sklearn tree", "sklearn forest"]
    assert report.checks["amaranth"].passed == 256  # all vectors, so all test rows


def test_lut_limit_of_classes(tmp_path: Path) -> None:
    """The limit holds for the whole circuit, also after the passes."""
    options = LearnOptions(
        trials=1, max_luts=12, baselines=False, simulators=("amaranth",), passes="strash"
    )
    report = learn(make_classes(900, 1), tmp_path / "d", options)
    assert count_luts(report.netlist) <= 12
    assert report.to_json()["limits"] == {"cells": 2**31 - 1, "ands": 2**31 - 1, "luts": 12}
    with pytest.raises(UsageError, match="max_luts"):
        LearnOptions(max_luts=0)


def test_exact_circuit_of_few_samples_wins() -> None:
    """One that is right on all of 40 samples, with few cells for them, though a smaller one misses but one."""
    problem = make_problem(lambda x: x[:, :3].sum(axis=1) > 1, 6, 20)
    outcome = compete(problem, trials=1)
    winner = outcome.candidates[0]
    assert (winner.train_right, winner.valid_right) == (20, 20)
    assert winner.netlist.n_cells <= 10
