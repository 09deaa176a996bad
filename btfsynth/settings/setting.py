"""One setting, the kinds of values that settings have, and records whose fields a table of settings checks.

A kind converts a value from Python, from a run file or, after `read`, from the command line to the form used by
the program. All three therefore accept the same values and refuse others with the same message. Checks that
need other modules, such as that of a script of passes, are named as ``module:attribute``, which is imported
when there is something to check.
"""

from __future__ import annotations

import inspect
import math
import operator
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, ClassVar

from btfsynth.errors import UsageError, shown
from btfsynth.plugins import resolve

LARGEST = 2**62
"""Of whole numbers without another limit: counters have 64 bits."""

_DIGITS = re.compile(r"\s*[+-]?[0-9][0-9_]{0,99}\s*", re.ASCII)
_AUTO = re.compile(r"auto(?::0*([1-9][0-9]{0,5}))?")


class Kind:
    """A kind of value; `expected` describes it in words."""

    expected = ""
    metavar = "TEXT"
    names: Sequence[str] = ()
    """Words that a shell can complete."""
    many = False
    """True if an option is repeated and the value is a tuple."""

    def read(self, text: str) -> Any:
        """Convert a text of the command line to a value, or return the text if it is invalid."""
        return int(text) if _DIGITS.fullmatch(text) else text

    def take(self, value: Any) -> Any:
        """Return a value in the form used by the program.

        Raises
        ------
        UsageError
            If it is invalid; the message does not name the setting.
        """
        raise NotImplementedError

    def plain(self, value: Any) -> Any:
        """Return a value that was taken as TOML has it."""
        return value

    def refused(self, value: Any) -> UsageError:
        word = str(value).lower() if isinstance(value, bool) else shown(value)
        return UsageError(f"expected {self.expected}, got {word}")


class Whole(Kind):
    """A whole number within limits."""

    metavar = "N"

    def __init__(self, low: int, high: int = LARGEST) -> None:
        self.low, self.high = low, high
        limits = f"of at least {low}" if high == LARGEST else f"from {low} to {high}"
        self.expected = f"a whole number {limits}"

    def take(self, value: Any) -> int:
        number = whole(value)
        if number is None or not self.low <= number <= self.high:
            raise self.refused(value)
        return number


class Real(Kind):
    """A finite number that satisfies `holds`."""

    def __init__(self, expected: str, holds: Callable[[float], bool], metavar: str = "X") -> None:
        self.expected, self._holds, self.metavar = expected, holds, metavar

    def read(self, text: str) -> Any:
        try:
            return int(text) if _DIGITS.fullmatch(text) else float(text)
        except ValueError:
            return text

    def take(self, value: Any) -> float:
        try:
            number = math.nan if isinstance(value, (bool, str, bytes)) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not (math.isfinite(number) and self._holds(number)):
            raise self.refused(value)
        return value if type(value) in (int, float) else number


