"""Building blocks of compiled code: literals, words of 64 vectors, reference counts, random numbers.

Literals. `value_of` and `majority_of` are those of `btfsynth.netlist.netlist`; importing this module registers
them with Numba. They are inlined.

Words. A signature is a row of uint64 words, 64 vectors each (see `btfsynth.netlist.simulation`). A complemented
literal flips all bits: `complement_mask` is the word to combine it with by exclusive or.

References. ``references[node]`` counts the readers of a node among the outputs and the cells in use. Only cells
in use are counted as readers of their fan-in; so the cells that fall out of use together with a node are
its maximum fan-out-free cone. `release` and `retain` are inverse, and so are `drop` and `hold`. They work on
any NamedTuple with the fields

- fanins, int32 ``(nodes, 3)``: the literals of each node; rows below ``first``, the first cell, are unused;
- references, int32 ``(nodes,)``, modified;
- alias, int32 ``(nodes,)`` or None: the literal that replaces each node, its own if none does;

``stack`` is an integer scratch array of three elements per node plus one. The NamedTuple is passed as a whole
and unpacked in the first lines: passing its arrays one by one takes twice the time, because Numba counts
references.

Compilation. Kernels are compiled once per installation, at the first run; `compile_clock` and `watch_compiling`
report it.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import event
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.extending import overload, register_jitable
from numba.np import linalg
from numpy.typing import NDArray

from btfsynth.netlist import netlist
from btfsynth.time_box import unbroken

NONE = -1
"""Value for a missing literal."""


def _find_blas_late() -> None:
    """Keep Numba from importing SciPy as it loads, a sixth of a second; a product of matrices still does."""
    ensure_blas, linalg.ensure_blas = linalg.ensure_blas, lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = ensure_blas


def _register_once() -> None:
    """Register with Numba what it can compile, without a refresh for each of 250 attributes.

    One call at the end refreshes all of them.
    """
    context = cpu_target.target_context
    with global_compiler_lock:
        context.refresh = lambda: None
        try:
            type(context).refresh(context)
        finally:
            del context.refresh
        context.refresh()


if hasattr(linalg, "ensure_blas"):
    _find_blas_late()
with suppress(AttributeError):  # a Numba of other insides does it by itself
    _register_once()

value_of = register_jitable(netlist.value_of)
majority_of = register_jitable(netlist.majority_of)

COUNTING = np.array(
    [
        0xAAAAAAAAAAAAAAAA,
        0xCCCCCCCCCCCCCCCC,
        0xF0F0F0F0F0F0F0F0,
        0xFF00FF00FF00FF00,
        0xFFFF0000FFFF0000,
        0xFFFFFFFF00000000,
    ],
    dtype=np.uint64,
)
"""Bit ``i`` of the numbers 0 to 63, as a word: the truth table of variable ``i``."""


@numba.njit(cache=True, nogil=True, inline="always")
def complement_mask(literal: Any) -> Any:
    """Return the word that complements the values of a complemented literal: all ones or zero."""
    return ~np.uint64(0) if literal & 1 else np.uint64(0)


@numba.njit(cache=True, nogil=True)
def variable_word(number: Any, word: Any) -> Any:
    """Return a word of the truth table of a variable: bit ``number`` of the vectors ``64 word`` and on."""
    if number < 6:
        return COUNTING[number]
    return ~np.uint64(0) if (word >> (number - 6)) & 1 else np.uint64(0)


@numba.njit(cache=True, nogil=True, inline="always")
def majority_words(
    fanin: Any, rows_a: Any, rows_b: Any, rows_c: Any, row: Any, target: Any
) -> None:
    """Compute the signature of a cell. Modifies target[row].

    fanin: three literals, int; rows_a to target: uint64 ``(nodes, words)``, the values for each literal and the
    array for the result, often the same.
    """
    a, b, c = fanin
    flip_a, flip_b, flip_c = complement_mask(a), complement_mask(b), complement_mask(c)
    for word in range(target.shape[1]):
        x = rows_a[a >> 1, word] ^ flip_a
        y = rows_b[b >> 1, word] ^ flip_b
        z = rows_c[c >> 1, word] ^ flip_c
        target[row, word] = majority_of(x, y, z)


@numba.njit(cache=True, nogil=True)
def evaluate(fanins: Any, node: Any, values: Any) -> None:
    """Compute a cell's signature from those of its fan-in. Modifies values[node]."""
    fanin = (fanins[node, 0], fanins[node, 1], fanins[node, 2])
    majority_words(fanin, values, values, values, node, values)


@numba.njit(cache=True, nogil=True)
def resolve(alias: Any, literal: Any) -> Any:
    """Return the literal that replaces this one."""
    while alias[literal >> 1] >> 1 != literal >> 1:
        literal = value_of(alias, literal)
    return literal


def _standing(alias: Any, literal: Any) -> Any:
    """`resolve` if there are aliases, else the literal itself; Numba chooses by type."""
    raise NotImplementedError


@overload(_standing)
def _standing_compiled(alias: Any, literal: Any) -> Any:
    def as_it_is(alias: Any, literal: Any) -> Any:
        return literal

    def resolved(alias: Any, literal: Any) -> Any:
        return resolve(alias, literal)

    return as_it_is if isinstance(alias, types.misc.NoneType) else resolved


@numba.njit(cache=True, nogil=True)
def release(counted: Any, node: Any, stack: Any) -> Any:
    """Remove a cell's references to its fan-in; returns the number of cells that fall out of use.

    These are in ``stack[1 : freed + 1]``, in the order found.
    """
    fanins, references = counted.fanins, counted.references
    first, alias = counted.first, counted.alias
    freed, done = 0, 0
    stack[0] = node
    while done <= freed:
        current = stack[done]
        done += 1
        for place in range(3):
            child = _standing(alias, fanins[current, place]) >> 1
            references[child] -= 1
            if references[child] == 0 and child >= first:
                freed += 1
                stack[freed] = child
    return freed


