"""Threads that wait for each other inside compiled code."""

from __future__ import annotations

import threading

import numba
import numpy as np
import pytest

from btfsynth.training.kernel import meet

ROUNDS = 300


@numba.njit(nogil=True)
def count_rounds(counts, arrived, member, members):
    """Count own rounds; return how often another was behind, or ahead, after they had met."""
    wrong = 0
    for number in range(ROUNDS):
        counts[member * 16] = number + 1
        meet(arrived, (2 * number + 1) * members)
        for other in range(members):
            if counts[other * 16] != number + 1:
                wrong += 1
        meet(arrived, (2 * number + 2) * members)
    return wrong


@pytest.mark.parametrize("members", [1, 2, 3, 7])
def test_nobody_is_behind_after_a_meeting(members):
    """However many threads there are, more than processors too, all have arrived when one goes on."""
    counts, arrived = np.zeros(16 * members, dtype=np.int64), np.zeros(1, dtype=np.int64)
    wrong = [-1] * members
    count_rounds(np.zeros(16, dtype=np.int64), np.zeros(1, dtype=np.int64), 0, 1)  # compile

    def run(member):
        wrong[member] = count_rounds(counts, arrived, member, members)

    threads = [threading.Thread(target=run, args=(member,)) for member in range(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [0] * members
    assert arrived[0] == 2 * ROUNDS * members
