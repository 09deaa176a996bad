"""What is made beside a result: pages, plots, further files. None of it may take the result away."""

from __future__ import annotations

from collections.abc import Callable

from btfsynth.errors import BtfsynthError, OutputError

__all__ = ["attempted", "require_whole"]


def attempted(what: str, work: Callable[[], object]) -> list[str]:
    """Do some work beside the result; return why it failed, as a list of one line or none.

    Packages that draw may raise anything, so all but an interrupt is taken for a failure.
    """
    try:
        work()
    except BtfsynthError as error:
        return [f"{what}: {error}"]
    except Exception as error:
        return [f"{what}: {type(error).__name__}: {error}"]
    return []


def require_whole(problems: list[str], kept: str) -> None:
    """Fail if something beside the result is missing.

    Raises
    ------
    OutputError
        Naming what is missing, and what is kept all the same.
    """
    if problems:
        raise OutputError(f"{'; '.join(problems)}; {kept}")
