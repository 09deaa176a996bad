"""The text files of boolearn: round trips, files written by hand, and what is refused."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import networks, topologies

from btfsynth.dataset.vectors import counting_inputs, numbers_of
from btfsynth.errors import DataError, OutputError, TopologyError, UsageError
from btfsynth.network.formats import (
    read_generators,
    read_network_text,
    read_widths,
    write_generators,
    write_network_text,
    write_widths,
)
from btfsynth.network.network import Topology, TrainedNetwork, layered
from btfsynth.ports import Port


def write_untrained(path: Path, topology: Topology) -> None:
    """Write a network of which every weight is 0."""
    ports = [Port("x", topology.n_inputs)] if topology.n_inputs else []
    weights = np.zeros(topology.n_edges, dtype=np.float32)
    outputs = (Port("y", topology.n_outputs),)
    write_network_text(path, TrainedNetwork("n", topology, weights, tuple(ports), outputs))


XOR = """6  3  1  9
    3    0    1.00000000
    3    1    1.00000000
    3    2    1.00000000
    4    0   -1.00000000
    4    1    1.00000000
    4    2    1.00000000
    5    0    1.00000000
    5    3   -1.28963089
    5    4    1.28963089
"""
"""Node 3 is AND, node 4 is OR, node 5 is on where only the OR is."""

SHUFFLED = """
 6 3
 1 9   5 3 -1.28963089   4 0 -1.   3 0 1
5 0 1  3 1 1.0 3 2 +1e0
\t5 4 1.28963089
4 2 .1e1 4 1 1"""
"""The same in free layout, out of order."""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Write a file of some content."""

    def make(content: str | bytes) -> Path:
        path = tmp_path / "some.file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def again(network: TrainedNetwork) -> TrainedNetwork:
    """The network as it comes back from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "again.sol"
        write_network_text(path, network)
        return read_network_text(path)


# Widths


def test_widths_as_boolearn_writes_them(write: Callable[[str], Path]) -> None:
    """The number of layers, then one width more."""
    assert read_widths(write("3\n4 4 4 4")) == (4, 4, 4, 4)


def test_widths_in_any_layout(write: Callable[[str], Path]) -> None:
    """White space of any kind and number stands between the numbers."""
    assert read_widths(write("\n 2\t16\r\n256\r256 \n\n")) == (16, 256, 256)


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=9))
def test_widths_come_back(widths: list[int]) -> None:
    """What is written is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wth"
        write_widths(path, widths)
        assert read_widths(path) == tuple(widths)


def test_the_file_of_widths(tmp_path: Path) -> None:
    """Two lines."""
    write_widths(tmp_path / "a.wth", (4, 4, 3))
    assert (tmp_path / "a.wth").read_bytes() == b"2\n4 4 3\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x\n", ":1: expected the number of weight layers, got 'x'"),
        ("-1 4", ":1: expected the number of weight layers, got '-1'"),
        ("0\n4", ":1: expected at least one weight layer, got 0"),
        ("3\n4 4 4\n", ":2: expected 4 widths for 3 weight layers, got 3"),
        ("1\n4\n4\n4\n4\n", ":4: expected 2 widths for 1 weight layer, got 4"),
        ("1000000000000\n4 4", ":2: expected 1000000000001 widths"),
        ("2\n4 4\n0\n", ":3: expected a width of at least 1, got 0"),
        ("2\n4 4.0\n4\n", ":2: expected a width, got '4.0'"),
        ("2\n4 4\n-4\n", ":3: expected a width, got '-4'"),
        ("2\n4 4\n" + "9" * 99, ":3: expected a width, got '9{37}\\.\\.\\.'"),
        ("1\n4 ٤", ":2: expected a width"),
    ],
)
def test_widths_that_are_none(write: Callable[[str], Path], content: str, message: str) -> None:
    """The error names the file and the line."""
    with pytest.raises(DataError, match=f"some.file{message}"):
        read_widths(write(content))


@pytest.mark.parametrize("widths", [(), (4,), (4, 0), (-1, 4)])
def test_widths_that_cannot_be_written(tmp_path: Path, widths: tuple[int, ...]) -> None:
    """Nothing is written."""
    with pytest.raises(TopologyError, match="at least two positive widths"):
        write_widths(tmp_path / "a.wth", widths)
    assert not list(tmp_path.iterdir())


