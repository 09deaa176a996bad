"""Data sets: patterns from built-in tasks, files and arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from btfsynth.api.codes import Code, coded_rows
from btfsynth.api.show import Ported, Table, html_table
from btfsynth.dataset.columns import TableColumn, frame_columns, require_values, wanted_targets
from btfsynth.dataset.dataset import Dataset as Patterns
from btfsynth.dataset.dataset import InputKind, OutputKind
from btfsynth.dataset.formats import format_by_ending
from btfsynth.dataset.load import load as load_dataset
from btfsynth.dataset.load import save
from btfsynth.dataset.patterns import find_contradiction, sample, settled
from btfsynth.dataset.tasks import TASKS, Task
from btfsynth.dataset.vectors import numbers_of
from btfsynth.errors import DataError, UsageError, plural, shown
from btfsynth.files import StrPath, as_path
from btfsynth.ports import Port, bit_names, group_columns, total_width
from btfsynth.settings.table import INPUTS, Conflicts

if TYPE_CHECKING:
    from btfsynth.api.netlists import Netlist

Ports = Sequence[str | Port] | Mapping[str, int]
"""Names of columns, ports, or widths by name."""

_HTML_ROWS = 8


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Dataset(Ported):
    """Patterns: input vectors, their target outputs, and which of the targets matter.

    Parameters
    ----------
    X
        An array, nested lists or a pandas frame of shape ``(patterns, inputs)``. It holds 0/1 of any numeric or
        Boolean type, analog values from 0 to 1, or a table of any numbers and words. In a table, NaN or None is
        a missing value. Analog inputs and tables need a code before they become hardware (see `coded`).
    y
        ``(patterns, outputs)`` or ``(patterns,)`` 0/1; NaN where an output does not matter. Or the label of
        each pattern, ``(patterns,)``: words or whole numbers.
    inputs, outputs
        Ports of the columns, the least significant bit first. Give `Port` objects, widths by name such as
        ``{"a": 3, "b": 3}``, or names of single bits, where ``a[0]`` and ``a[1]`` make a bus ``a``. By default
        the columns of a pandas frame, else one bus ``x`` or ``y``.
    classes
        True: `y` holds labels of any sortable type, and each class is an output of its own. False: `y` holds
        bits. By default words, and whole numbers other than 0 and 1, are labels. Two classes are then one
        output.
    conflicts
        Rule for patterns with equal inputs but different targets: ``error``, ``majority`` (the most
        frequent target; a tie becomes a don't-care), ``drop`` or ``keep``.
    name
        Name of the function, and so of the hardware module made from it.

    Raises
    ------
    DataError
        If shapes do not fit, values are out of range, or patterns with equal inputs have different targets.

    Examples
    --------
    >>> import btfsynth as btf
    >>> X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> data = btf.Dataset(X, [0, 1, 1, float("nan")], inputs=["a", "b"], outputs=["or"], name="either")
    >>> data
    <Dataset: either, patterns 4, inputs a, b, outputs or, targets that matter 3 of 4>
    >>> data.X.dtype, data.y.shape, data["a"].tolist()
    (dtype('uint8'), (4, 1), [0, 0, 1, 1])
    """

    core: Patterns

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        inputs: Ports | None = None,
        outputs: Ports | None = None,
        classes: bool | None = None,
        conflicts: str = "error",
        name: str = "data",
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"name: expected a text that is not blank, got {name!r:.60}")
        columns, given = frame_columns("X", X)
        labels, targets = wanted_targets(y, classes)
        if len(given) != len(targets):
            raise DataError(
                f"X and y: expected as many patterns in both, got {len(given)} and {len(targets)}"
            )
        care = ~np.isnan(targets)
        input_ports, in_order = _ports("inputs", inputs, X, given, "x")
        if targets.shape[1] == len(labels):  # several classes are bits of one port, named after it
            outputs = _widened(outputs, y, targets.shape[1])
        output_ports, out_order = _ports("outputs", outputs, y, targets, "y")
        given, targets, care = given[:, in_order], targets[:, out_order], care[:, out_order]
        as_label = len(labels) > 2 or bool(classes)
        care = care.all(axis=1, keepdims=True) & care if as_label else care
        made = Patterns(
            name,
            f"data set {name!r}",
            given,
            np.where(care, targets, np.arange(targets.shape[1]) < int(as_label)),
            input_ports,
            output_ports,
            care=care,
            output_kind=OutputKind.LABEL if as_label else OutputKind.BOOLEAN,
            classes=labels,
            **_input_kind(given, [columns[place] for place in in_order], input_ports),
        )
        if (error := find_contradiction(made)) is not None:
            made = settled(replace(made, contradiction=error), _rule(conflicts))
        self._set(made)

    def _set(self, made: Patterns) -> None:
        object.__setattr__(self, "core", made)

    @classmethod
    def _of(cls, made: Patterns) -> Dataset:
        dataset = cls.__new__(cls)
        dataset._set(made)
        return dataset

    def __eq__(self, other: object) -> bool:
        """Return True if ports, patterns and don't-cares are equal, whatever the name."""
        if not isinstance(other, Dataset):
            return NotImplemented
        same = self.core.content_hash == other.core.content_hash
        return same and self.classes == other.classes

    def __hash__(self) -> int:
        return hash(self.core.content_hash)

    @property
    def X(self) -> NDArray[Any]:  # noqa: N802
        """``(patterns, inputs)`` uint8 0/1, or float32 from 0 to 1 where inputs are analog. Read-only.

        For a table float64: numbers, indices of categories, NaN for missing values.
        """
        return self.core.inputs

    @property
    def y(self) -> NDArray[np.uint8]:
        """``(patterns, outputs)`` uint8 0/1; a class is a row with a single 1. Read-only."""
        return self.core.targets

    @property
    def care(self) -> NDArray[np.bool_]:
        """``(patterns, outputs)`` bool: False where the output does not matter. Read-only."""
        return self.core.care_mask

    @property
    def classes(self) -> tuple[Any, ...]:
        """Names of the classes that the outputs represent; two classes may be one bit. Empty for plain bits."""
        return self.core.classes

    @property
    def exhaustive(self) -> bool:
        """True if every input vector is listed and every output of each matters."""
        return self.core.exhaustive

    @property
    def notes(self) -> tuple[str, ...]:
        """Guesses made when the file was read, one line each."""
        return self.core.notices

    def __len__(self) -> int:
        return self.core.n_patterns

    def __getitem__(self, port: str) -> NDArray[Any]:
        """Return the values of a port, ``(patterns,)`` int64; of an analog bus ``(patterns, width)``."""
        for ports, rows in ((self.inputs, self.X), (self.outputs, self.y)):
            values = port_columns(ports, rows)
            if isinstance(port, str) and port in values:
                return values[port]
        known = ", ".join(each.name for each in (*self.inputs, *self.outputs))
        raise UsageError(f"{self.name}: expected a port, one of {known}, got {shown(port)}")

    def renamed(self, name: str) -> Dataset:
        """Return the same patterns under another name."""
        return Dataset._of(replace(self.core, name=name))

    def sample(self, n: int, seed: int = 1) -> Dataset:
        """Draw `n` patterns without replacement; the other vectors are unknown, not don't-cares.

        Raises
        ------
        UsageError
            If there are fewer patterns.
        """
        return Dataset._of(sample(self.core, n, seed))

    def coded(
        self,
        code: str | Mapping[str, str] | Code = "auto",
        *,
        missing: str = "impute",
        conflicts: str = "keep",
    ) -> Dataset:
        """Return analog inputs or a table as bits.

        Parameters
        ----------
        code
            ``binary:K``, ``levels:N``, ``thermometer:K`` and ``threshold:X`` treat all values alike. ``auto``,
            ``quantile:K`` and ``tree:K`` are fitted to these rows. ``age=tree:4,size=ordinal`` sets the code
            column by column, and so does a mapping, with ``"*"`` for all other columns. A `Code` of other rows
            is applied as it is.
        missing
            ``impute`` replaces a missing value by the median, or the most frequent word, of these rows.
            ``error`` refuses missing values.
        conflicts
            Rule for rows with equal bits but different targets (see `Dataset`).

        Raises
        ------
        UsageError, DataError
            If there is nothing to code, or the code does not fit.

        Examples
        --------
        >>> import btfsynth as btf
        >>> rows = [[20, "red"], [31, "blue"], [44, "red"], [58, "green"]]
        >>> data = btf.Dataset(rows, ["no", "no", "yes", "yes"], inputs=["age", "colour"])
        >>> bits = data.coded("quantile:2")
        >>> bits
        <Dataset: data, patterns 4, inputs age[2], colour[3], outputs y, classes no, yes>
        >>> bits.code.meanings["age"]
        'age >= 26, 50, bit 0 first; missing counts as 31'
        >>> bits.code.encode([[35, "blue"]]).tolist()
        [[1, 0, 1, 0, 0]]
        """
        return Dataset._of(coded_rows(self.core, code, missing, _rule(conflicts)))

    @property
    def code(self) -> Code | None:
        """The code that made these bits from a table, to code other rows in the same way; None without one."""
        return None if self.core.code is None else Code(self.core.code, self.classes)

    @property
    def circuit(self) -> Netlist:
        """The hidden circuit of a sampled task: ``random_and_or``, ``random_majority`` or ``automaton``.

        Raises
        ------
        UsageError
            If the patterns come from another task, or from none.

        Examples
        --------
        >>> import btfsynth as btf
        >>> btf.load("automaton:110,cells=8,train=64,test=64").circuit
        <Netlist: automaton_110_cells8, inputs state[8], outputs next[8], cells 56, depth 4>
        """
        from btfsynth.api.netlists import Netlist
        from btfsynth.reproduce.record import hidden_netlist

        return Netlist(hidden_netlist(self.core.source)).renamed(self.name)

    def save(self, path: StrPath) -> None:
        """Write the patterns; the ending names the format: .csv, .pla, .truth, .dat or .npz.

        Raises
        ------
        UsageError
            If the ending is unknown, or the format cannot hold the patterns.
        OutputError
            If the file cannot be written.
        """
        save(self.core, path)

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {
            "name": self.name,
            "patterns": len(self),
            "inputs": [port.label for port in self.inputs] or "generated",
            "outputs": [port.label for port in self.outputs],
        }
        if self.classes:
            facts["classes"] = [str(each) for each in self.classes]
        if not self.care.all():
            facts["targets that matter"] = f"{int(self.care.sum())} of {self.care.size}"
        return facts

    def _repr_html_(self) -> str:
        values = {**port_columns(self.inputs, self.X), **port_columns(self.outputs, self.y)}
        rows = islice(zip(*values.values(), strict=True), _HTML_ROWS)
        shown = html_table((map(str, row) for row in rows), tuple(values))
        return f"{super()._repr_html_()}{shown}"


def _input_kind(
    given: NDArray[np.float64], columns: Sequence[TableColumn], ports: Sequence[Port]
) -> dict[str, Any]:
    """Return the inputs as bits, as values from 0 to 1, or as a table with columns named like the ports."""
    in_unit = (given >= 0) & (given <= 1)
    if in_unit.all() and all(column.is_number for column in columns):
        analog = bool(((given != 0) & (given != 1)).any())
        return {"input_kind": InputKind.ANALOG if analog else InputKind.BOOLEAN}
    try:
        require_values("X", given, in_unit, "a value from 0 to 1")
        column = next(column for column in columns if not column.is_number)
        reason = DataError(
            f"X: expected a value from 0 to 1, got words in column {column.name!r:.60}"
        )
    except DataError as error:
        reason = error
    named = zip(columns, bit_names(ports), strict=True)
    return {
        "input_kind": InputKind.TABLE,
        "columns": tuple(replace(column, name=name) for column, name in named),
        "not_bits": reason,
    }


def _widened(given: Ports | None, values: Any, width: int) -> Ports | None:
    """Return the name of a single column of classes as a port with one bit per class; others as given."""
    if given is None:
        columns = getattr(values, "columns", None)
        single = getattr(values, "name", None)
        given = None if single is None else str(single)
        given = [str(each) for each in columns] if columns is not None else given
    names = [given] if isinstance(given, str) or given is None else list(given)
    if isinstance(given, Mapping) or len(names) != 1 or not isinstance(names[0], str):
        return given
    return {names[0]: width}


def _ports(
    what: str, given: Ports | None, values: Any, array: NDArray[Any], default: str
) -> tuple[tuple[Port, ...], list[int]]:
    """Return the ports of the columns, and for every bit of them the column."""
    count = array.shape[1]
    if given is None:
        columns = getattr(values, "columns", None)
        if columns is None:
            columns = getattr(getattr(values, "dtype", None), "names", None)
        single = getattr(values, "name", None)
        if columns is not None:
            given = [str(column) for column in columns]
        else:
            given = {default: count} if single is None else [str(single)]
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        if any(not isinstance(width, (int, np.integer)) or width < 1 for width in given.values()):
            raise DataError(f"{what}: expected ports of at least 1 bit, got {dict(given)}")
        ports = tuple(Port(str(name), int(width)) for name, width in given.items())
        order = list(range(total_width(ports)))
    elif not any(isinstance(each, Port) for each in given):
        ports, order = group_columns([str(each) for each in given])
    else:
        ports = tuple(each if isinstance(each, Port) else Port(str(each), 1) for each in given)
        order = list(range(total_width(ports)))
    names = [port.name for port in ports]
    if not all(name.strip() for name in names):
        raise DataError(f"{what}: expected a name for every port, got a blank one")
    if len(set(names)) < len(names):
        raise DataError(f"{what}: expected different names, got {', '.join(names)}")
    if len(order) != count:
        raise DataError(
            f"{what}: expected ports of {plural(count, 'bit')} in all, got {len(order)}"
        )
    return ports, order


def port_columns(ports: Iterable[Port], rows: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the values of ports, by name, from rows of their bits."""
    values, start = {}, 0
    for port in ports:
        bits = rows[:, start : start + port.width]
        start += port.width
        if bits.dtype.kind == "f":
            values[port.name] = bits[:, 0] if port.width == 1 else bits
        else:
            values[port.name] = numbers_of(bits) if port.width <= 62 else words_of(bits)
    return values


def words_of(bits: NDArray[Any]) -> NDArray[Any]:
    """Return rows of bits of any width as Python integers, ``(rows,)`` object."""
    packed = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
    return np.array([int.from_bytes(row.tobytes(), "little") for row in packed], dtype=object)


def load(
    source: StrPath,
    *,
    outputs: int | str | Sequence[str] | None = None,
    format: str | None = None,  # noqa: A002
    conflicts: str = "error",
    name: str | None = None,
) -> Dataset:
    """Load a built-in task or a file of patterns.

    Parameters
    ----------
    source
        A task such as ``"multiplier:3"`` (see `tasks`), or a file: .csv, .arff, .pla, .truth, .dat or .npz. A
        string that begins with the name of a task is a task. For a file of such a name, pass a `pathlib.Path`.
    outputs
        For a .csv file: the number of output columns, which are last, or their names. By default the header
        decides.
    format
        Name of the format; by default recognised by the ending of the file, else by its content.
    conflicts
        Rule for contradictory patterns (see `Dataset`).
    name
        Another name for the function.

    Raises
    ------
    UsageError
        If there is neither such a task nor such a file.
    DataError
        If the file is malformed, or its patterns contradict each other. The message names file
        and line.
    MissingToolError
        If the task needs a package that is not installed.

    Examples
    --------
    >>> import btfsynth as btf
    >>> data = btf.load("multiplier:3")
    >>> data.X.shape, data.y.shape
    ((64, 6), (64, 6))
    >>> bool((data["a"] * data["b"] == data["p"]).all())
    True
    """
    return _load(source, _rule(conflicts), outputs, format, name)


def _load(
    source: StrPath,
    conflicts: Conflicts | None,
    outputs: int | str | Sequence[str] | None = None,
    format: str | None = None,  # noqa: A002
    name: str | None = None,
) -> Dataset:
    if not isinstance(source, (str, PathLike)):
        raise UsageError(
            f"expected a task or a file, got {type(source).__name__}; btfsynth.Dataset(X, y) takes arrays"
        )
    try:
        made = load_dataset(source, outputs=_columns(outputs), format=format, conflicts=conflicts)
    except DataError as error:
        if format is None and _is_netlist(source):
            raise DataError(
                "expected patterns, got a netlist; btfsynth.read reads it", as_path(source)
            ) from error
        raise
    return Dataset._of(made if name is None else replace(made, name=name))


def _is_netlist(path: StrPath) -> bool:
    from btfsynth.hdl.formats import READERS

    suffix = as_path(path).suffix.lower()
    endings = {ending for reader in READERS.values() for ending in reader.endings}
    return suffix in endings and format_by_ending(as_path(path)) is None


def _columns(outputs: int | str | Sequence[str] | None) -> Any:
    if isinstance(outputs, str):
        return [outputs]
    return outputs if outputs is None or isinstance(outputs, int) else list(outputs)


def _rule(conflicts: str) -> Conflicts:
    rule: Conflicts = INPUTS["conflicts"].but(default=Conflicts.ERROR).take(conflicts)
    return rule


def as_dataset(source: Dataset | StrPath, conflicts: Conflicts | None = Conflicts.ERROR) -> Dataset:
    """Return a data set as given, or that of a task or a file; conflicts are kept without a rule."""
    if isinstance(source, Dataset):
        return source
    if isinstance(source, (str, PathLike)):
        return _load(source, conflicts)
    raise UsageError(
        f"expected a data set, a task or a file, got {type(source).__name__}; btfsynth.Dataset(X, y) makes one"
    )


class Tasks(Table[Task]):
    """The built-in tasks."""

    __slots__ = ()
    shown = ("name", "signature", "description", "example")


def tasks() -> Tasks:
    """List the built-in tasks.

    Examples
    --------
    >>> import btfsynth as btf
    >>> btf.tasks()[0].signature
    'multiplier:N[xM]'
    """
    return Tasks(TASKS.values())
