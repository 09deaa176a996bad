"""The solver on circuits: its answers against all values tried."""

from __future__ import annotations

import itertools
import random

import numpy as np

from btfsynth.passes.majority_solver import MAJORITY, OPEN, UNKNOWN, XOR, answer, new_question

Gate = tuple[int, tuple[int, ...]]


def value_of(values: list[int], literal: int) -> int:
    return values[literal >> 1] ^ (literal & 1)


def evaluate(inputs: list[int], gates: list[Gate]) -> list[int]:
    values = [0, *inputs]
    for kind, fanin in gates:
        ones = sum(value_of(values, literal) for literal in fanin)
        values.append(int(ones >= 2) if kind == MAJORITY else ones % 2)
    return values


def random_gates(chance: random.Random, inputs: int, count: int) -> list[Gate]:
    """Return gates of earlier variables, some of them read twice by one gate."""
    gates = []
    for k in range(count):
        kind = chance.choice([MAJORITY, MAJORITY, MAJORITY, XOR])
        fanin = [
            chance.randrange(2 * (1 + inputs + k)) for _ in range(3 if kind == MAJORITY else 2)
        ]
        gates.append((kind, tuple(fanin)))
    return gates


def test_it_answers_as_all_values_tried_say() -> None:
    chance = random.Random(5)
    question = new_question(40, 500)
    met = {0: 0, 1: 0}
    for _ in range(1500):
        inputs, count = chance.randint(2, 7), chance.randint(1, 20)
        gates = random_gates(chance, inputs, count)
        variables = 1 + inputs + count
        question.kinds[: 1 + inputs] = OPEN
        for k, (kind, fanin) in enumerate(gates):
            question.kinds[1 + inputs + k] = kind
            question.fanins[1 + inputs + k, : len(fanin)] = fanin
        tops = chance.sample(range(1, variables), min(variables - 1, chance.randint(1, 4)))
        clause = [2 * top + chance.randrange(2) for top in tops]
        unit = 2 * (variables - 1) + chance.randrange(2)

        def holds(values: list[int], clause: list[int] = clause, unit: int = unit) -> bool:
            return bool(value_of(values, unit)) and any(value_of(values, x) for x in clause)

        result = answer(question, variables, np.array(clause, dtype=np.int32), unit, 500)
        possible = any(
            holds(evaluate(list(bits), gates)) for bits in itertools.product((0, 1), repeat=inputs)
        )
        assert result == possible
        met[result] += 1
        if result == 1:
            found = question.values[1 : 1 + inputs].tolist()
            bits = [chance.randrange(2) if value == UNKNOWN else value for value in found]
            assert holds(evaluate(bits, gates))
    assert min(met.values()) > 100


def test_it_gives_up_at_the_limit() -> None:
    """That two sums of 24 bits in different orders never differ takes more than one conflict."""
    width = 24
    question = new_question(600, 5000)
    variable = 1 + width
    question.kinds[:variable] = OPEN
    ends = []
    for order in (range(width), range(width - 1, -1, -1)):
        bits = [2 * (1 + bit) for bit in order]
        total = bits[0]
        for bit in bits[1:]:
            question.kinds[variable] = XOR
            question.fanins[variable, :2] = (total, bit)
            total, variable = 2 * variable, variable + 1
        ends.append(total)
    question.kinds[variable] = XOR
    question.fanins[variable, :2] = ends
    clause = np.array([2 * variable], dtype=np.int32)
    assert answer(question, variable + 1, clause, 2 * variable, 3) == UNKNOWN
