"""Write ``docs/gallery.md`` and its pictures from ``examples/circuits``: ``python docs/tools/gallery.py``.

Every circuit is named after its task, cells and depth, as in ``multiplier_3_c22_d9.mig``; the name of one
derived from a published and-inverter graph ends in ``_aig``. ``gallery.json`` beside them records how each was
found, by which command, and the published figures of each function. Circuits are simulated on all input vectors
of their task, and cells, depth, inverters and lookup tables are counted, before a line is written.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from btfsynth.dataset.tasks import parse_task
from btfsynth.fpga.lut_mapper import map_luts
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import care_reference, count_wrong
from btfsynth.netlist.text import read_netlist
from btfsynth.netlist.views import statistics
from btfsynth.report.schematic import Excerpt, format_svg

ROOT = Path(__file__).parents[2]
CIRCUITS = ROOT / "examples" / "circuits"
PAGE = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "images" / "gallery"
DRAWN = 40
"""Cells of the largest circuit that is drawn."""

HOW = {
    "training": "training",
    "table": "table",
    "textbook": "textbook",
    "aig": "AIG",
}
"""What `how` of a circuit can be, and what the page says that it was made from."""
_NAME = re.compile(r"(?P<function>\w+)_c(?P<cells>\d+)_d(?P<depth>\d+)(?P<aig>_aig)?")
_LUT = 6
_PROGRAM = "python benchmarks/gallery.py"
_COMMON = "iwls"
"""Source of most figures, all with the same measure: rows have its figures alone."""
_HEADINGS = (
    "function", "cells", "depth", "inverters", "LUT6", "known elsewhere", "made from", "command",
)  # fmt: skip

_HEAD = """\
# Gallery of small circuits

<!-- Written by docs/tools/gallery.py from examples/circuits; edit that, not this. -->

