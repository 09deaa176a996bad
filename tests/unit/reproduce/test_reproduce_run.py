"""Running experiments: what is kept, gone on from, refused and written."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import load
from btfsynth.errors import DataError, MissingToolError, ToolError, UsageError
from btfsynth.events import Event, Note, RunEnded, RunProgress, RunsPlanned
from btfsynth.ports import Port
from btfsynth.reproduce import record
from btfsynth.reproduce import record as record_module
from btfsynth.reproduce import run as run_module
from btfsynth.reproduce.catalogue import EXPERIMENTS, Experiment, Scale, choose
from btfsynth.reproduce.run import Report, ReproduceOptions, reproduce
from btfsynth.reproduce.table import markdown, report_record, summary, write_tables
from btfsynth.settings.table import StopRule
from btfsynth.training.trainer import check_fit
from btfsynth.workers.executor import Finished, Inline


def small(name: str, seeds: int, iterations: int, **changes: object) -> Experiment:
    """Return an experiment of the catalogue cut short."""
    scale = Scale(seeds, iterations)
    return replace(EXPERIMENTS[name], full=scale, quick=scale, **changes)


EXACT = small("multiplier2", 3, 10_000)
TESTED = small(
    "and_or_64",
    2,
    40,
    task="random_and_or:2x6,train=20,test=30",
    widths=(6, 6, 6),
    published=replace(EXPERIMENTS["and_or_64"].published, share=0.999),
)


@pytest.fixture(autouse=True)
def _no_torch(monkeypatch):
    """Baselines have tests of their own."""
    monkeypatch.setattr(run_module, "has_torch", lambda: False)


def made(report: Report) -> list[object]:
    """Return what a run came to, times aside."""
    rows = []
    for row in report.rows:
        for each in row.records:
            rows.append({key: value for key, value in each.items() if key != "seconds"})
    return rows


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_catalogue_holds_together(name):
    """Data load and fit their networks, names are files, quick is no longer than full."""
    experiment = EXPERIMENTS[name]
    dataset = load(experiment.source(2))
    check_fit(dataset, experiment.topology)
    if experiment.tested:
        assert load(experiment.test_source(2)).n_inputs == dataset.n_inputs
    assert name.replace("_", "").isalnum()
    assert experiment.quick.seeds <= experiment.full.seeds
    assert experiment.quick.max_iterations <= experiment.full.max_iterations
    experiment.parameters(experiment.full)


def test_names_may_be_beginnings():
    """A whole name means itself alone; the order is that of the table."""
    assert [each.name for each in choose(("rule30", "multi"))] == [
        "multiplier2",
        "multiplier3",
        "rule30",
    ]
    assert len(choose(("digits",))) == 3
    assert len(choose(())) == len(EXPERIMENTS)
    for name in ("", "rule31"):
        with pytest.raises(UsageError, match="experiments are multiplier2"):
            choose((name,))


def test_runs_are_kept_and_the_same_for_any_number_of_jobs(tmp_path):
    """One file an experiment; what is done is not done again."""
    told: list[Event] = []
    one = reproduce((EXACT, TESTED), tmp_path / "one", ReproduceOptions(), told.append)
    assert sum(isinstance(event, RunEnded) for event in told) == 5
    two = reproduce((EXACT, TESTED), tmp_path / "two", ReproduceOptions(jobs=2), told.append)
    assert sum(isinstance(event, RunEnded) for event in told) == 10
    assert made(one) == made(two)
    assert sorted(path.name for path in (tmp_path / "one/rows").iterdir()) == [
        "and_or_64.json",
        "multiplier2.json",
    ]
    told.clear()
    again = reproduce((EXACT, TESTED), tmp_path / "one", ReproduceOptions(), told.append)
    assert [event for event in told if not isinstance(event, Note)] == [RunsPlanned(5, 5)]
    assert made(again) == made(one)


def test_an_interrupted_run_goes_on(tmp_path):
    """What was done by then is kept and shown as part; the rest is made the next time."""

    def stop(event: Event) -> None:
        if isinstance(event, RunEnded) and event.seed == 2:
            raise KeyboardInterrupt

    report = reproduce((EXACT,), tmp_path, ReproduceOptions(), stop)
    assert report.interrupted
    assert 2 <= len(report.rows[0].records) < 3
    row = report_record(report)
    assert row["complete"] is False
    assert row["rows"][0]["state"] == "partly done"
    whole = reproduce((EXACT,), tmp_path, ReproduceOptions())
    assert report_record(whole)["complete"] is True
    assert made(whole) == made(reproduce((EXACT,), tmp_path / "new", ReproduceOptions()))


class Gone(Inline):
    """Workers that are lost after two tasks."""

    count = 0

    def wait(self, timeout):
        """Run two tasks, then fail."""
        self.count += 1
        if self.count > 2:
            raise ToolError("the scheduler is gone")
        return super().wait(timeout)


def test_what_is_done_is_kept_when_the_workers_are_lost(tmp_path):
    """The rows are there, the report says why no more are, and the next run makes the rest."""
    report = reproduce((EXACT,), tmp_path, ReproduceOptions(), executor=lambda _: Gone())
    assert report.lost == "the scheduler is gone"
    assert len(report.rows[0].records) == 2
    told: list[Event] = []
    whole = reproduce((EXACT,), tmp_path, ReproduceOptions(), told.append)
    assert RunsPlanned(3, 2) in told
    assert whole.rows[0].finished


def test_a_run_that_kills_its_workers_is_left_out(tmp_path):
    """It is tried twice; its experiment is told as skipped and the others go on."""

    class Deadly(Inline):
        def submit(self, key, function, *arguments):
            self.deadly = key if arguments[0].name == TESTED.name else None
            super().submit(key, function, *arguments)

        def wait(self, timeout):
            if self.deadly is None:
                return super().wait(timeout)
            self.clear()
            return [Finished(self.deadly, died=True)]

    report = reproduce((TESTED, EXACT), tmp_path, ReproduceOptions(), executor=lambda _: Deadly())
    assert [len(row.records) for row in report.rows] == [3, 0]
    assert "and_or_64: skipped, as its worker died twice" in report.notes


def test_progress_is_told(tmp_path):
    """Where a training stands comes from workers as from this process."""
    long = small("multiplier3", 2, 1500, stop=StopRule.NONE)
    for jobs in (1, 2):
        events: list[Event] = []
        reproduce((long,), tmp_path / str(jobs), ReproduceOptions(jobs=jobs), events.append)
        told = [event for event in events if isinstance(event, RunProgress)]
        assert {(event.experiment, event.seed) for event in told} == {
            ("multiplier3", 1),
            ("multiplier3", 2),
        }
        assert all(event.at.widths == long.widths for event in told)
        assert all(event.at.iterations <= 1500 for event in told)


def test_other_settings_are_not_mixed_in(tmp_path):
    """A folder belongs to one kind of run, and to this command."""
    reproduce((TESTED,), tmp_path, ReproduceOptions())
    other = replace(TESTED, beta=0.3)
    with pytest.raises(DataError, match="other settings"):
        reproduce((other,), tmp_path, ReproduceOptions())
    for broken in ("", "{}", "[1]", '{"format": 1, "name": "and_or_64"}'):
        (tmp_path / "rows/and_or_64.json").write_text(broken, encoding="utf-8")
        with pytest.raises(DataError, match=r"(not|expected) a row|expected JSON"):
            reproduce((TESTED,), tmp_path, ReproduceOptions())


def test_the_table_has_all_that_the_folder_holds(tmp_path):
    """Experiments run one after the other stand in one table; one with other settings does not."""
    whole = EXPERIMENTS["multiplier2"]
    for experiment in (whole, TESTED):
        report = reproduce((experiment,), tmp_path, ReproduceOptions())
    assert [row.experiment.name for row in report.rows] == ["multiplier2", "and_or_64"]
    assert len(report.rows[0].records) == whole.quick.seeds
    report = reproduce((whole,), tmp_path, ReproduceOptions())
    assert [row.experiment.name for row in report.rows] == ["multiplier2"]


def test_an_experiment_without_its_package_is_skipped(tmp_path, monkeypatch):
    """The others run, and a note says what to install."""

    def load_or_miss(source: str) -> object:
        if source.startswith("digits"):
            raise MissingToolError("scikit-learn is not installed")
        return load(source)

    monkeypatch.setattr(record_module, "load", load_or_miss)
    report = reproduce((EXACT, small("digits_128", 2, 10)), tmp_path, ReproduceOptions())
    states = [row["state"] for row in report_record(report)["rows"]]
    assert states == ["done", "skipped"]
    assert "digits_128: scikit-learn is not installed" in report.notes
    assert len([note for note in report.notes if "digits_128" in note]) == 1


def test_tables_of_nothing(tmp_path, monkeypatch):
    """Interrupted while the kernels compile, before any run has left a folder."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "warm_up", stop)
    folder = tmp_path / "none"
    report = reproduce((EXACT,), folder, ReproduceOptions())
    assert report.interrupted
    assert "results.json" in write_tables(report, folder)


