"""``btfsynth simulate`` on sound and on broken designs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def sound_design(tmp_path_factory) -> Path:
    """Return the folder of a three-bit adder's design, not to be changed."""
    from btfsynth.dataset.load import load
    from btfsynth.flow.building import build
    from btfsynth.flow.report import BuildOptions

    folder = tmp_path_factory.mktemp("sound") / "adder_3"
    build(load("adder:3"), folder, BuildOptions(simulators=("parsed_verilog",)))
    return folder


@pytest.fixture
def design(sound_design, tmp_path) -> Path:
    """Return a copy of the design."""
    return Path(shutil.copytree(sound_design, tmp_path / "adder_3"))


def assignments(text: str) -> list[re.Match[str]]:
    """Return the assignments of a module."""
    return list(re.finditer(r"assign (\S+) = ([^;]+);", text))


def replaced(text: str, match: re.Match[str], expression: str) -> str:
    """Return the module with another expression in one assignment."""
    return text[: match.start(2)] + expression + text[match.end(2) :]


def flip_gate(text: str) -> str:
    """Make the first two-input gate the other one."""
    match = next(m for m in assignments(text) if m[2].count("&") + m[2].count("|") == 1)
    return replaced(text, match, match[2].translate(str.maketrans("&|", "|&")))


def drop_inverter(text: str) -> str:
    """Remove the first inverter."""
    match = next(m for m in assignments(text) if "~" in m[2])
    return replaced(text, match, match[2].replace("~", "", 1))


def add_inverter(text: str) -> str:
    """Invert the last output."""
    match = assignments(text)[-1]
    return replaced(text, match, f"~({match[2]})")


def stick_output(text: str) -> str:
    """Tie the first output bit to 0."""
    match = next(m for m in assignments(text) if m[1].startswith("s"))
    return replaced(text, match, "1'b0")


def swap_outputs(text: str) -> str:
    """Exchange what drives the first and the last output bit."""
    first, *_, last = [m for m in assignments(text) if m[1].startswith("s")]
    return replaced(replaced(text, last, first[2]), first, last[2])


def swap_input(text: str) -> str:
    """Read a[1] where a[0] was read first."""
    match = next(m for m in assignments(text) if "a[0]" in m[2])
    return replaced(text, match, match[2].replace("a[0]", "a[1]"))


MUTATIONS = (flip_gate, drop_inverter, add_inverter, stick_output, swap_outputs, swap_input)


def test_untouched_design_passes(cli, design, fast_simulator):
    """A design as it was built passes."""
    outcome = cli("simulate", design, "--simulator", fast_simulator, "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json == {
        "checks": {
            name: {"passed": 64, "failed": 0} for name in ("parsed_verilog", fast_simulator)
        },
        "verified": True,
        "verdict": "verified: hardware equals the netlist; 256 of 256 targets right (100%)",
        "targets": {"train": {"right": 256, "count": 256}},
    }


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize(
    "simulator",
    [
        "parsed_verilog",
        pytest.param(
            "icarus",
            marks=pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs iverilog"),
        ),
    ],
)
def test_mutation_is_caught(cli, design, mutation, simulator):
    """A changed gate is caught, and the first wrong vector named with what was wrong about it."""
    path = design / "adder_3.v"
    mutated = mutation(path.read_text())
    assert mutated != path.read_text()
    path.write_text(mutated)
    outcome = cli("simulate", design, "--simulator", simulator, "--json")
    assert outcome.code == 1
    assert outcome.json["verified"] is False
    check = outcome.json["checks"][simulator]
    assert check["failed"] > 0
    assert check["passed"] + check["failed"] == 64
    first = check["first_mismatch"]
    shown = re.fullmatch(
        r"not verified: \S+: \d+ of 64 vectors failed; first: vector (\d+): inputs a=3'b([01]+) "
        r"b=3'b([01]+), expected s=4'b([01]+), got s=4'b([01xz]+)",
        outcome.complaint,
    )
    assert shown, outcome.complaint
    vector, a, b = int(shown[1]), int(shown[2], 2), int(shown[3], 2)
    assert vector == first["vector"] == a + 8 * b, "vectors are listed in counting order"
    assert int(shown[4], 2) == a + b
    assert shown[5] != shown[4]


def test_mutated_amaranth_is_caught(cli, design):
    """The Amaranth module is checked as well as the Verilog."""
    path = design / "adder_3_amaranth.py"
    text = path.read_text()
    match = list(re.finditer(r"\.eq\((.+)\)", text))[-1]
    path.write_text(text[: match.start(1)] + f"~({match[1]})" + text[match.end(1) :])
    outcome = cli("simulate", design, "--simulator", "amaranth", "--json")
    assert outcome.code == 1
    assert outcome.json["checks"]["parsed_verilog"]["failed"] == 0
    assert outcome.json["checks"]["amaranth"]["failed"] == 64
    assert "amaranth: 64 of 64 vectors failed; first: vector 0: inputs" in outcome.complaint


def test_table_names_the_failure(cli, design, fast_simulator):
    """The table for people says which check failed."""
    path = design / "adder_3.v"
    path.write_text(add_inverter(path.read_text()))
    outcome = cli("simulate", design, "--simulator", fast_simulator)
    assert outcome.code == 1
    assert "FAILED" in outcome.stdout
    assert "verified" not in outcome.stdout


def broken_manifest(design: Path) -> None:
    """Cut the manifest off."""
    (design / "manifest.json").write_text((design / "manifest.json").read_text()[:40])


def missing_file(design: Path) -> None:
    """Remove the Verilog."""
    (design / "adder_3.v").unlink()


def empty_vectors(design: Path) -> None:
    """Empty the vector file: nothing would be left to fail."""
    (design / "adder_3_vectors.mem").write_text("")


def fewer_vectors(design: Path) -> None:
    """Remove half of the vectors."""
    path = design / "adder_3_vectors.mem"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:32]))


def no_manifest(design: Path) -> None:
    """Remove the manifest."""
    (design / "manifest.json").unlink()


def no_verilog(design: Path) -> None:
    """Put something else in the Verilog's place."""
    (design / "adder_3.v").write_text("this is no Verilog\n")


def outside(design: Path) -> None:
    """Let the manifest name a file outside the folder."""
    record = json.loads((design / "manifest.json").read_text())
    record["files"]["verilog"] = "../../etc/passwd"
    (design / "manifest.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (broken_manifest, "manifest.json"),
        (no_manifest, "manifest.json"),
        (missing_file, "adder_3.v"),
        (empty_vectors, "adder_3_vectors.mem"),
        (fewer_vectors, "expected 64 vectors"),
        (no_verilog, "adder_3.v"),
        (outside, "manifest.json"),
    ],
)
def test_damaged_folder(cli, design, fast_simulator, damage, named):
    """A folder that is no whole design is refused; what is wrong with it is named."""
    damage(design)
    outcome = cli("simulate", design, "--simulator", fast_simulator, "--json")
    assert outcome.code == 2
    assert outcome.stdout == ""
    assert named in outcome.complaint


def test_no_such_folder(cli):
    """A folder that is not there is named."""
    outcome = cli("simulate", "nowhere")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.complaint == "nowhere: no such design folder"


def test_unknown_simulator(cli, design):
    """An unknown simulator is refused with the known ones listed."""
    outcome = cli("simulate", design, "--simulator", "modelsim")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert "'modelsim'" in outcome.complaint
    assert "amaranth, amaranth_stream, cocotb, ghdl, icarus, verilator" in outcome.complaint
