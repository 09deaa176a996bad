"""Analog data to verified hardware: codes, integer weights, labels and patterns held out."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from btfsynth.dataset.code import parse_code
from btfsynth.dataset.load import load
from btfsynth.netlist.simulation import output_words, pack_bits, unpack_bits
from btfsynth.netlist.text import read_netlist
from btfsynth.network.formats import load_network

CHECK = ("--simulator", "amaranth", "--json")
SIZES = ("--widths", "2,6,3", "--max-iterations", "3000", "--trials", "20")


@pytest.fixture
def three_classes(tmp_path):
    """Write points of the unit square in three classes, to learn from and to hold out."""
    return write_classes(tmp_path, levels=10**4)


def write_classes(folder, levels: int):
    """Write points whose coordinates are multiples of one over so many levels."""
    random = np.random.default_rng(5)
    for name, count in (("points", 60), ("later", 40)):
        x = np.round(random.random((count, 2)) * levels) / levels
        kind = np.where(x.sum(axis=1) > 1.15, 2, np.where(x[:, 0] > x[:, 1], 1, 0))
        rows = [f"{a:.4f} {b:.4f} {k}" for (a, b), k in zip(x, kind, strict=True)]
        (folder / f"{name}.dat").write_text("\n".join([f"{count}", "0 2", "3 1", *rows]) + "\n")
    return folder


def arithmetic(folder, name: str, text: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and class of the integer network, by whole numbers and nothing of the netlist."""
    network = load_network(folder / f"{name}_integers.npz")
    bits = parse_code(text).bits(x)
    start, sources = network.topology.fanin_start, network.topology.sources
    values = np.empty((len(x), network.topology.n_nodes), dtype=object)
    values[:, 0] = -1
    values[:, 1 : 1 + bits.shape[1]] = 2 * bits.astype(int) - 1
    sums = []
    for neuron in range(network.topology.n_neurons):
        edges = slice(start[neuron], start[neuron + 1])
        weights = [int(weight) for weight in network.weights[edges]]
        total = (values[:, sources[edges]] * weights).sum(axis=1)
        values[:, network.topology.first_neuron + neuron] = np.where(total > 0, 1, -1)
        sums.append(total)
    outputs = np.stack(sums[-network.topology.n_outputs :], axis=1).astype(np.int64)
    return (outputs > 0).astype(np.uint8), outputs.argmax(axis=1)


