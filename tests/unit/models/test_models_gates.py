"""Networks of gates and lookup tables: as their files say, on every row, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import btfsynth as btf
from btfsynth.errors import DataError
from btfsynth.models.gates import gate_table
from btfsynth.netlist.simulation import evaluate

FUNCTIONS = [
    lambda a, b: 0 * a, lambda a, b: a & b, lambda a, b: a & ~b, lambda a, b: a, lambda a, b: ~a & b,
    lambda a, b: b, lambda a, b: a ^ b, lambda a, b: a | b, lambda a, b: ~(a | b), lambda a, b: ~(a ^ b),
    lambda a, b: ~b, lambda a, b: a | ~b, lambda a, b: ~a, lambda a, b: ~a | b, lambda a, b: ~(a & b),
    lambda a, b: ~(0 * a),
]  # fmt: skip
"""The sixteen functions in the order of difflogic, bit by bit."""


def all_rows(width: int) -> np.ndarray[Any, Any]:
    return ((np.arange(1 << width)[:, None] >> np.arange(width)) & 1).astype(np.uint8)


def test_gates_are_numbered_as_difflogic_does() -> None:
    for number, function in enumerate(FUNCTIONS):
        for a in (0, 1):
            for b in (0, 1):
                assert gate_table(number) >> (a + 2 * b) & 1 == function(a, b) & 1


def layers(
    random: np.random.Generator, inputs: int, sizes: list[int], width: int
) -> dict[str, Any]:
    arrays: dict[str, Any] = {"inputs": inputs}
    before = inputs
    for layer, size in enumerate(sizes):
        arrays[f"connections{layer}"] = random.integers(0, before, (size, width))
        if width == 2:
            arrays[f"gates{layer}"] = random.integers(0, 16, size)
        else:
            arrays[f"tables{layer}"] = random.integers(0, 2, (size, 1 << width))
        before = size
    return arrays


def outputs_of(arrays: dict[str, Any], rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The last layer's bits, ``(rows, gates)``, layer by layer."""
    values, layer = rows.astype(np.int64), 0
    while f"connections{layer}" in arrays:
        read = arrays[f"connections{layer}"]
        columns = []
        for gate, places in enumerate(read):
            if f"gates{layer}" in arrays:
                function = FUNCTIONS[arrays[f"gates{layer}"][gate]]
                columns.append(function(values[:, places[0]], values[:, places[1]]) & 1)
            else:
                at = values[:, places] @ (1 << np.arange(len(places)))
                columns.append(arrays[f"tables{layer}"][gate][at])
        values, layer = np.stack(columns, axis=1), layer + 1
    return values


@given(
    seed=st.integers(0, 10**6),
    sizes=st.lists(st.integers(1, 6), min_size=0, max_size=2),
    width=st.integers(1, 4),
    classes=st.sampled_from([0, 2, 3, 5]),
)
@settings(max_examples=40, deadline=None)
def test_layers_of_gates_are_what_the_arrays_say(
    tmp_path_factory: pytest.TempPathFactory, seed: int, sizes: list[int], width: int, classes: int
) -> None:
    """Bits, or the first of the largest sums of groups, on every row."""
    random = np.random.default_rng(seed)
    arrays = layers(random, 5, [*sizes, 3 * max(1, classes)], width)
    if classes:
        arrays["groups"] = classes
    path = tmp_path_factory.mktemp("gates") / "g.npz"
    np.savez(path, **arrays)
    model = btf.from_gates(path)
    rows = all_rows(5)
    wanted = outputs_of(arrays, rows)
    if classes:
        wanted = wanted.reshape(len(rows), classes, 3).sum(axis=2).argmax(axis=1)
    assert np.array_equal(model.predict(rows), wanted)
    netlist = model.core.netlist
    assert np.array_equal(evaluate(netlist, rows), model.core.function(rows))


def test_thresholds_are_a_code(tmp_path: Path) -> None:
    """Above, not equal, in single precision; two bits a column."""
    arrays = {
        "inputs": 4, "groups": 2,
        "thresholds": np.array([[0.1, 0.5], [-1.0, 2.0]]),
        "connections0": [[0, 3], [1, 2]], "tables0": [[0, 1, 1, 0], [0, 0, 0, 1]],
    }  # fmt: skip
    np.savez(tmp_path / "g.npz", **arrays)
    model = btf.from_gates(tmp_path / "g.npz")
    rows = np.array(
        [[0.1, 2.0], [0.100001, 2.5], [0.5, 3.0], [0.51, -0.5], [-3.0, -3.0]], dtype=np.float32
    )
    bits = (rows[:, :, None] > np.float32(arrays["thresholds"])).reshape(5, 4).astype(int)
    sums = np.stack([bits[:, 0] ^ bits[:, 3], bits[:, 1] & bits[:, 2]], axis=1)
    assert model.predict(rows).tolist() == sums.argmax(axis=1).tolist()
    assert model.code is not None
    assert model.code.meanings["x_1"].startswith("x[1] >= -0.99")


