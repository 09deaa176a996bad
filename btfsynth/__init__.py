"""Learn a Boolean function as threshold neurons and turn it into a small, proven netlist.

    import btfsynth as btf

    data = btf.load("multiplier:3")              # a task or a file; btf.Dataset(X, y) from arrays
    network = btf.train(data, seed=1).network    # network(X) -> y
    mig = network.lower(data).optimize("size")   # a netlist, checked at every pass
    design = mig.write("out", vectors=data)      # Verilog, VHDL, Amaranth, testbenches
    design.simulate("icarus")

Names are loaded when they are first used, so that importing the package takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from btfsynth.api.approximate import Approximation, approximate
    from btfsynth.api.classifier import BTFClassifier
    from btfsynth.api.codes import Code
    from btfsynth.api.data import Dataset, load, tasks
    from btfsynth.api.designs import (
        Build,
        Design,
        Discovery,
        Learned,
        build,
        discover,
        learn,
    )
    from btfsynth.api.gates import GateNetlist
    from btfsynth.api.models import (
        Imported,
        from_gates,
        from_lightgbm,
        from_onnx,
        from_sklearn,
        from_xgboost,
    )
    from btfsynth.api.netlists import Netlist, prove, read, smallest
    from btfsynth.api.show import Equivalence
    from btfsynth.api.training import Network, TrainingRun, train, tune
    from btfsynth.api.transformer import BTFTransformer
    from btfsynth.errors import (
        BtfsynthError,
        DataError,
        InterruptedWorkError,
        MissingToolError,
        OutputError,
        ToolError,
        TrainingError,
        UsageError,
        VerificationError,
    )
    from btfsynth.events import (
        ApproximationStatus,
        BetterCircuit,
        Event,
        Note,
        PassProgress,
        SearchStatus,
        SettingsTried,
        StageBegan,
        TrialEnded,
        TrialProgress,
    )
    from btfsynth.ports import Port

_HOMES = {
    "api.codes": ("Code",),
    "api.data": ("Dataset", "load", "tasks"),
    "api.training": ("Network", "TrainingRun", "train", "tune"),
    "api.netlists": ("Netlist", "prove", "read", "smallest"),
    "api.models": (
        "Imported",
        "from_gates",
        "from_lightgbm",
        "from_onnx",
        "from_sklearn",
        "from_xgboost",
    ),
    "api.approximate": ("Approximation", "approximate"),
    "api.show": ("Equivalence",),
    "api.gates": ("GateNetlist",),
    "api.designs": ("Build", "Design", "Discovery", "Learned", "build", "discover", "learn"),
    "events": (
        "ApproximationStatus",
        "BetterCircuit",
        "Event",
        "Note",
        "PassProgress",
        "SearchStatus",
        "SettingsTried",
        "StageBegan",
        "TrialEnded",
        "TrialProgress",
    ),
    "ports": ("Port",),
    "api.transformer": ("BTFTransformer",),
    "api.classifier": ("BTFClassifier",),
    "errors": (
        "BtfsynthError",
        "DataError",
        "InterruptedWorkError",
        "MissingToolError",
        "OutputError",
        "ToolError",
        "TrainingError",
        "UsageError",
        "VerificationError",
    ),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Approximation",
    "ApproximationStatus",
    "BTFClassifier",
    "BTFTransformer",
    "BetterCircuit",
    "BtfsynthError",
    "Build",
    "Code",
    "DataError",
    "Dataset",
    "Design",
    "Discovery",
    "Equivalence",
    "Event",
    "GateNetlist",
    "Imported",
    "InterruptedWorkError",
    "Learned",
    "MissingToolError",
    "Netlist",
    "Network",
    "Note",
    "OutputError",
    "PassProgress",
    "Port",
    "SearchStatus",
    "SettingsTried",
    "StageBegan",
    "ToolError",
    "TrainingError",
    "TrainingRun",
    "TrialEnded",
    "TrialProgress",
    "UsageError",
    "VerificationError",
    "__version__",
    "approximate",
    "build",
    "discover",
    "from_gates",
    "from_lightgbm",
    "from_onnx",
    "from_sklearn",
    "from_xgboost",
    "learn",
    "load",
    "prove",
    "read",
    "smallest",
    "tasks",
    "train",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'btfsynth' has no attribute {name!r}")
    from btfsynth.errors import MissingToolError

    try:
        value = getattr(importlib.import_module(f"btfsynth.{_HOME[name]}"), name)
    except MissingToolError as error:
        return _unavailable(name, error)
    globals()[name] = value
    return value


def _unavailable(name: str, error: Exception) -> type:
    """Return a class that raises the error when it is used, so that `help` and `dir` need no extra."""

    def refuse(self: object, *_: object, **__: object) -> None:
        raise error

    return type(name, (), {"__init__": refuse, "__doc__": str(error)})


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