# Networks


@pytest.mark.parametrize("content", [XOR, SHUFFLED, XOR.replace("\n", "\r\n"), "\ufeff" + XOR])
def test_a_network_written_by_hand(write: Callable[[str], Path], content: str) -> None:
    """Order of edges and layout do not matter, and the network computes what it says."""
    network = read_network_text(write(content))
    assert network.name == "some"
    assert (network.input_ports, network.output_ports) == ((Port("x", 2),), (Port("y", 1),))
    assert network.topology.fanin_start.tolist() == [0, 3, 6, 9]
    assert network.topology.widths == (2, 2, 1)
    assert network.outputs(counting_inputs(2)).tolist() == [[0], [1], [1], [0]]


def test_edges_into_one_neuron_keep_their_order(write: Callable[[str], Path]) -> None:
    """The sort by receiver is stable, and weights go with their edges."""
    network = read_network_text(write("5 3 1 5  4 3 1  3 2 2  4 0 3  3 0 4  3 1 5"), "f")
    assert network.name == "f"
    assert network.topology.sources.tolist() == [2, 0, 1, 3, 0]
    assert network.weights.tolist() == [2, 4, 5, 1, 3]
    assert network.topology.widths == (2, 1, 1)


def test_the_file_of_a_network(tmp_path: Path, write: Callable[[str], Path]) -> None:
    """Columns and decimals are those of boolearn."""
    write_network_text(tmp_path / "a.sol", read_network_text(write(SHUFFLED)))
    lines = (tmp_path / "a.sol").read_text().splitlines()
    assert lines[0] == "6  3  1  9"
    assert lines[-2:] == ["    5    0    1.00000000", "    5    4    1.28963089"]
    assert sorted(lines) == sorted(XOR.splitlines())


def test_the_file_of_an_untrained_network(tmp_path: Path) -> None:
    """4-4-4-4 has 17 nodes, 5 of them inputs with the constant, and 60 edges of weight 0."""
    path = tmp_path / "2x2.net"
    write_untrained(path, layered((4, 4, 4, 4)))
    lines = path.read_bytes().split(b"\n")
    assert lines[:3] == [b"17  5  4  60", b"    5    0    0.00000000", b"    5    1    0.00000000"]
    assert lines[6] == b"    6    0    0.00000000"
    assert (len(lines), lines[-2:]) == (62, [b"   16   12    0.00000000", b""])
    network = read_network_text(path)
    assert network.name == "_2x2"
    assert network.topology.widths == (4, 4, 4, 4)
    assert not network.weights.any()


def test_columns_never_touch(tmp_path: Path) -> None:
    """Node numbers and weights wider than their columns still have space between them."""
    topology = Topology(123456, 1, np.array([0, 1, 2]), np.array([123456, 123457]))
    network = TrainedNetwork(
        "wide", topology, np.array([-3.4e38, 12345.5]), (Port("x", 123456),), (Port("y", 1),)
    )
    write_network_text(tmp_path / "a.sol", network)
    back = read_network_text(tmp_path / "a.sol")
    assert back.topology.sources.tolist() == [123456, 123457]
    assert back.weights.tolist() == network.weights.tolist()


NEAR_AN_EIGHTH = TrainedNetwork(
    "small",
    layered((3, 1)),
    np.array([0.12499999, 0.06250001, -0.1, 4e-9]),
    (Port("x", 3),),
    (Port("y", 1),),
)
"""Weights that 8 decimals cannot tell from their neighbours."""


@given(networks())
@example(NEAR_AN_EIGHTH)
def test_networks_come_back(network: TrainedNetwork) -> None:
    """The graph exactly, the weights as well as 8 decimals allow."""
    back = again(network)
    assert back.topology.n_inputs == network.topology.n_inputs
    assert back.topology.n_outputs == network.topology.n_outputs
    assert back.topology.fanin_start.tolist() == network.topology.fanin_start.tolist()
    assert back.topology.sources.tolist() == network.topology.sources.tolist()
    weights = network.weights.astype(np.float64)
    assert np.abs(back.weights - weights).max() <= 1e-8
    assert not back.weights[np.abs(weights) < 5e-9].any()
    large = np.abs(weights) >= 0.125
    assert back.weights[large].tolist() == weights[large].tolist()
    assert again(back).weights.tolist() == back.weights.tolist()


