"""Map a module to look-up tables by every script and keep the best result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from btfsynth.files import write_text
from btfsynth.fpga.devices import Family
from btfsynth.fpga.netlists import CellCounts, count_cells
from btfsynth.fpga.scripts import MapScript
from btfsynth.fpga.tools import Tool
from btfsynth.hdl.templates import template_folder

__all__ = ["DEFAULT_SCRIPT", "Mapping", "Subject", "map_subject"]

DEFAULT_SCRIPT = "synth"
"""Name of Yosys' own script for the family, which is tried besides those of ABC."""


@dataclass(frozen=True)
class Subject:
    """A module to map.

    Parameters
    ----------
    files
        Its Verilog, names of files of the workspace with spaces between them.
    module
        Its name.
    registers
        True if it has registers.
    """

    files: str
    module: str
    registers: bool = False


@dataclass(frozen=True)
class Mapping:
    """A module made of primitives.

    Parameters
    ----------
    script
        Name of the script that made it.
    counts
        Its cells.
    tried
        Look-up tables by script.
    file
        Verilog of it, a file of the workspace; ``.il`` instead of ``.v`` gives Yosys' own format.
    """

    script: str
    counts: CellCounts
    tried: dict[str, int]
    file: str


def map_subject(
    yosys: Tool,
    subject: Subject,
    family: Family,
    scripts: tuple[MapScript, ...],
    workspace: Path,
    timeout: float,
) -> Mapping:
    """Map a module; the fewest look-up tables win, then the fewest levels.

    Parameters
    ----------
    yosys
        Yosys.
    subject
        The module.
    family
        Whose primitives it is to be made of.
    scripts
        The scripts to try.
    workspace
        Folder for the files.
    timeout
        Seconds that each of the two runs of Yosys may take.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    module = subject.module
    read = f"read_verilog {subject.files}"
    # Sharing, which opt -full does, makes word-level cells again; the scripts and the router know only gates.
    lines = [read, f"synth -flatten -noabc -top {module}", "opt -full", "techmap", "opt"]
    if subject.registers:  # first, since some kinds of register leave gates behind
        lines.append(f"{family.synthesis} -top {module} -run map_ffs:map_luts")
    lines += ["opt_clean -purge", f"write_rtlil {module}_source.il"]
    for number, script in enumerate(scripts):
        write_text(workspace / f"map_{number}.abc", f"{script.text}\n")
        lines += [
            "design -reset",
            f"read_rtlil {module}_source.il",
            f"abc -lut 4 -script map_{number}.abc",
            "opt_lut",
            "opt_clean -purge",
            f"write_json {module}_{number}.json",
        ]
    default = f"{module}_{DEFAULT_SCRIPT}"
    lines += ["design -reset", read, f"{family.synthesis} -top {module}", "opt_clean -purge"]
    lines += [f"write_json {default}.json"]
    _run(yosys, lines, f"{module}_map.ys", workspace, timeout)

    found = {
        script.name: count_cells(workspace / f"{module}_{number}.json", module, family)
        for number, script in enumerate(scripts)
    }
    found[DEFAULT_SCRIPT] = count_cells(workspace / f"{default}.json", module, family)
    names = list(found)
    best = min(names, key=lambda name: (found[name].luts, found[name].levels, names.index(name)))

    file = f"{module}_{DEFAULT_SCRIPT if best == DEFAULT_SCRIPT else names.index(best)}.json"
    _keep_only(workspace / file, module)
    luts = template_folder() / "fpga" / f"{family.name}_luts.v"
    write_text(workspace / "luts.v", luts.read_text(encoding="utf-8"))
    mapped = f"{module}_mapped"
    lines = [
        f"read_json {file}",
        "techmap -map luts.v",
        "opt_clean -purge",
        f"write_rtlil {mapped}.il",
        f"write_json {mapped}.json",
        f"write_verilog -noattr {mapped}.v",
    ]
    _run(yosys, lines, f"{module}_write.ys", workspace, timeout)
    counts = count_cells(workspace / f"{mapped}.json", module, family)
    return Mapping(best, counts, {name: found[name].luts for name in names}, f"{mapped}.v")


def _keep_only(path: Path, module: str) -> None:
    """Take all other modules, those of the library, out of Yosys' JSON."""
    record = json.loads(path.read_text(encoding="utf-8"))
    record["modules"] = {module: record["modules"][module]}
    write_text(path, json.dumps(record))


def _run(yosys: Tool, lines: list[str], file: str, workspace: Path, timeout: float) -> None:
    """Run a script; what it finds is in files, since ABC inside of WebAssembly ends the output."""
    write_text(workspace / file, "\n".join(lines) + "\n")
    yosys.run(("-q", "-s", file), workspace, timeout)
