"""Samples of random circuits, wide automata and codes."""

from __future__ import annotations

import numpy as np
import pytest

from btfsynth.dataset.dataset import InputKind
from btfsynth.dataset.generators import hidden_circuit
from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import UsageError

SAMPLES = [
    ("random_and_or:2x5,train=9,test=12", 5),
    ("random_majority:3x40,train=30,test=20,seed=7", 40),
    ("automaton:30,cells=6,train=20,test=30", 6),
    ("automaton:232,steps=3,cells=32,train=64,test=64", 32),
]


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ("random_and_or: 3X32 , gate=0.5", "random_and_or:3x32"),
        ("random_and_or:3x32,seed=2,train=64", "random_and_or:3x32,train=64,seed=2"),
        ("automaton:30,part=test,cells=16", "automaton:30,cells=16,part=test"),
        ("automaton:30,cells=16,train=256", "automaton:30,cells=16,train=256"),
        ("autoencoder:8,bits=8,kind=random", "autoencoder:8"),
        ("decoder:4,code=one-hot,bits=6", "decoder:4,code=one-hot,bits=6"),
    ],
)
def test_sources_are_in_normal_form(spec, source):
    """What is as without a word is left out; the normal form makes the same data."""
    dataset = parse_task(spec)
    assert dataset.source == source
    assert parse_task(source).content_hash == dataset.content_hash


@pytest.mark.parametrize(("spec", "width"), SAMPLES)
def test_parts_share_no_vector(spec, width):
    """All vectors of both parts differ, and there are as many as asked for."""
    train, test = parse_task(spec), parse_task(f"{spec},part=test")
    both = np.concatenate([train.inputs, test.inputs])
    assert both.shape[1] == width
    assert len(np.unique(both, axis=0)) == len(both)
    assert f"train={train.n_patterns}" in spec
    assert f"test={test.n_patterns}" in spec


@pytest.mark.parametrize("width", [10, 24])
def test_samples_are_nested(width):
    """A smaller sample is the beginning of a larger one, and is tested on the same vectors."""
    small, large = (f"random_majority:2x{width},train={n},test=40" for n in (20, 50))
    assert (parse_task(small).inputs == parse_task(large).inputs[:20]).all()
    tests = [parse_task(f"{spec},part=test") for spec in (small, large)]
    assert tests[0].content_hash == tests[1].content_hash


def test_circuits_do_not_depend_on_the_sample():
    """Seed, size and gates name the circuit."""
    first = hidden_circuit("random_and_or:3x8")
    assert first == hidden_circuit("random_and_or:3x8,train=7,test=3,part=test")
    assert first != hidden_circuit("random_and_or:3x8,seed=2")


@pytest.mark.parametrize("name", ["random_and_or", "random_majority"])
@pytest.mark.parametrize(("probability", "copies"), [("0", 1.0), ("1", 0.0), ("0.5", None)])
def test_every_signal_is_read(name, probability, copies):
    """No node of a layer is lost on the next; gates and copies come as often as asked for."""
    circuit = hidden_circuit(f"{name}:4x24,gate={probability}")
    for layer in circuit.layers:
        assert len(layer) == 24
        assert {source for gate in layer for source in gate.sources} == set(range(24))
        assert all(len(set(gate.sources)) == len(gate.sources) for gate in layer)
    nodes = [gate for layer in circuit.layers for gate in layer]
    share = sum(len(gate.sources) == 1 for gate in nodes) / len(nodes)
    assert share == copies if copies is not None else 0.3 < share < 0.7


def test_targets_are_those_of_the_circuit():
    """Every gate counts the true ones among what it reads."""
    spec = "random_majority:3x9,gate=0.7,train=50,test=50"
    dataset, circuit = parse_task(spec), hidden_circuit(spec)
    for inputs, targets in zip(dataset.inputs, dataset.targets, strict=True):
        signals = [bool(bit) for bit in inputs]
        for layer in circuit.layers:
            signals = [
                sum(signals[s] != flip for s, flip in zip(g.sources, g.inverted, strict=True))
                >= g.least
                for g in layer
            ]
        assert signals == targets.astype(bool).tolist()


def test_a_sampled_world_is_the_world():
    """The states of a sample go where the table of all states says."""
    table = parse_task("automaton:110,steps=2,cells=7")
    after = dict(zip(table.input_numbers.tolist(), table.targets.tolist(), strict=True))
    part = parse_task("automaton:110,steps=2,cells=7,train=60,test=20")
    assert part.input_ports == table.input_ports
    for number, targets in zip(part.input_numbers.tolist(), part.targets.tolist(), strict=True):
        assert after[number] == targets


def test_autoencoders_return_their_inputs():
    """Random vectors all differ; one-hot ones are the unit vectors."""
    random = parse_task("autoencoder:8,bits=4,seed=3")
    assert (random.inputs == random.targets).all()
    assert len(np.unique(random.inputs, axis=0)) == 8
    assert (parse_task("autoencoder:5,kind=one-hot").inputs == np.eye(5)).all()


@pytest.mark.parametrize(
    ("spec", "kind", "shape"),
    [
        ("decoder:8,bits=5", InputKind.HYPERCUBE_GENERATOR, (8, 5)),
        ("decoder:3,code=one-hot", InputKind.ONE_HOT_GENERATOR, (3, 3)),
        ("digit_images:4", InputKind.ONE_HOT_GENERATOR, (181, 64)),
    ],
)
def test_generated_data_have_no_inputs(spec, kind, shape):
    """The code is what training finds."""
    dataset = parse_task(spec)
    assert dataset.input_kind is kind
    assert dataset.n_inputs == 0
    assert dataset.targets.shape == shape


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("random_and_or", "expected layers and width"),
        ("random_and_or:3", "expected layers and width"),
        ("random_and_or:0x4", "layers: expected a whole number from 1"),
        ("random_majority:2x2", "width: expected a whole number from 3"),
        ("random_majority:2x4,gate=2", "gate: expected a number from 0 to 1"),
        ("random_majority:2x4,gate=nan", "gate: expected a number from 0 to 1"),
        ("random_majority:2x4,train=9,train=9", "each once"),
        ("random_majority:2x4,train=9,size=9", "each once"),
        ("random_majority:2x4,train=9,test=9", "sum to at most 16"),
        ("random_majority:2x4,part=both", "part=train or part=test"),
        ("automaton:30,train=5", "expected cells=C"),
        ("automaton:256,cells=5,train=5", "rule: expected a whole number from 0 to 255"),
        ("automaton:30,cells=2,train=1,test=1", "cells: expected a whole number from 3"),
        ("autoencoder:", "expected a whole number from 1"),
        ("autoencoder:9,bits=3", "at most 8 vectors"),
        ("autoencoder:9,kind=grey", "kind=random or kind=one-hot"),
        ("autoencoder:9,kind=one-hot,bits=8", "expected bits=9"),
        ("decoder:4,code=cube", "code=hypercube or code=one-hot"),
        ("digit_images:10", "expected a whole number from 0 to 9"),
    ],
)
def test_wrong_arguments_are_named(spec, message):
    """One line says what was expected."""
    with pytest.raises(UsageError) as error:
        parse_task(spec)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_no_circuit_behind_other_tasks():
    """Only random circuits have one to ask for here."""
    with pytest.raises(UsageError, match="random_and_or"):
        hidden_circuit("multiplier:2")
