"""One training over several processes."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import save
from btfsynth.ports import Port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed"),
    pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="no mpi4py"),
    pytest.mark.xdist_group("mpi"),
]

SETTINGS = ("--widths", "8,6,3", "--sigma", "3", "--stop", "none", "--seed", "2", "--trials", "2")


@pytest.fixture
def mpirun(tmp_path, program):
    """Run the program over processes, in a folder with data of 32 blocks."""
    random = np.random.default_rng(1)
    inputs = random.integers(0, 2, (2000, 8)).astype(np.uint8)
    targets = inputs[:, :3] & inputs[:, 3:6] | inputs[:, 5:]
    ports = [tuple(Port(f"{name}{bit}", 1) for bit in range(n)) for name, n in (("x", 8), ("y", 3))]
    save(Dataset("sample", "sample", inputs, targets, *ports), tmp_path / "sample.npz")
    environment = {
        **os.environ,
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "NUMBA_NUM_THREADS": "1",
    }

    def start(ranks: int, *arguments: str, source: str = "sample.npz") -> subprocess.Popen[str]:
        alone = [*program, "train", source, *arguments]
        return subprocess.Popen(
            alone if ranks == 1 else ["mpirun", "-n", str(ranks), *alone, "--mpi"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def finish(process, code=0):
    """Wait for the end and return what was said."""
    stdout, stderr = process.communicate(timeout=240)
    assert process.returncode == code, stderr
    return stdout, stderr


def test_same_bytes_for_any_number_of_processes(mpirun, tmp_path):
    """Weights and history are those of one process; only one process speaks and writes."""
    for ranks in (1, 2, 4):
        files = ("-o", f"{ranks}.npz", "--history", f"{ranks}.csv")
        stdout, _ = finish(mpirun(ranks, *SETTINGS, "--max-iterations", "300", *files))
        assert stdout.count("saved") == 1
    for ranks in (2, 4):
        for kind in ("npz", "csv"):
            assert (tmp_path / f"{ranks}.{kind}").read_bytes() == (
                tmp_path / f"1.{kind}"
            ).read_bytes()


def test_an_interrupted_training_goes_on_in_any_number_of_processes(mpirun, tmp_path):
    """Ctrl-C leaves a checkpoint, from which one process and four end as if nothing had been."""
    many = (*SETTINGS, "--max-iterations", "3000")
    finish(mpirun(1, *many, "-o", "whole.npz"))
    process = mpirun(
        2, *many, "-o", "part.npz", "--checkpoint", "a.ckpt", "--checkpoint-interval", "0.2"
    )
    state = tmp_path / "a.ckpt.trial0"
    end = time.monotonic() + 120
    while not state.exists() and not (tmp_path / "a.ckpt").exists():
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode
    kept = sorted(tmp_path.glob("a.ckpt*"))
    assert kept
    for ranks, name in ((1, "b"), (4, "c")):
        for file in kept:
            shutil.copy(file, tmp_path / file.name.replace("a.", f"{name}."))
        finish(
            mpirun(ranks, *many, "-o", f"{name}.npz", "--checkpoint", f"{name}.ckpt", "--resume")
        )
        assert (tmp_path / f"{name}.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_more_processes_than_blocks(mpirun):
    """Two processes cannot share one block; one line says so."""
    _, stderr = finish(mpirun(2, source="multiplier:2"), code=2)
    assert "--mpi: expected at most 1 processes, one per block of 64 patterns, got 2" in stderr
    assert "Traceback" not in stderr


def test_a_file_that_is_missing(mpirun):
    """What fails in all processes is told once."""
    process = mpirun(2, "--valid", "missing.dat")
    _, stderr = finish(process, code=2)
    assert stderr.count("btfsynth: error:") == 1
    assert "missing.dat" in stderr


def test_threads_and_processes(cli):
    """Threads and processes do not go together."""
    outcome = cli("train", "multiplier:2", "--mpi", "--threads", 2)
    assert outcome.code == 2
    assert outcome.complaint.startswith("--mpi: takes neither --jobs nor --threads")
