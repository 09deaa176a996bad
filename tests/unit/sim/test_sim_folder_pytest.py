"""The pytest file in a design folder, run as its reader would."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from clocked import KINDS, change, make, spoil

from btfsynth.hdl.design import HardwareOptions

pytestmark = pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
STREAM = HardwareOptions(pipeline=2, stream=True)


@pytest.fixture
def load(monkeypatch):
    """Import the file of a design, and forget it and its neighbours afterwards."""

    def load_file(design):
        monkeypatch.syspath_prepend(design.directory)
        path = design.path("amaranth_test")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name in ("multiplier_amaranth", "multiplier_stream"):
            sys.modules.pop(name, None)
        return module

    return load_file


@pytest.mark.parametrize("kind", KINDS)
def test_vectors(tmp_path, load, capsys, kind):
    """It passes, and names the vectors that are wrong."""
    design = make(tmp_path, KINDS[kind])
    load(design).test_vectors()
    assert capsys.readouterr().out == "PASS 16 vectors\n"
    spoil(design, 6, 7)
    with pytest.raises(AssertionError, match="2 of 16 vectors failed"):
        load(design).test_vectors()
    assert capsys.readouterr().out.splitlines() == [
        "MISMATCH vector=6 inputs=0110 care=1111 expected=0011 got=0010",
        "MISMATCH vector=7 inputs=0111 care=1111 expected=0010 got=0011",
        "FAIL 2 of 16",
    ]


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("registered", "m.d.sync += self.", "m.d.comb += self."),
        ("both", 'm.d.sync += reg["d1_', 'm.d.comb += reg["d1_'),
        ("both", "with m.If(self.en):", "with m.If(1):"),
    ],
)
def test_wrong_timing_fails(tmp_path, load, kind, old, new):
    """Registers too few and an enable that does not hold are found."""
    design = make(tmp_path, KINDS[kind])
    change(design, "amaranth", old, new)
    with pytest.raises(AssertionError, match="of 16 vectors failed"):
        load(design).test_vectors()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("core.en.eq(self.o.ready | ~valid[-1])", "core.en.eq(1)", "an item changed before"),
        ("ready.eq(core.en)", "ready.eq(1)", "of 256 items came out"),
        ("ready.eq(core.en)", "ready.eq(0)", "of 256 items came out"),
        ("Cat(self.i.valid,", "Cat(1,", "of 256 items came out"),
        ("eq(core.p)", "eq(core.p ^ 1)", "16 of 16 vectors failed"),
    ],
)
def test_broken_streams_fail(tmp_path, load, old, new, message):
    """The wrapper is tested too, where there is one."""
    design = make(tmp_path, STREAM)
    change(design, "amaranth_stream", old, new)
    module = load(design)
    with pytest.raises(AssertionError, match=message):
        module.test_stream()
    module.test_vectors()


def test_pytest_runs_it(tmp_path):
    """As the file says: pytest, in the folder, with nothing of this package."""
    design = make(tmp_path, STREAM)
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    command += [design.manifest.files["amaranth_test"]]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert "2 passed" in ran.stdout
