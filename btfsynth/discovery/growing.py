"""Cascades of a discovery under way: their parts handed out, their results taken in order, their state kept.

The parts of a step run side by side, on any worker; what a cascade becomes follows from its own results alone,
so neither the number of workers nor who is first matters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from btfsynth.dataset.dataset import Dataset
from btfsynth.discovery.cascade import (
    CascadeOptions,
    Growth,
    Part,
    begin,
    finished,
    interleaved_order,
    merged,
    parts_of,
)
from btfsynth.errors import TrainingError
from btfsynth.events import Growing
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import care_reference, output_words
from btfsynth.ports import bit_names


@dataclass(frozen=True)
class GrowTask:
    """A part of a trial's cascade; `step` numbers the steps of this session."""

    trial: int
    step: int
    part: Part


FINISH = Part("finish")
"""The last part of a cascade: the passes, and the record."""


_WALK = 8_000
"""Steps per cell of the walks of the last stage, in all trials but the first."""

_LONG_INPUTS = 10
"""Inputs up to which the first trial walks as long as the others; each one more divides that by four."""


def cascade_options(dataset: Dataset, seed: int, trial: int) -> CascadeOptions:
    """Return what a trial's cascade is grown with: seeds, orders of the inputs and depths of search vary.

    The first trial has shorter walks, to have an exact circuit soon, and still shorter ones above ten inputs,
    where a stage would otherwise walk for many minutes.
    """
    start = int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])
    order = _order(dataset, np.random.Generator(np.random.PCG64(start)), trial)
    options = CascadeOptions(seed=start, order=order, cells=2 if trial % 2 else 3)
    if trial:
        return replace(options, walk=_WALK)
    return replace(options, longest=options.longest >> 2 * max(0, dataset.n_inputs - _LONG_INPUTS))


def _order(dataset: Dataset, random: np.random.Generator, trial: int) -> tuple[int, ...]:
    """Return an order of the inputs: ports in turn; every eighth trial port by port, every eighth any."""
    order = interleaved_order(dataset.input_ports)
    if trial % 8 == 2:
        return tuple(sorted(order))
    if trial % 8 == 6:
        return tuple(int(bit) for bit in random.permutation(len(order)))
    if trial % 4 == 1:  # of each turn another port first
        ports = interleaved_order(dataset.input_ports[::-1])
        widths = [port.width for port in dataset.input_ports]
        first = np.cumsum([0, *widths])[:-1].tolist()
        back = np.cumsum([0, *widths[::-1]])[:-1].tolist()[::-1]
        number = {
            new + bit: old + bit
            for old, new, width in zip(first, back, widths, strict=True)
            for bit in range(width)
        }
        return tuple(number[bit] for bit in ports)
    return order


class Cascade:
    """One trial's cascade: `next` is the part to be done, if there is one before others have ended."""

    def __init__(self, dataset: Dataset, trial: int, seed: int, start: Growth | None) -> None:
        self.trial = trial
        self.options = cascade_options(dataset, seed, trial)
        self.growth = start or begin(dataset, self.options)
        self.problem = ""
        self._dataset = dataset
        self._seen = self.growth.bits_right
        self._step = 0
        self._output, self._right = "", (0, 0)
        self._plan()

    def _plan(self) -> None:
        self._parts = parts_of(self.growth, self.options) or [FINISH]
        self._handed = 0
        self._results: dict[Part, Growth] = {}
        self._output, self._right = "", (0, 0)

    def next(self) -> GrowTask | None:
        if self.problem or self._handed == len(self._parts):
            return None
        part = self._parts[self._handed]
        self._handed += 1
        return GrowTask(self.trial, self._step, part)

    def settle(self, task: GrowTask, result: Growth) -> bool:
        """Take a part's result; return whether the cascade stands elsewhere now."""
        self._results[task.part] = result
        if len(self._results) < len(self._parts):
            return False
        results = [self._results[part] for part in self._parts]
        try:
            self.growth = merged(self._dataset, self.options, self.growth, results)
        except TrainingError as error:
            self.problem = str(error)
            return True
        self._step += 1
        self._plan()
        return True

    def told(self, task: GrowTask, right: tuple[int, int]) -> None:
        """Note how many patterns of an output a training has right."""
        if task.step == self._step and right[0] >= self._right[0]:
            self._output = bit_names(self._dataset.output_ports)[task.part.output]
            self._right = right

    def status(self) -> Growing:
        growth = self.growth
        return Growing(
            trial=self.trial,
            free=growth.free,
            inputs=self._dataset.n_inputs,
            learnt=len(growth.learnt),
            outputs=self._dataset.n_outputs,
            output=self._output,
            right=self._right[0],
            patterns=self._right[1],
            cells=growth.circuit.n_cells,
            bits_right=growth.bits_right,
            bits=int(self._dataset.care_mask.sum()),
        )

    def partial(self) -> tuple[Netlist, list[str]]:
        """Return the circuit as far as it has come, and the output bits that are right on every pattern."""
        netlist = finished(self._dataset, self.options, self.growth)
        reference = care_reference(self._dataset)
        wrong = (output_words(netlist, reference.inputs) ^ reference.targets) & reference.care
        names = bit_names(self._dataset.output_ports)
        return netlist, [name for name, row in zip(names, wrong, strict=True) if not np.any(row)]


def partial_record(cascade: Cascade, names: list[str], netlist: Netlist) -> dict[str, Any]:
    """Return what is said of a circuit that is not right everywhere yet."""
    status = cascade.status()
    return {
        "trial": cascade.trial,
        "cells": netlist.n_cells,
        "bits_right": status.bits_right,
        "bits": status.bits,
        "free": status.free,
        "outputs": names,
    }
