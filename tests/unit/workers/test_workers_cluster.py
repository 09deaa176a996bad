"""Work on a Dask cluster."""

from __future__ import annotations

import signal
import time

import pytest
from dask_cluster import DaskCluster

from btfsynth.dataset.tasks import parse_task
from btfsynth.discover.search import DiscoverOptions, discover
from btfsynth.errors import DataError, MissingToolError, ToolError, UsageError
from btfsynth.train.distributed import run_trials_on
from btfsynth.train.session import TrainOptions, plan_for
from btfsynth.train.trials import run_trials
from btfsynth.workers import cluster as module
from btfsynth.workers.cluster import connect, require_scheduler
from btfsynth.workers.inline import Inline

pytest.importorskip("distributed", reason="Dask is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.slow,
    pytest.mark.xdist_group("dask"),
]

DATA = parse_task("multiplier:2")


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A scheduler with two workers."""
    made = DaskCluster(tmp_path_factory.mktemp("dask"))
    made.worker()
    made.worker()
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
    with pytest.raises(UsageError, match="--scheduler: expected tcp://HOST:PORT"):
        connect(text)


def test_nobody_there(monkeypatch):
    """An address where nobody listens is told in one line."""
    monkeypatch.setattr(module, "_PATIENCE", 1.0)
    with pytest.raises(ToolError, match=r"tcp://127.0.0.1:9: cannot be joined") as caught:
        connect("tcp://127.0.0.1:9")
    assert "\n" not in str(caught.value)


def test_no_dask(monkeypatch):
    """Without the package one line says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(MissingToolError, match=r"pip install 'btfsynth\[dask\]'"):
        connect("local:1")


def test_no_worker(tmp_path, monkeypatch):
    """A scheduler that no worker joins is not waited for without end."""
    monkeypatch.setattr(module, "_WORKER_PATIENCE", 1.0)
    alone = DaskCluster(tmp_path)
    try:
        with pytest.raises(ToolError, match="no worker has joined it within 1 s"):
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
    wanted = run_trials(DATA, plan, 3, 5)
    for executor in (cluster, Inline()):
        got = run_trials_on(executor, DATA, plan, 3, 5)
        assert [each.iterations for each in got.results] == [
            each.iterations for each in wanted.results
        ]
        assert (got.best.weights == wanted.best.weights).all()


def test_workers_come_and_go(tmp_path, dask):
    """A worker is killed on the way and another joins: the circuits are those of a run in one process."""
    options = DiscoverOptions(training=TrainOptions(seed=1), trials=10, jobs=1, polish=False)
    wanted = discover(DATA, tmp_path / "one", options)
    killed = []

    def executor(_):
        victim = dask.processes[1]
        joined = connect(dask.address)
        submit = joined.submit

        def and_kill(key, *rest):
            submit(key, *rest)
            if getattr(key, "trial", 0) == 4 and not killed:
                killed.append(victim)
                victim.send_signal(signal.SIGKILL)
                dask.worker()

        joined.submit = and_kill
        return joined

    got = discover(DATA, tmp_path / "two", options, executor=executor)
    assert killed
    assert (got.trials, got.exact, got.distinct) == (10, wanted.exact, wanted.distinct)
    assert not got.lost
    for file in ("front.json",):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


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
