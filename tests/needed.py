"""What must be installed where no test may be skipped for want of it."""

from __future__ import annotations

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
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""Any of them opens the report pages."""
PROGRAMS = (("iverilog",), ("vvp",), ("verilator",), ("ghdl",), ("mpirun",), BROWSERS)
"""What ``.ci/install-tools`` installs: of each group, one has to be there."""


def packages(extras: Iterable[str]) -> Iterator[str]:
    """Return the packages of some extras; of one that does not exist, its name."""
    for extra in extras:
        for requirement in EXTRAS.get(extra, [extra]):
            own = re.fullmatch(r"btfsynth\[(.*)\]", requirement)
            if own is not None:
                yield from packages(own[1].split(","))
            else:
                yield re.split(r"[^\w.-]", requirement)[0]


def missing(extras: Iterable[str] = ("test",)) -> list[str]:
    """Return the programs and packages that tests need and that are not there."""
    return [
        *(names[0] for names in PROGRAMS if not any(map(shutil.which, names))),
        *(["libpython"] if _lacks_shared_python() else []),
        *(package for package in dict.fromkeys(packages(extras)) if not _is_installed(package)),
    ]


def _lacks_shared_python() -> bool:
    """Tell whether cocotb would not find the shared library that it loads into the simulator."""
    try:
        from find_libpython import find_libpython
    except ImportError:
        return False
    return find_libpython() is None


def _is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
