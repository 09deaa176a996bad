"""The Amaranth module of a design as a netlist, by way of Yosys."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from importlib import metadata
from pathlib import Path

import btfsynth
from btfsynth.errors import DataError, MissingToolError
from btfsynth.extras import install_command
from btfsynth.files import StrPath, as_path
from btfsynth.netlist.netlist import Netlist
from btfsynth.sim.base import DEFAULT_TIMEOUT
from btfsynth.sim.process import run_command, workspace_folder
from btfsynth.verify.yosys import as_synthesized, find_yosys, netlist_of_rtlil

__all__ = ["amaranth_netlist"]

# Imports the package from where this process has it (see `btfsynth.sim.amaranth`).
_BOOTSTRAP = (
    "import sys; sys.path.insert(1, sys.argv.pop(1)); "
    "from btfsynth.verify.amaranth_rtlil import main; sys.exit(main(sys.argv[1:]))"
)


def amaranth_netlist(
    path: StrPath, timeout: float = DEFAULT_TIMEOUT, controls: Collection[str] = ()
) -> Netlist:
    """Return what the one component in a Python file computes.

    The file is run, in a process of its own; its ports keep their names.

    Parameters
    ----------
    path
        The file.
    timeout
        Seconds that its conversion, and then Yosys, may take.
    controls
        Names of ports that are controls of registers, where there are any (see
        `btfsynth.verify.yosys.netlist_of_rtlil`); none if the component is combinational.

    Raises
    ------
    MissingToolError
        If there is no Amaranth or no Yosys.
    DataError
        If the file cannot be read, holds no component or fails.
    ToolError
        If the conversion takes too long or Yosys fails.
    """
    path = as_path(path)
    if not path.is_file():
        raise DataError("no such file", path)
    try:
        metadata.version("amaranth")
    except metadata.PackageNotFoundError:
        raise MissingToolError(
            f"amaranth is not installed; {install_command('amaranth')}"
        ) from None
    yosys = find_yosys()
    package = str(Path(btfsynth.__file__).resolve().parents[1])
    command = (sys.executable, "-B", "-c", _BOOTSTRAP, package, str(path.resolve()))
    with workspace_folder() as folder:
        completed = run_command(command, Path(folder), timeout)
    try:
        answer = json.loads(completed.stdout)
        error, rtlil = str(answer["error"]), str(answer["rtlil"])
    except (ValueError, KeyError, TypeError):
        raise completed.error("the conversion to RTLIL ended without a result") from None
    if error:
        raise DataError(error, path)
    try:
        return netlist_of_rtlil(yosys, rtlil, timeout, sorted(controls))
    except DataError as failure:
        raise as_synthesized(failure, "Amaranth and Yosys", path) from None
