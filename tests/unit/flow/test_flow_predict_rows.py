"""Which columns of a file are the inputs and the targets of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import btfsynth as btf
from btfsynth.errors import DataError
from btfsynth.flow.predict import Model, Prediction, load_rows, predict
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port


def model_of(*ports: Port, classes: tuple[str | int, ...] = ()) -> Model:
    """Outputs that repeat the inputs a and b, in turn."""
    builder = NetlistBuilder("m", [Port("a", 1), Port("b", 1)], ports)
    width = sum(port.width for port in ports)
    netlist = builder.build([builder.input(bit % 2) for bit in range(width)])
    return Model("m", netlist, None, classes)


def predicted(model: Model, folder: Path, text: str) -> Prediction:
    (folder / "rows.csv").write_text(text)
    return predict(model, load_rows(model, str(folder / "rows.csv")))


@pytest.mark.parametrize(
    ("text", "count", "ignored"),
    [
        ("b,a\n0,1\n1,0\n", 0, None),
        ("1,0\n0,1\n", 0, None),
        ("id,b,a\n71,0,1\n99,1,0\n", 0, "'id'"),
        ("b,u,a,note\n0,1,1,red\n1,0,0,blue\n", 0, "'u', 'note'"),
        ("u,b,v,a\n1,0,0,1\n1,1,?,0\n", 3, None),
        ("1,0,1,1\n0,1,0,0\n", 4, None),
    ],
)
def test_outputs_by_name(tmp_path: Path, text: str, count: int, ignored: str | None) -> None:
    """Rows may have more columns, and all targets or none; without a header the count tells."""
    if text.startswith("1,0,1"):
        text = "in:a,in:b,out:u,out:v\n" + text  # marks go before names
    found = predicted(model_of(Port("u", 1), Port("v", 1)), tmp_path, text)
    assert found.outputs.tolist() == [[1, 0], [0, 1]]
    assert found.count == count
    notes = [note for note in found.notices if "the model has no" in note]
    assert notes == ([] if ignored is None else [f"the model has no {ignored}: ignored"])


@pytest.mark.parametrize(
    ("text", "right", "count"),
    [
        ("a,b\n1,0\n0,1\n", 0, 0),
        ("kind,a,b\ny,1,0\n?,0,1\n", 1, 1),  # of a single class
        ("kind,a,b,id\ny,1,0,17\nx,0,1,18\n", 1, 2),
        ("a,b,id\n1,0,17\n0,1,18\n", 0, 0),
        ("x,y,a,b\n1,?,1,0\n0,z,0,1\n", 1, 1),
    ],
)
def test_the_column_of_classes(tmp_path: Path, text: str, right: int, count: int) -> None:
    """Of a design that gives numbers of classes it is the one that has their names."""
    model = model_of(Port("class_number", 2), classes=("x", "y", "z"))
    found = predicted(model, tmp_path, text)
    assert found.labels == ("y", "z")
    assert (found.right, found.count) == (right, count)


def test_a_single_column(tmp_path: Path) -> None:
    """There is nothing to separate."""
    builder = NetlistBuilder("m", [Port("a", 1)], [Port("u", 1)])
    model = Model("m", builder.build([builder.input(0)]), None, ())
    for text in ("a\n1\n0\n", "1\n0\n"):
        assert predicted(model, tmp_path, text).outputs.tolist() == [[1], [0]]
    with pytest.raises(DataError, match="expected values separated"):
        predicted(model, tmp_path, "b\n1\n0\n")


def test_classes_by_the_name_of_the_output(tmp_path: Path) -> None:
    """Numbers in any spelling; a class that the design does not know is refused, with its line."""
    model = model_of(Port("u", 1), classes=(3, 4))
    found = predicted(model, tmp_path, "a,b,u\n1,0,4.0\n0,1,4\n")
    assert (found.labels, found.right, found.count) == ((4, 3), 1, 2)
    with pytest.raises(DataError, match="column 'u': expected 0, 1 or -"):
        predicted(model, tmp_path, "a,b,u\n1,0,4.5\n0,1,4\n")


def test_a_missing_column_of_a_code_is_named(tmp_path: Path) -> None:
    """And not what the others would mean without the code."""
    rows = [[20, "red", "x"], [31, "blue", "y"], [44, "red", "y"], [58, "green", "x"]]
    table = btf.Dataset(
        rows, ["n", "n", "y", "y"], inputs=["age", "colour", "kind"], outputs=["ok"]
    )
    model = replace(model_of(Port("u", 1)), code=table.coded("quantile:2").core.code)
    with pytest.raises(DataError, match=r"rows\.csv:1: .* there is no 'kind'"):
        predicted(model, tmp_path, "age,colour\n20,red\n")
    with pytest.raises(DataError, match=r"rows\.csv:1: .* there is no 'colour', 'kind'"):
        predicted(model, tmp_path, "age\n20\n")
