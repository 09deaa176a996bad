"""The kernel against its naive twin, step for step."""

from __future__ import annotations

import os
import subprocess
import sys

import llvmlite.binding
import naive
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from plain_state import plain_state

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.network.network import Topology, layered
from btfsynth.ports import Port
from btfsynth.training.kernel import (
    Tally,
    count_right,
    run_steps,
    start_state,
)
from btfsynth.training.parallel import Team
from btfsynth.training.state import generated_codes, make_problem, make_state
from btfsynth.training.trainer import new_best


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


GIVEN_INPUTS = (InputKind.BOOLEAN, InputKind.ANALOG)
GENERATED_INPUTS = (InputKind.ONE_HOT_GENERATOR, InputKind.HYPERCUBE_GENERATOR)
TARGETS = ("bits", "don't-cares", "labels")
TRAINED = tuple(kind for kind in InputKind if kind is not InputKind.TABLE)
KINDS = {
    **{kind.value: ((kind,), TARGETS) for kind in TRAINED},
    **{targets: (TRAINED, (targets,)) for targets in TARGETS[1:]},
}
"""Every kind of data: the inputs and the targets it may have."""


def make_dataset(topology, patterns, inputs, targets, seed):
    """Random data of a kind for a topology."""
    random = np.random.default_rng(seed)
    shape = (patterns, topology.n_inputs if inputs in GIVEN_INPUTS else 0)
    values = random.integers(0, 2, shape, dtype=np.uint8)
    if inputs is InputKind.ANALOG:
        values = random.random(shape)
    n_outputs = topology.n_outputs
    bits = random.integers(0, 2, (patterns, n_outputs), dtype=np.uint8)
    if targets == "labels":
        bits = np.eye(n_outputs, dtype=np.uint8)[random.integers(0, n_outputs, patterns)]
    return Dataset(
        "random",
        "random",
        values,
        bits,
        (Port("x", topology.n_inputs),) if inputs in GIVEN_INPUTS else (),
        (Port("y", n_outputs),),
        care=random.random((patterns, n_outputs)) < 0.7 if targets == "don't-cares" else None,
        input_kind=inputs,
        output_kind=OutputKind.LABEL if targets == "labels" else OutputKind.BOOLEAN,
    )


@st.composite
def trainings(draw: st.DrawFn, inputs=TRAINED, targets=TARGETS) -> tuple[Topology, Dataset, int]:
    """A topology with data of the kinds named, for pattern counts that fill lane groups or do not."""
    topology = draw(topologies())
    patterns = draw(st.integers(1, 12) | st.just(20))
    seed = draw(st.integers(0, 2**32))
    kinds = draw(st.sampled_from(inputs)), draw(st.sampled_from(targets))
    return topology, make_dataset(topology, patterns, *kinds, seed), seed


class SideBySide:
    """Kernel and twin from one start."""

    def __init__(self, training, sigma, beta, gamma, dtype):
        topology, dataset, seed = training
        self.beta, self.gamma, self.mean = beta, gamma, 0.0
        self.problem = make_problem(dataset, topology, sigma, dtype)
        self.state = make_state(self.problem, (seed,))
        plain = plain_state(self.problem, self.state)
        self.twin = naive.Training(dataset, topology, sigma, plain.w, plain.x, plain.y)
        self.best = new_best(int(dataset.care_mask.sum()))
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
        run_steps(self.problem, self.state, numbers, 1, 0, Tally(self.best, weights, history))
        self.mean = float(history[0])
        gap, _, _ = self.twin.step(self.beta, self.gamma)
        return plain_state(self.problem, self.state), np.sqrt(self.mean), gap


STEPS = 50
TIE = {np.float64: 1e-9, np.float32: 1e-4}
"""How clear a choice of A must be: less, and rounding may decide it."""
SETTINGS = {
    "sigma": st.sampled_from([3.0, 5.0, 1.5]),
    "beta": st.sampled_from([0.2, 0.7]),
    "gamma": st.sampled_from([0.0, 1e-2]),
}


