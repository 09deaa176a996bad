"""What a user mistypes is one line in the words of Python, never a traceback from inside."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import btfsynth as btf


@pytest.fixture(scope="module")
def adder():
    return btf.smallest("full_adder").netlist


@pytest.fixture(scope="module")
def network():
    return btf.train("full_adder", seed=1).network


@pytest.mark.parametrize("given", [3, [[0, 1]], np.zeros((2, 2))])
def test_prove_refuses_what_is_no_design(adder, network, given):
    for pair in ((given, adder), (adder, given), (network, adder)):
        with pytest.raises(btf.UsageError, match="expected a netlist, data, a design"):
            btf.prove(*pair)


def test_data_stand_for_their_inputs(adder, network):
    """Columns are taken by name; data of other ports are refused."""
    data = btf.load("full_adder")
    assert adder(data).tolist() == data.y.tolist()
    assert network(data).tolist() == network(data.X).tolist()
    turned = btf.Dataset(data.X[:, ::-1], data.y, inputs=["cin", "b", "a"], outputs=["s", "cout"])
    assert adder(turned).tolist() == data.y.tolist()
    for design in (adder, network):
        with pytest.raises(btf.UsageError, match="has 3 inputs and 2 outputs"):
            design(btf.load("multiplier:2"))


@pytest.mark.parametrize("cut", [("a",), (None,), (1.5,), (1, ""), (1, 3)])
def test_a_network_is_cut_behind_a_layer(network, cut):
    with pytest.raises(btf.UsageError, match=r"`(layer|port)`: expected"):
        network.cut(*cut)


def test_smallest_says_what_ended_it(monkeypatch):
    """Limits are named with the sizes that they left open; Ctrl-C says what is proven."""
    from btfsynth.exact.synthesis import _Search

    with pytest.raises(btf.VerificationError, match=r"2 are proven necessary$"):
        btf.smallest("full_adder", 1)
    monkeypatch.setattr(_Search, "_solve", lambda search, solver: None)
    with pytest.raises(
        btf.VerificationError, match="`time_limit` ended the search at 0, 1, 2 cells"
    ):
        btf.smallest("full_adder", 2, time_limit=5.0)

    def interrupt(search, size, depth):
        if size == 2:
            raise KeyboardInterrupt
        return None, True

    monkeypatch.setattr(_Search, "ask", interrupt)
    with pytest.raises(btf.InterruptedWorkError, match="interrupted; 2 cells proven") as caught:
        btf.smallest("full_adder")
    assert caught.value.netlist is None


def test_an_interrupted_check_is_an_error_of_its_own(adder, tmp_path, monkeypatch):
    from btfsynth.api import designs

    def interrupt(*_):
        raise KeyboardInterrupt

    design = adder.write(tmp_path / "out")
    monkeypatch.setattr(designs, "simulate_design", interrupt)
    monkeypatch.setattr(designs, "verify_design", interrupt)
    for check in (design.simulate, design.verify):
        with pytest.raises(btf.InterruptedWorkError, match="interrupted; not all checks ran"):
            check()


@pytest.mark.parametrize("passes", [3, ["size", 3]])
def test_passes_are_scripts_or_passes(adder, passes):
    with pytest.raises(btf.UsageError, match="`passes`: expected a script"):
        adder.optimize(passes)


def test_a_single_pass_needs_no_list(adder):
    from btfsynth.passes.registry import parse_script

    (step,) = parse_script("strash")
    assert adder.optimize(step).log["name"].tolist() == ["strash"]


def test_no_values_give_no_values(adder):
    assert adder(a=[], b=[], cin=[]).s.tolist() == []


@pytest.mark.parametrize(
    "limit",
    [{"time_limit": -1}, {"time_limit": float("nan")}, {"max_cells": "3"}, {"max_depth": 1.5}],
)
def test_limits_of_smallest_are_checked(limit):
    with pytest.raises(btf.UsageError, match=f"`{next(iter(limit))}`: expected a number"):
        btf.smallest("full_adder", **limit)


def test_time_limits_are_checked_everywhere(adder, tmp_path):
    design = adder.write(tmp_path / "out")
    calls = {
        "time_limit": [lambda: adder.optimize("light", time_limit=0)],
        "timeout": [
            lambda: design.simulate("amaranth", timeout=-1),
            lambda: design.verify(timeout="3"),
            lambda: btf.prove(adder, adder, timeout=-1),
        ],
    }
    for name, faulty in calls.items():
        for call in faulty:
            with pytest.raises(btf.UsageError, match=f"`{name}`: expected a number of seconds"):
                call()


def test_simulators_may_stand_in_a_list(adder, tmp_path):
    design = adder.write(tmp_path / "out")
    assert design.simulate(["amaranth"])["name"].tolist() == ["parsed_verilog", "amaranth"]


def test_a_drawing_is_an_svg_file(adder, tmp_path):
    with pytest.raises(btf.UsageError, match=r"expected a drawing to end in \.svg"):
        adder.draw().save(tmp_path / "adder.png")
    assert not (tmp_path / "adder.png").exists()


def test_a_network_is_made_of_a_network(network):
    for given in (network, 3):
        with pytest.raises(btf.UsageError, match="expected the `network_` of a classifier"):
            btf.Network(given)


def test_read_names_the_function_for_patterns(tmp_path):
    for ending in ("csv", "npz", "dat"):
        btf.load("full_adder").save(tmp_path / f"adder.{ending}")
        with pytest.raises(btf.DataError, match="load reads patterns"):
            btf.read(tmp_path / f"adder.{ending}")


def test_events_go_to_a_function(tmp_path):
    for call in (
        lambda: btf.train("full_adder", on_event=3),
        lambda: btf.build("full_adder", tmp_path / "out", on_event=3),
    ):
        with pytest.raises(btf.UsageError, match="`on_event`: expected a function of one event"):
            call()


def test_unknown_settings_have_the_keywords_too(adder, tmp_path):
    """The nearest name may be that of a keyword, and an old name of one has its new one."""
    for given, said in (
        ("held_out", "train: `held_out` is renamed to `valid`"),
        ("vald", "is `valid` meant"),
        ("verbose", "expected some of seed, valid, "),
    ):
        with pytest.raises(btf.UsageError, match=said):
            btf.train("full_adder", **{given: 1})
    with pytest.raises(btf.UsageError, match="write: unknown setting `vector`; is `vectors` meant"):
        adder.write(tmp_path / "out", vector=1)


def test_a_script_that_its_workers_run_again_is_told(tmp_path):
    """Workers import the script; without a guard they would start the search again."""
    script = tmp_path / "script.py"
    script.write_text(
        "import btfsynth as btf\nbtf.discover('multiplier:2', 'out', trials=2, polish=False)\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "a Python script needs `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]


def test_rows_of_a_model_have_its_columns():
    """Unnamed columns are not dropped; a frame may have others beside those of the model."""
    sklearn = pytest.importorskip("sklearn.tree")
    rows = [[1, 5], [2, 5], [3, 5], [4, 5]]
    model = btf.from_sklearn(sklearn.DecisionTreeClassifier().fit(rows, [0, 0, 1, 1]), rows)
    for use in (model.predict, model.compare):
        for given in ([[1, 2, 3]], [[1]]):
            with pytest.raises(btf.UsageError, match=f"2 columns, got {len(given[0])}"):
                use(given)


def test_learners_of_an_output(tmp_path):
    """The best circuit of each of them, for an output that there is."""
    options = {"learners": ["constant"], "baselines": False, "simulators": ["parsed_verilog"]}
    learned = btf.learn("full_adder", tmp_path / "out", passes="strash", **options)
    assert learned.learners(1)["learner"].tolist() == ["constant"]
    for output in (-1, 2, "s"):
        with pytest.raises(btf.UsageError, match=r"`output`: expected 0 to 1, got"):
            learned.learners(output)


def test_a_table_without_rows_says_so(adder):
    """The log of a netlist that no pass has seen."""
    assert repr(adder.log) == "<Table: no rows>"
