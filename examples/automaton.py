"""Learn a cellular automaton: one step of rule 30 from samples of its states.

    python examples/automaton.py [FOLDER] [--quick]

The network sees 256 of the 65,536 states of a ring of 16 cells and what they become; nobody tells it that
every cell looks at its two neighbours. The rest is generalisation: what share of the bits of 2,048 other
states is right, and whether the rounded network is proven to be the automaton, output by output. The published
run gets 99.66% of the test bits right. FOLDER is hdl_out/automaton by default; it gets the network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from btfsynth.dataset.load import load
from btfsynth.network.formats import save_network
from btfsynth.reproduce.recovery import hidden_netlist, recover
from btfsynth.train.parameters import StopRule
from btfsynth.train.session import TrainOptions, train


def main(folder: Path, quick: bool) -> None:
    """Draw states, train, test, prove."""
    cells, hidden_width, steps = (8, 24, 20_000) if quick else (16, 48, 60_000)
    task = f"automaton:30,cells={cells}," + ("train=128,test=128" if quick else "train=256")
    samples, test = load(task), load(f"{task},part=test")
    print(f"rule 30     {samples.n_patterns} of the {1 << cells} states of a ring of {cells} cells")

    settings = TrainOptions(
        seed=1,
        trials=1,
        widths=(cells, hidden_width, hidden_width, cells),
        beta=0.4,
        gamma=1e-3,
        stop=StopRule.GAP,
        gap_limit=0.05,
        max_iterations=steps,
    )
    run = train(samples, settings)
    network = run.network(samples, seed=1)
    folder.mkdir(parents=True, exist_ok=True)
    save_network(network, folder / "rule30.npz")
    print(f"trained     {run.iterations} steps, {run.seconds:.1f} s, gap {run.best.gap:.2g}")
    share = network.bits_right(test) / test.targets.size
    print(f"tested      {share:.2%} of the bits of {test.n_patterns} states not shown")

    found = recover(network, samples, test, hidden_netlist(task))
    if found.why_not is not None:
        print(f"not proven  {found.why_not}")
        return
    print(f"proven      {found.equal} of {found.outputs} cells equal to rule 30, by {found.method}")
    print(
        f"size        {found.cells} cells as recovered, {found.hidden_cells} as the rule is written"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/automaton"))
    parser.add_argument("--quick", action="store_true", help="a ring of 8 cells, seconds")
    main(**vars(parser.parse_args()))
