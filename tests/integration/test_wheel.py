"""The package as it is installed: built as a wheel and run from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is shown if it fails."""
    completed = subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, **options
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel from the source tree."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet",
         "--disable-pip-version-check", "--wheel-dir", str(folder), str(ROOT)]
    )  # fmt: skip
    (path,) = folder.glob("btfsynth-*.whl")
    return path


def test_wheel_holds_all(wheel):
    """Every module and template of the source tree is in the wheel, and nothing else."""
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {
        str(path.relative_to(ROOT)) for path in (ROOT / "btfsynth").rglob("*") if path.is_file()
    }
    templates = {
        f"btfsynth/{path.relative_to(ROOT)}"
        for path in (ROOT / "templates").rglob("*")
        if path.is_file()
    }
    expected = {name for name in modules | templates if "__pycache__" not in name}
    packed = {name for name in names if ".dist-info/" not in name}
    assert templates
    assert packed == expected


def test_installed_wheel_builds(wheel, tmp_path):
    """The installed copy, and not the source tree, builds and checks a design."""
    # A fresh environment sees the dependencies, but not how btfsynth is installed among them.
    run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")])
    python = str(tmp_path / "venv" / "bin" / "python")
    paths = "import sysconfig; print(sysconfig.get_path('purelib'), sysconfig.get_path('scripts'))"
    site, scripts = map(Path, run([python, "-c", paths]).stdout.split())
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet",
         "--no-index", "--disable-pip-version-check", str(wheel)]
    )  # fmt: skip
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    environment.pop("PYTHONPATH", None)
    where = run(
        [python, "-c", "import btfsynth; print(btfsynth.__file__)"],
        cwd=empty, env=environment,
    )  # fmt: skip
    assert Path(where.stdout.strip()) == site / "btfsynth" / "__init__.py"
    completed = run(
        [str(scripts / "btfsynth"), "build", "full_adder", "--passes", "strash", "--json",
         "--simulator", "amaranth"],
        cwd=empty, env=environment,
    )  # fmt: skip
    report = json.loads(completed.stdout)
    assert report["verified"] is True
    assert report["checks"]["amaranth"] == {"passed": 8, "failed": 0}
    assert report["netlist"]["cells"] == 3
    assert [path.name for path in empty.iterdir()] == ["hdl_out"]
    files = sorted(path.name for path in (empty / "hdl_out" / "full_adder").iterdir())
    assert files == sorted(report["files"])


def test_source_archive_holds_all(tmp_path):
    """What is kept in version control is in the archive of the sources: make works there as in a clone."""
    pytest.importorskip("hatchling")
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a clone")
    code = "import hatchling.build, sys; print(hatchling.build.build_sdist(sys.argv[1]))"
    name = run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT).stdout.split()[-1]
    with tarfile.open(tmp_path / name) as archive:
        packed = {member.name.partition("/")[2] for member in archive if member.isfile()}
    kept = set(run(["git", "ls-files", "--cached"], cwd=ROOT).stdout.splitlines())
    kept = {path for path in kept if (ROOT / path).exists()}
    assert kept
    assert kept - packed == set()
