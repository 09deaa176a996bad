"""The work of a discovery, one function a kind: arguments in, a record out.

The functions depend on their arguments alone and go by their names, so they can run in any
process: on this machine's workers or on others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numba.core import event

from btfsynth.dataset.dataset import Dataset
from btfsynth.discovery.cascade import CascadeOptions, grow
from btfsynth.discovery.portfolio import Portfolio
from btfsynth.discovery.record import Circuit, Record, canonical_netlist, make_circuit
from btfsynth.errors import NetlistError, TrainingError, VerificationError
from btfsynth.flow.simplify import simplify_netlist, simplify_network
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.reference import care_reference, count_wrong
from btfsynth.netlist.text import parse_netlist
from btfsynth.passes.base import Pass
from btfsynth.passes.registry import format_script, parse_script
from btfsynth.ports import Port
from btfsynth.training.defaults import TrainingPlan
from btfsynth.training.parameters import TrainParameters
from btfsynth.training.trainer import network_of, train_trial
from btfsynth.workers.executor import report

_SEEDS = 1 << 31
_COMPILING = "compiling the kernels (once)"


def run_trial(dataset: Dataset, portfolio: Portfolio, seed: int, passes: str, trial: int) -> Record:
    """Train one network; if it is exact, lower it, run the passes and check the netlist.

    Or grow the circuit by a cascade, where the portfolio says so. If something fails on the way, a check of
    the netlist included, the record says so.
    """
    if portfolio.grows(trial):
        return _grow(dataset, seed, passes, trial)
    topology, parameters = portfolio.topology(trial), portfolio.parameters(trial)
    record = _begun(dataset, parameters, topology.widths, seed, trial, passes)
    try:
        result = train_trial(dataset, topology, parameters, seed, trial)
    except TrainingError as error:
        return replace(record, problem=str(error))
    record = replace(record, iterations=result.iterations, bits_right=result.bits_right)
    if not result.exact:
        return record
    network = network_of(dataset, topology, result.weights)
    try:
        netlist, _, _ = simplify_network(network, dataset, None, passes)
        return replace(record, circuit=_checked(netlist, dataset))
    except (NetlistError, VerificationError) as error:  # such as a neuron too wide to lower
        return replace(record, problem=str(error))


def _begun(
    dataset: Dataset,
    parameters: TrainParameters,
    widths: tuple[int, ...] | None,
    seed: int,
    trial: int,
    passes: str,
) -> Record:
    """Return the record of a trial that has no result yet."""
    return Record(
        trial=trial,
        seed=seed,
        method="network",
        widths=widths,
        sigma=parameters.sigma,
        beta=parameters.beta,
        gamma=parameters.gamma,
        max_iterations=parameters.max_iterations,
        iterations=0,
        bits_right=0,
        bits=int(dataset.care_mask.sum()),
        passes=passes,
    )


def _grow(dataset: Dataset, seed: int, passes: str, trial: int) -> Record:
    """Grow a circuit by a cascade, run the passes and check the netlist."""
    start = int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])
    options = CascadeOptions(seed=start)
    record = _begun(dataset, options.parameters, None, seed, trial, passes)
    record = replace(record, method="cascade")
    try:
        grown = grow(dataset, options)
    except TrainingError as error:
        return replace(record, problem=str(error))
    netlist, _ = simplify_netlist(grown.netlist, dataset, None, passes)
    record = replace(record, iterations=grown.iterations, bits_right=record.bits)
    return replace(record, circuit=_checked(netlist, dataset))


def polish(
    dataset: Dataset, parent: Record, text: str, passes: str, keep_all: bool, attempt: int
) -> Record:
    """Run the passes over a circuit again, their random moves from another seed.

    They begin with its canonical form, so that the result does not depend on which netlist of the circuit
    came first. Every pass that has a seed gets one that follows from seed, circuit and attempt. `keep_all`
    keeps the outputs on every input vector, not only on the patterns.
    """
    if parent.circuit is None:
        raise VerificationError("expected the record of a circuit to polish")
    key = parent.circuit.key
    label = f"{parent.seed} {key} {attempt}"
    number = int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "little") % _SEEDS
    script = format_script(_reseeded(parse_script(passes), number))
    start = canonical_netlist(parse_netlist(text))
    record = replace(parent, passes=script, circuit=None, parent=key, attempt=attempt)
    netlist, _ = simplify_netlist(start, None if keep_all else dataset, None, script)
    try:
        return replace(record, circuit=_checked(netlist, dataset))
    except VerificationError as error:
        return replace(record, problem=str(error))


def get_ready(passes: str, precision: int) -> None:
    """Load or compile all that the work takes, on a task of a moment; report once if it is compiled."""
    with event.install_listener("numba:compile", _Compiling()):
        _try_everything(passes, precision)


class _Compiling(event.Listener):  # type: ignore[misc]
    """Reports the first compilation; loading from Numba's cache is none."""

    def __init__(self) -> None:
        self._told = False

    def on_start(self, happening: event.Event) -> None:
        if not self._told:
            self._told = True
            report(_COMPILING)

    def on_end(self, happening: event.Event) -> None:
        """Nothing is told then."""


def _try_everything(passes: str, precision: int) -> None:
    vectors = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8)
    targets = vectors.sum(axis=1, keepdims=True) % 2
    ports = (Port("x", 2),), (Port("y", 1),)
    tiny = Dataset("ready", "ready", vectors, targets.astype(np.uint8), *ports)
    plan = TrainingPlan((2, 3, 1), TrainParameters(max_iterations=500, precision=precision))
    for trial in range(20):
        if run_trial(tiny, Portfolio(plan, vary_network=False), 0, passes, trial).exact:
            return


def _checked(netlist: Netlist, dataset: Dataset) -> Circuit:
    wrong = count_wrong(netlist, care_reference(dataset))
    if wrong:
        raise VerificationError(
            f"{netlist.name}: a netlist is wrong on {wrong} of {dataset.n_patterns} patterns"
        )
    return make_circuit(netlist)


def _reseeded(steps: Sequence[Pass], seed: int) -> list[Pass]:
    return [
        replace(step, seed=seed)  # type: ignore[type-var]
        if any(field.name == "seed" for field in fields(step))  # type: ignore[arg-type]
        else step
        for step in steps
    ]
