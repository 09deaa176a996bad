"""Patterns that contradict each other, settled by every rule."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import btfsynth as btf
from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.load import load
from btfsynth.dataset.patterns import settled
from btfsynth.errors import DataError
from btfsynth.ports import Port
from btfsynth.settings.table import Conflicts

ROWS = st.lists(
    st.tuples(st.tuples(*[st.integers(0, 1)] * 2), st.tuples(*[st.sampled_from([0, 1, None])] * 2)),
    min_size=1,
    max_size=12,
)


def patterns(rows: list[tuple[tuple[int, ...], tuple[int | None, ...]]]) -> Dataset:
    targets = np.array([[value or 0 for value in wanted] for _, wanted in rows])
    care = np.array([[value is not None for value in wanted] for _, wanted in rows])
    inputs = np.array([given for given, _ in rows])
    return Dataset("p", "p.csv", inputs, targets, (Port("x", 2),), (Port("y", 2),), care=care)


def wanted(data: Dataset) -> list[tuple[int | None, ...]]:
    return [
        tuple(int(value) if care else None for value, care in zip(*row, strict=True))
        for row in zip(data.targets, data.care_mask, strict=True)
    ]


@given(ROWS)
def test_majority_of_bits(rows):
    """Each target that matters is the more frequent one of its inputs; a tie is open; all rows stay."""
    data = settled(patterns(rows), Conflicts.MAJORITY)
    expected = []
    for given_inputs, targets in rows:
        row = []
        for output, target in enumerate(targets):
            votes = Counter(other[output] for inputs, other in rows if inputs == given_inputs)
            ahead = votes[1] - votes[0]
            row.append(None if target is None or not ahead else int(ahead > 0))
        expected.append(tuple(row))
    assert wanted(data) == expected
    assert data.contradiction is None


@given(ROWS)
def test_dropped_and_kept_rows(rows):
    """Dropping leaves exactly the rows that no other contradicts; keeping changes no target."""

    def clashes(one, other):
        return one[0] == other[0] and any(
            {a, b} == {0, 1} for a, b in zip(one[1], other[1], strict=True)
        )

    left = [
        row for row in rows if not any(clashes(a, b) for a in rows for b in rows if a[0] == row[0])
    ]
    data = patterns(rows)
    kept = settled(data, Conflicts.KEEP)
    assert wanted(kept) == wanted(data)
    assert (kept.contradiction is None) == (len(left) == len(rows))
    if len(left) == len(rows):
        assert settled(data, Conflicts.ERROR) is data
        return
    with pytest.raises(DataError, match="contradict"):
        settled(data, Conflicts.ERROR)
    if left:
        found = settled(data, Conflicts.DROP)
        assert [tuple(row) for row in found.inputs.tolist()] == [inputs for inputs, _ in left]
    else:
        with pytest.raises(DataError, match="none is left"):
            settled(data, Conflicts.DROP)


def test_a_class_is_one_target():
    """The most frequent class wins, though each of its bits alone may be in the minority."""
    labels = np.array([0, 0, 1, 2, 1, 2, 0])
    inputs = np.array([[0], [0], [0], [0], [1], [1], [1]])
    data = Dataset(
        "c", "c.csv", inputs, np.eye(3)[labels], (Port("x", 1),), (Port("y", 3),),
        output_kind=OutputKind.LABEL,
    )  # fmt: skip
    found = settled(data, Conflicts.MAJORITY)
    assert found.targets[:4].argmax(axis=1).tolist() == [0] * 4
    assert found.care_mask.tolist() == [[True] * 3] * 4 + [[False] * 3] * 3
    assert "2 patterns got the more frequent targets, 3 in a tie do not matter" in found.notices[0]


def test_a_file_of_cubes(tmp_path):
    """Rows of a PLA that overlap count vector by vector."""
    path = tmp_path / "a.pla"
    path.write_text(".i 2\n.o 1\n.type fr\n1- 1\n11 0\n11 0\n00 0\n")
    with pytest.raises(DataError, match=r":5: contradicts line 4.*conflicts=majority"):
        load(path)
    data = load(path, conflicts=Conflicts.MAJORITY)
    rows = list(zip(map(tuple, data.inputs.tolist()), data.targets[:, 0].tolist(), strict=True))
    assert sorted(rows) == [((0, 0), 0), ((1, 0), 1), *[((1, 1), 0)] * 3]


def test_arrays_and_files_from_python(tmp_path):
    """`Dataset` and `load` take the rule by name, and refuse another."""
    X, y = [[0], [0], [0], [1]], [1, 1, 0, 0]
    assert btf.Dataset(X, y, conflicts="majority").y[:, 0].tolist() == [1, 1, 1, 0]
    assert len(btf.Dataset(X, y, conflicts="drop")) == 1
    assert btf.Dataset(X, y, conflicts="keep").y[:, 0].tolist() == y
    with pytest.raises(btf.UsageError, match=r"`conflicts`: expected one of error, majority"):
        btf.Dataset(X, y, conflicts="vote")
    (tmp_path / "t.csv").write_text("a,y\n0,1\n0,1\n0,0\n1,0\n")
    assert btf.load(tmp_path / "t.csv", conflicts="majority").y[:, 0].tolist() == [1, 1, 1, 0]
    with pytest.raises(btf.DataError, match="contradicts line"):
        btf.load(tmp_path / "t.csv")
