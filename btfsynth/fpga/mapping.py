"""Map a module to look-up tables by every script of ABC and keep the best result.

No script is best for every function. Each is tried in several orders of the inputs, which decide binary
decision diagrams and ties. The scripts end with the best of the results on their way, not with the last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from btfsynth.errors import ToolError
from btfsynth.files import write_text
from btfsynth.fpga.devices import Family, Tool
from btfsynth.hdl.templates import template_folder

DEFAULT_SCRIPT = "synth"
"""Name of Yosys' own script for the family, which is tried besides those of ABC."""


@dataclass(frozen=True)
class Subject:
    files: str  # its Verilog: names of files of the workspace, separated by spaces
    module: str
    registers: bool = False


@dataclass(frozen=True)
class MappedModule:
    script: str  # name of the script that made it
    counts: CellCounts
    tried: dict[str, int]  # look-up tables by script
    file: str  # Verilog in the workspace; with ``.il`` instead of ``.v`` Yosys' own format


def map_subject(
    yosys: Tool,
    subject: Subject,
    family: Family,
    scripts: tuple[MapScript, ...],
    workspace: Path,
    timeout: float,
) -> MappedModule:
    """Map a module by every script; the fewest look-up tables win, then the fewest levels.

    `timeout` is in seconds for each of the two runs of Yosys.
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
    yosys.run_script(lines, f"{module}_map.ys", workspace, timeout)

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
    yosys.run_script(lines, f"{module}_write.ys", workspace, timeout)
    counts = count_cells(workspace / f"{mapped}.json", module, family)
    return MappedModule(best, counts, {name: found[name].luts for name in names}, f"{mapped}.v")


def _keep_only(path: Path, module: str) -> None:
    """Remove the modules of the library from Yosys' JSON."""
    record = json.loads(path.read_text(encoding="utf-8"))
    record["modules"] = {module: record["modules"][module]}
    write_text(path, json.dumps(record))


_MAX_COLLAPSED_INPUTS = 12
_MAX_RESTRUCTURED_CELLS = 400
_MAX_ROUNDS_CELLS = 5000
_ROUNDS = 6
_RESTRUCTURING_ORDERS = 2
"""One order in this many gets the scripts that restructure, which take a second instead of a tenth."""

_MAP = "dch; if -K 4 -a; mfs2 -a -e -W 20 -F 200 -D 20 -L 20 -M 600 -C 100000"
_MAP_LARGE = "dch; if -K 4 -a; mfs2 -a -e -L 20"
_KEEP = "&get -mn; &save -a"
_BEST = "&load; &put"


@dataclass(frozen=True)
class MapScript:
    name: str
    text: str  # commands of ABC


def map_scripts(n_inputs: int, n_cells: int, tries: int) -> tuple[MapScript, ...]:
    if n_cells > _MAX_RESTRUCTURED_CELLS:
        rounds = 2 if n_cells <= _MAX_ROUNDS_CELLS else 1
        return (MapScript("map/0", "strash; " + _chain([""] * rounds, _MAP_LARGE)),)
    starts = {"map": ""}
    if n_inputs <= _MAX_COLLAPSED_INPUTS:
        starts |= {"decompose": "collapse; lutmin -K 4; ", "diagram": "collapse; bdd; muxes; "}
    scripts = []
    for order in range(tries):
        permute = f"strash; permute -S {order}; " if order else "strash; "
        for name, start in starts.items():
            text = permute + start + _chain([""] * _ROUNDS, _MAP)
            scripts.append(MapScript(f"{name}/{order}", text))
            if order % _RESTRUCTURING_ORDERS:
                continue
            steps = [
                f"&get -n; &deepsyn -I 1 -J 10 -S {(7 * order + step) % 100}; &put; "
                for step in range(_ROUNDS)
            ]
            text = permute + start + _chain(steps, _MAP)
            scripts.append(MapScript(f"{name}-deepsyn/{order}", text))
    return tuple(scripts)


def _chain(steps: list[str], mapping: str) -> str:
    """Return rounds of restructuring and mapping that end with the best of them."""
    return "".join(f"strash; {step}{mapping}; {_KEEP}; " for step in steps) + _BEST


_GENERIC = ("$lut",)
_OUTPUTS = frozenset({"O", "F", "Z", "Y"})
"""Names of the outputs of look-up tables and multiplexers."""


@dataclass(frozen=True)
class CellCounts:
    luts: int
    muxes: int  # those that join look-up tables
    flip_flops: int
    carries: int
    levels: int  # look-up tables and multiplexers on the critical path


def count_cells(path: Path, module: str, family: Family) -> CellCounts:
    try:
        cells: Mapping[str, Any] = json.loads(path.read_text())["modules"][module]["cells"]
        kinds = {name: _kind(cell["type"], family) for name, cell in cells.items()}
        counts = dict.fromkeys(("lut", "mux", "ff", "carry", ""), 0)
        for kind in kinds.values():
            counts[kind] += 1
        levels = _levels([cells[name] for name, kind in kinds.items() if kind in {"lut", "mux"}])
    except (OSError, ValueError, KeyError, TypeError):
        raise ToolError(f"yosys wrote no netlist of {module}") from None
    return CellCounts(counts["lut"], counts["mux"], counts["ff"], counts["carry"], levels)


def _kind(cell: str, family: Family) -> str:
    for kind, names in (
        ("lut", (*family.lut_cells, *_GENERIC)),
        ("mux", family.mux_cells),
        ("ff", family.ff_cells),
        ("carry", family.carry_cells),
    ):
        if cell.startswith(names):
            return kind
    return ""


def _levels(cells: list[Mapping[str, Any]]) -> int:
    drivers: dict[int, list[int]] = {}
    for cell in cells:
        inputs: list[int] = []
        outputs: list[int] = []
        for port, bits in cell["connections"].items():
            nets = [bit for bit in bits if isinstance(bit, int)]
            (outputs if port in _OUTPUTS else inputs).extend(nets)
        drivers |= dict.fromkeys(outputs, inputs)
    level: dict[int, int] = {}
    for root in drivers:
        stack = [root]
        while stack:
            net = stack[-1]
            waiting = [
                source for source in drivers[net] if source in drivers and source not in level
            ]
            if net not in level and waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            sources = [level[source] for source in drivers[net] if source in level]
            level[net] = 1 + max(sources, default=0)
    return max(level.values(), default=0)