def test_tables_say_what_was_reached(tmp_path):
    """Medians beside published figures; a goal that was not reached is told with the step limit."""
    report = reproduce((EXACT, TESTED), tmp_path, ReproduceOptions())
    assert write_tables(report, tmp_path) == ["results.json", "results.csv", "results.md"]
    kept = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    exact, tested = kept["rows"]
    iterations = sorted(each["iterations"] for each in report.rows[0].records)
    assert (exact["value"], exact["reached"], exact["iterations"]) == (1.0, 3, iterations[1])
    assert math.isclose(exact["iterations_ratio"], 3561 / iterations[1])
    assert (tested["iterations"], tested["ended_early"], tested["adamw"]) == (40, 0, None)
    assert tested["recovered"]["looked_at"] == 2
    text = markdown(kept)
    lines = text.splitlines()
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert "3 of 3" in lines[2]
    assert "at the limit of iterations" in lines[3]
    assert "torch is not installed" in lines[-1]
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == ["multiplier2", "and_or_64"]
    assert rows[0]["published_iterations"] == "3561"
    assert rows[0]["settings_widths"] == "4-4-4-4"


def test_curves_are_the_same_bytes(tmp_path):
    """One picture an experiment."""
    pytest.importorskip("matplotlib")
    from btfsynth.reproduce.table import draw_curves

    report = reproduce((TESTED,), tmp_path, ReproduceOptions())
    for name in ("a.svg", "b.svg"):
        draw_curves(report.rows[0], tmp_path / name)
    content = (tmp_path / "a.svg").read_bytes()
    assert content == (tmp_path / "b.svg").read_bytes()
    assert b"random AND/OR circuit" in content
    assert b"published" in content


