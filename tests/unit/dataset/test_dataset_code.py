"""Codes of analog inputs, and the digits that they are made for."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfsynth.dataset.code import code_inputs, coded_ports, parse_code, quantise_inputs
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.load import load
from btfsynth.errors import MissingToolError, UsageError
from btfsynth.ports import Port

CODES = ("binary:1", "binary:4", "levels:16", "levels:9", "thermometer:5", "threshold:0.3")


def analog(
    values: np.ndarray, ports: tuple[Port, ...], targets: np.ndarray | None = None
) -> Dataset:
    wanted = np.arange(len(values))[:, None] & 1 if targets is None else targets
    return Dataset(
        "t", "t.csv", values, wanted, ports, (Port("y", 1),), input_kind=InputKind.ANALOG
    )


@given(text=st.sampled_from(CODES), value=st.floats(0, 1, width=32))
def test_bits_spell_the_number_and_the_number_the_value(text: str, value: float) -> None:
    """The weighted bits are the number, and the value it stands for is as near as one can be."""
    code = parse_code(text)
    values = np.array([[value]], dtype=np.float32)
    number = int(code.numbers(values)[0, 0])
    assert int(code.bits(values)[0] @ np.array(code.bit_weights)) == number
    assert float(code.quantised(values)[0, 0]) == pytest.approx(number / code.levels)
    if code.threshold is None:
        assert abs(number - value * code.levels) <= 0.5
    else:
        assert number == (value >= np.float32(0.3))


def test_binary_rounds_halves_up_and_thermometer_agrees() -> None:
    """Known numbers: 4 bits of 0, 1/30, 0.5 and 1; a thermometer counts as many as binary says."""
    values = np.array([[0.0], [0.5 / 15], [0.5], [1.0]])
    assert parse_code("binary:4").numbers(values).ravel().tolist() == [0, 1, 8, 15]
    assert parse_code("thermometer:3").bits(np.array([[0.49], [0.51]])).tolist() == [
        [1, 0, 0],
        [1, 1, 0],
    ]
    ones = parse_code("thermometer:15").bits(values).sum(axis=1)
    assert ones.tolist() == [0, 1, 8, 15]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("binary", "from 1 to 12, got ''"),
        ("binary:0", "from 1 to 12"),
        ("binary:13", "from 1 to 12"),
        ("levels:x", "from 1 to 4095"),
        ("thermometer:257", "from 1 to 256"),
        ("threshold:0", "above 0 and up to 1"),
        ("threshold:nan", "above 0 and up to 1"),
        (
            "grey:3",
            "expected binary:K, levels:N, thermometer:K, threshold:X, auto, quantile:K or tree:K",
        ),
    ],
)
def test_wrong_code(text: str, message: str) -> None:
    """A wrong code gives one line that says what was expected."""
    with pytest.raises(UsageError, match=message):
        parse_code(text)


def test_coded_inputs_are_ports_named_after_the_columns() -> None:
    """Each analog input is a bus of its bits, least significant first; a bus becomes several."""
    data = analog(np.array([[0.0, 1.0, 0.4], [1.0, 0.2, 0.6]]), (Port("a", 1), Port("x", 2)))
    coded = code_inputs(data, parse_code("binary:2"))
    assert [(port.name, port.width) for port in coded.input_ports] == [
        ("a", 2),
        ("x_0", 2),
        ("x_1", 2),
    ]
    assert coded.inputs.tolist() == [[0, 0, 1, 1, 1, 0], [1, 1, 1, 0, 0, 1]]
    assert coded.input_kind is InputKind.BOOLEAN
    assert np.array_equal(coded.targets, data.targets)
    clash = coded_ports((Port("x", 2), Port("x_0", 1)), parse_code("binary:2"))
    assert [port.name for port in clash] == ["x[0]", "x[1]", "x_0"]


def test_patterns_that_a_code_cannot_tell_apart_are_counted() -> None:
    """Three patterns fall together, two with other targets than the first; a fourth does not."""
    values = np.array([[0.1], [0.2], [0.15], [0.9]])
    coded = code_inputs(
        analog(values, (Port("a", 1),), np.array([[0], [1], [1], [1]])), parse_code("threshold:0.5")
    )
    assert coded.notices == (
        "threshold:0.5: 3 of 4 patterns have the bits of a pattern with other targets",
    )
    alike = analog(values, (Port("a", 1),), np.array([[1], [1], [1], [0]]))
    assert code_inputs(alike, parse_code("threshold:0.5")).notices == ()


@pytest.mark.parametrize("change", [code_inputs, quantise_inputs])
def test_only_analog_inputs_are_coded(change) -> None:
    """Boolean inputs are refused."""
    with pytest.raises(UsageError, match="expected analog inputs to code, got boolean ones"):
        change(load("full_adder"), parse_code("binary:2"))


def test_digits_are_two_disjoint_parts() -> None:
    """Train and test together are all images; the source is the specification and makes them again."""
    train, test = load("digits"), load("digits:grey,part=test,train=512")
    assert (train.n_patterns, test.n_patterns) == (512, 1285)
    assert (train.source, test.source) == ("digits:grey", "digits:grey,part=test")
    assert (train.n_inputs, train.n_outputs) == (64, 10)
    assert train.input_kind is InputKind.ANALOG
    assert train.output_kind is OutputKind.LABEL
    assert set(np.unique(train.inputs * 16).tolist()) == set(range(17))
    everything = np.concatenate([train.inputs, test.inputs])
    assert len(np.unique(everything, axis=0)) == 1797
    assert load(test.source).content_hash == test.content_hash
    few = load("digits:part=test,count=20")
    assert few.source == "digits:grey,part=test,count=20"
    assert np.array_equal(few.inputs, test.inputs[:20])
    other = load("digits:grey,seed=2,train=100")
    assert other.source == "digits:grey,train=100,seed=2"
    assert not np.array_equal(other.inputs, train.inputs[:100])


def test_digits_are_shifted_by_half_a_pixel() -> None:
    """Copies follow the training images: the mean with the neighbour on one side, on the 17 grey levels."""
    plain, shifted = load("digits:train=20"), load("digits:train=20,shifts=8")
    assert shifted.source == "digits:grey,train=20,shifts=8"
    assert shifted.n_patterns == 9 * 20
    grey = np.rint(16 * shifted.inputs).astype(int).reshape(9, 20, 8, 8)
    assert np.array_equal(grey[0].reshape(20, -1), 16 * plain.inputs)
    first, right, diagonal = grey[0], grey[1], grey[5]
    assert np.array_equal(right[:, :, 1:], (first[:, :, 1:] + first[:, :, :-1] + 1) // 2)
    assert np.array_equal(right[:, :, 0], (first[:, :, 0] + 1) // 2)
    assert np.array_equal(diagonal[:, 1:, 1:], (first[:, 1:, 1:] + first[:, :-1, :-1] + 1) // 2)
    assert np.array_equal(shifted.targets.reshape(9, 20, 10)[8], plain.targets)


@pytest.mark.parametrize("code", ["thermometer:4", "threshold:0.5"])
def test_coded_digits_are_the_grey_ones_coded(code: str) -> None:
    """A code in the specification is the same as one put on the grey levels."""
    coded = load(f"digits:{code},train=20")
    grey = code_inputs(load("digits:grey,train=20"), parse_code(code))
    assert coded.source == f"digits:{code},train=20"
    assert replace(grey, source="").content_hash == coded.content_hash


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("digits:blue", "code 'blue': expected binary:K"),
        ("digits:binary:4", "expected grey, thermometer:K or threshold:X, got 'binary:4'"),
        ("digits:train=1797", "train: expected a whole number from 1 to 1796, got 1797"),
        ("digits:seed=x", "seed: expected a whole number"),
        ("digits:part=both", "expected part=train or part=test, got part=both"),
        ("digits:train=3,train=4", "each once, got 'train=4'"),
        ("digits:part=test,count=1286", "count: expected a whole number from 1 to 1285"),
        ("digits:train=3,grey", "got 'grey'"),
        ("digits:shifts=9", "shifts: expected a whole number from 0 to 8, got 9"),
        ("digits:part=test,shifts=4", "expected shifts=N with part=train"),
    ],
)
def test_wrong_digits(spec: str, message: str) -> None:
    """A wrong specification gives one line that says what was expected and what came."""
    with pytest.raises(UsageError, match=message):
        load(spec)


def test_digits_without_scikit_learn(monkeypatch) -> None:
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingToolError, match=r"pip install '?scikit-learn"):
        load("digits")
