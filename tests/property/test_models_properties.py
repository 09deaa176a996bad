"""Random small classifiers of other libraries have the labels of their library on all borders."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn")

from random_models import KINDS, random_case


@settings(max_examples=50, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**6), st.sampled_from(KINDS))
def test_rows_at_the_borders_have_the_label_of_the_library(seed, kind):
    """On borders, next to them, and in single precision: no row differs, none is left to rounding."""
    case = random_case(seed, kind)
    if case is None:  # no split was found
        return
    found = case.imported.compare(case.near_borders(64))
    assert found["rows"].tolist()[0] == 64
    assert found["near"].tolist() == [0, 0]
