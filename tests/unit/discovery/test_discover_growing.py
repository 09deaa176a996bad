"""Cascades in a search: in parts, in any order, broken off and continued."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from discovery_helpers import InProcess

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import load
from btfsynth.discovery import search, work
from btfsynth.discovery.cascade import CascadeOptions
from btfsynth.discovery.learner import LearnerOptions
from btfsynth.discovery.portfolio import PolishTask
from btfsynth.discovery.record import parse_record
from btfsynth.discovery.search import DiscoverOptions, discover
from btfsynth.discovery.work import Cascade, GrowTask, cascade_options, polish
from btfsynth.events import SearchStatus
from btfsynth.netlist.simulation import care_reference, count_wrong
from btfsynth.netlist.text import parse_netlist, read_netlist
from btfsynth.ports import Port
from btfsynth.workers.executor import Finished

VECTORS = np.array([[v >> k & 1 for k in range(7)] for v in range(128)], dtype=np.uint8)
MANY = VECTORS[:, :3].sum(axis=1) >= 2
ODD = VECTORS[:, :4].sum(axis=1) % 2
DATA = Dataset(
    "seven", "seven", VECTORS,
    np.stack([MANY, ODD, (MANY & (VECTORS[:, 4] ^ VECTORS[:, 5])) | VECTORS[:, 6]], axis=1).astype(np.uint8),
    (Port("x", 7),), (Port("y", 3),),
)  # fmt: skip
OPTIONS = DiscoverOptions(trials=2, time_limit=None, passes="fast", polish=False)


@pytest.fixture(scope="module", autouse=True)
def small_work():
    """Cascades of few trainings and short walks."""
    learner = LearnerOptions(supports=1, trainings=6, wanted=1)

    def small(dataset, seed: int, trial: int):
        return replace(cascade_options(dataset, seed, trial), learner=learner, walks=2, walk=50)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "cascade_options", small)
        patch.setattr(work, "cascade_options", small)
        patch.setattr(work, "_LONGEST_WALK", 3_000)
        patch.setattr(work, "_REGROWN_WALK", 50)
        yield


def run(folder, *, jobs=1, resume=False, interrupt_after=None, options=OPTIONS, **executor):
    """Search in this process; return the report, the executor and the states told."""
    made, told = [], []

    def make(_: int) -> InProcess:
        made.append(InProcess(jobs, **executor))
        made[0].interrupt_after = interrupt_after
        return made[0]

    report = discover(DATA, folder, options, resume=resume, executor=make, on_event=told.append)
    return report, made[0], [event for event in told if isinstance(event, SearchStatus)]


def content(folder) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown") / "d"
    return run(folder), folder


def test_trials_grow_their_circuits_in_parts(finished):
    """Both trials are exact; the record says how many outputs were made in which way."""
    (report, executor, _), folder = finished
    assert (report.trials, report.exact, report.partial) == (2, 2, None)
    parts = [task for task in executor.done if isinstance(task, GrowTask)]
    assert {task.trial for task in parts} == {0, 1}
    assert {task.part.kind for task in parts} >= {"look", "learn", "walk", "finish"}
    for line in (folder / "trials.jsonl").read_text().splitlines():
        record = parse_record(json.loads(line))
        assert record.method == "cascade"
        assert record.made["searched"] + record.made["trained"] >= 3
        assert record.to_json()["made"] == record.made
    assert not (folder / "growing").exists()


def test_jobs_and_order_do_not_matter(finished, tmp_path):
    """Four jobs whose results come latest first write the same bytes."""
    _, executor, _ = run(tmp_path / "d", jobs=4, latest_first=True)
    assert content(tmp_path / "d") == content(finished[1])
    assert executor.done != finished[0][1].done


def test_a_break_keeps_stages_and_says_what_there_is(finished, tmp_path):
    """The cascade continues where it was, not from its beginning; the end is the same."""
    whole = finished[0][1].done
    report, _, _ = run(tmp_path / "d", interrupt_after=14)
    assert report.interrupted
    partial = report.to_json()["partial"]
    assert partial["bits"] == 3 * 128
    assert 0 < partial["bits_right"] < partial["bits"]
    netlist = read_netlist(tmp_path / "d" / "partial.mig")
    assert netlist.n_cells == partial["cells"]
    assert (tmp_path / "d" / "growing" / "trial_0.json").exists()
    report, executor, _ = run(tmp_path / "d", resume=True)
    assert len(executor.done) < len(whole) - 8
    assert content(tmp_path / "d") == content(finished[1])


def test_a_cascade_under_way_goes_on_when_it_is_time_to_polish(finished, tmp_path, monkeypatch):
    """After a fifth of the time no other trial begins; polishing follows."""
    first = sum(isinstance(task, GrowTask) and task.trial == 0 for task in finished[0][1].done)
    now = [0.0]
    wait = InProcess.wait

    def slow(executor: InProcess, timeout: float) -> list[Finished]:
        polishes = isinstance(executor.tasks[0][0], PolishTask)
        now[0] += 80 if polishes else 20 / (first + 5)
        return wait(executor, timeout)

    monkeypatch.setattr(InProcess, "wait", slow)
    monkeypatch.setattr(search, "time", SimpleNamespace(monotonic=lambda: now[0]))
    options = replace(OPTIONS, trials=None, time_limit=100.0, polish=True)
    _, executor, _ = run(tmp_path / "d", options=options)
    tasks = [task for task in executor.done if isinstance(task, GrowTask | PolishTask)]
    polished = next(k for k, task in enumerate(tasks) if isinstance(task, PolishTask))
    assert polished > first + 10
    assert [task.trial for task in tasks[:polished]] == sorted(
        [0] * first + [1] * (polished - first)
    )
    assert {task.trial for task in tasks if isinstance(task, GrowTask)} == {0, 1}


def test_a_worker_that_dies_twice_loses_its_trial(tmp_path):
    """The other trial goes on."""
    first = GrowTask(0, 3, finished_part())
    report, _, _ = run(tmp_path / "d", deaths={first: 2})
    assert report.lost == (0,)
    assert report.exact == 1


def finished_part():
    """The part of a cascade's fourth step."""
    cascade = Cascade(DATA, 0, 1, None)
    from btfsynth.discovery.work import grow_part

    for _ in range(3):
        task = cascade.next()
        cascade.settle(task, grow_part(DATA, 1, "fast", cascade.growth, task))
    return cascade.next().part


