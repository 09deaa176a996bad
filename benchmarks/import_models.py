"""XGBoost on scikit-learn's digits: accuracy, and imported hardware compared with plain Verilog.

python benchmarks/import_models.py [--leaf-bits 4] [--rounds 30] [--depth 4] [--passes SCRIPT] [FOLDER]

The plain Verilog is that of a careful generator: every leaf is rounded to the nearest integer of the same
number of bits, with one comparison per distinct test, one nest of choices per tree with unsigned leaves, one
sum per class, and a tournament for the largest. A second version has the integers of the import, which are
rounded by cost. All use the same Yosys script: ``synth -flatten; abc -lut 6``.

python benchmarks/import_models.py --random 500

trains that many small trees, forests and boosted models and compares rows on and next to their thresholds with
the libraries.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import btfsynth as btf
from btfsynth.files import make_folder, write_text
from btfsynth.hdl.yosys import find_yosys, run_yosys
from btfsynth.lower.trees import LEAF, IntegerTree, TreeEnsemble
from btfsynth.models.ensemble import EnsembleFunction

_SCRIPT = (
    "read_verilog {file}",
    "synth -flatten",
    "abc -lut 6",
    "tee -q -o luts.json stat -json",
)
_TIMEOUT = 600.0


def count_luts(file: Path) -> int:
    """Return the number of LUTs that Yosys makes of a module."""
    script = [command.format(file=file.name) for command in _SCRIPT]
    done = run_yosys(find_yosys(), script, file.parent, _TIMEOUT)
    if done.returncode:
        raise SystemExit(done.stderr)
    cells = json.loads((file.parent / "luts.json").read_text())["design"]["num_cells_by_type"]
    assert list(cells) == ["$lut"], cells
    return int(cells["$lut"])


def nearest(function: EnsembleFunction, bits: int) -> TreeEnsemble:
    """Return the trees with every leaf at the nearest multiple of one unit; the widest has so many bits."""
    real = function.real
    widest = max(float(np.ptp(tree.value[tree.test == LEAF])) for tree in real.trees)
    scale = ((1 << bits) - 1) / widest
    trees = [
        IntegerTree(
            tree.test,
            tree.low,
            tree.high,
            np.rint(tree.value * scale).astype(np.int64),
            tree.output,
        )
        for tree in real.trees
    ]
    return TreeEnsemble(tuple(trees), tuple(round(each * scale) for each in real.bias))


def plain_verilog(ensemble: TreeEnsemble, function: EnsembleFunction) -> str:
    """Return comparisons, trees of choices, adders and the largest."""
    grid = function.grid
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
    parser.add_argument("--passes")
    parser.add_argument("--random", type=int, metavar="COUNT")
    chosen = parser.parse_args(arguments)
    if chosen.random is not None:
        compare_random(chosen.random)
        return
    X, y = load_digits(return_X_y=True)
    seen, unseen, labels, wanted = train_test_split(X, y, test_size=0.3, random_state=1)
    model = XGBClassifier(n_estimators=chosen.rounds, max_depth=chosen.depth, n_jobs=1)
    model.fit(seen, labels)
    folder = chosen.folder or Path(tempfile.mkdtemp())
    make_folder(folder)

    start = time.process_time(), time.perf_counter()
    found = btf.from_xgboost(model, X, code="numbers", leaf_bits=chosen.leaf_bits, name="digits")
    read = time.process_time() - start[0]
    design = found.write(folder / "design", X, simulators=["icarus"], passes=chosen.passes)
    seconds, wall = time.process_time() - start[0], time.perf_counter() - start[1]
    function = found.core.function
    assert isinstance(function, EnsembleFunction)
    print(f"imported in {read:.1f} s, design in {seconds:.1f} s of CPU time, {wall:.1f} s")
    print(found.compared)
    plain = nearest(function, chosen.leaf_bits)
    tests = function.grid.answers(found.core.bits(unseen))
    answers = {
        "XGBoost": model.predict(unseen),
        "plain": plain.labels(tests),
        "imported": design.predict(unseen),
    }
    shares = ", ".join(f"{name} {np.mean(each == wanted):.2%}" for name, each in answers.items())
    print(f"test accuracy: {shares}")
    print(f"netlist: {found.netlist.cells} cells as built, {design.netlist.cells} optimised")
    own = count_luts(design.files["verilog"])
    for name, ensemble in (("plain", plain), ("same", function.ensemble)):
        file = folder / f"{name}.v"
        write_text(file, plain_verilog(ensemble, function))
        luts = count_luts(file)
        print(f"LUT6: {name} {luts}, imported {own}, {own / luts:.3f} times")


def compare_random(count: int) -> None:
    """Compare random models at their borders; a difference is an error."""
    from random_models import KINDS, random_case

    rows, near, models = 0, 0, 0
    for seed in range(count):
        case = random_case(seed)
        if case is None:
            continue
        models += 1
        for compared in case.imported.compare(case.near_borders(128)):
            rows, near = rows + compared.rows, near + compared.near
    print(f"{models} models of {', '.join(KINDS)}: {rows} rows equal, {near} within rounding")


if __name__ == "__main__":
    main()