These are the smallest circuits found for common functions, as [`.mig` files](formats.md#mig). Cells are ANDs,
ORs and majorities of three. Inverters are free. LUT6 is the [estimated](fpga.md#estimates) number of 6-input
lookup tables. If a function has several rows, the first row is its smallest circuit. The other rows are
circuits with fewer levels or inverters, made in another way, or used to build a larger function.

Every circuit equals its task on all input vectors:

```sh
btfsynth equiv examples/circuits/{example}.mig {task}
```

- **Known elsewhere:** the best published figure that we know of. {common} One majority cell takes four ANDs.
  For most of these functions, no counts of majority cells are published.
- **Made from:** a trained network (`training`), a textbook circuit, the truth table (`table`), or an AIG
  submitted to IWLS 2025. The option `--part` builds the textbook circuit around a circuit of fewer bits. The
  AIGs are under the [MIT licence](../examples/circuits/LICENSE-IWLS2025.txt).
- **Command:** if a row shows only options, run `{program} FUNCTION` with these options in a clone.
  The version of btfsynth that found a circuit reproduces it. Later versions give a circuit of the same size or
  smaller, with rare exceptions.
"""


class GalleryError(Exception):
    """A circuit or an entry of ``gallery.json`` is wrong."""


@dataclass(frozen=True)
class Circuit:
    """A file of the gallery with its entry in ``gallery.json``."""

    path: Path
    task: str
    how: str  # one of `HOW`
    command: str
    start: str  # of a derived circuit: the graph that it was made from

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def options(self) -> str:
        """The command, without the words that the page says once."""
        return self.command.removeprefix(f"{_PROGRAM} {self.task} ")

    @cached_property
    def netlist(self) -> Netlist:
        return read_netlist(self.path)

    @property
    def order(self) -> tuple[int, int, str]:
        cost = statistics(self.netlist)
        return cost.cells, cost.depth, self.name


def read_circuits() -> tuple[dict[str, Any], list[Circuit]]:
    """Return ``gallery.json`` and the circuits that it lists.

    Raises
    ------
    GalleryError
        If a circuit is not listed, or listed and not there, or not named as its task, cells and depth ask for.
    """
    record = json.loads((CIRCUITS / "gallery.json").read_text(encoding="utf-8"))
    listed, there = set(record["circuits"]), {path.stem for path in CIRCUITS.glob("*.mig")}
    if listed != there:
        raise GalleryError(f"gallery.json: expected the files there; differ: {listed ^ there}")
    circuits = []
    for name, entry in record["circuits"].items():
        circuit = Circuit(
            CIRCUITS / f"{name}.mig", entry["task"], entry["how"], entry["command"],
            entry.get("start", ""),
        )  # fmt: skip
        cost, parts = statistics(circuit.netlist), _NAME.fullmatch(name)
        function = parse_task(circuit.task).name
        told = parts and (parts["function"], int(parts["cells"]), int(parts["depth"]))
        if parts is None or told != (function, cost.cells, cost.depth):
            raise GalleryError(f"{name}: expected {function}_c{cost.cells}_d{cost.depth}")
        derived = circuit.how == "aig"
        if (
            circuit.how not in HOW
            or bool(parts["aig"]) != derived
            or bool(circuit.start) != derived
        ):
            raise GalleryError(f"{name}: expected how and start to fit the name")
        circuits.append(circuit)
    return record, sorted(circuits, key=lambda circuit: circuit.order)


def require_equal(circuit: Circuit) -> None:
    """Simulate all input vectors of the task.

    Raises
    ------
    GalleryError
        If an output of the circuit is wrong on one.
    """
    dataset = parse_task(circuit.task)
    ports = dataset.input_ports, dataset.output_ports
    if (circuit.netlist.input_ports, circuit.netlist.output_ports) != ports:
        raise GalleryError(f"{circuit.name}: has other ports than {circuit.task}")
    if wrong := count_wrong(circuit.netlist, care_reference(dataset)):
        raise GalleryError(f"{circuit.name}: wrong on {wrong} vectors of {circuit.task}")


def page(record: dict[str, Any], circuits: list[Circuit]) -> str:
    """Return the text of the page."""
    of_task: dict[str, list[Circuit]] = {}
    for circuit in circuits:
        of_task.setdefault(circuit.task, []).append(circuit)
    functions = [task for family in record["families"] for task in family["functions"]]
    if sorted(functions) != sorted(of_task):
        raise GalleryError(f"gallery.json: expected one family for each of {', '.join(of_task)}")
    drawn = _drawn(circuits)
    example = of_task["multiplier:3"][0]
    source = _link(record["sources"][_COMMON])
    common = f"A number without a unit counts the two-input ANDs of an AIG ({source})."
    parts = [_HEAD.format(example=example.name, task=example.task, common=common, program=_PROGRAM)]
    for family in record["families"]:
        rows = [_HEADINGS, ("---",) * len(_HEADINGS)]
        pictures = []
        for task, known in family["functions"].items():
            for circuit in of_task[task]:
                rows.append(_row(circuit, known, record["sources"]))
                if circuit.name in drawn:
                    pictures.append(_picture(circuit))
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
        parts += [f"## {family['title']}\n", *([f"{family['text']}\n"] if family["text"] else [])]
        parts += [f"{table}\n", *pictures]
    return "\n".join(parts)


def _row(
    circuit: Circuit, known: list[dict[str, str]], sources: dict[str, dict[str, str]]
) -> tuple[str, ...]:
    cost = statistics(circuit.netlist)
    elsewhere = "; ".join(
        entry["figure"]
        if entry["source"] == _COMMON
        else f"{entry['figure']} {entry['measure']} ({_link(sources[entry['source']])})"
        for entry in known
    )
    how = HOW[circuit.how]
    if circuit.start:
        how += f" `{circuit.start}`"
    return (
        f"[`{circuit.task}`](../examples/circuits/{circuit.path.name})", str(cost.cells), str(cost.depth),
        str(cost.inverters), str(map_luts(circuit.netlist, _LUT).luts), elsewhere or "-", how,
        f"`{circuit.options}`",
    )  # fmt: skip


def _link(source: dict[str, str]) -> str:
    return f"[{source['text']}]({source['link']})" if source["link"] else source["text"]


def _drawn(circuits: list[Circuit]) -> set[str]:
    """Return the names of the circuits with a picture: of every function the smallest, if it is small."""
    first: dict[str, Circuit] = {}
    for circuit in circuits:
        first.setdefault(circuit.task, circuit)
    return {each.name for each in first.values() if each.netlist.n_cells <= DRAWN}


def _picture(circuit: Circuit) -> str:
    cells = circuit.netlist.n_cells
    return (
        f"![{circuit.task}](images/gallery/{circuit.name}.svg)\n\n"
        f"*`{circuit.task}`, {cells} cells*\n"
    )


def pictures(circuits: list[Circuit]) -> dict[str, str]:
    """Return the drawings by the names of their files."""
    drawn = _drawn(circuits)
    return {
        f"{circuit.name}.svg": format_svg(Excerpt(circuit.netlist))
        for circuit in circuits
        if circuit.name in drawn
    }


def main() -> None:
    """Write the page and the pictures, and remove pictures of circuits that are gone."""
    record, circuits = read_circuits()
    for circuit in circuits:
        require_equal(circuit)
    PAGE.write_text(page(record, circuits), encoding="utf-8")
    PICTURES.mkdir(parents=True, exist_ok=True)
    made = pictures(circuits)
    for path in PICTURES.glob("*.svg"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (PICTURES / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
