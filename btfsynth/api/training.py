"""Training: from a data set to a network of threshold neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from btfsynth.api.codes import Code
from btfsynth.api.data import Dataset, as_dataset
from btfsynth.api.netlists import Netlist
from btfsynth.api.settings import documented, listener, require_known, vectors
from btfsynth.api.show import Drawing, Ported, Shown, Table, curve
from btfsynth.dataset.code import parse_linear
from btfsynth.errors import InterruptedWorkError, TrainingError, UsageError, plural, shown
from btfsynth.events import OnEvent
from btfsynth.files import StrPath, as_path
from btfsynth.flow.patterns import fitted
from btfsynth.flow.simplify import lower
from btfsynth.network.formats import read_network, save_network, write_network_text
from btfsynth.network.integers import round_network
from btfsynth.network.network import Accuracy, TrainedNetwork, cut_network, measure
from btfsynth.settings.table import BUILD, TRAIN
from btfsynth.training import session
from btfsynth.training.history import HistoryPoint, draw_history
from btfsynth.training.parameters import TrialResult
from btfsynth.training.session import TrainOptions
from btfsynth.training.trials import TrainingRun as Trials

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from btfsynth.api.settings import TrainSettings


@dataclass(frozen=True, eq=False, repr=False)
class Network(Ported):
    """A network of threshold neurons with real weights: +1 if ``W . x > 0``, else -1, on values -1 and +1.

    Made by `train`, read from a file by `Network.read`.

    Examples
    --------
    >>> import btfsynth as btf
    >>> data = btf.load("multiplier:2")
    >>> net = btf.train(data, seed=1).network
    >>> net
    <Network: multiplier_2, widths 4-4-4-4, weights 60>
    >>> net([[0, 1, 0, 1]]), net.score(data).bits_right
    (array([[0, 0, 1, 0]], dtype=uint8), 64)
    """

    core: TrainedNetwork

    def __post_init__(self) -> None:
        if not isinstance(self.core, TrainedNetwork):
            raise UsageError(
                f"expected the `network_` of a classifier, got {type(self.core).__name__}; "
                "`btfsynth.Network.read` reads a file"
            )

    @classmethod
    def read(cls, path: StrPath) -> Network:
        """Read a network: .npz as `save` writes it, or boolearn's text (.net, .sol).

        Raises
        ------
        DataError
            If the file is malformed.
        """
        return cls(read_network(path))

    @property
    def widths(self) -> tuple[int, ...] | None:
        """Neurons of each layer, inputs first; None for a graph without layers."""
        return self.core.topology.widths

    @property
    def weights(self) -> NDArray[np.float32]:
        """``(weights,)`` float32: for each neuron the bias, then the weights of its inputs. Read-only."""
        return self.core.weights

    @property
    def code(self) -> Code | None:
        """The code of its inputs, if it was trained on a table; None if it reads bits or analog values."""
        return None if self.core.code is None else Code(self.core.code, self.core.classes)

    @property
    def classes(self) -> tuple[Any, ...]:
        """Names of the classes that the outputs represent; empty for plain bits."""
        return self.core.classes

    @property
    def training(self) -> dict[str, Any]:
        """Record of the training: seed, trial, iterations, gap, settings and hash of the data."""
        return dict(self.core.training)

    def __call__(self, X: Dataset | ArrayLike) -> NDArray[np.uint8]:
        """Return the outputs for input vectors.

        Parameters
        ----------
        X
            ``(patterns, inputs)`` 0/1, or analog values from 0 to 1; ``(inputs,)`` for a single one; or a data
            set, for its inputs.

        Returns
        -------
        ``(patterns, outputs)`` uint8 0/1, or ``(outputs,)``.

        Raises
        ------
        UsageError
            If the shape or a value is none of these.
        """
        return (self.sums(X) > 0).astype(np.uint8)

    def sums(self, X: Dataset | ArrayLike) -> NDArray[np.float64]:
        """Return ``W . x`` of the output neurons, ``(patterns, outputs)`` float64; the largest is the class.

        Raises
        ------
        UsageError
            If the shape of `X` does not fit.
        """
        if isinstance(X, Dataset):
            X = fitted(self.core, X.core).inputs
        rows = vectors(X, self.core.topology.n_inputs, analog=True)
        sums = self.core.output_sums(np.atleast_2d(rows))
        return sums if rows.ndim == 2 else sums[0]

    def score(self, data: Dataset | StrPath) -> Accuracy:
        """Count the correct bits, patterns and, if there are any, classes.

        Raises
        ------
        UsageError
            If the number of inputs or outputs differs.
        """
        return measure(self.core, fitted(self.core, as_dataset(data).core))

    def save(self, path: StrPath) -> None:
        """Write the network: .npz, or the text formats of boolearn, .net and .sol.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        if as_path(path).suffix.lower() in (".net", ".sol"):
            write_network_text(path, self.core)
        else:
            save_network(self.core, path)

    def lower(
        self,
        data: Dataset | StrPath | None = None,
        *,
        preserve: str | None = None,
        label: bool = False,
        by_neuron: bool = False,
    ) -> Netlist:
        """Turn the network into a netlist of AND, OR and majority cells.

        Parameters
        ----------
        data
            Boolean patterns. If they define every output and the network misses no target, the netlist and its
            optimisation keep the targets and use the don't-cares (``"care"``). Otherwise, and without data,
            they keep the function of the network on every input vector (``"network"``).
        preserve
            ``"care"`` or ``"network"`` to override this choice.
        label
            Add a port ``class_number``, the number of the class with the largest sum.
        by_neuron
            Keep each neuron on every combination of its inputs, without don't-cares. For integer weights and
            many inputs this is much faster, but the netlist is larger before it is optimised.

        Raises
        ------
        UsageError
            If the data do not fit, or ``"care"`` is given and the network misses a target.

        Examples
        --------
        >>> import btfsynth as btf
        >>> data = btf.load("multiplier:2")
        >>> btf.train(data, seed=1).network.lower(data).optimize("size").cells
        8
        """
        dataset = None if data is None else as_dataset(data).core
        kept = BUILD["preserve"].take(preserve)
        netlist, _, reference = lower(self.core, dataset, kept, label=label, by_neuron=by_neuron)
        return Netlist(netlist, reference, code=self.code)

    def round(
        self,
        data: Dataset | StrPath,
        *,
        code: str | None = None,
        bits: int | None = None,
        label: bool = False,
    ) -> Network:
        """Return the network with the smallest integer weights that keep every neuron's value on the data.

        Parameters
        ----------
        data
            Training patterns.
        code
            Code of analog inputs (see `Dataset.coded`); the new network reads its bits.
        bits
            Bits of a weight, including the sign; by default as many as each neuron needs.
        label
            Round all output neurons to one scale, so that their sums can be compared.

        Raises
        ------
        UsageError
            If the data do not fit, or are analog and there is no code.
        """
        dataset, chosen = as_dataset(data), None if code is None else parse_linear(code)
        ports = dataset.inputs if code is None else dataset.coded(code).inputs
        made, _ = round_network(
            self.core, dataset.core, chosen, ports, weight_bits=bits, label=label
        )
        return Network(made)

    def sparsify(self, data: Dataset | StrPath) -> Network:
        """Return a network with few weights and at least as many correct targets of Boolean data.

        Raises
        ------
        UsageError
            If the number of inputs or outputs differs.
        """
        from btfsynth.network.integers import sparsify

        return Network(sparsify(self.core, as_dataset(data).core)[0])

    def cut(self, layer: int, port: str = "code") -> tuple[Network, Network]:
        """Cut the network after a hidden layer (1 is the first) into two consecutive networks.

        Raises
        ------
        UsageError
            If there is no such layer, or `port` is no name.
        """
        if not isinstance(layer, (int, np.integer)):
            raise UsageError(f"`layer`: expected the number of a hidden layer, got {shown(layer)}")
        if not isinstance(port, str) or not port.strip():
            raise UsageError(f"`port`: expected a name, got {shown(port)}")
        first, second = cut_network(self.core, layer, port)
        return Network(first), Network(second)

    def _facts(self) -> dict[str, object]:
        widths = "-".join(map(str, self.widths or ()))
        return {
            "name": self.name,
            "widths": widths or None,
            "weights": int(np.count_nonzero(self.weights)),
        }


