"""The passes by name, and scripts of them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields

from btfsynth.errors import UsageError
from btfsynth.passes.algebra import Algebra, Depth
from btfsynth.passes.base import Pass
from btfsynth.passes.basic import FunctionalHash, Inverters, Strash, Sweep
from btfsynth.passes.detect import Detect
from btfsynth.passes.exact import Exact
from btfsynth.passes.perturbation import Perturbation
from btfsynth.passes.resubstitution import Resubstitution
from btfsynth.passes.rewrite import Rewrite
from btfsynth.passes.sat_sweep import SatSweep
from btfsynth.plugins import Registry

__all__ = ["PASSES", "SCRIPTS", "parse_script"]

_BUILTIN: tuple[type[Pass], ...] = (
    Strash,
    Sweep,
    Detect,
    FunctionalHash,
    SatSweep,
    Rewrite,
    Algebra,
    Resubstitution,
    Perturbation,
    Exact,
    Depth,
    Inverters,
)

PASSES: Registry[type[Pass]] = Registry("passes", type, {step.name: step for step in _BUILTIN})
"""The passes by name, those of the package first."""

_JOIN = "strash; detect; sat_sweep; functional_hash; resub -k 0 --patience 0"

SCRIPTS: dict[str, str] = {
    "light": "strash; functional_hash; inverters",
    "fast": f"{_JOIN}; resub -k 1 --patience 0; inverters",
    "size": f"{_JOIN}; resub; perturb; inverters",
    "best": f"{_JOIN}; resub; algebra; perturb --rounds 300 --most 300; resub --patience 100000; "
    "perturb --rounds 300 --most 300 --seed 2; inverters",
    "depth": f"{_JOIN}; resub; perturb; depth; inverters",
}


def parse_script(text: str) -> tuple[Pass, ...]:
    """Read a script such as ``strash; functional_hash; resub -k 1 --patience 20``.

    A name of `SCRIPTS` stands for its passes; ``depth`` is the script where it stands alone, the pass among
    others.

    Raises
    ------
    UsageError
        If a pass or option is unknown or a value is no whole number.
    """
    steps: list[Pass] = []
    for part in SCRIPTS.get(text.strip(), text).split(";"):
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
            steps.extend(parse_script(SCRIPTS[name]))
        elif name in SCRIPTS:
            raise UsageError(
                f"{name!r} is a script and takes no options, got {' '.join(options)!r}; options belong to "
                f"its passes: {SCRIPTS[name]}"
            )
        else:
            known = ", ".join(dict.fromkeys([*PASSES, *SCRIPTS]))
            raise UsageError(f"unknown pass {name!r}; known passes and scripts are: {known}")
    return tuple(steps)


def _with_options(kind: type[Pass], words: Sequence[str]) -> Pass:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, int] = {}
    for flag, value in zip(words[::2], [*words[1::2], ""], strict=False):
        option = flag.lstrip("-").replace("-", "_")
        if not flag.startswith("-") or option not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise UsageError(f"{kind.name}: unknown option {flag!r}; its options are: {listed}")
        try:
            values[option] = int(value)
        except ValueError:
            raise UsageError(
                f"{kind.name}: {flag}: expected a whole number, got {value!r}"
            ) from None
    return kind(**values)
