"""The run file of a command: its values stand in for options that are not given."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from btfsynth.cli.completion import complete_source
from btfsynth.cli.options import load_source
from btfsynth.cli.output import say
from btfsynth.config import RunFile, read_run_file
from btfsynth.dataset.dataset import Dataset
from btfsynth.dataset.sampling import matched
from btfsynth.dataset.tasks import is_task_spec
from btfsynth.errors import DataError, UsageError

F = TypeVar("F", bound=Callable[..., Any])

_META = "btfsynth.run_file"
_MISSING = "btfsynth.run_file.missing"

_PARAMETERS = {
    ("data", "network"): "network_file",
    ("hardware", "formats"): "format",
}
"""Parameters of commands that are not called as their key is."""

_FILES = {("data", "source"), ("data", "valid"), ("data", "network"), ("train", "topology")}


def _option_value(key: str, value: Any) -> Any:
    """Return a value as the command line would have it."""
    if key in ("widths", "precision", "pipeline", "weights"):
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return value


def _read(context: click.Context, path: Path | None, without: Collection[str]) -> None:
    """Let the values of a run file stand in for the parameters of the running command."""
    if path is None or context.resilient_parsing:
        return
    run = read_run_file(path)
    known = {parameter.name for parameter in context.command.params} - set(without)
    defaults = {}
    missing: list[DataError] = []
    for section, table in run.values.items():
        for key, value in table.items():
            name = _PARAMETERS.get((section, key), key)
            if name not in known:
                continue
            try:
                found = run.find(section, key) if (section, key) in _FILES else value
            except DataError as error:
                if section != "data" or key not in ("source", "valid"):
                    raise
                missing.append(error)  # settings are of use for other data too
                continue
            defaults[name] = _option_value(key, found)
    context.default_map = {**(context.default_map or {}), **defaults}
    context.meta[_META] = run
    context.meta[_MISSING] = missing


def config_option(without: Collection[str] = ()) -> Callable[[F], F]:
    """Return the option ``--config FILE.toml``.

    Parameters
    ----------
    without
        Names of parameters that mean something else than the key of that name in the file.
    """
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE.toml",
        is_eager=True,
        expose_value=False,
        callback=lambda context, _, path: _read(context, path, without),
        help="Take what is not given here from this file: the run.toml of a design folder, what 'btfsynth "
        "tune' writes, or one of your own.",
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
        raise UsageError(
            "missing SOURCE: give a task or a file, or --config FILE.toml that names it"
        )
    own = (context.default_map or {}).get("source")
    if given and context.default_map is not None and str(own) != source:
        # Patterns held out belong to the source that the file names.
        context.default_map = {
            name: value for name, value in context.default_map.items() if name != "valid"
        }
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


def read_valid(source: str | None, outputs: str | int | Sequence[str] | None) -> Dataset | None:
    """Read the patterns held out as they are; parameters and errors as for `load_valid`."""
    if source is None:
        return None
    given = load_source(source, None if is_task_spec(source) else outputs)
    require_same_data("valid", given)
    return given


def load_valid(
    source: str | None,
    outputs: str | int | Sequence[str] | None,
    dataset: Dataset,
    n_inputs: int | None = None,
) -> Dataset | None:
    """Read the patterns held out, their columns in the order of the training data.

    Parameters
    ----------
    source
        A task, which has no columns to choose from, or a file; None if none are held out.
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
    given = read_valid(source, outputs)
    if given is None:
        return None
    valid = matched(given, dataset, n_inputs)
    for notice in valid.notices[len(given.notices) :]:
        say(f"note: {notice}")
    return valid


def require_same_file(parameter: str, section: str, key: str, digest: str) -> None:
    """Refuse a file that is not the one that the run file was written for (see `require_same_data`).

    Raises
    ------
    DataError
        If its hash is another one than the run file has.
    """
    if comes_from_file(parameter):
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
