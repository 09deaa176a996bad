"""Random circuits in layers, as functions to be found again from samples.

Elser & Lal, "Learning with Boolean threshold functions" (arXiv 2602.17493), section on logic networks. Every
node reads signals of the layer before it, each inverted or not, and every signal is read by some node;
a node is, with some probability, a gate, else a copy of one signal. Gates are ANDs and ORs of two signals in
AND/OR circuits and majorities of three in majority circuits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.generators_split import (
    SPLIT_DEFAULTS,
    read_options,
    read_split,
    whole_number,
)
from btfsynth.errors import UsageError
from btfsynth.ports import Port

__all__ = [
    "Gate",
    "HiddenCircuit",
    "hidden_circuit",
    "random_and_or",
    "random_majority",
    "read_circuit",
]

_MOST_LAYERS, _MOST_WIDTH = 64, 1024
_GATE = "0.5"


@dataclass(frozen=True)
class Gate:
    """One gate: true where at least `least` of what it reads is true.

    Parameters
    ----------
    sources
        Signals of the layer before it, by position; all different.
    inverted
        For each whether it is inverted.
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
    layers
        The gates of every layer, `width` each.
    """

    width: int
    layers: tuple[tuple[Gate, ...], ...]

    def outputs(self, inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return ``(vectors, width)`` uint8 0/1 for ``(vectors, width)`` input vectors."""
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

    Raises
    ------
    UsageError
        If it is no specification of a random circuit.
    """
    name, colon, arguments = spec.partition(":")
    if name.strip().lower() not in ("random_and_or", "random_majority") or not colon:
        raise UsageError(f"{spec[:60]!r}: expected random_and_or:LxW or random_majority:LxW")
    return read_circuit(name.strip().lower(), arguments)[0]


def random_and_or(arguments: str | None) -> Dataset:
    """Make patterns of a random AND/OR circuit from what stands after ``random_and_or:``.

    Parameters
    ----------
    arguments
        ``LxW``, then with commas ``gate=P`` (probability of a gate), ``train=N``, ``test=N``, ``seed=N``,
        ``part=train|test``.

    Raises
    ------
    UsageError
        If the arguments are wrong.
    """
    return _patterns("random_and_or", arguments)


def random_majority(arguments: str | None) -> Dataset:
    """Make patterns of a random majority circuit from what stands after ``random_majority:``.

    Parameters
    ----------
    arguments
        As for `random_and_or`.

    Raises
    ------
    UsageError
        If the arguments are wrong.
    """
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
    """Read the arguments of a random circuit.

    Returns
    -------
    circuit : HiddenCircuit
    source : str
        The specification in its normal form.
    options : dict
        Its options.

    Raises
    ------
    UsageError
        If they are wrong.
    """
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
    """Draw different signals other than the first."""
    drawn = random.choice(width - 1, size=count, replace=False).tolist()
    return [signal + (signal >= first) for signal in drawn]


def _gate(random: np.random.Generator, sources: list[int], least: int) -> Gate:
    flips = random.integers(0, 2, len(sources)).tolist()
    return Gate(tuple(sources), tuple(bool(flip) for flip in flips), least)
