"""The run file of a command: its values stand in for options that are not given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from btfsynth.cli.completion import complete_source
from btfsynth.cli.options import load_source, setting_of
from btfsynth.cli.output import say
from btfsynth.errors import DataError, UsageError
from btfsynth.settings.run_file import RunFile, is_file, read_run_file
from btfsynth.settings.table import INPUTS

if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset

_META = "btfsynth.run_file"
_MISSING = "btfsynth.run_file.missing"


def _read(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Let the values of a run file stand in for the parameters of the running command.

    An option has its value from the file if it is the same setting: one without a section is another.
    """
    if path is None or context.resilient_parsing:
        return
    run = read_run_file(path)
    defaults: dict[str, Any] = {}
    missing: list[DataError] = []
    for parameter in context.command.params:
        setting = INPUTS["source"] if parameter.name == "source" else setting_of(parameter)
        if setting is None or not setting.section:
            continue
        section, key = setting.section, setting.name
        value = run.get(section, key)
        if value is None:
            continue
        try:
            found = run.find(section, key) if is_file(section, key) else value
        except DataError as error:
            if key not in ("source", "valid"):
                raise
            missing.append(error)  # settings are of use for other data too
            continue
        defaults[key] = found
    context.default_map = {**(context.default_map or {}), **defaults}
    context.meta[_META] = run
    context.meta[_MISSING] = missing


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    is_eager=True,
    expose_value=False,
    callback=_read,
    help="Read settings from this run file, such as the run.toml of a design folder; options given here win.",
)


def run_file() -> RunFile | None:
    """Return the run file of the running command, None if there is none."""
    run: RunFile | None = click.get_current_context().meta.get(_META)
    return run


def _require_source(
    context: click.Context, parameter: click.Parameter, source: str | None
) -> str | None:
    if context.resilient_parsing:
        return source
    given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    if not given and context.meta.get(_MISSING):
        raise context.meta[_MISSING][0]
    if source is None:
        raise UsageError("missing SOURCE: give a task or a file, or a `config` that names it")
    own = (context.default_map or {}).get("source")
    if given and context.default_map is not None and str(own) != source:
        # The validation set belongs to the source that the file names.
        context.default_map = {
            name: value for name, value in context.default_map.items() if name != "valid"
        }
    from btfsynth.dataset.tasks import is_task_spec

    if given and is_task_spec(source) and context.default_map is not None:
        # Tasks have no columns to choose from; those of the file belong to its own source.
        context.default_map = {
            name: value for name, value in context.default_map.items() if name != "outputs"
        }
    return source


configured_source_argument = click.argument(
    "source", required=False, callback=_require_source, shell_complete=complete_source
)
"""SOURCE of a command that may take it from its run file."""


def comes_from_file(name: str) -> bool:
    """Return True if a parameter of the running command has its value from the run file."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.DEFAULT_MAP


def require_same_data(key: str, dataset: Dataset) -> None:
    """Refuse data that are not those the run file was written for.

    Parameters
    ----------
    key
        ``source`` or ``valid``; where the command line names the data, any will do.
    dataset
        The data.

    Raises
    ------
    DataError
        If their hash is another one than the file has.
    """
    digest = "hash" if key == "source" else f"{key}_hash"
    if comes_from_file(key):
        _require("data", digest, dataset.content_hash, dataset.source)


def read_valid(source: str | None, outputs: int | Sequence[str] | None) -> Dataset | None:
    """Read the validation set as it is; parameters and errors as for `load_valid`."""
    if source is None:
        return None
    from btfsynth.dataset.tasks import is_task_spec

    given = load_source(source, None if is_task_spec(source) else outputs)
    require_same_data("valid", given)
    return given


def load_valid(
    source: str | None,
    outputs: int | Sequence[str] | None,
    dataset: Dataset,
    n_inputs: int | None = None,
) -> Dataset | None:
    """Read the validation set, its columns in the order of the training data.

    Parameters
    ----------
    source
        A task, which has no columns to choose from, or a file; None if there is no validation set.
    outputs
        Which columns of a file are outputs.
    dataset
        The training data.
    n_inputs
        Inputs of the network where they are generated.

    Raises
    ------
    UsageError, DataError
        If they cannot be read, are not what the run file was written for, or do not fit.
    """
    from btfsynth.dataset.sampling import matched

    given = read_valid(source, outputs)
    if given is None:
        return None
    valid = matched(given, dataset, n_inputs)
    for notice in valid.notices[len(given.notices) :]:
        say(f"note: {notice}")
    return valid


def require_same_file(section: str, key: str, digest: str) -> None:
    """Refuse a file that is not the one that the run file was written for (see `require_same_data`).

    Raises
    ------
    DataError
        If its hash is another one than the run file has.
    """
    if comes_from_file(key):
        run: RunFile = click.get_current_context().meta[_META]
        _require(section, f"{key}_hash", digest, Path(run.get(section, key)).name)


def _require(section: str, key: str, digest: str, name: str) -> None:
    run: RunFile = click.get_current_context().meta[_META]
    wanted = run.get(section, key)
    if wanted is not None and wanted != digest:
        raise run.error(
            section,
            key,
            f"expected the content {wanted[:12]}..., got {digest[:12]}...: {name} is not what it was; "
            "without this line it is taken as it is",
        )


def command_line(without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the running command with what the user gave it, a word an item.

    Files are named without their folders: a record is not to tell where on a disk it was made.

    Parameters
    ----------
    without
        Names of parameters that have no part in the result.
    """
    context = click.get_current_context()
    words = context.command_path.split()
    options: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params.get(name)
        if isinstance(parameter, click.Argument):
            words.append(_word(value))
        elif name not in without and isinstance(parameter, click.Option):
            options += _option(parameter, value)
    return (*words, *options)


def _option(option: click.Option, value: Any) -> list[str]:
    long = [name for name in option.opts if name.startswith("--")]
    if option.is_flag:
        return [*long[:1]] if value else [*option.secondary_opts[:1]]
    values = value if option.multiple else (value,)
    return [word for one in values for word in (long[0], _word(one))]


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    text = value.value if isinstance(value, Enum) else str(getattr(value, "text", value))
    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):
        is_file = False
    return Path(text).name if is_file else text
