"""The names of the package: loaded when used, documented, and all that pages and examples need."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import statistics
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

import btfsynth as btf
from btfsynth import api
from btfsynth.api.settings import (
    ApproximateSettings,
    BuildSettings,
    DiscoverSettings,
    HardwareSettings,
    LearnSettings,
    TrainSettings,
)
from btfsynth.settings.table import APPROXIMATE, BUILD, DISCOVER, HARDWARE, LEARN, TRAIN

ROOT = Path(__file__).parents[3]
MODULES = [f"btfsynth.api.{module.name}" for module in pkgutil.iter_modules(api.__path__)]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


def test_import_loads_nothing_heavy():
    """Neither NumPy nor numba nor the command line is loaded by the import alone."""
    loaded = set(_run("import sys, btfsynth; print(*sys.modules)").split())
    assert not loaded & {"numpy", "numba", "scipy", "click", "amaranth", "btfsynth.errors"}


def test_import_is_faster_than_that_of_numpy():
    """The limit is one and a half times NumPy; it takes a tenth."""
    code = "import time; a = time.perf_counter(); import {}; print(time.perf_counter() - a)"
    own, numpy = (
        statistics.median(float(_run(code.format(name))) for _ in range(5))
        for name in ("btfsynth", "numpy")
    )
    assert own < 1.5 * numpy


def test_a_function_with_the_name_of_a_room_stays_a_function():
    """Importing btfsynth.training.session does not put the package in the place of the function."""
    code = (
        "import btfsynth.training.session, btfsynth.learning.learning, btfsynth.discovery.search\n"
    )
    code += (
        "import btfsynth as b; print(callable(b.train), callable(b.learn), callable(b.discover))"
    )
    assert _run(code) == "True True True\n"


def test_names_are_listed():
    """`dir`, `__all__`, the table of homes and the imports for type checkers have the same names."""
    tree = ast.parse(Path(btf.__file__).read_text(encoding="utf-8"))
    checked = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("btfsynth.")
        for alias in node.names
    }
    assert set(btf.__all__) == {"__version__", *btf._HOME} == {"__version__", *checked}
    assert set(btf.__all__) <= set(dir(btf))
    assert all(getattr(btf, name) is getattr(btf, name) for name in btf.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        btf.nothing  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(btf.__all__) - {"__version__"}))
def test_every_name_is_documented(name):
    """Each has a docstring; each but errors and events has an example in it, or in that of what makes it."""
    value = getattr(btf, name)
    doc = inspect.getdoc(value) or ""
    assert len(doc) > 30
    if made := re.match(r"Result of `(\w+)`", doc):
        doc = inspect.getdoc(getattr(btf, made[1]))
    if not issubclass(value if isinstance(value, type) else object, (Exception, btf.Event)):
        assert ">>> import btfsynth as btf" in doc


def _methods(kind: type) -> Iterator[tuple[str, object]]:
    return (
        (name, getattr(value, "__func__", value))
        for base in kind.__mro__
        if base.__module__.startswith("btfsynth.api")
        for name, value in vars(base).items()
        if not name.startswith("_")
        and isinstance(value, (property, classmethod, types.FunctionType))
    )


@pytest.mark.parametrize("name", sorted(set(btf.__all__) - {"__version__"}))
def test_errors_are_documented(name):
    """What takes arguments says which errors it raises, or where that is said; properties say what they are."""
    value = getattr(btf, name)
    members = list(_methods(value)) if isinstance(value, type) else [(name, value)]
    for member, function in members:
        doc = inspect.getdoc(function) or ""
        assert len(doc) > 10, member
        if inspect.isfunction(function) and member != "renamed":
            takes = set(inspect.signature(function).parameters) - {"self", "cls"}
            said = "Raises\n------\n" in doc or "see `" in doc.lower()
            assert said or not takes, member


@pytest.mark.parametrize("module", [*MODULES, "btfsynth.ports"])
def test_examples_of_docstrings_run(module, tmp_path, monkeypatch):
    """What docstrings show is what comes."""
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_signatures_are_short(module):
    """No function takes more than eight parameters; what is public says what it takes and returns."""
    loaded = importlib.import_module(module)
    for holder in (loaded, *(each for _, each in inspect.getmembers(loaded, inspect.isclass))):
        if getattr(holder, "__module__", module) != module:
            continue
        for name, function in inspect.getmembers(holder, inspect.isfunction):
            if (function.__module__ == module and not name.startswith("__")) or name == "__init__":
                parameters = inspect.signature(function).parameters
                if hasattr(holder, "get_params"):
                    continue  # scikit-learn asks for every setting of an estimator by name
                assert len([each for each in parameters if each != "self"]) <= 8, name
                assert "return" in function.__annotations__, name


def test_settings_are_those_of_the_tables():
    """The keywords that editors and mypy see are the settings that there are."""
    training, hardware = (set(each.__annotations__) for each in (TrainSettings, HardwareSettings))
    assert training == {*TRAIN, "topology"} - {"seed"}
    assert hardware == set(HARDWARE)
    assert set(BuildSettings.__annotations__) == training | hardware | set(BUILD)
    assert set(DiscoverSettings.__annotations__) == training | set(DISCOVER)
    assert set(LearnSettings.__annotations__) == set(LEARN) - {"seed"}
    assert set(ApproximateSettings.__annotations__) == set(APPROXIMATE)


def test_settings_are_documented_where_they_are_taken():
    """`help(btfsynth.train)` lists them, with what they take and their defaults."""
    for function, settings in (
        (btf.train, TRAIN),
        (btf.build, {**TRAIN, **HARDWARE, **BUILD}),
        (btf.discover, DISCOVER),
        (btf.learn, LEARN),
        (btf.approximate, APPROXIMATE),
        (btf.Netlist.write, HARDWARE),
    ):
        described = inspect.getdoc(function).partition("Settings\n--------\n")[2]
        assert all(f"{name} : " in described for name in settings if name != "seed")


def test_former_names_lead_to_new_ones():
    """A name of an earlier version is refused with the name of now."""
    for name, setting in TRAIN.items():
        if setting.formerly:
            with pytest.raises(
                btf.UsageError, match=f"`{setting.formerly}` is renamed to `{name}`"
            ):
                btf.train("full_adder", **{setting.formerly: 1})
    with pytest.raises(btf.UsageError, match="`held_out` is renamed to `valid`"):
        btf.build("full_adder", "none", held_out="full_adder")
    with pytest.raises(btf.UsageError, match="unknown setting `name`; expected some of"):
        btf.build("full_adder", "none", name="other")


def _imported(code: str) -> set[str]:
    tree = ast.parse(code)
    found = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] == "btfsynth"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_need_the_top_level_alone(path):
    """An example imports btfsynth and nothing below it, in less than 60 lines."""
    text = path.read_text(encoding="utf-8")
    assert _imported(text) == {"btfsynth"}
    assert text.count("\n") < 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_need_the_top_level_alone(page):
    """No page but the one on extending imports anything below the top level."""
    if page.name == "extending.md":
        return
    blocks = re.findall(r"^```python.*?\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    for block in blocks:
        examples = doctest.DocTestParser().get_examples(block)
        code = "".join(example.source for example in examples) if examples else dedent(block)
        assert _imported(code) <= {"btfsynth"}


def test_the_reference_has_every_name():
    """The page of the API has what there is, and nothing else."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^::: (\S+)$", text, re.M)
    for name in listed:
        module, _, last = name.rpartition(".")
        assert hasattr(importlib.import_module(module), last) or importlib.import_module(name)
    documented = {name.rpartition(".")[2] for name in listed}
    kinds = (Exception, btf.Event)
    for name in set(btf.__all__) - {"__version__"}:
        value = getattr(btf, name)
        if isinstance(value, type) and issubclass(value, btf.Event):
            assert name in text
        elif not (isinstance(value, type) and issubclass(value, kinds)):
            assert name in documented


def test_classes_without_scikit_learn_say_what_to_install():
    """Without the extra the package can be looked through; using the classes is one line of error."""
    code = (
        "import sys; sys.modules['sklearn'] = sys.modules['joblib'] = None\n"
        "import inspect, btfsynth as btf\n"
        "inspect.getmembers(btf)\n"
        "for kind in (btf.BTFClassifier, btf.BTFTransformer):\n"
        "    try:\n        kind()\n    except btf.MissingToolError as error:\n        print(error)\n"
    )
    lines = _run(code).splitlines()
    assert len(lines) == 2
    assert all("scikit-learn" in line and "pip install" in line for line in lines)
