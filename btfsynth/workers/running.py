"""What a task can tell and ask while it runs, wherever that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["place", "report", "running_task"]

_listener: ContextVar[Callable[[Any], None] | None] = ContextVar("listener", default=None)
_place: ContextVar[str] = ContextVar("place", default="")


def report(value: Any) -> None:
    """Tell whoever waits for the task where it stands; outside of a task nobody is told.

    Parameters
    ----------
    value
        Numbers and texts, alone or in tuples, lists and dictionaries.
    """
    listener = _listener.get()
    if listener is not None:
        listener(value)


def place() -> str:
    """Return what to put before a complaint about the machine: the worker on a cluster, else nothing."""
    return _place.get()


@contextmanager
def running_task(listener: Callable[[Any], None], where: str = "") -> Iterator[None]:
    """Run the body as a task: what it reports goes to the listener."""
    heard, was = _listener.set(listener), _place.set(where)
    try:
        yield
    finally:
        _listener.reset(heard)
        _place.reset(was)
