"""One run of an experiment or of its gradient baseline from one seed, and its record as JSON values.

`run_training` and `run_baseline` depend on their arguments alone, so they can run in any process, on this
machine or on others; a run that is not possible there is a `Failed`.

The baseline is a ReLU network of the same widths, trained by AdamW on the same patterns. An optional penalty
favours few and even weights, as the margin of the projections does: L1 of all weights, and the distance of
every row's norm from 1 (after arXiv 2602.17493, section on automata).

If the data come from a hidden circuit, `recover` tries to prove that the trained network is this circuit.
"""

from __future__ import annotations

import importlib.util
import itertools
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.generators import Gate, HiddenCircuit, hidden_circuit, read_world
from btfsynth.dataset.load import load
from btfsynth.errors import MissingToolError, NetlistError, TrainingError, UsageError
from btfsynth.events import Event, TrialProgress
from btfsynth.lower.lowering import lower_network, make_reference
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import FALSE, TRUE, Netlist
from btfsynth.network.integers import round_network, sparsify
from btfsynth.network.network import TrainedNetwork, measure
from btfsynth.plugins import install_command
from btfsynth.ports import Port
from btfsynth.reproduce.catalogue import Experiment, Measure, Scale
from btfsynth.settings.table import Preserve
from btfsynth.training.parameters import TrialResult
from btfsynth.training.trainer import TrialOptions, train_trial
from btfsynth.training.trials import TrainingRun
from btfsynth.verify.equivalence import equivalent
from btfsynth.workers.executor import place, report

_MIN_SHARE = 0.97
"""Share of the test bits below which nothing is compared: it is not the circuit, and its neurons are large."""


def hidden_netlist(spec: str) -> Netlist:
    name, _, arguments = spec.partition(":")
    if name.strip().lower() == "automaton":
        world = read_world(arguments)
        if not world.cells:
            raise UsageError(f"{spec[:60]!r}: expected cells=C, got none")
        return automaton_netlist(world.rule, world.steps, world.cells)
    if name.strip().lower() in ("random_and_or", "random_majority"):
        return circuit_netlist(hidden_circuit(spec))
    raise UsageError(f"{spec[:60]!r}: there is no circuit behind this task")


def circuit_netlist(circuit: HiddenCircuit) -> Netlist:
    """Return a random circuit as a netlist from port ``x`` to port ``y``."""
    ports = Port("x", circuit.width), Port("y", circuit.width)
    builder = NetlistBuilder("hidden", [ports[0]], [ports[1]])
    signals = [builder.input(bit) for bit in range(circuit.width)]
    for layer in circuit.layers:
        signals = [_gate(builder, gate, signals) for gate in layer]
    return builder.build(signals)


def automaton_netlist(rule: int, steps: int, cells: int) -> Netlist:
    """Return an elementary automaton on a ring, from port ``state`` to port ``next``."""
    builder = NetlistBuilder("hidden", [Port("state", cells)], [Port("next", cells)])
    row = [builder.input(bit) for bit in range(cells)]
    for _ in range(steps):
        row = [
            _table(builder, rule, (row[(cell + 1) % cells], row[cell], row[cell - 1]))
            for cell in range(cells)
        ]
    return builder.build(row)


def _gate(builder: NetlistBuilder, gate: Gate, signals: Sequence[int]) -> int:
    read = [
        signals[source] ^ int(flip)
        for source, flip in zip(gate.sources, gate.inverted, strict=True)
    ]
    if len(read) == 1:
        return read[0]
    if len(read) == 2:
        return builder.and_(*read) if gate.least == 2 else builder.or_(*read)
    return builder.maj(*read)


def _table(builder: NetlistBuilder, table: int, inputs: Sequence[int]) -> int:
    """Return a truth table over literals, the first of them the most significant, by cofactors."""
    if not inputs:
        return TRUE if table & 1 else FALSE
    half = 1 << (len(inputs) - 1)
    on = _table(builder, table >> half, inputs[1:])
    off = _table(builder, table & ((1 << half) - 1), inputs[1:])
    return builder.or_(builder.and_(inputs[0], on), builder.and_(inputs[0] ^ 1, off))


