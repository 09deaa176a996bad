"""Random data sets through every format and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.load import load, save
from btfsynth.dataset.patterns import group_rows
from btfsynth.ports import Port


@st.composite
def ports(draw: st.DrawFn, letter: str, width: int) -> tuple[Port, ...]:
    """Ports of some bits together."""
    sizes = []
    while width:
        sizes.append(draw(st.integers(1, width)))
        width -= sizes[-1]
    return tuple(Port(f"{letter}{place}", size) for place, size in enumerate(sizes))


@st.composite
def datasets(draw: st.DrawFn, *, analog: bool = False, cares: bool = True) -> Dataset:
    """Different input vectors, all of them or some, in any order."""
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    if analog:
        unit = st.floats(0, 1, width=32)
        inputs = draw(hnp.arrays(np.float32, (draw(st.integers(1, 8)), n), elements=unit))
        inputs = inputs[group_rows(inputs)[1]]
    else:
        vectors = st.integers(0, (1 << n) - 1)
        whole = st.permutations(range(1 << n)) | st.just(list(range(1 << n)))
        numbers = draw(st.lists(vectors, min_size=1, unique=True) | whole)
        inputs = np.array([[(v >> bit) & 1 for bit in range(n)] for v in numbers], dtype=np.uint8)
    shape = (len(inputs), m)
    targets = draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 1)))
    care = draw(hnp.arrays(np.bool_, shape)) if cares else None
    return Dataset(
        name="f",
        source="s",
        inputs=inputs,
        targets=targets,
        care=care,
        input_ports=draw(ports("a", n)),
        output_ports=draw(ports("p", m)),
        input_kind=InputKind.ANALOG if analog else InputKind.BOOLEAN,
    )


def through(factory: pytest.TempPathFactory, name: str, dataset: Dataset) -> Dataset:
    """Write and read."""
    path = factory.mktemp("data") / f"f.{name}"
    save(dataset, path)
    back = load(path)
    assert back.source == f"f.{name}"
    assert back.name == "f"
    return back


def rows(dataset: Dataset) -> list[tuple[object, ...]]:
    """The patterns in order, None for a don't-care."""
    targets = np.where(dataset.care_mask, dataset.targets, 2)
    return [
        (*inputs, *(None if t == 2 else t for t in marks))
        for inputs, marks in zip(dataset.inputs.tolist(), targets.tolist(), strict=True)
    ]


@pytest.mark.parametrize("name", ["npz", "csv"])
@settings(max_examples=60, deadline=None)
@given(dataset=datasets() | datasets(analog=True))
def test_npz_and_csv_keep_everything(
    tmp_path_factory: pytest.TempPathFactory, name: str, dataset: Dataset
) -> None:
    """Patterns, order, ports, don't-cares and analog values come back."""
    assert through(tmp_path_factory, name, dataset).content_hash == dataset.content_hash


@settings(max_examples=60, deadline=None)
@given(dataset=datasets(cares=False) | datasets(analog=True, cares=False))
def test_dat_keeps_the_patterns(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> None:
    """Patterns and order come back; ports become x and y."""
    back = through(tmp_path_factory, "dat", dataset)
    assert rows(back) == rows(dataset)
    assert back.input_kind is dataset.input_kind


@settings(max_examples=100, deadline=None)
@given(dataset=datasets())
def test_pla_keeps_all_that_is_specified(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset
) -> None:
    """Patterns come back in order but for those that specify nothing."""
    whole = rows(dataset)[: dataset.n_patterns]
    kept = [row for row, care in zip(whole, dataset.care_mask, strict=True) if care.any()]
    in_order = dataset.input_numbers.tolist() == list(range(1 << dataset.n_inputs))
    if not kept and not in_order:
        return
    back = through(tmp_path_factory, "pla", dataset)
    assert rows(back) == (whole if in_order else kept)
    assert (back.input_ports, back.output_ports) == (dataset.input_ports, dataset.output_ports)


@settings(max_examples=60, deadline=None)
@given(dataset=datasets())
def test_truth_keeps_whole_tables(
    tmp_path_factory: pytest.TempPathFactory, dataset: Dataset
) -> None:
    """Whole tables come back in counting order."""
    if dataset.n_patterns != 1 << dataset.n_inputs:
        return
    back = through(tmp_path_factory, "truth", dataset)
    order = np.argsort(dataset.input_numbers)
    assert rows(back) == [rows(dataset)[row] for row in order]
