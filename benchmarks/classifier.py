"""Measure the classifier with default arguments: five-fold accuracy, longest fit, and maximum memory.

    python benchmarks/classifier.py [--seeds N,...] [--sets NAME,...]

The sets are those of scikit-learn: ``breast_cancer``, ``digits``, ``wine``, ``iris``. ``StratifiedKFold``
splits the rows into five parts, shuffled by the seed; the classifier gets the same seed. Seconds are wall
time of one fit; memory is the maximum of the process so far, including scikit-learn and the sets.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
from real_data import names, numbers, sklearn_tables
from sklearn.model_selection import StratifiedKFold

import btfsynth as btf

SETS = ("breast_cancer", "digits", "wine", "iris")
_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes per unit in which the system reports memory."""


def main() -> None:
    """Print a line for every set and seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=numbers, default=(1,), metavar="N,...")
    parser.add_argument("--sets", type=names(SETS), default=SETS[:2], metavar="NAME,...")
    options = parser.parse_args()
    for name, cells, labels in sklearn_tables():
        if name not in options.sets:
            continue
        for seed in options.seeds:
            shares, seconds = [], []
            folds = StratifiedKFold(5, shuffle=True, random_state=seed)
            for train, test in folds.split(cells, labels):
                model = btf.BTFClassifier(random_state=seed)
                begin = time.perf_counter()
                model.fit(cells[train], labels[train])
                seconds.append(time.perf_counter() - begin)
                shares.append(model.score(cells[test], labels[test]))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
            print(
                f"{name}, seed {seed}: {np.mean(shares):.4f} ({min(shares):.4f} to "
                f"{max(shares):.4f}), a fit at most {max(seconds):.1f} s, "
                f"memory at most {memory / 2**30:.2f} GB",
                flush=True,
            )


if __name__ == "__main__":
    main()