class TrialTable(Table[TrialResult]):
    """Trials, each from its own random start."""

    __slots__ = ()
    shown = ("trial", "iterations", "stop", "gap", "bits_right", "bits", "seconds")


@dataclass(frozen=True, eq=False, repr=False)
class TrainingRun(Shown):
    """Result of `train`: the trials, and the network of the best one.

    Examples
    --------
    >>> import btfsynth as btf
    >>> run = btf.train("multiplier:2", seed=1)
    >>> run.trials[-1].stop.value, run.trials[-1].iterations
    ('exact', 1020)
    >>> round(run.history[-1].gap, 3), run.history[-1].bits
    (0.235, 1.0)
    """

    core: Trials
    data: Dataset
    seed: int

    @property
    def network(self) -> Network:
        """The network of the best trial, among those that met the stopping rule if any did."""
        return Network(self.core.network(self.data.core, self.seed))

    @property
    def succeeded(self) -> bool:
        """True if a trial met the stopping rule."""
        return self.core.succeeded

    @property
    def trials(self) -> TrialTable:
        """All trials up to the first success, by number."""
        return TrialTable(self.core.results)

    @property
    def history(self) -> Table[HistoryPoint]:
        """Gaps and accuracies of the best trial on a logarithmic grid of iterations, ten points per decade."""
        return Table(self.core.best.history)

    @property
    def gap(self) -> float:
        """The gap of the network: root mean square over patterns and neurons."""
        return self.core.best.gap

    @property
    def iterations(self) -> int:
        """Iterations of all trials together."""
        return self.core.iterations

    @property
    def seconds(self) -> float:
        """Wall time in seconds, compilation excluded."""
        return self.core.seconds

    def plot(self, path: StrPath | None = None) -> Drawing:
        """Draw the gap and the accuracies of the best trial over its iterations.

        Parameters
        ----------
        path
            Also write a figure: .svg, .png or .pdf. This needs Matplotlib.

        Raises
        ------
        UsageError
            If the ending is another one.
        MissingToolError
            If Matplotlib is not installed.
        """
        best = self.core.best
        if path is not None:
            draw_history(best.history, path, self.data.name, best.best_iteration)
        return curve(best.history, best.best_iteration)

    def _repr_svg_(self) -> str:
        return str(self.plot())

    def _facts(self) -> dict[str, object]:
        best = self.core.best
        return {
            "name": self.data.name,
            "seed": self.seed,
            "trials": len(self.core.results),
            "iterations": self.iterations,
            "gap": best.gap,
            "bits right": f"{best.bits_right} of {best.bits}",
        }


