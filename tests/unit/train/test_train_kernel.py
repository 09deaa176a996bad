"""The kernel against its naive twin, step for step."""

from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plain_state import plain_state

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.ports import Port
from btfsynth.network.topology import Topology, layered
from btfsynth.train.kernel import (
    count_right,
    run_steps,
    start_state,
)
from btfsynth.train.parallel import Team
from btfsynth.train.state import generated_codes, make_problem, make_state


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    """Any small acyclic graph: sparse fan-in, skip connections, neurons without a bias."""
    n_inputs = draw(st.integers(1, 4))
    n_neurons = draw(st.integers(1, 6))
    start, sources = [0], []
    for neuron in range(n_neurons):
        nodes = list(range(1 + n_inputs + neuron))
        chosen = draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=6, unique=True))
        sources.extend(sorted(chosen))
        start.append(len(sources))
    n_outputs = draw(st.integers(1, n_neurons))
    return Topology(n_inputs, n_outputs, np.array(start), np.array(sources))


INPUT_KINDS = st.sampled_from(list(InputKind))


@st.composite
def trainings(draw: st.DrawFn, kinds=INPUT_KINDS) -> tuple[Topology, Dataset, int]:
    """A topology with data: given or generated inputs, free or one-hot targets, any number of patterns."""
    topology = draw(topologies())
    patterns = draw(st.integers(1, 12))
    kind = draw(kinds)
    seed = draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    n_outputs = topology.n_outputs
    given = kind in (InputKind.BOOLEAN, InputKind.ANALOG)
    shape = (patterns, topology.n_inputs if given else 0)
    inputs = random.integers(0, 2, shape, dtype=np.uint8)
    if kind is InputKind.ANALOG:
        inputs = random.random(shape)
    labels = draw(st.booleans())
    targets = random.integers(0, 2, (patterns, n_outputs), dtype=np.uint8)
    if labels:
        targets = np.eye(n_outputs, dtype=np.uint8)[random.integers(0, n_outputs, patterns)]
    dataset = Dataset(
        "random",
        "random",
        inputs,
        targets,
        (Port("x", topology.n_inputs),) if given else (),
        (Port("y", n_outputs),),
        care=None if labels else random.random((patterns, n_outputs)) < 0.8,
        input_kind=kind,
        output_kind=OutputKind.LABEL if labels else OutputKind.BOOLEAN,
    )
    return topology, dataset, seed


class SideBySide:
    """Kernel and twin from one start."""

    def __init__(self, training, sigma, beta, gamma, dtype):
        topology, dataset, seed = training
        self.beta, self.gamma, self.mean = beta, gamma, 0.0
        self.problem = make_problem(dataset, topology, sigma, dtype)
        self.state = make_state(self.problem, (seed,))
        plain = plain_state(self.problem, self.state)
        self.twin = naive.Training(dataset, topology, sigma, plain.w, plain.x, plain.y)
        self.best = np.array([-1, int(dataset.care_mask.sum()), 0], dtype=np.int64)
        start_state(self.problem, self.state)

    def give_the_twin_the_kernels_state(self):
        plain = plain_state(self.problem, self.state)
        for name in ("w", "x", "y"):
            setattr(self.twin, name, getattr(plain, name).astype(np.float64))
        self.twin.g = plain.metric.astype(np.float64)
        if self.mean > 0:  # the kernel brings its metric up to date at the next step
            self.twin.g += self.gamma * (plain.gap / self.mean - self.twin.g)

    def step(self):
        """Run both for one step; return the kernel's state and both gaps."""
        history = np.zeros(1)
        numbers = (self.beta, self.gamma, 0.0, self.mean)
        weights = self.state.weights.copy()
        run_steps(self.problem, self.state, numbers, 1, 0, self.best, weights, history)
        self.mean = float(history[0])
        gap, _, _ = self.twin.step(self.beta, self.gamma)
        return plain_state(self.problem, self.state), np.sqrt(self.mean), gap


