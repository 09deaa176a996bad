"""The same command writes the same bytes in another process, folder and second.

Within one process the order of a set of texts is the same each time; from process to process it is not.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

TIMED = {"report.json"}
"""Files that have the time that was taken."""

BUILD = ("build", "multiplier:2", "--seed", "3", "--format", "mig,blif,aag,aig,bench,json")
LEARN = ("learn", "parity:5", "--trials", "1", "--passes", "fast", "--no-baselines")


def written(program: list[str], folder: Path, command: tuple[str, ...], seed: str) -> dict:
    """Return the files that a command writes where texts have other hashes."""
    folder.mkdir()
    ran = subprocess.run(
        [*program, *command, "-o", "out"],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    out = folder / "out"
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name not in TIMED}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "least"),
    [
        ((*BUILD, "--simulator", "amaranth"), 15),
        ((*BUILD, "--stream", "--cells", "--simulator", "amaranth"), 15),
        (("discover", "multiplier:2", "--trials", "3", "--no-polish"), 10),
        ((*LEARN, "--simulator", "amaranth"), 10),
    ],
    ids=["build", "build a pipeline", "discover", "learn"],
)
def test_another_process_writes_the_same(program, tmp_path, command, least):
    """Every file but those with times."""
    one = written(program, tmp_path / "one", command, "1")
    other = written(program, tmp_path / "other", command, "2")
    assert len(one) >= least
    assert one.keys() == other.keys()
    for name, content in one.items():
        assert content == other[name], name
