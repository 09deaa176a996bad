"""SAT sweeping in a process of its own, which can be ended: a question to the solver cannot.

Run as ``python -m btfsynth.verify.sweeping_worker FILE``; prints the vector as JSON, null where there is none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import btfsynth
from btfsynth.errors import ToolTimeoutError
from btfsynth.files import write_archive
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.sim.process import run_command, workspace_folder
from btfsynth.verify.sweeping import find_difference, find_difference_by_chance

__all__ = ["find_difference_within", "main"]

_FILE = "netlists.npz"
_SIDES = ("a", "b")
# Imports the package from where this process has it (see `btfsynth.sim.amaranth`).
_BOOTSTRAP = (
    "import sys; sys.path.insert(1, sys.argv.pop(1)); "
    "from btfsynth.verify.sweeping_worker import main; sys.exit(main(sys.argv[1:]))"
)


def find_difference_within(a: Netlist, b: Netlist, timeout: float) -> NDArray[np.uint8] | None:
    """Do what `find_difference` does, for so many seconds at most.

    Raises
    ------
    ToolTimeoutError
        If nothing is found out in that time.
    ToolError
        If the process fails.
    """
    found = find_difference_by_chance(a, b)
    if found is not None:
        return found
    arrays = {"ports": np.array([a.n_inputs, a.n_outputs])}
    for side, netlist in zip(_SIDES, (a, b), strict=True):
        arrays |= {f"{side}_fanins": netlist.fanins, f"{side}_outputs": netlist.outputs}
    package = str(Path(btfsynth.__file__).resolve().parents[1])
    command = (sys.executable, "-B", "-c", _BOOTSTRAP, package, _FILE)
    with workspace_folder() as folder:
        write_archive(Path(folder) / _FILE, arrays, compress=False)
        try:
            completed = run_command(command, Path(folder), timeout)
        except ToolTimeoutError:
            raise ToolTimeoutError(
                f"{a.name} and {b.name}: neither proven equal nor found different within {timeout:g} s"
            ) from None
    try:
        answer = json.loads(completed.stdout)
        return None if answer is None else np.array(answer, dtype=np.uint8)
    except (ValueError, TypeError):
        raise completed.error("SAT sweeping ended without a result") from None


def main(arguments: Sequence[str]) -> int:
    """Compare the netlists in the file named by the only argument."""
    with np.load(arguments[0], allow_pickle=False) as arrays:
        inputs, outputs = (
            (Port(name, int(width)),) if width else ()
            for name, width in zip("io", arrays["ports"], strict=True)
        )
        a, b = (
            Netlist(side, inputs, outputs, arrays[f"{side}_fanins"], arrays[f"{side}_outputs"])
            for side in _SIDES
        )
    found = find_difference(a, b)
    sys.stdout.write(json.dumps(None if found is None else found.tolist()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
