"""One reader for all files that hold a network."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from btfsynth.dataset.load import load
from btfsynth.errors import DataError
from btfsynth.network.formats import is_network, read_network, save_network, write_network_text
from btfsynth.network.network import TrainedNetwork, layered
from btfsynth.ports import Port

NETWORK = TrainedNetwork(
    "n", layered((2, 2, 1)), np.linspace(-1, 1, 9), (Port("x", 2),), (Port("y", 1),)
)


@pytest.mark.parametrize("name", ["a.npz", "a.sol", "a.net", "A.NPZ", "A.SOL", "archive", "a.dat"])
def test_the_ending_or_the_first_bytes_say_how(tmp_path: Path, name: str) -> None:
    """Text by its ending; an archive whatever its name is."""
    path = tmp_path / name
    if path.suffix.lower() in (".sol", ".net"):
        write_network_text(path, NETWORK)
    else:
        save_network(NETWORK, path)
    assert is_network(path)
    back = read_network(path)
    assert back.topology.widths == (2, 2, 1)
    np.testing.assert_allclose(back.weights, NETWORK.weights, atol=1e-8)


def test_other_files_are_no_networks(tmp_path: Path) -> None:
    """Neither a text of patterns nor a file that is missing, and reading them says so."""
    (tmp_path / "a.dat").write_text("1\n2 1\n2 1\n0 1\n")
    for name in ("a.dat", "missing"):
        assert not is_network(tmp_path / name)
        with pytest.raises(DataError, match=name):
            read_network(tmp_path / name)


@pytest.mark.parametrize("names", [("inputs", "targets"), ("X", "y")])
def test_patterns_are_not_a_network(tmp_path: Path, names: tuple[str, str]) -> None:
    """An archive of patterns is named as what it is."""
    np.savez(tmp_path / "a.npz", **dict(zip(names, ([[0], [1]], [[1], [0]]), strict=True)))
    with pytest.raises(DataError, match="expected a trained network, got an archive of patterns"):
        read_network(tmp_path / "a.npz")


def test_a_network_is_not_patterns(tmp_path: Path) -> None:
    """Where patterns are read, a network is named as what it is, with what takes one."""
    save_network(NETWORK, tmp_path / "n.npz")
    shutil.copy(tmp_path / "n.npz", tmp_path / "n")
    for name in ("n.npz", "n"):
        with pytest.raises(DataError, match=r"got a trained network; .*`network`"):
            load(str(tmp_path / name))