@given(hnp.arrays(np.float32, 4, elements=st.floats(0.125, width=32, allow_infinity=False)))
@example(np.array([0.125, np.nextafter(np.float32(0.125), np.float32(1)), 1 / 3, 3.4028235e38]))
def test_weights_from_an_eighth_on_come_back_exactly(weights: np.ndarray) -> None:
    """8 decimals tell all float32 numbers apart that are not below 0.125."""
    network = TrainedNetwork("w", layered((3, 1)), weights, (Port("x", 3),), (Port("y", 1),))
    assert again(network).weights.tolist() == network.weights.tolist()


@given(topologies())
def test_widths_belong_to_layered_graphs_only(topology: Topology) -> None:
    """The widths are there exactly if the layered network of some widths has the same edges."""
    weights = np.ones(topology.n_edges)
    inputs = (Port("x", topology.n_inputs),) if topology.n_inputs else ()
    network = TrainedNetwork("f", topology, weights, inputs, (Port("y", topology.n_outputs),))
    widths = again(network).topology.widths
    assert (widths is not None) == any(
        edges(layered(candidate)) == edges(topology) and candidate[-1] == topology.n_outputs
        for candidate in compositions(topology.n_inputs, topology.n_neurons)
    )
    if widths is not None:
        assert edges(layered(widths)) == edges(topology)


def edges(topology: Topology) -> list[tuple[int, int]]:
    """All edges in order of receiver and sender."""
    receivers = np.repeat(np.arange(topology.n_neurons), topology.fan_in)
    return sorted(zip(receivers.tolist(), topology.sources.tolist(), strict=True))


def compositions(n_inputs: int, n_neurons: int) -> list[tuple[int, ...]]:
    """All widths of so many inputs and neurons."""
    if not n_inputs:
        return []
    found = []
    for cuts in range(1 << (n_neurons - 1)):
        widths, run = [n_inputs], 1
        for neuron in range(n_neurons - 1):
            if cuts >> neuron & 1:
                widths.append(run)
                run = 0
            run += 1
        found.append((*widths, run))
    return found


