"""The options that say what hardware is made of a netlist."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from btfsynth.cli.completion import complete_list, complete_names
from btfsynth.errors import UsageError, plural
from btfsynth.hdl.design import HardwareOptions
from btfsynth.hdl.manifest import Timing
from btfsynth.hdl.pipeline import DEFAULT_STAGE_DEPTH
from btfsynth.hdl.writers import WRITERS, folder_formats

F = TypeVar("F", bound=Callable[..., Any])

_AUTO = re.compile(r"auto(?::([0-9]{1,6}))?")


class _HardwareOption(click.Option):
    section = "Hardware options"


_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--format",
        {
            "multiple": True,
            "metavar": "F[,F...]",
            "shell_complete": complete_list(folder_formats()),
            "help": "Netlist files to write beside Verilog, VHDL and Amaranth: "
            + ", ".join(f"{name} ({WRITERS[name].description})" for name in folder_formats())
            + "; may be given several times.",
        },
    ),
    (
        "--pipeline",
        {
            "metavar": "N|auto|auto:DEPTH",
            "shell_complete": complete_names(("auto", "auto:4")),
            "help": "Cut the design into N stages of registers, or into as many as leave at most DEPTH cells "
            f"in a row in each (auto alone: {DEFAULT_STAGE_DEPTH}); a new input may come every clock.  "
            "[default: combinational]",
        },
    ),
    (
        "--enable",
        {
            "is_flag": True,
            "help": "Give a pipelined design a port en; while it is 0 nothing moves.",
        },
    ),
    (
        "--reset",
        {
            "is_flag": True,
            "help": "Give a pipelined design a port rst, which clears it at the next clock.",
        },
    ),
    (
        "--stream",
        {
            "is_flag": True,
            "help": "Write an Amaranth wrapper with ready/valid streams too; implies a pipeline, --enable and "
            "--reset.",
        },
    ),
    (
        "--cells",
        {
            "is_flag": True,
            "help": "Write the Verilog as instances of AND, OR, majority and inverter modules, with a file of "
            "these.",
        },
    ),
)


def hardware_options(command: F) -> F:
    """Add the options to a command, which gets them as one argument ``hardware``."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = {flag[2:]: kwargs.pop(flag[2:]) for flag, _ in _OPTIONS}
        stages, depth = _read_pipeline(given["pipeline"])
        formats = [name.strip().lower() for part in given["format"] for name in part.split(",")]
        kwargs["hardware"] = HardwareOptions(
            stages=stages,
            stage_depth=depth,
            enable=given["enable"],
            reset=given["reset"],
            stream=given["stream"],
            cells=given["cells"],
            formats=tuple(dict.fromkeys(formats)),
        )
        return command(*args, **kwargs)

    for flag, settings in reversed(_OPTIONS):
        # What a run file asks for can then be left out again.
        given = f"{flag}/--no-{flag[2:]}" if settings.get("is_flag") else flag
        wrapped = click.option(given, flag[2:], cls=_HardwareOption, **settings)(wrapped)
    return wrapped  # type: ignore[return-value]


def _read_pipeline(text: str | None) -> tuple[int | None, int]:
    """Return the number of stages, None if it follows from the depth of one, and this depth."""
    if text is None:
        return 0, DEFAULT_STAGE_DEPTH
    if re.fullmatch(r"[0-9]{1,6}", text):
        return int(text), DEFAULT_STAGE_DEPTH
    match = _AUTO.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--pipeline: expected a number of stages, auto or auto:DEPTH, got {text!r:.40}"
        )
    return None, DEFAULT_STAGE_DEPTH if match[1] is None else int(match[1])


def timing_record(timing: Timing | None) -> dict[str, Any] | None:
    """Return how a design takes part in time as JSON values."""
    return None if timing is None else vars(timing).copy()


def describe_timing(timing: Timing | None) -> str:
    """Return how a design takes part in time on one line."""
    if timing is None:
        return "combinational"
    return f"latency {plural(timing.latency, 'clock')}; ports {', '.join(timing.controls)}"
