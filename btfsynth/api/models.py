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
    """What was compared with the library: rows, those with its label, and those within the stated rounding."""

    __slots__ = ()
    shown = ("what", "rows", "same", "near")


@dataclass(frozen=True, eq=False, repr=False)
class Imported(Shown):
    """What `from_sklearn` made, or another of these functions: a model of another library in bits."""

    core: ImportedModel
    compared: Comparisons
    """Rows that were compared with the library's own labels."""

    @property
    def name(self) -> str:
        """Name of the function, and of the hardware module made from it."""
        return self.core.name

    @property
    def code(self) -> Code | None:
        """How rows become the bits of the inputs; None where the model reads bits."""
        return None if self.core.code is None else Code(self.core.code, self.core.classes)

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels, in the order of the number that the hardware gives."""
        return self.core.classes

    @property
    def netlist(self) -> Netlist:
        """The netlist before any pass."""
        return Netlist(self.core.netlist)

    @property
    def network(self) -> Network | None:
        """The threshold network that the model is; None if it is none."""
        return None if self.core.network is None else Network(self.core.network)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was rounded and how far, one line each."""
        return self.core.notes

    def predict(self, X: Any) -> NDArray[Any]:
        """Return what the hardware will say of rows: labels, or ``(rows, outputs)`` 0/1 without classes."""
        return np.asarray(self.core.predict(X))

    def compare(self, X: Any) -> Comparisons:
        """Compare rows with the library's own labels; a `VerificationError` shows the first that differs."""
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
        """Make the netlist smaller, proven equal, and write a design folder that is simulated.

        Parameters
        ----------
        folder
            Made if it is missing. A design that fails does not replace one that was verified.
        X
            Rows to compare with the library first, and to simulate.
        on_event
            Called with a `StageBegan` for every stage and with the progress of the passes.
        **settings
            See below.

        Raises
        ------
        UsageError
            If a setting is unknown or out of range.
        VerificationError
            If a row has another label than the library's, or a simulator finds a fault.
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
    """Return a fitted classifier of scikit-learn in bits.

    Decision trees, forests, boosted trees, linear classifiers, Bernoulli naive Bayes, alone or at the end of a
    Pipeline. Rows at all thresholds, and those of `X`, are compared with ``model.predict``.

    Parameters
    ----------
    model
        A fitted classifier or Pipeline.
    X
        Rows as ``model.predict`` takes them. Those of whole numbers go into hardware as they are.
    code
        What columns of numbers become: ``"thresholds"``, a bit for each threshold of the model,
        ``"intervals"``, the number of the interval between them, ``"numbers"``, whole numbers as they are, or
        what suits.
    leaf_bits
        Bits of the largest leaf or weight, which are rounded to integers; None takes as many as keep the label
        of every row. With fewer, rows may get another label where two sums are closer than the rounding.
    name
        Name of the function; by default that of the kind of model.

    Raises
    ------
    UsageError
        If the model is not supported; the message names the way round.
    VerificationError
        If a row has another label than the library gives it.

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
    """Return a classifier of XGBoost in bits: an ``XGBClassifier``, a ``Booster`` or a file of ``save_model``.

    See `from_sklearn` for the parameters and errors. Splits compare ``x < threshold`` in single precision; of a
    training that was stopped early the rounds up to the best one count.

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
    """Return a classifier of LightGBM in bits: an ``LGBMClassifier``, a ``Booster`` or a file.

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
    """Return a perceptron of binary, ternary or few-bit layers in ONNX or QONNX in bits.

    ``network`` is then the threshold network: batch normalisation and quantisers are folded into integer
    thresholds. Rows are compared with ONNX Runtime where that is installed and knows all operators, else with
    the operators evaluated one by one. The input needs a quantiser of up to 4 bits, or `X` of bits, signs or
    small whole numbers.

    Parameters
    ----------
    path
        The file.
    X
        Rows as the model takes them.
    leaf_bits
        Bits of the largest factor of a class, where batch normalisation scales the last layer's sums; None
        tries whether up to 15 compare all sums as the model does, and else takes 12. Rows may get another label
        where two scores are closer than ``core.bound`` allows.
    name
        Name of the function; by default that of the file.

    Raises
    ------
    DataError
        If a node is not supported; the message names it, and the way round.
    VerificationError
        If a row has another label than the model gives it.

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
    """Return a network of gates or lookup tables in bits.

    The file is torchlogix' circuit (``Circuit.write_json``) or an ``.npz`` of arrays, which holds networks of
    difflogic and of lookup tables as well. See `from_onnx` for the rest.

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
