"""Netlists and designs: evaluation, comparison, formats, folders, and what is refused."""

from __future__ import annotations

import copy
import pickle
from xml.etree import ElementTree

import numpy as np
import pytest

import btfsynth as btf
from btfsynth.passes.basic import Strash


@pytest.fixture(scope="module")
def adder():
    return btf.smallest("full_adder").netlist


def test_evaluation_by_rows_and_by_ports(adder):
    """Rows of bits, single rows, integers by port and arrays of them agree."""
    data = btf.load("full_adder")
    assert np.array_equal(adder(data.X), data.y)
    assert np.array_equal(adder(data.X[6]), data.y[6])
    values = adder(a=data["a"], b=data["b"], cin=data["cin"])
    assert values["s"].tolist() == data["s"].tolist()
    assert adder(a=1, b=1, cin=0) == {"s": 0, "cout": 1}
    assert adder(a=[0, 1], b=1, cin=0).s.tolist() == [1, 0]


def test_wide_ports_are_whole_integers():
    """A port of more than 62 bits is evaluated with Python's integers."""
    data = btf.Dataset(np.eye(70, dtype=int), [1] * 70, inputs={"a": 70}, outputs=["any"])
    assert data["a"][69] == 1 << 69
    ports = (btf.Port("a", 70),), (btf.Port("y", 70),)
    graph = type(btf.smallest("full_adder").netlist.core)(
        "wire", *ports, np.empty((0, 3), int), 2 * np.arange(1, 71)
    )
    assert btf.Netlist(graph)(a=(1 << 69) + 5).y == (1 << 69) + 5


@pytest.mark.parametrize(
    ("rows", "ports", "said"),
    [
        ([[0, 1]], {}, r"expected shape \(patterns, 3\), got \(1, 2\)"),
        ([[0, 1, 2]], {}, "expected 0 or 1"),
        ([["a", "b", "c"]], {}, "expected numbers"),
        (None, {"a": 1}, "expected a value for each of a, b, cin; got a"),
        (None, {"a": 2, "b": 0, "cin": 0}, "port a: expected whole numbers of 1 bit, got 2"),
        (None, {"a": 0.5, "b": 0, "cin": 0}, "port a: expected whole numbers"),
        (None, {"a": [0, 1], "b": [0, 1, 1], "cin": 0}, "the same number of values"),
        ([[0, 0, 0]], {"a": 1}, "got both"),
    ],
)
def test_what_is_refused(adder, rows, ports, said):
    """Shapes, values and ports that do not fit are one line of error."""
    with pytest.raises(btf.UsageError, match=said):
        adder(rows, **ports)


def test_passes_as_script_list_and_objects(adder):
    """All are the same passes; the log grows from one call to the next."""
    one = adder.optimize("strash; inverters")
    other = adder.optimize(["strash", "inverters"])
    objects = adder.optimize([Strash(), "inverters"])
    assert one.log["name"].tolist() == other.log["name"].tolist() == objects.log["name"].tolist()
    assert len(one.optimize("sweep").log) == 3
    assert "inverters" in repr(one.log)
    with pytest.raises(btf.UsageError, match="unknown pass 'strach'"):
        adder.optimize("strach")


def test_ctrl_c_keeps_the_passes_that_were_done(adder):
    """The error has the netlist after these."""

    class Stopped:
        name, structural = "stopped", True

        def apply(self, *_: object) -> None:
            raise KeyboardInterrupt

    with pytest.raises(btf.InterruptedWorkError, match="after 1 of 3 passes") as caught:
        adder.optimize(["strash", Stopped(), "inverters"])
    assert caught.value.netlist.log["name"].tolist() == ["strash"]
    assert caught.value.netlist.equivalent(adder)


def test_patterns_in_place_of_the_function(adder):
    """What the patterns leave open may change; what they ask for must be there already."""
    data = btf.load("full_adder")
    part = btf.Dataset(data.X[:2], data.y[:2], inputs=data.inputs, outputs=data.outputs)
    assert adder.optimize(data=part).cells < adder.cells
    with pytest.raises(btf.UsageError, match="wrong on"):
        adder.optimize(data=part).optimize(data=data)


def test_a_depth_may_be_asked_for(adder):
    """The objective chooses the script and the result; what is out of range is refused."""
    assert adder.optimize(objective="depth").depth <= adder.depth
    assert adder.optimize("strash", max_depth=2).depth == 2
    for wrong in ({"objective": "size"}, {"max_depth": 0}):
        with pytest.raises(btf.UsageError, match=f"`{next(iter(wrong))}`"):
            adder.optimize("strash", **wrong)


def test_equivalence_has_a_counterexample(adder):
    """A difference is a value for each port, and evaluating there shows it."""
    found = adder.equivalent("full_adder")
    assert found
    assert found.counterexample is None
    data = btf.load("full_adder")
    y = data.y.copy()
    y[5, 1] ^= 1
    other = btf.Dataset(data.X, y, inputs=data.inputs, outputs=data.outputs)
    found = btf.prove(adder, other)
    assert not found
    assert found.counterexample == {"a": 1, "b": 0, "cin": 1}
    assert "cout=1'b1" in found.outputs[0]
    assert adder(**found.counterexample).cout == 1
    with pytest.raises(btf.UsageError, match="cannot be compared"):
        btf.prove(adder, "multiplier:2")


@pytest.mark.parametrize("ending", ["mig", "blif", "aag", "aig", "bench", "json", "v"])
def test_files_are_read_back(adder, ending, tmp_path):
    """Every format holds the same function."""
    path = tmp_path / f"adder.{ending}"
    adder.save(path)
    assert adder.equivalent(path)
    assert btf.read(path).equivalent(adder)


