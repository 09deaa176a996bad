"""Arguments and options that commands share, and the layout of their help."""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from btfsynth.cli.completion import complete_names, complete_script, complete_source
from btfsynth.cli.output import say
from btfsynth.dataset.code import InputCode, parse_code
from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.load import load
from btfsynth.errors import OutputError, UsageError
from btfsynth.files import followed
from btfsynth.hdl.readers import read_noted
from btfsynth.netlist.formats.nets import Design
from btfsynth.netlist.identifiers import MAX_LENGTH, is_legal_module
from btfsynth.network.formats import read_network_text, read_widths
from btfsynth.network.topology import parse_widths
from btfsynth.sim.registry import ALL_SIMULATORS, SIMULATORS
from btfsynth.train.parameters import StopRule
from btfsynth.train.session import TrainOptions
from btfsynth.workers.cluster import require_scheduler

F = TypeVar("F", bound=Callable[..., Any])

_MAX_COLUMNS_DIGITS = 9


class _NetlistOption(click.Option):
    section = "Netlist options"


class _TrainingOption(click.Option):
    section = "Training options"


class SectionCommand(click.Command):
    """A command whose help lists its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of no section first."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


source_argument = click.argument("source", shell_complete=complete_source)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)
comb_option = click.option(
    "--comb",
    is_flag=True,
    help="Read registers as ports, as comb of ABC does: what one drives is an input, what it reads an output "
    "NAME_in.",
)
outputs_option = click.option(
    "--outputs",
    type=click.UNPROCESSED,  # a run file has numbers and lists
    metavar="N|NAMES",
    help="Which columns of a CSV file are outputs: the last N, or their names with commas.  "
    "[default: by the header]",
)
simulator_option = click.option(
    "--simulator",
    "simulators",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_names((*SIMULATORS, ALL_SIMULATORS)),
    help=f"Simulate in this one: {', '.join(SIMULATORS)}, or {ALL_SIMULATORS}, of which then none may be "
    "missing; may be given several times.  [default: all that are installed]",
)
passes_option = click.option(
    "--passes",
    cls=_NetlistOption,
    default="size",
    show_default=True,
    metavar="SCRIPT",
    shell_complete=complete_script,
    help="Optimiser passes: one of the scripts light, fast, size, best and depth, or a list such as "
    "'strash; resub --patience 500'; 'build' takes fast by itself from 5,000 cells on, light from 30,000.",
)
preserve_option = click.option(
    "--preserve",
    cls=_NetlistOption,
    type=click.Choice(["care", "network"]),
    help="What the netlist keeps: the targets on the patterns, or the network on every input.  "
    "[default: care if the patterns say it all, else network]",
)


def _read_name(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is None or is_legal_module(text):
        return text
    raise UsageError(
        "--name: expected a letter, then letters, digits and _, at most "
        f"{MAX_LENGTH}, no word that Verilog, VHDL, Python or C++ reserve and no name of cells such as n1; "
        f"got {text[:60]!r}"
    )


name_option = click.option(
    "--name",
    callback=_read_name,
    metavar="NAME",
    help="Name of the module and of the files.  [default: from the task or the file]",
)


def _read_code(_: click.Context, __: click.Parameter, text: str | None) -> InputCode | None:
    return None if text is None else parse_code(text)


def code_option(help: str) -> Callable[[F], F]:  # noqa: A002
    """Return the option ``--code CODE`` of analog inputs; it arrives as an `InputCode`."""
    return click.option("--code", metavar="CODE", callback=_read_code, help=help)


scheduler_option = click.option(
    "--scheduler",
    callback=lambda _, __, text: None if text is None else require_scheduler(text),
    metavar="ADDRESS|local:N",
    shell_complete=complete_names(("local:2", "tcp://", "tls://")),
    help="Run the trainings on a Dask cluster: tcp://HOST:PORT, a scheduler file, or N workers started here; "
    "the result is the same.",
)


def folder_option(help: str) -> Callable[[F], F]:  # noqa: A002
    """Return the option ``-o DIR``."""
    return click.option(
        "-o", "--output", "directory", type=click.Path(path_type=Path), metavar="DIR", help=help
    )


def file_option(help: str, metavar: str = "FILE") -> Callable[[F], F]:  # noqa: A002
    """Return the option ``-o FILE``; a file that cannot be written is refused before any work."""
    return click.option(
        "-o",
        "--output",
        "path",
        type=click.Path(path_type=Path),
        callback=lambda _, __, path: None if path is None else require_writable(path),
        metavar=metavar,
        help=help,
    )


def require_writable(path: Path) -> Path:
    """Return the path.

    Raises
    ------
    OutputError
        If it is a folder or a link that leads to itself, or nothing can be written to its folder.
    """
    followed(path)
    if path.is_dir():
        raise OutputError(f"{path}: expected a file to write, got a folder")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written to the folder {path.parent}: {error.strerror or error}"
        ) from None


def _above_zero(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise click.BadParameter(f"expected a number above 0, got {value:g}", param=parameter)
    return value


def _timeout_option(text: str) -> Callable[[F], F]:
    return click.option(
        "--timeout",
        type=float,
        callback=_above_zero,
        metavar="SECONDS",
        help=text,
    )


timeout_option = _timeout_option(
    "Give a simulator up after so long; it then counts as not run.  [default: 600, more for a "
    "simulator on a large design]"
)
tool_timeout_option = _timeout_option(
    "Give a simulator, Yosys, another tool or a SAT proof up after so long; it then counts as not run.  "
    "[default: 600, more for a simulator on a large design, no limit for a SAT proof]"
)
proof_timeout_option = _timeout_option(
    "Give the SAT proof, or a tool that reads A or B, up after so long; they are then neither equal nor "
    "different.  [default: no limit for the proof, 600 for a tool]"
)


def time_option(text: str, default: float | None = None) -> Callable[[F], F]:
    """Return ``--time-limit``: how long a search may take, in seconds."""
    return click.option(
        "--time-limit",
        type=float,
        callback=_above_zero,
        default=default,
        show_default=default is not None,
        metavar="SECONDS",
        help=text,
    )


def jobs_option(text: str, default: int | None = 1) -> Callable[[F], F]:
    """Return ``--jobs``: how much runs side by side."""
    return click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        default=default,
        show_default=default is not None,
        metavar="N",
        help=text,
    )


def seed_option(text: str, most: int | None = None) -> Callable[[F], F]:
    """Return ``--seed``, 1 where it is not given."""
    return click.option(
        "--seed",
        type=click.IntRange(0, most),
        default=1,
        show_default=True,
        metavar="N",
        help=text,
    )


_TRAINING_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("--seed",),
        {
            "type": click.IntRange(min=0),
            "default": 1,
            "show_default": True,
            "metavar": "N",
            "help": "Names the random starts: same seed, same result.",
        },
    ),
    (
        ("--trials",),
        {
            "type": click.IntRange(1, 100_000),
            "default": 40,
            "show_default": True,
            "metavar": "N",
            "help": "Random starts to try at most.",
        },
    ),
    (
        ("--jobs",),
        {
            "type": click.IntRange(1, 256),
            "default": 1,
            "show_default": True,
            "metavar": "N",
            "help": "Trials side by side; the result is the same for any number.",
        },
    ),
    (
        ("--threads",),
        {
            "type": click.IntRange(1, 256),
            "default": 1,
            "show_default": True,
            "metavar": "N",
            "help": "Threads within a trial, used where it is large; the result is the same for any "
            "number.",
        },
    ),
    (
        ("--time-limit",),
        {
            "type": float,
            "callback": _above_zero,
            "metavar": "SECONDS",
            "help": "Stop after so long and keep the best network. 'build' spends what is left on passes, "
            "proofs and simulators, and omits what does not fit.  [default: none]",
        },
    ),
    (
        ("--widths",),
        {
            "metavar": "N,N,...",
            "help": "Inputs, neurons of every hidden layer, outputs; or a .wth file of them.  [default: by the "
            "task or the data, wider from trial to trial]",
        },
    ),
    (
        ("--skip/--no-skip",),
        {
            "default": None,
            "help": "Let every layer see the inputs, not only the layer before it.  [default: by task]",
        },
    ),
    (
        ("--topology",),
        {
            "type": click.Path(path_type=Path),
            "metavar": "FILE.net",
            "help": "Train this graph instead of layers: header 'nodes inputs+1 outputs edges', then "
            "'receiver sender weight' an edge.",
        },
    ),
    (
        ("--sigma",),
        {
            "type": float,
            "metavar": "X",
            "help": "Support, above 1: a neuron settles on at most the largest odd number of "
            "inputs up to it.  [default: by task]",
        },
    ),
    (
        ("--beta",),
        {
            "type": float,
            "metavar": "X",
            "help": "Time step, above 0 and below 2.  [default: by task]",
        },
    ),
    (
        ("--gamma",),
        {
            "type": float,
            "metavar": "X",
            "help": "Rate of the metric, from 0 to below 1.  [default: by task]",
        },
    ),
    (
        ("--max-iterations",),
        {
            "type": click.IntRange(min=1),
            "metavar": "N",
            "help": "Iterations of a trial at most.  [default: by task]",
        },
    ),
    (
        ("--stop",),
        {
            "type": click.Choice([rule.value for rule in StopRule]),
            "help": "What ends a trial: every target right, a small gap, both, or only the "
            "iterations.  [default: exact]",
        },
    ),
    (
        ("--gap-limit",),
        {
            "type": float,
            "callback": _above_zero,
            "metavar": "X",
            "help": "The gap that --stop gap and --stop both wait for.  [default: 0.01]",
        },
    ),
    (
        ("--precision",),
        {
            "type": click.Choice(["32", "64"]),
            "help": "Bits of a floating-point number in training.  [default: 32]",
        },
    ),
)


def _read_widths(text: str) -> tuple[int, ...]:
    return read_widths(Path(text)) if text.endswith(".wth") else parse_widths(text)


def _settle_shape(values: dict[str, Any]) -> None:
    """Let a graph from the command line stand in for widths of a run file, and the other way round."""
    context = click.get_current_context()
    given = {
        name
        for name in ("topology", "widths", "skip")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if "topology" in given:
        values.update({name: None for name in ("widths", "skip") if name not in given})
    elif given:
        values["topology"] = None


def training_options(function: F) -> F:
    """Add the options of a training; they arrive as one `TrainOptions` named ``training``."""

    # wraps() hands over the click options that stand below this decorator too.
    @functools.wraps(function)
    def gather(*args: Any, **kwargs: Any) -> Any:
        _settle_shape(kwargs)
        widths = kwargs.pop("widths")
        stop = kwargs.pop("stop")
        precision = kwargs.pop("precision")
        graph = kwargs.pop("topology")
        if graph is not None and widths is not None:
            raise UsageError("--topology and --widths: give one of them")
        if graph is not None and kwargs["skip"] is not None:
            raise UsageError("--topology and --skip: the graph says what sees what")
        names = ("seed", "trials", "jobs", "threads", "time_limit", "sigma", "beta", "gamma")
        values = {
            name: kwargs.pop(name) for name in (*names, "skip", "max_iterations", "gap_limit")
        }
        values["widths"] = None if widths is None else _read_widths(widths)
        values["precision"] = None if precision is None else int(precision)
        values["stop"] = None if stop is None else StopRule(stop)
        training = TrainOptions(
            topology=None if graph is None else read_network_text(graph).topology, **values
        )
        return function(*args, training=training, **kwargs)

    for names, settings in reversed(_TRAINING_OPTIONS):
        click.option(*names, cls=_TrainingOption, **settings)(gather)
    return gather  # type: ignore[return-value]


def is_default(name: str) -> bool:
    """Return True if a parameter of the running command was not given."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.DEFAULT


