"""The scripts of ABC that map logic to look-up tables, of which the best result is kept.

None is best for every function. Each is tried in several orders of the inputs, which decide what binary
decision diagrams and ties come to. The scripts end with the best of the results they pass, not with the last.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MapScript", "map_scripts"]

_MAX_COLLAPSED_INPUTS = 12
_MAX_RESTRUCTURED_CELLS = 400
_MAX_ROUNDS_CELLS = 5000
_ROUNDS = 6
_RESTRUCTURING_ORDERS = 2
"""Of so many orders one gets the scripts that restructure, which take a second instead of a tenth."""

_MAP = "dch; if -K 4 -a; mfs2 -a -e -W 20 -F 200 -D 20 -L 20 -M 600 -C 100000"
_MAP_LARGE = "dch; if -K 4 -a; mfs2 -a -e -L 20"
_KEEP = "&get -mn; &save -a"
_BEST = "&load; &put"


@dataclass(frozen=True)
class MapScript:
    """A script.

    Parameters
    ----------
    name
        What it is called in reports.
    text
        Commands of ABC.
    """

    name: str
    text: str


def map_scripts(n_inputs: int, n_cells: int, tries: int) -> tuple[MapScript, ...]:
    """Return the scripts for a function.

    Parameters
    ----------
    n_inputs, n_cells
        Its input bits, and the cells of the netlist at hand; scripts that would take too long are left out.
    tries
        Orders of the inputs to try.
    """
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
