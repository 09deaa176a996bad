"""The optimiser in one call: a network or a netlist in, a small netlist out, proven equal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset
from btfsynth.errors import ToolTimeoutError, UsageError, plural
from btfsynth.events import OnEvent, PassProgress
from btfsynth.flow.patterns import fitted
from btfsynth.lower.lowering import LoweringReport, choose_preserve, lower_network, make_reference
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import Reference, care_reference, count_wrong, function_reference
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    evaluate,
    exhaustive_words,
    output_words,
    valid_words,
)
from btfsynth.netlist.views import statistics
from btfsynth.network.accuracy import hardware_outputs
from btfsynth.network.trained import TrainedNetwork
from btfsynth.passes.algebra import Depth
from btfsynth.passes.base import (
    Ended,
    InterruptedPasses,
    Pass,
    PassReport,
    Prover,
    ScriptResult,
    run_script,
)
from btfsynth.passes.goal import Goal
from btfsynth.passes.registry import parse_script
from btfsynth.settings.table import DEPTH_SCRIPT, Preserve
from btfsynth.time_box import TimeUp, seconds_left, time_box
from btfsynth.verify.equivalence import equivalent

_NO_GOAL = Goal()
_LOWERING = 5.0
"""Seconds to lower a network, however late it is."""
_LARGE = 5_000
"""From this many cells, ``size`` gains under 1% over ``fast``, and its proof takes minutes."""
_HUGE = 30_000
"""From this many cells, ``fast`` takes minutes and gains under 2% over ``light``."""


_PROOF_SHARE, _PROOF_BASE, _PROOF_CELL = 0.25, 0.5, 5e-4
"""Left of a time limit for the proof: at most a share of it, and at most so many seconds and seconds a cell."""


def default_script(cells: int, goal: Goal = _NO_GOAL) -> str:
    """Return the script of passes for a netlist that was lowered to this many cells."""
    if goal.script == DEPTH_SCRIPT:
        return goal.script
    if cells >= _HUGE:
        return "light"
    return "fast" if cells >= _LARGE else "size"


def simplify_network(
    network: TrainedNetwork,
    dataset: Dataset | None,
    preserve: Preserve | None,
    script: str | None,
    *,
    label: bool = False,
    seen: NDArray[np.uint8] | None = None,
    deadline: float | None = None,
    goal: Goal = _NO_GOAL,
) -> tuple[Netlist, LoweringReport, tuple[PassReport, ...]]:
    """Lower a network and run passes over the netlist, every step checked.

    Without patterns the network itself is kept; `preserve` None chooses by the patterns, `script` None by the
    size (`default_script`). `label` adds a port with the number of the class, that of the largest sum ``W .
    x``. `seen`, ``(vectors, inputs)`` uint8, are more vectors to check on. Work ends at `deadline`, a
    `time.monotonic` value; passes for which there is no time have no report.
    """
    if script is not None:
        parse_script(script)  # what is wrong with it is said before the work
    netlist, lowering, reference = lower(
        network, dataset, preserve, label=label, seen=seen, deadline=deadline
    )
    steps = parse_script(script or default_script(lowering.cells, goal))
    result = _kept(optimise(netlist, reference, steps, deadline, goal=goal))
    return result.netlist, lowering, result.reports


def lower(
    network: TrainedNetwork,
    dataset: Dataset | None,
    preserve: Preserve | None,
    *,
    label: bool = False,
    seen: NDArray[np.uint8] | None = None,
    deadline: float | None = None,
    by_neuron: bool = False,
) -> tuple[Netlist, LoweringReport, Reference]:
    """Lower a network; return what passes are to keep as well (see `simplify_network`).

    With `by_neuron` each neuron is kept on every combination of its inputs, as on a sample of vectors: of many
    inputs that is faster, and larger.
    """
    if dataset is None:
        function = hardware_outputs(network, label)
        reference = function_reference(function, network.topology.n_inputs, seen)
    else:
        dataset = fitted(network, dataset)
        chosen = preserve or choose_preserve(dataset, network)
        if label and preserve is None:
            chosen = Preserve.NETWORK
        reference = make_reference(network, dataset, chosen, label, seen)
    try:
        with time_box(None if deadline is None else max(deadline, time.monotonic() + _LOWERING)):
            kept = replace(reference, complete=False) if by_neuron else reference
            return *lower_network(network, kept, label), reference
    except TimeUp:
        raise ToolTimeoutError("the time limit ended before the network was lowered") from None


def optimise(
    netlist: Netlist,
    reference: Reference | None,
    steps: Sequence[Pass],
    deadline: float | None = None,
    on_event: OnEvent | None = None,
    goal: Goal = _NO_GOAL,
) -> ScriptResult:
    """Run passes over a netlist that is right on a reference; None keeps its function.

    Where the netlist is deeper than the goal allows, the last pass is one that lowers the depth.
    Of the time to `deadline`, a `time.monotonic` value, a part is left for the proof where one is needed.
    """
    if reference is None:
        reference = function_reference(partial(evaluate, netlist), netlist.n_inputs)
    if goal.max_depth and statistics(netlist).depth > goal.max_depth:
        steps = (*steps, Depth(target=goal.max_depth))
    passes_end = deadline
    if deadline is not None and not reference.complete:
        now = time.monotonic()
        reserve = _PROOF_BASE + _PROOF_CELL * netlist.n_cells
        passes_end = deadline - min(reserve, _PROOF_SHARE * (deadline - now))
    begin = time.monotonic()

    def watch(name: str, number: int, present: Netlist) -> None:
        if on_event is not None:
            cost, seconds = statistics(present), time.monotonic() - begin
            on_event(PassProgress(name, number + 1, len(steps), cost.cells, cost.depth, seconds))

    def prove(before: Netlist, after: Netlist) -> bool | None:
        watch("proof", len(steps) - 1, after)
        return proved(before, after)

    proved, watched = _prover(deadline), None if on_event is None else watch
    return run_script(
        steps, netlist, reference, prove, deadline=passes_end, watch=watched, goal=goal
    )


def _kept(result: ScriptResult) -> ScriptResult:
    """Pass on an interruption."""
    if result.ended is Ended.USER:
        raise InterruptedPasses(result)
    return result


def simplify_netlist(
    netlist: Netlist,
    dataset: Dataset | None,
    preserve: Preserve | None,
    script: str,
    dont_care: Netlist | None = None,
) -> tuple[Netlist, tuple[PassReport, ...]]:
    """Run passes over a netlist, every step checked (see `netlist_reference`)."""
    reference = netlist_reference(netlist, dataset, preserve, dont_care)
    result = _kept(optimise(netlist, reference, parse_script(script)))
    return result.netlist, result.reports


def netlist_reference(
    netlist: Netlist,
    dataset: Dataset | None,
    preserve: Preserve | None,
    dont_care: Netlist | None = None,
) -> Reference:
    """Return what passes are to keep of a netlist.

    That is its function, or with patterns what these ask for, unless `preserve` is the network. `dont_care` has
    the same ports and is 1 where an output does not matter; it counts without patterns, up to
    `MAX_EXHAUSTIVE_INPUTS`.
    """
    exhaustive = netlist.n_inputs <= MAX_EXHAUSTIVE_INPUTS
    if dataset is None and dont_care is not None and exhaustive:
        return open_reference(netlist, dont_care)
    if dataset is None or preserve is Preserve.NETWORK:
        return function_reference(partial(evaluate, netlist), netlist.n_inputs)
    dataset = fitted(netlist, dataset)
    reference = care_reference(dataset)
    wrong = count_wrong(netlist, reference)
    if wrong:
        raise UsageError(
            f"{netlist.name}: is wrong on {wrong} of the {plural(dataset.n_patterns, 'pattern')} of "
            f"{dataset.source}, so its targets cannot be preserved"
        )
    return reference


def open_reference(netlist: Netlist, dont_care: Netlist) -> Reference:
    """Return the function of a netlist on every input vector where it matters."""
    inputs, vectors = exhaustive_words(netlist.n_inputs), 1 << netlist.n_inputs
    care = ~output_words(dont_care, inputs) & valid_words(vectors)
    targets = output_words(netlist, inputs)
    return Reference(Preserve.CARE, inputs, targets, care, vectors, complete=True)


def _prover(deadline: float | None) -> Prover:
    """Return the proof of passes, which ends undecided at the deadline."""
    return partial(proves_equal, deadline=deadline)


def proves_equal(a: Netlist, b: Netlist, deadline: float | None) -> bool | None:
    """Tell whether two netlists are equal on every input vector; None if that is undecided at the deadline."""
    left = seconds_left(deadline)
    if left == 0:
        return None
    try:
        return equivalent(a, b, left).equal
    except ToolTimeoutError:
        return None
