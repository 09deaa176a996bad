"""The search for approximate circuits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from btfsynth.api.data import Dataset, as_dataset
from btfsynth.api.designs import Design
from btfsynth.api.netlists import Netlist
from btfsynth.api.settings import documented, listener, require_known
from btfsynth.api.show import Shown, Table
from btfsynth.approximation.exact import Exact, exact_netlist, read_exact, read_weights
from btfsynth.approximation.point import size_words
from btfsynth.approximation.search import ApproximateOptions, ApproximateReport
from btfsynth.approximation.search import approximate as run_search
from btfsynth.errors import UsageError, VerificationError, shown
from btfsynth.events import Note, OnEvent
from btfsynth.files import StrPath
from btfsynth.settings.table import APPROXIMATE, Metric
from btfsynth.verify.error_metrics import number

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from btfsynth.api.settings import ApproximateSettings


class ApproximationRow(NamedTuple):
    """A circuit on the Pareto front of error and cost, with its errors in the units of `approximate`.

    ``size`` is in what the search counts: 6-input lookup tables with the objective ``lut6``, ANDs with the
    basis ``aig``, otherwise cells.
    """

    size: int
    cells: int
    depth: int
    wce: float
    mae: float
    mse: float
    ep: float
    mre: float
    wcre: float
    path: Path


@dataclass(frozen=True, eq=False, repr=False)
class Approximation(Shown):
    """Result of `approximate`: designs of increasing error and decreasing cost."""

    core: ApproximateReport

    @property
    def folder(self) -> Path:
        """Folder of the results, from which the search can be resumed."""
        return self.core.directory

    @property
    def front(self) -> Table[ApproximationRow]:
        """The circuits by increasing error."""
        return Table(
            ApproximationRow._make(
                (
                    next(iter(point.size(self.core.unit).values())),
                    point.cells,
                    point.depth,
                    *(number(point.errors.value(metric)) for metric in _ORDER),
                    self.folder / point.path,
                )
            )
            for point in self.core.front
        )

    @property
    def best(self) -> Design:
        """The design of the circuit with the lowest cost; a `VerificationError` if there is none."""
        if not self.core.front:
            raise VerificationError(f"{self.core.name}: no circuit within the bound was found")
        return Design(self.front[-1].path)

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.core.name,
            "exact": size_words(self.core.exact),
            "front": len(self.front),
            "folder": self.folder,
        }


_ORDER = (Metric.WCE, Metric.MAE, Metric.MSE, Metric.EP, Metric.MRE, Metric.WCRE)


@documented(APPROXIMATE)
def approximate(
    source: Netlist | Dataset | Design | StrPath,
    folder: StrPath,
    bounds: float | Mapping[str, float] | None = None,
    *,
    weights: StrPath | ArrayLike | None = None,
    resume: bool = False,
    on_event: OnEvent | None = None,
    **settings: Unpack[ApproximateSettings],
) -> Approximation:
    """Search for the smallest circuit whose error stays within bounds, or for the front of error and cost.

    Output ports are read as numbers. The error of a port is its distance from the exact value. The metrics are:

    - ``wce``, ``mae`` and ``mse``: worst-case, mean absolute and mean squared error, in units of the least
      significant bit
    - ``ep``: share of input vectors with any error
    - ``mre`` and ``wcre``: mean and worst-case error relative to the exact value, or to 1 where that value is 0

    Up to 24 inputs, metrics are measured on all input vectors. Beyond, ``wce`` is proven by SAT.

    Parameters
    ----------
    source
        The exact function: a netlist, a data set, a design, a task or a file. With up to 16 inputs the search
        starts from a simplified netlist of the same function if that is smaller.
    folder
        Folder of circuits and records, which are written as soon as they are found.
    bounds
        Maximum error in `metric`, or maxima by name of the metric. Without bounds the front is searched.
    weights
        Frequencies of the input vectors: ``(2 ** inputs,)`` whole numbers of at least 0, input 0 least
        significant, or a file; see `btfsynth approximate --help`.
    resume
        Continue the search in the folder; otherwise an earlier one is moved aside.
    on_event
        Called with an `ApproximationStatus` after every walk, a `StageBegan` and a `Note`.
    **settings
        See below.

    Raises
    ------
    UsageError
        If a setting, a bound or the weights cannot be used.
    DataError
        If the folder contains something else.

    Examples
    --------
    >>> import btfsynth as btf
    >>> found = btf.approximate("multiplier:2", "near", 1, sweeps=1, jobs=1)
    >>> found.front[0].wce, found.front[0].cells < 8
    (1, True)
    """
    given: dict[str, Any] = dict(settings)
    require_known(approximate, given, APPROXIMATE)
    options = ApproximateOptions(bounds=_bounds(bounds, given), **given)
    exact, tell = _exact(source), listener(on_event)
    if tell is not None:
        for note in exact.notes:
            tell(Note(note))
    if isinstance(weights, str | Path):
        exact = exact.weighted(read_weights(weights, exact.netlist.input_ports))
    elif weights is not None:
        exact = exact.weighted(_array(weights, exact.netlist.n_inputs))
    report = run_search(
        exact.netlist,
        folder,
        options,
        source=exact.source,
        weights=exact.weights,
        resume=resume,
        on_event=tell,
    )
    return Approximation(report)


def _exact(source: Any) -> Exact:
    if isinstance(source, Design):
        source = source.folder
    if isinstance(source, Netlist):
        found = Exact(source.core)
    elif isinstance(source, str | PathLike):
        found = read_exact(source)
    else:
        found = Exact(*exact_netlist(as_dataset(source).core))
    return found.simplified()


def _bounds(given: float | Mapping[str, float] | None, settings: Any) -> dict[Metric, Fraction]:
    if given is None:
        return {}
    metric = settings.get("metric", APPROXIMATE["metric"].default)
    listed = given if isinstance(given, Mapping) else {metric: given}
    found = {}
    for name, most in listed.items():
        try:
            found[Metric(name)] = Fraction(str(most))
        except (ValueError, ZeroDivisionError):
            raise UsageError(
                f"`bounds`: expected metrics ({', '.join(m.value for m in _ORDER)}) and numbers, got "
                f"{shown(name)}: {shown(most)}"
            ) from None
    return found


def _array(weights: Any, inputs: int) -> Any:
    values = np.asarray(weights)
    if inputs > 24 or values.shape != (1 << inputs,) or values.dtype.kind not in "bui":
        raise UsageError(
            f"`weights`: expected 2 ** {inputs} whole numbers, got {values.dtype} of shape {values.shape}"
        )
    if values.min() < 0 or not values.any():
        raise UsageError("`weights`: expected whole numbers of 0 or more, not all 0")
    return values.astype(np.int64)
