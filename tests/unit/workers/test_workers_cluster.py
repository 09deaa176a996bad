"""Work on a Dask cluster."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest
from dask_cluster import DaskCluster

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.tasks import parse_task
from btfsynth.discovery.search import DiscoverOptions, discover
from btfsynth.errors import DataError, MissingToolError, ToolError, UsageError
from btfsynth.learning import LearnOptions, learn
from btfsynth.ports import Port
from btfsynth.reproduce.catalogue import EXPERIMENTS, Scale
from btfsynth.reproduce.run import ReproduceOptions, reproduce
from btfsynth.training.session import TrainOptions, plan_for
from btfsynth.training.trials import Series, run_trials
from btfsynth.workers import cluster as module
from btfsynth.workers.cluster import connect, require_scheduler
from btfsynth.workers.executor import Inline, local_executor

pytest.importorskip("distributed", reason="Dask is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,
    pytest.mark.xdist_group("dask"),
]

DATA = parse_task("multiplier:2")
DISCOVERY = DiscoverOptions(
    training=TrainOptions(seed=1), trials=10, time_limit=None, jobs=1, polish=False
)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A scheduler with two workers."""
    made = DaskCluster(tmp_path_factory.mktemp("dask"))
    made.worker()
    made.worker()
    made.wait_for(2)
    yield made
    made.close()


@pytest.fixture
def cluster(dask):
    """That cluster, joined."""
    joined = connect(dask.address)
    yield joined
    joined.close()


def results(cluster, count):
    """Wait for so many tasks."""
    found = {}
    end = time.monotonic() + 120
    while len(found) < count and time.monotonic() < end:
        found.update({finished.key: finished for finished in cluster.wait(0.5)})
    return found


@pytest.mark.parametrize("text", ["tcp://head:8786", "tls://[::1]:1", "local:2", "scheduler.json"])
def test_names_of_schedulers(text):
    """Addresses, files and workers of one's own are taken as they are."""
    assert require_scheduler(text) == text


@pytest.mark.parametrize(
    "text", ["", "head", "head:8786", "tcp://head", "local:0", "local:x", "ftp://a:1"]
)
def test_what_names_no_scheduler(text):
    """Anything else is wrong usage."""
    with pytest.raises(UsageError, match="`scheduler`: expected tcp://HOST:PORT"):
        connect(text)


def test_nobody_there(monkeypatch):
    """An address where nobody listens is told in one line."""
    monkeypatch.setattr(module, "_PATIENCE", 1.0)
    with pytest.raises(ToolError, match=r"tcp://127.0.0.1:9`: cannot connect") as caught:
        connect("tcp://127.0.0.1:9")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "command",
    [
        ("train", "multiplier:2"),
        ("discover", "multiplier:2"),
        ("learn", "samples.pla", "--no-baselines"),
        ("reproduce", "multiplier2"),
        ("tune", "multiplier:2", "--study", "study.db"),
    ],
    ids=lambda command: command[0],
)
def test_a_command_whose_scheduler_is_not_there(cli, tmp_path, monkeypatch, command):
    """Each ends with that line and 1; all but discover, which keeps what is asked for, leave nothing."""
    monkeypatch.setattr(module, "_PATIENCE", 0.3)
    (tmp_path / "samples.pla").write_text(".i 2\n.o 1\n.type fr\n00 0\n01 1\n11 1\n10 0\n.e\n")
    outcome = cli(*command, "--scheduler", "tcp://127.0.0.1:9")
    assert outcome.code == 1
    assert outcome.complaint.startswith("--scheduler tcp://127.0.0.1:9: cannot connect: ")
    left = {path.name for path in tmp_path.iterdir()} - {"samples.pla"}
    assert left == ({"hdl_out"} if command[0] == "discover" else set())