CIRCUIT: dict[str, Any] = {
    "n_inputs": 3,
    "input_shape": [3],
    "output_shape": [1, 2],
    "outputs": [9, 10],
    "gates": [
        {"gate_id": 3, "op": "XOR", "in0": 0, "in1": 1, "node_idx": 0},
        {"gate_id": 4, "op": "OR_NOT_A", "in0": 3, "in1": 2, "node_idx": 1},
        {"gate_id": 5, "op": "NOT", "in0": 2, "in1": -1, "node_idx": 2},
        {"gate_id": 6, "op": "CONST_TRUE", "in0": -1, "in1": -1, "node_idx": 3},
        {"gate_id": 7, "op": "WIRE", "in0": 4, "in1": -1, "node_idx": 4},
        {"gate_id": 8, "op": "AND_NOT_B", "in0": 0, "in1": 5, "node_idx": 5},
    ],
    "sum_nodes": [
        {"node_id": 9, "input_ids": [3, 4, 8], "tau": 10.0, "beta": 0.0},
        {"node_id": 10, "input_ids": [5, 6, 7, 3], "tau": 10.0, "beta": -1.0},
    ],
}
"""As torchlogix' ``Circuit.to_dict`` writes one."""


def changed(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps({**CIRCUIT, **changes}))
    return path


def test_a_circuit_of_torchlogix(tmp_path: Path) -> None:
    rows = all_rows(3)
    a, b, c = rows.T.astype(int)
    three = a ^ b
    four, five = (1 - three) | c, 1 - c
    sums = [three + four + (a & c), five + 1 + four + three - 1]
    model = btf.from_gates(changed(tmp_path / "c.json"), rows)
    assert model.predict(rows).tolist() == np.stack(sums, axis=1).argmax(axis=1).tolist()
    plain = btf.from_gates(changed(tmp_path / "p.json", outputs=[8, 3, 0], sum_nodes=[]))
    assert plain.predict(rows).tolist() == np.stack([a & c, three, a], axis=1).tolist()
    halves = [
        dict(each, tau=tau) for each, tau in zip(CIRCUIT["sum_nodes"], (2.0, 4.0), strict=True)
    ]
    uneven = btf.from_gates(changed(tmp_path / "u.json", sum_nodes=halves))
    assert uneven.predict(rows).tolist() == (sums[1] > 2 * sums[0]).astype(int).tolist()


def test_a_circuit_becomes_verified_hardware(tmp_path: Path) -> None:
    rows = all_rows(3)
    model = btf.from_gates(changed(tmp_path / "c.json"), rows)
    design = model.write(tmp_path / "out", rows, simulators=["amaranth"], passes="strash")
    assert design.predict(rows).tolist() == model.predict(rows).tolist()
    assert bool(design.netlist.equivalent(model.netlist))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"connections0": [[0, 4]]}, "connections0: expected numbers from 0 to 3, got 4"),
        ({"connections0": [[0.0, 1.0]]}, r"connections0: expected whole numbers .*got float64"),
        ({"gates0": [16]}, "gates0: expected numbers from 0 to 15, got 16"),
        ({"gates0": [1, 2]}, r"gates0: expected whole numbers of shape \(1\)"),
        ({"connections2": [[0, 0]]}, "unknown array 'connections2'; layers count from 0"),
        ({"connections0": [[0, 1, 2]]}, "expected connections0 of 2 inputs .*use tables0"),
        ({"groups": 3}, "groups: expected 2 or more that divide 1 gates, got 3"),
        ({"thresholds": [[1.0, 1.0], [0.0, 1.0]]}, "numbers that increase along every row"),
        ({"thresholds": [[1.0, 2.0]]}, r"thresholds: expected \(columns, bits\) numbers, 4 in all"),
        ({"inputs": 0}, "inputs: expected numbers from 1 to"),
        ({"inputs": None}, "objects"),
    ],
)  # fmt: skip
def test_refused_arrays(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    arrays = {"inputs": 4, "connections0": [[0, 1]], "gates0": [6], **changes}
    np.savez(tmp_path / "g.npz", **{name: np.array(array) for name, array in arrays.items()})
    with pytest.raises(DataError, match=message) as caught:
        btf.from_gates(tmp_path / "g.npz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gates": [dict(CIRCUIT["gates"][0], op="MAJ")]}, "gate 3: unknown op 'MAJ'"),
        (
            {"gates": [dict(CIRCUIT["gates"][0], in1=8)]},
            r"gate 3 \(XOR\): reads 8, which is not an input or an earlier gate",
        ),
        ({"gates": [{"gate_id": 3}]}, "expected a circuit of torchlogix .*'op'"),
        ({"gates": [dict(CIRCUIT["gates"][0], gate_id=1)]}, "gate 1: expected a unique number"),
        ({"outputs": []}, "outputs: expected gates or sums"),
        ({"outputs": [9]}, "a single sum is a regression"),
        ({"outputs": [9, 77]}, r"outputs: expected gates or sums, got \[77\]"),
        (
            {"sum_nodes": [dict(each, tau=0) for each in CIRCUIT["sum_nodes"]]},
            "expected tau above 0",
        ),
        ({"n_inputs": True}, "n_inputs: expected 1 to"),
    ],
)
def test_refused_circuits(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        btf.from_gates(changed(tmp_path / "c.json", **changes))
    assert "\n" not in str(caught.value)
