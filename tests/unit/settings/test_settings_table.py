"""One table: Python, the run file and the command line take the same settings, under one name."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import btfsynth
from btfsynth.api import settings as api
from btfsynth.cli.main import cli as group
from btfsynth.cli.options import SettingOption
from btfsynth.cli.output import spelled
from btfsynth.dataset.tasks import parse_task
from btfsynth.discovery.search import DiscoverOptions
from btfsynth.errors import BtfsynthError, DataError, UsageError
from btfsynth.flow.importing import ImportOptions
from btfsynth.flow.report import BuildOptions, RunInputs, format_recipe
from btfsynth.fpga.flow import FpgaOptions
from btfsynth.fpga.place import PlaceOptions
from btfsynth.hdl.design import HardwareOptions
from btfsynth.learning.base import LearnOptions
from btfsynth.models.readers import ReadOptions
from btfsynth.passes.registry import SCRIPTS
from btfsynth.reproduce.run import ReproduceOptions
from btfsynth.settings import setting as kinds
from btfsynth.settings import table
from btfsynth.settings.run_file import format_run_file, read_run_file
from btfsynth.settings.setting import Options, Setting, plain_values
from btfsynth.training.parameters import TrainParameters
from btfsynth.training.session import TrainOptions

CLASSES = (
    TrainOptions, TrainParameters, HardwareOptions, BuildOptions, RunInputs, DiscoverOptions, LearnOptions,
    ReproduceOptions, PlaceOptions, FpgaOptions, ImportOptions, ReadOptions,
)  # fmt: skip
IN_RUN_FILE = (TrainOptions, HardwareOptions, BuildOptions, RunInputs)

NOT_SETTINGS = {
    (TrainOptions, "topology"): "the graph itself; option and key name its file",
    (BuildOptions, "training"): "settings of their own",
    (BuildOptions, "hardware"): "settings of their own",
    (BuildOptions, "inputs"): "settings of their own",
    (BuildOptions, "command"): "a record of who asked",
    (DiscoverOptions, "training"): "settings of their own",
    (LearnOptions, "command"): "a record of who asked",
    (ImportOptions, "hardware"): "settings of their own",
    (ImportOptions, "command"): "a record of who asked",
    (ReadOptions, "name"): "the name of the data elsewhere",
    (FpgaOptions, "place"): "settings of their own",
    (PlaceOptions, "timeout"): "of each tool; no command asks for it",
}
NOT_OPTIONS = {
    "source": "an argument",
    "hash": "written by a build to notice other data",
    "valid_hash": "written by a build to notice other data",
    "network_hash": "written by a build to notice another file",
    "topology_hash": "written by a build to notice another file",
}
CODED = ("outputs", "conflicts", "code", "missing")
COMMANDS = {
    "build": (*table.TRAIN, *table.HARDWARE, *table.BUILD, *table.INPUTS),
    "train": (
        *table.TRAIN,
        "topology",
        "valid",
        *CODED,
        "name",
        "checkpoint_interval",
    ),
    "tune": (*table.TUNE, "valid", *CODED),
    "discover": (*table.DISCOVER, "seed", *CODED, "name"),
    "approximate": (*table.APPROXIMATE, "name"),
    "learn": (*table.LEARN, "valid", "outputs", "name"),
    "emit": (*table.HARDWARE, "conflicts", "name"),
    "import": (*table.READ, *table.IMPORT, *table.HARDWARE, "name"),
    "simplify": (*table.SIMPLIFY, "passes", "preserve", "conflicts", "name"),
    "simulate": ("simulators", "timeout"),
    "verify": tuple(table.VERIFY),
    "equiv": ("timeout", "signed", "bits"),
    "fpga": (*table.PLACE, *table.FPGA),
    "reproduce": ("jobs", "seed"),  # and full, as --quick/--full
    "data": ("seed", *CODED),
}


def command(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


def setting_options(name: str) -> dict[str, SettingOption]:
    return {
        each.setting.name: each for each in command(name).params if isinstance(each, SettingOption)
    }


# The same set everywhere.


@pytest.mark.parametrize("kind", CLASSES)
def test_fields_are_settings(kind):
    """Every field is a setting with the table's default, but for the exceptions."""
    own = {each.name: each for each in fields(kind) if (kind, each.name) not in NOT_SETTINGS}
    assert set(own) == set(kind.settings)
    for name, field in own.items():
        assert field.default == kind.settings[name].default, name
        assert kind.settings[name].described() in kind.__doc__


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_settings(name):
    """Every command has the options of its tables, and nothing called like a setting that is none."""
    wanted = set(COMMANDS[name]) - set(NOT_OPTIONS)
    assert set(setting_options(name)) == wanted
    names = {each.name for each in command(name).params if not isinstance(each, SettingOption)}
    assert not names & {key for keys in table.SECTIONS.values() for key in keys} - {"source"}


