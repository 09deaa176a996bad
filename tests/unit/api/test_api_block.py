"""What README shows of Python: the block as it stands, from a task to hardware."""

from __future__ import annotations

import numpy as np

import btfsynth as btf


def test_the_whole_way(tmp_path, fast_simulator):
    """Every step gives what the next one takes, and says what it is."""
    data = btf.load("multiplier:2")
    run = btf.train(data, seed=1)
    net = run.network
    assert np.array_equal(net(data.X), data.y)
    assert net.score(data).bits_right == 64
    mig = net.lower(data).optimize("size")
    assert (mig.cells, mig.depth) == (8, 3)
    assert np.array_equal(mig(data.X), data.y)
    assert "module multiplier_2" in mig.to_verilog()
    assert "wiring.Component" in mig.to_amaranth()
    assert mig.to_blif().startswith("#") or ".model multiplier_2" in mig.to_blif()
    assert mig.equivalent(data)
    assert mig.log[-1].cells == 8
    design = mig.write(tmp_path / "out", vectors=data)
    assert design.simulate(fast_simulator)
    assert design.report().read_text().startswith("<!DOCTYPE html>")
    path = tmp_path / "x.blif"
    mig.save(path)
    assert btf.prove(btf.read(path), design)
