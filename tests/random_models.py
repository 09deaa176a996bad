"""Small random classifiers of other libraries, and rows that lie at the borders of what they tell apart."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import btfsynth as btf

SKLEARN = ("tree", "forest", "extra", "gradient", "hist", "ada", "scaled")
KINDS = (
    *SKLEARN,
    *(name for name in ("xgboost", "lightgbm") if importlib.util.find_spec(name)),
)


@dataclass(frozen=True)
class Case:
    kind: str
    model: Any
    X: NDArray[np.float64]
    imported: btf.Imported

    def near_borders(self, count: int) -> NDArray[np.float64]:
        """Return rows on the borders and on the numbers next to them, in double and single precision."""
        random = np.random.default_rng(0)
        columns = []
        for column, code in enumerate(self.imported.core.code.columns):
            if code.kind == "levels":  # of whole numbers, and those next to them
                whole = np.unique(self.X[:, column])
                columns.append(random.choice(np.concatenate([whole - 1, whole, whole + 1]), count))
                continue
            at = np.array([*code.thresholds, *np.unique(self.X[:, column])])
            single = at.astype(np.float32)
            near = [at, single.astype(np.float64)]
            for side in (-np.inf, np.inf):
                near += [np.nextafter(at, side), np.nextafter(single, np.float32(side))]
            columns.append(random.choice(np.concatenate(near).astype(np.float64), count))
        return np.stack(columns, axis=1)


def random_case(seed: int, kind: str | None = None) -> Case | None:
    """Train a small model on few rows of few different numbers, and import it; None if it has no split."""
    random = np.random.default_rng(seed)
    kind = kind or KINDS[seed % len(KINDS)]
    rows, columns = int(random.integers(12, 40)), int(random.integers(1, 4))
    grid = random.choice([0.1, 0.25, 1 / 3, 1.0, 1e-3, 7e5])
    X = random.integers(-6, 7, (rows, columns)) * grid
    if random.random() < 0.3:
        X = X + random.normal(size=X.shape)
    classes = int(random.integers(2, 4))
    y = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)])
    model, read = _untrained(kind, random, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    code = ("auto", "thresholds", "intervals")[int(random.integers(3))]
    try:
        return Case(kind, model, X, read(model, X, code=code))
    except btf.UsageError as error:
        if "the same label" not in str(error):
            raise
        return None


def _untrained(
    kind: str, random: np.random.Generator, seed: int
) -> tuple[Any, Callable[..., btf.Imported]]:
    from sklearn import ensemble, pipeline, preprocessing, tree

    count, depth = int(random.integers(1, 6)), int(random.integers(1, 4))
    if kind == "xgboost":
        from xgboost import XGBClassifier

        made = XGBClassifier(n_estimators=count, max_depth=depth, n_jobs=1, min_child_weight=0)
        return made, btf.from_xgboost
    if kind == "lightgbm":
        from lightgbm import LGBMClassifier

        return (
            LGBMClassifier(
                n_estimators=count, num_leaves=5, min_child_samples=1, n_jobs=1, verbose=-1
            ),
            btf.from_lightgbm,
        )
    options = {"random_state": seed, "max_depth": depth}
    several = options | {"n_estimators": count}
    stump = tree.DecisionTreeClassifier(**options)
    made = {
        "tree": stump,
        "forest": ensemble.RandomForestClassifier(**several),
        "extra": ensemble.ExtraTreesClassifier(**several),
        "gradient": ensemble.GradientBoostingClassifier(**several),
        "hist": ensemble.HistGradientBoostingClassifier(
            max_iter=count, min_samples_leaf=2, **options
        ),
        "ada": ensemble.AdaBoostClassifier(stump, n_estimators=count, random_state=seed),
        "scaled": pipeline.make_pipeline(
            preprocessing.StandardScaler(), preprocessing.MinMaxScaler((-1, 3)), stump
        ),
    }[kind]
    return made, btf.from_sklearn
