"""The passes by name, and scripts of them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from btfsynth.errors import UsageError
from btfsynth.plugins import Registry

if TYPE_CHECKING:
    from btfsynth.passes.base import Pass

PASSES: Registry[type[Pass]] = Registry(
    "passes",
    type,
    {
        "strash": "btfsynth.passes.basic:Strash",
        "sweep": "btfsynth.passes.basic:Sweep",
        "detect": "btfsynth.passes.basic:Detect",
        "functional_hash": "btfsynth.passes.basic:FunctionalHash",
        "sat_sweep": "btfsynth.passes.sat_sweep:SatSweep",
        "collapse": "btfsynth.passes.collapse:Collapse",
        "detour": "btfsynth.passes.collapse:Detour",
        "map": "btfsynth.passes.mapping:Mapping",
        "rewrite": "btfsynth.passes.mapping:Rewrite",
        "algebra": "btfsynth.passes.algebra:Algebra",
        "resub": "btfsynth.passes.resubstitution:Resubstitution",
        "anneal": "btfsynth.passes.annealing:Annealing",
        "guided": "btfsynth.passes.guided:Guided",
        "perturb": "btfsynth.passes.resubstitution:Perturbation",
        "exact": "btfsynth.passes.exact:Exact",
        "depth": "btfsynth.passes.algebra:Depth",
        "inverters": "btfsynth.passes.basic:Inverters",
    },
)
"""The passes by name, those of the package first."""

_JOIN = "strash; detect; sat_sweep; functional_hash; resub -k 0 --patience 0"

_LAST = "depth --cells 0; inverters"
"""What costs no cell."""

SCRIPTS: dict[str, str] = {
    "light": "strash; detect; functional_hash; inverters",
    "fast": f"{_JOIN}; resub -k 1 --patience 0; {_LAST}",
    "size": f"{_JOIN}; resub; perturb; {_LAST}",
    "table": f"{_JOIN}; collapse; resub -k 1 --patience 5000; anneal --walks 6 --work 6000; "
    f"perturb --work 400; {_LAST}",
    "best": f"{_JOIN}; resub; algebra; perturb --rounds 300 --max-cells 300; resub --patience 100000; "
    f"perturb --rounds 300 --max-cells 300 --seed 2; {_LAST}",
    "depth": f"{_JOIN}; resub; perturb; depth; inverters",
}
"""The scripts by name, for netlists all of whose input vectors are looked at."""

_SHRINK = f"{_JOIN}; resub; rewrite; resub; rewrite -z; resub"
_GUIDED = "guided --work 60; depth --cells 0; guided --rise 10 --work 40"
"""First at the given depth, then near it."""

WIDE_SCRIPTS: dict[str, str] = {
    "light": f"strash; detect; {_LAST}",
    "fast": f"{_JOIN}; resub -k 1 --patience 0; rewrite; resub -k 1 --patience 0; {_LAST}",
    "size": f"{_SHRINK}; {_GUIDED}; {_LAST}",
    "table": f"{_SHRINK}; {_GUIDED}; {_LAST}",
    "best": f"{_SHRINK}; detour; guided --work 300; guided --rise 10 --work 300 --patience 50000; "
    f"rewrite -z --seed 2; guided --seed 2 --work 300 --patience 50000; {_LAST}",
    "depth": f"{_SHRINK}; depth; guided --work 60; guided --rise 40 --work 60; depth; inverters",
}
"""The scripts of the same names for netlists of more inputs, where vectors are a sample."""


def parse_script(text: str, wide: bool = False) -> tuple[Pass, ...]:
    """Read a script such as ``strash; functional_hash; resub -k 1 --patience 20``.

    A name of `SCRIPTS`, or of `WIDE_SCRIPTS` if `wide`, means its passes; ``depth`` alone is the script, among
    other passes it is the pass. Options are the fields of a pass, ``keep_depth`` being spelled
    ``--keep-depth``, with a value of its type; a Boolean option without a value is true. An unknown pass or
    option, or a value of another type, is a `UsageError`.
    """
    steps: list[Pass] = []
    scripts = WIDE_SCRIPTS if wide else SCRIPTS
    for part in scripts.get(text.strip(), text).split(";"):
        try:
            words = shlex.split(part)
        except ValueError as error:
            raise UsageError(f"passes {part.strip()!r}: {error}") from None
        if not words:
            continue
        name, *options = words
        if name in PASSES:
            steps.append(_with_options(PASSES[name], options))
        elif name in SCRIPTS and not options:
            steps.extend(parse_script(scripts[name], wide))
        elif name in SCRIPTS:
            raise UsageError(
                f"{name!r} is a script without options, got {' '.join(options)!r}; options belong to "
                f"its passes: {scripts[name]}"
            )
        else:
            known = ", ".join(dict.fromkeys([*PASSES, *SCRIPTS]))
            raise UsageError(f"unknown pass {name!r}; known passes and scripts are: {known}")
    return tuple(steps)


def format_script(steps: Sequence[Pass]) -> str:
    """Return passes as a script that reads back as them; options at their defaults are omitted."""
    parts = []
    for step in steps:
        words = [step.name]
        for field in fields(step):  # type: ignore[arg-type]
            value = getattr(step, field.name)
            if value != field.default or field.default is MISSING:
                text = str(value).lower() if isinstance(value, bool) else str(value)
                words += [f"--{field.name.replace('_', '-')}", shlex.quote(text)]
        parts.append(" ".join(words))
    return "; ".join(parts)


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _with_options(kind: type[Pass], words: Sequence[str]) -> Pass:
    hints = get_type_hints(kind)
    known = {field.name: hints[field.name] for field in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    left = list(words)
    while left:
        flag = left.pop(0)
        option = flag.lstrip("-").replace("-", "_")
        former = getattr(kind, "formerly", {})  # options by the names that they had
        if flag.startswith("-") and option in former:
            raise UsageError(
                f"{kind.name}: --{option} is renamed to --{former[option].replace('_', '-')}"
            )
        if not flag.startswith("-") or option not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise UsageError(f"{kind.name}: unknown option {flag!r}; its options are: {listed}")
        wanted = known[option]
        if wanted is bool and (not left or left[0].startswith("-")):
            values[option] = True
        else:
            text = left.pop(0) if left else ""
            values[option] = _value(f"{kind.name}: {flag}", wanted, text)
    return kind(**values)


def _value(where: str, wanted: Any, text: str) -> Any:
    choices = get_args(wanted) if get_origin(wanted) is Literal else ()
    if wanted is str or text in choices:
        return text
    if wanted is bool and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if wanted in (int, float):
        with suppress(ValueError):
            number = wanted(text)
            if wanted is int or math.isfinite(number):
                return number
    expected = {int: "a whole number", float: "a number", bool: "true or false"}.get(wanted)
    if choices:
        expected = f"{', '.join(choices[:-1])} or {choices[-1]}"
    if expected is None:
        raise UsageError(
            f"{where}: the pass's field is {wanted}, expected int, float, bool, str or Literal"
        )
    raise UsageError(f"{where}: expected {expected}, got {text!r}")
