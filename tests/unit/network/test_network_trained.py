"""Trained networks: evaluation, scores, and the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import DataError, OutputError, TopologyError, UsageError
from btfsynth.files import archive_bytes
from btfsynth.network.formats import load_network, save_network
from btfsynth.network.network import Topology, TrainedNetwork, layered
from btfsynth.ports import Port

IN, OUT = (Port("x", 2),), (Port("y", 2),)


def and_or() -> TrainedNetwork:
    """Output 0 is AND, output 1 is OR; the bias weight comes first and the constant is -1."""
    weights = np.array([1, 1, 1, -1, 1, 1], dtype=np.float32)
    return TrainedNetwork("gates", layered((2, 2)), weights, IN, OUT, {"seed": 3, "gap": 0.5})


def test_neurons_are_thresholds() -> None:
    """AND and OR from weights and bias, as node values and as output bits."""
    network = and_or()
    inputs = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8)
    assert network.outputs(inputs).tolist() == [[0, 0], [0, 1], [0, 1], [1, 1]]
    assert network.node_values(inputs)[1].tolist() == [-1, 1, -1, -1, 1]


def test_a_sum_of_zero_is_off() -> None:
    """The neuron is on only above its threshold."""
    network = TrainedNetwork("tie", Topology(2, 1, [0, 2], [1, 2]), np.ones(2), IN, (Port("y", 1),))
    assert network.outputs(np.array([[1, 0], [0, 1], [1, 1]])).tolist() == [[0], [0], [1]]


def test_analog_inputs_count_with_their_value() -> None:
    """0.8 and 0.1 are 0.6 and -0.8: their sum is below, 0.8 and 0.3 above zero."""
    network = TrainedNetwork(
        "analog", Topology(2, 1, [0, 2], [1, 2]), np.ones(2), IN, (Port("y", 1),)
    )
    assert network.outputs(np.array([[0.8, 0.1], [0.8, 0.3]])).tolist() == [[0], [1]]
    assert network.node_values(np.array([[0.8, 0.1]])).tolist() == [[-1, 1, -1, -1]]


def test_scores_count_only_what_matters() -> None:
    """A wrong target that does not matter costs neither its bit nor its vector."""
    dataset = Dataset(
        name="t",
        source="t",
        inputs=np.array([[0, 0], [1, 0], [0, 1], [1, 1]]),
        targets=np.array([[1, 0], [1, 1], [0, 0], [1, 1]]),
        care=np.array([[1, 1], [0, 1], [0, 1], [0, 0]]),
        input_ports=IN,
        output_ports=OUT,
    )
    assert and_or().bits_right(dataset) == 2
    assert and_or().vectors_right(dataset) == 2


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(5), r"\(5,\) weights for a network of 6 edges"),
        (np.ones((6, 1)), r"\(6, 1\) weights"),
        (np.array([1, 1, 1, 1, 1, np.nan]), "not a finite number"),
        (np.array([1, 1, 1, 1, 1, 1e300]), "not a finite number"),
        (np.ones(6, dtype=complex), "expected real weights, got complex128"),
        (np.array(["1"] * 6), "expected real weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: np.ndarray, message: str) -> None:
    """One finite real number an edge."""
    with pytest.raises(TopologyError, match=message):
        TrainedNetwork("t", layered((2, 2)), weights, IN, OUT)


def test_ports_that_do_not_fit_are_refused() -> None:
    """Ports have as many bits as the network has inputs and outputs."""
    for inputs, outputs in ((OUT + IN, OUT), (IN, (Port("y", 1),))):
        with pytest.raises(TopologyError, match="for a network of 2 inputs and 2 outputs"):
            TrainedNetwork("t", layered((2, 2)), np.ones(6), inputs, outputs)


def test_inputs_that_do_not_fit_are_refused() -> None:
    """Vectors have one column an input."""
    with pytest.raises(TopologyError, match=r"gates: expected vectors of 2 inputs, got \(1, 3\)"):
        and_or().outputs(np.zeros((1, 3)))
    with pytest.raises(TopologyError, match=r"got \(2,\)"):
        and_or().outputs(np.zeros(2))


def test_the_file_holds_everything_and_is_always_the_same(tmp_path: Path) -> None:
    """What is saved comes back; saving it twice gives the same bytes."""
    network = and_or()
    save_network(network, tmp_path / "a.npz")
    back = load_network(tmp_path / "a.npz")
    assert (back.name, back.training) == ("gates", {"seed": 3, "gap": 0.5})
    assert (back.input_ports, back.output_ports) == (IN, OUT)
    assert back.topology.widths == (2, 2)
    assert back.weights.tolist() == network.weights.tolist()
    save_network(back, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_network_that_cannot_be_written(tmp_path: Path) -> None:
    """A missing folder is an error that names the file."""
    with pytest.raises(OutputError, match=r"a\.npz"):
        save_network(and_or(), tmp_path / "none" / "a.npz")


def parts(**changes: object) -> dict[str, np.ndarray]:
    """Return the arrays of a good file, with changes to the header's entries or to arrays."""
    header = {
        "format": 1,
        "name": "t",
        "n_inputs": 2,
        "n_outputs": 2,
        "widths": [2, 2],
        "input_ports": [["x", 2]],
        "output_ports": [["y", 2]],
        "training": {},
    }
    arrays = {
        "fanin_start": np.array([0, 3, 6], dtype=np.int32),
        "sources": np.array([0, 1, 2, 0, 1, 2], dtype=np.int32),
        "weights": np.ones(6, dtype=np.float32),
    }
    arrays.update({name: value for name, value in changes.items() if name in arrays})
    header.update({name: value for name, value in changes.items() if name in header})
    text = str(changes["text"]) if "text" in changes else json.dumps(header)
    arrays["header"] = np.frombuffer(text.encode(), dtype=np.uint8)
    return {name: value for name, value in arrays.items() if name != changes.get("without")}


