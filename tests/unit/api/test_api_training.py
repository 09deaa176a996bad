"""Training and networks: what is refused, what an unsuccessful one leaves, and how both show themselves."""

from __future__ import annotations

import pickle
from xml.etree import ElementTree

import numpy as np
import pytest

import btfsynth as btf


@pytest.fixture(scope="module")
def run():
    return btf.train("multiplier:2", seed=1)


def test_settings_by_wrong_names_and_values():
    """The nearest name is told, and the range."""
    with pytest.raises(btf.UsageError, match="unknown setting `trails`; is `trials` meant"):
        btf.train("full_adder", trails=3)
    with pytest.raises(btf.UsageError, match="sigma"):
        btf.train("full_adder", sigma=0.5)
    with pytest.raises(btf.UsageError, match="`stop`: expected one of exact, gap, both, none"):
        btf.train("full_adder", stop="never")
    with pytest.raises(btf.BtfsynthError, match="begin with the number of inputs"):
        btf.train("full_adder", widths=(2, 2))


def test_a_training_without_success_keeps_its_best_network():
    """The error has the run, which has the network."""
    with pytest.raises(btf.TrainingError, match=r"`error.run.network`") as caught:
        btf.train("parity:6", trials=2, max_iterations=20)
    run = caught.value.run
    assert not run.succeeded
    assert len(run.trials) == 2
    assert run.network.score("parity:6").bits_right == max(run.trials["bits_right"])


def test_ctrl_c_keeps_the_best_network():
    """So does an interrupted one."""

    def stop(event: btf.Event) -> None:
        if isinstance(event, btf.TrialEnded) and event.trial == 1:
            raise KeyboardInterrupt

    with pytest.raises(btf.InterruptedWorkError) as caught:
        btf.train("parity:6", trials=50, max_iterations=20, on_event=stop)
    assert caught.value.run.network.widths[0] == 6


def test_a_run_shows_its_curve(run, tmp_path):
    """In a notebook it is drawn; the drawing is well-formed and has its style."""
    ElementTree.fromstring(run._repr_svg_())
    assert "<style>" in run.plot()
    run.plot().save(tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").read_text() == run.plot()
    with pytest.raises(btf.UsageError, match=r"\.svg, \.png, \.pdf"):
        run.plot(tmp_path / "curve.gif")


def test_same_seed_same_weights_for_any_jobs(run):
    """The number of jobs has no part in the result."""
    other = btf.train("multiplier:2", seed=1, jobs=2)
    assert np.array_equal(other.network.weights, run.network.weights)


def test_networks_take_rows_and_refuse_others(run):
    """One row or many, 0/1; another width or value is an error."""
    net, data = run.network, btf.load("multiplier:2")
    assert np.array_equal(net(data.X.tolist()), data.y)
    assert np.array_equal(net(data.X[5]), data.y[5])
    assert np.array_equal(net.sums(data.X) > 0, data.y)
    with pytest.raises(btf.UsageError, match=r"expected shape \(patterns, 4\), got \(3,\)"):
        net([0, 1, 0])
    with pytest.raises(btf.UsageError, match="from 0 to 1"):
        net([0, 1, 0, 2])
    with pytest.raises(btf.UsageError):
        net.lower("adder:3")


def test_networks_are_saved_read_and_pickled(run, tmp_path):
    """As an archive, as boolearn's text, as a pickle."""
    net, data = run.network, btf.load("multiplier:2")
    for name in ("net.npz", "net.sol"):
        net.save(tmp_path / name)
        assert np.array_equal(btf.Network.read(tmp_path / name)(data.X), data.y)
    assert np.array_equal(pickle.loads(pickle.dumps(net))(data.X), data.y)
    with pytest.raises(btf.DataError, match="no such file"):
        btf.Network.read(tmp_path / "none.npz")


def test_rounding_and_sparsifying_keep_the_targets(run):
    """Integers and few weights get the same patterns right; a cut network is the whole one."""
    net, data = run.network, btf.load("multiplier:2")
    integers = net.round(data)
    assert np.array_equal(integers.weights, np.round(integers.weights))
    few = net.sparsify(data)
    assert (few.weights != 0).sum() <= (net.weights != 0).sum()
    first, second = net.cut(1)
    for each in (integers, few, lambda X: second(first(X))):
        assert np.array_equal(each(data.X), data.y)
    with pytest.raises(btf.UsageError, match="hidden layer 9"):
        net.cut(9)


def test_a_graph_can_be_trained_again(run):
    """The topology of a network is a setting."""
    again = btf.train("multiplier:2", seed=2, topology=run.network)
    assert again.network.widths == run.network.widths


def test_lowering_keeps_what_is_asked(run):
    """Targets that matter, or the network on every input."""
    data = btf.load("multiplier:2")
    part = btf.Dataset(data.X[:8], data.y[:8], inputs=data.inputs, outputs=data.outputs)
    kept = run.network.lower(part, preserve="care").optimize()
    assert kept.cells < run.network.lower(part).optimize().cells
    assert kept.score(part).right == 32
    with pytest.raises(btf.UsageError, match="`preserve`: expected one of network, care"):
        run.network.lower(data, preserve="all")
