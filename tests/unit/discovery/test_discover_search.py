"""The search and its folder, on an executor without processes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from discovery_helpers import InProcess

from btfsynth.dataset.load import load
from btfsynth.discovery import search, work
from btfsynth.discovery import store as store_module
from btfsynth.discovery.portfolio import PolishTask, TrialTask
from btfsynth.discovery.search import DiscoverOptions, discover
from btfsynth.discovery.store import certify
from btfsynth.errors import DataError, UsageError, VerificationError
from btfsynth.events import Event, Note
from btfsynth.netlist.simulation import care_reference, count_wrong
from btfsynth.netlist.text import read_netlist
from btfsynth.settings.table import Objective
from btfsynth.training.session import TrainOptions
from btfsynth.verify.simulate import simulate_design
from btfsynth.workers.executor import Finished, WorkerPool

DATA = load("multiplier:2")
OPTIONS = DiscoverOptions(trials=5, time_limit=None, passes="fast")


def run(folder: Path, options: DiscoverOptions = OPTIONS, *, resume: bool = False, **executor):
    """Search in this process; the executor is ``report.executor``."""
    made = []
    interrupt_after = executor.pop("interrupt_after", None)

    def make(jobs: int) -> InProcess:
        made.append(InProcess(jobs, **executor))
        made[0].interrupt_after = interrupt_after
        return made[0]

    told: list[Event] = []
    report = discover(DATA, folder, options, resume=resume, executor=make, on_event=told.append)
    notes = [event.text for event in told if isinstance(event, Note)]
    return report, made[0], notes


def content(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A discovery that ran to its end, and its folder."""
    folder = tmp_path_factory.mktemp("finished") / "m2"
    report, _, notes = run(folder)
    assert notes == []
    return report, folder


def test_the_front_is_on_the_disk(finished):
    """Every entry is a design that passes its checks, and says where it came from."""
    report, folder = finished
    record = report.to_json()
    assert (record["trials"], record["name"]) == (5, "multiplier_2")
    assert record["exact"] >= 4
    assert record["distinct"] >= 2
    assert record["polished"] > 0
    assert record["best"]["cells"] == min(entry["cells"] for entry in record["front"])
    index = json.loads((folder / "front.json").read_text())
    assert [entry["path"] for entry in index["front"]] == [e["path"] for e in report.front]
    assert len(list((folder / "front").iterdir())) == len(record["front"])
    for entry in record["front"]:
        design = Path(entry["path"])
        netlist = read_netlist(design / "multiplier_2.mig")
        assert count_wrong(netlist, care_reference(DATA)) == 0
        assert netlist.n_cells == entry["cells"] == entry["and"] + entry["or"] + entry["maj"]
        assert entry["verified"] is True
        assert design.name.startswith(f"c{entry['cells']}_d{entry['depth']}_i{entry['inverters']}_")
        assert all(check.ok for check in simulate_design(design, ("amaranth",)))
        manifest = json.loads((design / "manifest.json").read_text())
        assert manifest["options"] == entry["origin"]
        assert {"seed", "trial", "widths", "sigma", "passes"} <= set(entry["origin"])
    lines = (folder / "trials.jsonl").read_text().splitlines()
    assert len(lines) == record["trials"] + record["polished"]


def test_jobs_and_order_do_not_matter(finished, tmp_path):
    """Three jobs that end in another order write the same bytes."""
    options = replace(OPTIONS, jobs=3)
    report, executor, _ = run(tmp_path / "m2", options, latest_first=True)
    assert content(tmp_path / "m2") == content(finished[1])
    assert executor.done[1:4] != [TrialTask(0), TrialTask(1), TrialTask(2)]
    assert report.trials == 5


def test_the_time_goes_to_trials_then_to_polishing(tmp_path, monkeypatch):
    """Tasks of eight seconds: of a hundred, ten go to trials and two polish; four are kept for checks."""
    now = [0]
    wait = InProcess.wait

    def slow(executor: InProcess, timeout: float) -> list[Finished]:
        now[0] += 8
        return wait(executor, timeout)

    monkeypatch.setattr(InProcess, "wait", slow)
    monkeypatch.setattr(search, "time", SimpleNamespace(monotonic=lambda: now[0]))
    options = DiscoverOptions(jobs=1, time_limit=100.0, passes="fast")
    report, executor, _ = run(tmp_path / "m2", options)
    kinds = [type(task) for task in executor.done]
    assert kinds == [str, *[TrialTask] * 10, *[PolishTask] * 2]
    assert (report.trials, report.polished, report.seconds) == (10, 2, 96)


@pytest.mark.parametrize("after", [3, 9])
def test_a_stopped_search_goes_on(finished, tmp_path, after):
    """Stopped among the trials or while polishing, it keeps what it has and ends the same."""
    folder = tmp_path / "m2"
    report, first, _ = run(folder, interrupt_after=after)
    assert report.interrupted
    assert report.front
    # A killed run may leave half a line behind.
    with (folder / "trials.jsonl").open("a") as stream:
        stream.write('{"trial":77,"seed"')
    report, second, _ = run(folder, resume=True)
    assert not report.interrupted
    assert not set(first.done) & set(second.done) - {"ready"}
    assert content(folder) == content(finished[1])


def test_more_trials_come_on_top(finished, tmp_path):
    """A finished search can be gone on with; nothing is trained twice."""
    folder = tmp_path / "m2"
    run(folder, replace(OPTIONS, trials=3, polish=False))
    report, executor, _ = run(folder, replace(OPTIONS, polish=False), resume=True)
    assert executor.done == ["ready", TrialTask(3), TrialTask(4)]
    assert (report.trials, report.polished) == (5, 0)