SIGMAS, BETAS = st.sampled_from([3.0, 5.0, 1.5]), st.sampled_from([0.2, 0.7])


@pytest.mark.parametrize("kind", list(InputKind))
@given(data=st.data(), sigma=SIGMAS, beta=BETAS)
@settings(max_examples=6, deadline=None)
def test_float64_agrees_with_the_twin(kind, data, sigma, beta):
    """Fifty steps in double precision stay within rounding of the plain formulas."""
    training = data.draw(trainings(st.just(kind)))
    both = SideBySide(training, sigma, beta, 1e-2, np.float64)
    for _ in range(50):
        plain, gap, twin_gap = both.step()
        assert gap == pytest.approx(twin_gap, rel=1e-6, abs=1e-9)
        for name in ("w", "x", "y"):
            np.testing.assert_allclose(getattr(plain, name), getattr(both.twin, name), atol=1e-6)


@pytest.mark.parametrize("kind", list(InputKind))
@given(data=st.data(), sigma=SIGMAS, beta=BETAS)
@settings(max_examples=6, deadline=None)
def test_float32_agrees_with_the_twin(kind, data, sigma, beta):
    """Each of fifty steps in single precision is the twin's from the same point.

    The dynamics is chaotic: rounding grows until an output is chosen otherwise, so a run of its own would
    tell of the rounding. A step in which a choice of A is a tie to single precision, or its root lies at
    a pole, is left out.
    """
    training = data.draw(trainings(st.just(kind)))
    both = SideBySide(training, sigma, beta, 1e-2, np.float32)
    compared = 0
    for _ in range(50):
        both.give_the_twin_the_kernels_state()
        plain, gap, twin_gap = both.step()
        if both.twin.clearance < 1e-3:
            continue
        compared += 1
        assert gap == pytest.approx(twin_gap, rel=1e-3, abs=1e-4)
        for name in ("w", "x", "y"):
            np.testing.assert_allclose(
                getattr(plain, name), getattr(both.twin, name), rtol=1e-3, atol=1e-3
            )
    assume(compared >= 25)  # a state that has come to rest at a tie tells nothing


@pytest.mark.parametrize("patterns", [1, 7, 8, 9, 64, 65, 130])
def test_padding_carries_no_weight(patterns):
    """The consensus weights are those of the twin for pattern counts that fill no lane group."""
    random = np.random.default_rng(patterns)
    dataset = Dataset(
        "p",
        "p",
        random.integers(0, 2, (patterns, 3)),
        random.integers(0, 2, (patterns, 2)),
        (Port("x", 3),),
        (Port("y", 2),),
    )
    topology = layered((3, 4, 2))
    problem = make_problem(dataset, topology, 3.0, np.float64)
    state = make_state(problem, (1,))
    plain = plain_state(problem, state)
    twin = naive.Training(dataset, topology, 3.0, plain.w, plain.x, plain.y)
    start_state(problem, state)
    a = twin.project_a()
    weights, _ = twin.project_b(
        *(2 * p - v for p, v in zip(a, (twin.w, twin.x, twin.y), strict=True))
    )
    np.testing.assert_allclose(state.weights, weights, atol=1e-10)


def test_degenerate_copies_stay_finite():
    """w = x, w = -x and w = x = 0 give a finite projection."""
    dataset = Dataset(
        "d", "d", np.eye(8, 2, dtype=int), np.ones((8, 1), int), (Port("x", 2),), (Port("y", 1),)
    )
    topology = layered((2, 1))
    for dtype in (np.float32, np.float64):
        for sign in (1, -1, 0):
            problem = make_problem(dataset, topology, 3.0, dtype)
            state = make_state(problem, (1,))
            state.x[:] = sign * state.w
            if sign == 0:
                state.w[:] = 0
            best = np.array([-1, 8, 0], dtype=np.int64)
            history = np.zeros(20)
            start_state(problem, state)
            ran = run_steps(
                problem, state, (0.5, 1e-2, 0.0, 0.0), 20, 0, best,
                state.weights.copy(), history,
            )  # fmt: skip
            assert ran == 20
            assert np.isfinite(history).all()
            assert np.isfinite(state.w).all()


