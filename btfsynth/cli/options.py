"""Arguments and options that commands share, and the layout of their help.

Options of settings are made from the table of settings, which has their names, ranges, defaults and help; the
others determine what a command reads, writes and prints. This module also has shell completion (data, and names
for options), and the choice of where a command runs its work.
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem, get_completion_class

from btfsynth.cli.output import say, spelled
from btfsynth.errors import (
    BtfsynthError,
    InterruptedWorkError,
    OutputError,
    TrainingError,
    UsageError,
)
from btfsynth.files import followed
from btfsynth.plugins import resolve
from btfsynth.settings.setting import File, Flag, Setting, Source
from btfsynth.settings.table import ALL_SIMULATORS, BUILD, HARDWARE, INPUTS, TRAIN, Conflicts

if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset
    from btfsynth.netlist.formats.nets import Design
    from btfsynth.netlist.netlist import Netlist
    from btfsynth.training.session import TrainOptions
if TYPE_CHECKING:
    from btfsynth.training.parallel import Ranks
    from btfsynth.workers.executor import Executor

PROGRAM = "btfsynth"
VARIABLE = "_BTFSYNTH_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print a script with which the shell completes commands, options, values, tasks and files.

    \b
    Examples:
      btfsynth completion bash > ~/.local/share/bash-completion/completions/btfsynth
      echo 'eval "$(btfsynth completion zsh)"' >> ~/.zshrc
      btfsynth completion fish > ~/.config/fish/completions/btfsynth.fish
    """  # noqa: D301
    kind = get_completion_class(shell)
    if kind is None:  # the three come with click
        raise click.UsageError(f"{shell}: expected a shell that click supports", context)
    script = kind(context.find_root().command, {}, PROGRAM, VARIABLE)
    click.echo(script.source_template % script.source_vars())


Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_source(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the examples of the tasks and the files of data whose names begin so.

    If there are none, the shell completes files.
    """
    from btfsynth.dataset.tasks import TASKS

    found = [
        CompletionItem(task.example, help=task.description)
        for task in TASKS.values()
        if task.example.startswith(incomplete.lower())
    ]
    found += [CompletionItem(name, help="a file") for name in _files(incomplete)]
    # Bash forgets what came before an item of this type, so it comes first.
    return [CompletionItem(incomplete, type="file"), *found]


def _files(incomplete: str) -> list[str]:
    """Return the files of data in the current folder; those elsewhere the shell finds itself."""
    from btfsynth.dataset.formats import FORMATS

    endings = {ending for known in FORMATS.values() for ending in known.endings}
    if "/" in incomplete:
        return []
    try:
        return sorted(
            path.name
            for path in Path().iterdir()
            if path.name.startswith(incomplete) and path.suffix.lower() in endings
        )
    except OSError:
        return []


def complete_names(names: Iterable[str] | Mapping[str, str]) -> Completer:
    """Return the completion of one of several names; a mapping has their descriptions."""
    known = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, "")

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _items(known, "", incomplete)

    return complete


def complete_list(names: Iterable[str]) -> Completer:
    """Return the completion of the last of several names separated by commas, without repetition."""
    known = dict.fromkeys(names, "")

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        used = before.split(",")
        left = {name: about for name, about in known.items() if name not in used}
        return _items(left, before + comma, last)

    return complete


def complete_script(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the scripts and passes that the last part of a script of passes can be."""
    from btfsynth.passes.registry import PASSES, SCRIPTS

    before, semicolon, last = incomplete.rpartition(";")
    blank = last[: len(last) - len(last.lstrip())]
    known = dict.fromkeys(PASSES, "a pass") | dict.fromkeys(SCRIPTS, "a script of passes")
    return _items(known, before + semicolon + blank, last.lstrip())


def _items(known: Mapping[str, str], before: str, incomplete: str) -> list[CompletionItem]:
    return [
        CompletionItem(before + name, help=about or None)
        for name, about in known.items()
        if name.startswith(incomplete)
    ]


F = TypeVar("F", bound=Callable[..., Any])


class SectionCommand(click.Command):
    """A command whose help lists its options in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, those of no section first."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Training options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                heading = setting.heading if (setting := setting_of(parameter)) else "Options"
                sections.setdefault(heading, []).append(record)
        for title, records in sections.items():
            if not records:
                continue
            with formatter.section(title):
                formatter.write_dl(records)


class _SettingType(click.ParamType):  # type: ignore[type-arg]
    """Parameter type of a setting: reads text, and accepts values of a run file."""

    name = "setting"

    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        kind = self._setting.kind
        return self._setting.take(kind.read(value) if isinstance(value, str) else value)


class SettingOption(click.Option):
    """The option of a setting."""

    def __init__(self, *args: Any, setting: Setting, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.setting = setting

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help, in which other settings are spelled as options."""
        record = super().get_help_record(ctx)
        return None if record is None else (record[0], spelled(record[1], ctx.command))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what the value can be."""
        kind = self.setting.kind
        if isinstance(kind, Source):
            return complete_source(ctx, self, incomplete)
        if isinstance(kind, File):
            return [CompletionItem(incomplete, type="file")]
        if self.setting.name == "simulators":
            return complete_list((*kind.names, ALL_SIMULATORS))(ctx, self, incomplete)
        if self.setting.name == "passes":
            return complete_script(ctx, self, incomplete)
        if kind.many:
            return complete_list(kind.names)(ctx, self, incomplete)
        return complete_names(kind.names)(ctx, self, incomplete)


def setting_of(parameter: click.Parameter) -> Setting | None:
    """Return the setting of a parameter, None if it has none."""
    return parameter.setting if isinstance(parameter, SettingOption) else None


def option(setting: Setting, **changes: Any) -> Callable[[F], F]:
    """Return the option of a setting, which may be changed where a command means something special."""
    setting = setting.but(**changes)
    words = setting.default_words
    given: dict[str, Any] = {"type": _SettingType(setting), "metavar": setting.kind.metavar}
    flags = setting.flag
    if isinstance(setting.kind, Flag):
        flags = f"{setting.flag}/--no-{setting.flag[2:]}"  # a run file may have said the other
        given = {"is_flag": True}
        words = "on" if setting.default else setting.otherwise
    elif setting.kind.many:
        given |= {"type": click.UNPROCESSED, "multiple": True, "callback": _take_all}
    shown = f"{setting.line}  [default: {words}]" if words else setting.line
    return click.option(
        flags,
        setting.name,
        cls=SettingOption,
        setting=setting,
        default=setting.default,
        help=shown,
        **given,
    )


def _take_all(_: click.Context, parameter: click.Parameter, given: Sequence[str]) -> Any:
    """Read the names of a repeatable option, also separated by commas; by default the default."""
    setting = setting_of(parameter)
    assert setting is not None
    names = [name.strip() for text in given for name in text.split(",")]
    return setting.take(names) if names else setting.default


def setting_options(table: Mapping[str, Setting], *names: str) -> Callable[[F], F]:
    """Return the options of some settings of a table, by default of all."""

    def add(function: F) -> F:
        for name in reversed(names or tuple(table)):
            function = option(table[name])(function)
        return function

    return add


def renamed(error: click.UsageError) -> str | None:
    """Return the present name of a renamed option, None if the command never had it."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        for setting in filter(None, map(setting_of, error.ctx.command.params)):
            if setting.formerly and error.option_name == setting.but(name=setting.formerly).flag:
                return f"{error.option_name}: renamed to {setting.flag}"
    return None


source_argument = click.argument("source", shell_complete=complete_source)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)
comb_option = click.option(
    "--comb",
    is_flag=True,
    help="Read each register as two ports: its output is an input port, its input an output port NAME_in.",
)
scheduler_option = click.option(
    "--scheduler",
    callback=lambda _, __, text: (
        None if text is None else resolve("btfsynth.workers.cluster:require_scheduler")(text)
    ),
    metavar="ADDRESS|local:N",
    shell_complete=complete_names(("local:2", "tcp://", "tls://")),
    help="Train on a Dask cluster: tcp://HOST:PORT, a scheduler file, or N workers started here; "
    "does not change the result.",
)
outputs_option = option(INPUTS["outputs"])
conflicts_option = option(INPUTS["conflicts"])
code_options = setting_options(BUILD, "code", "missing")
name_option = option(INPUTS["name"])
simulator_option = option(BUILD["simulators"])


