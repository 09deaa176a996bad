"""The run file of a command: its values replace options that are not given."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from btfsynth.cli.options import (
    F,
    complete_source,
    gathered,
    is_given,
    load_source,
    named,
    setting_of,
)
from btfsynth.cli.output import say
from btfsynth.errors import DataError, UsageError
from btfsynth.settings.run_file import RunFile, is_file, read_run_file
from btfsynth.settings.table import INPUTS, Conflicts

if TYPE_CHECKING:
    from btfsynth.dataset.code import Code
    from btfsynth.dataset.dataset import Dataset

_META = "btfsynth.run_file"
_MISSING = "btfsynth.run_file.missing"


def _read(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Use the values of a run file for parameters of the running command that are not given.

    This applies to options of the same setting; an option without a section is another setting.
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
    help="Read settings from this run file, such as the run.toml of a design folder; options override it.",
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
    given = is_given(parameter.name or "")
    if not given and context.meta.get(_MISSING):
        raise context.meta[_MISSING][0]
    if source is None:
        raise UsageError("missing SOURCE: give a task or a file, or a run file with `config`")
    defaults = context.default_map
    if given and defaults is not None:
        from btfsynth.dataset.tasks import is_task_spec

        # The validation set and the columns belong to the source that the file names; a task has no columns.
        others = {"valid"} if str(defaults.get("source")) != source else set()
        others |= {"outputs"} if is_task_spec(source) else set()
        context.default_map = {key: defaults[key] for key in defaults if key not in others}
    return source


configured_source_argument = click.argument(
    "source", required=False, callback=_require_source, shell_complete=complete_source
)
"""SOURCE of a command that may take it from its run file."""


@dataclass(frozen=True)
class DataOptions:
    """The data of a command as given: source, columns, name, validation set."""

    source: str
    outputs: int | tuple[str, ...] | None = None
    name: str | None = None
    valid: str | None = None
    conflicts: Conflicts | None = None
    code: Code | None = None
    missing: str | None = None

    def load(self, default: Conflicts = Conflicts.ERROR, *, linear: bool = False) -> Dataset:
        """Read the data, coded if there is a code; they must match the hashes of a run file.

        `default` is the rule for conflicts if none was given; rows with equal codes are then settled by
        majority. With `linear` the caller applies a linear code to analog inputs.
        """
        from btfsynth.dataset.code import InputCode
        from btfsynth.flow.patterns import all_in_bits

        if self.code is None or (linear and isinstance(self.code, InputCode)):
            dataset = load_source(self.source, self.outputs, self.conflicts or default)
        else:
            raw = load_source(self.source, self.outputs, None)
            dataset = all_in_bits(raw, self.code, self.missing, self.conflicts)
            for notice in dataset.notices[len(raw.notices) :]:
                say(f"note: {notice}")
        require_same_data("source", dataset)
        return named(dataset, self.name)

    def load_unsettled(self) -> Dataset:
        """Read the data for a command that settles their conflicts itself."""
        return named(load_source(self.source, self.outputs, None), self.name)

    def read(self, source: str | None) -> Dataset | None:
        """Read other patterns as they are; a task has no columns to choose from.

        Conflicts among them are kept where those of the data are settled in some way.
        """
        if source is None:
            return None
        rule = Conflicts.ERROR if self.conflicts in (None, Conflicts.ERROR) else Conflicts.KEEP
        return load_source(source, None if self.is_task(source) else self.outputs, rule)

    def read_valid(self) -> Dataset | None:
        """Read the validation set unchanged; it must match the hash of a run file."""
        valid = self.read(self.valid)
        if valid is not None:
            require_same_data("valid", valid)
        return valid

    def load_valid(self, dataset: Dataset, n_inputs: int) -> Dataset | None:
        """Read the validation set, its columns in the order of the training data.

        `n_inputs` are those of the network where inputs are generated.
        """
        from btfsynth.dataset.patterns import matched
        from btfsynth.flow.patterns import as_trained_on

        given = self.read_valid()
        if given is None:
            return None
        valid = matched(as_trained_on(given, dataset), dataset, n_inputs)
        for notice in valid.notices[len(given.notices) :]:
            say(f"note: {notice}")
        return valid

    def recorded(self) -> dict[str, Any]:
        """Return the values of a run file; those of tasks are None, as the data have their full names."""
        from btfsynth.flow.report import recorded_name

        names = {
            key: None if given is None or self.is_task(given) else recorded_name(given)
            for key, given in (("source", self.source), ("valid", self.valid))
        }
        return {**names, "outputs": self.outputs, "conflicts": self.conflicts}

    @staticmethod
    def is_task(source: str) -> bool:
        from btfsynth.dataset.tasks import is_task_spec

        return is_task_spec(source)


def data_options(function: F) -> F:
    """Pass SOURCE and the options of the data as one `DataOptions` named ``data``."""
    return gathered("data", DataOptions)(function)


def comes_from_file(name: str) -> bool:
    """Return True if a parameter of the running command has its value from the run file."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.DEFAULT_MAP


def require_same_data(key: str, dataset: Dataset) -> None:
    """Refuse data, the ``source`` or ``valid``, that are not those the run file was written for.

    Where the command line names the data, any will do.
    """
    digest = "hash" if key == "source" else f"{key}_hash"
    if comes_from_file(key):
        _require("data", digest, dataset.content_hash, dataset.source)


def require_same_file(section: str, key: str, digest: str) -> None:
    """Refuse a file that is not the one that the run file was written for (see `require_same_data`)."""
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
            f"expected the content {wanted[:12]}..., got {digest[:12]}...: {name} has changed; "
            "remove this line to accept it",
        )


def command_line(without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the running command with the arguments given by the user, word by word.

    Files are named without their folders, because a record must not contain paths. `without` names parameters
    that do not affect the result.
    """
    context = click.get_current_context()
    words = context.command_path.split()
    options: list[str] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if not is_given(name):
            continue
        value = context.params.get(name)
        if name == "config":  # read, and no parameter of the command
            value = getattr(run_file(), "path", None)
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