def test_points_become_hardware_with_a_label(cli, three_classes):
    """A 5-bit code: the design is verified on every vector, and its numbers are those of arithmetic."""
    outcome = cli(
        "build", "points.dat", "--code", "binary:5", "--label", "--valid", "later.dat",
        *SIZES, *CHECK,
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    report, folder = outcome.json, three_classes / "hdl_out" / "points"
    assert report["verified"] is True
    assert report["checks"] == {
        "parsed_verilog": {"passed": 1024, "failed": 0},
        "amaranth": {"passed": 1024, "failed": 0},
    }
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [(p["name"], p["width"]) for p in manifest["ports"]["inputs"]] == [
        ("x_0", 5),
        ("x_1", 5),
    ]
    assert [(p["name"], p["width"]) for p in manifest["ports"]["outputs"]] == [
        ("y", 3),
        ("class_number", 2),
    ]
    assert manifest["options"]["code"] == "binary:5"
    netlist = read_netlist(folder / "points.mig")
    for part, name in (("train", "points.dat"), ("valid", "later.dat")):
        data = load(name)
        found = unpack_bits(
            output_words(netlist, pack_bits(parse_code("binary:5").bits(data.inputs))),
            data.n_patterns,
        )
        outputs, classes = arithmetic(folder, "points", "binary:5", data.inputs)
        assert np.array_equal(found[:, :3], outputs)
        assert np.array_equal(found[:, 3] + 2 * found[:, 4], classes)
        right = int((classes == data.targets.argmax(axis=1)).sum())
        counted = report["hardware"]["accuracy"]
        assert counted["netlist"][part]["labels_right"] == right
        assert counted["quantised"][part] == counted["netlist"][part]
    # Trained until every target was right on the values that the code stands for.
    assert report["hardware"]["accuracy"]["quantised"]["train"]["vectors_right"] == 60
    assert report["hardware"]["weights"]["changed"] == 0


def test_weights_that_keep_every_label(cli, tmp_path):
    """All labels are as they were, on held-out points too; the check counts them anew."""
    write_classes(tmp_path, levels=20)
    assert cli("train", "points.dat", "-o", "n.npz", *SIZES).code == 0
    network = load_network(tmp_path / "n.npz")
    parts = [load(f"{name}.dat") for name in ("points", "later")]
    wanted = [network.output_sums(part.inputs).argmax(axis=1) for part in parts]

    def built(rule: str) -> dict:
        outcome = cli(
            "build", "points.dat", "--network", "n.npz", "--valid", "later.dat",
            "--code", "levels:20", "--label", "--weights", rule, "--passes", "fast", *CHECK,
        )  # fmt: skip
        assert outcome.code == 0, outcome.complaint
        return outcome.json

    def same() -> list[int]:
        folder = tmp_path / "hdl_out" / "points"
        found = [arithmetic(folder, "points", "levels:20", part.inputs)[1] for part in parts]
        return [int((a == b).sum()) for a, b in zip(found, wanted, strict=True)]

    report = built("labels")
    assert report["checks"]["labels"] == {"passed": 100, "failed": 0}
    assert same() == [60, 40]
    report = built("2")
    assert "labels" not in report["checks"]
    counted = report["hardware"]["labels_as_trained"]
    assert [counted["train"], counted["valid"]] == same() != [60, 40]


def test_labels_that_no_weights_keep(cli, three_classes):
    """A code too coarse for the network changes labels whatever the weights: not verified, and counted."""
    assert cli("train", "points.dat", "-o", "n.npz", *SIZES).code == 0
    outcome = cli(
        "build", "points.dat", "--network", "n.npz", "--code", "binary:2", "--label", "--weights", "labels",
        *CHECK,
    )  # fmt: skip
    assert outcome.code == 1
    check = outcome.json["checks"]["labels"]
    assert check["passed"] + check["failed"] == 60
    assert f"not verified: labels: {check['failed']} of 60 vectors failed" in outcome.complaint


@pytest.mark.parametrize("code", ["levels:6", "thermometer:3", "threshold:0.5"])
def test_other_codes_become_hardware(cli, three_classes, code):
    """Whatever the code, the design keeps the network over the bits, wrong as it may be."""
    outcome = cli(
        "build", "points.dat", "--code", code, "--stop", "none", "--max-iterations", "300", "--trials", "1",
        *CHECK,
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["hardware"]["code"] == code
    accuracy = outcome.json["hardware"]["accuracy"]
    assert (
        accuracy["quantised"]["train"]["bits_right"] == accuracy["netlist"]["train"]["bits_right"]
    )


def test_a_network_trained_on_the_values_takes_any_code(cli, three_classes):
    """The file is of analog inputs; wide codes come nearer to it, and the outcome is the same again."""
    assert cli("train", "points.dat", "-o", "n.npz", *SIZES).code == 0
    for code in ("binary:8", "thermometer:20"):
        for folder in ("one", "two"):
            outcome = cli(
                "build", "points.dat", "--network", "n.npz", "--code", code, "--weights", "7",
                "-o", folder, "--passes", "fast", "--simulator", "parsed_verilog", "--json",
            )  # fmt: skip
            assert "was not simulated" in outcome.complaint
            assert outcome.json["hardware"]["accuracy"]["netlist"]["train"]["vectors_right"] >= 57
            assert outcome.json["hardware"]["weights"]["weight_bits"] <= 7
        assert (three_classes / "one" / "points.mig").read_bytes() == (
            three_classes / "two" / "points.mig"
        ).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["points.dat"], "points.dat: analog inputs need a --code for hardware: binary:K"),
        (["adder:2", "--code", "binary:4"], "adder:2: --code is for analog inputs"),
        (["points.dat", "--code", "binary"], "code 'binary': expected a whole number from 1 to 12"),
        (["adder:2", "--label"], "adder:2: expected classes as targets for a label, got bits"),
        (
            ["points.dat", "--code", "binary:4", "--weights", "exact"],
            "weights: must be integers if inputs are coded",
        ),
        (
            ["adder:2", "--weights", "1"],
            "weights: expected exact, auto, labels, sparse or a number of bits",
        ),
        (
            ["adder:2", "--weights", "some"],
            "weights: expected exact, auto, labels, sparse or a number of bits",
        ),
        (
            ["points.dat", "--code", "binary:4", "--weights", "labels"],
            "--weights labels requires --label",
        ),
        (
            ["points.dat", "--code", "binary:4", "--label", "--preserve", "care"],
            "--label requires --preserve network",
        ),
        (
            ["points.dat", "--code", "binary:4", "--valid", "adder:2"],
            "adder:2: --code is for analog inputs",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_at_once(cli, three_classes, arguments, message):
    """One line, exit code 2, before anything is trained."""
    outcome = cli("build", *arguments)
    assert outcome.code == 2
    assert message in outcome.complaint
    assert "training" not in outcome.stderr


def test_data_are_written_coded(cli, three_classes):
    """``data --code`` writes bits that are read back as Boolean inputs."""
    assert cli("data", "points.dat", "--code", "binary:9", "-o", "bits.npz").code == 0
    back = load(three_classes / "bits.npz")
    assert np.array_equal(back.inputs, parse_code("binary:9").bits(load("points.dat").inputs))


def test_contradictory_bits_are_shown_but_not_written(cli, three_classes):
    """A code too coarse for the targets is a note, and an error where a file could not be read again."""
    outcome = cli("data", "points.dat", "--code", "threshold:0.5")
    assert outcome.code == 0
    assert "patterns have the bits of a pattern with other targets" in outcome.stderr
    outcome = cli("data", "points.dat", "--code", "threshold:0.5", "-o", "bits.npz")
    assert outcome.code == 2
    assert "points.dat as threshold:0.5: patterns" in outcome.complaint
    assert not (three_classes / "bits.npz").exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus Verilog")
def test_digits_become_hardware(cli, tmp_path):
    """Images: a small network of 64 grey inputs, and held-out images through the simulated design."""
    outcome = cli(
        "build", "digits:grey,train=64", "--code", "binary:2", "--label", "--stop", "none",
        "--valid", "digits:grey,train=64,part=test,count=50", "--max-iterations", "300", "--trials", "1",
        "--widths", "64,6,10", "--passes", "fast", "--weights", "3", "--simulator", "icarus", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    report = outcome.json
    accuracy = report["hardware"]["accuracy"]
    assert accuracy["netlist"]["valid"] == accuracy["quantised"]["valid"]
    assert report["checks"]["icarus"]["passed"] >= 64 + 50
    data = load("digits:grey,train=64,part=test,count=50")
    _, classes = arithmetic(tmp_path / "hdl_out" / "digits", "digits", "binary:2", data.inputs)
    right = int((classes == data.targets.argmax(axis=1)).sum())
    assert accuracy["netlist"]["valid"]["labels_right"] == right > 10
