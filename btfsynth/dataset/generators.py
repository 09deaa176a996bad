"""The data of the built-in tasks: whole truth tables, and samples made from a seed.

The tables are arithmetic, counts of ones and elementary cellular automata.

Cellular automata on worlds too wide for a table: S. Wolfram, Rev. Mod. Phys. 55, 601 (1983). A state is drawn
at random and advanced some steps; the outer cells are neighbours.

Random circuits in layers, autoencoders and decoders: Elser & Lal, "Learning with Boolean threshold functions"
(arXiv 2602.17493). A node reads signals of the layer before it, each inverted or not, and every signal is read
by some node. A node is a gate with some probability, else a copy of one signal. Gates are ANDs and ORs of two
signals in AND/OR circuits and majorities of three in majority circuits.

Handwritten digits: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository (1998), as scikit-learn has them: 1797 images of 64 grey levels from 0 to 16, ten classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import InputCode, code_inputs, parse_linear
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.tasks import TASKS, read_options, whole_number
from btfsynth.dataset.vectors import MAX_TABLE_INPUTS, bits_of, counting_inputs, numbers_of
from btfsynth.errors import MissingToolError, UsageError
from btfsynth.plugins import install_command
from btfsynth.ports import Port, total_width

_Numbers = NDArray[np.int64]


def _sizes(name: str, arguments: str | None) -> list[int]:
    """Read the size of a task written ``name:N``, or both of ``name:NxM``."""
    if not arguments:
        raise UsageError(f"{name}: expected a size, as in {TASKS[name].example}")
    what = f"{name}:{arguments[:40]}"
    two = name == "multiplier"
    parts = arguments.lower().split("x", maxsplit=1) if two else [arguments]
    return [whole_number(what, part, 1) for part in parts]


def _table(
    source: str,
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    function: Callable[..., Sequence[_Numbers]],
) -> Dataset:
    """Tabulate a function of the values of the input ports, one array for each output port."""
    width = total_width(inputs)
    if width > MAX_TABLE_INPUTS:
        raise UsageError(
            f"{source} has {width} input bits; tasks list every pattern, for at "
            f"most {MAX_TABLE_INPUTS} input bits (for a larger function give a file with some of its "
            f"patterns)"
        )
    numbers = np.arange(1 << width, dtype=np.int64)
    values = []
    shift = 0
    for port in inputs:
        values.append((numbers >> shift) & ((1 << port.width) - 1))
        shift += port.width
    targets = [
        bits_of(value, port.width) for value, port in zip(function(*values), outputs, strict=True)
    ]
    return Dataset(
        name=source.replace(":", "_").replace(",", "_").replace("=", ""),
        source=source,
        inputs=counting_inputs(width),
        targets=np.hstack(targets),
        input_ports=tuple(inputs),
        output_ports=tuple(outputs),
    )


def multiplier(arguments: str | None) -> Dataset:
    sizes = _sizes("multiplier", arguments)
    n, m = sizes[0], sizes[-1]
    size = f"{n}" if n == m else f"{n}x{m}"
    ports = [Port("a", n), Port("b", m)]
    return _table(f"multiplier:{size}", ports, [Port("p", n + m)], lambda a, b: [a * b])


def adder(arguments: str | None) -> Dataset:
    size, *parts = (part.strip() for part in (arguments or "").split(","))
    (n,) = _sizes("adder", size)
    options, changed = read_options(f"adder:{n}", parts, {"cin": "0"})
    carry = whole_number(f"adder:{n}: cin", options["cin"], 0, 1)
    ports = [Port("a", n), Port("b", n), *[Port("cin", 1)] * carry]
    return _table(f"adder:{n}{changed}", ports, [Port("s", n + 1)], lambda *terms: [sum(terms)])


def squarer(arguments: str | None) -> Dataset:
    (n,) = _sizes("squarer", arguments)
    return _table(f"squarer:{n}", [Port("a", n)], [Port("p", 2 * n)], lambda a: [a * a])


def full_adder(arguments: str | None) -> Dataset:
    if arguments is not None:
        raise UsageError(f"full_adder:{arguments[:40]}: full_adder takes no argument")
    return _table(
        "full_adder",
        [Port("a", 1), Port("b", 1), Port("cin", 1)],
        [Port("s", 1), Port("cout", 1)],
        lambda a, b, cin: [(a + b + cin) & 1, (a + b + cin) >> 1],
    )


def comparator(arguments: str | None) -> Dataset:
    (n,) = _sizes("comparator", arguments)
    return _table(
        f"comparator:{n}",
        [Port("a", n), Port("b", n)],
        [Port("lt", 1), Port("eq", 1), Port("gt", 1)],
        lambda a, b: [order.astype(np.int64) for order in (a < b, a == b, a > b)],
    )


def less(arguments: str | None) -> Dataset:
    return _relation("less", arguments, np.less)


def equal(arguments: str | None) -> Dataset:
    return _relation("equal", arguments, np.equal)


def _relation(
    name: str, arguments: str | None, holds: Callable[[_Numbers, _Numbers], NDArray[np.bool_]]
) -> Dataset:
    """Tabulate whether two numbers are in a relation."""
    (n,) = _sizes(name, arguments)
    ports = [Port("a", n), Port("b", n)]
    return _table(f"{name}:{n}", ports, [Port("y", 1)], lambda a, b: [holds(a, b).astype(np.int64)])


def _of_ones(name: str, n: int, output: Port, function: Callable[[_Numbers], _Numbers]) -> Dataset:
    """Tabulate a function of the number of ones among ``n`` bits."""

    def outputs(x: _Numbers) -> list[_Numbers]:
        return [function(bits_of(x, n).sum(axis=1, dtype=np.int64))]

    return _table(f"{name}:{n}", [Port("x", n)], [output], outputs)


def majority(arguments: str | None) -> Dataset:
    (n,) = _sizes("majority", arguments)
    if n % 2 == 0:
        raise UsageError(f"majority:{n}: expected an odd number of inputs, got {n}")
    return _of_ones("majority", n, Port("y", 1), lambda ones: (2 * ones > n).astype(np.int64))


def parity(arguments: str | None) -> Dataset:
    (n,) = _sizes("parity", arguments)
    return _of_ones("parity", n, Port("y", 1), lambda ones: ones & 1)


def popcount(arguments: str | None) -> Dataset:
    (n,) = _sizes("popcount", arguments)
    return _of_ones("popcount", n, Port("count", n.bit_length()), lambda ones: ones)


def sorter(arguments: str | None) -> Dataset:
    (n,) = _sizes("sorter", arguments)
    return _of_ones("sorter", n, Port("y", n), lambda ones: (1 << ones) - 1)


def automaton(arguments: str | None) -> Dataset:
    """Make a table or a sample of an elementary automaton (S. Wolfram, Rev. Mod. Phys. 55, 601 (1983))."""
    if not arguments:
        raise UsageError(f"automaton: expected a rule, as in {TASKS['automaton'].example}")
    world = read_world(arguments)
    if world.split is not None:
        return sampled_automaton(world, world.split)
    width = world.cells or 2 * world.steps + 1

    def evolved(state: _Numbers) -> _Numbers:
        """Advance every state, a number whose most significant bit is the leftmost cell."""
        cells = bits_of(state, width).astype(np.int64)
        for _ in range(world.steps):
            cells = advance(cells, world.rule)
        return numbers_of(cells)

    if world.cells:
        ports = [Port("state", width)], [Port("next", width)]
        return _table(world.source, *ports, lambda state: [evolved(state)])

    # One cell from the neighbourhood it depends on: what wraps around at the edges cannot reach it in time.
    def middle(x: _Numbers) -> list[_Numbers]:
        return [(evolved(x) >> world.steps) & 1]

    if world.steps == 1:
        ports = [Port("l", 1), Port("c", 1), Port("r", 1)], [Port("y", 1)]
        return _table(
            world.source, *ports, lambda left, cell, right: middle(4 * left + 2 * cell + right)
        )
    return _table(world.source, [Port("x", width)], [Port("y", 1)], middle)


SPLIT_DEFAULTS: Mapping[str, str] = {"train": "256", "test": "2048", "seed": "1", "part": "train"}
"""Defaults of a specification."""
_PARTS = ("train", "test")
_LISTED_BITS = 16
"""Bits up to which all vectors are shuffled; wider ones are drawn until enough are different."""
_MAX_VECTORS = 1_000_000
_MAX_STEPS = 1000
_MAX_CELLS = 4096


@dataclass(frozen=True)
class Split:
    """Numbers of training and test vectors of a function, and the selected part."""

    train: int
    test: int
    seed: int
    part: str

    def vectors(self, width: int, source: str) -> NDArray[np.uint8]:
        """Return the ``(vectors, width)`` uint8 0/1 input vectors of the part.

        All vectors of both parts differ. The test vectors do not depend on the size of the training part, and a
        smaller training part is the beginning of a larger one.
        """
        wanted = self.train + self.test
        if width < 60 and wanted > 1 << width:
            raise UsageError(
                f"{source}: expected train and test to sum to at most {1 << width}, the number of "
                f"vectors of {width} bits, got {wanted}"
            )
        random = np.random.Generator(np.random.PCG64([self.seed, 1]))
        drawn = _distinct(random, wanted, width)
        return drawn[self.test :] if self.part == "train" else drawn[: self.test]


def _distinct(random: np.random.Generator, wanted: int, width: int) -> NDArray[np.uint8]:
    """Draw different vectors, in the order in which they were drawn."""
    if width <= _LISTED_BITS:
        numbers = random.permutation(1 << width)[:wanted]
        return ((numbers[:, None] >> np.arange(width)) & 1).astype(np.uint8)
    drawn = np.empty((0, width), dtype=np.uint8)
    # Drawn one vector after the other, so that more of them begin with the same ones.
    while len(drawn) < wanted:
        more = random.integers(0, 2, (wanted - len(drawn), width), dtype=np.uint8)
        drawn = np.concatenate([drawn, more])
        _, first = np.unique(drawn, axis=0, return_index=True)
        drawn = drawn[np.sort(first)]
    return drawn


def _choice(what: str, options: Mapping[str, str], key: str, known: tuple[str, str]) -> str:
    value = options[key]
    if value not in known:
        expected = " or ".join(f"{key}={each}" for each in known)
        raise UsageError(f"{what}: expected {expected}, got {key}={value[:40]}")
    return value


def read_split(what: str, options: Mapping[str, str]) -> Split:
    return Split(
        train=whole_number(f"{what}: train", options["train"], 1, _MAX_VECTORS),
        test=whole_number(f"{what}: test", options["test"], 1, _MAX_VECTORS),
        seed=whole_number(f"{what}: seed", options["seed"], 0, 10**9 - 1),
        part=_choice(what, options, "part", _PARTS),
    )


class World(NamedTuple):
    """An elementary automaton; its states are a table, or a sample where the specification has a split."""

    rule: int
    steps: int
    cells: int
    """Cells of the ring; 0 where one cell is looked at."""
    source: str
    """The specification in its normal form."""
    split: Split | None


def advance(cells: NDArray[np.int64], rule: int) -> NDArray[np.int64]:
    """Advance ``(rows, cells)`` integers 0/1, leftmost cell last, by one step on a ring."""
    left, right = np.roll(cells, -1, axis=1), np.roll(cells, 1, axis=1)
    return np.asarray((rule >> (left * 4 + cells * 2 + right)) & 1)


def read_world(arguments: str) -> World:
    """Read the arguments of ``automaton:``."""
    rule_text, *parts = (part.strip() for part in arguments.split(","))
    what = f"automaton:{rule_text[:40]}"
    options, changed = read_options(what, parts, {"steps": "1", "cells": "", **SPLIT_DEFAULTS})
    keys = {part.partition("=")[0].strip().lower() for part in parts}
    sampled = bool(keys & set(SPLIT_DEFAULTS))
    if sampled and not options["cells"]:
        raise UsageError(f"{what}: expected cells=C with a sample, got none")
    rule = whole_number(f"{what}: rule", rule_text, 0, 255)
    steps = whole_number(f"{what}: steps", options["steps"], 1, _MAX_STEPS)
    cells = 0
    if options["cells"]:
        cells = whole_number(f"{what}: cells", options["cells"], 3 if sampled else 1, _MAX_CELLS)
    # A split that is the default in all parts is written out, else this would be the table of all states.
    if sampled and not any(f",{key}=" in changed for key in SPLIT_DEFAULTS):
        changed += f",train={options['train']}"
    source = f"automaton:{rule}{changed}"
    return World(rule, steps, cells, source, read_split(source, options) if sampled else None)


def sampled_automaton(world: World, split: Split) -> Dataset:
    inputs = split.vectors(world.cells, world.source)
    cells = inputs.astype(np.int64)
    for _ in range(world.steps):
        cells = advance(cells, world.rule)
    steps = f"_steps{world.steps}" if world.steps > 1 else ""
    return Dataset(
        name=f"automaton_{world.rule}{steps}_cells{world.cells}",
        source=world.source,
        inputs=inputs,
        targets=cells.astype(np.uint8),
        input_ports=(Port("state", world.cells),),
        output_ports=(Port("next", world.cells),),
    )


_MAX_LAYERS, _MAX_WIDTH = 64, 1024
_GATE = "0.5"


@dataclass(frozen=True)
class Gate:
    """A gate that is true if at least `least` of its inputs are."""

    sources: tuple[int, ...]  # Signals of the layer before it, by position; all different
    inverted: tuple[bool, ...]
    least: int  # 1 of one is a copy, 1 of two an OR, 2 of two an AND, 2 of three a majority


@dataclass(frozen=True)
class HiddenCircuit:
    """A circuit in layers of equal width."""

    width: int  # Signals of a layer; also the numbers of inputs and outputs
    layers: tuple[tuple[Gate, ...], ...]

    def outputs(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        signals = inputs
        for layer in self.layers:
            signals = np.stack([_evaluate(gate, signals) for gate in layer], axis=1)
        return signals


def _evaluate(gate: Gate, signals: NDArray[np.uint8]) -> NDArray[np.uint8]:
    read = signals[:, gate.sources] ^ np.array(gate.inverted, dtype=np.uint8)
    return np.asarray(read.sum(axis=1) >= gate.least, dtype=np.uint8)


def hidden_circuit(spec: str) -> HiddenCircuit:
    """Return the circuit behind a specification such as ``random_majority:5x32,seed=3``.

    It depends only on size, gates and seed, not on the number of patterns.
    """
    name, colon, arguments = spec.partition(":")
    if name.strip().lower() not in ("random_and_or", "random_majority") or not colon:
        raise UsageError(f"{spec[:60]!r}: expected random_and_or:LxW or random_majority:LxW")
    return read_circuit(name.strip().lower(), arguments)[0]


def random_and_or(arguments: str | None) -> Dataset:
    return _patterns("random_and_or", arguments)


def random_majority(arguments: str | None) -> Dataset:
    return _patterns("random_majority", arguments)


def _patterns(name: str, arguments: str | None) -> Dataset:
    circuit, source, options = read_circuit(name, arguments)
    split = read_split(source, options)
    inputs = split.vectors(circuit.width, source)
    return Dataset(
        name=f"{name}_{len(circuit.layers)}x{circuit.width}",
        source=source,
        inputs=inputs,
        targets=circuit.outputs(inputs),
        input_ports=(Port("x", circuit.width),),
        output_ports=(Port("y", circuit.width),),
    )


def read_circuit(name: str, arguments: str | None) -> tuple[HiddenCircuit, str, dict[str, str]]:
    size, *parts = (part.strip() for part in (arguments or "").lower().split(","))
    what = f"{name}:{size[:40]}"
    match = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", size)
    if match is None:
        raise UsageError(f"{what}: expected layers and width, as in {name}:3x32")
    and_or = name == "random_and_or"
    n_layers = whole_number(f"{what}: layers", match[1], 1, _MAX_LAYERS)
    width = whole_number(f"{what}: width", match[2], 2 if and_or else 3, _MAX_WIDTH)
    defaults = {"gate": _GATE, **SPLIT_DEFAULTS}
    options, changed = read_options(what, parts, defaults)
    seed = whole_number(f"{what}: seed", options["seed"], 0, 10**9 - 1)
    random = np.random.Generator(np.random.PCG64([seed, 0]))
    probability = _probability(what, options["gate"])
    layers = tuple(_layer(random, width, probability, 2 if and_or else 3) for _ in range(n_layers))
    return HiddenCircuit(width, layers), f"{name}:{n_layers}x{width}{changed}", options


def _probability(what: str, text: str) -> float:
    value = float(text) if re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,9}", text) else -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"{what}: gate: expected a number from 0 to 1, got {text[:40]!r}")
    return value


def _layer(
    random: np.random.Generator, width: int, probability: float, pins: int
) -> tuple[Gate, ...]:
    """Draw a layer; the first signals that its nodes read are all there are, in random order."""
    gates = []
    for first in random.permutation(width).tolist():
        if random.random() < probability:
            least = int(random.integers(1, 3)) if pins == 2 else 2
            gates.append(_gate(random, [first, *_others(random, width, first, pins - 1)], least))
        else:
            gates.append(_gate(random, [first], 1))
    return tuple(gates)


def _others(random: np.random.Generator, width: int, first: int, count: int) -> list[int]:
    drawn = random.choice(width - 1, size=count, replace=False).tolist()
    return [signal + (signal >= first) for signal in drawn]


def _gate(random: np.random.Generator, sources: list[int], least: int) -> Gate:
    flips = random.integers(0, 2, len(sources)).tolist()
    return Gate(tuple(sources), tuple(bool(flip) for flip in flips), least)


_IMAGES = 1797
_SIDE = 8
_GREY_LEVELS = 16
_CLASSES = 10
_DIGITS_DEFAULTS = {"train": "512", "seed": "1", "part": "train", "count": "", "shifts": "0"}
_SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
"""Directions in which training images are shifted, rows and columns."""


def digits(arguments: str | None) -> Dataset:
    """Make a part of the images, one input a pixel, analog or coded; the target is a one-hot class of ten.

    The first N images of a random order are ``train``, all others ``test``; a count takes the first of a part.
    With shifts, copies of the training images that are moved by half a pixel follow them.
    """
    code_text, *parts = (part.strip() for part in (arguments or "grey").split(","))
    if "=" in code_text:
        code_text, parts = "grey", [code_text, *parts]
    code = _image_code(code_text)
    options, changed = read_options("digits", parts, _DIGITS_DEFAULTS)
    count = whole_number("digits: train", options["train"], 1, _IMAGES - 1)
    seed = whole_number("digits: seed", options["seed"], 0, 10**9 - 1)
    is_train = _choice("digits", options, "part", _PARTS) == "train"
    values, labels = _images()
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    rows = order[:count] if is_train else order[count:]
    if options["count"]:
        rows = rows[: whole_number("digits: count", options["count"], 1, len(rows))]
    shifts = whole_number("digits: shifts", options["shifts"], 0, len(_SHIFTS))
    if shifts and not is_train:
        raise UsageError(
            "digits: expected shifts=N with part=train, got part=test: test images are not shifted"
        )
    images = [values[rows], *(_half_shifted(values[rows], shift) for shift in _SHIFTS[:shifts])]
    dataset = Dataset(
        name="digits",
        source=f"digits:{'grey' if code is None else code.text}{changed}",
        inputs=np.concatenate(images),
        targets=np.tile(np.eye(_CLASSES, dtype=np.uint8)[labels[rows]], (1 + shifts, 1)),
        input_ports=tuple(
            Port(f"p{row}{column}", 1) for row in range(_SIDE) for column in range(_SIDE)
        ),
        output_ports=(Port("digit", _CLASSES),),
        input_kind=InputKind.ANALOG,
        output_kind=OutputKind.LABEL,
    )
    return dataset if code is None else code_inputs(dataset, code)


def _half_shifted(images: NDArray[np.float32], shift: tuple[int, int]) -> NDArray[np.float32]:
    """Return ``(images, pixels)`` shifted by half a pixel: means with the neighbour, halves rounded up."""
    square = images.reshape(-1, _SIDE, _SIDE)
    framed = np.pad(square, ((0, 0), (1, 1), (1, 1)))
    row, column = (1 - each for each in shift)
    beside = framed[:, row : row + _SIDE, column : column + _SIDE]
    grey = np.floor((square + beside) * (_GREY_LEVELS / 2) + 0.5) / _GREY_LEVELS
    moved: NDArray[np.float32] = grey.reshape(images.shape).astype(np.float32)
    return moved


def _image_code(text: str) -> InputCode | None:
    if text.lower() == "grey":
        return None
    code = parse_linear(text)
    if not code.trains_on_bits:
        raise UsageError(
            f"digits: expected grey, thermometer:K or threshold:X, got {text[:40]!r}; to build with "
            "binary inputs set `code`"
        )
    return code


def _images() -> tuple[np.ndarray, np.ndarray]:
    """Return ``(1797, 64)`` float32 grey levels over 16 and ``(1797,)`` int64 classes."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingToolError(
            "digits: scikit-learn, which contains the images, is not installed; "
            + install_command("scikit-learn")
        ) from None
    bunch = load_digits()
    values = (np.asarray(bunch.data) / _GREY_LEVELS).astype(np.float32)
    return values, np.asarray(bunch.target, dtype=np.int64)


