"""A scikit-learn transformer: a binary code of Boolean samples, by an autoencoder of threshold neurons."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

# First, because it reports a missing scikit-learn.
from btfsynth.api.classifier import random_seed, validate_data  # type: ignore[attr-defined]
from btfsynth.api.data import Dataset
from btfsynth.api.training import train
from btfsynth.errors import InterruptedWorkError, TrainingError

from sklearn.base import (  # isort: skip
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning  # isort: skip
from sklearn.utils.validation import check_is_fitted  # isort: skip


class BTFTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Encode Boolean samples in few bits, and decode them again.

    An autoencoder of threshold neurons, trained by reflect-reflect-relax to reproduce every sample, is cut at
    its narrowest layer (Elser & Lal, arXiv 2602.17493, "Autoencoders"). Encoder and decoder are `Network`
    objects, which can become hardware.

    Parameters
    ----------
    n_components : int, optional
        Bits of the code; by default the fewest that distinguish the different samples.
    sigma, beta, gamma : float
        As in `train`.
    max_iterations, trials : int
        Maximum iterations per trial, and maximum number of trials.
    random_state : int, RandomState or None
        Seed of the random starts; an int is the seed of the training.

    Attributes
    ----------
    encoder_, decoder_ : Network
        From samples to codes, and back.
    n_features_in_, feature_names_in_
        Features of `fit`.

    Notes
    -----
    Features must be 0 or 1; `sklearn.preprocessing.Binarizer` or a one-hot `KBinsDiscretizer` can make them so.
    A ``ConvergenceWarning`` means that some samples are not reproduced exactly.

    Examples
    --------
    >>> import numpy as np
    >>> import btfsynth as btf
    >>> X = np.eye(8, dtype=int)
    >>> coder = btf.BTFTransformer(random_state=1).fit(X)
    >>> codes = coder.transform(X)
    >>> codes.shape, bool((coder.inverse_transform(codes) == X).all())
    ((8, 3), True)
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        sigma: float = 3.0,
        beta: float = 0.4,
        gamma: float = 1e-3,
        max_iterations: int = 100_000,
        trials: int = 10,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.sigma = sigma
        self.beta = beta
        self.gamma = gamma
        self.max_iterations = max_iterations
        self.trials = trials
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> BTFTransformer:
        """Find a code for the samples; `y` is ignored.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            0 or 1.

        Raises
        ------
        ValueError
            If the samples are anything else.
        UsageError
            If a parameter is out of range.
        """
        rows = np.unique(self._bits(X, reset=True), axis=0)
        code = self.n_components or max(1, int(len(rows) - 1).bit_length())
        width = rows.shape[1]
        data = Dataset(rows, rows, name="code")
        try:
            network = train(
                data,
                seed=random_seed(self.random_state),
                widths=(width, width, code, width, width),
                sigma=self.sigma,
                beta=self.beta,
                gamma=self.gamma,
                max_iterations=self.max_iterations,
                trials=self.trials,
            ).network
        except InterruptedWorkError:
            raise KeyboardInterrupt from None
        except TrainingError as error:
            network = error.run.network
            warnings.warn(str(error), ConvergenceWarning, stacklevel=2)
        self.encoder_, self.decoder_ = network.cut(2)
        self._n_features_out = code
        return self

    def transform(self, X: Any) -> NDArray[np.uint8]:
        """Return the codes of samples, ``(n_samples, n_components)`` uint8 0/1.

        Raises
        ------
        ValueError
            If the samples are not 0 and 1 with the features of `fit`.
        """
        check_is_fitted(self)
        return self.encoder_(self._bits(X, reset=False))

    def inverse_transform(self, X: Any) -> NDArray[np.uint8]:
        """Return the samples of codes, ``(n_samples, n_features)`` uint8 0/1.

        Raises
        ------
        UsageError
            If the codes have the wrong width or values other than 0 and 1.
        """
        check_is_fitted(self)
        return self.decoder_(X)

    def _bits(self, X: Any, *, reset: bool) -> NDArray[np.uint8]:
        rows = validate_data(self, X, dtype="numeric", reset=reset)
        if not ((rows == 0) | (rows == 1)).all():
            raise ValueError("expected features to be 0 or 1")
        return np.asarray(rows, dtype=np.uint8)
