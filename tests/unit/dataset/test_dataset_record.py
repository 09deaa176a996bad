"""The data set itself, its ports, and the check for contradictions."""

from __future__ import annotations

import re

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.patterns import find_contradiction, group_rows
from btfsynth.errors import DataError
from btfsynth.ports import Port, bit_names, group_columns


def make(inputs: object, targets: object, **options: object) -> Dataset:
    arrays = np.asarray(inputs), np.asarray(targets)
    return Dataset(
        name="t",
        source="t",
        inputs=arrays[0],
        targets=arrays[1],
        input_ports=(Port("x", arrays[0].shape[1]),),
        output_ports=(Port("y", arrays[1].shape[1]),),
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("value", [0.5, 2, 256, -1, float("nan")])
def test_values_other_than_bits_are_refused_not_cast(value: float) -> None:
    """A value that a cast would wrap or cut off is an error, in inputs and targets."""
    with pytest.raises(DataError, match="inputs must be 0 or 1"):
        make([[value]], [[1]])
    with pytest.raises(DataError, match="targets must be 0 or 1"):
        make([[1]], [[value]])


@pytest.mark.parametrize("value", [-0.1, 1.1, 1e300, float("nan")])
def test_analog_inputs_lie_in_the_unit_interval(value: float) -> None:
    """Analog inputs outside 0 to 1, and NaN, are refused."""
    with pytest.raises(DataError, match="between 0 and 1"):
        make([[value]], [[1]], input_kind=InputKind.ANALOG)


def test_a_label_is_a_one_hot_row() -> None:
    """Label targets must have exactly one 1 a row."""
    make([[0], [1]], [[1, 0], [0, 1]], output_kind=OutputKind.LABEL)
    with pytest.raises(DataError, match="one-hot"):
        make([[0], [1]], [[1, 1], [0, 1]], output_kind=OutputKind.LABEL)


def test_the_arrays_of_the_caller_stay_writable() -> None:
    """The data set freezes its own copies."""
    inputs = np.array([[0], [1]], dtype=np.uint8)
    dataset = make(inputs, [[0], [1]])
    inputs[0, 0] = 1
    assert dataset.inputs[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        dataset.inputs[0, 0] = 1


def test_the_hash_ignores_notices_and_unimportant_targets() -> None:
    """Notices and the value of a don't-care are no content; the care mask is."""
    care = np.array([[True], [False]])
    one = make([[0], [1]], [[0], [1]], care=care)
    assert one.content_hash == make([[0], [1]], [[0], [0]], care=care, notices=("n",)).content_hash
    assert one.content_hash != make([[0], [1]], [[0], [1]]).content_hash


@pytest.mark.parametrize(
    ("inputs", "care", "listed", "expected"),
    [
        ([[0], [1]], None, True, True),
        ([[1], [0], [0]], None, True, True),
        ([[1], [1]], None, False, False),
        ([[0]], None, False, False),
        ([[0], [1]], [[True], [False]], True, False),
    ],
)
def test_exhaustive(inputs: list[list[int]], care: object, listed: bool, expected: bool) -> None:
    """Exhaustive means every vector is listed and every target matters; to say all it is enough to list."""
    targets = [row[:] for row in inputs]
    mask = None if care is None else np.asarray(care)
    dataset = make(inputs, targets, care=mask)
    assert dataset.exhaustive is expected
    assert dataset.lists_all is dataset.says_all is listed
    assert make(inputs, targets, care=mask, unlisted_dont_care=True).says_all


@pytest.mark.parametrize(
    ("names", "ports", "order"),
    [
        (["a[1]", "a[0]", "b"], [("a", 2), ("b", 1)], [1, 0, 2]),
        (["a[0]", "b", "a[1]"], [("a", 2), ("b", 1)], [0, 2, 1]),
        (["a[1]", "a[2]"], [("a[1]", 1), ("a[2]", 1)], [0, 1]),
        (["a", "a[0]"], [("a", 1), ("a[0]", 1)], [0, 1]),
        (["a[0]", "a[00]"], [("a[0]", 1), ("a[00]", 1)], [0, 1]),
    ],
)
def test_group_columns(names: list[str], ports: list[tuple[str, int]], order: list[int]) -> None:
    """Columns make a bus exactly when their indices are 0 to width-1."""
    assert group_columns(names) == (tuple(Port(*port) for port in ports), order)


def test_bit_names() -> None:
    """Buses have indexed bits, single bits their plain name."""
    assert bit_names([Port("a", 2), Port("b", 1)]) == ["a[0]", "a[1]", "b"]


@pytest.mark.parametrize("width", [1, 8, 63, 64, 65, 130])
def test_group_rows_against_a_dictionary(width: int) -> None:
    """Groups are numbered by first appearance at any width of the rows."""
    rng = np.random.default_rng(width)
    pool = rng.integers(0, 2, (7, width)).astype(np.uint8)
    rows = pool[rng.integers(0, 7, 40)]
    numbers: dict[bytes, int] = {}
    expected = [numbers.setdefault(row.tobytes(), len(numbers)) for row in rows]
    groups, first = group_rows(rows)
    assert groups.tolist() == expected
    assert first.tolist() == [expected.index(group) for group in range(len(numbers))]


def test_group_rows_takes_both_zeros_of_floats_for_one() -> None:
    """-0.0 and 0.0 are the same input."""
    groups, _ = group_rows(np.array([[0.0, 0.5], [-0.0, 0.5], [0.0, 0.25]], dtype=np.float32))
    assert groups.tolist() == [0, 0, 1]


def patterns(inputs, targets, care=None) -> Dataset:
    """Patterns of a bus x and outputs a, b and so on."""
    outputs = tuple(Port(name, 1) for name in "abc"[: targets.shape[1]])
    return Dataset("d", "d", inputs, targets, (Port("x", inputs.shape[1]),), outputs, care)


def test_a_contradiction_names_the_patterns_and_the_output() -> None:
    """The message has both pattern numbers, the output and both values."""
    inputs = np.array([[0, 1], [1, 1], [0, 1]], dtype=np.uint8)
    targets = np.array([[0, 1], [0, 0], [0, 0]], dtype=np.uint8)
    found = find_contradiction(patterns(inputs, targets))
    assert re.search(r"patterns 1 and 3 .* output b is 1 in the first and 0 in", str(found))
    care = np.ones((3, 2), dtype=np.bool_)
    care[0, 1] = False
    assert find_contradiction(patterns(inputs, targets, care)) is None


@pytest.mark.parametrize("columns", [3, 5, 300, 700])
def test_equal_rows_of_any_width_are_found(columns: int) -> None:
    """Groups are those of the rows as tuples, in order of first appearance, NaN equal to NaN."""
    random = np.random.default_rng(columns)
    for different in (
        random.integers(0, 2, (40, columns)).astype(np.uint8),
        random.choice([np.nan, 0.0, -0.0, 1e-9, 7.5], (40, columns)),
        random.choice([0.0, 0.25], (40, columns)).astype(np.float32),
    ):
        rows = different[random.integers(0, 15, 60)]
        seen: dict[str, int] = {}
        wanted = [seen.setdefault(str((row + 0.0).tolist()), len(seen)) for row in rows]
        groups, first = group_rows(rows)
        assert groups.tolist() == wanted
        assert first.tolist() == [wanted.index(group) for group in range(len(seen))]


def test_contradictions_of_a_large_table() -> None:
    """100,000 patterns of 64 inputs are checked, and the one contradiction found."""
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 2, (100_000, 64)).astype(np.uint8)
    targets = rng.integers(0, 2, (100_000, 3)).astype(np.uint8)
    assert find_contradiction(patterns(inputs, targets)) is None
    inputs[99_999], targets[99_999] = inputs[5], targets[5]
    assert find_contradiction(patterns(inputs, targets)) is None
    targets[99_999, 2] ^= 1
    found = find_contradiction(patterns(inputs, targets), "f", lambda row: row + 1)
    assert re.match(r"f:100000: contradicts line 6: .* output c", str(found))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": np.zeros(2)}, "inputs must have 2 dimensions, got 1"),
        ({"targets": np.zeros((3, 1))}, "do not match"),
        ({"care": np.ones((2, 2), dtype=np.bool_)}, "do not match"),
        ({"inputs": np.zeros((0, 1)), "targets": np.zeros((0, 1))}, "at least one pattern"),
        ({"input_ports": (Port("x", 2),)}, "1 input columns for ports of 2 bits"),
        ({"output_ports": (Port("y", 3),)}, "1 output columns for ports of 3 bits"),
    ],
)
def test_arrays_that_do_not_fit(change: dict[str, object], message: str) -> None:
    """Shapes and ports must agree."""
    options: dict[str, object] = {
        "inputs": np.array([[0], [1]]),
        "targets": np.array([[0], [1]]),
        "input_ports": (Port("x", 1),),
        "output_ports": (Port("y", 1),),
    }
    with pytest.raises(DataError, match=message):
        Dataset(name="t", source="t", **{**options, **change})  # type: ignore[arg-type]
