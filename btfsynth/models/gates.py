"""Networks of gates and lookup tables, as torchlogix, difflogic and weightless networks train them.

Two kinds of files are read: circuits of torchlogix in JSON, and ``.npz`` files with the connections and the
table, or the number of the two-input function, of every gate, layer by layer (F. Petersen et al., "Deep
differentiable logic gate networks", NeurIPS 2022; A. Bacellar et al., "Differentiable weightless neural
networks", ICML 2024). Outputs are bits, or groups of bits whose sums are the scores of classes; the largest
score decides, or the first of equal ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.table_code import REFUSE, STEPS, ColumnCode, TableCode
from btfsynth.dataset.vectors import bits_of
from btfsynth.errors import DataError, shown
from btfsynth.files import StrPath, as_path, read_archive
from btfsynth.lower.adder import add_columns
from btfsynth.lower.class_sums import place_of_largest
from btfsynth.models.readers import ReadOptions
from btfsynth.models.record import ImportedModel, Library, class_port
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.functions import build_table
from btfsynth.netlist.netlist import FALSE, Netlist
from btfsynth.network.network import label_width
from btfsynth.ports import Port

MOST_INPUTS = 6
"""Maximum inputs of a gate."""
MOST_NODES = 10_000_000

GATES = {
    "CONST_FALSE": 0, "AND": 1, "AND_NOT_B": 2, "WIRE": 3, "AND_NOT_A": 4, "XOR": 6, "OR": 7, "NOR": 8,
    "XNOR": 9, "NOT_B": 10, "OR_NOT_B": 11, "NOT": 12, "NOT_A": 12, "OR_NOT_A": 13, "NAND": 14,
    "CONST_TRUE": 15,
}  # fmt: skip
"""Numbers of torchlogix' gates among the sixteen two-input functions."""
_READS_A, _READS_B = ("WIRE", "NOT"), ("NOT_B",)


def gate_table(number: int) -> int:
    """Return the table of one of the sixteen functions of ``a`` and ``b``, whose bit ``a + 2 b`` is its value.

    The numbers are those of difflogic: the values at ``00``, ``01``, ``10`` and ``11``, with ``a`` written
    first, have the weights 8, 4, 2 and 1.
    """
    return sum((number >> (3 - 2 * a - b) & 1) << (a + 2 * b) for a in (0, 1) for b in (0, 1))


@dataclass(frozen=True, eq=False)
class Score:
    """The score of a class: `offset` plus `weight` for every signal that is 1, in whole numbers."""

    signals: NDArray[np.int64]
    weight: int = 1
    offset: int = 0


