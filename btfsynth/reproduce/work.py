"""The work of a reproduction, one function a kind of run: arguments in, a record out.

The functions depend on their arguments alone and go by their names, so they can run in any process: in this
one, on this machine's workers or on others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from btfsynth.errors import MissingToolError, TrainingError
from btfsynth.reproduce.catalogue import Experiment, Scale
from btfsynth.reproduce.gradient import has_torch
from btfsynth.reproduce.record import Record, baseline_record, training_record
from btfsynth.train.parameters import Progress
from btfsynth.workers.running import place, report


@dataclass(frozen=True)
class Failed:
    """Why a run came to nothing.

    Parameters
    ----------
    why
        In words, which begin with the worker on a cluster.
    torch
        True if it is for want of PyTorch.
    """

    why: str
    torch: bool = False


def run_training(experiment: Experiment, scale: Scale, seed: int) -> Record | Failed:
    """Train an experiment from one seed; report where it stands."""
    try:
        return training_record(experiment, scale, seed, on_progress=lambda at: report(asdict(at)))
    except (MissingToolError, TrainingError) as error:
        return Failed(f"{place()}{error}")


def run_baseline(experiment: Experiment, seed: int) -> Record | Failed:
    """Train the gradient baselines of an experiment from one seed."""
    try:
        return baseline_record(experiment, seed)
    except (MissingToolError, TrainingError) as error:
        return Failed(f"{place()}{error}", torch=not has_torch())


def progress_of(told: dict[str, object]) -> Progress:
    """Return what a training has reported."""
    widths = told["widths"]
    assert widths is None or isinstance(widths, list | tuple)
    return Progress(**{**told, "widths": widths and tuple(widths)})  # type: ignore[arg-type]