def test_a_state_that_is_not_finite_stops_at_once():
    """A NaN in the state ends the run with a NaN in the history, not with a wrong figure."""
    dataset = Dataset(
        "n", "n", np.eye(8, 2, dtype=int), np.ones((8, 1), int), (Port("x", 2),), (Port("y", 1),)
    )
    problem = make_problem(dataset, layered((2, 1)), 3.0, np.float32)
    state = make_state(problem, (1,))
    state.w[0] = np.nan
    history = np.zeros(10)
    best = np.array([-1, 8, 0], dtype=np.int64)
    start_state(problem, state)
    ran = run_steps(
        problem, state, (0.5, 0.0, 0.0, 0.0), 10, 0, best, state.weights.copy(), history
    )
    assert ran == 1
    assert np.isnan(history[0])


@settings(max_examples=20, deadline=None)
@given(trainings(st.sampled_from([InputKind.BOOLEAN, InputKind.ANALOG])))
def test_count_right_agrees_with_the_reference(training):
    """The kernel's forward pass counts what the float64 reference counts."""
    from btfsynth.network.trained import TrainedNetwork

    topology, dataset, seed = training
    weights = np.random.default_rng(seed).normal(size=topology.n_edges).astype(np.float32)
    problem = make_problem(dataset, topology, 3.0, np.float64)
    state = make_state(problem, (1,))
    state.weights[:] = weights
    scratch = np.empty(topology.n_nodes * 8)
    network = TrainedNetwork("r", topology, weights, dataset.input_ports, dataset.output_ports)
    assert count_right(problem, state, scratch) == network.bits_right(dataset)


@pytest.mark.parametrize("threads", [2, 3, 5])
def test_threads_give_the_same_bits(threads):
    """Blocks shared by any number of threads give the very state of one thread."""
    random = np.random.default_rng(1)
    dataset = Dataset(
        "t", "t", random.integers(0, 2, (400, 6)), random.integers(0, 2, (400, 3)),
        (Port("x", 6),), (Port("y", 3),),
    )  # fmt: skip
    topology = layered((6, 9, 3))
    states = []
    for team in (None, Team(threads)):
        problem = make_problem(dataset, topology, 3.0, np.float32)
        state = make_state(problem, (1,))
        start_state(problem, state)
        best, history = np.array([-1, 1200, 0], dtype=np.int64), np.zeros(60)
        run = run_steps if team is None else team.run_steps
        ran = run(
            problem, state, (0.4, 1e-2, 0.0, 0.0), 60, 10, best, state.weights.copy(), history
        )
        if team is not None:
            team.close()
        states.append((ran, history.tobytes(), state.w.tobytes(), state.weights.tobytes(), *best))
    assert states[0] == states[1]


@pytest.mark.parametrize("kind", [InputKind.ONE_HOT_GENERATOR, InputKind.HYPERCUBE_GENERATOR])
def test_generators_project_to_the_nearest_code(kind):
    """Without inputs, A moves the input nodes to the nearest one-hot vector or corner."""
    random = np.random.default_rng(2)
    dataset = Dataset(
        "g", "g", np.zeros((20, 0)), random.integers(0, 2, (20, 5)), (), (Port("y", 5),),
        input_kind=kind,
    )  # fmt: skip
    topology = layered((4, 6, 5))
    problem = make_problem(dataset, topology, 3.0, np.float64)
    state = make_state(problem, (1,))
    y = plain_state(problem, state).y[:, 1:5]
    assert np.abs(y).max() < 1
    start_state(problem, state)
    expected = np.eye(4)[y.argmax(axis=1)] if kind is InputKind.ONE_HOT_GENERATOR else y > 0
    np.testing.assert_array_equal(generated_codes(problem, state), expected)