def test_where_a_cascade_stands_is_told():
    """Inputs free, outputs made, bits right, and what a training has reached."""
    cascade = Cascade(DATA, 0, 1, None)
    status = cascade.status()
    assert (status.trial, status.free, status.inputs, status.outputs) == (0, 0, 7, 3)
    task = cascade.next()
    assert cascade.next() is None
    cascade.told(task, (100, 128))
    assert (cascade.status().right, cascade.status().patterns) == (100, 128)
    netlist, names = cascade.partial()
    assert netlist.n_outputs == 3
    assert names == []


def test_orders_of_inputs_vary_from_trial_to_trial():
    """Each is an order of all inputs."""
    orders = [cascade_options(DATA, 1, trial).order for trial in range(8)]
    assert all(sorted(order) == list(range(7)) for order in orders)
    assert len(set(orders)) >= 2


def test_the_first_trial_of_many_inputs_walks_shorter():
    """Up to ten inputs as long as others, of twelve a sixteenth."""
    many = load("multiplier:6")
    longest = [cascade_options(many, 1, trial).longest for trial in range(2)]
    assert longest == [CascadeOptions().longest // 16, CascadeOptions().longest]
    assert cascade_options(load("multiplier:5"), 1, 0).longest == CascadeOptions().longest


def test_polishing_walks_or_grows_a_part_again(finished):
    """Whichever it is, the circuit is right, and the record says what was done."""
    line = (finished[1] / "trials.jsonl").read_text().splitlines()[0]
    parent = parse_record(json.loads(line))
    for attempt in (0, 2):
        record = polish(DATA, parent, parent.circuit.netlist, "fast", False, attempt)
        assert record.passes.startswith("anneal")
        assert record.parent == parent.circuit.key
        assert count_wrong(parse_netlist(record.circuit.netlist), care_reference(DATA)) == 0
        assert record.circuit.cost.cells <= parent.circuit.cost.cells + 10 * (attempt == 2)
    assert record.made != parent.made
