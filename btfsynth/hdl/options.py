"""What hardware is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from btfsynth.errors import UsageError
from btfsynth.hdl.interchange import FOLDER_FORMATS
from btfsynth.hdl.pipeline import DEFAULT_STAGE_DEPTH, stages_for_depth
from btfsynth.hdl.timing import MAX_LATENCY, Timing
from btfsynth.netlist.netlist import Netlist

__all__ = [
    "HardwareOptions",
]


@dataclass(frozen=True)
class HardwareOptions:
    """How a netlist becomes a design folder.

    Parameters
    ----------
    stages
        Register stages from inputs to outputs; 0 leaves the design combinational, None takes as many as
        ``stage_depth`` needs.
    stage_depth
        Cells in a row in a stage at most, where the number of stages follows from it.
    enable
        Give a pipelined design a port that holds it.
    reset
        Give a pipelined design a synchronous reset.
    stream
        Write a ready/valid wrapper too; makes the design pipelined, with one stage if none are asked for, and
        gives it an enable.
    cells
        Write the Verilog as instances of AND, OR and majority modules, with a file of these.
    formats
        Names of netlist files to write besides (see `interchange.FOLDER_FORMATS`).

    Raises
    ------
    UsageError
        If the number of stages is impossible, an enable or a reset is wanted of a combinational design, or a
        format is unknown.
    """

    stages: int | None = 0
    stage_depth: int = DEFAULT_STAGE_DEPTH
    enable: bool = False
    reset: bool = False
    stream: bool = False
    cells: bool = False
    formats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.stages is not None and not 0 <= self.stages <= MAX_LATENCY:
            raise UsageError(f"pipeline: expected 0 to {MAX_LATENCY} stages, got {self.stages}")
        if self.stage_depth < 1:
            raise UsageError(f"pipeline: expected a depth of at least 1, got {self.stage_depth}")
        if self.stages == 0 and not self.stream and (self.enable or self.reset):
            raise UsageError(
                "enable and reset: a combinational design has no registers; ask for a pipeline"
            )
        unknown = [name for name in self.formats if name not in FOLDER_FORMATS]
        if unknown:
            raise UsageError(
                f"unknown netlist format {unknown[0]!r:.60}: expected some of "
                f"{', '.join(FOLDER_FORMATS)}"
            )

    def timing(self, netlist: Netlist) -> Timing | None:
        """Return how the design of a netlist takes part in time, None if it is combinational."""
        stages = self.stages
        if stages is None:
            stages = stages_for_depth(netlist, self.stage_depth)
        if self.stream:
            stages = max(1, stages)
        if not stages:
            return None
        return Timing(stages, enable=self.enable or self.stream, reset=self.reset or self.stream)