class _Path(click.Path):
    """A path that is not empty: Click's own takes that for the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("expected a path, got an empty text", param, ctx)
        return super().convert(value, param, ctx)


def folder_option(help: str) -> Callable[[F], F]:  # noqa: A002
    """Return the option ``-o DIR``."""
    return path_option("-o", "--output", "directory", help=help, metavar="DIR")


def path_option(
    *names: str,
    help: str,  # noqa: A002
    metavar: str = "FILE",
    checked: bool = False,
) -> Callable[[F], F]:
    """Return an option that is a file; a checked one is refused before any work if it cannot be written."""

    def check(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
        return None if path is None else require_writable(path)

    kind = _Path(path_type=Path)
    callback = check if checked else None
    return click.option(*names, type=kind, callback=callback, metavar=metavar, help=help)


code_from_option = path_option(
    "--code-from",
    "code_from",
    metavar="DESIGN",
    help="Code the inputs as this design folder, network (.npz) or code file (.json) does.",
)


def file_option(help: str, metavar: str = "FILE") -> Callable[[F], F]:  # noqa: A002
    """Return the option ``-o FILE``, which is checked."""
    return path_option("-o", "--output", "path", help=help, metavar=metavar, checked=True)


def source_option(*names: str, help: str) -> Callable[[F], F]:  # noqa: A002
    """Return an option that is a task or a file of data."""
    return click.option(*names, metavar="SOURCE", shell_complete=complete_source, help=help)


def require_writable(path: Path) -> Path:
    """Return the path; refuse a folder, a circular link, and a path that cannot be written."""
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


def gathered(
    into: str, make: Callable[..., Any] | str, names: Iterable[str] = ()
) -> Callable[[F], F]:
    """Return a decorator that passes some parameters of a command as one argument, built from them by name.

    By default the names are the fields of a dataclass. The factory may be given as ``module:attribute``, which
    is imported when the command runs.
    """
    own_names = tuple(names) or tuple(each.name for each in fields(make))  # type: ignore[arg-type]

    def add(function: F) -> F:
        # wraps() hands over the click options that stand below a decorator too.
        @functools.wraps(function)
        def gather(**given: Any) -> Any:
            own = {name: given.pop(name) for name in own_names if name in given}
            made = (resolve(make) if isinstance(make, str) else make)(**own)
            return function(**{into: made}, **given)

        return gather  # type: ignore[return-value]

    return add


def record_options(into: str, kind: str, table: Mapping[str, Setting]) -> Callable[[F], F]:
    """Return the options of a table; they arrive as one record of the class ``module:attribute``."""

    def add(function: F) -> F:
        return setting_options(table)(gathered(into, kind, table)(function))

    return add


hardware_options = record_options("hardware", "btfsynth.hdl.design:HardwareOptions", HARDWARE)
"""Add the options of the hardware; they arrive as one `HardwareOptions`."""


def training_options(function: F) -> F:
    """Add the options of a training; they arrive as one `TrainOptions` named ``training``."""
    gather = gathered("training", _training, (*TRAIN, "topology"))
    return setting_options(TRAIN)(option(INPUTS["topology"])(gather(function)))


def _training(topology: str | None, **own: Any) -> TrainOptions:
    """Return the options of a training; widths given here replace a graph of a run file, and vice versa."""
    shape = ("widths", "skip")
    given = {name for name in ("topology", *shape) if is_given(name)}
    if "topology" in given:
        own |= {name: None for name in shape if name not in given}
    elif given:
        topology = None
    if topology is not None and own["widths"] is not None:
        raise UsageError("`topology` and `widths`: give one of them")
    if topology is not None and own["skip"] is not None:
        raise UsageError(
            "`topology` and `skip`: give one of them; the graph defines its connections"
        )
    training: TrainOptions = resolve("btfsynth.training.session:TrainOptions")(**own)
    if topology is None:
        return training
    graph = resolve("btfsynth.network.formats:read_network_text")(topology).topology
    return replace(training, topology=graph)


def is_given(name: str) -> bool:
    """Return True if a parameter of the running command was given on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


