"""Leaf sets against Python's sets."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.netlist.cuts import bits_of, union, within

_LARGEST_NODE = 2**30 - 1
NODES = st.frozensets(st.sampled_from([0, 1, 2, 3, 5, 8, _LARGEST_NODE]), max_size=5)


def leaves(nodes: frozenset[int]) -> np.ndarray:
    """Return a set as an array that is longer than it, with nodes of no set at its end."""
    return np.array([*sorted(nodes), 4, 1], dtype=np.int32)


@given(first=NODES, second=NODES, limit=st.integers(0, 8))
@settings(deadline=None)
def test_union_is_that_of_sets_up_to_the_limit(
    first: frozenset[int], second: frozenset[int], limit: int
) -> None:
    """Ascending, each leaf once; one above the limit where there are more."""
    out = np.zeros(8, dtype=np.int32)
    size = union(leaves(first), len(first), leaves(second), len(second), limit, out)
    together = sorted(first | second)
    assert size == min(len(together), limit + 1)
    if size <= limit:
        assert out[:size].tolist() == together


@given(first=NODES, second=NODES)
@settings(deadline=None)
def test_a_part_is_known_and_placed(first: frozenset[int], second: frozenset[int]) -> None:
    """`within` is the relation of subsets; `bits_of` says where in the whole the leaves are."""
    assert within(leaves(first), len(first), leaves(second), len(second)) == (first <= second)
    whole = sorted(first | second)
    bits = bits_of(leaves(first), len(first), leaves(first | second))
    assert [node for place, node in enumerate(whole) if bits >> place & 1] == sorted(first)
