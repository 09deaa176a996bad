"""A scikit-learn classifier of Boolean threshold functions.

The one module that needs scikit-learn; nothing else of the package imports it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.api.codes import Code, Features, read_features
from btfsynth.api.data import Dataset as Data
from btfsynth.api.designs import Build, build
from btfsynth.api.netlists import Netlist
from btfsynth.api.training import Network
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.fit_code import fit_code, parse_spec
from btfsynth.dataset.patterns import settled
from btfsynth.dataset.table_code import TableCode, plain_class
from btfsynth.errors import DataError, MissingToolError, UsageError
from btfsynth.files import StrPath
from btfsynth.network.network import Topology, TrainedNetwork, layered
from btfsynth.plugins import install_command
from btfsynth.ports import Port
from btfsynth.settings.table import LEARN, Conflicts, StopRule
from btfsynth.training.session import TrainOptions, train
from btfsynth.training.votes import VoteOptions, cross_fitted, train_votes

try:
    from joblib import effective_n_jobs
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise MissingToolError(
        f"scikit-learn 1.6 or later is not installed; {install_command('scikit-learn')}"
    ) from None

_INPUTS = ("auto", "boolean", "unit", "feature", "common")
_NO_NUMBERS = ("could not convert string", "arrays of bytes/strings")
"""Messages of scikit-learn about words, objects and text."""
_METHODS = ("auto", "votes", "projections")
_MOST_BITS = 1 << 28
"""Maximum memory in bytes for the bits of the training samples; beyond it features get fewer levels."""
_KEPT = 1000
"""Maximum number of training samples that a model keeps for checking hardware."""


_VOTES = VoteOptions(rate=0.1, share=0.2)
"""Small steps on a random share of the inputs: more votes, and a higher accuracy on unseen samples."""


def _counts_votes(model: BTFClassifier) -> bool:
    if model._by_votes():
        return True
    raise AttributeError(
        "predict_proba: the sums of layers trained by projections are margins, not likelihoods; "
        "method='votes' has probabilities"
    )


class BTFClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifier that becomes hardware without further rounding: a network of threshold neurons.

    By default the network is a sum of votes. A vote is a hidden neuron of at most six inputs with weights of -1
    or 1. Each vote is trained on the errors of those before it, and cross-fitting chooses the number of votes.
    Real features become bits by thresholds of the training samples, and each word becomes a bit. A missing
    value is replaced by the median, or the most frequent word, of the training samples. With
    ``hidden_widths``, layers are trained by reflect-reflect-relax instead (Elser & Lal, "Learning with Boolean
    threshold functions", arXiv 2602.17493).

    Two classes use one output neuron. More classes use one output neuron per class (one-hot targets).

    Parameters
    ----------
    hidden_widths : sequence of int, optional
        Neurons of each hidden layer, from the inputs on; empty for a single layer.
    method : {"auto", "votes", "projections"}
        Training method: ``"auto"`` is votes, or projections if ``hidden_widths`` are given. Without them
        ``"projections"`` trains two layers, sized by the data and widened from trial to trial.
    votes : int
        Maximum number of votes per output.
    levels : int
        Maximum number of levels of a real feature, one more than its bits. Each level has about as many
        training samples.
    skip : bool
        Connect the inputs to every layer; needs ``hidden_widths``. This parameter and those below, except the
        last two, apply to projections.
    sigma : float
        Support, above 1: a neuron converges to at most sigma inputs (rounded down to an odd number).
    beta : float
        Step size of an iteration, in (0, 2).
    gamma : float
        Rate at which the metric follows the gap, in [0, 1).
    max_iterations : int
        Maximum iterations per trial.
    stop : {"exact", "gap", "both", "none"}
        Stop a trial at all training targets right, a small gap, both, or only at ``max_iterations``. If the
        data are a sample, a small gap generalises better than exactness.
    gap_limit : float
        Gap below which ``"gap"`` and ``"both"`` stop a trial.
    trials : int
        Maximum number of random starts. The first trial that meets ``stop`` is chosen, else the one with the
        most training targets right.
    inputs : {"auto", "boolean", "unit", "feature", "common"}
        Kind of the features. ``"boolean"`` is 0 or 1, ``"unit"`` is analog in [0, 1]. ``"feature"`` is real:
        each feature is scaled to [0, 1] by its own range in the training data. ``"common"`` is real too, but
        one range scales all features, such as grey levels. ``"auto"`` is the first of boolean, unit and feature
        that the training data allow. Values outside the training range are clipped.
    precision : {32, 64}
        Floating-point bits in training.
    n_jobs : int, optional
        Threads, as joblib counts them (-1 is all), for parallel trials first, then for the patterns of a trial.
        Does not change the result.
    conflicts : {"majority", "keep", "drop", "error"}
        Rule for training samples with equal features and different labels: use the most frequent label (a tie
        is a don't-care), keep all, drop all, or fail. ``notes_`` counts these samples.
    random_state : int, RandomState or None
        Seed of the random starts; an int is the seed of the trainer.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if all are strings.
    network_ : btfsynth.network.network.TrainedNetwork
        The network. Its inputs are the bits of the features or, for projections, the scaled features. A network
        with Boolean inputs can become hardware.
    code_ : Code
        For votes: the code from features to bits and from outputs to classes, also that of the hardware.
    input_kind_ : btfsynth.dataset.dataset.InputKind
        ``BOOLEAN`` or ``ANALOG``.
    input_low_, input_span_ : ndarray of shape (n_features_in_,), float64
        For projections: a scaled feature is ``(x - input_low_) / input_span_``.
    history_ : tuple of btfsynth.training.history.HistoryPoint
        For projections: gap and accuracies of the chosen trial, on a logarithmic grid of iterations.
    n_iter_ : int
        Iterations of the chosen trial; for votes, the number of votes per output.
    best_iteration_ : int
        For projections: the iteration at which the network was found, the one with the most training targets
        right.
    gap_ : float
        The gap at that iteration.
    n_trials_ : int
        Number of trials run.
    notes_ : tuple of str
        Changes made to the samples, one line each.

    Notes
    -----
    Layers trained by projections have no ``predict_proba``: a neuron's sum ``W . x`` is a margin, not a
    likelihood. Sample and class weights are not supported. A ``ConvergenceWarning`` means that no trial met
    the stopping rule.

    Examples
    --------
    >>> import numpy as np
    >>> import btfsynth as btf
    >>> X = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    >>> y = np.where(X.sum(axis=1) >= 2, "most", "few")
    >>> model = btf.BTFClassifier(random_state=1).fit(X, y)
    >>> model.predict([[1, 1, 0], [0, 1, 0]]).tolist()
    ['most', 'few']
    >>> model.score(X, y), model.to_netlist().cells
    (1.0, 1)

    Numbers, words and gaps:

    >>> rows = [[20, "red"], [31, "blue"], [None, "red"], [58, "blue"]] * 5
    >>> model = btf.BTFClassifier(random_state=1).fit(rows, ["no", "yes", "no", "yes"] * 5)
    >>> model.predict([[44, "blue"], [None, "red"]]).tolist()
    ['yes', 'no']
    """

    def __init__(
        self,
        hidden_widths: Sequence[int] | None = None,
        *,
        method: str = "auto",
        votes: int = 250,
        levels: int = 16,
        skip: bool = False,
        sigma: float = 3.0,
        beta: float = 0.5,
        gamma: float = 3e-3,
        max_iterations: int = 6_000,
        stop: str = "exact",
        gap_limit: float = 0.01,
        trials: int = 1,
        inputs: str = "auto",
        precision: int = 32,
        conflicts: str = "majority",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.hidden_widths = hidden_widths
        self.method = method
        self.votes = votes
        self.levels = levels
        self.skip = skip
        self.sigma = sigma
        self.beta = beta
        self.gamma = gamma
        self.max_iterations = max_iterations
        self.stop = stop
        self.gap_limit = gap_limit
        self.trials = trials
        self.inputs = inputs
        self.precision = precision
        self.conflicts = conflicts
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> BTFClassifier:
        """Train on labelled samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Real features, dense. For votes also words and missing values (None, NaN), in arrays and frames, as
            for `btfsynth.Dataset`.
        y : array-like of shape (n_samples,)
            Labels of at least two classes.

        Raises
        ------
        ValueError
            If the samples or labels cannot be used.
        UsageError
            If a parameter is outside its range.
        TrainingError
            If a state is no longer finite.
        KeyboardInterrupt
            If the user stopped the training.
        """
        X, y = self._checked(X, y)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"expected at least two classes, got 1 class: {self.classes_[0]}")
        if self._by_votes():
            return self._fit_votes(X, labels)
        self._learn_scale(X)
        dataset = settled(self._dataset(self._scaled(X), labels), self._conflicts())
        self.notes_ = dataset.notices
        seed = random_seed(self.random_state)
        run = train(dataset, self._options(dataset, seed))
        if run.interrupted:
            raise KeyboardInterrupt
        if not run.succeeded:
            warnings.warn(
                f"no trial of {len(run.results)} met the stopping rule '{StopRule(self.stop).value}' "
                f"within {self.max_iterations} iterations; kept is the one with the most targets right, "
                f"{run.best.bits_right} of {run.best.bits}",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.network_ = run.network(dataset, seed)
        self.history_ = run.best.history
        self.n_iter_ = run.best.iterations
        self.best_iteration_ = run.best.best_iteration
        self.gap_ = run.best.gap
        self.n_trials_ = len(run.results)
        self._kept = _first_rows(dataset)
        return self

    def _fit_votes(self, X: Features, labels: NDArray[np.intp]) -> BTFClassifier:
        if self.skip:
            raise UsageError("skip: requires hidden_widths")
        rounds, levels = _whole("votes", self.votes), _whole("levels", self.levels)
        if rounds < 1:
            raise UsageError(f"votes: expected at least 1, got {rounds}")
        if levels < 2:
            raise UsageError(f"levels: expected at least 2, got {levels}")
        X.require_usable()
        code, notes = self._code(X, levels)
        self.code_ = Code(code, self._plain_classes())
        self.input_kind_ = InputKind.BOOLEAN
        bits, filled = code.bits(X.columns, X.values, "classifier")
        given = self._dataset(bits, labels)
        dataset = settled(given, self._conflicts())
        self.notes_ = (*notes, *filled, *dataset.notices)
        seed = random_seed(self.random_state)
        best = cross_fitted(given, rounds, _VOTES, (seed,), fewest=False)
        votes = train_votes(dataset, best, _VOTES, (seed,))
        graph, weights = votes.topology()
        self.network_ = TrainedNetwork(
            dataset.name,
            graph,
            weights,
            dataset.input_ports,
            dataset.output_ports,
            {"data_hash": dataset.content_hash, "seed": seed, "votes": len(votes.rounds)},
            code=dataset.code,
            classes=dataset.classes,
        )
        self.n_iter_ = len(votes.rounds)
        self.n_trials_ = 1
        self._kept = _first_rows(dataset)
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the sums ``W . x`` of the output neurons, float64.

        With two classes ``(n_samples,)``, above 0 for ``classes_[1]``; otherwise ``(n_samples, n_classes)``,
        the largest sum being that of the predicted class.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the number or the kind of features differs from those of `fit`.
        """
        check_is_fitted(self)
        sums = self.network_.output_sums(self._scaled(self._checked(X, reset=False)))
        return sums[:, 0] if len(self.classes_) == 2 else sums

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of every sample, ``(n_samples,)``; of equal sums, the first class.

        For errors see `decision_function`.
        """
        sums = self.decision_function(X)
        numbers = (sums > 0).astype(np.intp) if sums.ndim == 1 else sums.argmax(axis=1)
        labels: NDArray[Any] = self.classes_[numbers]
        return labels

    @available_if(_counts_votes)
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probabilities of the classes by the votes, ``(n_samples, n_classes)`` float64.

        For errors see `decision_function`.
        """
        sums = _VOTES.rate * self.decision_function(X)
        if sums.ndim == 1:
            sums = np.stack([np.zeros(len(sums)), sums], axis=1)
        odds = np.exp(sums - sums.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
        return shares

    def to_netlist(self) -> Netlist:
        """Return the network as a netlist of AND, OR and majority cells.

        With more than two classes, the port ``class_number`` is the index of the class in ``classes_``. With
        two, the output is 1 for the second.

        Raises
        ------
        UsageError
            If the network reads analog values.
        """
        check_is_fitted(self)
        return Network(self.network_).lower(label=len(self.classes_) > 2)

    def write(self, folder: StrPath, X: Any = None, y: Any = None, **settings: Any) -> Build:
        """Write the classifier as checked hardware.

        Parameters
        ----------
        folder
            Folder of the files.
        X, y
            Samples and labels to simulate the hardware on, in addition to the first training samples.
        **settings
            Settings of `btfsynth.build`, such as ``pipeline``.

        Returns
        -------
        The build: true if the hardware was verified. `accuracy` is that of the hardware on the samples.
        `design` is the folder, which `btfsynth.Design` opens later, and predicts like this classifier.

        Raises
        ------
        UsageError
            If the network reads analog values and there is no `code`, or a setting is wrong.

        Examples
        --------
        >>> import btfsynth as btf
        >>> rows = [[2.5, "a"], [7.0, "a"], [9.5, "b"], [3.5, "b"]] * 5
        >>> y = ["low", "high", "high", "low"] * 5
        >>> model = btf.BTFClassifier(random_state=1).fit(rows, y)
        >>> built = model.write("level", rows, y, simulators=["amaranth"])
        >>> bool(built), built.design.predict([[2.1, "a"], [9.9, "b"]]).tolist()
        (True, ['low', 'high'])
        >>> btf.Design("level").code == model.code_
        True
        """
        check_is_fitted(self)
        valid = None
        if X is not None:
            X, y = self._checked(X, y, reset=False)
            labels = np.searchsorted(self.classes_, y).clip(0, len(self.classes_) - 1)
            if (self.classes_[labels] != y).any():
                raise ValueError("expected labels that the training samples had")
            valid = Data._of(self._dataset(self._scaled(X), labels))
        settings.setdefault("label", len(self.classes_) > 2)
        network = Network(self.network_)
        return build(Data._of(self._kept), folder, network=network, valid=valid, **settings)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # `string` stays False: it promises any object; votes take words, and refuse objects that are none.
        tags.input_tags.allow_nan = self.method != "projections" and self.hidden_widths is None
        return tags

    def _checked(self, X: Any, *y: Any, reset: bool = True) -> Any:
        """Return the features of samples (for projections, as an array), and the labels if given."""
        if self._by_votes():
            options = {"dtype": None, "ensure_all_finite": "allow-nan", "reset": reset}
            checked = validate_data(self, X, *y, **options)
            array, *labels = checked if y else (checked,)
            found = read_features(X, array, self._names())
            return (found, *labels) if y else found
        try:
            return validate_data(self, X, *y, dtype="numeric", reset=reset)
        except ValueError as error:
            if not any(said in str(error) for said in _NO_NUMBERS):
                raise
            raise ValueError(
                f"{error}; layers trained by projections take numbers, method='votes' words as well"
            ) from None

    def _plain_classes(self) -> tuple[Any, ...]:
        return tuple(map(plain_class, self.classes_.tolist()))

    def _by_votes(self) -> bool:
        if self.method not in _METHODS:
            raise UsageError(f"method: expected one of {', '.join(_METHODS)}, got {self.method!r}")
        if self.method == "votes" and self.hidden_widths is not None:
            raise UsageError(
                "method 'votes': expected no hidden_widths; votes are the hidden layer"
            )
        return self.method == "votes" or (self.method == "auto" and self.hidden_widths is None)

    def _names(self) -> list[str]:
        names = [str(name) for name in getattr(self, "feature_names_in_", ())]
        if len(set(names)) == self.n_features_in_:
            return names
        return [f"x{number}" for number in range(self.n_features_in_)]

    def _code(self, X: Features, levels: int) -> tuple[TableCode, list[str]]:
        """Choose the thresholds, with fewer levels if the bits of the samples would take too much memory."""
        targets = np.zeros((len(X.values), 1))
        while True:
            code, notes = fit_code(
                X.columns,
                self._names(),
                X.values,
                targets,
                parse_spec(f"quantile:{levels - 1}"),
                source="classifier",
                constant=True,
            )
            if levels <= 2 or code.width * len(X.values) <= _MOST_BITS:
                return code, notes
            levels = (levels + 1) // 2

    def _learn_scale(self, X: NDArray[Any]) -> None:
        """Determine the kind of the features and their scale to [0, 1]."""
        inputs = self.inputs
        if inputs not in _INPUTS:
            raise UsageError(f"inputs: expected one of {', '.join(_INPUTS)}, got {inputs!r}")
        low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
        if inputs == "auto":
            in_unit = bool((low >= 0).all() and (high <= 1).all())
            inputs = "boolean" if _are_bits(X) else "unit" if in_unit else "feature"
        if inputs in ("boolean", "unit"):
            if (low < 0).any() or (high > 1).any():
                raise ValueError(
                    f"inputs {inputs!r}: expected features from 0 to 1, got "
                    f"{low.min():g} to {high.max():g}"
                )
            low, high = np.zeros(len(low)), np.ones(len(low))
        elif inputs == "common":
            low, high = np.full(len(low), low.min()), np.full(len(low), high.max())
        self.input_kind_ = InputKind.BOOLEAN if inputs == "boolean" else InputKind.ANALOG
        self.input_low_ = low
        with np.errstate(over="ignore"):
            wide = ~np.isfinite(high - low)
        if wide.any():
            feature = int(np.argmax(wide))
            raise ValueError(
                f"feature {feature}: expected a range that a double can hold, got {low[feature]:g} to "
                f"{high[feature]:g}; scale it first"
            )
        # A constant feature carries no information: it is 0, whatever its value in `predict`.
        self.input_span_ = np.where(high > low, high - low, np.inf)

    def _scaled(self, X: Any) -> NDArray[Any]:
        """Return the inputs of the network: uint8 bits or float32 in [0, 1]."""
        if self._by_votes():
            try:
                return self.code_.core.bits(X.columns, X.values, "X")[0]
            except DataError as error:  # a word where the code has numbers
                raise ValueError(str(error)) from None
        if self.input_kind_ is InputKind.BOOLEAN:
            if not _are_bits(X):
                raise ValueError("expected features to be 0 or 1, as the training data were")
            return np.asarray(X, dtype=np.uint8)
        unit: NDArray[np.float64] = (X.astype(np.float64) - self.input_low_) / self.input_span_
        return np.clip(unit, 0.0, 1.0).astype(np.float32)

    def _dataset(self, inputs: NDArray[Any], labels: NDArray[np.intp]) -> Dataset:
        """Return the training data; each named feature is a port."""
        two = len(self.classes_) == 2
        outputs = np.arange(1 if two else 0, len(self.classes_))
        targets = (labels[:, None] == outputs).astype(np.uint8)
        code = None
        if self._by_votes():
            ports, code = self.code_.ports, self.code_.core
        else:
            names = getattr(self, "feature_names_in_", ())
            ports = tuple(Port(str(name), 1) for name in names)
            if len(set(ports)) < self.n_features_in_:
                ports = (Port("x", self.n_features_in_),)
        return Dataset(
            "classifier",
            "scikit-learn",
            inputs,
            targets,
            ports,
            (Port("y", targets.shape[1]),),
            input_kind=self.input_kind_,
            output_kind=OutputKind.BOOLEAN if two else OutputKind.LABEL,
            code=code,
            classes=self._plain_classes(),
        )

    def _conflicts(self) -> Conflicts:
        rule: Conflicts = LEARN["conflicts"].take(self.conflicts)
        return rule

    def _options(self, dataset: Dataset, seed: int) -> TrainOptions:
        trials = _whole("trials", self.trials)
        threads = int(effective_n_jobs(self.n_jobs))
        jobs = max(1, min(threads, trials))
        return TrainOptions(
            seed=seed,
            trials=trials,
            jobs=jobs,
            threads=max(1, threads // jobs),
            topology=self._topology(dataset),
            sigma=self.sigma,
            beta=self.beta,
            gamma=self.gamma,
            max_iterations=self.max_iterations,
            stop=self.stop,  # type: ignore[arg-type]  # its name will do
            gap_limit=self.gap_limit,
            precision=_whole("precision", self.precision),
        )

    def _topology(self, dataset: Dataset) -> Topology | None:
        """Return the requested layers; None leaves them to the trainer."""
        if self.hidden_widths is None:
            if self.skip:
                raise UsageError("skip: requires hidden_widths")
            return None
        if not isinstance(self.hidden_widths, Iterable):
            raise UsageError(
                f"hidden_widths: expected whole numbers such as (8, 8), got {self.hidden_widths!r}"
            )
        hidden = [_whole("hidden_widths", width) for width in self.hidden_widths]
        return layered((dataset.n_inputs, *hidden, dataset.n_outputs), skip=bool(self.skip))


def random_seed(random_state: Any) -> int:
    """Return the seed of the trainer: an int as given, otherwise drawn as in scikit-learn."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, Integral):
        raise UsageError(f"{name}: expected a whole number, got {value!r}")
    return int(value)


def _first_rows(dataset: Dataset) -> Dataset:
    return dataset.select(np.arange(min(_KEPT, dataset.n_patterns)))


def _are_bits(X: NDArray[Any]) -> bool:
    return bool(((X == 0) | (X == 1)).all())