N = TypeVar("N", "Dataset", "Netlist")


def named(record: N, name: str | None) -> N:
    """Return data or a netlist under the requested name, if any."""
    return record if name is None else replace(record, name=name)


def load_design(path: Path, comb: bool) -> Design:
    """Read a netlist; print its notes to standard error."""
    from btfsynth.hdl.formats import read_noted

    design = read_noted(path, comb)
    for note in design.notes:
        say(f"note: {path.name}: {note}")
    return design


def load_source(
    source: str,
    outputs: int | Sequence[str] | None = None,
    conflicts: Conflicts | None = Conflicts.ERROR,
) -> Dataset:
    """Load a task or a file and show its notices on standard error (see `btfsynth.dataset.load`)."""
    from btfsynth.dataset.load import load as load_data

    dataset = load_data(source, outputs=outputs, conflicts=conflicts)
    for notice in dataset.notices:
        say(f"note: {notice}")
    if dataset.contradiction is not None and conflicts is Conflicts.KEEP:
        say(f"note: {dataset.contradiction}")
    return dataset


# Where a command runs its work, if it was asked: a cluster, or several processes under ``mpirun``


def executor_of(scheduler: str | None) -> AbstractContextManager[Executor | None]:
    """Return the cluster of a scheduler, which is closed after use; None without a scheduler."""
    from btfsynth.workers.cluster import connect

    return nullcontext() if scheduler is None else closing(connect(scheduler))


