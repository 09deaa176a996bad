"""Search for small circuits of a task, as shown in the gallery of the documentation.

    python benchmarks/gallery.py TASK [--time-limit SECONDS] [--rounds N] [--seed N] [--start FILE ...]
        [--part FILE] [-o DIR]

The search begins with textbook circuits of the task (see `textbook.py`), which complete a circuit of fewer bits
if ``--part`` is given, or only with the netlists of ``--start``, whose ports are matched by order. It optimises
a population of netlists, one at a time, by passes with random seeds, and checks every result on all input
vectors. FOLDER/front has the Pareto front of cells, depth and inverters, FOLDER/state.json the state of the
search, from which the same command continues. A round depends only on task, starts, seed and previous rounds:
the command with the printed number of rounds finds the same circuit again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from textbook import FUNCTIONS, WITH_PARTS, textbook

from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import load
from btfsynth.errors import BtfsynthError, UsageError
from btfsynth.files import make_folder, write_text
from btfsynth.hdl.formats import read_design
from btfsynth.netlist.builder import NetlistBuilder, lower_table
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference, care_reference, count_wrong
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.netlist.views import NetlistStatistics, statistics
from btfsynth.passes.base import run_passes
from btfsynth.passes.registry import parse_script

_POPULATION = 6
_FRESH = 0.08
"""Share of rounds that begin anew once the population is full."""
_PREPARE = "strash; detect; map; functional_hash; rewrite; resub -k 1 --patience 0; map"
_WORK = 100_000_000
"""Words of signatures that a walk goes through, about a second."""
_LEAST_STEPS = 3_000
_MOST_EXACT = 130
"""Cells up to which windows are given to SAT, which takes as long as a walk there."""
_TELL_SECONDS = 10.0


@dataclass(frozen=True)
class Member:
    """A netlist of the population."""

    netlist: Netlist
    origin: str  # what the first of its line was made from
    round: int  # in which it was found, the first is 1

    @property
    def cost(self) -> tuple[int, int, int]:
        cost = statistics(self.netlist)
        return cost.cells, cost.depth, cost.inverters


class Search:
    """A search on disk; every finished round is kept."""

    def __init__(
        self,
        dataset: Dataset,
        folder: Path,
        seed: int,
        starts: Sequence[Path] = (),
        part: Path | None = None,
    ) -> None:
        self.dataset, self.folder, self.seed = dataset, folder, seed
        self.reference: Reference = care_reference(dataset)
        self.starts = [(path.name, _given(path, dataset)) for path in starts]
        self.part = None if part is None else _part(part, dataset)
        self.identity = {
            "task": dataset.source,
            "seed": seed,
            "starts": [path.name for path in starts],
            "part": None if part is None else part.name,
        }
        self.rounds = 0
        self.members: list[Member] = []
        self.front: list[Member] = []
        make_folder(folder / "front")
        self._resume()

    @property
    def _state(self) -> Path:
        return self.folder / "state.json"

    def _resume(self) -> None:
        if not self._state.exists():
            return
        state = json.loads(self._state.read_text(encoding="utf-8"))
        begun = {key: state[key] for key in self.identity}
        if begun != self.identity:
            raise UsageError(
                f"{self._state}: expected a search of {self.identity}, got {begun}; name another folder"
            )
        self.rounds = state["rounds"]
        self.members = [_member(entry) for entry in state["members"]]
        self.front = [_member(entry) for entry in state["front"]]

    def save(self) -> None:
        """Write the state of the search."""
        state = {
            **self.identity,
            "rounds": self.rounds,
            "members": [_entry(member) for member in self.members],
            "front": [_entry(member) for member in self.front],
        }
        write_text(self._state, json.dumps(state, indent=1) + "\n")

    def next_round(self) -> None:
        """Make a new netlist, or optimise one of the population."""
        self.rounds += 1
        random = Random(f"{self.seed} {self.rounds}")
        fresh = len(self.members) < _POPULATION or random.random() < _FRESH
        if fresh:
            member = self._begin(random)
            for _ in range(3):
                member = self._improved(member, random)
            self.members.append(member)
        else:
            at = min(random.randrange(_POPULATION), random.randrange(_POPULATION))
            member = self._improved(self.members[at], random)
            if member.netlist.n_cells <= self.members[at].netlist.n_cells:
                self.members[at] = member  # another place of the same height, if not a lower one
        self.members = sorted(self.members, key=lambda member: member.cost)[:_POPULATION]
        self._add_to_front(member)

    def _begin(self, random: Random) -> Member:
        if self.starts:
            name, netlist = random.choice(self.starts)
        elif self.dataset.source.partition(":")[0] in FUNCTIONS:
            name, netlist = "textbook", textbook(self.dataset, random, self.part)
        else:
            name, netlist = "table", _diagrams(self.dataset)
        made, _ = run_passes(parse_script(_PREPARE), netlist, self.reference)
        return Member(min(netlist, made, key=lambda each: each.n_cells), name, self.rounds)

    def _improved(self, member: Member, random: Random) -> Member:
        script = _draw_script(member.netlist, self.reference.inputs.shape[1], random)
        made, _ = run_passes(parse_script(script), member.netlist, self.reference)
        smoothed, _ = run_passes(parse_script("depth --cells 0; inverters"), made, self.reference)
        candidates = [Member(each, member.origin, self.rounds) for each in (made, smoothed)]
        return min(candidates, key=lambda each: each.cost)

    def _add_to_front(self, member: Member) -> None:
        cost = statistics(member.netlist)
        others = [statistics(each.netlist) for each in self.front]
        if any(other.dominates(cost) or _same(other, cost) for other in others):
            return
        if count_wrong(member.netlist, self.reference):
            raise UsageError(f"{self.dataset.source}: a circuit of {cost.cells} cells is wrong")
        kept = [
            each
            for each, other in zip(self.front, others, strict=True)
            if not cost.dominates(other)
        ]
        self.front = sorted([*kept, member], key=lambda each: each.cost)
        for path in (self.folder / "front").glob("*.mig"):
            path.unlink()
        for each in reversed(self.front):  # of equal cells and depth the fewest inverters stay
            name = circuit_name(self.dataset, statistics(each.netlist))
            write_text(self.folder / "front" / f"{name}.mig", format_netlist(each.netlist))


def _given(path: Path, dataset: Dataset) -> Netlist:
    """Read a netlist of a function; its ports become those of the data, in their order."""
    read = read_design(path)
    ports = dataset.input_ports, dataset.output_ports
    if (read.n_inputs, read.n_outputs) != (dataset.n_inputs, dataset.n_outputs):
        raise UsageError(
            f"{path}: expected {dataset.n_inputs} inputs and {dataset.n_outputs} outputs as {dataset.source}, "
            f"got {read.n_inputs} and {read.n_outputs}"
        )
    netlist = Netlist(dataset.name, *ports, read.fanins, read.outputs)
    if wrong := count_wrong(netlist, care_reference(dataset)):
        raise UsageError(f"{path}: is not {dataset.source}: wrong on {wrong} vectors")
    return netlist


def _part(path: Path, dataset: Dataset) -> Netlist:
    """Read a circuit of the same function on fewer bits."""
    name = dataset.source.partition(":")[0]
    if name not in WITH_PARTS:
        raise UsageError(f"{dataset.source}: expected no part; {', '.join(WITH_PARTS)} take one")
    bits = read_design(path).n_inputs // len(dataset.input_ports)
    if bits >= min(port.width for port in dataset.input_ports):
        raise UsageError(f"{path}: expected fewer bits than {dataset.source}, got {bits}")
    return _given(path, load(f"{name}:{bits}"))


def circuit_name(dataset: Dataset, cost: NetlistStatistics) -> str:
    """Return the name of a circuit of the gallery, without the ending."""
    return f"{dataset.name}_c{cost.cells}_d{cost.depth}"


def _same(one: NetlistStatistics, other: NetlistStatistics) -> bool:
    return (one.cells, one.depth, one.inverters) == (other.cells, other.depth, other.inverters)


def _entry(member: Member) -> dict[str, Any]:
    return {**vars(member), "netlist": format_netlist(member.netlist)}


def _member(entry: dict[str, Any]) -> Member:
    netlist = parse_netlist(entry["netlist"], Path("state.json"))
    return Member(netlist, entry["origin"], entry["round"])


def _diagrams(dataset: Dataset) -> Netlist:
    """Return a decision diagram for every output of a table."""
    builder = NetlistBuilder(dataset.name, dataset.input_ports, dataset.output_ports)
    literals = [builder.input(bit) for bit in range(builder.n_inputs)]
    return builder.build(
        [
            lower_table(builder, dataset.targets[:, bit], literals)
            for bit in range(dataset.n_outputs)
        ]
    )


def _draw_script(netlist: Netlist, words: int, random: Random) -> str:
    seed = random.randrange(1, 1_000_000)
    work = _WORK * random.choice([1, 1, 4])
    steps = max(_LEAST_STEPS, work // ((netlist.n_cells + 10) * (words + 40)))
    slack, uphill = random.choice([1, 2, 2, 3, 4, 6]), random.choice([1, 2, 5, 10])
    walk = (
        f"anneal --steps {steps} --slack {slack} --uphill {uphill} --whole 1000000000 --seed {seed}"
    )
    rewrite = f"rewrite -z 1 --patience 20 --seed {seed}; "
    windows = f"map; {rewrite}resub --patience 20000 --whole 0 --leaves 10 --seed {seed}; "
    exact = f"exact --tries 1 --seed {seed}; " if netlist.n_cells <= _MOST_EXACT else ""
    before = random.choice(["", "", rewrite, windows, exact])
    return before + walk


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("--time-limit", type=float, metavar="SECONDS")
    parser.add_argument("--rounds", type=int, help="100 if there is no time limit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--part", type=Path, metavar="FILE", help="the function on fewer bits")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER")
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Search, and print the results."""
    options = parser().parse_args(words)
    begin = time.monotonic()
    deadline = None if options.time_limit is None else begin + options.time_limit
    try:
        dataset = load(options.task)
        folder = options.output or Path("hdl_out") / "gallery" / dataset.name
        search = Search(dataset, folder, options.seed, options.start, options.part)
    except BtfsynthError as error:
        print(f"gallery.py: {error}", file=sys.stderr)
        sys.exit(2)
    rounds = options.rounds if options.rounds or deadline else 100
    told, least = begin, None
    while (rounds is None or search.rounds < rounds) and (
        deadline is None or time.monotonic() < deadline
    ):
        search.next_round()
        search.save()
        cost = search.front[0].cost
        now = time.monotonic()
        if cost != least or now - told > _TELL_SECONDS:
            told, least = now, cost
            pool = " ".join(f"{member.cost[0]}" for member in search.members)
            print(
                f"{now - begin:7.1f} s  round {search.rounds}: {cost[0]} cells, depth {cost[1]}, "
                f"from {search.front[0].origin}; population {pool}",
                flush=True,
            )
    for member in search.front:
        name = circuit_name(dataset, statistics(member.netlist))
        print(f"{folder / 'front' / name}.mig  from {member.origin}, round {member.round}")


if __name__ == "__main__":
    main()