def follow_in_float64(training, sigma, beta, gamma):
    """Run kernel and twin freely, each on its own state; return the steps compared."""
    both = SideBySide(training, sigma, beta, gamma, np.float64)
    for step in range(STEPS):
        plain, gap, twin_gap = both.step()
        if both.twin.clearance < TIE[np.float64] or not both.mean:
            return step
        assert gap == pytest.approx(twin_gap, rel=1e-6, abs=1e-9)
        for name in ("w", "x", "y"):
            np.testing.assert_allclose(getattr(plain, name), getattr(both.twin, name), atol=1e-6)
    return STEPS


def follow_in_float32(training, sigma, beta, gamma):
    """Restart the twin from the kernel's state before every step; return the steps compared."""
    both = SideBySide(training, sigma, beta, gamma, np.float32)
    compared = 0
    for _ in range(STEPS):
        both.give_the_twin_the_kernels_state()
        plain, gap, twin_gap = both.step()
        if not both.mean:
            break
        if both.twin.clearance < TIE[np.float32]:
            continue
        compared += 1
        assert gap == pytest.approx(twin_gap, rel=1e-3, abs=1e-4)
        for name in ("w", "x", "y"):
            np.testing.assert_allclose(
                getattr(plain, name), getattr(both.twin, name), rtol=1e-3, atol=1e-3
            )
    return compared


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), **SETTINGS)
@settings(max_examples=6, deadline=None)
def test_float64_agrees_with_the_twin(kind, data, sigma, beta, gamma):
    """Fifty free-running steps in double precision stay within 1e-6 of the plain formulas.

    A run ends early where it comes to rest (its gap is exactly 0) or where a choice of A is a tie to
    1e-9: two outputs or codes at equal distances, or a root at a pole.
    """
    assume(follow_in_float64(data.draw(trainings(*KINDS[kind])), sigma, beta, gamma) >= STEPS // 2)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data(), **SETTINGS)
@settings(max_examples=6, deadline=None)
def test_float32_agrees_with_the_twin(kind, data, sigma, beta, gamma):
    """Each of fifty steps in single precision is, to 1e-3, the twin's from the same point.

    The dynamics is chaotic: rounding grows until an output is chosen otherwise, so a free-running
    twin would tell of the rounding alone. So the twin begins every step at the kernel's state (w, x, y and
    metric) and works in double precision. A step is left out where a choice of A is a tie to 1e-4: two
    outputs or codes at equal distances, or a root at a pole.
    """
    assume(follow_in_float32(data.draw(trainings(*KINDS[kind])), sigma, beta, gamma) >= STEPS // 2)


@pytest.mark.parametrize("follow", [follow_in_float64, follow_in_float32])
@pytest.mark.parametrize("inputs", [InputKind.ANALOG, InputKind.HYPERCUBE_GENERATOR])
@pytest.mark.parametrize("patterns", [65, 90])
def test_several_blocks_agree_with_the_twin(patterns, inputs, follow):
    """Patterns that fill more than one block are joined as the plain formulas join them."""
    topology = layered((3, 2, 1))
    dataset = make_dataset(topology, patterns, inputs, "don't-cares", patterns)
    assert follow((topology, dataset, patterns), 3.0, 0.4, 1e-2) >= 0.9 * STEPS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_state_at_rest_stays(dtype):
    """Once A and B meet, further steps leave the point where it is."""
    topology = Topology(1, 1, np.array([0, 1]), np.array([0]))
    dataset = make_dataset(topology, 1, InputKind.BOOLEAN, "bits", 1)
    both = SideBySide((topology, dataset, 0), 5.0, 0.7, 1e-2, dtype)
    gaps = [both.step()[1] for _ in range(400)]
    assert max(gaps[200:]) < 1e-6


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
            best = new_best(8)
            history = np.zeros(20)
            start_state(problem, state)
            ran = run_steps(
                problem, state, (0.5, 1e-2, 0.0, 0.0), 20, 0,
                Tally(best, state.weights.copy(), history),
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
    best = new_best(8)
    start_state(problem, state)
    ran = run_steps(
        problem, state, (0.5, 0.0, 0.0, 0.0), 10, 0, Tally(best, state.weights.copy(), history)
    )
    assert ran == 1
    assert np.isnan(history[0])


@settings(max_examples=20, deadline=None)
@given(trainings(GIVEN_INPUTS))
def test_count_right_agrees_with_the_reference(training):
    """The kernel's forward pass counts what the float64 reference counts."""
    from btfsynth.network.network import TrainedNetwork

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
        best, history = new_best(1200), np.zeros(60)
        run = run_steps if team is None else team.run_steps
        ran = run(
            problem,
            state,
            (0.4, 1e-2, 0.0, 0.0),
            60,
            10,
            Tally(best, state.weights.copy(), history),
        )
        if team is not None:
            team.close()
        states.append((ran, history.tobytes(), state.w.tobytes(), state.weights.tobytes(), *best))
    assert states[0] == states[1]


def test_a_thread_that_cannot_start_does_not_leave_the_others_waiting(monkeypatch):
    """The error is raised, and the threads that had started come to an end."""
    team, started = Team(3), []
    submit = team._pool.submit

    def one_only(*arguments):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(submit(*arguments))
        return started[0]

    monkeypatch.setattr(team._pool, "submit", one_only)
    patterns = np.zeros((200, 2), int)
    dataset = Dataset("t", "t", patterns, patterns, (Port("x", 2),), (Port("y", 2),))
    problem = make_problem(dataset, layered((2, 2)), 3.0, np.float32)
    state = make_state(problem, (1,))
    start_state(problem, state)
    best = new_best(400)
    with pytest.raises(RuntimeError, match="start new thread"):
        team.run_steps(
            problem,
            state,
            (0.4, 0.0, 0.0, 0.0),
            9,
            0,
            Tally(best, state.weights.copy(), np.zeros(9)),
        )
    assert started[0].done()
    team.close()


_STEPS_OF_EACH_KIND = """
import itertools, zlib
import numpy as np
from btfsynth.dataset.dataset import Dataset
from btfsynth.ports import Port
from btfsynth.network.network import layered
from btfsynth.training.trainer import new_best
from btfsynth.training.kernel import Tally, run_steps, start_state
from btfsynth.training.state import make_problem, make_state
from btfsynth.training.vector import register_runs
from numba import types

print(register_runs(types.float32))
random = np.random.default_rng(1)
for patterns, real in itertools.product((5, 20, 56, 200), (np.float32, np.float64)):
    data = [random.integers(0, 2, (patterns, 5)) for _ in range(2)]
    dataset = Dataset("t", "t", *data, (Port("x", 5),), (Port("y", 5),))
    problem = make_problem(dataset, layered((5, 8, 5)), 3.0, real)
    state = make_state(problem, (1,))
    start_state(problem, state)
    best = new_best(5 * patterns)
    history = np.zeros(50)
    run_steps(problem, state, (0.4, 1e-2, 0.0, 0.0), 50, 0, Tally(best, state.weights.copy(), history))
    print(zlib.crc32(state.w.tobytes()), zlib.crc32(history.tobytes()))
"""


def test_the_width_of_the_registers_does_not_show(tmp_path):
    """Code for 256-bit and for 512-bit registers gives the same bytes."""
    host = llvmlite.binding.get_host_cpu_features()
    if not host.get("avx512f"):
        pytest.skip("this processor has no 512-bit registers")
    narrow = ",".join(("-" if name.startswith("avx512") else "+") + name
                      for name, has in host.items() if has)  # fmt: skip
    as_it_is = {name: text for name, text in os.environ.items() if name != "NUMBA_CPU_FEATURES"}
    outputs = []
    for changes in ({}, {"NUMBA_CPU_FEATURES": narrow, "NUMBA_CACHE_DIR": str(tmp_path)}):
        done = subprocess.run(
            [sys.executable, "-c", _STEPS_OF_EACH_KIND],
            env=as_it_is | changes, capture_output=True, text=True, check=True,
        )  # fmt: skip
        outputs.append(done.stdout.split())
    assert (outputs[0].pop(0), outputs[1].pop(0)) == ("2", "1")
    assert len(outputs[0]) == 16
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("kind", GENERATED_INPUTS)
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