def test_keys_are_the_options_of_a_build():
    """What a run file can say is what a build can be asked for, field by field."""
    keys = {(section, key) for section, all_of_it in table.SECTIONS.items() for key in all_of_it}
    options = {(each.setting.section, name) for name, each in setting_options("build").items()}
    assert options == {(section, key) for section, key in keys if key not in NOT_OPTIONS}
    held = {(each.section, name) for kind in IN_RUN_FILE for name, each in kind.settings.items()}
    assert held == keys


def test_settings_of_the_python_interface():
    """Keyword arguments are settings; seeds and data are arguments of their own."""
    train = {*table.TRAIN, "topology"} - {"seed"}
    assert set(api.TrainSettings.__annotations__) == train
    assert set(api.HardwareSettings.__annotations__) == set(table.HARDWARE)
    assert set(api.BuildSettings.__annotations__) == train | {*table.HARDWARE, *table.BUILD}
    assert set(api.LearnSettings.__annotations__) == set(table.LEARN) - {"seed"}
    assert set(api.DiscoverSettings.__annotations__) <= set(table.DISCOVER) | train


def test_names_of_scripts():
    """The help names the scripts that there are."""
    assert set(table.SCRIPTS) == set(SCRIPTS)


# Values that a setting may be given, right ones and wrong ones.

TEXTS = st.text(min_size=1).filter(lambda text: text.strip() and "\0" not in text)


def accepted(setting: Setting) -> st.SearchStrategy:
    """Values of a setting, those at the edge of its range among them."""
    kind = setting.kind
    if isinstance(kind, kinds.Stages):
        values = st.integers(0, table.MAX_LATENCY) | st.sampled_from(["auto", "auto:7", "auto:1"])
    elif isinstance(kind, kinds.Whole):
        values = st.integers(kind.low, kind.high)
    elif isinstance(kind, kinds.Real):
        values = (
            st.floats(0, 1e6, exclude_min=True) | st.integers(1, 10) | st.sampled_from([0.01, 1.5])
        )
    elif isinstance(kind, kinds.Flag):
        values = st.booleans()
    elif isinstance(kind, kinds.Weights):
        values = st.sampled_from(kind.values) | st.integers(2, kinds.LARGEST)
    elif isinstance(kind, kinds.Choice):
        values = st.sampled_from(kind.values)
    elif isinstance(kind, kinds.Names):
        values = st.lists(st.sampled_from(kind.names), min_size=1)
    elif isinstance(kind, kinds.Widths):
        values = st.lists(st.integers(1, kinds.LARGEST), min_size=2, max_size=5)
    elif isinstance(kind, kinds.Columns):
        values = st.integers(1, 10**9) | st.lists(TEXTS, min_size=1, max_size=3)
    elif setting.name == "code":
        values = st.sampled_from(["binary:4", "levels:16", "thermometer:3", "threshold:0.25"])
    elif setting.name.endswith("hash"):
        values = st.text("0123456789abcdef", min_size=64, max_size=64)
    elif setting.name == "passes":
        values = st.sampled_from([*SCRIPTS, "strash; resub --patience 5"])
    elif setting.name == "name":
        values = st.sampled_from(["adder", "m_3"])
    else:
        values = TEXTS
    optional = setting.optional or setting.default is None
    return values | st.none() if optional else values


def records(kind: type[Options]) -> st.SearchStrategy:
    """Records of a class that Python accepts."""

    def make(values: dict) -> Options | None:
        try:
            return kind(**values)
        except UsageError:
            return None

    values = st.fixed_dictionaries(
        {}, optional={name: accepted(each) for name, each in kind.settings.items()}
    )
    return values.map(make).filter(lambda record: record is not None)


