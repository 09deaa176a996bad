"""What a page says of a clocked design: its latency, and that proofs leave its registers out."""

from __future__ import annotations

from dataclasses import dataclass

from btfsynth.errors import plural
from btfsynth.hdl.timing import Timing
from btfsynth.report.folder import DesignFolder
from btfsynth.report.sections import Figure, chains
from btfsynth.sim.registry import SIMULATORS

__all__ = ["Clocking", "clocking"]


@dataclass(frozen=True)
class Clocking:
    """The registers of a design and what was checked of them.

    Parameters
    ----------
    timing
        Latency and control ports.
    simulators
        Names of the simulations that passed, which are all that has seen the registers at work.
    read_back
        True if the reader of the Verilog counted the stages of registers.
    """

    timing: Timing
    simulators: tuple[str, ...]
    read_back: bool

    @property
    def clocks(self) -> str:
        """The latency in words."""
        return plural(self.timing.latency, "clock")

    def figure(self) -> Figure:
        """Return the latency as a figure of the page."""
        return Figure("latency", self.clocks, f"ports {', '.join(self.timing.controls)}")

    @property
    def drawing(self) -> str:
        """What the schematic leaves out."""
        return (
            f"The schematic and the values are those of the function. Registers are not drawn: in "
            f"hardware an output comes {self.clocks} after its input."
        )

    @property
    def short(self) -> str:
        """What was checked of the registers, as the end of a sentence."""
        how = "only simulated" if self.simulators else "neither proven nor simulated"
        return f"latency {self.clocks}, registers {how}"

    @property
    def checks(self) -> str:
        """What is proven and what only simulated."""
        moving = ["the latency"]
        moving += ["reset"] if self.timing.reset else []
        moving += ["enable"] if self.timing.enable else []
        text = (
            f"This is a pipeline with a latency of {self.clocks}; a new input can come every clock. "
            "Proven is its function alone: proofs take registers for wires. "
        )
        what = _listed(moving)
        if self.simulators:
            verb = "was" if len(moving) == 1 else "were"
            text += f"Registers are only simulated: {what} {verb} checked by {_listed(self.simulators)}."
        else:
            text += f"No simulation of the registers, and so of {what}, is recorded here."
        if self.read_back:
            text += " The reader of the Verilog counted its stages of registers."
        return text


def clocking(folder: DesignFolder) -> Clocking | None:
    """Return what is known of the registers of a design; None if it has none."""
    timing = folder.manifest.timing
    if timing is None:
        return None
    passed = {
        row["name"] for chain in chains(folder) for row in chain["rows"] if row["state"] == "good"
    }
    return Clocking(
        timing=timing,
        simulators=tuple(name for name in SIMULATORS if name in passed),
        read_back="parsed_verilog" in passed,
    )


def _listed(words: list[str] | tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