@dataclass(frozen=True)
class Recovery:
    """The comparison of a network with the hidden circuit."""

    outputs: int
    equal: int  # Of these, proven equal to the hidden circuit's on every input vector
    method: str | None  # How it was proven; None if nothing was compared
    # Share of the test bits that the network with rounded weights gets right; None without a test
    rounded_share: float | None
    cells: int  # Cells of the netlist that was compared, 0 where none was
    hidden_cells: int
    why_not: str | None = None  # Why nothing was compared; None if it was

    @property
    def whole(self) -> bool:
        return self.equal == self.outputs

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "whole": self.whole}


def recover(
    network: TrainedNetwork,
    dataset: Dataset,
    test: Dataset | None,
    hidden: Netlist,
) -> Recovery:
    """Compare a network with the circuit behind its data.

    Its weights are first rounded, neuron by neuron, to the smallest integers that keep its values on the
    training patterns, which settles weights near 0 or near a common size. The integer network is lowered to an
    equivalent netlist, which is compared output by output.
    """
    rounded, _ = round_network(network, dataset, None, dataset.input_ports)
    share = None if test is None else measure(rounded, test).bit_share
    if share is not None and share < _MIN_SHARE:
        return _nothing(hidden, share, f"less than {_MIN_SHARE:.0%} of the test bits right")
    try:
        reference = make_reference(rounded, dataset, Preserve.NETWORK)
        # Neurons of integers are lowered fast as they are, and slowly on all vectors of 16 inputs.
        netlist, _ = lower_network(rounded, replace(reference, complete=False))
    except NetlistError as error:
        return _nothing(hidden, share, str(error))
    whole = equivalent(netlist, hidden)
    equal = hidden.n_outputs if whole.equal else _count_equal(netlist, hidden)
    return Recovery(hidden.n_outputs, equal, whole.method, share, netlist.n_cells, hidden.n_cells)


def _nothing(hidden: Netlist, share: float | None, why_not: str) -> Recovery:
    return Recovery(hidden.n_outputs, 0, None, share, 0, hidden.n_cells, why_not)


def _count_equal(netlist: Netlist, hidden: Netlist) -> int:
    return sum(
        equivalent(_alone(netlist, bit), _alone(hidden, bit)).equal
        for bit in range(hidden.n_outputs)
    )


def _alone(netlist: Netlist, bit: int) -> Netlist:
    return Netlist(
        netlist.name,
        netlist.input_ports,
        (Port("y", 1),),
        netlist.fanins,
        netlist.outputs[bit : bit + 1],
    )


@dataclass(frozen=True)
class GradientOptions:
    """Settings of AdamW on all patterns at once."""

    epochs: int = 3000
    rate: float = 3e-3
    decay: float = 1e-2
    l1: float = 0.0
    row_norm: float = 0.0


@dataclass(frozen=True)
class GradientResult:
    """The result of a gradient training."""

    # Share of the targets got right, of classes where targets are classes; None without a test
    train: float
    test: float | None
    seconds: float  # Wall time


def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def train_gradient(
    dataset: Dataset,
    test: Dataset | None,
    widths: tuple[int, ...],
    seed: int,
    options: GradientOptions,
    *,
    skip: bool = False,
) -> GradientResult:
    if not has_torch():
        raise MissingToolError(f"torch is not installed; {install_command('torch')}")
    import torch

    torch.set_num_threads(1)  # the threads are those of the experiments
    begin = time.perf_counter()
    labels = dataset.output_kind is OutputKind.LABEL
    layers = _layers(torch, widths, seed, skip)
    optimizer = torch.optim.AdamW(
        [part for layer in layers for part in layer], lr=options.rate, weight_decay=options.decay
    )
    inputs = _inputs(torch, dataset)
    targets = torch.from_numpy(dataset.targets.astype(np.float32))
    for _ in range(options.epochs):
        optimizer.zero_grad()
        sums = _forward(torch, layers, inputs, skip)
        loss = _loss(torch, sums, targets, labels) + _penalty(torch, layers, options)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        shares = [
            None
            if part is None
            else _share(_forward(torch, layers, _inputs(torch, part), skip).numpy(), part, labels)
            for part in (dataset, test)
        ]
    assert shares[0] is not None
    return GradientResult(shares[0], shares[1], time.perf_counter() - begin)