ANYTHING = st.one_of(
    st.integers(-3, 70_000),
    st.sampled_from([2**62, 2**62 + 1, 10**400, 0, 1, 256, 257, 100_000, 100_001]),
    st.floats(-3, 3),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, 2.0, 1e300]),
    st.booleans(),
    st.sampled_from(
        ["", " ", "none", "auto", "auto:0", "binary:99", "size", "resubb", "case", "a" * 64]
    ),
    st.lists(st.integers(-1, 3) | st.sampled_from(["blif", "icarus", "all", "x"]), max_size=3),
)
KEYS = [each for keys in table.SECTIONS.values() for each in keys.values()]


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    return tmp_path_factory.mktemp("settings") / "run.toml"


def read(path, text):
    path.write_text(text, encoding="utf-8")
    return read_run_file(path)


# The round trip.


@given(data=st.data())
@pytest.mark.parametrize("kind", IN_RUN_FILE)
def test_what_python_accepts_a_run_file_keeps(run_path, kind, data):
    """Record to text to record: the same."""
    record = data.draw(records(kind))
    run = read(run_path, format_run_file(plain_values(record), "a comment"))
    assume(run.get("train", "topology") is None)
    assert kind(**run.of(kind)) == record


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_recipe_asks_for_the_same_build(run_path, data):
    """What a build leaves gives the options that were in force, and they give the same text again."""
    dataset = parse_task("full_adder")
    training = data.draw(records(TrainOptions).filter(lambda each: each.widths is None))
    hardware = data.draw(records(HardwareOptions))
    inputs = data.draw(records(RunInputs).filter(lambda each: each.topology is None))
    build = data.draw(records(BuildOptions).filter(lambda each: each.code is None))
    first = BuildOptions(
        **{name: getattr(build, name) for name in table.BUILD},
        training=training, hardware=hardware, inputs=inputs,
    )  # fmt: skip

    def recipe(options: BuildOptions) -> str:
        return format_recipe(
            dataset, None, options, 0,
            passes=options.passes or "size", preserve=options.preserve or table.Preserve.CARE,
        )  # fmt: skip

    run = read(run_path, recipe(first))
    again = BuildOptions(
        **run.of(BuildOptions),
        training=TrainOptions(**run.of(TrainOptions)),
        hardware=HardwareOptions(**run.of(HardwareOptions)),
        inputs=RunInputs(**run.of(RunInputs)),
    )
    assert again.hardware == hardware
    for name in set(table.TRAIN) - {"jobs", "threads"}:  # which have no part in the result
        given_one = getattr(training, name)
        assert given_one is None or getattr(again.training, name) == given_one, name
    for name in table.BUILD:
        assert getattr(build, name) in (None, getattr(again, name)), name
    assert recipe(again) == run_path.read_text(encoding="utf-8")


@given(setting=st.sampled_from(KEYS), value=ANYTHING)
def test_a_run_file_and_python_accept_the_same(run_path, setting, value):
    """The same values, which come out alike, and the same refusals in the same words."""
    text = f"[{setting.section}]\n{setting.name} = {_toml(value)}\n"
    wanted, refusal = taken(setting, value)
    if refusal is None:
        assert read(run_path, text).get(setting.section, setting.name) == wanted
        return
    with pytest.raises(DataError) as caught:
        read(run_path, text)
    assert str(caught.value) == f"{run_path}:2: {refusal.replace('`', '')}"


@given(setting=st.sampled_from(KEYS), value=ANYTHING)
def test_the_command_line_accepts_the_same(setting, value):
    """An option refuses what Python refuses, with its own name in the same words."""
    assume(setting.name in setting_options("build") and not isinstance(setting.kind, kinds.Flag))
    assume(not isinstance(value, (list, bool)) and not setting.kind.many)
    assume(not isinstance(value, str) or setting.kind.read(value) == value)
    assume(isinstance(setting.kind.read(str(value)), type(value)))
    build, arguments = command("build"), ["full_adder", setting.flag, str(value)]
    wanted, refusal = taken(setting, value)
    if refusal is None:
        assert build.make_context("build", arguments).params[setting.name] == wanted
        return
    with pytest.raises(BtfsynthError) as caught:
        build.make_context("build", arguments)
    assert spelled(str(caught.value), build) == refusal.replace(f"`{setting.name}`", setting.flag)


