"""Search the smallest majority forms of all threshold functions of up to six inputs, and of wider majorities.

The program that made ``btfsynth/lower/threshold_forms.json``. A threshold function of n inputs and its constant
is a self-dual threshold function of n + 1 variables, and cells without constants: the classes of up to seven
variables (Muroga, Threshold Logic and Its Applications, 1971: 135 of them) are all of up to six inputs. Each
starts as a decision diagram and as a counter and is optimised by long walks of resubstitution with several
seeds. Existing forms in the file are only replaced by smaller ones.

    python benchmarks/threshold_forms.py btfsynth/lower/threshold_forms.json [--patience N] [--seeds N]
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from btfsynth.lower.adder import lower_counter
from btfsynth.lower.cheapest import diagram_orders, lower_diagram
from btfsynth.lower.threshold import PseudoBoolean
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import (
    Reference,
    count_wrong,
    exhaustive_words,
    function_reference,
    unpack_bits,
)
from btfsynth.passes.resubstitution import Resubstitution
from btfsynth.ports import Port

Weights = tuple[int, ...]
WIDEST = 7
LARGEST_WEIGHT = 9
"""No class of seven variables needs a larger one."""
WIDER = ((1,) * 9, (1,) * 11)


def classes() -> list[Weights]:
    """Return the least-sum weights of every self-dual threshold function of three to seven variables."""
    found: dict[tuple[int, bytes], Weights] = {}
    for width in range(3, WIDEST + 1):
        signs = 2 * unpack_bits(exhaustive_words(width), 1 << width).astype(np.int64) - 1
        for rising in combinations_with_replacement(range(1, LARGEST_WEIGHT + 1), width):
            weights = rising[::-1]
            if sum(weights) % 2 == 0:
                continue
            sums = signs @ np.array(weights)
            # If the lightest variable never flips a sign it is a class of fewer.
            if not np.any((signs[:, -1] > 0) & (sums > 0) & (sums < 2 * weights[-1])):
                continue
            key = width, np.packbits(sums > 0).tobytes()
            if key not in found or sum(weights) < sum(found[key]):
                found[key] = weights
    return [*found.values(), *WIDER]


def reference_of(weights: Weights) -> Reference:
    """Return the function on every vector."""
    return function_reference(
        lambda bits: ((2 * bits.astype(np.int64) - 1) @ np.array(weights) > 0)[:, None].astype(
            np.uint8
        ),
        len(weights),
    )


def starts(weights: Weights) -> list[Netlist]:
    """Return the diagrams and the counter."""
    ports = [Port("x", len(weights))], [Port("y", 1)]
    literals = tuple(2 * (1 + bit) for bit in range(len(weights)))
    constraint = PseudoBoolean(literals, weights, (sum(weights) + 1) // 2)
    netlists = []
    for order in [None, *diagram_orders(constraint)]:
        builder = NetlistBuilder("form", *ports)
        literal = (
            lower_counter(builder, constraint)
            if order is None
            else lower_diagram(builder, constraint, order, 10_000)
        )
        assert literal is not None
        netlists.append(builder.build([literal]))
    return netlists


def main() -> None:
    """Improve the file."""
    parser = argparse.ArgumentParser(description="search small forms of threshold functions")
    parser.add_argument("file", type=Path)
    parser.add_argument("--patience", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    known: dict[Weights, list[list[int]]] = {}
    if arguments.file.exists():
        known = {
            tuple(form["weights"]): form["cells"]
            for form in json.loads(arguments.file.read_text(encoding="utf-8"))
        }
    for weights in classes():
        reference = reference_of(weights)
        for start in sorted(starts(weights), key=lambda netlist: netlist.n_cells)[:2]:
            for seed in range(1, arguments.seeds + 1):
                walk = Resubstitution(patience=arguments.patience, seed=seed)
                netlist = walk.apply(start, reference)
                assert count_wrong(netlist, reference) == 0
                if weights not in known or netlist.n_cells < len(known[weights]):
                    assert netlist.outputs[0] >> 1 == netlist.n_nodes - 1
                    cells = netlist.fanins.tolist()
                    cells[-1] = [literal ^ int(netlist.outputs[0] & 1) for literal in cells[-1]]
                    known[weights] = cells
        print(*weights, "-", len(known[weights]), "cells", flush=True)
        lines = [
            json.dumps({"weights": list(w), "cells": cells}, separators=(",", ":"))
            for w, cells in sorted(known.items(), key=lambda item: (len(item[0]), item[0]))
        ]
        arguments.file.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