def test_an_earlier_search_is_moved_aside(tmp_path):
    """Without --resume nothing is lost and nothing mixed."""
    options = replace(OPTIONS, trials=1, polish=False)
    run(tmp_path, options)
    before = content(tmp_path)
    report, _, notes = run(tmp_path, replace(options, training=TrainOptions(seed=2)))
    assert "former-1" in notes[0]
    assert content(tmp_path / "former-1") == before
    assert report.trials == 1


def test_a_trial_whose_worker_dies(tmp_path):
    """It is run once more, then left out and named with its seed."""
    options = replace(OPTIONS, trials=3, polish=False, jobs=2)
    report, executor, notes = run(tmp_path, options, deaths={TrialTask(0): 1, TrialTask(1): 2})
    assert report.lost == (1,)
    assert report.trials == 2
    assert TrialTask(0) in executor.done
    assert [note for note in notes if "trial 1 (seed 1)" in note and "skipped" in note]
    # The next session tries it again.
    report, executor, _ = run(tmp_path, options, resume=True)
    assert executor.done == ["ready", TrialTask(1)]
    assert report.trials == 3


def test_a_circuit_that_fails_its_check_is_reported(tmp_path, monkeypatch):
    """It is not kept; the next best stands in its place."""
    asked = []

    def fail_one(dataset, record, text, folder):
        asked.append(record.circuit.key)
        if record.circuit.key == asked[0]:
            raise VerificationError(f"circuit {folder.name}: amaranth: 3 vectors failed")
        return certify(dataset, record, text, folder)

    monkeypatch.setattr(store_module, "certify", fail_one)
    report, _, notes = run(tmp_path, replace(OPTIONS, polish=False))
    assert len(report.rejected) == 1
    assert report.front
    assert asked[0] not in {entry["key"] for entry in report.front}
    assert "3 vectors failed" in notes[0]


def test_a_wrong_netlist_is_a_problem_and_no_circuit(tmp_path, monkeypatch):
    """One that fails on the patterns is named, counted, and the search goes on."""
    monkeypatch.setattr(work, "count_wrong", lambda *_: 2)
    report, _, notes = run(tmp_path, replace(OPTIONS, trials=2))
    assert (report.trials, report.distinct, report.front) == (2, 0, ())
    assert report.problems == report.exact > 0
    assert len(notes) == 1
    assert "wrong on 2 of 16 patterns" in notes[0]


def _spoil(name, text):
    return lambda folder: (folder / name).write_text(text)


def _change_index(**values):
    def change(folder):
        path = folder / "front.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


def _lose_netlists(folder):
    path = folder / "trials.jsonl"
    lines = []
    for line in path.read_text().splitlines():
        values = json.loads(line)
        values.get("circuit", {}).pop("netlist", None)
        lines.append(json.dumps(values) + "\n")
    path.write_text("".join(lines))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_spoil("front.json", "{"), "front.json: expected JSON"),
        (_spoil("front.json", "[]"), "front.json: expected the index"),
        (_change_index(format=9), "front.json: expected the index"),
        (_change_index(front=[{"path": 3}]), "front.json: front: path: expected text, got 3"),
        (_change_index(data_hash="0", source="adder:2"), "another data set, adder:2"),
        (_change_index(settings="0"), "other settings"),
        (lambda folder: (folder / "front.json").unlink(), "no such file"),
        (_spoil("trials.jsonl", "{}\n"), "trials.jsonl:1: not a record"),
        (_spoil("trials.jsonl", "nonsense\n"), "trials.jsonl:1: not a record"),
        (_lose_netlists, "the netlist of circuit"),
    ],
)
def test_broken_folders_are_refused(tmp_path, spoil, words):
    """One line that names the file; the folder stays as it is."""
    run(tmp_path, replace(OPTIONS, trials=1, polish=False))
    spoil(tmp_path)
    before = content(tmp_path)
    with pytest.raises(DataError, match=words):
        run(tmp_path, resume=True)
    assert content(tmp_path) == before


def test_resuming_with_other_settings_is_refused(tmp_path):
    """Another seed makes other circuits."""
    run(tmp_path, replace(OPTIONS, trials=1, polish=False))
    with pytest.raises(DataError, match="other settings"):
        run(tmp_path, replace(OPTIONS, training=TrainOptions(seed=2)), resume=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "area"}, "expected one of cells, depth"),
        ({"trials": 0}, "trials"),
        ({"time_limit": 0.0}, "time"),
        ({"jobs": 0}, "jobs"),
    ],
)
def test_bad_options_are_refused(options, words):
    """One line each."""
    with pytest.raises(UsageError, match=words):
        replace(OPTIONS, **options)


def test_nothing_exact_leaves_an_empty_front(tmp_path):
    """Records are kept all the same."""
    options = replace(OPTIONS, trials=2, training=TrainOptions(max_iterations=1))
    report, _, _ = run(tmp_path, options)
    assert (report.trials, report.exact, report.front) == (2, 0, ())
    assert report.to_json()["best"] is None
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 2


def test_worker_processes_give_the_same(finished, tmp_path):
    """Two real workers write what one executor in this process writes."""
    report = discover(DATA, tmp_path / "m2", replace(OPTIONS, jobs=2), executor=WorkerPool)
    assert report.objective is Objective.CELLS
    assert content(tmp_path / "m2") == content(finished[1])
