"""One setting with all that is known of it, and records whose fields are checked by a table of settings."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from btfsynth.errors import UsageError
from btfsynth.settings.kinds import Kind


@dataclass(frozen=True)
class Setting:
    """A setting, described once; option, run-file key, check and documentation derive from this.

    Parameters
    ----------
    help
        One line: what it does, and its unit.
    default
        None where something else decides, which `otherwise` says in words.
    optional
        Whether None is a value too; it always is where it is the default.
    section
        Section of the run file; empty if the file does not have it.
    option
        The option where it is not called like the setting.
    heading
        Under what the help of a command lists it.
    formerly
        The name that it had in earlier versions, which is refused with the new one.
    more
        What the documentation adds.
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
        """Return the setting as it is somewhere else."""
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
        """Return a value as the program keeps it.

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
        """The line of help, with the names of what is known."""
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
        """Give a field that is None the value that follows from others."""
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