@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_layered_networks_come_back_with_their_widths(widths: list[int], random: object) -> None:
    """Also if the lines come in any order; weights stay with their edges."""
    topology = layered(widths)
    weights = np.arange(topology.n_edges) + 1.5
    network = TrainedNetwork(
        "f", topology, weights, (Port("x", widths[0]),), (Port("y", widths[-1]),)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sol"
        write_network_text(path, network)
        header, *lines = path.read_text().splitlines()
        random.shuffle(lines)
        path.write_text("\n".join([header, *lines]))
        back = read_network_text(path)
    assert back.topology.widths == tuple(widths)
    rng = np.random.default_rng(1)
    vectors = rng.integers(0, 2, (20, widths[0]), dtype=np.uint8)
    assert back.node_values(vectors).tolist() == network.node_values(vectors).tolist()


@pytest.mark.parametrize(
    "topology",
    [
        layered((3, 2, 2), skip=True),
        replace(layered((3, 2, 2)), n_outputs=1, widths=None),
        Topology(2, 1, np.array([0, 2]), np.array([1, 2])),
        Topology(2, 1, np.array([0, 1]), np.array([0])),
        Topology(2, 1, np.array([0, 3, 6]), np.array([0, 1, 2, 0, 1, 2])),
        Topology(3, 1, np.array([0, 4, 5]), np.array([0, 1, 2, 3, 4])),
        Topology(0, 1, np.array([0, 1]), np.array([0])),
    ],
)
def test_other_graphs_have_no_widths(tmp_path: Path, topology: Topology) -> None:
    """Skip connections, outputs that are not the last layer, missing edges, no inputs."""
    write_untrained(tmp_path / "a.net", topology)
    back = read_network_text(tmp_path / "a.net")
    assert back.topology.widths is None
    assert back.topology.sources.tolist() == topology.sources.tolist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nodes", ":1: expected the number of nodes, got 'nodes'"),
        ("6 3\n1", ":2: expected the number of edges, got the end of the file"),
        ("6 -3 1 9", ":1: expected the number of input nodes, got '-3'"),
        ("6 3 1.0 9", ":1: expected the number of output nodes, got '1.0'"),
        ("6\n0 1 9", ":2: expected at least one input node .the constant., got 0"),
        ("3 3 1 9", ":1: expected more nodes than the 3 input nodes, got 3"),
        ("0 1 1 9", ":1: expected more nodes than the 1 input node, got 0"),
        ("6 3\n4 9", ":2: expected 1 to 3 output nodes .there are as many neurons., got 4"),
        ("6 3 0 9", ":1: expected 1 to 3 output nodes"),
        ("6 3 1 2", ":1: expected at least one edge for each of 3 neurons, got 2"),
        ("4 3 1 0", ":1: expected at least one edge for each of 1 neuron, got 0"),
        ("1000000000000 3 1 1\n3 0 1", ":1: expected at most [0-9]+ nodes, got 1000000000000"),
        ("1000000000000 999999999999 1 1\n3 0 1", ":1: expected at most [0-9]+ nodes"),
        (
            "60000000 3 1 60000000\n3 0 1",
            ":2: expected 60000000 edges of three numbers, got 1 edge",
        ),
        ("6 3 1 1000000000000\n3 0 1\n", ":2: expected 1000000000000 edges .* got 1 edge$"),
        ("4 3 1 3\n3 0 1\n3 1 1\n3 2", ":4: expected 3 edges .* got 2 edges and 2 numbers more"),
        ("4 3 1 3\n3 0 1\n3 1 1\n", ":3: expected 3 edges .* got 2 edges$"),
        ("4 3 1 1\n3 0 1\n3 1 1\n3 2 1", ":3: expected 1 edge .* got 3 edges$"),
        ("4 3 1 2\n3 0 1\n2 1 1\n", ":3: edge into node 2 from node 1: expected a rec.* 3 to 3"),
        ("4 3 1 1\n4 0 1\n", ":2: edge into node 4 from node 0: expected a receiving node from 3"),
        (
            "4 3 1 1\n3 4 1\n",
            ":2: edge into node 3 from node 4: expected a sending node from 0 to 3",
        ),
        ("4 3 1 1\n3 3 1\n", ":2: edge into node 3 from node 3: expected a sending node before"),
        (
            "5 3 1 2\n4 0 1 3\n4 1\n",
            ":3: edge into node 3 from node 4: expected a sending node bef",
        ),
        ("4 3 1 3\n3 0 1\n3 1 1\n3 0 1\n", ":4: edge into node 3 from node 0: expected every edge"),
        ("5 3 1 2\n4 0 1\n4 1 1\n", ": expected an edge into every node from 3 .* into node 3"),
        ("5 2 1 3\n3 0 1\n4 0 1\n4 1 1\n", ": expected an edge into every .* none into node 2"),
        ("4 3 1 1\n-3 0 1\n", ":2: expected a receiving node, got '-3'"),
        ("4 3 1 1\n3 1.5 1\n", ":2: expected a sending node, got '1.5'"),
        ("4 3 1 1\n3 0 nan\n", ":2: expected a finite number as a weight, got 'nan'"),
        ("4 3 1 2\n3 0 1\n3 1 -inf\n", ":3: expected a finite number as a weight, got '-inf'"),
        ("4 3 1 1\n3 0 1_0\n", ":2: expected a finite number as a weight, got '1_0'"),
        ("4 3 1 1\n3 0 0x1\n", ":2: expected a finite number as a weight, got '0x1'"),
        ("4 3 1 1\n3 0 1e39\n", ":2: expected a number of float32 as a weight, got '1e39'"),
        ("4 3 1 1\n3 0 1e9999\n", ":2: expected a number of float32"),
        (
            "4 3 1 1\n3 0 " + "1" * 100,
            ":2: expected a finite number as a weight, got '1+\\.\\.\\.'",
        ),
    ],
)
def test_networks_that_are_none(write: Callable[[str], Path], content: str, message: str) -> None:
    """The error names the file and, where there is one, the line."""
    with pytest.raises(DataError, match=f"some.file{message}"):
        read_network_text(write(content))


