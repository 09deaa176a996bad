"""Models of other libraries: as bits, as a netlist and as a design folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.api.codes import Code
from btfsynth.api.designs import Design
from btfsynth.api.netlists import Netlist
from btfsynth.api.settings import documented, listener, require_known, taken
from btfsynth.api.show import Shown, Table
from btfsynth.api.training import Network
from btfsynth.errors import VerificationError
from btfsynth.events import OnEvent
from btfsynth.files import StrPath, as_path
from btfsynth.flow import importing
from btfsynth.hdl.design import HardwareOptions
from btfsynth.models.readers import ReadOptions
from btfsynth.models.record import Comparison, ImportedModel
from btfsynth.settings.table import HARDWARE, IMPORT

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from btfsynth.api.settings import ImportSettings


class Comparisons(Table[Comparison]):
    """Comparison with the library: number of rows, of equal labels, and of others that rounding explains."""

    __slots__ = ()
    shown = ("what", "rows", "same", "near")


@dataclass(frozen=True, eq=False, repr=False)
class Imported(Shown):
    """Result of `from_sklearn` and similar functions: a model of another library as a function of bits."""

    core: ImportedModel
    compared: Comparisons
    """The comparisons of rows with the labels of the library."""

    @property
    def name(self) -> str:
        """Name of the function, and of the hardware module made from it."""
        return self.core.name

    @property
    def code(self) -> Code | None:
        """The code from rows to input bits; None if the model reads bits."""
        return None if self.core.code is None else Code(self.core.code, self.core.classes)

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels by class number."""
        return self.core.classes

    @property
    def netlist(self) -> Netlist:
        """The netlist before the passes."""
        return Netlist(self.core.netlist)

    @property
    def network(self) -> Network | None:
        """The model as a threshold network; None for other models."""
        return None if self.core.network is None else Network(self.core.network)

    @property
    def notes(self) -> tuple[str, ...]:
        """Roundings and other notes, one line each."""
        return self.core.notes

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the outputs of the hardware for rows: labels, or ``(rows, outputs)`` 0/1 without classes.

        Raises
        ------
        UsageError
            If the rows have other columns than the model.
        DataError
            If a value is none that the model knows.
        """
        return np.asarray(self.core.predict(X))

    def compare(self, X: Any) -> Comparisons:
        """Compare rows with the library's labels.

        Raises
        ------
        VerificationError
            If a label differs; the message shows the row.
        """
        return Comparisons(importing.compared(self.core, X))

    @documented(IMPORT, HARDWARE)
    def write(
        self,
        folder: StrPath,
        X: Any = None,
        *,
        on_event: OnEvent | None = None,
        **settings: Unpack[ImportSettings],
    ) -> Design:
        """Optimise the netlist, write a design folder and simulate it.

        Parameters
        ----------
        folder
            Created if missing. A design that fails does not replace one that was verified.
        X
            Rows to compare with the library and to simulate.
        on_event
            Called with a `StageBegan` for every stage and with the progress of the passes.
        **settings
            See below.

        Raises
        ------
        UsageError
            If a setting is unknown or out of range.
        VerificationError
            If the label of a row differs from the library's, or a simulator finds a mismatch.
        """
        given: dict[str, Any] = dict(settings)
        require_known(Imported.write, given, IMPORT, HARDWARE)
        hardware = HardwareOptions(**taken(given, *HARDWARE))
        options = importing.ImportOptions(hardware=hardware, **given)
        report = importing.import_model(
            self.core, folder, options, X=X, on_event=listener(on_event)
        )
        if not report.verified:
            raise VerificationError(f"{report.directory}: not verified; see report.json there")
        return Design(report.directory or folder)

    def _facts(self) -> dict[str, object]:
        core = self.core
        facts: dict[str, object] = {
            "name": core.name,
            "source": core.source,
            "inputs": core.netlist.n_inputs,
            "cells": core.netlist.n_cells,
        }
        return facts | ({"classes": list(map(str, core.classes))} if core.classes else {})


def from_sklearn(
    model: Any,
    X: Any = None,
    *,
    code: str = "auto",
    leaf_bits: int | None = None,
    name: str | None = None,
) -> Imported:
    """Import a fitted classifier of scikit-learn.

    Supported are decision trees, forests, boosted trees, linear classifiers and Bernoulli naive Bayes, alone or
    at the end of a Pipeline. Rows at the thresholds, and those of `X`, are compared with ``model.predict``.

    Parameters
    ----------
    model
        A fitted classifier or Pipeline.
    X
        Rows as ``model.predict`` takes them.
    code
        Port of a column of numbers: one bit per threshold of the model (``"thresholds"``), the number of
        thresholds reached (``"intervals"``), the whole number (``"numbers"``), or the most suitable of these
        (``"auto"``).
    leaf_bits
        Leaves and weights are rounded to integers of this many bits. None takes enough to keep the label of
        every row. With fewer bits, a label may differ where two sums are closer than the rounding error.
    name
        Name of the function; by default the kind of model.

    Raises
    ------
    UsageError
        If the model is not supported; the message names an alternative.
    VerificationError
        If the label of a row differs from the library's without being explained by rounding.

    Examples
    --------
    >>> import btfsynth as btf
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> rows, kinds = [[1.0], [2.0], [3.0], [4.0]], ["a", "a", "b", "b"]
    >>> tree = DecisionTreeClassifier(random_state=1).fit(rows, kinds)
    >>> found = btf.from_sklearn(tree, rows)
    >>> found.predict([[2.0], [3.0]]).tolist(), found.classes
    (['a', 'b'], ('a', 'b'))
    >>> found.write("tree", rows, simulators=["amaranth"]).predict([[0.0]]).tolist()
    ['a']
    """
    from btfsynth.models.sklearn_models import read_sklearn

    return imported(read_sklearn(model, X, _options(code, leaf_bits, name)), X)


def from_xgboost(
    model: Any,
    X: Any = None,
    *,
    code: str = "auto",
    leaf_bits: int | None = None,
    name: str | None = None,
) -> Imported:
    """Import a classifier of XGBoost: an ``XGBClassifier``, a ``Booster`` or a file of ``save_model``.

    See `from_sklearn` for the parameters and errors. Splits compare ``x < threshold`` in single precision.
    After early stopping, the rounds up to the best one are used.

    Examples
    --------
    >>> import btfsynth as btf
    >>> tree = {"left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [0, 0, 0],
    ...         "split_conditions": [2.5, -1.0, 1.0], "tree_param": {}}
    >>> booster = {"name": "gbtree", "model": {"trees": [tree], "tree_info": [0]}}
    >>> shape = {"base_score": "5E-1", "num_class": "0", "num_feature": "1"}
    >>> learner = {"learner_model_param": shape, "objective": {"name": "binary:logistic"}}
    >>> import json, pathlib
    >>> model = {"learner": {**learner, "gradient_booster": booster}, "version": [2, 1, 0]}
    >>> pathlib.Path("model.json").write_text(json.dumps(model)) > 0
    True
    >>> btf.from_xgboost("model.json").predict([[2.25], [2.5]]).tolist()
    [0, 1]
    """
    return _from(model, X, _options(code, leaf_bits, name), "xgboost")


def from_lightgbm(
    model: Any,
    X: Any = None,
    *,
    code: str = "auto",
    leaf_bits: int | None = None,
    name: str | None = None,
) -> Imported:
    """Import a classifier of LightGBM: an ``LGBMClassifier``, a ``Booster`` or a file.

    A file is the text of ``save_model`` or the JSON of ``dump_model``. See `from_sklearn` for the parameters
    and errors. Splits compare ``x <= threshold`` in double precision.

    Examples
    --------
    >>> import btfsynth as btf
    >>> leaves = {"left_child": {"leaf_value": -1.0}, "right_child": {"leaf_value": 1.0}}
    >>> split = {"split_index": 0, "split_feature": 0, "threshold": 2.5, "decision_type": "<=", **leaves}
    >>> model = {"version": "v4", "num_tree_per_iteration": 1, "objective": "binary sigmoid:1",
    ...          "feature_names": ["t"], "tree_info": [{"tree_structure": split}]}
    >>> import json, pathlib
    >>> pathlib.Path("lgb.json").write_text(json.dumps(model)) > 0
    True
    >>> btf.from_lightgbm("lgb.json").predict([[2.5], [2.75]]).tolist()
    [0, 1]
    """
    return _from(model, X, _options(code, leaf_bits, name), "lightgbm")


def from_onnx(
    path: StrPath, X: Any = None, *, leaf_bits: int | None = None, name: str | None = None
) -> Imported:
    """Import a perceptron of binary, ternary or few-bit layers from an ONNX or QONNX file.

    ``network`` is then the threshold network: batch normalisation and quantisers are folded into integer
    thresholds. Rows are compared with ONNX Runtime if it is installed and knows all operators, otherwise with
    the operators evaluated one by one. The input needs a quantiser of up to 4 bits, or `X` must contain bits,
    signs or small whole numbers.

    Parameters
    ----------
    path
        The file.
    X
        Rows as the model takes them.
    leaf_bits
        Bits of the largest factor of a class, if batch normalisation scales the sums of the last layer. None
        takes up to 15 bits if these compare all sums as the model does, otherwise 12. A label may then differ
        where two scores are closer than the error that a note states.
    name
        Name of the function; by default that of the file.

    Raises
    ------
    DataError
        If a node is not supported; the message names it and an alternative.
    VerificationError
        If the label of a row differs from the model's without being explained by rounding.

    Examples
    --------
    >>> import btfsynth as btf, numpy as np, onnx
    >>> make = onnx.helper
    >>> nodes = [make.make_node("MatMul", ["x", "w"], ["h"]), make.make_node("Sign", ["h"], ["y"])]
    >>> weights = onnx.numpy_helper.from_array(np.array([[1], [-1], [1]], dtype=np.float32), "w")
    >>> ports = [make.make_tensor_value_info(name, 1, ["N", width]) for name, width in [("x", 3), ("y", 1)]]
    >>> graph = make.make_graph(nodes, "signs", ports[:1], ports[1:], [weights])
    >>> versions = [make.make_opsetid("", 17)]
    >>> onnx.save(make.make_model(graph, opset_imports=versions, ir_version=8), "signs.onnx")
    >>> found = btf.from_onnx("signs.onnx", [[1, -1, 1], [-1, 1, 1]])
    >>> found.predict([[1, -1, 1], [-1, 1, 1]]).tolist(), found.netlist.cells
    ([[1], [0]], 1)
    """
    from btfsynth.models.onnx_model import read_onnx

    return imported(read_onnx(path, X, _options("auto", leaf_bits, name)), X)


def from_gates(path: StrPath, X: Any = None, *, name: str | None = None) -> Imported:
    """Import a network of gates or lookup tables.

    The file is a circuit of torchlogix (``Circuit.write_json``) or an ``.npz`` with the arrays of a network of
    gates, such as difflogic's, or of lookup tables. See `from_onnx` for the parameters and errors.

    Examples
    --------
    >>> import btfsynth as btf, numpy as np
    >>> np.savez("gates.npz", inputs=2, connections0=[[0, 1], [0, 1]], gates0=[6, 1])
    >>> btf.from_gates("gates.npz").predict([[1, 0], [1, 1]]).tolist()
    [[1, 0], [0, 1]]
    """
    from btfsynth.models.readers import read_model_file

    path = as_path(path)
    return imported(read_model_file(path, X, _options("auto", None, name or path.stem)), X)


def _from(model: Any, X: Any, options: ReadOptions, library: str) -> Imported:
    """Read a model of a library, or a file of one."""
    if isinstance(model, (str, PathLike)):
        from btfsynth.models.readers import read_model_file

        path = as_path(model)
        read = replace(options, name=options.name or path.stem)
        return imported(read_model_file(path, X, read), X)
    if library == "xgboost":
        from btfsynth.models.xgboost_model import read_xgboost

        return imported(read_xgboost(model, X, options), X)
    from btfsynth.models.lightgbm_model import read_lightgbm

    return imported(read_lightgbm(model, X, options), X)


def _options(code: str, leaf_bits: int | None, name: str | None) -> ReadOptions:
    return ReadOptions(code, leaf_bits, name)


def imported(model: ImportedModel, X: Any) -> Imported:
    """Return a model that was compared with its library."""
    found: Sequence[Comparison] = importing.compared(model, X)
    return Imported(model, Comparisons(found))