def test_without_torch_one_line_says_so(monkeypatch, tmp_path):
    """The baseline itself says what to install, and a run notes it once."""
    monkeypatch.setattr(record, "has_torch", lambda: False)
    data = load("multiplier:2")
    with pytest.raises(MissingToolError, match=r"pip install '?torch"):
        record.train_gradient(data, None, (4, 4, 4), 1, record.GradientOptions(epochs=1))
    report = reproduce((EXACT,), tmp_path, ReproduceOptions())
    assert [note for note in report.notes if "torch" in note] == list(report.notes)


def test_gradient_baselines(monkeypatch, tmp_path):
    """AdamW on the same patterns, named by the seed; nothing where there are no inputs."""
    pytest.importorskip("torch")
    monkeypatch.setattr(run_module, "has_torch", lambda: True)
    short = {name: replace(options, epochs=60) for name, options in record_module.BASELINES.items()}
    monkeypatch.setattr(record_module, "BASELINES", short)
    decoder = small("decoder16", 1, 20)
    report = reproduce((EXACT, TESTED, decoder), tmp_path, ReproduceOptions())
    rows = {row.experiment.name: summary(row) for row in report.rows}
    assert 0.6 < rows["multiplier2"]["adamw"] <= 1
    assert 0.4 < rows["and_or_64"]["adamw_penalty"] <= 1
    assert rows["decoder16"]["adamw"] is None
    again = reproduce((EXACT, TESTED, decoder), tmp_path / "again", ReproduceOptions())
    assert [summary(row)["adamw"] for row in again.rows] == [row["adamw"] for row in rows.values()]


def test_a_baseline_sees_the_inputs_where_the_network_does():
    """Past one hidden neuron four bits do not fit; beside it they do."""
    pytest.importorskip("torch")
    bits = np.array([[k >> b & 1 for b in range(4)] for k in range(16)])
    ports = (Port("x", 4),), (Port("y", 4),)
    data = Dataset("copy", "copy", bits, bits, *ports)
    options = record.GradientOptions(epochs=300, rate=3e-2)
    through, beside = (
        record.train_gradient(data, None, (4, 1, 4), 1, options, skip=skip).train
        for skip in (False, True)
    )
    assert through < 0.9
    assert beside == 1