def taken(setting: Setting, value: object) -> tuple[object, str | None]:
    """Return what Python makes of a value, or why it refuses it."""
    try:
        return setting.take(value), None
    except UsageError as error:
        return None, str(error)


def _toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return repr(value)


# What the places say.

REFUSED = [
    ("trials", 100_001, "expected a whole number from 1 to 100000, got 100001"),
    ("trials", 0, "expected a whole number from 1 to 100000, got 0"),
    ("gap_limit", 0, "expected a number above 0, got 0"),
    ("jobs", 257, "expected a whole number from 1 to 256, got 257"),
    ("beta", 2.0, "expected a number above 0 and below 2, got 2.0"),
    ("stop", "soon", "expected one of exact, gap, both, none, got 'soon'"),
    ("time_limit", 0, "expected a number of seconds above 0, got 0"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSED)
def test_three_places_refuse_alike(run_path, name, value, message):
    """Python, a run file and the command line, each with its own spelling of the name."""
    with pytest.raises(UsageError) as caught:
        TrainOptions(**{name: value})
    assert str(caught.value) == f"`{name}`: {message}"
    with pytest.raises(DataError) as caught:
        read(run_path, f"[train]\n{name} = {_toml(value)}\n")
    assert str(caught.value) == f"{run_path}:2: {name}: {message}"
    flag = table.TRAIN[name].flag
    with pytest.raises(UsageError) as caught:
        command("train").make_context("train", ["full_adder", flag, str(value)])
    assert spelled(str(caught.value), command("train")) == f"{flag}: {message}"


@pytest.mark.parametrize("name", COMMANDS)
def test_old_options_are_refused_with_the_new_name(name, capsys):
    """``--time: renamed to --time-limit``; exit code 2."""
    from btfsynth.cli.main import main

    olds = {
        each.setting.but(name=each.setting.formerly).flag: each.setting.flag
        for each in setting_options(name).values()
        if each.setting.formerly
    }
    for old, new in olds.items():
        with pytest.raises(SystemExit) as caught:
            main([name, "x", old, "1"])
        assert caught.value.code == 2
        assert (
            f"error: {old}: renamed to {new} (see 'btfsynth {name} --help')"
            in capsys.readouterr().err
        )


def test_every_old_option_is_known():
    """The renames of the command line and of the run file."""
    found = {
        (each.setting.formerly, name)
        for each_command in COMMANDS
        for name, each in setting_options(each_command).items()
        if each.setting.formerly
    }
    assert found == {
        ("time", "time_limit"), ("held_out", "valid"), ("gap", "gap_limit"), ("iterations", "max_iterations")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("section", "old", "new"),
    [
        ("train", "iterations", "max_iterations"),
        ("data", "held_out", "valid"),
        ("data", "held_out_hash", "valid_hash"),
    ],
)
def test_old_keys_are_refused_with_the_new_name(run_path, section, old, new):
    """The line is named too."""
    with pytest.raises(DataError) as caught:
        read(run_path, f"# text\n[{section}]\n{old} = 1\n")
    assert str(caught.value) == f"{run_path}:3: {old}: renamed to {new}"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_spells_settings_as_options(name):
    """No backquotes are left in the help of a command."""
    found = command(name)
    with click.Context(found, info_name=name, parent=click.Context(group)) as context:
        assert "`" not in found.get_help(context)


def test_numbers_of_numpy_become_plain_ones():
    """What is kept can be written: no type of another package is in a record."""
    np = pytest.importorskip("numpy")
    options = TrainOptions(seed=np.int64(3), sigma=np.float32(3), widths=np.array([4, 5, 2]))
    assert (type(options.seed), type(options.sigma)) == (int, float)
    assert options.widths == (4, 5, 2)
    assert all(type(width) is int for width in options.widths)


def test_the_table_is_light():
    """The help of a command costs no import of what computes."""
    heavy = "{'numpy', 'numba', 'scipy', 'amaranth', 'pysat', 'click'}"
    code = f"import sys, btfsynth.settings.run_file; assert not {heavy} & set(sys.modules)"
    root = Path(btfsynth.__file__).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
