"""Training settings in a TOML file: what tuning writes and training reads."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["format_settings", "read_settings"]

_KINDS: dict[str, tuple[type, ...]] = {
    "widths": (list,),
    "skip": (bool,),
    "sigma": (int, float),
    "beta": (int, float),
    "gamma": (int, float),
    "iterations": (int,),
    "stop": (str,),
    "gap_limit": (int, float),
    "precision": (int,),
}


def read_settings(path: Path) -> dict[str, Any]:
    """Read the ``[train]`` table of a settings file.

    Returns
    -------
    Values by the names of `btfsynth.train.session.TrainOptions`; their ranges are checked there.

    Raises
    ------
    DataError
        If the file cannot be read, is no TOML, or holds a key or a kind of value that is not known.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"expected TOML: {error}", path) from None
    table = content.pop("train", {})
    if content or not isinstance(table, dict):
        raise DataError("expected one table, [train]", path)
    for key, value in table.items():
        if key not in _KINDS:
            raise DataError(f"unknown key {key!r}; known keys are: {', '.join(_KINDS)}", path)
        if not isinstance(value, _KINDS[key]) or (type(value) is bool and bool not in _KINDS[key]):
            raise DataError(f"{key}: got {value!r}", path)
    widths = table.get("widths")
    if widths is not None:
        if not all(type(width) is int and width > 0 for width in widths):
            raise DataError(f"widths: expected positive whole numbers, got {widths!r}", path)
        table["widths"] = tuple(widths)
    return table


def format_settings(settings: Mapping[str, Any], comment: str) -> str:
    """Return settings as TOML with a comment above; what is None is left out."""
    lines = [f"# {line}" for line in comment.splitlines()]
    lines.append("[train]")
    for key in _KINDS:
        value = settings.get(key)
        if isinstance(value, tuple):
            lines.append(f"{key} = [{', '.join(map(str, value))}]")
        elif isinstance(value, bool):
            lines.append(f"{key} = {str(value).lower()}")
        elif isinstance(value, str):
            lines.append(f'{key} = "{value}"')
        elif value is not None:
            lines.append(f"{key} = {value!r}")
    return "\n".join(lines) + "\n"