@documented(TRAIN)
def train(
    data: Dataset | StrPath,
    *,
    seed: int = 1,
    valid: Dataset | StrPath | None = None,
    checkpoint: StrPath | None = None,
    run_all: bool = False,
    on_event: OnEvent | None = None,
    **settings: Unpack[TrainSettings],
) -> TrainingRun:
    """Train a network: trials from random starts until one meets the stopping rule.

    Parameters
    ----------
    data
        What to learn: a data set, a task or a file.
    seed
        Random seed. The same seed and settings give the same weights for any `jobs` and `threads`.
    valid
        Validation set: its accuracy is measured during training and selects the best network.
    checkpoint
        File of finished trials and the state of running ones; an interrupted training continues from it.
    run_all
        Run every trial, all on the same widths, instead of stopping at the first success.
    on_event
        Called with a `TrialProgress` about ten times per second and a `TrialEnded` after each trial, from the
        training threads, one call at a time.
    **settings
        See below; and `topology`, a network whose graph to train.

    Raises
    ------
    UsageError
        If a setting is unknown or out of range, or data and network do not fit.
    TrainingError
        If no trial met the stopping rule; ``error.run`` has the best network.
    InterruptedWorkError
        On Ctrl-C; ``error.run`` has the best network so far.

    Examples
    --------
    >>> import btfsynth as btf
    >>> run = btf.train("full_adder", seed=1, trials=5, sigma=3.0)
    >>> run.network.score("full_adder").bits_right
    16
    """
    dataset = as_dataset(data)
    given: dict[str, Any] = dict(settings)
    require_known(train, given, TRAIN)
    on_event = listener(on_event)
    run = session.train(
        dataset.core,
        train_options(seed, given),
        on_event=on_event,
        valid=None if valid is None else as_dataset(valid).core,
        checkpoint_file=checkpoint,
        run_all=run_all,
    )
    made = TrainingRun(run, dataset, seed)
    if run.interrupted:
        raise _with_run(InterruptedWorkError(f"interrupted; {_nearest(run)}"), made)
    if not run.succeeded:
        limit = "the time limit" if run.timed_out else "the trials"
        raise _with_run(
            TrainingError(f"no network met the stopping rule within {limit}; {_nearest(run)}"), made
        )
    return made


