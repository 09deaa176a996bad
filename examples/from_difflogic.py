"""A difflogic network, optimised and proven: two-input gates and sums of groups as a small netlist.

    python examples/from_difflogic.py [FOLDER] [--quick]

The network is trained here, layer by layer: for each gate, the best of some random pairs of signals and of the
sixteen two-input functions is chosen, by correlation with its class. The file has the arrays that the
documentation shows for models of difflogic and torchlogix. With --quick it has 60 gates instead of 1,000.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import btfsynth as btf


def layer(bits: np.ndarray, labels: np.ndarray, gates: int, seed: int) -> tuple[np.ndarray, ...]:
    """Choose the gates of a layer; return connections, numbers of functions, and the outputs."""
    random = np.random.default_rng(seed)
    connections, numbers = np.zeros((gates, 2), dtype=int), np.zeros(gates, dtype=int)
    outputs = np.zeros((len(bits), gates), dtype=int)
    for gate in range(gates):
        wanted = labels == gate * 10 // gates
        weight = np.where(wanted, 1 / wanted.sum(), -1 / (~wanted).sum())
        weight *= random.exponential(size=len(weight))  # so that gates of a class differ
        best = 0.0
        for a, b in (random.choice(bits.shape[1], 2, replace=False) for _ in range(40)):
            place = (
                3 - 2 * bits[:, a] - bits[:, b]
            )  # the value there counts 2 ** place in the number
            gain = np.bincount(place, weight, 4)
            if gain[gain > 0].sum() > best:
                best, connections[gate] = gain[gain > 0].sum(), (a, b)
                numbers[gate] = (gain > 0) @ [1, 2, 4, 8]
                outputs[:, gate] = numbers[gate] >> place & 1
    return connections, numbers, outputs


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/from_difflogic"))
parser.add_argument("--quick", action="store_true", help="60 gates")
given = parser.parse_args()
images, labels = load_digits(return_X_y=True)
bits = rows = (images >= 8).astype(int)
arrays = {"inputs": 64, "groups": 10}
for k in range(2):
    found = layer(bits, labels, 30 if given.quick else 500, k)
    arrays[f"connections{k}"], arrays[f"gates{k}"], bits = found
given.folder.mkdir(parents=True, exist_ok=True)
np.savez(given.folder / "digits.npz", **arrays)
model = btf.from_gates(given.folder / "digits.npz", rows)
print(f"predicts    {np.mean(model.predict(rows) == labels):.1%} of the rows it was trained on")
design = model.write(given.folder / "design", rows, simulators=["icarus"], passes="light")
for name, netlist in (("built", model.netlist), ("smaller", design.netlist)):
    print(f"{name:11} {netlist.cells} cells, {netlist.luts()[1].luts} LUT6")
proven = design.netlist.equivalent(model.netlist) if given.quick else design.verify()
print(f"proven      {bool(proven)}; files in {given.folder}")
