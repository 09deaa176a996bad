"""Measure the time to emit and simulate a large design, step by step.

    python benchmarks/emit.py [--inputs 1000] [--cells 20000] [--pipeline 8] [--simulator icarus] [--json]

The netlist is random: cells of any kind that read the last few thousand signals, some tens of levels deep, with
ports of mixed widths. The vectors are those of `btfsynth emit` without data. Each step is measured once, in
wall seconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from btfsynth.flow.building import emit_netlist
from btfsynth.hdl.design import HardwareOptions
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.sim.registry import get_simulator
from btfsynth.sim.simulators import load_design
from btfsynth.verify.simulate import check_parsed

__all__ = ["wide_netlist"]

_OUTPUTS = 256
_NEAR = 3000
"""A cell reads one of so many latest signals, or any input."""


def wide_netlist(n_inputs: int, cells: int, seed: int) -> Netlist:
    """Return a random netlist of about so many cells, each read by a cell or an output.

    Parameters
    ----------
    n_inputs
        Input bits, in ports of 1 to 64.
    cells
        Cells.
    seed
        Same seed, same netlist.
    """
    random = np.random.Generator(np.random.PCG64([seed, n_inputs, cells]))
    builder = NetlistBuilder("wide", _ports(random, "x", n_inputs), [])
    signals = [builder.input(bit) for bit in range(n_inputs)]
    unread = list(signals)
    while builder.n_cells < cells:
        # What has not been read yet comes first, so that nothing is left dangling.
        waiting = 1 if len(unread) <= _OUTPUTS else 2
        near = len(signals) - 1 - random.integers(min(_NEAR, len(signals)), size=3 - waiting)
        reads = [*(unread.pop(0) for _ in range(waiting)), *(signals[place] for place in near)]
        a, b, c = (literal ^ int(random.random() < 0.25) for literal in reads)
        kind = random.integers(4)
        before = builder.n_cells
        made = (builder.and_(a, b), builder.or_(a, b))[kind] if kind < 2 else builder.maj(a, b, c)
        if builder.n_cells > before:
            signals.append(made)
            unread.append(made)
    outputs = unread
    builder.output_ports = _ports(random, "y", len(outputs))
    return builder.build(outputs)


def _ports(random: np.random.Generator, letter: str, bits: int) -> tuple[Port, ...]:
    """Return ports of mixed widths with so many bits together."""
    ports: list[Port] = []
    while bits:
        width = min(bits, int(random.choice([1, 2, 5, 8, 13, 32, 64])))
        ports.append(Port(f"{letter}{len(ports)}", width))
        bits -= width
    return tuple(ports)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--cells", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pipeline", type=int, default=0)
    parser.add_argument("--instances", action="store_true", help="Verilog as instances of cells")
    parser.add_argument("--simulator", action="append", default=[])
    parser.add_argument("--parse", action="store_true", help="also the reader of Verilog")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    netlist = wide_netlist(arguments.inputs, arguments.cells, arguments.seed)
    options = HardwareOptions(pipeline=arguments.pipeline, cells=arguments.instances)
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "design"
        seconds["emit"], manifest = _timed(lambda: emit_netlist(netlist, None, path, options))
        seconds["load"], design = _timed(lambda: load_design(path))
        if arguments.parse:
            seconds["parsed"], check = _timed(lambda: check_parsed(design))
            assert check.ok
        for name in arguments.simulator:
            simulator = get_simulator(name)
            seconds[name], check = _timed(lambda simulator=simulator: simulator.run(design))
            assert check.ok
        size = (path / manifest.files["verilog"]).stat().st_size
    if arguments.json:
        found = {"vectors": manifest.vector_count, "verilog_bytes": size, "seconds": seconds}
        print(json.dumps(found, indent=2))
        return
    print(f"{netlist.n_inputs} inputs, {netlist.n_cells} cells, {manifest.vector_count} vectors")
    for name, value in seconds.items():
        print(f"{name:12} {value:8.2f} s")


if __name__ == "__main__":
    main()
