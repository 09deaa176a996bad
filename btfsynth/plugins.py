"""Extension points: what the package brings of a kind, and what other packages add to it.

Passes, hardware backends, readers and writers of netlists, simulators and tasks each have a `Registry`, a
read-only mapping from names to parts. It lists what the package has built in, then the entry points of the
group ``btfsynth.<group>`` of installed packages, sorted by name, then what this session added by `register`.
A part is imported when it is asked for, so that a table of names costs next to nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from btfsynth.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

GROUPS = {
    "passes": "pass",
    "backends": "backend",
    "readers": "reader",
    "writers": "writer",
    "simulators": "simulator",
    "tasks": "task",
}
"""The extension points, each with the word for one of its parts."""

_SESSION: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}


def register(group: str, name: str, part: object) -> None:
    """Add a part to an extension point until this process ends; its worker processes do not know it.

    Raises
    ------
    UsageError
        If there is no such group. That a name is taken is found when the table is read.
    """
    _session(group)[name] = part


def unregister(group: str, name: str) -> None:
    """Take back what `register` added; nothing happens if there is nothing of that name."""
    _session(group).pop(name, None)


def _session(group: str) -> dict[str, Any]:
    if group not in GROUPS:
        raise UsageError(f"unknown extension point {group!r}: expected one of {', '.join(GROUPS)}")
    return _SESSION[group]


def later(target: str) -> Callable[..., Any]:
    """Return a function that imports ``module:function`` when it is first called, and calls that."""

    def call(*args: Any, **options: Any) -> Any:
        return resolve(target)(*args, **options)

    return call


def resolve(target: str) -> Any:
    """Return what ``module:attribute`` names."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


class Registry(Mapping[str, T]):
    """The parts of one extension point by name.

    Parameters
    ----------
    group
        One of `GROUPS`.
    kind
        The class of which every part is an instance, or its ``module:attribute``; `type` for classes.
    builtin
        The parts of the package: objects, or ``module:attribute`` for those to import when asked for.
    """

    def __init__(self, group: str, kind: type | str, builtin: Mapping[str, T | str]) -> None:
        self._group = group
        self._kind = kind
        self._builtin = dict(builtin)

    def __getitem__(self, name: str) -> T:
        part = self._builtin.get(name)
        if isinstance(part, str):
            part = self._builtin[name] = resolve(part)
        if part is not None:
            return part
        points = self._entry_points()
        if name not in points:
            found = self._session(points)[name]
            return self._checked(found, name, f"{name!r}, registered in btfsynth.{self._group}")
        return self._checked(_load(points[name]), name, _origin(points[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __contains__(self, name: object) -> bool:
        return name in self._builtin or name in self._names()

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return f"<{self._group}: {', '.join(self)}>"

    def find(self, name: str) -> T:
        """Return the part of a name.

        Raises
        ------
        UsageError
            If there is none; the message lists the names.
        """
        if name not in self:
            noun = GROUPS[self._group]
            raise UsageError(f"unknown {noun} {name!r:.60}: expected one of {', '.join(self)}")
        return self[name]

    def _names(self) -> tuple[str, ...]:
        points = self._entry_points()
        return (*self._builtin, *points, *self._session(points))

    def _entry_points(self) -> dict[str, EntryPoint]:
        points: dict[str, EntryPoint] = {}
        for point in _entry_points(tuple(sys.path), f"btfsynth.{self._group}"):
            if point.name in self._builtin or point.name in points:
                other = _package(points[point.name]) if point.name in points else "btfsynth"
                raise UsageError(
                    f"{_origin(point)}: {other} has a part of the same name; rename one"
                )
            points[point.name] = point
        return points

    def _session(self, points: Mapping[str, EntryPoint]) -> dict[str, Any]:
        session = _SESSION[self._group]
        for name in session:
            if name in self._builtin or name in points:
                raise UsageError(
                    f"{name!r}, registered in btfsynth.{self._group}: another part has this name; "
                    f"unregister it or choose another"
                )
        return session

    def _checked(self, part: Any, name: str, origin: str) -> T:
        kind = resolve(self._kind) if isinstance(self._kind, str) else self._kind
        if not isinstance(part, kind):
            raise UsageError(f"{origin}: expected a {kind.__name__}, got {part!r:.60}")
        own = getattr(part, "name", name)
        if own != name:
            raise UsageError(f"{origin}: expected a part of this name, got {own!r:.60}")
        return cast("T", part)


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:  # whatever the import of a foreign module may raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{_origin(point)}: cannot import {point.value}: {reason}") from error


def _origin(point: EntryPoint) -> str:
    return f"entry point {point.name!r} of {point.group} in {_package(point)}"


def _package(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist else "an unknown package"


def _entry_points(path: tuple[str, ...], group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group by name and package; `path` is `sys.path`, for the cache."""
    return _all_entry_points(path).get(group, ())


@lru_cache(maxsize=16)
def _all_entry_points(path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """Return the entry points of all groups: to find them, every installed package is looked at."""
    from importlib.metadata import entry_points

    points = entry_points()
    groups = [f"btfsynth.{group}" for group in GROUPS]
    return {
        group: tuple(
            sorted(points.select(group=group), key=lambda point: (point.name, _package(point)))
        )
        for group in groups
    }


# How to install what this package can do without.
#
# The project is in no package index, so that its extras are only known to whoever has its clone. What a
# message tells to install are therefore the packages themselves, with the versions that the extras ask for:
# this is right wherever one stands, and whether this package was installed from a clone or from a wheel.

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;()]*)\)?")


def install_command(*packages: str) -> str:
    """Return the command that installs optional packages, in versions that this one works with.

    >>> install_command("no-such-package")
    'pip install no-such-package'
    """
    known = _requirements()
    words = [f"{package}{known.get(_normal(package), '')}" for package in packages]
    return " ".join(
        ["pip install", *(f"'{word}'" if set(word) & set("<>=!~") else word for word in words)]
    )


@cache
def _requirements() -> dict[str, str]:
    """Return the versions of optional packages by their names, as the metadata of this one has them."""
    from importlib import metadata  # which takes long

    try:
        listed = metadata.requires("btfsynth") or []
    except metadata.PackageNotFoundError:  # run from its sources
        return {}
    found = {}
    for text in listed:
        match = _REQUIREMENT.match(text)
        if match:
            found[_normal(match[1])] = match[2].replace(" ", "")
    return found


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
