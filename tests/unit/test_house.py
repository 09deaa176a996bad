"""The package keeps its shape: short functions of few parameters, few modules, no cycle of imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import btfsynth

PACKAGE = Path(btfsynth.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
_MOST_LINES, _MOST_PARAMETERS, _MOST_MODULES = 80, 8, 260


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _parameters(function: ast.FunctionDef) -> int:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return len([each for each in named if each is not None and each.arg not in ("self", "cls")])


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield what a module imports when it is itself imported."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_functions_are_short() -> None:
    """From `def` to the last line; what is public takes few parameters, estimators aside."""
    for path in SOURCES:
        for function in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path}:{function.lineno}: {function.name}"
            lines = (function.end_lineno or 0) - function.lineno + 1
            assert lines <= _MOST_LINES, f"{where}: {lines} lines"
            if not function.name.startswith("_"):
                assert _parameters(function) <= _MOST_PARAMETERS, where


def test_a_function_is_measured_without_its_decorators() -> None:
    """The signature counts, over all its lines, and so do both kinds of rest."""
    (function,) = _functions(
        ast.parse("@a\n@b\ndef f(\n    self, x, *, y=1, **z\n):\n    return x\n")
    )
    assert (function.lineno, function.end_lineno, _parameters(function)) == (3, 6, 3)


def test_modules_import_each_other_in_one_direction() -> None:
    """There is an order in which every module can be imported; a cycle is an error that names it."""
    known = {_name(path): path for path in SOURCES}
    graph = {
        name: set(_imports(ast.parse(path.read_text(encoding="utf-8")))) & (set(known) - {name})
        for name, path in known.items()
    }
    assert set(TopologicalSorter(graph).static_order()) == set(known)


def test_the_house_is_small() -> None:
    """What belongs together stands in one module."""
    assert len(SOURCES) <= _MOST_MODULES