def _layers(torch: Any, widths: tuple[int, ...], seed: int, skip: bool) -> list[tuple[Any, Any]]:
    """Return weights and biases as `torch.nn.Linear` draws them, from a generator of our own."""
    random = np.random.Generator(np.random.PCG64([seed, 2]))
    layers = []
    for number, (before, after) in enumerate(itertools.pairwise(widths)):
        fan_in = before + (widths[0] if skip and number else 0)
        limit = fan_in**-0.5
        layers.append(
            tuple(
                torch.from_numpy(
                    random.uniform(-limit, limit, shape).astype(np.float32)
                ).requires_grad_()
                for shape in ((after, fan_in), (after,))
            )
        )
    return layers


def _inputs(torch: Any, dataset: Dataset) -> Any:
    return torch.from_numpy(2.0 * dataset.inputs.astype(np.float32) - 1.0)


def _forward(torch: Any, layers: list[tuple[Any, Any]], inputs: Any, skip: bool) -> Any:
    values = sums = inputs
    for number, (weights, biases) in enumerate(layers):
        if number:
            values = torch.relu(sums)
            if skip:
                values = torch.cat((values, inputs), dim=1)
        sums = values @ weights.T + biases
    return sums


def _loss(torch: Any, sums: Any, targets: Any, labels: bool) -> Any:
    functions = torch.nn.functional
    if labels:
        return functions.cross_entropy(sums, targets)
    return functions.binary_cross_entropy_with_logits(sums, targets)


def _penalty(torch: Any, layers: list[tuple[Any, Any]], options: GradientOptions) -> Any:
    total = torch.zeros(())
    if options.l1:
        total = total + options.l1 * sum(weights.abs().sum() for weights, _ in layers)
    if options.row_norm:
        norms = [weights.norm(dim=1) for weights, _ in layers]
        total = total + options.row_norm * sum(((norm - 1) ** 2).sum() for norm in norms)
    return total


def _share(sums: NDArray[Any], dataset: Dataset, labels: bool) -> float:
    if labels:
        return float((sums.argmax(axis=1) == dataset.targets.argmax(axis=1)).mean())
    return float(((sums > 0) == dataset.targets.astype(np.bool_)).mean())


Record = dict[str, Any]

_LEARNT = 0.2
"""Gap below which weights are refitted."""

BASELINES = {
    "adamw": GradientOptions(epochs=2000, rate=3e-3, decay=1e-2),
    "adamw_penalty": GradientOptions(epochs=2000, rate=1e-2, decay=0.0, l1=3e-4, row_norm=1e-3),
}
"""The gradient baselines."""


