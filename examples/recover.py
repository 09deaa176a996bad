"""Recover a hidden circuit from samples, and prove that it is the circuit.

    python examples/recover.py [FOLDER] [--quick]

A random circuit of ANDs, ORs and inverters is known only by its outputs on some input vectors. A network is
trained on these until the gap is small, its weights are rounded to the smallest integers that change no output
on the samples, and its netlist is proven equal to the hidden circuit on every input vector, by SAT. FOLDER is
hdl_out/recover by default; the recovered circuit is written there as hardware.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import btfsynth as btf


def main(folder: Path, quick: bool) -> None:
    """Draw samples, train, compare."""
    layers = 2 if quick else 3
    task = f"random_and_or:{layers}x20,train=256,test={200 if quick else 2048}"
    samples, test = btf.load(task), btf.load(f"{task},part=test")
    hidden, bits = samples.circuit, samples.X.shape[1]
    print(f"hidden      {hidden.cells} cells, {bits} inputs, {hidden.outputs[0].width} outputs")
    print(f"samples     {len(samples)} of its 2^{bits} input vectors")

    settings = {"beta": 0.4, "gamma": 1e-3, "stop": "gap", "gap_limit": 0.05}
    widths = (20,) * (layers + 1)
    run = btf.train(samples, seed=1, trials=1, widths=widths, max_iterations=60_000, **settings)
    right = run.network.score(test)
    print(f"trained     {run.iterations} iterations, {run.seconds:.1f} s, gap {run.gap:.2g}")
    print(f"tested      {right.bits_right} of {right.bits} bits right on {len(test)} test vectors")

    mig = run.network.round(samples).lower(by_neuron=True)
    proofs = [mig.cone(bit).equivalent(hidden.cone(bit)) for bit in mig.outputs[0].bits]
    proven = sum(map(bool, proofs))
    print(f"recovered   {proven} of {len(proofs)} outputs proven equal, by {proofs[0].method}")
    print(f"size        {mig.cells} cells as recovered; the hidden circuit has {hidden.cells}")

    hardware = {"weights": "auto", "simulators": ["amaranth"]}
    built = btf.build(samples, folder, network=run.network, valid=test, **hardware)
    print(f"hardware    {built.netlist.cells} cells, verified {built.verified}; files in {folder}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/recover"))
    parser.add_argument("--quick", action="store_true", help="a smaller circuit, seconds")
    main(**vars(parser.parse_args()))
