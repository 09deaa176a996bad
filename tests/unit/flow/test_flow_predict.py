"""What a model says of patterns, whatever ports its classes have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.flow.predict import Model, predict
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.ports import Port

ROWS = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8)


def model_of(*ports: Port, classes: tuple[str, ...] = ()) -> Model:
    """Outputs that repeat the inputs x[0] and x[1], in turn."""
    builder = NetlistBuilder("m", [Port("x", 2)], ports)
    width = sum(port.width for port in ports)
    return Model(
        "m", builder.build([builder.input(bit % 2) for bit in range(width)]), None, classes
    )


def data_of(labels: list[int], count: int, classes: tuple[str, ...] = ()) -> Dataset:
    """The four rows, each with its class."""
    return Dataset(
        name="d",
        source="d",
        inputs=ROWS,
        targets=np.eye(count, dtype=np.uint8)[labels],
        input_ports=(Port("x", 2),),
        output_ports=(Port("kind", count),),
        output_kind=OutputKind.LABEL,
        classes=classes,
    )


@pytest.mark.parametrize("name", ["class_number", "class_number_1"])
def test_only_the_number_of_the_class(name: str) -> None:
    """The targets have a bit a class; a number beyond the last class is the last."""
    classes = ("a", "b", "c")
    found = predict(model_of(Port(name, 2), classes=classes), data_of([0, 1, 2, 0], 3, classes))
    assert found.names == ("kind",)
    assert found.labels == ("a", "b", "c", "c")
    assert (found.right, found.count) == (3, 4)


def test_numbers_of_classes_without_names() -> None:
    """They are right or wrong of classes, not of bits."""
    found = predict(model_of(Port("class_number", 2)), data_of([0, 1, 2, 0], 4))
    assert found.labels == (0, 1, 2, 3)
    assert (found.right, found.count) == (3, 4)


def test_the_number_beside_other_outputs_says_no_more() -> None:
    """Bits of classes are compared; a port with the name and another width is an output like others."""
    both = model_of(Port("kind", 4), Port("class_number", 2))
    data = replace(data_of([0, 1, 2, 3], 4), output_kind=OutputKind.BOOLEAN)
    assert predict(both, data).names == tuple(f"kind[{bit}]" for bit in range(4))
    named = model_of(Port("class_number", 4), classes=("a", "b", "c", "d"))
    found = predict(named, data_of([0, 1, 0, 0], 4, named.classes))
    assert found.labels == ("a", "a", "b", "a")
    plain = model_of(Port("class_number", 2))
    bits = replace(data, targets=ROWS, care=None, output_ports=(Port("y", 2),))
    assert (predict(plain, bits).labels, predict(plain, bits).right) == ((), 8)


def test_unknown_targets() -> None:
    """Rows without a target are predicted and not counted."""
    model = model_of(Port("class_number", 2), classes=("a", "b", "c"))
    data = data_of([0, 0, 0, 0], 1)
    data = replace(data, care=np.zeros((4, 1), dtype=np.bool_), output_kind=OutputKind.BOOLEAN)
    found = predict(model, replace(data, output_ports=(Port("kind", 1, pins=(0,)),)))
    assert (found.labels, found.count) == (("a", "b", "c", "c"), 0)
