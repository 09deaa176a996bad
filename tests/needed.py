"""What must be installed where no test may be skipped for want of it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXTRAS: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
)["project"]["optional-dependencies"]
PROGRAMS = ("iverilog", "vvp", "verilator", "ghdl", "mpirun")
"""What ``.ci/install-tools`` installs."""
DEFAULT = "test,fpga"
"""The extras that ``.ci/run`` asks for."""


def asked_extras() -> list[str]:
    """Return the extras that make is told to install, by default those of continuous integration."""
    return [name.strip() for name in os.environ.get("EXTRAS", DEFAULT).split(",")]


def packages(extras: Iterable[str]) -> Iterator[str]:
    """Return the packages of some extras; of one that does not exist, its name."""
    for extra in extras:
        for requirement in EXTRAS.get(extra, [extra]):
            own = re.fullmatch(r"btfsynth\[(.*)\]", requirement)
            if own is not None:
                yield from packages(own[1].split(","))
            else:
                yield re.split(r"[^\w.-]", requirement)[0]


def missing(extras: Iterable[str]) -> list[str]:
    """Return the programs and packages that tests need and that are not there."""
    return [
        *(program for program in PROGRAMS if shutil.which(program) is None),
        *(package for package in dict.fromkeys(packages(extras)) if not _is_installed(package)),
    ]


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
