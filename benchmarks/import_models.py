"""XGBoost on scikit-learn's digits: its hardware beside plain Verilog of the same integers, and its accuracy.

python benchmarks/import_models.py [--leaf-bits 4] [--rounds 30] [--depth 4] [FOLDER]

The plain Verilog is what a careful generator writes: one comparison per distinct test, one nest of choices per
tree with unsigned leaves, one sum per class, and a tournament for the largest. Both go through the same Yosys
script: ``synth -flatten; abc -lut 6``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import btfsynth as btf
from btfsynth.files import make_folder, write_text
from btfsynth.lower.trees import LEAF, IntegerTree
from btfsynth.models.ensemble import EnsembleFunction
from btfsynth.verify.yosys import find_yosys

_SCRIPT = "read_verilog {file}; synth -flatten; abc -lut 6; stat"
_LUTS = re.compile(r"^\s+(?:\$lut\s+([0-9]+)|([0-9]+)\s+(?:-\s+)?\$lut)\s*$", re.MULTILINE)


def count_luts(file: Path) -> int:
    """Return the number of LUTs that Yosys makes of a module."""
    script = _SCRIPT.format(file=file.name)
    done = subprocess.run(
        [*find_yosys().command, "-p", script],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return int("".join(_LUTS.findall(done.stdout)[-1]))


def plain_verilog(function: EnsembleFunction) -> str:
    """Return comparisons, trees of choices, adders and the largest."""
    ensemble, grid = function.ensemble, function.grid
    ports = [f"input [{port.width - 1}:0] {port.name}" for port in grid.code.ports]
    lines = [f"module plain ({', '.join(ports)}, output [{function.width - 1}:0] class_number);"]
    for number, question in enumerate(grid.questions):
        column = grid.code.columns[question.column]
        ((comparison, _),) = grid.parts(question)
        lines.append(f"wire c{number} = {column.port} >= {comparison.bound};")
    bias = list(ensemble.bias)
    widest = list(bias)
    added: list[list[str]] = [[] for _ in bias]
    for number, tree in enumerate(ensemble.trees):
        values = tree.value[tree.leaves]
        low, most = int(values.min()), int(values.max())
        bias[tree.output] += low
        widest[tree.output] += most
        if most > low:
            width = (most - low).bit_length()
            lines.append(f"wire [{width - 1}:0] t{number} = {_choices(tree, 0, low, width)};")
            added[tree.output].append(f"t{number}")
    least = min(bias)
    width = (max(widest) - least).bit_length()
    for output, terms in enumerate(added):
        lines.append(
            f"wire [{width - 1}:0] s{output} = {' + '.join([*terms, str(bias[output] - least)])};"
        )
    lines += _tournament(len(bias), width, function.width)
    return "\n".join([*lines, "endmodule", ""])


def _choices(tree: IntegerTree, node: int, low: int, width: int) -> str:
    if tree.test[node] == LEAF:
        return f"{width}'d{int(tree.value[node]) - low}"
    high, rest = (_choices(tree, int(side[node]), low, width) for side in (tree.high, tree.low))
    return high if high == rest else f"(c{tree.test[node]} ? {high} : {rest})"


def _tournament(count: int, width: int, label: int) -> list[str]:
    """Return lines that name the first of the largest sums, in rounds of pairs."""
    rivals = [(f"s{number}", f"{label}'d{number}") for number in range(count)]
    lines: list[str] = []
    while len(rivals) > 1:
        ahead = []
        for (a, at), (b, bt) in zip(rivals[::2], rivals[1::2], strict=False):
            number = len(lines)
            lines.append(
                f"wire g{number} = {b} > {a}; wire [{width - 1}:0] m{number} = g{number} ? {b} : {a}; "
                f"wire [{label - 1}:0] p{number} = g{number} ? {bt} : {at};"
            )
            ahead.append((f"m{number}", f"p{number}"))
        rivals = [*ahead, *rivals[len(ahead) * 2 :]]
    return [*lines, f"assign class_number = {rivals[0][1]};"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, import, and compare."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from xgboost import XGBClassifier

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--leaf-bits", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--objective", default=None)
    chosen = parser.parse_args(arguments)
    X, y = load_digits(return_X_y=True)
    seen, unseen, labels, wanted = train_test_split(X, y, test_size=0.3, random_state=1)
    model = XGBClassifier(n_estimators=chosen.rounds, max_depth=chosen.depth, n_jobs=1)
    model.fit(seen, labels)
    folder = chosen.folder or Path(tempfile.mkdtemp())
    make_folder(folder)

    start = time.process_time(), time.perf_counter()
    found = btf.from_xgboost(model, X, code="numbers", leaf_bits=chosen.leaf_bits, name="digits")
    read = time.process_time() - start[0]
    kwargs = {} if chosen.objective is None else {"objective": chosen.objective}
    design = found.write(folder / "design", X, simulators=["icarus"], **kwargs)
    seconds, wall = time.process_time() - start[0], time.perf_counter() - start[1]
    function = found.core.function
    assert isinstance(function, EnsembleFunction)
    write_text(folder / "plain.v", plain_verilog(function))
    print(f"imported in {read:.1f} s, design in {seconds:.1f} s of CPU time, {wall:.1f} s")
    print(found.compared)
    float_right = np.mean(model.predict(unseen) == wanted)
    bits_right = np.mean(design.predict(unseen) == wanted)
    print(f"test accuracy: {float_right:.2%} as XGBoost has it, {bits_right:.2%} in hardware")
    print(f"netlist: {found.netlist.cells} cells as built, {design.netlist.cells} optimised")
    plain = count_luts(folder / "plain.v")
    own = count_luts(design.files["verilog"])
    print(f"LUT6: plain Verilog {plain}, imported {own}, {own / plain:.3f} times")


if __name__ == "__main__":
    main()
