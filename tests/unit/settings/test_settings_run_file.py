"""The file of a run: what it may say, on which line it says it, and that it is read as it was written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfsynth.errors import DataError, UsageError
from btfsynth.flow.report import recorded_name
from btfsynth.settings.run_file import format_run_file, key_lines, read_run_file
from btfsynth.settings.table import SECTIONS

WHOLE = """\
# all there is
[data]
source = "sensors.csv"   # with [brackets] = "and quotes"
outputs = [
  "y[0]",
  "y[1]",
]
code = "binary:4"

[train]
seed = 7
trials = 12
time_limit = 2.5
widths = [4, 8, 2]
skip = true
sigma = 3
beta = 4e-1
stop = "both"
precision = 64

["netlist"]
passes = 'strash; resub'
preserve = "care"

[hardware]
pipeline = "auto:3"
enable = true
formats = ["blif"]

[check]
simulators = ["amaranth"]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "r.toml"
    path.write_text(text)
    return path


def test_a_whole_file(tmp_path):
    """Values come as TOML has them, lists as tuples, and every key has its line."""
    run = read_run_file(write(tmp_path, WHOLE))
    assert run.get("data", "outputs") == ("y[0]", "y[1]")
    assert run.get("train", "widths") == (4, 8, 2)
    assert run.get("train", "time_limit") == 2.5
    assert run.get("netlist", "passes") == "strash; resub"
    assert run.get("hardware", "reset") is None
    lines = WHOLE.splitlines()
    for section, table in run.values.items():
        for key in table:
            assert lines[run.lines[section, key] - 1].startswith(f"{key} =")


def test_a_byte_order_mark_is_no_matter(tmp_path):
    """Some editors begin a file with one; lines are counted as ever."""
    path = tmp_path / "run.toml"
    path.write_bytes(b"\xef\xbb\xbf[train]\r\nseed = 3\r\n")
    run = read_run_file(path)
    assert (run.get("train", "seed"), run.lines["train", "seed"]) == (3, 2)


def test_what_is_written_is_read_again(tmp_path):
    """The text of the values of a file gives the same values."""
    run = read_run_file(write(tmp_path, WHOLE))
    text = format_run_file(run.values, "a comment\nof two lines", {"train": "a note"})
    assert read_run_file(write(tmp_path, text)).values == run.values
    assert text.startswith("# a comment\n# of two lines\n\n[data]\n")
    assert "[train]\n# a note\nseed = 7\n" in text


@given(name=st.text(min_size=1).filter(lambda text: text.strip() and "\0" not in text))
def test_any_name_of_a_file(tmp_path_factory, name):
    """Quotes, line ends and controls in a name come back as they were."""
    path = tmp_path_factory.mktemp("any") / "r.toml"
    path.write_text(format_run_file({"data": {"source": name}}, name), encoding="utf-8")
    assert read_run_file(path).get("data", "source") == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nseed = 1\nbeta = true\n", "3: beta: expected a number above 0 and below 2, got true"),
        ("[train]\nbeta = 2\n", "2: beta: expected a number above 0 and below 2, got 2"),
        ("[train]\ngamma = nan\n", "2: gamma: expected a number from 0 to below 1, got nan"),
        ("[train]\nseed = 1.0\n", "2: seed: expected a whole number of at least 0, got 1.0"),
        ("[train]\n\nstop = 'soon'\n", "3: stop: expected one of exact, gap, both, none, got 'soon'"),
        ("[train]\nwidths = [4]\n", "2: widths: expected a list of two or more whole numbers"),
        ("[train]\nwidths = [4, true]\n", "2: widths: expected a list of two or more whole numbers"),
        ("[train]\nsigmma = 3\n", "2: sigmma: expected a key of [train], got an unknown one; is sigma meant?"),
        ("[train]\nxyzzy = 3\n", "2: xyzzy: expected a key of [train]: seed, trials,"),
        ("[train]\niterations = 3\n", "2: iterations: renamed to max_iterations"),
        ("[data]\nheld_out = 'x'\n", "2: held_out: renamed to valid"),
        ("[netlist]\nweights = 13\n", "2: weights: expected exact, auto, labels, sparse or a number of bits"),
        ("[trian]\nsigma = 3\n", "1: trian: expected a section, got an unknown one; is [train] meant?"),
        ("[zzz]\n", "1: zzz: expected a section: [data], [train], [netlist], [hardware], [check]"),
        ("sigma = 3\n", "1: sigma: expected below [train], got it outside"),
        ("[data]\nsigma = 3\n", "2: sigma: expected below [train], got it below [data]"),
        ("train = 3\n", "1: train: expected the section [train], got a value"),
        ("[data]\ncode = 'binary:99'\n", "2: code: code 'binary:99': expected a whole number from 1 to 12"),
        ("[data]\nhash = 'abc'\n", "2: hash: expected 64 hexadecimal digits, got 'abc'"),
        ("[netlist]\npasses = 'resubb'\n", "2: passes: unknown pass 'resubb'"),
        ("[netlist]\nweights = 1\n", "2: weights: expected exact, auto, labels, sparse or a number of bits"),
        ("[hardware]\npipeline = 'auto:0'\n", "2: pipeline: expected 0 to"),
        ("[hardware]\nformats = ['x']\n", "2: formats: expected a list of some of"),
        ("[check]\nsimulators = 'icarus'\n", "2: simulators: expected a list of some of amaranth,"),
        ("[train]\ntopology = 'g.net'\nskip = true\n", "3: skip: expected none with topology"),
        ("[data]\nsource = '''a\nb'''\nnetwork = 3\n", "4: network: expected a file, got 3"),
        ("data = {source = 'x', seed = 2}\n", "1: seed: expected below [train], got it below [data]"),
        ("train.beta = 3\n", "1: beta: expected a number above 0"),
        ("[train]\nbeta =\n", "2: expected TOML: Invalid value"),
        ("[train]\nbeta = 0.5\nwidths = [4,", "3: expected TOML: "),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, text, message):
    """One line names the file, the line and the key, says what was expected and what came."""
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_run_file(path)
    assert str(caught.value).startswith(f"{path}:{message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\n\n[data]\nsource = '\xff'\n", ":4: expected TOML: expected UTF-8"), (None, ": no such file")],
)  # fmt: skip
def test_files_that_cannot_be_read(tmp_path, content, message):
    """Bytes that are no UTF-8, and no file at all."""
    path = tmp_path / "r.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_run_file(path)
    assert str(caught.value) == f"{path}{message}"


