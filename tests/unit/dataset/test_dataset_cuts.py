"""Thresholds that make bits of real features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from btfsynth.dataset import cuts as module
from btfsynth.dataset.cuts import cut_columns


@given(
    arrays(np.float64, (20, 2), elements=st.floats(-1e300, 1e300)),
    st.integers(2, 6),
)
def test_bits_are_a_thermometer_of_the_levels(values, levels) -> None:
    cuts = cut_columns(values, levels)
    bits = cuts.bits(values)
    assert bits.shape == (20, cuts.width)
    place = 0
    for feature, own in enumerate(cuts.thresholds):
        assert list(own) == sorted(set(own))
        assert len(own) < levels
        number = bits[:, place : place + len(own)].sum(axis=1)
        order = np.argsort(values[:, feature], kind="stable")
        assert (np.diff(number[order].astype(int)) >= 0).all()
        different = np.unique(values[:, feature])
        if 1 < len(different) <= levels:
            assert len(own) == len(different) - 1  # every value is a level
        place += len(own)


def test_a_feature_without_two_values_has_no_port() -> None:
    cuts = cut_columns(np.array([[1.0, 5.0], [2.0, 5.0]]), 4)
    assert cuts.thresholds == ((1.5,), ())
    assert [port.name for port in cuts.ports(["a", "b"])] == ["a"]
    assert cut_columns(np.full((3, 2), 7), 4).width == 1


def test_fewer_levels_where_bits_would_be_many(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(64.0).reshape(32, 2)
    monkeypatch.setattr(module, "_MOST_BYTES", 32 * 2 * 3)
    assert cut_columns(values, 16).width == 6
