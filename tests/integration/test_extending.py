"""A package with entry points extends every table, as docs/extending.md says."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import btfsynth as btf
from btfsynth.dataset.tasks import TASKS
from btfsynth.hdl.formats import BACKENDS, READERS, WRITERS
from btfsynth.passes.registry import PASSES
from btfsynth.plugins import GROUPS
from btfsynth.sim.registry import SIMULATORS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
FILES = dict(
    re.findall(
        r'^```\w+ title="([^"]+)"\n(.*?)^```', PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
)
PROJECT = tomllib.loads(FILES.pop("pyproject.toml"))["project"]
TABLES = {
    "passes": PASSES,
    "backends": BACKENDS,
    "readers": READERS,
    "writers": WRITERS,
    "simulators": SIMULATORS,
    "tasks": TASKS,
}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Put the package of the page on the path, as an installer leaves it."""
    place = tmp_path / "site"
    info = place / f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n"
    )
    lines = []
    for group, points in PROJECT["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for name, text in FILES.items():
        (place / name).write_text(text)
    monkeypatch.syspath_prepend(place)
    monkeypatch.chdir(tmp_path)
    for name in FILES:  # the examples of the page may have been run before
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    yield place
    for name in FILES:
        sys.modules.pop(name.removesuffix(".py"), None)


def test_the_page_has_a_part_for_every_table():
    """Each group is in the project file, and each part of a table is the one that its file has."""
    assert set(PROJECT["entry-points"]) == {f"btfsynth.{group}" for group in GROUPS}
    assert set(TABLES) == set(GROUPS)


def test_an_installed_package_adds_to_every_table(installed):
    """Names are known without an import, parts are those of the package's modules."""
    for group, table in TABLES.items():
        points = PROJECT["entry-points"][f"btfsynth.{group}"]
        assert list(table)[-len(points) :] == list(points)
    assert not {name.removesuffix(".py") for name in FILES} & set(sys.modules)
    for group, table in TABLES.items():
        for name, value in PROJECT["entry-points"][f"btfsynth.{group}"].items():
            module, _, attribute = value.partition(":")
            assert table[name] is getattr(import_module(module), attribute)


def test_an_installed_package_takes_part(installed):
    """A task, a pass, a backend with its simulator, and a file there and back."""
    data = btf.load("gray:3")
    net = btf.smallest("gray:3").netlist.optimize("strash; absorb")
    assert net.log[-1].name == "absorb"
    design = net.write("out", vectors=data, formats=("eqn",))
    assert {"python_model", "eqn"} <= set(design.files)
    checks = design.simulate("python_model")
    assert [(check.name, check.passed) for check in checks][-1] == ("python_model", 8)
    assert bool(btf.prove(design.files["eqn"], net))
    text = design.files["python_model"].read_text().replace("g = ", "g = 1 ^ ")
    design.files["python_model"].write_text(text)
    (failed,) = [check for check in design.simulate("python_model") if check.failed]
    assert failed.mismatch.inputs == "x=3'b000"


def test_commands_know_an_installed_package(installed):
    """The command line lists the task and runs the pass on a file of the package's format."""
    paths = [str(installed), str(Path(btf.__file__).parents[1])]
    code = f"import sys; sys.path[:0] = {paths}; from btfsynth.cli import main; main()"

    def run(*words):
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "gray:N" in run("tasks")
    btf.smallest("full_adder").netlist.save("adder.eqn")
    run("simplify", "adder.eqn", "--passes", "strash; absorb", "-o", "small.eqn")
    assert bool(btf.prove("small.eqn", "full_adder"))


def test_a_broken_package_is_one_line(installed):
    """Other parts stay usable."""
    (installed / "absorb.py").write_text("raise RuntimeError('no\\nluck')\n")
    net = btf.smallest("full_adder").netlist
    with pytest.raises(btf.UsageError) as caught:
        net.optimize("absorb")
    assert str(caught.value) == (
        "entry point 'absorb' of btfsynth.passes in package btfsynth-more: cannot import "
        "absorb:Absorb: RuntimeError: no luck"
    )
    assert net.optimize("strash").cells == net.cells