@dataclass(frozen=True, eq=False)
class GateNetwork:
    """Gates in topological order over nodes: the inputs, then the gates.

    `reads` and `tables` have an entry per gate: its input nodes, the first being the least significant in its
    table. Results are the nodes `outputs`, or the `scores` of classes.
    """

    n_inputs: int
    reads: Sequence[tuple[int, ...]]
    tables: Sequence[int]
    outputs: tuple[int, ...] = ()
    scores: tuple[Score, ...] = ()
    # (inputs, bits) float: bit t of an input is 1 if it is above threshold t; None for Boolean inputs
    thresholds: NDArray[np.float64] | None = None

    def nodes(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return ``(nodes, rows)`` uint8 0/1 for ``(rows, inputs)``."""
        values = np.zeros((self.n_inputs + len(self.tables), len(bits)), dtype=np.uint8)
        values[: self.n_inputs] = bits.T
        for gate, (read, table) in enumerate(zip(self.reads, self.tables, strict=True)):
            place = np.zeros(len(bits), dtype=np.uint8)
            for bit, node in enumerate(read):
                place |= values[node] << bit
            listed = np.array([table >> k & 1 for k in range(1 << len(read))], dtype=np.uint8)
            values[self.n_inputs + gate] = listed[place]
        return values

    def sums(self, bits: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return ``(rows, classes)`` int64, the scores."""
        nodes = self.nodes(bits)
        found = [
            each.offset + each.weight * nodes[each.signals].sum(axis=0, dtype=np.int64)
            for each in self.scores
        ]
        return np.stack(found, axis=1)

    def function(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return ``(rows, output bits)`` uint8: the outputs, or the class number."""
        if not self.scores:
            return np.ascontiguousarray(self.nodes(bits)[list(self.outputs)].T)
        return bits_of(self.sums(bits).argmax(axis=1), label_width(len(self.scores)))

    def lowered(self, name: str, inputs: Sequence[Port]) -> Netlist:
        """Return the netlist: the gates, then an adder per class and the index of the largest sum."""
        classes = len(self.scores)
        port = class_port(classes) if classes else Port("y", len(self.outputs))
        builder = NetlistBuilder(name, inputs, (port,))
        literals = [builder.input(bit) for bit in range(self.n_inputs)]
        for read, table in zip(self.reads, self.tables, strict=True):
            literals.append(build_table(builder, table, [literals[node] for node in read]))
        if not classes:
            return builder.build([literals[node] for node in self.outputs])
        least = min(each.offset for each in self.scores)
        numbers = []
        for each in self.scores:
            terms, constant = _terms([literals[node] for node in each.signals], each)
            numbers.append(add_columns(builder, terms, constant - least))
        width = max(1, *map(len, numbers))
        padded = [[*bits, *[FALSE] * (width - len(bits))] for bits in numbers]
        return builder.build(place_of_largest(builder, padded))


def _terms(literals: Sequence[int], score: Score) -> tuple[list[tuple[int, int]], int]:
    """Return a score as weighted literals and a constant; constants and equal literals are merged."""
    counts: dict[int, int] = {}
    constant = score.offset
    for literal in literals:
        node = literal >> 1
        if node == FALSE >> 1:
            constant += score.weight * (literal & 1)
        else:
            counts[literal] = counts.get(literal, 0) + score.weight
    for literal in [each for each in counts if each & 1 and each ^ 1 in counts]:
        both = min(counts[literal], counts[literal ^ 1])  # w x + v !x = (w - v) x + v
        constant += both
        for each in (literal, literal ^ 1):
            counts[each] -= both
    return [(weight, literal) for literal, weight in counts.items() if weight], constant


def imported_gates(network: GateNetwork, name: str, source: str) -> ImportedModel:
    """Return a network of gates as an imported model."""
    code: TableCode | None = None
    ports: tuple[Port, ...] = (Port("x", network.n_inputs),)
    if network.thresholds is not None:
        code = _thermometer(network.thresholds)
        ports = code.ports
    classes = tuple(range(len(network.scores)))
    model = ImportedModel(
        name=name,
        source=source,
        netlist=network.lowered(name, ports),
        function=network.function,
        code=code,
        classes=classes,
    )

    def predict(X: Any) -> NDArray[Any]:
        bits = model.bits(X)
        return network.sums(bits).argmax(axis=1) if classes else network.function(bits)

    return ImportedModel(**{**vars(model), "library": Library("its gates one by one", predict)})


def _thermometer(thresholds: NDArray[np.float64]) -> TableCode:
    """Return the code of inputs that are compared with thresholds, ``v > t`` in single precision."""
    above = np.nextafter(thresholds.astype(np.float32), np.float32(np.inf))
    columns = [
        ColumnCode(f"x[{place}]", STEPS, f"x_{place}", thresholds=tuple(map(float, own)))
        for place, own in enumerate(above)
    ]
    return TableCode("model", tuple(columns), REFUSE)


# Arrays.


def read_gates_npz(path: StrPath, X: Any, options: ReadOptions) -> ImportedModel:
    """Read layers of gates or tables from an ``.npz`` file; `X` is not needed.

    Raises
    ------
    DataError
        If arrays are missing, or a number in them is out of range.
    """
    path = as_path(path)
    arrays = read_archive(path, "arrays of a network of gates")
    network = _of_arrays(path, arrays)
    return imported_gates(network, options.name or path.stem, "network of gates (.npz)")


def _of_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> GateNetwork:
    n_inputs = int(_whole(path, arrays, "inputs", (), 1, MOST_NODES))
    groups = int(_whole(path, arrays, "groups", (), 0, MOST_NODES)) if "groups" in arrays else 0
    reads: list[tuple[int, ...]] = []
    tables: list[int] = []
    first, size, layer = 0, n_inputs, 0
    while f"connections{layer}" in arrays:
        name = f"connections{layer}"
        connections = _whole(path, arrays, name, (None, None), 0, size - 1)
        width = connections.shape[1]
        if not 1 <= width <= MOST_INPUTS or not len(connections):
            raise DataError(
                f"{name}: expected (gates, inputs of a gate up to {MOST_INPUTS}), got {connections.shape}",
                path,
            )
        reads += [tuple(row) for row in (connections + first).tolist()]
        tables += _tables(path, arrays, layer, len(connections), width)
        first = n_inputs + len(reads) - len(connections)
        size, layer = len(connections), layer + 1
    if not layer:
        raise DataError("expected arrays connections0 and gates0 or tables0, got none", path)
    known = {"inputs", "groups", "thresholds"}
    known |= {f"{what}{k}" for what in ("connections", "gates", "tables") for k in range(layer)}
    for name in sorted(set(arrays) - known):
        raise DataError(f"unknown array {shown(name, 40)}; layers count from 0 upwards", path)
    last = np.arange(first, first + size, dtype=np.int64)
    if groups and (size % groups or groups < 2):
        raise DataError(f"groups: expected 2 or more that divide {size} gates, got {groups}", path)
    return GateNetwork(
        n_inputs,
        reads,
        tables,
        outputs=() if groups else tuple(last.tolist()),
        scores=tuple(Score(each) for each in np.split(last, groups)) if groups else (),
        thresholds=_thresholds(path, arrays, n_inputs),
    )


def _tables(
    path: Path, arrays: dict[str, NDArray[Any]], layer: int, gates: int, width: int
) -> list[int]:
    if f"gates{layer}" in arrays:
        if width != 2:
            raise DataError(
                f"gates{layer}: expected connections{layer} of 2 inputs for numbers of functions, got "
                f"{width}; use tables{layer}",
                path,
            )
        numbers = _whole(path, arrays, f"gates{layer}", (gates,), 0, 15)
        return [gate_table(number) for number in numbers.tolist()]
    rows = _whole(path, arrays, f"tables{layer}", (gates, 1 << width), 0, 1).astype(object)
    return [int(each) for each in rows @ (1 << np.arange(1 << width, dtype=object))]


def _thresholds(
    path: Path, arrays: dict[str, NDArray[Any]], n_inputs: int
) -> NDArray[np.float64] | None:
    given = arrays.get("thresholds")
    if given is None:
        return None
    if given.dtype.kind not in "fiu" or given.ndim != 2 or given.size != n_inputs:
        raise DataError(
            f"thresholds: expected (columns, bits) numbers, {n_inputs} in all, got {given.dtype} {given.shape}",
            path,
        )
    numbers = given.astype(np.float64)
    if not np.isfinite(numbers).all() or (np.diff(numbers, axis=1) <= 0).any():
        raise DataError("thresholds: expected finite numbers that increase along every row", path)
    return numbers


def _whole(
    path: Path,
    arrays: dict[str, NDArray[Any]],
    name: str,
    shape: tuple[int | None, ...],
    low: int,
    high: int,
) -> NDArray[np.int64]:
    if name not in arrays:
        raise DataError(f"expected an array {name}, got {shown(', '.join(sorted(arrays)))}", path)
    array = arrays[name]
    fits = array.ndim == len(shape) and all(
        wanted in (None, got) for wanted, got in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "iub":
        sizes = ", ".join("any" if size is None else str(size) for size in shape)
        raise DataError(
            f"{name}: expected whole numbers of shape ({sizes}), got {array.dtype} {array.shape}",
            path,
        )
    numbers = array.astype(np.int64)
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        found = int(array.min()) if int(array.min()) < low else int(array.max())
        raise DataError(f"{name}: expected numbers from {low} to {high}, got {found}", path)
    return numbers


# torchlogix.


def read_torchlogix(path: StrPath, X: Any, options: ReadOptions) -> ImportedModel:
    """Read the circuit that torchlogix' ``Circuit.write_json`` writes; `X` is not needed.

    Raises
    ------
    DataError
        If the file has another format, or a gate is unknown or reads a later one.
    """
    path = as_path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected JSON, got {shown(str(error))}", path) from None
    try:
        network = _of_circuit(path, document)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DataError(
            f"expected a circuit of torchlogix with n_inputs, gates and outputs, got {shown(repr(error))}",
            path,
        ) from None
    return imported_gates(network, options.name or path.stem, "torchlogix circuit")


def _of_circuit(path: Path, document: Any) -> GateNetwork:
    n_inputs = document["n_inputs"]
    if type(n_inputs) is not int or not 1 <= n_inputs <= MOST_NODES:
        raise DataError(f"n_inputs: expected 1 to {MOST_NODES}, got {shown(n_inputs, 40)}", path)
    place = {number: number for number in range(n_inputs)}
    reads: list[tuple[int, ...]] = []
    tables: list[int] = []
    for gate in document["gates"]:
        kind, own = gate["op"], gate["gate_id"]
        if kind not in GATES:
            raise DataError(f"gate {shown(own, 20)}: unknown op {shown(kind, 40)}", path)
        if own in place or type(own) is not int:
            raise DataError(f"gate {shown(own, 20)}: expected a unique number", path)
        given = [gate["in0"], gate["in1"]]
        read, table = _gate(kind, given)
        missing = [each for each in read if each not in place]
        if missing:
            raise DataError(
                f"gate {own} ({kind}): reads {shown(missing[0], 20)}, which is not an input or an earlier gate",
                path,
            )
        place[own] = n_inputs + len(reads)
        reads.append(tuple(place[each] for each in read))
        tables.append(table)
    sums = {each["node_id"]: each for each in document.get("sum_nodes", [])}
    outputs = document["outputs"]
    unknown = [each for each in outputs if each not in place and each not in sums]
    if unknown or not outputs:
        raise DataError(f"outputs: expected gates or sums, got {shown(unknown, 40)}", path)
    if not sums:
        return GateNetwork(n_inputs, reads, tables, tuple(place[each] for each in outputs))
    if len(outputs) < 2 or any(each not in sums for each in outputs):
        raise DataError(
            "outputs: expected a sum for each of two or more classes, or gates only; a single sum is a "
            "regression",
            path,
        )
    scores = _scores(path, [sums[each] for each in outputs], place)
    return GateNetwork(n_inputs, reads, tables, scores=scores)


def _gate(kind: str, given: Sequence[int]) -> tuple[list[int], int]:
    """Return the inputs of a gate and its table over them."""
    table = gate_table(GATES[kind])
    if kind.startswith("CONST"):
        return [], table & 1
    if kind in (*_READS_A, *_READS_B, "NOT_A"):
        # A gate of one input, which is the first one if the other is unused.
        one = given[1] if kind in _READS_B or given[0] < 0 else given[0]
        return [one], 0b10 if kind == "WIRE" else 0b01
    return list(given), table


def _scores(path: Path, sums: Sequence[Any], place: dict[int, int]) -> tuple[Score, ...]:
    """Return sums ``(ones + beta) / tau`` on one integer scale, exactly as in the file."""
    factors, offsets, signals = [], [], []
    for each in sums:
        tau, beta = Fraction(each.get("tau", 1.0)), Fraction(each.get("beta", 0.0))
        if tau <= 0:
            raise DataError(f"sum {shown(each['node_id'], 20)}: expected tau above 0", path)
        missing = [one for one in each["input_ids"] if one not in place]
        if missing:
            raise DataError(
                f"sum {shown(each['node_id'], 20)}: adds {shown(missing[0], 20)}, which is not a gate",
                path,
            )
        factors.append(1 / tau)
        offsets.append(beta / tau)
        signals.append(np.array([place[one] for one in each["input_ids"]], dtype=np.int64))
    if len(set(factors)) == 1:  # The usual case: one tau, which does not change the order
        offsets = [(each - offsets[0]) / factors[0] for each in offsets]
        factors = [Fraction(1)] * len(factors)
    scale = lcm(*(each.denominator for each in (*factors, *offsets)))
    if scale > 1 << 24:
        raise DataError("sum_nodes: expected tau and beta on a common scale of up to 24 bits", path)
    return tuple(
        Score(own, int(factor * scale), int(offset * scale))
        for own, factor, offset in zip(signals, factors, offsets, strict=True)
    )