_MAX_CODES = 1024
_CODE_DEFAULTS = {"bits": "", "seed": "1"}
_IMAGE_TASK = "threshold:0.5"
"""A pixel is on from half its range."""


def autoencoder(arguments: str | None) -> Dataset:
    count, bits, options, source = _read(
        "autoencoder", arguments, {"kind": "random", **_CODE_DEFAULTS}
    )
    one_hot = _choice(source, options, "kind", ("random", "one-hot")) == "one-hot"
    if one_hot and bits != count:
        raise UsageError(
            f"autoencoder:{count}: one-hot vectors have as many bits as there are: expected "
            f"bits={count}, got {bits}"
        )
    vectors = np.eye(count, dtype=np.uint8) if one_hot else _vectors(count, bits, options, source)
    return Dataset(
        name=f"autoencoder_{count}" + ("_one_hot" if one_hot else ""),
        source=source,
        inputs=vectors,
        targets=vectors,
        input_ports=(Port("x", bits),),
        output_ports=(Port("y", bits),),
    )


def decoder(arguments: str | None) -> Dataset:
    """Make vectors without inputs from the arguments of ``decoder:``; training finds a code for each."""
    defaults = {"code": "hypercube", **_CODE_DEFAULTS}
    count, bits, options, source = _read("decoder", arguments, defaults)
    one_hot = _choice(source, options, "code", ("hypercube", "one-hot")) == "one-hot"
    return _generated(
        f"decoder_{count}", source, _vectors(count, bits, options, source), one_hot, Port("y", bits)
    )