def test_the_parts_of_a_good_file_are_good(tmp_path: Path) -> None:
    """The tests of broken files start from one that loads."""
    (tmp_path / "n.npz").write_bytes(archive_bytes(parts()))
    assert load_network(tmp_path / "n.npz").topology.n_edges == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "network format 2, expected 1"),
        ({"without": "header"}, "header"),
        ({"without": "weights"}, "weights"),
        ({"text": "{}"}, "format"),
        ({"text": "[]"}, "not a network"),
        ({"text": "{"}, "not a network"),
        ({"text": "[" * 100_000}, "not a network"),
        ({"n_inputs": "many"}, "not a network"),
        ({"n_inputs": None}, "not a network"),
        ({"n_inputs": float("inf")}, "not a network"),
        ({"n_inputs": -1}, "not a sound network"),
        ({"n_inputs": 3}, "not a sound network"),
        ({"n_outputs": 3}, "not a sound network"),
        ({"widths": [2, 3]}, "not a sound network"),
        ({"widths": 7}, "not a network"),
        ({"input_ports": [["x", 0]]}, "not a network"),
        ({"input_ports": [["x", 3]]}, "ports of 3 and 2 bits"),
        ({"input_ports": 5}, "not a network"),
        ({"training": 5}, "not a network"),
        ({"fanin_start": np.array([0.0, 3.0, np.nan])}, "not a sound network"),
        ({"sources": np.array([0, 1, 2, 0, 1, 9])}, "not a sound network"),
        ({"weights": np.ones(5)}, "not a sound network"),
        ({"weights": np.full(6, np.inf)}, "not a sound network"),
        ({"weights": np.array(["x"] * 6)}, "not a sound network"),
    ],
)
def test_a_foreign_file_is_a_data_error(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    """Missing, wrong and contradictory entries are errors that name the file, on one line."""
    path = tmp_path / "n.npz"
    path.write_bytes(archive_bytes(parts(**changes)))
    with pytest.raises(DataError, match=message) as caught:
        load_network(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


class Trap:
    """Records whether it was unpickled."""

    sprung = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return setattr, (Trap, "sprung", True)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """An array of objects is refused and its pickle not run."""
    np.savez(tmp_path / "n.npz", **(parts() | {"weights": np.array([Trap()], dtype=object)}))
    with pytest.raises(DataError, match="holds Python objects"):
        load_network(tmp_path / "n.npz")
    assert not Trap.sprung


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    """Missing, empty, text, a folder, a bare array: all are data errors."""
    with pytest.raises(DataError, match="no such file"):
        load_network(tmp_path / "none.npz")
    with pytest.raises(DataError, match="not a network"):
        load_network(tmp_path)
    for content in (b"", b"mig 1\n", b"PK\x03\x04"):
        (tmp_path / "n.npz").write_bytes(content)
        with pytest.raises(DataError, match="not a network"):
            load_network(tmp_path / "n.npz")
    np.save(tmp_path / "n.npy", np.zeros(3))
    with pytest.raises(DataError, match="not a network"):
        load_network(tmp_path / "n.npy")


@pytest.mark.parametrize("name", ["a.sol", "a.net", "a.SOL"])
def test_an_archive_is_not_written_under_the_name_of_a_text(tmp_path, name):
    """It could not be read again."""
    with pytest.raises(UsageError, match=r"expected a name that ends in \.npz"):
        save_network(and_or(), tmp_path / name)
    assert not (tmp_path / name).exists()
