"""A limit on the lookup tables of the emitted circuit.

Learnt circuits compete by the estimate of our mapper. The emitted netlist differs from them: it contains all
outputs and is optimised, and a synthesis tool counts differently. So the final circuit is made and counted;
while it exceeds the limit, outputs change to smaller candidates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from btfsynth.errors import ToolError, plural
from btfsynth.hdl.module import HardwareModule
from btfsynth.hdl.verilog.emit import emit_verilog
from btfsynth.hdl.yosys import Yosys, find_yosys
from btfsynth.learning.base import LearnOptions, count_luts
from btfsynth.learning.portfolio import Outcome
from btfsynth.netlist.identifiers import legal_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.process import DEFAULT_TIMEOUT, run_command, workspace_folder
from btfsynth.settings.table import LutCount

_SCRIPT = "read_verilog m.v; synth -flatten; abc -lut 6; tee -q -o cells.txt stat"
_PATIENCE, _HASTE = 4, 0.9
"""Number of circuits made before each further one must be smaller by a growing factor."""

Count = Callable[[Netlist], int]


@dataclass(frozen=True, eq=False)
class Made:
    """The circuit of all outputs."""

    outcomes: tuple[Outcome, ...]  # The candidate that was taken first
    netlist: Netlist
    stopped: bool  # True if the user stopped the optimiser
    luts: int | None = None  # None if they are not limited
    notices: tuple[str, ...] = ()


def counter(options: LearnOptions) -> Count:
    """Return the counter of six-input lookup tables that the options select; refuse if Yosys is missing."""
    if options.count_luts is LutCount.ESTIMATE:
        return count_luts
    yosys = find_yosys()
    return lambda netlist: luts_by_yosys(yosys, netlist)


def luts_by_yosys(yosys: Yosys, netlist: Netlist) -> int:
    """Return the tables of the Verilog of a netlist after ``synth -flatten; abc -lut 6``."""
    names = legal_names(netlist.name, netlist.input_ports, netlist.output_ports)
    text = emit_verilog(HardwareModule(netlist, names, {}))
    with workspace_folder() as folder:
        (folder / "m.v").write_text(text, encoding="ascii")
        done = run_command((*yosys.command, "-q", "-p", _SCRIPT), folder, DEFAULT_TIMEOUT)
        shown = folder / "cells.txt"
        if done.returncode or not shown.exists():
            raise done.error(f"Yosys {yosys.version} cannot map the circuit")
        return _tables(shown)


def _tables(shown: Path) -> int:
    """Return the tables in the output of ``stat``; older versions print the name first. Zero is not listed."""
    found = re.findall(r"(\d+)\s+\$lut\b|\$lut\s+(\d+)", shown.read_text(encoding="utf-8"))
    return int("".join(found[-1])) if found else 0


def within_luts(
    outcomes: Sequence[Outcome],
    options: LearnOptions,
    make: Callable[[Sequence[Outcome]], tuple[Netlist, bool]],
) -> Made:
    """Make the circuit; while it is over the limit, make another one of smaller candidates.

    Of each output the first candidate is taken that is smaller by as much as the circuit was too large.
    """
    chosen = list(outcomes)
    netlist, stopped = make(chosen)
    limit = options.max_luts
    if limit is None or stopped:
        return Made(tuple(chosen), netlist, stopped)
    count = counter(options)
    rounds = 0
    try:
        luts = count(netlist)
        while luts > limit and not stopped:
            share = limit / luts * _HASTE ** max(0, rounds - _PATIENCE)
            smaller = [_smaller(outcome, share) for outcome in chosen]
            if all(one is other for one, other in zip(smaller, chosen, strict=True)):
                break
            chosen, rounds = smaller, rounds + 1
            netlist, stopped = make(chosen)
            luts = count(netlist)
    except ToolError as error:  # what was learnt is worth more than the count
        notice = f"`max_luts`: the limit of {limit} holds for each output as learnt; {error}"
        return Made(tuple(chosen), netlist, stopped, None, (notice,))
    notices: tuple[str, ...] = ()
    if luts > limit:
        notices = (
            f"`max_luts`: the smallest circuit found takes {plural(luts, 'lookup table')}, "
            f"expected at most {limit}",
        )
    return Made(tuple(chosen), netlist, stopped, luts, notices)


def _smaller(outcome: Outcome, share: float) -> Outcome:
    """Return an outcome with the first candidate that has at most this share of the tables as winner."""
    luts = outcome.candidates[0].luts
    for each in outcome.candidates:
        if each.luts < luts and each.luts <= share * luts:
            others = (other for other in outcome.candidates if other is not each)
            return replace(outcome, candidates=(each, *others))
    return outcome