def refuse_training_options(because: str, sources: Sequence[ParameterSource]) -> None:
    """Refuse options of a training that were given to the running command though none is run.

    Parameters
    ----------
    because
        Why none is run.
    sources
        Where those come from that are refused.

    Raises
    ------
    UsageError
        If there is one.
    """
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "")
        if isinstance(option, _TrainingOption) and given in sources:
            raise UsageError(f"{option.opts[0]}: {because}")


def load_design(path: Path, comb: bool) -> Design:
    """Read a netlist; write what there is to say about it to standard error."""
    design = read_noted(path, comb)
    for note in design.notes:
        say(f"note: {path.name}: {note}")
    return design


def load_source(
    source: str, outputs: str | int | Sequence[str] | None = None, *, contradictory: bool = False
) -> Dataset:
    """Load a task or a file and show its notices on standard error.

    Patterns that contradict each other are an error, or a notice where nothing is to be learnt from them.
    """
    chosen = read_columns(outputs)
    dataset = load(source, outputs=chosen, contradictory=contradictory)
    for notice in dataset.notices:
        say(f"note: {notice}")
    if dataset.contradiction is not None:
        say(f"note: {dataset.contradiction}")
    return dataset


def read_columns(outputs: str | int | Sequence[str] | None) -> int | list[str] | None:
    """Return the number of output columns or their names, from text with commas or as they are."""
    if isinstance(outputs, str):
        if outputs.isascii() and outputs.isdigit() and len(outputs) <= _MAX_COLUMNS_DIGITS:
            return int(outputs)
        return [name.strip() for name in outputs.split(",")]
    return outputs if outputs is None or isinstance(outputs, int) else list(outputs)