def test_files_that_are_no_netlists(adder, tmp_path):
    """Unknown endings, missing and broken files are one line of error."""
    with pytest.raises(btf.UsageError, match=r"\.mig, \.blif"):
        adder.save(tmp_path / "adder.edif")
    with pytest.raises(btf.DataError, match="no such file"):
        btf.read(tmp_path / "none.blif")
    (tmp_path / "x.blif").write_text(".model x\n.inputs a\n.outputs y\n.names a b c\n")
    with pytest.raises(btf.DataError, match=r"x\.blif"):
        btf.read(tmp_path / "x.blif")


def test_text_of_every_language(adder):
    """Each has the module in it."""
    assert "module full_adder" in adder.to_verilog()
    assert "entity full_adder" in adder.to_vhdl()
    assert "wiring.Component" in adder.to_amaranth()
    assert ".model full_adder" in adder.to_blif()
    assert adder.to_aiger().startswith("aag ")


def test_drawings_and_cones(adder):
    """A netlist draws itself, a large one shows figures; a cone is the part that an output needs."""
    ElementTree.fromstring(adder._repr_svg_())
    assert "<td>3</td>" in adder._repr_html_()
    assert "data:image/svg+xml;base64," in adder._repr_html_()
    cone = adder.cone("cout")
    assert (cone.cells, [port.name for port in cone.outputs]) == (1, ["cout"])
    assert len(adder.draw("cout")) < len(adder.draw())
    with pytest.raises(btf.UsageError, match="s, cout"):
        adder.draw("carry")
    large = btf.load("random_and_or:16x64,train=64").circuit
    assert large._repr_svg_() is None
    assert f"<td>{large.cells}</td>" in large._repr_html_()


def test_copies_and_pickles_compute_the_same(adder):
    """A copy and what comes out of a pickle are the same netlist, with its log."""
    mig = adder.optimize("strash")
    for other in (copy.copy(mig), copy.deepcopy(mig), pickle.loads(pickle.dumps(mig))):
        assert other.equivalent(adder)
        assert other.log["name"].tolist() == ["strash"]
    with pytest.raises(AttributeError):
        adder.log = ()


def test_smallest_says_what_it_cannot_do():
    """A sample, too few cells."""
    with pytest.raises(btf.UsageError, match="got a sample"):
        btf.smallest(btf.load("full_adder").sample(4))
    with pytest.raises(btf.VerificationError, match="are proven necessary"):
        btf.smallest("full_adder", max_cells=2)


def test_design_folders(adder, tmp_path, fast_simulator):
    """A folder is written, opened, replaced, simulated; what is none is an error."""
    folder = tmp_path / "adder"
    design = adder.write(folder, vectors="full_adder", pipeline="auto:1", formats=["blif"])
    assert design.manifest.timing.latency == adder.depth
    assert design.files["blif"].name == "full_adder.blif"
    checks = design.simulate(fast_simulator)
    assert checks
    assert checks["passed"].tolist() == [8, 8]
    assert btf.prove(btf.Design(folder), adder)
    again = adder.renamed("other").write(folder)
    assert again.manifest.module == btf.Design(folder).manifest.module == "other"
    assert "module other" in again.files["verilog"].read_text()
    with pytest.raises(btf.DataError):
        btf.Design(tmp_path)
    with pytest.raises(btf.UsageError, match="pipeline"):
        adder.write(folder, pipeline="fast")
    with pytest.raises(btf.UsageError, match="unknown setting `format`; is `formats` meant"):
        adder.write(folder, format=["blif"])
    with pytest.raises(btf.UsageError, match="unknown simulator 'icarsu'"):
        design.simulate("icarsu")
    with pytest.raises(btf.UsageError):
        design.fpga("ice40-none")


def test_checks_are_true_only_if_one_ran(adder, tmp_path):
    """A broken module is false; so is nothing at all."""
    design = adder.write(tmp_path / "d")
    path = design.files["verilog"]
    path.write_text(path.read_text().replace("&", "|", 1))
    checks = design.simulate("amaranth")
    assert not checks
    assert checks[0].mismatch is not None
    assert not design.verify("amaranth", mutants=1)
    assert not type(checks)()


def test_builds_refuse_what_has_no_use(tmp_path):
    """Settings of a training beside a network, and unknown ones."""
    net = btf.train("full_adder").network
    with pytest.raises(btf.UsageError, match="has no effect with `network`"):
        btf.build("full_adder", tmp_path / "d", network=net, trials=3)
    with pytest.raises(btf.UsageError, match="unknown setting `pipelin`; is `pipeline` meant"):
        btf.build("full_adder", tmp_path / "d", pipelin=3)
    for name in ("network", "topology"):
        with pytest.raises(btf.UsageError, match=f"`{name}`: expected a Network, got 'net.npz'"):
            btf.build("full_adder", tmp_path / "d", **{name: "net.npz"})
    with pytest.raises(btf.UsageError, match="bits from 2 to 12, got 13"):
        btf.build("full_adder", tmp_path / "d", weights=13)
    assert not (tmp_path / "d").exists()
    built = btf.build("full_adder", tmp_path / "d", network=net, simulators=["amaranth"])
    assert built
    assert built.run is None
    assert np.array_equal(built.network.weights, net.weights)


def test_a_build_without_success_keeps_its_network(tmp_path):
    """As on the command line, the best network is in the folder."""
    with pytest.raises(btf.TrainingError, match="saved in"):
        btf.build("parity:6", tmp_path / "d", trials=1, max_iterations=10)
    assert [path.suffix for path in (tmp_path / "d").iterdir()] == [".npz"]