def test_no_dask(monkeypatch):
    """Without the package one line says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingToolError, match=r"pip install '?distributed"):
        connect("local:1")


def test_no_worker(tmp_path, monkeypatch):
    """A scheduler that no worker joins is not waited for without end."""
    monkeypatch.setattr(module, "_WORKER_PATIENCE", 1.0)
    alone = DaskCluster(tmp_path)
    try:
        with pytest.raises(ToolError, match="no worker has joined within 1 s"):
            connect(alone.address)
    finally:
        alone.close()


def test_other_versions(dask, monkeypatch):
    """A worker with another version is named, with both versions."""
    monkeypatch.setattr(module, "__version__", "99")
    with pytest.raises(ToolError, match=r"worker tcp://\S+ has btfsynth \S+, this process has 99"):
        connect(dask.address)


def test_a_worker_without_the_package(dask, monkeypatch):
    """A worker that lacks a package is named."""
    monkeypatch.setattr(module, "_MUST_AGREE", ("surely-no-package",))
    with pytest.raises(ToolError, match=r"worker tcp://\S+: surely-no-package is not installed"):
        connect(dask.address)


def test_tasks_and_errors_come_through(cluster):
    """Values come back under their keys; an error of a task is raised where it is waited for."""
    assert (cluster.idle, cluster.running) == (2, 0)
    cluster.submit("a", pow, 2, 5)
    cluster.submit("b", pow, 3, 2)
    assert (cluster.idle, cluster.running) == (0, 2)
    assert {key: each.value for key, each in results(cluster, 2).items()} == {"a": 32, "b": 9}
    cluster.submit("bad", parse_task, "nothing")
    with pytest.raises(UsageError, match="'nothing' is not a task"):
        results(cluster, 1)


def test_training_is_the_same(cluster):
    """Trials on a cluster, here one by one and in threads give the same run, bit for bit."""
    options = TrainOptions(seed=3, trials=5)
    plan = plan_for(DATA, options)
    wanted = run_trials(Series(DATA, plan, 3, 5))
    for executor in (cluster, Inline()):
        got = run_trials(Series(DATA, plan, 3, 5), executor=executor)
        assert [each.iterations for each in got.results] == [
            each.iterations for each in wanted.results
        ]
        assert (got.best.weights == wanted.best.weights).all()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a discovery in one process."""
    folder = tmp_path_factory.mktemp("discovery") / "wanted"
    discover(DATA, folder, DISCOVERY)
    return folder


