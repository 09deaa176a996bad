"""Recover a hidden circuit from samples, and prove that it is the circuit.

    python examples/recover.py [FOLDER] [--quick]

A random circuit of ANDs, ORs and inverters is known only by what it does on some input vectors. A network is
trained on these until its two sets of constraints agree, its weights are rounded to the least integers that
change nothing on the samples, and the netlist made of them is compared with the hidden circuit: equal on every
input vector, by a SAT proof. FOLDER is hdl_out/recover by default; it gets the network and the recovered
circuit as hardware.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from btfsynth.dataset.load import load
from btfsynth.flow.building import build_network
from btfsynth.flow.report import BuildOptions
from btfsynth.reproduce.recovery import hidden_netlist, recover
from btfsynth.train.parameters import StopRule
from btfsynth.train.session import TrainOptions, train


def main(folder: Path, quick: bool) -> None:
    """Draw samples, train, compare."""
    task, widths = (
        ("random_and_or:2x20,train=256", (20, 20, 20))
        if quick
        else ("random_and_or:3x20,train=256", (20, 20, 20, 20))
    )
    samples, test, hidden = load(task), load(f"{task},part=test"), hidden_netlist(task)
    print(
        f"hidden      {hidden.n_cells} cells, {hidden.n_inputs} inputs, {hidden.n_outputs} outputs"
    )
    print(f"shown       {samples.n_patterns} of its 2^{samples.n_inputs} input vectors")

    settings = TrainOptions(
        seed=1,
        trials=1,
        widths=widths,
        beta=0.4,
        gamma=1e-3,
        stop=StopRule.GAP,
        gap_limit=0.05,
        max_iterations=60_000,
    )
    run = train(samples, settings)
    network = run.network(samples, seed=1)
    right = network.bits_right(test)
    total = test.n_patterns * test.n_outputs
    print(f"trained     {run.iterations} steps, {run.seconds:.1f} s, gap {run.best.gap:.2g}")
    print(f"tested      {right} of {total} bits right on {test.n_patterns} vectors not shown")

    found = recover(network, samples, test, hidden)
    proof = found.why_not or f"by {found.method}"
    print(f"recovered   {found.equal} of {found.outputs} outputs proven equal, {proof}")
    print(
        f"size        {found.cells} cells as recovered; the hidden circuit has {found.hidden_cells}"
    )

    options = BuildOptions(weights="auto", simulators=("amaranth",))
    report = build_network(samples, network, "network", folder, options, valid=test)
    print(f"hardware    {report.cost.cells} cells, verified {report.verified}; files in {folder}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/recover"))
    parser.add_argument("--quick", action="store_true", help="a smaller circuit, seconds")
    main(**vars(parser.parse_args()))
