"""Training and test patterns of a function too wide for its table, both from one seed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.code import InputCode, code_inputs, parse_code
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.errors import MissingToolError, UsageError
from btfsynth.extras import install_command
from btfsynth.ports import Port

SPLIT_DEFAULTS: Mapping[str, str] = {"train": "256", "test": "2048", "seed": "1", "part": "train"}
"""What a specification means that does not say otherwise."""
_LISTED_BITS = 16
"""Bits up to which all vectors are shuffled; wider ones are drawn until enough are different."""
_MOST = 1_000_000


@dataclass(frozen=True)
class Split:
    train: int
    test: int
    seed: int
    part: str

    def vectors(self, width: int, source: str) -> NDArray[np.uint8]:
        """Return the input vectors of the part.

        All vectors of both parts differ. The test vectors do not depend on how many are trained on, and a
        smaller training part is the beginning of a larger one.

        Returns
        -------
        ``(vectors, width)`` uint8 0/1.
        """
        wanted = self.train + self.test
        if width < 60 and wanted > 1 << width:
            raise UsageError(
                f"{source}: expected train and test to sum to at most {1 << width}, which is how many "
                f"vectors of {width} bits there are, got {wanted}"
            )
        random = np.random.Generator(np.random.PCG64([self.seed, 1]))
        drawn = _distinct(random, wanted, width)
        return drawn[self.test :] if self.part == "train" else drawn[: self.test]


def _distinct(random: np.random.Generator, wanted: int, width: int) -> NDArray[np.uint8]:
    """Draw different vectors, in the order in which they came up."""
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


def read_split(what: str, options: Mapping[str, str]) -> Split:
    part = options["part"]
    if part not in ("train", "test"):
        raise UsageError(f"{what}: expected part=train or part=test, got part={part[:40]}")
    return Split(
        train=whole_number(f"{what}: train", options["train"], 1, _MOST),
        test=whole_number(f"{what}: test", options["test"], 1, _MOST),
        seed=whole_number(f"{what}: seed", options["seed"], 0, 10**9 - 1),
        part=part,
    )


def read_options(
    what: str, arguments: list[str], defaults: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """Read ``key=value`` parts of a specification."""
    given: dict[str, str] = {}
    for part in arguments:
        key, equals, value = (piece.strip() for piece in part.lower().partition("="))
        if not equals or key not in defaults or key in given:
            known = ", ".join(f"{name}=" for name in defaults)
            raise UsageError(f"{what}: expected {known} each once, got {part.strip()[:40]!r}")
        given[key] = value
    options = {**defaults, **given}
    changed = [f",{key}={options[key]}" for key in defaults if options[key] != defaults[key]]
    return options, "".join(changed)


def whole_number(what: str, text: str, low: int, high: int) -> int:
    """Read a decimal number within limits; `what` names it in the error."""
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
    if not low <= value <= high:
        raise UsageError(f"{what}: expected a whole number from {low} to {high}, got {text[:40]!r}")
    return value


# Elementary cellular automata on worlds too wide for a table, as samples.

_MOST_STEPS = 1000
_MOST_CELLS = 4096

World = tuple[int, int, int]
"""Rule, steps and cells."""


def advance(cells: NDArray[np.int64], rule: int) -> NDArray[np.int64]:
    """Advance ``(rows, cells)`` integers 0/1, leftmost cell last, by one step on a ring."""
    left, right = np.roll(cells, -1, axis=1), np.roll(cells, 1, axis=1)
    return np.asarray((rule >> (left * 4 + cells * 2 + right)) & 1)


def is_sampled(arguments: str) -> bool:
    """Tell whether what stands after ``automaton:`` asks for a sample and not for a table."""
    keys = {part.partition("=")[0].strip().lower() for part in arguments.split(",")[1:]}
    return bool(keys & set(SPLIT_DEFAULTS))


def read_world(arguments: str) -> tuple[World, str, dict[str, str]]:
    rule_text, *parts = (part.strip() for part in arguments.split(","))
    what = f"automaton:{rule_text[:40]}"
    defaults = {"steps": "1", "cells": "", **SPLIT_DEFAULTS}
    options, changed = read_options(what, parts, defaults)
    if not options["cells"]:
        raise UsageError(f"{what}: expected cells=C with a sample, got none")
    world = (
        whole_number(f"{what}: rule", rule_text, 0, 255),
        whole_number(f"{what}: steps", options["steps"], 1, _MOST_STEPS),
        whole_number(f"{what}: cells", options["cells"], 3, _MOST_CELLS),
    )
    # Without a word on the split it would be the table of all states.
    split = "" if is_sampled(f"{world[0]}{changed}") else f",train={options['train']}"
    return world, f"automaton:{world[0]}{changed}{split}", options


def sampled_automaton(arguments: str) -> Dataset:
    (rule, steps, width), source, options = read_world(arguments)
    inputs = read_split(source, options).vectors(width, source)
    cells = inputs.astype(np.int64)
    for _ in range(steps):
        cells = advance(cells, rule)
    name = f"automaton_{rule}" + (f"_steps{steps}" if steps > 1 else "") + f"_cells{width}"
    return Dataset(
        name=name,
        source=source,
        inputs=inputs,
        targets=cells.astype(np.uint8),
        input_ports=(Port("state", width),),
        output_ports=(Port("next", width),),
    )


# Random circuits in layers, as functions to be found again from samples.

_MOST_LAYERS, _MOST_WIDTH = 64, 1024
_GATE = "0.5"


@dataclass(frozen=True)
class Gate:
    """One gate: true where at least `least` of what it reads is true.

    Parameters
    ----------
    sources
        Signals of the layer before it, by position; all different.
    least
        1 of one is a copy, 1 of two an OR, 2 of two an AND, 2 of three a majority.
    """

    sources: tuple[int, ...]
    inverted: tuple[bool, ...]
    least: int


@dataclass(frozen=True)
class HiddenCircuit:
    """A circuit in layers of equal width.

    Parameters
    ----------
    width
        Signals of a layer; also the numbers of inputs and outputs.
    """

    width: int
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

    Only its size, its gates and its seed count; how many patterns are taken does not.
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
    n_layers = whole_number(f"{what}: layers", match[1], 1, _MOST_LAYERS)
    width = whole_number(f"{what}: width", match[2], 2 if and_or else 3, _MOST_WIDTH)
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


# The 8x8 images of handwritten digits that come with scikit-learn, as a data source.

_IMAGES = 1797
_SIDE = 8
_GREY_LEVELS = 16
_CLASSES = 10
_DEFAULTS = {"train": "512", "seed": "1", "part": "train", "count": ""}


def digits(arguments: str | None) -> Dataset:
    """Make a part of the images from what stands after ``digits:``.

    Parameters
    ----------
    arguments
        Parts with commas: a code (``grey``, ``thermometer:K`` or ``threshold:X``), ``train=N``, ``seed=N``,
        ``part=train`` or ``part=test``, ``count=N``; None for the defaults.
    """
    code, options = _options(arguments)
    count = _number(options["train"], "train", 1, _IMAGES - 1)
    seed = _number(options["seed"], "seed", 0, 10**9 - 1)
    part = options["part"]
    if part not in ("train", "test"):
        raise UsageError(f"digits: expected part=train or part=test, got part={part[:40]}")
    values, labels = _images()
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    rows = order[:count] if part == "train" else order[count:]
    given = {"train": str(count), "seed": str(seed), "part": part}
    if options["count"]:
        first = _number(options["count"], "count", 1, len(rows))
        rows = rows[:first]
        given["count"] = str(first)
    changed = [f",{key}={value}" for key, value in given.items() if value != _DEFAULTS[key]]
    dataset = Dataset(
        name="digits",
        source="".join(["digits:", "grey" if code is None else code.text, *changed]),
        inputs=values[rows],
        targets=np.eye(_CLASSES, dtype=np.uint8)[labels[rows]],
        input_ports=tuple(
            Port(f"p{row}{column}", 1) for row in range(_SIDE) for column in range(_SIDE)
        ),
        output_ports=(Port("digit", _CLASSES),),
        input_kind=InputKind.ANALOG,
        output_kind=OutputKind.LABEL,
    )
    return dataset if code is None else code_inputs(dataset, code)


def _options(arguments: str | None) -> tuple[InputCode | None, dict[str, str]]:
    """Read the parts; what is not given is as in `_DEFAULTS`."""
    code: InputCode | None = None
    given: dict[str, str] = {}
    for place, part in enumerate((arguments or "grey").lower().split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if equals and key in _DEFAULTS and key not in given:
            given[key] = value
        elif not equals and not place:
            code = _code(key)
        else:
            raise UsageError(
                f"digits: expected grey, thermometer:K or threshold:X first, then train=N, seed=N, "
                f"part=train|test and count=N once each, got {part.strip()[:40]!r}"
            )
    return code, {**_DEFAULTS, **given}


def _code(text: str) -> InputCode | None:
    if text == "grey":
        return None
    code = parse_code(text)
    if not code.trains_on_bits:
        raise UsageError(
            f"digits: expected grey, thermometer:K or threshold:X, got {text[:40]!r}; to build with binary "
            "inputs give --code"
        )
    return code


def _number(text: str, key: str, low: int, high: int) -> int:
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
    if not low <= value <= high:
        raise UsageError(
            f"digits: {key}: expected a whole number from {low} to {high}, got {text[:40]!r}"
        )
    return value


def _images() -> tuple[np.ndarray, np.ndarray]:
    """Return ``(1797, 64)`` float32 grey levels over 16 and ``(1797,)`` int64 classes."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingToolError(
            "digits: the images come with scikit-learn, which is not installed; "
            + install_command("scikit-learn")
        ) from None
    bunch = load_digits()
    values = (np.asarray(bunch.data) / _GREY_LEVELS).astype(np.float32)
    return values, np.asarray(bunch.target, dtype=np.int64)