def test_workers_come_and_go(tmp_path, undisturbed, dask, monkeypatch):
    """A worker is killed on the way and another joins: the circuits are those of a run in one process."""
    import distributed

    # Else all trials may have ended before the client has looked who is there.
    monkeypatch.setattr("btfsynth.workers.cluster._GLANCE", 0.0)
    watching = distributed.Client(dask.address)
    before = set(watching.nthreads())

    def executor(_):
        victim = dask.processes[1]
        joined = connect(dask.address)
        submit = joined.submit

        def and_kill(key, *rest):
            submit(key, *rest)
            if getattr(key, "trial", 0) == 4 and victim.poll() is None:
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                dask.worker()
                end = time.monotonic() + 60
                while len(set(watching.nthreads()) - before) < 1:
                    assert time.monotonic() < end, "no worker has joined"
                    time.sleep(0.1)

        joined.submit = and_kill
        return joined

    got = discover(DATA, tmp_path / "out", DISCOVERY, executor=executor)
    done = watching.run(lambda dask_worker: dask_worker.state.executed_count)
    (new,) = set(done) - before
    assert len(before - set(done)) == 1
    assert done[new] >= 1
    watching.close()
    assert got.trials == 10
    assert not got.lost
    for name in ("front.json", "trials.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (undisturbed / name).read_bytes()


def test_a_client_is_killed(tmp_path, undisturbed, dask, program):
    """Started again with --resume it ends with the front of a run that nobody disturbed."""
    command = [*program, "discover", "multiplier:2", "--trials", "10", "--no-polish"]
    command += ["-o", "out"]
    trials = tmp_path / "out/trials.jsonl"
    with (tmp_path / "log").open("wb") as log:
        client = subprocess.Popen(
            [*command, "--scheduler", dask.address], cwd=tmp_path, stdout=log, stderr=log
        )
    end = time.monotonic() + 120
    while not (trials.exists() and trials.read_bytes().count(b"\n") >= 2):
        assert client.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < end
        time.sleep(0.01)
    client.kill()
    client.wait()
    kept = trials.read_bytes().count(b"\n")
    assert kept < 10
    again = [*command, "--scheduler", str(dask.file), "--resume"]
    subprocess.run(again, cwd=tmp_path, check=True, capture_output=True, timeout=240)
    for name in ("front.json", "trials.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (undisturbed / name).read_bytes()


def test_reports_come_through(cluster, tmp_path):
    """What a running task tells arrives under its key, once a second at most, with where it is."""
    heard = tmp_path / "heard"

    def work():  # defined here, it is sent as it is
        import time
        from types import SimpleNamespace

        from btfsynth.workers import cluster
        from btfsynth.workers.executor import place, report

        try:
            for half in range(7):
                now = 10**9 + half / 2  # far from when the task began
                cluster.time = SimpleNamespace(monotonic=lambda now=now: now)
                report({"half": half, "at": [1, None]})
        finally:
            cluster.time = time
        while not heard.exists():
            time.sleep(0.01)
        return place()

    told = []
    cluster.on_report = lambda key, value: told.append((key, value["half"], *value["at"]))
    cluster.submit("a", work)
    while ("a", 6, 1, None) not in told:
        assert cluster.wait(0.1) == []
    heard.touch()
    found = results(cluster, 1)["a"].value
    assert found.startswith("worker tcp://127.0.0.1:")
    assert found.endswith(": ")
    assert told == [("a", half, 1, None) for half in (0, 2, 4, 6)]


def test_what_is_taken_back_does_not_come(cluster):
    """After that the cluster takes other work."""
    cluster.submit("long", time.sleep, 1)
    cluster.clear()
    assert (cluster.idle, cluster.running) == (2, 0)
    cluster.submit("a", pow, 2, 3)
    assert results(cluster, 1)["a"].value == 8


def test_learning_is_the_same(tmp_path, dask):
    """Networks trained on a cluster make the bytes that this process makes."""
    inputs = np.unique(np.random.default_rng(1).integers(0, 2, (150, 9), dtype=np.uint8), axis=0)
    targets = (inputs[:, :5].sum(axis=1) > 2) ^ (inputs[:, 5:].sum(axis=1) > 1)
    ports = (Port("x", 9),), (Port("y", 1),)
    data = Dataset("f", "f.pla", inputs, targets[:, None].astype(np.uint8), *ports)
    options = LearnOptions(
        time_limit=None, trials=4, baselines=False, passes="strash", simulators=("amaranth",)
    )
    learn(data, tmp_path / "one", options)
    report = learn(data, tmp_path / "two", options, executor=lambda _: connect(dask.address))
    assert report.lost is None
    assert any(each.learner == "btf" for each in report.outcomes[0].candidates)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    for name in names:
        if name != "report.json":  # it has the time that was taken
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_experiments_are_the_same(tmp_path, dask, monkeypatch):
    """Runs on a cluster come to what this process comes to, times aside."""
    monkeypatch.setattr("btfsynth.reproduce.run.has_torch", lambda: False)
    scale = Scale(2, 3000)
    experiment = replace(EXPERIMENTS["multiplier2"], quick=scale)
    rows = []
    for name, executor in (("one", local_executor), ("two", lambda _: connect(dask.address))):
        report = reproduce((experiment,), tmp_path / name, ReproduceOptions(), executor=executor)
        rows.append([{**each, "seconds": 0} for each in report.rows[0].records])
    assert len(rows[0]) == 2
    assert rows[0] == rows[1]


def test_a_worker_without_extras(tmp_path, monkeypatch):
    """What cannot be run there is left out, in one line that names the worker; all else goes on."""
    monkeypatch.setattr("btfsynth.reproduce.run.has_torch", lambda: True)
    poor = DaskCluster(tmp_path)
    poor.worker("torch", "sklearn")
    scale = Scale(2, 50)
    experiments = tuple(
        replace(EXPERIMENTS[name], quick=scale) for name in ("multiplier2", "digits_128")
    )
    try:
        report = reproduce(
            experiments,
            tmp_path / "out",
            ReproduceOptions(),
            executor=lambda _: connect(poor.address),
        )
    finally:
        poor.close()
    torch, digits = report.notes
    assert re.match(r"the gradient baselines are skipped: worker tcp://\S+: torch is not", torch)
    assert re.match(r"digits_128: worker tcp://\S+: digits: scikit-learn", digits)
    assert [len(row.records) for row in report.rows] == [2, 0]


def test_the_scheduler_dies(tmp_path):
    """When the scheduler is gone one line says so."""
    alone = DaskCluster(tmp_path)
    try:
        alone.worker()
        joined = connect(alone.address)
        joined.submit("long", time.sleep, 600)
        for process in alone.processes:
            process.kill()
        with pytest.raises(ToolError, match="the scheduler is gone"):
            results(joined, 1)
        joined.close()
    finally:
        alone.close()


def test_what_is_wrong_with_data_is_told(cluster, tmp_path):
    """Errors that name a file keep their text."""
    from btfsynth.dataset.load import load

    path = tmp_path / "x.dat"
    path.write_text("1 2\n")
    cluster.submit("x", load, str(path))
    with pytest.raises(DataError, match=r"x\.dat"):
        results(cluster, 1)
