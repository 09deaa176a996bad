"""From scikit-learn to an iCE40: a fitted classifier as proven hardware.

    python examples/from_sklearn.py [FOLDER] [--quick]

Boosted trees learn from two thirds of 569 tumours which are malignant. Every threshold of the trees becomes an
input bit of the hardware, leaves become integers, and each row must get scikit-learn's label. The netlist is
optimised, proven equivalent, written, simulated, and placed on an iCE40 HX8K. With --quick there are two trees
and no FPGA tools. FOLDER is hdl_out/from_sklearn by default.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split

import btfsynth as btf


def main(folder: Path, quick: bool) -> None:
    """Train, import, write, check, and place."""
    rows, kinds = load_breast_cancer(return_X_y=True)
    labels = np.array(["malignant", "benign"])[kinds]
    seen, unseen, known, wanted = train_test_split(rows, labels, test_size=1 / 3, random_state=1)
    model = GradientBoostingClassifier(n_estimators=2 if quick else 20, random_state=1)
    model.fit(seen, known)
    found = btf.from_sklearn(model, rows, name="tumour")
    for compared in found.compared:
        print(f"compared    {compared.same} of {compared.rows} rows {compared.place} are the same")
    for note in found.notes:
        print(f"note        {note}")
    settings = {"simulators": ["amaranth"], "effort": "low" if quick else "normal"}
    design = found.write(folder, rows, **settings)
    right = np.mean(design.predict(unseen) == wanted)
    print(f"predicts    {right:.1%} of {len(unseen)} rows that no tree has seen")
    cells = f"{found.netlist.cells} cells as built, {design.netlist.cells} after the passes"
    print(f"netlist     {cells}, equal {bool(design.netlist.equivalent(found.netlist))}")
    tables = design.netlist.luts()[0]
    print(f"estimate    {tables.luts} LUT4, {tables.levels} levels; files in {folder}")
    if not quick:
        for row in design.fpga("ice40-hx8k"):
            print(f"placed      {row.name}: {row.luts} LUT4, {row.fmax:.0f} MHz")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("hdl_out/from_sklearn"))
    parser.add_argument("--quick", action="store_true", help="two trees, no FPGA tools")
    main(**vars(parser.parse_args()))