class Flag(Kind):
    """True or false; its option is a pair such as ``--enable/--no-enable``."""

    expected = "true or false"

    def take(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.refused(value)
        return value


class Choice(Kind):
    """One of a few words or numbers, or one of the members of an enumeration."""

    def __init__(
        self,
        values: Sequence[Any] | type[Enum],
        *,
        words: str = "one of {}",
        omit: Sequence[Any] = (),
    ) -> None:
        self._member = values if isinstance(values, type) else None
        allowed = [each for each in values if each not in omit]
        self.values = tuple(each.value if isinstance(each, Enum) else each for each in allowed)
        self.names = tuple(map(str, self.values))
        self.expected = words.format(", ".join(self.names))
        self.metavar = f"[{'|'.join(self.names)}]"

    def take(self, value: Any) -> Any:
        given = self.plain(value)
        if type(given) not in (int, str) or given not in self.values:
            raise self.refused(value)
        return given if self._member is None else self._member(given)

    def plain(self, value: Any) -> Any:
        return value.value if isinstance(value, Enum) else value


class Weights(Choice):
    """A rule for weights in hardware, or their number of bits."""

    def __init__(self, rules: Sequence[str], most: int) -> None:
        super().__init__(rules, words=f"{{}} or a number of bits from 2 to {most}")
        self.metavar = "RULE|BITS"
        self._most = most

    def take(self, value: Any) -> Any:
        bits = whole(value)
        return bits if bits is not None and 2 <= bits <= self._most else super().take(value)


class Stages(Whole):
    """Number of register stages, or ``auto:DEPTH`` for a logic depth of at most DEPTH per stage."""

    metavar = "N|auto|auto:DEPTH"
    names = ("auto", "auto:4")

    def __init__(self, most: int, depth: int) -> None:
        super().__init__(0, most)
        self._depth = depth
        self.expected = f"0 to {most} stages, auto or auto:DEPTH"

    def take(self, value: Any) -> Any:
        found = _AUTO.fullmatch(value) if isinstance(value, str) else None
        return super().take(value) if found is None else f"auto:{found[1] or self._depth}"


class Text(Kind):
    """Text that is not empty.

    Parameters
    ----------
    check
        ``module:attribute`` of a function that checks a text; `keep` uses its result as the value.
    pattern
        Regular expression of the whole text.
    """

    def __init__(
        self,
        expected: str,
        metavar: str = "NAME",
        check: str = "",
        keep: bool = False,
        pattern: str = "",
    ) -> None:
        self.expected, self.metavar, self._check = expected, metavar, check
        self._keep, self._pattern = keep, pattern or r"(?s).*"

    def read(self, text: str) -> Any:
        return text

    def take(self, value: Any) -> Any:
        text = self.plain(value)
        if not _is_text(text) or not re.fullmatch(self._pattern, text):
            raise self.refused(value)
        made = resolve(self._check)(text) if self._check else None
        return made if self._keep else text

    def plain(self, value: Any) -> Any:
        return getattr(value, "text", value) if self._keep else value


class Source(Text):
    """The name of data: a task or a file."""

    def __init__(self) -> None:
        super().__init__("a task or a file", "SOURCE")


class File(Text):
    """The name of a file."""

    def __init__(self, metavar: str = "FILE") -> None:
        super().__init__("a file", metavar)


class Names(Kind):
    """Some of the parts of an extension point, which other packages may have added to.

    Parameters
    ----------
    table
        ``module:attribute`` of the names, or of a function that returns them.
    others
        Names that are accepted besides.
    """

    many = True

    def __init__(self, table: str, metavar: str, others: Sequence[str] = ()) -> None:
        self._table, self.metavar, self._others = table, metavar, others

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        known = resolve(self._table)
        return tuple(known() if callable(known) else known)

    @property
    def expected(self) -> str:  # type: ignore[override]
        return f"a list of some of {', '.join([*self.names, *self._others])}"

    def take(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)):
            raise self.refused(value)
        known = (*self.names, *self._others) if value else ()
        for name in value:
            if name not in known:
                raise self.refused(name)
        return tuple(dict.fromkeys(value))


class Widths(Kind):
    """Widths of a network, inputs first."""

    expected = "a list of two or more whole numbers of at least 1"
    metavar = "N,N,..."

    def read(self, text: str) -> Any:
        if text.endswith(".wth"):
            return resolve("btfsynth.network.formats:read_widths")(text)
        parts = text.split(",")
        return tuple(map(int, parts)) if all(map(_DIGITS.fullmatch, parts)) else text

    def take(self, value: Any) -> tuple[int, ...]:
        try:
            widths = tuple(map(Whole(1).take, () if isinstance(value, (str, bytes)) else value))
        except (TypeError, UsageError):
            widths = ()
        if len(widths) < 2:
            raise self.refused(value)
        return widths


class Columns(Kind):
    """Output columns of a table: the number of last columns, or names."""

    expected = "a number of columns or a list of their names"
    metavar = "N|NAMES"

    def read(self, text: str) -> Any:
        is_count = text.isascii() and text.isdigit() and len(text) <= 9
        return int(text) if is_count else [name.strip() for name in text.split(",")]

    def take(self, value: Any) -> int | tuple[str, ...]:
        count = whole(value)
        if count is not None and 1 <= count <= LARGEST:
            return count
        if not (isinstance(value, (list, tuple)) and value and all(map(_is_text, value))):
            raise self.refused(value)
        return tuple(value)


