"""What the manifest says of a design is compared with all else in the folder that says the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from btfsynth.dataset.load import load
from btfsynth.flow.building import build, emit_netlist
from btfsynth.flow.report import BuildOptions
from btfsynth.netlist.text import read_netlist
from btfsynth.verify.chain import _Chain, verify_design
from btfsynth.verify.links import LinkResult


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a design that was built from a file, not to be changed."""
    folder = tmp_path_factory.mktemp("records")
    rows = [f"{a},{b},{a | b},{int(a > b)}" for a in (0, 1) for b in (0, 1)]
    (folder / "t.csv").write_text("\n".join(["in:a,in:b,out:o,out:g", *rows]))
    options = BuildOptions(simulators=("parsed_verilog",))
    build(load(folder / "t.csv"), folder / "t", options)
    return folder / "t"


@pytest.fixture
def folder(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it; links that run tools, which read no records, are not checked."""
    link = _Chain.link

    def quick(chain: _Chain, name: str, check: Callable[[], Any]) -> None:
        if name in ("files", "source", "netlist", "parsed_verilog", "equivalence"):
            link(chain, name, check)

    monkeypatch.setattr(_Chain, "link", quick)
    return Path(shutil.copytree(built, tmp_path / "t"))


def change(path: Path, alter: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file."""
    record = json.loads(path.read_text())
    alter(record)
    path.write_text(json.dumps(record))


def failed(folder: Path) -> dict[str, str]:
    """Return the links that fail, with why."""
    found = verify_design(folder, 1, ["amaranth"])
    return {link.name: link.failure for link in found.failed}


def test_sound(built: Path) -> None:
    """A build agrees with itself, in all links."""
    assert failed(built) == {}


def test_seed_and_trial(folder: Path) -> None:
    """Another seed or trial in the manifest, the report or the run file fails the link of the files."""
    change(folder / "manifest.json", lambda record: record["options"].update(seed=7))
    assert failed(folder) == {"files": "the manifest says seed 7, t.v has 1"}
    change(folder / "manifest.json", lambda record: record["options"].update(seed=1, trial=99))
    assert failed(folder)["files"].startswith("the manifest says trial 99, report.json has ")
    (folder / "report.json").unlink()
    assert failed(folder)["files"].startswith("the manifest says trial 99, t.npz has ")
    change(folder / "manifest.json", lambda record: record["options"].pop("seed"))
    assert failed(folder)["files"] == "the manifest says no seed, t.v has 1"


def test_run_file(folder: Path) -> None:
    """So does another seed in the run file."""
    path = folder / "run.toml"
    path.write_text(path.read_text().replace("seed = 1", "seed = 12"))
    assert failed(folder) == {"files": "the manifest says seed 1, run.toml has 12"}


def test_hash_of_the_data(folder: Path) -> None:
    """Data that are no task are known by their hash in the header of the Verilog."""
    change(folder / "manifest.json", lambda record: record.update(data_hash="0" * 64))
    (why,) = failed(folder).items()
    assert why[0] == "source"
    assert why[1].startswith(f"the manifest says data hash '{'0' * 64}', t.v has '")


@pytest.mark.parametrize("netlist", [True, False])
@pytest.mark.parametrize("key", ["cells", "and_cells", "maj_cells", "inverters", "depth"])
def test_counts(folder: Path, key: str, netlist: bool) -> None:
    """Every count is compared with the netlist; without a netlist with the Verilog. None may be missing."""
    (link,) = (each for each in verify_design(folder, 1, []).links if each.name == "netlist")
    assert link.result is LinkResult.PASSED
    if not netlist:
        (folder / "t.mig").unlink()
        assert "netlist" not in failed(folder)
    change(folder / "manifest.json", lambda record: record["netlist"].update({key: 77}))
    assert failed(folder)["netlist"].startswith(f"the manifest says {key} 77, the netlist has ")
    change(folder / "manifest.json", lambda record: record["netlist"].pop(key))
    assert failed(folder)["netlist"].startswith(f"the manifest says {key} nothing")


def test_emitted_over_a_build(folder: Path) -> None:
    """Another design in the folder of a build is not compared with the report of that build."""
    netlist = read_netlist(folder / "t.mig")
    netlist.outputs.setflags(write=True)
    netlist.outputs[:] = netlist.outputs ^ 1
    emit_netlist(netlist, None, folder)
    assert failed(folder) == {}