# Vectors that a network has to pass through a narrow layer, or to make from codes of its own.

_MAX_CODES = 1024
_CODE_DEFAULTS = {"bits": "", "seed": "1"}
_IMAGE_TASK = "threshold:0.5"
"""A pixel is on from half its range."""


def autoencoder(arguments: str | None) -> Dataset:
    count, bits, options, source = _read(
        "autoencoder", arguments, {"kind": "random", **_CODE_DEFAULTS}
    )
    kind = options["kind"]
    if kind not in ("random", "one-hot"):
        raise UsageError(
            f"autoencoder:{count}: expected kind=random or kind=one-hot, got kind={kind[:40]}"
        )
    if kind == "one-hot" and bits != count:
        raise UsageError(
            f"autoencoder:{count}: one-hot vectors have as many bits as there are: expected "
            f"bits={count}, got {bits}"
        )
    vectors = (
        np.eye(count, dtype=np.uint8)
        if kind == "one-hot"
        else _vectors(count, bits, options, source)
    )
    return Dataset(
        name=f"autoencoder_{count}" + ("_one_hot" if kind == "one-hot" else ""),
        source=source,
        inputs=vectors,
        targets=vectors,
        input_ports=(Port("x", bits),),
        output_ports=(Port("y", bits),),
    )