def workers_of(scheduler: str | None) -> Callable[[int], Executor]:
    """Return the factory of workers for a number of jobs: of a scheduler, or of this machine."""
    from btfsynth.workers.cluster import connect
    from btfsynth.workers.executor import local_executor

    if scheduler is None:
        return local_executor
    if is_given("jobs"):
        raise UsageError("`scheduler` and `jobs`: the number of workers is the cluster's")
    return lambda _: connect(scheduler)


T = TypeVar("T")


def join_ranks(wanted: bool) -> Ranks | None:
    """Return the processes of a shared run; all but the first are silenced."""
    from btfsynth.training.parallel import find_ranks

    if not wanted:
        return None
    ranks = find_ranks()
    if not ranks.is_root:
        sys.stdout.flush()
        sys.stderr.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.close(nowhere)
    return ranks


def prepared(ranks: Ranks | None, prepare: Callable[[], T]) -> T:
    """Call a function; if it fails in one process, it fails in all."""
    if ranks is None:
        return prepare()
    result: T
    problem: Exception | None = None
    try:
        result = prepare()
    except (BtfsynthError, click.ClickException) as error:
        problem = error
    failed = ranks.failures("" if problem is None else str(problem) or "failed")
    if problem is not None:
        raise problem
    if failed:
        rank, text = failed[0]
        raise UsageError(f"process {rank}: {text}")
    return result


@contextmanager
def guarded(ranks: Ranks | None) -> Iterator[None]:
    """End all processes if this one fails alone, because the others would wait for it forever.

    Exceptions that end a training do so in all processes alike, and pass.
    """
    try:
        yield
    except (InterruptedWorkError, TrainingError, UsageError):
        raise
    except BaseException as error:
        if ranks is None:
            raise
        interrupted = isinstance(error, KeyboardInterrupt)
        problem = "interrupted before its first iteration" if interrupted else str(error)
        say(f"btfsynth: error: process {ranks.share.rank}: {problem or type(error).__name__}")
        ranks.abort()
