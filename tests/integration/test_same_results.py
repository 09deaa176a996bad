"""Commands whose results are pinned: the HDL and the netlists are these bytes, whatever is rearranged inside.

``BTFSYNTH_UPDATE_GOLDEN=1 pytest tests/integration/test_same_results.py`` writes the hashes again;
only a change of an algorithm or of a template may need it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from btfsynth import __version__

GOLDEN = Path(__file__).with_name("same_results.json")
PINNED = (".v", ".vhd", ".py", ".mig", ".blif", ".aag", ".aig", ".bench", ".mem", "_yosys.json")
FORMATS = ("--format", "mig,blif,aag,aig,bench,json", "--simulator", "amaranth")
COMMANDS = {
    "build multiplier:2": ("build", "multiplier:2", *FORMATS),
    "build multiplier:3": ("build", "multiplier:3", *FORMATS),
    "discover multiplier:3": ("discover", "multiplier:3", "--trials", "10", "--jobs", "2"),
    "learn sample.pla": (
        *("learn", "sample.pla", "--trials", "2", "--no-baselines"),
        *("--simulator", "amaranth"),
    ),
}


def sample() -> str:
    """Return 38 of the 64 patterns of a function of six inputs and two outputs."""
    rows = []
    for number in range(64):
        bits = f"{number:06b}"
        if (number * 7 + 3) % 5 < 3:
            first = (bits[0] == bits[2] and bits[1] == "1") or bits[5] == "1"
            rows.append(f"{bits} {int(first)}{int(bits.count('1') >= 4)}")
    return "\n".join([".i 6", ".o 2", ".type fr", f".p {len(rows)}", *rows, ".e", ""])


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every pinned file, the version taken out of its header."""
    version = f"btfsynth {__version__}".encode()
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes().replace(version, b"btfsynth VERSION")
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.name.endswith(PINNED)
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_the_results_are_the_pinned_ones(program, tmp_path, name):
    """Verilog, VHDL, Amaranth, testbenches, vectors and netlists of a command have the pinned hashes."""
    (tmp_path / "sample.pla").write_text(sample(), encoding="ascii")
    command = [*program, *COMMANDS[name], "-o", "out"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = hashes(tmp_path / "out")
    assert len(found) >= 8
    golden = json.loads(GOLDEN.read_text(encoding="ascii")) if GOLDEN.exists() else {}
    if os.environ.get("BTFSYNTH_UPDATE_GOLDEN"):
        text = json.dumps({**golden, name: found}, indent=1, sort_keys=True)
        GOLDEN.write_text(text + "\n", encoding="ascii")
    else:
        assert found == golden[name]