def decoder(arguments: str | None) -> Dataset:
    """Make vectors without inputs from what stands after ``decoder:``; each finds a code of its own."""
    defaults = {"code": "hypercube", **_CODE_DEFAULTS}
    count, bits, options, source = _read("decoder", arguments, defaults)
    code = options["code"]
    if code not in ("hypercube", "one-hot"):
        raise UsageError(
            f"decoder:{count}: expected code=hypercube or code=one-hot, got code={code[:40]}"
        )
    one_hot = code == "one-hot"
    return _generated(
        f"decoder_{count}", source, _vectors(count, bits, options, source), one_hot, Port("y", bits)
    )


def digit_images(arguments: str | None) -> Dataset:
    """Make all images of one digit without inputs from what stands after ``digit_images:``.

    They are the 8x8 images of the task ``digits``, a pixel on from half its range; a one-hot code chooses
    which of its generators makes an image.
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
    options, _ = read_options(what, parts, defaults)
    bits = whole_number(f"{what}: bits", options["bits"] or str(count), 1, _MAX_CODES)
    options["bits"] = "" if bits == count else str(bits)
    changed = [f",{key}={options[key]}" for key in defaults if options[key] != defaults[key]]
    return count, bits, options, f"{name}:{count}{''.join(changed)}"


def _vectors(count: int, bits: int, options: dict[str, str], source: str) -> NDArray[np.uint8]:
    seed = whole_number(f"{source}: seed", options["seed"], 0, 10**9 - 1)
    if bits < 60 and count > 1 << bits:
        raise UsageError(
            f"{source}: expected at most {1 << bits} vectors of {bits} bits, got {count}"
        )
    return Split(train=count, test=0, seed=seed, part="train").vectors(bits, source)
