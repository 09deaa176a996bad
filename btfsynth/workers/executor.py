"""What work is run on: functions that go by their names, in processes that may die."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol

from btfsynth import errors
from btfsynth.errors import BtfsynthError

__all__ = ["Answer", "Common", "Executor", "Finished", "answer", "value_of"]

Answer = tuple[str, Any]
"""``value`` or the name of an error, and what goes with it."""


class Common:
    """Base of what many tasks have as an argument and do not change: a cluster is sent it once."""


@dataclass(frozen=True)
class Finished:
    """A task that came to an end.

    Parameters
    ----------
    key
        What it was submitted as.
    value
        What its function returned.
    died
        True if the worker died of it; there is no value then.
    """

    key: Hashable
    value: Any = None
    died: bool = False


class Executor(Protocol):
    """What runs tasks."""

    on_report: Callable[[Hashable, Any], None]
    """Called while tasks are waited for, with a key and what its task reported."""

    @property
    def idle(self) -> int:
        """Tasks that can be submitted now."""

    @property
    def running(self) -> int:
        """Tasks submitted and not yet handed back."""

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Start a task; one must be idle."""

    def wait(self, timeout: float) -> list[Finished]:
        """Return the tasks that have ended; wait so many seconds for the first.

        Raises
        ------
        BtfsynthError
            If a task raised one.
        """

    def clear(self) -> None:
        """Take back all tasks: none of them is handed back any more. The executor can be used again."""

    def close(self) -> None:
        """End everything at once, running tasks too."""


def answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Answer:
    """Run a task in a worker and return what came of it."""
    try:
        return "value", function(*arguments)
    except BtfsynthError as error:
        return type(error).__name__, str(error)
    except MemoryError:
        return "MemoryError", ""
    except Exception:
        return "RuntimeError", traceback.format_exc()


def value_of(given: Answer) -> Any:
    """Return what a task returned, or raise what it raised in its worker."""
    kind, content = given
    if kind == "value":
        return content
    if kind in errors.__all__:
        error = getattr(errors, kind).__new__(getattr(errors, kind))
        error.args = (content,)
        raise error
    raise MemoryError if kind == "MemoryError" else RuntimeError(content)
