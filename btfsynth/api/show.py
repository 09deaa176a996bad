"""Display of public objects: one line on a terminal, a table or a drawing in a notebook.

Also the small records that netlists return.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar, overload

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray

from btfsynth.errors import UsageError
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.ports import Port

if TYPE_CHECKING:
    from btfsynth.passes.base import PassReport
    from btfsynth.training.history import HistoryPoint

Row = TypeVar("Row")

_SHOWN_ROWS = 60
_CURVE_STYLE = (
    "text{font:11.5px sans-serif;fill:#5d6675}.axis-title{font-weight:600}.middle{text-anchor:middle}"
    ".end{text-anchor:end}.grid{stroke:#8883;fill:none}.line{fill:none;stroke-width:1.8}"
    ".thin{stroke-width:1.1}.dotted{stroke-dasharray:2 4}.series-1{--c:#1a1e26}.series-2{--c:#1f77b4}"
    ".series-3{--c:#d1700f}.series-4{--c:#2e8b57}.line{stroke:var(--c)}.dot{fill:var(--c)}"
    "@media(prefers-color-scheme:dark){text{fill:#98a1b0}.series-1{--c:#e4e7ec}}"
)


class Table(tuple[Row, ...], Generic[Row]):
    """Records of one kind: a tuple that prints as a table.

    An index returns a record, a name a column as a NumPy array; ``pandas.DataFrame(table)`` works.

    Examples
    --------
    >>> import btfsynth as btf
    >>> tasks = btf.tasks()
    >>> tasks[0].example, tasks["example"][:3].tolist()
    ('multiplier:2', ['multiplier:2', 'squarer:3', 'adder:4'])
    """

    __slots__ = ()
    shown: ClassVar[tuple[str, ...]] = ()
    """Columns to show, if not all."""

    @overload  # type: ignore[override]
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> Table[Row]: ...
    @overload
    def __getitem__(self, key: str) -> NDArray[Any]: ...
    def __getitem__(self, key: int | slice | str) -> Row | Table[Row] | NDArray[Any]:
        if isinstance(key, str):
            if key not in self.columns:
                raise KeyError(f"{key!r}: expected a column, one of {', '.join(self.columns)}")
            return np.array([getattr(row, key) for row in self])
        found = super().__getitem__(key)
        return type(self)(found) if isinstance(key, slice) else found  # type: ignore[arg-type, return-value]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns; none of an empty table."""
        if self.shown or not self:
            return self.shown
        first = self[0]
        if is_dataclass(first):
            return tuple(field.name for field in fields(first))
        return tuple(getattr(first, "_fields", ()))

    def __repr__(self) -> str:
        if not self:
            return f"<{type(self).__name__}: no rows>"
        shown = [self.columns, *(tuple(self._words(row)) for row in self[:_SHOWN_ROWS])]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        lines = [
            "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
            for row in shown
        ]
        return "\n".join([*lines, *self._rest()])

    def _repr_html_(self) -> str:
        shown = [self._words(row) for row in self[:_SHOWN_ROWS]]
        rest = "".join(f"<p>{escape(line)}</p>" for line in self._rest())
        return html_table(shown, self.columns) + rest

    def _words(self, row: Row) -> list[str]:
        return [_text(getattr(row, column)) for column in self.columns]

    def _rest(self) -> list[str]:
        left = len(self) - _SHOWN_ROWS
        return [f"... and {left} more"] if left > 0 else []


class Drawing(str):
    """The text of an SVG picture, which a notebook shows."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<Drawing: {len(self)} bytes of SVG>"

    def save(self, path: StrPath) -> None:
        """Write the picture to a file, whose name ends in .svg."""
        if as_path(path).suffix.lower() != ".svg":
            raise UsageError(f"{path}: expected a drawing to end in .svg")
        write_text(path, str(self))


class Shown:
    """An object with facts, shown as a line in a terminal and as a table in a notebook."""

    def _facts(self) -> dict[str, object]:
        raise NotImplementedError

    def __repr__(self) -> str:
        words = [
            _text(fact) if label == "name" else f"{label} {_text(fact)}"
            for label, fact in self._facts().items()
        ]
        return f"<{type(self).__name__}: {', '.join(words)}>"

    def _repr_svg_(self) -> str | None:
        return None

    def _repr_html_(self) -> str:
        table = html_table(((label, _text(fact)) for label, fact in self._facts().items()), ())
        picture = self._repr_svg_()
        if picture is None:
            return table
        # As an image, because the style of an inline picture would apply to the whole notebook.
        data = base64.b64encode(picture.encode()).decode()
        return f'{table}<img src="data:image/svg+xml;base64,{data}">'


class Ported(Shown):
    """An object with a name and ports."""

    core: Any

    @property
    def name(self) -> str:
        """Name of the function, and of the hardware module made from it."""
        return str(self.core.name)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Ports of the inputs, each least significant bit first."""
        return tuple(self.core.input_ports)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Ports of the outputs, each least significant bit first."""
        return tuple(self.core.output_ports)


class PassRow(NamedTuple):
    """A pass: cells before and after, depth after, how the result was checked, whether it was kept."""

    name: str
    before: int
    cells: int
    depth: int
    seconds: float
    proof: str
    kept: bool

    @classmethod
    def of(cls, report: PassReport) -> PassRow:
        figures = report.before.cells, report.after.cells, report.after.depth
        return cls(report.name, *figures, report.seconds, report.proof, report.kept)


class PortValues(dict[str, Any]):
    """Values by port name, also as attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no port {name!r}: expected one of {', '.join(self)}") from None


@dataclass(frozen=True)
class Equivalence:
    """The result of a comparison; true if the two are equal.

    Parameters
    ----------
    equal
        Whether the two are equal wherever both define the output; None if undecided in time.
    method
        The method: all input vectors, or SAT.
    counterexample
        Values of the input ports by name for which an output differs; None if there is none.
    outputs
        Outputs of the two for these inputs, such as ``p=2'b10``, with ``-`` for a don't-care.
    notes
        Guesses, such as ports matched by order; one line each.

    Examples
    --------
    >>> import btfsynth as btf
    >>> found = btf.prove("majority:3", "parity:3")
    >>> bool(found), found.counterexample, found.outputs
    (False, {'x': 1}, ("y=1'b0", "y=1'b1"))
    """

    equal: bool | None
    method: str
    counterexample: dict[str, int] | None = None
    outputs: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.equal is True


def curve(history: Sequence[HistoryPoint], best_iteration: int) -> Drawing:
    from btfsynth.report.svg import training_curve

    chart = training_curve(history, best_iteration) or Markup("<svg>{}</svg>").format("")
    head, end, rest = str(chart).partition(">")
    name = ' xmlns="http://www.w3.org/2000/svg"'
    return Drawing(f"{head}{name}{end}<style>{_CURVE_STYLE}</style>{rest}")


def html_table(rows: Iterable[Iterable[str]], columns: Sequence[str]) -> str:
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in columns)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row)
        )
        for row in rows
    )
    top = Markup("<thead><tr>{}</tr></thead>").format(head) if columns else ""
    return str(Markup("<table>{}<tbody>{}</tbody></table>").format(top, body))


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_text, value))
    return str(value)
