"""The command group and the one place where errors become messages."""

from __future__ import annotations

import contextlib
import gc
import importlib
import math
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from btfsynth import __version__
from btfsynth.cli.output import one_line, spelled
from btfsynth.errors import BtfsynthError, InterruptedWorkError, SequentialError, clipped

_COMMANDS = {
    "build": "Learn a function and turn it into checked hardware.",
    "discover": "Search for small circuits of a function and keep the best as checked hardware.",
    "approximate": "Search for smaller circuits whose error stays within a bound.",
    "learn": "Learn from samples a circuit that generalises to unseen vectors.",
    "tasks": "List the built-in tasks.",
    "data": "Show a data set, or write it in another format.",
    "train": "Train a network and save it.",
    "tune": "Search for the settings that learn a function fastest.",
    "predict": "Apply a design or a network to the rows of a table.",
    "import": "Turn a model of another library into checked hardware.",
    "simplify": "Optimise a network or a netlist into a small netlist.",
    "emit": "Write a netlist as Verilog, VHDL and Amaranth with testbenches.",
    "simulate": "Check a design by simulation.",
    "verify": "Check a design by proofs, simulators and fault injection.",
    "equiv": "Prove two designs equivalent, or show where they differ.",
    "estimate": "Estimate the lookup tables (LUTs) of a design, without FPGA tools.",
    "fpga": "Place and route a design for an FPGA, compared with a case statement.",
    "show": "Print or draw a netlist.",
    "report": "Show a design, a discovery or a reproduction as one HTML page.",
    "doctor": "List the optional tools that are installed and how to get the others.",
    "reproduce": "Re-run the published experiments and compare.",
    "completion": "Print a shell completion script.",
}

_MODULES = {
    "emit": "netlist",
    "simulate": "checks",
    "verify": "checks",
    "equiv": "checks",
    "doctor": "checks",
    "estimate": "fpga",
    "tasks": "data",
    "predict": "data",
    "tune": "train",
    "import": "import_model",
    "show": "netlist",
    "report": "netlist",
    "completion": "options",
}
"""Where a command is that has no module of its own."""

_TOO_MANY_DIGITS = "integer string conversion"
"""Python's message about whole numbers of thousands of digits."""


class _Group(click.Group):
    """Loads a command's module when the command is used: the help is there at once."""

    running: click.Command | None = None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"btfsynth.cli.{_MODULES.get(cmd_name, cmd_name)}")
        self.running = getattr(module, f"{cmd_name}_command")
        return self.running

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands with this prefix, without loading them, and the options of the group."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=help_)
            for name, help_ in _COMMANDS.items()
            if name.startswith(incomplete)
        ]

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # click would write an empty line
            raise InterruptedWorkError("interrupted; nothing was saved") from None


@click.group(
    cls=_Group,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="btfsynth")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Learn a Boolean function, turn it into a small netlist, and prove the hardware.

    All steps in one command:

        btfsynth build multiplier:2

    The same steps one by one, on files: data, train, simplify, emit, simulate.
    'btfsynth COMMAND --help' lists the options of a command.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)


@contextlib.contextmanager
def _rare_collection(last: bool) -> Iterator[None]:
    """Collect garbage rarely: Numba's objects live on, and searching them takes a tenth of the start.

    If the command is the last work of the process, garbage collection at exit is also skipped.
    """
    former = gc.get_threshold()
    gc.set_threshold(200_000, 20, 20)
    try:
        yield
    finally:
        if last:
            gc.freeze()
        gc.set_threshold(*former)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 wrong usage or a bad file."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # somebody else's stream
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with _ended_once(), _rare_collection(last=arguments is None):
            code = cli.main(
                args=None if arguments is None else list(arguments),
                prog_name="btfsynth",
                standalone_mode=False,
            )
            sys.stdout.flush()
    except click.UsageError as error:
        from btfsynth.cli.options import renamed

        where = error.ctx.command_path if error.ctx is not None else "btfsynth"
        message = renamed(error) or error.format_message().rstrip(".")
        _fail(f"{message} (see '{where} --help')", error.exit_code)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except BtfsynthError as error:
        if isinstance(error, InterruptedWorkError) and sys.stderr.isatty():
            click.echo(err=True)  # the terminal has shown ^C
        hint = "; `comb` reads registers as ports" if isinstance(error, SequentialError) else ""
        _fail(spelled(f"{error}{hint}", cli.running), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted", 1)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("btfsynth."):
            raise
        # numba reads kernels that were compiled before a module moved, as after `git pull`.
        folder = Path(__file__).parents[1]
        _fail(
            f"compiled code of another version ({error.name} is gone) must be deleted: "
            f"find {shlex.quote(str(folder))} -name '*.nb[ic]' -delete",
            1,
        )
    except MemoryError:
        _fail("not enough memory for data or a network of this size", 1)
    except ValueError as error:
        if _TOO_MANY_DIGITS not in str(error):
            raise
        _fail("expected whole numbers of less than 1,000 digits", 2)
    except BrokenPipeError:
        _drop_output()  # its reader went away; nothing more can be said to it
        sys.exit(1)
    except OSError as error:
        _drop_output()
        where = "standard output" if error.filename is None else str(error.filename)
        _fail(f"{where}: {error.strerror or error}", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    """Discard pending output, which would fail again at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"btfsynth: error: {clipped(one_line(message))}", err=True)
    sys.exit(code)


_ECHO_SECONDS = 1.0
"""Seconds within which further signals count as the same request to end."""


@contextlib.contextmanager
def _ended_once() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C: keep the best network, leave nothing half-written; and only once.

    ``timeout``, job schedulers and users may send a signal twice, to a process and to its group, or one after
    the other. The second would end the saving of results that the first has begun, so signals within a second
    are ignored. A later one ends that too.
    """
    last = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def passing(handler: Callable[[int, FrameType | None], object]) -> Callable[..., None]:
        def handle(number: int, frame: FrameType | None) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _ECHO_SECONDS:
                last = now
                handler(number, frame)

        return handle

    former = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # there is no SIGHUP on Windows
            handler = None if number is None else signal.getsignal(number)
            if handler is signal.SIG_DFL and name != "SIGINT":
                handler = interrupt
            if number is not None and callable(handler):
                former[number] = signal.getsignal(number)
                signal.signal(number, passing(handler))
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