def _training_record(experiment: Experiment, scale: Scale, seed: int) -> Record:
    """Train an experiment from one seed and measure the result; report `TrialProgress` ten times a second."""
    dataset = load(experiment.source(seed))
    test = load(experiment.test_source(seed)) if experiment.tested else None
    result = train_trial(
        dataset,
        experiment.topology,
        experiment.parameters(scale),
        seed,
        valid=test,
        on_event=_report,
        options=TrialOptions(valid_chooses=False),  # a test set that chose would tell nothing
    )
    network = TrainingRun((result,), result, result.succeeded, False, False, 0.0).network(
        dataset, seed
    )
    tested = None if test is None else measure(network, test)
    recovery = sparse = None
    if experiment.hidden:
        hidden = hidden_netlist(experiment.source(seed))
        # Refitting takes long and helps little before nearly all is learnt.
        if experiment.fitted or result.gap < _LEARNT:
            network, fitted = sparsify(network, dataset)
            share = None if test is None else measure(network, test).bit_share
            sparse = {**asdict(fitted), "test": share}
        recovery = recover(network, dataset, test, hidden).to_json()
    return {
        "seed": seed,
        "source": experiment.source(seed),
        "patterns": dataset.n_patterns,
        "iterations": result.iterations,
        "best_iteration": result.best_iteration,
        "seconds": round(result.step_seconds, 2),
        "stop": result.stop.value,
        "gap": float(f"{result.gap:.4g}"),
        "train": result.bits_right / result.bits,
        "exact": result.exact,
        "test": None if tested is None else tested.bit_share,
        "test_labels": None if tested is None else tested.label_share,
        "codes": None if result.codes is None else len(np.unique(result.codes, axis=0)),
        "sparse": sparse,
        "recovery": recovery,
        "curve": _curve(result),
    }


def _baseline_record(experiment: Experiment, seed: int) -> Record:
    """Train the gradient baselines on the same patterns."""
    dataset = load(experiment.source(seed))
    if dataset.input_kind not in (InputKind.BOOLEAN, InputKind.ANALOG):
        return {}
    test = load(experiment.test_source(seed)) if experiment.tested else None
    records = {}
    for name, options in BASELINES.items():
        came = train_gradient(dataset, test, experiment.widths, seed, options, skip=experiment.skip)
        records[name] = {
            "train": came.train,
            "test": came.test,
            "epochs": options.epochs,
            "seconds": round(came.seconds, 2),
        }
    return records


def value_of(experiment: Experiment, record: Record) -> float:
    """Return the figure of merit of an experiment: a share, or a number of codes."""
    if experiment.measure is Measure.TEST_BITS:
        fitted = record["sparse"] if experiment.fitted else None
        return float((fitted or record)["test"])
    if experiment.measure is Measure.TEST_LABELS:
        return float(record["test_labels"])
    if experiment.measure is Measure.CODES:
        return float(record["codes"])
    return float(record["train"])


def goal_reached(experiment: Experiment, record: Record) -> bool | None:
    """Return whether a run reached the published figure, or the maximum; None without a figure."""
    if experiment.measure is Measure.EXACT:
        return bool(record["exact"])
    if experiment.measure is Measure.CODES:
        return bool(record["codes"] == experiment.widths[0])
    share = experiment.published.share
    return None if share is None else value_of(experiment, record) >= share


def _curve(result: TrialResult) -> list[list[float | None]]:
    """Return iterations, gap, and training and test accuracies (of classes if there are any)."""
    return [
        [
            point.iterations,
            float(f"{point.gap:.5g}"),
            round(point.bits if point.labels is None else point.labels, 6),
            _rounded(point.valid_bits if point.valid_labels is None else point.valid_labels),
        ]
        for point in result.history
    ]


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


@dataclass(frozen=True)
class Failed:
    """Why a run has no result."""

    why: str
    torch: bool = False  # True if PyTorch is missing


def run_training(experiment: Experiment, scale: Scale, seed: int) -> Record | Failed:
    try:
        return _training_record(experiment, scale, seed)
    except (MissingToolError, TrainingError) as error:
        return Failed(f"{place()}{error}")


def _report(event: Event) -> None:
    if isinstance(event, TrialProgress):
        report(asdict(event))


def run_baseline(experiment: Experiment, seed: int) -> Record | Failed:
    try:
        return _baseline_record(experiment, seed)
    except (MissingToolError, TrainingError) as error:
        return Failed(f"{place()}{error}", torch=not has_torch())


def progress_of(told: dict[str, object]) -> TrialProgress:
    widths = told["widths"]
    assert widths is None or isinstance(widths, list | tuple)
    return TrialProgress(**{**told, "widths": widths and tuple(widths)})  # type: ignore[arg-type]
