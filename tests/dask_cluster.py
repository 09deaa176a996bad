"""A Dask scheduler and workers in processes of their own, for tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


class DaskCluster:
    """One scheduler; workers without a nanny, so that one that is killed stays dead."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start(
            "dask_scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file",
            str(self.file),
        )  # fmt: skip
        end = time.monotonic() + 60
        while not self.file.exists() or not self.file.read_text().strip():
            assert time.monotonic() < end, "the scheduler did not start"
            time.sleep(0.1)
        self.address: str = json.loads(self.file.read_text())["address"]

    def start(
        self, program: str, *arguments: str, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program of Dask."""
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", f"distributed.cli.{program}", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "NUMBA_NUM_THREADS": "1",
                **(environment or {}),
            },
        )
        self.processes.append(process)
        return process

    def worker(self, *without: str) -> subprocess.Popen[bytes]:
        """Start a worker of one thread, on a machine where some packages are not installed."""
        environment = {}
        if without:
            site = self.file.parent / "site"
            site.mkdir()
            lines = [f"sys.modules[{package!r}] = None" for package in without]
            (site / "sitecustomize.py").write_text("\n".join(["import sys", *lines]) + "\n")
            paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
            environment["PYTHONPATH"] = os.pathsep.join(paths)
        return self.start(
            "dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory",
            str(self.file.parent), environment=environment,
        )  # fmt: skip

    def wait_for(self, workers: int) -> None:
        """Wait until so many workers have joined."""
        import distributed

        with distributed.Client(self.address) as client:
            client.wait_for_workers(workers, timeout=60)

    def close(self) -> None:
        """End everything."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
