"""Learn a cellular automaton: one step of rule 30 from samples of its states.

    python examples/automaton.py [FOLDER] [--quick]

The network learns from 256 of the 65,536 states of a ring of 16 cells and their next states. It does not know
that every cell depends only on itself and its two neighbours. The script prints the accuracy on 2,048 other
states, and whether the rounded network is proven equivalent to the automaton, output by output. The published
run has an accuracy of 99.66%. FOLDER is hdl_out/automaton by default; the network is saved there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import btfsynth as btf


def main(folder: Path, quick: bool) -> None:
    """Draw states, train, test, prove."""
    cells, hidden_width, limit = (8, 24, 20_000) if quick else (16, 48, 60_000)
    task = f"automaton:30,cells={cells}," + ("train=128,test=128" if quick else "train=256")
    samples, test = btf.load(task), btf.load(f"{task},part=test")
    print(f"rule 30     {len(samples)} of the {1 << cells} states of a ring of {cells} cells")

    settings = {"beta": 0.4, "gamma": 1e-3, "stop": "gap", "gap_limit": 0.05}
    widths = (cells, hidden_width, hidden_width, cells)
    try:
        run = btf.train(samples, trials=1, widths=widths, max_iterations=limit, **settings)
    except btf.TrainingError as error:  # the gap was not reached; the best network may be right
        run = error.run
    folder.mkdir(parents=True, exist_ok=True)
    run.network.save(folder / "rule30.npz")
    print(f"trained     {run.iterations} iterations, {run.seconds:.1f} s, gap {run.gap:.2g}")
    share = run.network.score(test).bit_share
    print(f"tested      {share:.2%} of the bits of {len(test)} test states")

    mig, rule = run.network.round(samples).lower(by_neuron=True), samples.circuit
    proofs = [mig.cone(bit).equivalent(rule.cone(bit)) for bit in mig.outputs[0].bits]
    proven = sum(map(bool, proofs))
    print(f"proven      {proven} of {cells} cells equal to rule 30, by {proofs[0].method}")
    print(f"size        {mig.cells} cells as recovered, {rule.cells} as the rule is written")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/automaton"))
    parser.add_argument("--quick", action="store_true", help="a ring of 8 cells, seconds")
    main(**vars(parser.parse_args()))