@numba.njit(cache=True, nogil=True)
def retain(counted: Any, node: Any, stack: Any) -> None:
    fanins, references = counted.fanins, counted.references
    first, alias = counted.first, counted.alias
    top = 0
    stack[0] = node
    while top >= 0:
        current = stack[top]
        top -= 1
        for place in range(3):
            child = _standing(alias, fanins[current, place]) >> 1
            if references[child] == 0 and child >= first:
                top += 1
                stack[top] = child
            references[child] += 1


@numba.njit(cache=True, nogil=True)
def freed_with(counted: Any, node: Any, literals: Any, stack: Any) -> Any:
    """Return the number of cells below a cell that fall out of use if literals replace its fan-in.

    Negative literals are skipped.
    """
    references = counted.references
    for k in range(len(literals)):
        if literals[k] >= 0:
            references[literals[k] >> 1] += 1
    freed = release(counted, node, stack)
    retain(counted, node, stack)
    for k in range(len(literals)):
        if literals[k] >= 0:
            references[literals[k] >> 1] -= 1
    return freed


@numba.njit(cache=True, nogil=True)
def redirect(state: Any, node: Any, literal: Any, stack: Any) -> None:
    """Replace a cell by a literal everywhere; the cell falls out of use. Modifies the state.

    state: fanins, outputs, references and first as in `btfsynth.passes.replacement`.
    """
    fanins, outputs, references = state.fanins, state.outputs, state.references
    for user in range(state.first, fanins.shape[0]):
        if references[user] > 0:
            for place in range(3):
                if fanins[user, place] >> 1 == node:
                    fanins[user, place] = literal ^ (fanins[user, place] & 1)
                    references[literal >> 1] += 1
                    references[node] -= 1
    for number in range(outputs.shape[0]):
        if outputs[number] >> 1 == node:
            outputs[number] = literal ^ (outputs[number] & 1)
            references[literal >> 1] += 1
            references[node] -= 1
    release(state, node, stack)


@numba.njit(cache=True, nogil=True)
def hold(counted: Any, node: Any, stack: Any) -> Any:
    """Add a reference to a node; returns the number of cells that come into use."""
    fanins, references = counted.fanins, counted.references
    first, alias = counted.first, counted.alias
    woken, top = 0, 0
    stack[0] = node
    while top >= 0:
        current = stack[top]
        top -= 1
        references[current] += 1
        if references[current] == 1 and current >= first:
            woken += 1
            for place in range(3):
                top += 1
                stack[top] = _standing(alias, fanins[current, place]) >> 1
    return woken


@numba.njit(cache=True, nogil=True)
def drop(counted: Any, node: Any, stack: Any) -> Any:
    """Remove a reference to a node; returns the number of cells that fall out of use."""
    fanins, references = counted.fanins, counted.references
    first, alias = counted.first, counted.alias
    freed, top = 0, 0
    stack[0] = node
    while top >= 0:
        current = stack[top]
        top -= 1
        references[current] -= 1
        if references[current] == 0 and current >= first:
            freed += 1
            for place in range(3):
                top += 1
                stack[top] = _standing(alias, fanins[current, place]) >> 1
    return freed


@numba.njit(cache=True, nogil=True)
def next_below(random: Any, bound: Any) -> Any:
    """Return a number below ``bound``; random: uint64 ``(1,)``, the state of a splitmix64, changed."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return np.int64(z >> np.uint64(1)) % bound


def random_state(seed: int) -> NDArray[np.uint64]:
    return np.array([(seed * 0x9E3779B9 + 1) % (1 << 64)], dtype=np.uint64)


# Compilation

_KIND = "numba:compile"
"""Numba's event for a compilation; loading from the disk cache causes none."""


class _Watcher(event.Listener):  # type: ignore[misc]
    """Counts compilations under way; they nest, and may run in several threads."""

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._running = 0
        self._name = ""

    def name(self) -> str:
        """Return the module whose kernel is being compiled, "" if none is."""
        return self._name if self._running else ""

    def on_start(self, happening: event.Event) -> None:
        if not self._running:
            self._name = kernel_module(happening)
        self._count(1)

    def on_end(self, happening: event.Event) -> None:
        self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            # One that another thread began before may end here.
            before, now = self._running, max(0, self._running + change)
            self._running = now
        if bool(before) != bool(now):
            self._tell(now > 0)


def kernel_module(happening: event.Event) -> str:
    """Return the name, without packages, of the module whose kernel is compiled."""
    return str(happening.data["dispatcher"].py_func.__module__).rpartition(".")[2]


@contextmanager
def watch_compiling(tell: Callable[[bool], None]) -> Iterator[Callable[[], str]]:
    """Call ``tell(True)`` when a compilation begins in the body and ``tell(False)`` when it ends.

    A compilation within another one is not reported. Cached kernels are not compiled. Yields a function that
    returns the module whose kernel is being compiled, "" if none is.
    """
    watcher = _Watcher(tell)
    with event.install_listener(_KIND, watcher):
        yield watcher.name


@contextmanager
def compile_clock() -> Iterator[Callable[[], float]]:
    """Give a function that returns the seconds for which kernels have been compiled in the body so far.

    A time box around does not end a compilation.
    """
    seconds = begin = 0.0

    def tell(runs: bool) -> None:
        nonlocal seconds, begin
        unbroken(runs)  # a kernel compiled by half can never be used again
        if runs:
            begin = time.perf_counter()
        else:
            seconds += time.perf_counter() - begin

    with watch_compiling(tell):
        yield lambda: seconds