NAMES = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.sampled_from(['"a b"', "'c=d'", '"[e]"', '"#f"', '"g.h"']),
)
VALUES = st.sampled_from(
    ["1", '"x = 1"', "'[y]'", "[1, 2]", "[\n 1, # ]\n 2\n]", '"""\nz = 3\n[q]\n"""', "{ k = 1, l = [2] }",
     "'''\n#'''", '"\\"\\\\"', '"""a "quoted" \\""""']
)  # fmt: skip


@given(
    st.lists(
        st.tuples(
            NAMES, st.lists(st.tuples(NAMES, VALUES), max_size=4, unique_by=lambda kv: kv[0])
        ),
        max_size=4,
        unique_by=lambda table: table[0],
    ),
    st.sampled_from(["", "# [c] = 1\n", "\n\n"]),
)
def test_lines_are_those_of_the_text(tables, between):
    """Written line by line, each key is found on the line where it was put."""
    text, wanted = "", {}
    for table, keys in tables:
        text += between
        wanted.setdefault((table.strip("\"'"),), text.count("\n") + 1)
        text += f"[{table}]  # here\n"
        for key, value in keys:
            text += between
            wanted.setdefault((table.strip("\"'"), key.strip("\"'")), text.count("\n") + 1)
            text += f"{key} = {value} # = there\n"
    assert key_lines(text) == wanted


def test_every_key_says_what_it_expects():
    """A list of an object is nothing that any key takes."""
    for keys in SECTIONS.values():
        for key in keys.values():
            with pytest.raises(UsageError, match=r"^expected "):
                key.kind.take([object()])


def test_names_of_files_are_not_absolute(tmp_path, monkeypatch):
    """Relative ones stay, absolute ones keep what is below the current folder, or the name alone."""
    monkeypatch.chdir(tmp_path)
    assert recorded_name("a/../b.csv") == "b.csv"
    assert recorded_name("../x/b.csv") == "../x/b.csv"
    assert recorded_name(tmp_path / "d" / "b.csv") == "d/b.csv"
    assert recorded_name(tmp_path.parent / "b.csv") == "b.csv"
    assert recorded_name("./full_adder") == "./full_adder", "not the task"


def test_files_are_found_beside_the_run_file_first(tmp_path, monkeypatch):
    """Then in the current folder; a task is no file."""
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("one.csv", "sub/one.csv", "two.csv", "full_adder"):
        Path(name).touch()
    run_path = Path("sub/r.toml")

    def found(name: str) -> str | None:
        run_path.write_text(f'[data]\nsource = "{name}"\n')
        return read_run_file(run_path).find("data", "source")

    assert found("one.csv") == os.path.join("sub", "one.csv")  # noqa: PTH118
    assert found("two.csv") == "two.csv"
    assert found("full_adder") == "full_adder"
    with pytest.raises(
        DataError, match=r"sub/r\.toml:2: source: expected a task or a file, got 'no\.csv'"
    ):
        found("no.csv")
