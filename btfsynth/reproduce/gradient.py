"""The gradient baseline: a ReLU network of the same widths, trained by AdamW on the same patterns.

Optionally with a penalty that draws weights to few and even ones, as the margin of the projections does: L1
of all weights, and the distance of every row's norm from 1 (after arXiv 2602.17493, section on automata).
"""

from __future__ import annotations

import importlib.util
import itertools
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.errors import MissingToolError
from btfsynth.extras import install_command


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