@pytest.mark.parametrize(
    "content",
    [
        "6 3 1 1000000000000\n3 0 1",
        "1000000000000 3 1 1000000000000\n3 0 1",
        "60000000 3 1 60000000\n3 0 1",
        "60000000 3 1 1\n3 0 1",
        "60000000 59999999 1 1\n59999999 0 1",
    ],
)
def test_a_header_takes_no_memory(write: Callable[[str], Path], content: str) -> None:
    """What a header claims is not allocated, whether it is refused or right."""
    path = write(content)
    tracemalloc.start()
    try:
        read_network_text(path)
    except DataError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 20


# Generators


def test_generators_as_boolearn_writes_them(write: Callable[[str], Path]) -> None:
    """Bits, a tab, and the count."""
    codes, counts = read_generators(write("3  2\n\n 1 0 0\t23\n 0 1 0\t0\n 0 0 1\t94\n"))
    assert (codes.dtype, counts.dtype) == (np.uint8, np.int64)
    assert codes.tolist() == np.eye(3).tolist()
    assert counts.tolist() == [23, 0, 94]


def test_one_hot_generators_are_all_listed(tmp_path: Path) -> None:
    """In order of their bit, with 0 where none is used."""
    path = tmp_path / "a.gen"
    write_generators(path, np.eye(3, dtype=np.uint8)[[2, 0, 2, 2]])
    assert path.read_bytes() == b"3  2\n\n 1 0 0\t1\n 0 1 0\t0\n 0 0 1\t3\n"


def test_hypercube_generators_in_use_are_listed(tmp_path: Path) -> None:
    """In counting order, the first bit least significant."""
    path = tmp_path / "a.gen"
    write_generators(path, np.array([[0, 1], [1, 1], [1, 0], [0, 1]]))
    assert path.read_bytes() == b"3  3\n\n 1 0\t1\n 0 1\t2\n 1 1\t1\n"


def test_the_caller_can_say_which_kind_they_are(tmp_path: Path) -> None:
    """Codes of a hypercube can all have one 1 by chance."""
    path = tmp_path / "a.gen"
    write_generators(path, np.array([[0, 1], [0, 1]]), one_hot=False)
    assert path.read_bytes() == b"1  1\n\n 0 1\t2\n"
    write_generators(path, np.array([[0, 1], [0, 1]]), one_hot=True)
    assert path.read_bytes() == b"2  1\n\n 1 0\t0\n 0 1\t2\n"


@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 6)), elements=st.integers(0, 1)
    )
)
def test_generators_come_back(codes: np.ndarray) -> None:
    """Every code in use with its count, in counting order."""
    with tempfile.TemporaryDirectory() as folder:
        write_generators(Path(folder) / "a.gen", codes)
        back, counts = read_generators(Path(folder) / "a.gen")
    rows = [tuple(code) for code in codes.tolist()]
    found = dict(zip(map(tuple, back.tolist()), counts.tolist(), strict=True))
    assert {code: n for code, n in found.items() if n} == {row: rows.count(row) for row in rows}
    numbers = numbers_of(back).tolist()
    assert numbers == sorted(set(numbers))


