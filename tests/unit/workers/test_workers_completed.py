"""Tasks one after the other where there is room."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing

import pytest

from btfsynth.errors import UsageError
from btfsynth.events import Event, Note
from btfsynth.workers.executor import (
    Inline,
    Task,
    WorkerPool,
    completed,
    local_executor,
    place,
    report,
)


def square(number: int) -> int:
    """Do some work, and tell how far it is."""
    report({"half": number / 2, "where": place()})
    return number * number


def die_once(marker: str) -> str:
    """End the worker outright the first time."""
    if not os.path.exists(marker):  # noqa: PTH110
        with open(marker, "x"):  # noqa: PTH123
            os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def die() -> None:
    """End the worker outright."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    """Fail on purpose."""
    raise UsageError("no such thing")


@pytest.fixture(scope="module")
def pool():
    """Two workers."""
    with closing(WorkerPool(2)) as made:
        yield made


def squares(count: int) -> list[Task]:
    """Return so many tasks."""
    return [Task(number, f"task {number}", square, (number,)) for number in range(count)]


@pytest.mark.parametrize("kind", ["inline", "pool"])
def test_every_task_comes_back_with_what_it_reported(kind, pool):
    """Under its key, from this process or from others; more tasks than there is room for."""
    executor = Inline() if kind == "inline" else pool
    told: dict = {}
    executor.on_report = told.__setitem__
    found = {each.key: each.value for each in completed(executor, squares(7))}
    assert found == {number: number * number for number in range(7)}
    assert told == {number: {"half": number / 2, "where": ""} for number in range(7)}
    assert not executor.running


def test_tasks_are_asked_for_when_there_is_room():
    """What came before decides what comes next."""
    found: list = []

    def tasks():
        for task in squares(9):
            if sum(found) > 5:
                return
            yield task

    for each in completed(Inline(), tasks()):
        found.append(each.value)
    assert found == [0, 1, 4, 9]


def test_outside_of_a_task_nobody_is_told():
    """A function that reports can be called as any other."""
    assert square(3) == 9


def test_a_task_whose_worker_dies_is_run_once_more(pool, tmp_path):
    """One that kills its worker twice comes back without a value; both are told by name."""
    told: list[Event] = []
    tasks = [
        Task("a", "work a", die_once, (str(tmp_path / "marker"),)),
        Task("b", "work b", die, ()),
    ]
    found = {each.key: each for each in completed(pool, tasks, told.append)}
    assert (found["a"].value, found["a"].died, found["b"].died) == ("alive", False, True)
    assert sorted(event.text for event in told if isinstance(event, Note)) == [
        "work a: its worker died; it is run again",
        "work b: its worker died again; it is skipped",
        "work b: its worker died; it is run again",
    ]


@pytest.mark.parametrize("ended_by", ["caller", "error"])
def test_what_runs_is_taken_back(pool, ended_by):
    """When the caller has enough, or a task fails, the pool is free at once and can be used again."""
    last = Task("x", "x", refuse, ()) if ended_by == "error" else Task("x", "x", square, (1,))
    tasks = completed(pool, [Task("long", "long", time.sleep, (6000,)), last])
    if ended_by == "error":
        with pytest.raises(UsageError, match="no such thing"):
            list(tasks)
    else:
        assert next(tasks).value == 1
        tasks.close()
    assert (pool.idle, pool.running) == (2, 0)
    assert len(list(completed(pool, squares(4)))) == 4


def test_one_job_needs_no_process():
    """It runs here; more run in processes of their own."""
    assert isinstance(local_executor(1), Inline)
    with closing(local_executor(2)) as two:
        assert two.idle == 2
