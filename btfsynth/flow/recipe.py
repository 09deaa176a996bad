"""The run file that a build leaves in its folder: all that was in force, to do it again."""

from __future__ import annotations

from typing import Any

from btfsynth import __version__
from btfsynth.config import format_run_file
from btfsynth.dataset.dataset import Dataset
from btfsynth.flow.hardware import training_data
from btfsynth.flow.report import BuildOptions
from btfsynth.netlist.reference import Preserve
from btfsynth.train.session import plan_for


def format_recipe(
    dataset: Dataset,
    valid: Dataset | None,
    options: BuildOptions,
    trial: int | None,
    *,
    passes: str,
    preserve: Preserve,
) -> str:
    """Return the run file of a build, TOML without dates and absolute paths.

    `trial` is the one that gave the network, None if the network was given; `passes` and `preserve` are what
    was chosen where the options left it open. Jobs and threads have no part in the result and are left out.
    """
    inputs, hardware = options.inputs, options.hardware
    stages = f"auto:{hardware.stage_depth}" if hardware.stages is None else hardware.stages
    values: dict[str, dict[str, Any]] = {
        "data": {
            "source": inputs.source or dataset.source,
            "hash": dataset.content_hash,
            "outputs": inputs.outputs,
            "name": inputs.name,
            "code": None if options.code is None else options.code.text,
            "network": inputs.network,
            "network_hash": inputs.network_hash,
        },
        "netlist": {
            "weights": options.rule,
            "label": options.label,
            "passes": passes,
            "preserve": preserve.value,
        },
        "hardware": {
            "pipeline": stages,
            "enable": hardware.enable,
            "reset": hardware.reset,
            "stream": hardware.stream,
            "cells": hardware.cells,
            "formats": hardware.formats,
        },
        "check": {"simulators": options.simulators, "timeout": options.timeout},
    }
    if valid is not None:
        values["data"]["valid"] = inputs.valid or valid.source
        values["data"]["valid_hash"] = valid.content_hash
    notes: dict[str, str] = {}
    if trial is not None:
        values["train"], notes["train"] = _training(dataset, options, trial)
    comment = f"btfsynth {__version__}: btfsynth build --config run.toml does this again"
    return format_run_file(values, comment, notes)


def _training(dataset: Dataset, options: BuildOptions, trial: int) -> tuple[dict[str, Any], str]:
    """Return what a training was told, and what there is to say of it."""
    training, inputs = options.training, options.inputs
    plan = plan_for(training_data(dataset, options.code), training)
    parameters = plan.parameters
    values: dict[str, Any] = {
        "seed": training.seed,
        "trials": training.trials,
        "time_limit": training.time_limit,
        "sigma": parameters.sigma,
        "beta": parameters.beta,
        "gamma": parameters.gamma,
        "max_iterations": parameters.max_iterations,
        "stop": parameters.stop.value,
        "gap_limit": parameters.gap_limit,
        "precision": parameters.precision,
    }
    note = ""
    if plan.topology is not None:
        values["topology"], values["topology_hash"] = inputs.topology, inputs.topology_hash
        if inputs.topology is None:
            note = "topology: a graph that was in no file"
        return values, note
    values["skip"] = plan.skip
    # Widths that are given are those of all trials, so these must not have been widened on the way.
    if plan.trial_widths(trial) == plan.widths:
        values["widths"] = plan.widths
    else:
        note = f"widths: from {plan.widths} on, wider from trial to trial"
    return values, note