def whole(value: Any) -> int | None:
    """Return a whole number of any type as a Python int, None for other values."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


@dataclass(frozen=True)
class Setting:
    """A setting, described once; option, run-file key, check and documentation derive from it.

    Parameters
    ----------
    help
        One line: what the setting does, and its unit.
    default
        None if the value is decided elsewhere, which `otherwise` describes in words.
    optional
        Whether None is a valid value; it always is if it is the default.
    section
        Section of the run file; empty if the file does not have it.
    option
        The option, if its name differs from that of the setting.
    heading
        Heading in the help of a command.
    formerly
        Name in earlier versions, which is refused with the new name in the message.
    more
        Further text for the documentation.
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    otherwise: str = ""
    optional: bool = False
    section: str = ""
    option: str = ""
    heading: str = "Options"
    formerly: str = ""
    more: str = ""

    def but(self, **changes: Any) -> Setting:
        """Return the setting with changes for another place."""
        return replace(self, **changes)

    @property
    def flag(self) -> str:
        """The option, such as ``--time-limit``."""
        return self.option or f"--{self.name.replace('_', '-')}"

    @property
    def default_words(self) -> str:
        """The default in words, empty if there is none."""
        if self.default is None or self.default == ():
            return self.otherwise
        value = self.kind.plain(self.default)
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:g}" if isinstance(value, float) else f"{value}"

    def take(self, value: Any) -> Any:
        """Return a value in the form used by the program.

        Raises
        ------
        UsageError
            If it is out of range; the message names the setting.
        """
        if value is None and (self.optional or self.default is None):
            return None
        try:
            return self.kind.take(value)
        except UsageError as error:
            raise UsageError(f"`{self.name}`: {error}") from None

    @property
    def line(self) -> str:
        """The line of help, with the list of known names."""
        return self.help.replace("{names}", ", ".join(self.kind.names))

    def described(self) -> str:
        """Return the setting as the documentation of a class has it."""
        words = self.default_words
        text = f"{self.help} {self.more}".rstrip().replace("{names}", "names")
        return f"{text} Default: {words}." if words else text


def table(*settings: Setting, section: str = "", heading: str = "") -> Mapping[str, Setting]:
    """Return settings by name; those without a section or a heading of their own get these."""
    placed = (
        each.but(section=each.section or section, heading=heading or each.heading)
        for each in settings
    )
    return MappingProxyType({each.name: each for each in placed})


class Options:
    """Base of frozen dataclasses whose fields are checked by a table; fields that it does not have are not.

    The class is documented by the table.
    """

    settings: ClassVar[Mapping[str, Setting]]

    def __init_subclass__(cls, settings: Mapping[str, Setting] = MappingProxyType({})) -> None:
        cls.settings = settings
        rows = (
            f"{each.name}\n{textwrap.indent(each.described(), '    ')}"
            for each in settings.values()
        )
        cls.__doc__ = inspect.cleandoc(cls.__doc__ or "").replace("(settings)", "\n".join(rows))

    def __post_init__(self) -> None:
        for setting in self.settings.values():
            object.__setattr__(self, setting.name, setting.take(getattr(self, setting.name)))

    def _fill(self, name: str, value: Any) -> None:
        """Set a field that is None to the value that follows from other fields."""
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)


def plain_values(*records: Options) -> dict[str, dict[str, Any]]:
    """Return the settings of records as a run file has them, by section and key; None is omitted."""
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        for setting in record.settings.values():
            value = getattr(record, setting.name)
            if setting.section and value is not None:
                found.setdefault(setting.section, {})[setting.name] = setting.kind.plain(value)
    return found


def sections(
    names: Sequence[str], *tables: Mapping[str, Setting]
) -> Mapping[str, Mapping[str, Setting]]:
    """Return the settings of a run file by section and key, in the order of the tables."""
    found: dict[str, dict[str, Setting]] = {name: {} for name in names}
    for each in tables:
        for setting in each.values():
            if setting.section:
                found[setting.section][setting.name] = setting
    return MappingProxyType(found)