def digit_images(arguments: str | None) -> Dataset:
    """Make all images of one digit without inputs from the arguments of ``digit_images:``.

    They are the 8x8 images of the task ``digits``, a pixel being on from half its range; each image gets a
    one-hot code.
    """
    number = whole_number(f"digit_images:{(arguments or '')[:40]}", arguments or "", 0, 9)
    parts = [digits(f"{_IMAGE_TASK},part={part}") for part in ("train", "test")]
    images = np.concatenate([part.inputs[part.targets[:, number] == 1] for part in parts])
    side = int(images.shape[1])
    return _generated(
        f"digit_images_{number}", f"digit_images:{number}", images, True, Port("pixel", side)
    )


def _generated(
    name: str, source: str, targets: NDArray[np.uint8], one_hot: bool, port: Port
) -> Dataset:
    return Dataset(
        name=name,
        source=source,
        inputs=np.empty((len(targets), 0), dtype=np.uint8),
        targets=targets,
        input_ports=(),
        output_ports=(port,),
        input_kind=InputKind.ONE_HOT_GENERATOR if one_hot else InputKind.HYPERCUBE_GENERATOR,
    )


def _read(
    name: str, arguments: str | None, defaults: dict[str, str]
) -> tuple[int, int, dict[str, str], str]:
    """Return number of vectors, their bits, all options and the specification in its normal form."""
    size, *parts = (part.strip() for part in (arguments or "").lower().split(","))
    what = f"{name}:{size[:40]}"
    count = whole_number(what, size, 1, _MAX_CODES)
    options, changed = read_options(what, parts, defaults)
    bits = whole_number(f"{what}: bits", options["bits"] or str(count), 1, _MAX_CODES)
    if bits == count:
        changed = changed.replace(f",bits={bits}", "")
    return count, bits, options, f"{name}:{count}{changed}"


def _vectors(count: int, bits: int, options: dict[str, str], source: str) -> NDArray[np.uint8]:
    seed = whole_number(f"{source}: seed", options["seed"], 0, 10**9 - 1)
    if bits < 60 and count > 1 << bits:
        raise UsageError(
            f"{source}: expected at most {1 << bits} vectors of {bits} bits, got {count}"
        )
    return Split(train=count, test=0, seed=seed, part="train").vectors(bits, source)