def _nearest(run: Trials) -> str:
    best = run.best
    return (
        f"the best of {plural(len(run.results), 'trial')} has {best.bits_right} of {best.bits} bits right "
        f"(gap {best.gap:.3g}); it is `error.run.network`"
    )


E = TypeVar("E", TrainingError, InterruptedWorkError)


def _with_run(error: E, run: TrainingRun) -> E:
    error.run = run
    return error


def tune(
    data: Dataset | StrPath,
    *,
    time_limit: float = 60.0,
    seed: int = 1,
    valid: Dataset | StrPath | None = None,
    study: StrPath | None = None,
    on_event: OnEvent | None = None,
) -> TrainSettings:
    """Search for settings of `train`: the fastest to an exact network, or the most accurate on `valid`.

    Parameters
    ----------
    data
        What to learn: a data set, a task or a file.
    time_limit
        Seconds to search; Ctrl-C ends it earlier.
    seed
        Seed of the search and of the random starts.
    valid
        Validation set by which settings are compared.
    study
        SQLite file of all candidates; an existing one is continued.
    on_event
        Called with a `SettingsTried` after each candidate.

    Returns
    -------
    `widths`, `sigma`, `beta`, `gamma`, `max_iterations` and `stop`, as keywords of `train`.

    Raises
    ------
    MissingToolError
        If Optuna is not installed.
    TrainingError, InterruptedWorkError
        If no settings led to an exact network within the time limit or before Ctrl-C.

    Examples
    --------
    >>> import btfsynth as btf
    >>> settings = btf.tune("full_adder", time_limit=3)
    >>> btf.train("full_adder", **settings).network.score("full_adder").bits_right
    16
    """
    from btfsynth.training.tuning import tune as search

    judge = None if valid is None else as_dataset(valid).core
    on_event = listener(on_event)
    found = search(as_dataset(data).core, time_limit, seed, study, on_event, None, judge)
    return {
        "widths": found.widths,
        "sigma": found.sigma,
        "beta": found.beta,
        "gamma": found.gamma,
        "max_iterations": found.max_iterations,
        "stop": found.stop.value,
    }


def core_of(setting: str, network: Network) -> TrainedNetwork:
    """Return the inner network of a `Network`; refuse anything else, such as a file name."""
    if not isinstance(network, Network):
        raise UsageError(
            f"`{setting}`: expected a Network, got {network!r:.80}; `Network.read` reads one from a file"
        )
    return network.core


def train_options(seed: int, settings: dict[str, Any]) -> TrainOptions:
    if (topology := settings.get("topology")) is not None:
        settings = {**settings, "topology": core_of("topology", topology).topology}
    return TrainOptions(seed=seed, **settings)