def test_wide_generators(tmp_path: Path) -> None:
    """There may be more bits than a machine word has."""
    codes = np.zeros((3, 100), dtype=np.uint8)
    codes[0, [1, 99]] = codes[1, [0, 2]] = 1
    write_generators(tmp_path / "a.gen", codes)
    back, counts = read_generators(tmp_path / "a.gen")
    assert back.tolist() == codes[[2, 1, 0]].tolist()
    assert counts.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x 2", ":1: expected the number of generators, got 'x'"),
        ("2\n", ":1: expected the number of generators in use, got the end of the file"),
        ("2\n2\n1 0 1\n0 1 1", ":1: expected a line of two numbers, got 1 number"),
        ("2 2 1\n1 0 1\n0 1 1", ":1: expected a line of two numbers, got 3 numbers"),
        ("0 0\n", ":1: expected at least one generator, got 0"),
        ("2 3\n1 0 1\n0 1 1", ":1: expected 1 to 2 generators in use of 2, got 3"),
        ("2 0\n1 0 0\n0 1 0", ":1: expected 1 to 2 generators in use of 2, got 0"),
        ("2 2\n\n1 0 1\n", ":3: expected 2 generators, one per line, got 1"),
        ("2 2\n", ":1: expected 2 generators, one per line, got 0"),
        ("1 1\n\n1 0 1\n0 1 1\n", ":4: expected 1 generator, one per line, got 2"),
        ("1000000000000 1\n1 1\n", ":2: expected 1000000000000 generators"),
        ("1 1\n5\n", ":2: expected the bits of a generator and a count, got one number"),
        ("2 2\n1 0 1\n0 1\n", ":3: expected 2 bits and a count as in the lines before, got 2 n"),
        ("2 2\n1 0 1\n0 2 1\n", ":3: expected a bit, 0 or 1, got '2'"),
        ("2 2\n1 0 1\n0 1 -1\n", ":3: expected a number of patterns, got '-1'"),
        ("2 2\n1 0 1\n\n1 0 1\n", ":4: the generator of line 2 is listed again"),
        ("2 2\n1 0 1\n0 1 0\n", ": expected 2 generators in use, got 1"),
    ],
)
def test_generators_that_are_none(write: Callable[[str], Path], content: str, message: str) -> None:
    """The error names the file and, where there is one, the line."""
    with pytest.raises(DataError, match=f"some.file{message}"):
        read_generators(write(content))


@pytest.mark.parametrize(
    ("codes", "one_hot", "message"),
    [
        (np.zeros((0, 3), dtype=np.uint8), None, "a row of bits per pattern"),
        (np.zeros((3, 0), dtype=np.uint8), None, "a row of bits per pattern"),
        (np.zeros(3, dtype=np.uint8), None, "a row of bits per pattern"),
        (np.array([[0, 2]]), None, "bits, 0 or 1"),
        (np.array([[0.5, 1]]), None, "bits, 0 or 1"),
        (np.array([[1, 1]]), True, "one-hot generators, got a code"),
        (np.array([[0, 0]]), True, "one-hot generators, got a code"),
        (np.eye(1, 10_000, dtype=np.uint8), None, "10000 bits are too many"),
    ],
)
def test_generators_that_cannot_be_written(
    tmp_path: Path, codes: np.ndarray, one_hot: bool | None, message: str
) -> None:
    """Nothing is written."""
    with pytest.raises(UsageError, match=message):
        write_generators(tmp_path / "a.gen", codes, one_hot)
    assert not list(tmp_path.iterdir())


# All of them


@pytest.mark.parametrize("read", [read_widths, read_network_text, read_generators])
class TestWhatNoReaderTakes:
    """The same guards stand before every format."""

    def test_a_missing_file(self, tmp_path: Path, read: Callable[[Path], object]) -> None:
        """It is named."""
        with pytest.raises(DataError, match=r"none\.sol: no such file"):
            read(tmp_path / "none.sol")

    def test_a_folder(self, tmp_path: Path, read: Callable[[Path], object]) -> None:
        """It is no file."""
        with pytest.raises(DataError, match="expected a file, got a folder"):
            read(tmp_path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "the file is empty"),
            (b" \n\t\n", "the file is empty"),
            (b"3\0", "expected a text file, got a binary one"),
            (b"3\n4 \xff", ":2: expected UTF-8 text, got the byte 0xff"),
        ],
    )
    def test_what_is_no_text(
        self,
        write: Callable[[bytes], Path],
        read: Callable[[Path], object],
        content: bytes,
        message: str,
    ) -> None:
        """Empty and binary files are said to be that."""
        with pytest.raises(DataError, match=message):
            read(write(content))

    @given(content=st.binary(max_size=40) | st.text("0123 \n\t.-e", max_size=40))
    def test_anything(self, read: Callable[[Path], object], content: bytes | str) -> None:
        """Whatever stands in the file, it is read or it is a data error of one line."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            complaint = ""
            try:
                read(path)
            except DataError as error:
                complaint = str(error)
            assert len(complaint.splitlines()) <= 1


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """Each writer says so."""
    path = tmp_path / "none" / "a"
    for write_it in (
        lambda: write_widths(path, (2, 2)),
        lambda: write_untrained(path, layered((2, 2))),
        lambda: write_generators(path, np.array([[1, 0]])),
    ):
        with pytest.raises(OutputError, match="cannot be written"):
            write_it()
