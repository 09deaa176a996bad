"""Questions of columns: borders to the last bit, and codes that answer every question."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfsynth.dataset.code import code_of_record, code_record
from btfsynth.dataset.columns import TableColumn
from btfsynth.dataset.table_code import INTERVAL, LEVELS, STEPS, WORDS
from btfsynth.errors import UsageError
from btfsynth.models.grid import (
    NumberFeature,
    PiecesFeature,
    Question,
    WordFeature,
    above,
    ask,
    border_values,
    first_double,
    make_grid,
)
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.simulation import evaluate
from btfsynth.ports import Port

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60)
@given(FINITE)
def test_the_first_double_is_the_first(limit):
    """The condition holds there and not just below, for single precision, double and a scaled number."""
    conditions = (
        lambda x: x.astype(np.float32).astype(np.float64) > limit,
        lambda x: x >= limit,
        lambda x: (x - 3.7) / 0.3 > limit,
    )
    for holds in conditions:
        with np.errstate(over="ignore"):
            (found,) = first_double(holds, 1)
            if np.isposinf(found):
                assert not holds(np.array([np.finfo(np.float64).max])).any()
            elif np.isneginf(found):
                assert holds(np.array([np.finfo(np.float64).min])).all()
            else:
                assert holds(np.array([found])).all()
                assert not holds(np.array([np.nextafter(found, -np.inf)])).any()


COLUMNS = (TableColumn("a"), TableColumn("b"), TableColumn("w", ("p", "q", "r")), TableColumn("n"))
QUESTIONS = (
    above(0, 0.5),
    above(0, 1.25),
    Question(0, (0.5, 1.25)),
    Question(0, (0.5,), first=True),
    above(1, 2.5),
    above(1, 3.0),
    Question(1, (2.5, 3.0, 4.75), first=True),
    Question(2, words=frozenset((0, 2))),
    Question(2, words=frozenset((1,))),
    Question(2, words=frozenset()),
    above(0, np.inf),
    above(3, -np.inf),
)


@pytest.mark.parametrize("rule", ["auto", "thresholds", "intervals", "numbers"])
def test_every_question_is_answered_by_the_bits(rule):
    """On values at, below and between borders the bits, and a netlist of them, give the question's answer."""
    whole = rule in ("auto", "numbers")
    columns = COLUMNS[1:2] if rule == "numbers" else COLUMNS
    questions = QUESTIONS[4:7] if rule == "numbers" else QUESTIONS
    if rule == "numbers":
        questions = tuple(Question(0, each.borders, each.first) for each in questions)
    known = np.tile(np.array([[0.3, 5.0, 0.0, 0.1]]), (2, 1)) if whole else None
    known = known[:, 1:2] if rule == "numbers" and known is not None else known
    grid = make_grid(columns, questions, rule, known, "m")
    random = np.random.default_rng(0)
    values = [border_values(grid, place) for place in range(len(columns))]
    rows = np.stack([random.choice(each, 200) for each in values], axis=1)
    bits = grid.code.bits(columns, rows, "X")[0]
    wanted = np.stack([each.answers(rows[:, each.column]) for each in questions], axis=1)
    assert (grid.answers(bits) == wanted).all()
    builder = NetlistBuilder("m", grid.code.ports, (Port("y", len(questions)),))
    inputs = [builder.input(bit) for bit in range(builder.n_inputs)]
    netlist = builder.build(grid.lower(builder, inputs))
    assert (evaluate(netlist, bits) == wanted).all()
    kinds = {"auto": STEPS, "thresholds": STEPS, "intervals": INTERVAL, "numbers": LEVELS}
    assert grid.code.columns[0].kind == kinds[rule]
    assert code_of_record(code_record(grid.code)) == (grid.code, ())
    if len(columns) == 4:
        assert (grid.code.columns[2].kind, grid.code.columns[3].width) == (WORDS, 0)


def test_numbers_of_an_interval():
    """The port holds how many thresholds are reached, and says so."""
    code = make_grid(COLUMNS[:1], QUESTIONS[:2], "intervals", None, "m").code
    bits, _ = code.bits(COLUMNS[:1], np.array([[0.0], [0.5], [1.25]]), "X")
    assert bits.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert code.meanings() == {"a": "how many of these a reaches: 0.5, 1.25"}


def test_what_cannot_be_coded_is_refused():
    """Whole numbers that are none, and questions with one answer, are named with the way round."""
    with pytest.raises(UsageError, match=r"m: column 'a': `code=numbers` needs rows"):
        make_grid(COLUMNS[:1], QUESTIONS[:1], "numbers", np.array([[0.5]]), "m")
    with pytest.raises(UsageError, match="the same label"):
        make_grid(COLUMNS[:1], [above(0, np.inf)], "auto", None, "m")


def test_features_ask_of_their_columns():
    """A threshold behind bins, words or a scaler is a question of the column before them."""
    number = NumberFeature(0).mapped(lambda x: (x - 1.0) / 4.0)
    pieces = number.cut(np.array([0.25, 0.5]), lambda k: k * 10)
    assert isinstance(pieces, PiecesFeature)
    assert (pieces.borders, pieces.values.tolist()) == ((2.0, 3.0), [0, 10, 20])
    words = WordFeature(1, np.array([0.0, 1.0, 2.0]))
    asked = ask(
        [number, pieces, words],
        np.array([0, 1, 2, 1]),
        np.array([0.25, 5.0, 0.5, 30.0]),
        lambda values, limits: values > limits,
    )
    assert asked[0].borders[0] > 2.0 > np.nextafter(asked[0].borders[0], 0) - 1e-15
    assert asked[1:] == [
        Question(0, (2.0,)),
        Question(1, words=frozenset((1, 2))),
        Question(0, (), False),
    ]
