"""The built-in tasks, which make data from a short specification such as ``multiplier:2``.

Most are whole truth tables: all patterns in counting order; the first input column, the least significant bit
of the first port, changes fastest. ``digits``, the random circuits and tasks with ``train=`` are samples with a
training and a test part.

The generators of the data are imported when a task is made, so that listing the tasks is fast.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from btfsynth.errors import UsageError
from btfsynth.plugins import Registry

if TYPE_CHECKING:
    from btfsynth.dataset.dataset import Dataset


@dataclass(frozen=True)
class Task:
    """One task, built in or of another package (entry points of the group ``btfsynth.tasks``)."""

    name: str  # What stands before the colon, in lower case
    signature: str  # How it is written, optional parts in brackets
    description: str  # One line, with the ports
    example: str  # A specification that works
    # Makes the data set of the text after the colon, None if there is no colon; module:function is
    # imported when it is called
    build: Callable[[str | None], Dataset] | str

    def make(self, arguments: str | None) -> Dataset:
        build = self.build
        if isinstance(build, str):
            module, _, function = build.partition(":")
            build = getattr(import_module(module), function)
            assert callable(build)
        return build(arguments)


def is_task_spec(text: str) -> bool:
    """Return True if the text begins with the name of a task, whether or not the rest is right."""
    return text.partition(":")[0].strip().lower() in TASKS


def task_signatures() -> str:
    return ", ".join(task.signature for task in TASKS.values())


def parse_task(spec: str) -> Dataset:
    """Make the data set of a task; its source is the specification in its normal form."""
    name, colon, arguments = spec.partition(":")
    task = TASKS.get(name.strip().lower())
    if task is None:
        raise UsageError(f"{spec!r} is not a task; tasks are: {task_signatures()}")
    return task.make(arguments.strip() if colon else None)


def whole_number(what: str, text: str, low: int, high: int | None = None) -> int:
    """Read a decimal number within limits; `what` names it in the error."""
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None
    if value is None or value < low or (high is not None and value > high):
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        got = repr(text[:40]) if value is None else value
        raise UsageError(f"{what}: expected a whole number {limits}, got {got}")
    return value


def read_options(
    what: str, arguments: Sequence[str], defaults: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    """Read ``key=value`` parts of a specification.

    Returns a value for every key of `defaults`, and those that differ from the defaults in their order, as they
    are written: ``,key=value`` each.
    """
    given: dict[str, str] = {}
    for part in arguments:
        key, equals, value = (piece.strip() for piece in part.lower().partition("="))
        if not equals or key not in defaults or key in given:
            known = ", ".join(f"{name}=" for name in defaults)
            raise UsageError(f"{what}: expected {known} each once, got {part.strip()[:40]!r}")
        given[key] = str(int(value)) if re.fullmatch(r"[0-9]{1,9}", value) else value
    options = {**defaults, **given}
    changed = [f",{key}={options[key]}" for key in defaults if options[key] != defaults[key]]
    return options, "".join(changed)


def _builtin(signature: str, description: str, example: str) -> Task:
    """Return a task that the function of its name in `btfsynth.dataset.generators` makes."""
    name = signature.partition(":")[0]
    return Task(name, signature, description, example, f"btfsynth.dataset.generators:{name}")


_BUILTIN = (
    _builtin(
        "multiplier:N[xM]",
        "unsigned product: a (N bits), b (M bits, N if not given) -> p (N+M bits)",
        "multiplier:2",
    ),
    _builtin("squarer:N", "square: a (N bits) -> p (2N bits)", "squarer:3"),
    _builtin(
        "adder:N[,cin=1]",
        "sum: a, b (N bits) -> s (N+1 bits); with cin=1 and a carry in: a, b, cin -> s",
        "adder:4",
    ),
    _builtin("full_adder", "one-bit sum: a, b, cin -> s, cout", "full_adder"),
    _builtin(
        "majority:N",
        "1 if more than half of N bits are 1, N odd: x (N bits) -> y",
        "majority:5",
    ),
    _builtin("parity:N", "exclusive or of N bits: x (N bits) -> y", "parity:4"),
    _builtin(
        "popcount:N",
        "number of ones among N bits: x (N bits) -> count",
        "popcount:7",
    ),
    _builtin(
        "sorter:N",
        "the bits sorted, the ones first: x (N bits) -> y (N bits)",
        "sorter:4",
    ),
    _builtin(
        "comparator:N",
        "unsigned comparison: a, b (N bits) -> lt, eq, gt",
        "comparator:2",
    ),
    _builtin("less:N", "1 if a < b, unsigned: a, b (N bits) -> y", "less:4"),
    _builtin("equal:N", "1 if a = b: a, b (N bits) -> y", "equal:4"),
    _builtin(
        "automaton:RULE[,steps=S][,cells=C]",
        "elementary cellular automaton: l, c, r -> y; after S steps x (2S+1 bits, the highest "
        "is the leftmost cell) -> y; ring of C cells, highest bit leftmost: state -> next; with "
        "train=N, test=N, seed=N, part=P a sample of its states",
        "automaton:30",
    ),
    _builtin(
        "digits:CODE[,part=P,...]",
        "8x8 images from scikit-learn: p00 to p77 -> digit (one of 10 bits); CODE is grey "
        "(analog), thermometer:K or threshold:X; part=train is 512 of the 1797 images (train=N, "
        "seed=N), part=test the others; count=N takes the first of a part, shifts=N adds N copies of "
        "each training image (up to 8), shifted by half a pixel",
        "digits:grey",
    ),
    _builtin(
        "random_and_or:LxW[,gate=P,train=N,...]",
        "random circuit of L layers of W, a node an AND or OR of two signals with "
        "probability P (0.5), else a copy, inverted at random: x -> y; part=train is N of its vectors "
        "(256), part=test others (test=2048); seed=N names circuit and vectors",
        "random_and_or:3x32",
    ),
    _builtin(
        "random_majority:LxW[,gate=P,train=N,...]",
        "the same with the majority of three signals as the gate: x -> y",
        "random_majority:5x32,train=512",
    ),
    _builtin(
        "autoencoder:K[,bits=N,kind=S,seed=N]",
        "K different vectors of N bits (K), kind=random or one-hot, as their own targets: x -> y",
        "autoencoder:16",
    ),
    _builtin(
        "decoder:K[,bits=N,code=S,seed=N]",
        "K different random vectors of N bits (K) without inputs, to be made from codes that "
        "training finds, code=hypercube or one-hot: -> y",
        "decoder:16",
    ),
    _builtin(
        "digit_images:D",
        "the 8x8 images of one digit from scikit-learn, a pixel on from half its range, without "
        "inputs, to be made from one-hot codes: -> pixel",
        "digit_images:4",
    ),
)

TASKS: Registry[Task] = Registry("tasks", Task, {task.name: task for task in _BUILTIN})
"""The tasks by name, the built-in ones first, in the order in which they are shown."""
