"""Digits from 512 images: test accuracy of votes with and without shifted copies, and of small hardware.

    python benchmarks/digits.py [--shifts N,...] [--seeds N,...] [--max-luts N] [--simulator NAME]

The images are scikit-learn's, split as in the task `digits`: 512 for training, 1,285 for test. Only training
images are shifted. The classifier is ``BTFClassifier()`` with default arguments. The hardware is that of
``train --votes`` with ``--max-luts``, with the number of votes chosen by cross-fitting, and is simulated on all
test images. Yosys, if installed, counts its lookup tables.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from real_data import count_luts, numbers

import btfsynth as btf

_VOTES = 80
_CODE = "quantile:7"


def classify(shifts: int, seeds: Sequence[int]) -> None:
    """Print the accuracy of the classifier."""
    data, test = btf.load(f"digits:shifts={shifts}"), btf.load("digits:part=test")
    for seed in seeds:
        begin = time.perf_counter()
        model = btf.BTFClassifier(random_state=seed).fit(data.X, data.y.argmax(axis=1))
        seconds = time.perf_counter() - begin
        share = model.score(test.X, test.y.argmax(axis=1))
        print(
            f"classifier, {shifts} shifts, seed {seed}: {share:.2%} of the test images, "
            f"{model.n_iter_} votes, {seconds:.1f} s",
            flush=True,
        )


def build(shifts: int, max_luts: int, simulator: str) -> None:
    """Print the verdict on hardware within a limit, and its lookup tables."""
    data = btf.load(f"digits:shifts={shifts}").coded(_CODE)
    network = btf.train(data, votes=_VOTES, max_luts=max_luts).network
    with tempfile.TemporaryDirectory() as folder:
        built = btf.build(
            data,
            Path(folder) / "digits",
            network=network,
            valid=btf.load("digits:part=test"),
            label=True,
            passes="light",
            simulators=[simulator],
        )
        luts = count_luts(built.design.files["verilog"].read_text())
    print(f"hardware, {shifts} shifts, {luts} LUT6 of at most {max_luts} wanted: {built.verdict}")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shifts", type=numbers, default=(0, 4))
    parser.add_argument("--seeds", type=numbers, default=(1, 2, 3))
    parser.add_argument("--max-luts", type=int, default=1400)
    parser.add_argument("--simulator", default="icarus")
    options = parser.parse_args()
    for shifts in options.shifts:
        classify(shifts, options.seeds)
    for shifts in options.shifts:
        build(shifts, options.max_luts, options.simulator)


if __name__ == "__main__":
    main()
