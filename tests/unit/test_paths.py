"""Paths may be text, `pathlib.Path` or anything else that stands for one, wherever Python code takes one."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import btfsynth
from btfsynth.dataset.load import load, save
from btfsynth.errors import UsageError
from btfsynth.files import as_path, make_folder, write_archive, write_bytes, write_text
from btfsynth.flow.building import build, build_network, emit_netlist
from btfsynth.flow.report import BuildOptions
from btfsynth.hdl.formats import read_design
from btfsynth.hdl.manifest import load_manifest
from btfsynth.learning import LearnOptions, learn
from btfsynth.netlist.text import read_netlist
from btfsynth.network.formats import (
    is_network,
    load_network,
    read_network,
    read_network_text,
    save_network,
    write_network_text,
)
from btfsynth.report.page import write_report
from btfsynth.settings.run_file import read_run_file
from btfsynth.sim.simulators import load_design
from btfsynth.training.session import TrainOptions, train
from btfsynth.verify.chain import verify_design
from btfsynth.verify.simulate import simulate_design

CHECK = ("amaranth",)


class Somewhere:
    """Stands for a path and is none."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


@pytest.fixture(params=[str, Path, Somewhere])
def kind(request):
    return request.param


def test_the_way_from_a_table_to_a_report(tmp_path):
    """Everything on the way takes what has least of a path."""

    def at(name):
        return Somewhere(tmp_path / name)

    save(load("full_adder"), at("t.csv"))
    data = load(at("t.csv"))
    run = train(data, TrainOptions(seed=1), checkpoint_file=at("c"))
    network = run.network(data, 1)
    save_network(network, at("n.npz"))
    write_network_text(at("n.net"), network)
    assert is_network(at("n.npz"))
    assert load_network(at("n.npz")).name == read_network(at("n.npz")).name
    assert read_network_text(at("n.net")).weights.shape == network.weights.shape
    built = build(data, at("built"), BuildOptions(simulators=CHECK, passes="strash"))
    assert built.verified
    assert build_network(
        data, network, "n.npz", at("given"), BuildOptions(simulators=CHECK, passes="strash")
    ).verified
    netlist = read_netlist(at("built/t.mig"))
    assert read_design(at("built/t.v")).n_cells == netlist.n_cells
    emit_netlist(netlist, data, at("emitted"))
    assert load_manifest(at("emitted")).module == load_design(at("built")).manifest.module == "t"
    assert all(check.ok for check in simulate_design(at("emitted"), CHECK))
    assert verify_design(at("built"), 1, CHECK).verified
    write_report(at("built"), at("page.html"))
    assert (tmp_path / "page.html").stat().st_size > 10_000
    assert read_run_file(at("built/run.toml")).get("data", "source") == "t.csv"
    options = LearnOptions(
        time_limit=None, trials=1, baselines=False, passes="strash", simulators=CHECK
    )
    assert learn(load("majority:5"), at("learnt"), options).verified


def test_files(tmp_path, kind):
    """The functions that write take it too."""
    make_folder(kind(tmp_path / "a" / "b"))
    write_text(kind(tmp_path / "a" / "t"), "x")
    write_bytes(kind(tmp_path / "a" / "u"), b"x")
    write_archive(kind(tmp_path / "a" / "v.npz"), {})
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["b", "t", "u", "v.npz"]


@pytest.mark.parametrize("path", [None, 7, b"bytes", ""])
def test_no_path(path):
    """One line says what came."""
    with pytest.raises(UsageError, match="expected a path, got"):
        as_path(path)


def public_functions():
    """Give every function and method of the public names."""
    for name in btfsynth.__all__:
        found = getattr(btfsynth, name)
        if inspect.isclass(found):
            for member, given in vars(found).items():
                each = getattr(given, "__func__", given)
                if inspect.isfunction(each) and (member == "__init__" or member[0] != "_"):
                    yield f"{name}.{member}", each
        elif inspect.isfunction(found):
            yield name, found


def test_no_function_takes_a_path_alone():
    """A parameter that is annotated as a `Path` and nothing more would refuse text."""
    wrong = [
        f"{name}({parameter.name})"
        for name, function in public_functions()
        for parameter in inspect.signature(inspect.unwrap(function)).parameters.values()
        if parameter.annotation in ("Path", "Path | None", "str | Path")
    ]
    assert not wrong
    assert sum(1 for _ in public_functions()) > 50
