"""Design folders, and the functions that make them: build, discover and learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from btfsynth.api.codes import Code
from btfsynth.api.data import Dataset, as_dataset
from btfsynth.api.netlists import Netlist
from btfsynth.api.settings import documented, listener, require_known, taken, vectors
from btfsynth.api.show import PassRow, Shown, Table
from btfsynth.api.training import Network, TrainingRun, core_of, train_options
from btfsynth.discovery.search import DiscoverOptions, DiscoverReport
from btfsynth.discovery.search import discover as run_discovery
from btfsynth.errors import InterruptedWorkError, UsageError, VerificationError, shown
from btfsynth.events import OnEvent
from btfsynth.files import StrPath, as_path
from btfsynth.flow import building
from btfsynth.flow.predict import predict, read_model
from btfsynth.flow.report import BuildOptions, BuildReport
from btfsynth.fpga.devices import get_device
from btfsynth.fpga.flow import FpgaOptions, run_fpga
from btfsynth.fpga.place import PlaceOptions
from btfsynth.hdl.design import HardwareOptions
from btfsynth.hdl.manifest import CODE_ROLE, Manifest, load_manifest
from btfsynth.learning.base import LearnOptions
from btfsynth.learning.learning import learn as run_learning
from btfsynth.learning.report import LearnReport, Score
from btfsynth.netlist.text import read_netlist
from btfsynth.network.network import Accuracy
from btfsynth.ports import total_width
from btfsynth.report.page import PAGE_FILE, write_report
from btfsynth.settings.table import BUILD, DISCOVER, HARDWARE, LEARN, TRAIN
from btfsynth.sim.simulators import CheckResult
from btfsynth.verify.chain import DEFAULT_MUTANTS, verify_design
from btfsynth.verify.links import Link, LinkResult
from btfsynth.verify.simulate import simulate_design

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from btfsynth.api.settings import BuildSettings, DiscoverSettings, LearnSettings


class Checks(Table[CheckResult]):
    """Checks of a design: true if at least one ran and none failed."""

    __slots__ = ()
    shown = ("name", "passed", "failed", "mismatch", "skipped", "seconds")

    def __bool__(self) -> bool:
        ran = [check for check in self if check.skipped is None]
        return len(ran) > 0 and all(check.ok for check in ran)


class Links(Table[Link]):
    """The chain of checks of a design: true if at least one passed and none failed."""

    __slots__ = ()
    shown = ("name", "result", "covers", "detail", "seconds")

    def __bool__(self) -> bool:
        results = [link.result for link in self]
        return LinkResult.PASSED in results and LinkResult.FAILED not in results


class FpgaRow(NamedTuple):
    """Figures on an FPGA of the design, or of a case statement with the same truth table.

    Lookup tables and levels are those of the module alone; the clock rate (MHz) is with registers around it.
    """

    name: str
    luts: int
    levels: int
    fmax: float | None


@dataclass(frozen=True, repr=False)
class Design(Shown):
    """A folder with hardware: Verilog, VHDL, Amaranth, testbenches, test vectors and a manifest.

    Written by `Netlist.write`, `build`, `discover` and `learn`; ``Design(folder)`` opens one, and raises a
    `DataError` if the folder holds none.

    Examples
    --------
    >>> import btfsynth as btf
    >>> design = btf.smallest("full_adder").netlist.write("adder")
    >>> design
    <Design: module full_adder, inputs a, b, cin, outputs s, cout, folder adder>
    >>> design.simulate("amaranth")["passed"].tolist(), bool(btf.prove(design, "full_adder"))
    ([8, 8], True)
    """

    folder: Path

    def __init__(self, folder: StrPath) -> None:
        object.__setattr__(self, "folder", as_path(folder))
        load_manifest(self.folder)

    @property
    def manifest(self) -> Manifest:
        """The manifest: module, ports, files with their hashes, and how the design was made."""
        return load_manifest(self.folder)

    @property
    def files(self) -> dict[str, Path]:
        """Paths of the files by role: ``verilog``, ``vhdl``, ``amaranth``, ``testbench``, ..."""
        return {role: self.folder / name for role, name in self.manifest.files.items()}

    @property
    def netlist(self) -> Netlist:
        """The netlist that the hardware was made from."""
        return Netlist(read_netlist(self.folder / f"{self.manifest.module}.mig"), code=self.code)

    @property
    def code(self) -> Code | None:
        """The code from table rows to input bits, and from outputs to classes; None for plain bits."""
        return Code.load(self.folder) if CODE_ROLE in self.manifest.files else None

    def predict(self, X: Dataset | ArrayLike) -> NDArray[Any]:
        """Return the class of each row, or ``(rows, outputs)`` uint8 0/1 of outputs without classes.

        Parameters
        ----------
        X
            Rows that fit the code of the design: a frame, an array of numbers and words, or a data set. Bits if
            the design has no code.

        Raises
        ------
        UsageError, DataError
            If they do not fit.

        Examples
        --------
        >>> import btfsynth as btf
        >>> rows = [[2.5, "a"], [7.0, "a"], [9.5, "b"], [3.5, "b"]]
        >>> data = btf.Dataset(rows, ["low", "high", "high", "low"], name="level").coded()
        >>> design = btf.train(data, seed=1).network.lower(data).write("level", vectors=data)
        >>> design.predict([[2.1, "a"], [9.9, "b"]]).tolist()
        ['low', 'high']
        """
        model = read_model(self.folder)
        if isinstance(X, Dataset):
            made = predict(model, X.core)
            return np.array(made.labels) if made.labels else made.outputs
        if model.code is None:
            bits = vectors(np.atleast_2d(np.asarray(X)), total_width(model.core.input_ports))
        else:
            bits = Code(model.code, model.classes).encode(X)
        answers = model.answers(bits)
        return np.array(model.labels(answers)) if model.classes else answers

    def simulate(self, *simulators: str, timeout: float | None = None) -> Checks:
        """Simulate the hardware on its vectors; the Verilog is also parsed back and compared.

        Parameters
        ----------
        *simulators
            ``"amaranth"``, ``"icarus"``, ``"verilator"``, ``"cocotb"``, ``"ghdl"``. By default all that are
            installed and not too slow for the design. A missing simulator is skipped and reported.
        timeout
            Seconds after which a simulator is stopped; by default by the size of the design.

        Raises
        ------
        UsageError
            If a name is unknown.
        ToolError
            If a simulator fails to build or to run.
        InterruptedWorkError
            On Ctrl-C.
        """
        timeout = BUILD["timeout"].take(timeout)
        try:
            return Checks(simulate_design(self.folder, _names(simulators), timeout))
        except KeyboardInterrupt:
            raise InterruptedWorkError(f"{self.folder}: interrupted; not all checks ran") from None

    def verify(
        self, *simulators: str, mutants: int = DEFAULT_MUTANTS, timeout: float | None = None
    ) -> Links:
        """Check the folder link by link, from the hashes of its files to the faults that its vectors detect.

        All `simulators` are required. `mutants` is the maximum number of faults. `timeout` is in
        seconds, per command of a tool and per SAT proof.

        Raises
        ------
        UsageError
            If a simulator is unknown.
        MissingToolError
            If one of them is not installed.
        InterruptedWorkError
            On Ctrl-C.
        """
        timeout = BUILD["timeout"].take(timeout)
        try:
            return Links(verify_design(self.folder, mutants, _names(simulators), timeout).links)
        except KeyboardInterrupt:
            raise InterruptedWorkError(f"{self.folder}: interrupted; not all checks ran") from None

    def fpga(
        self,
        device: str = "ice40-hx1k",
        folder: StrPath | None = None,
        *,
        freq: float | None = None,
        seed: int = 1,
        tries: int = 4,
    ) -> Table[FpgaRow]:
        """Map, place and route the design with Yosys and nextpnr; write a bitstream and figures.

        Parameters
        ----------
        device
            Such as ``"ice40-hx1k"`` or ``"ecp5-25k"``.
        folder
            Where the files go; by default ``fpga-<device>`` in the folder of the design.
        freq
            Target clock in MHz.
        seed, tries
            Seed of the placement, and number of input orders for each mapping script.

        Raises
        ------
        UsageError
            If the device is unknown.
        MissingToolError
            If Yosys or nextpnr is not installed.
        VerificationError
            If the design does not fit the device, misses `freq` or fails a check; the files are kept.
        """
        target = get_device(device)
        output = self.folder / f"fpga-{device}" if folder is None else as_path(folder)
        settings = FpgaOptions(PlaceOptions(seed, freq), tries)
        result = run_fpga(self.folder, target, settings, output)
        if result.failure:
            raise VerificationError(f"{result.directory}: {result.failure}")
        columns = {"design": result.design, "case statement": result.case}
        return Table(
            FpgaRow(name, each.mapping.counts.luts, each.mapping.counts.levels, each.placed.fmax)
            for name, each in columns.items()
            if each is not None
        )

    def report(self, path: StrPath | None = None) -> Path:
        """Write one HTML page about the design, with a circuit to click through; return its path.

        Raises
        ------
        DataError
            If the folder no longer holds a design.
        OutputError
            If the page cannot be written.
        """
        return _report(self.folder, path)

    def _facts(self) -> dict[str, object]:
        manifest = self.manifest
        inputs, outputs = (
            [port.label for port in ports]
            for ports in (manifest.input_ports, manifest.output_ports)
        )
        return {
            "module": manifest.module,
            "inputs": inputs,
            "outputs": outputs,
            "folder": self.folder,
        }


def _names(simulators: Sequence[Any]) -> Sequence[str] | None:
    """Return the names of simulators, given one by one or as a list."""
    if len(simulators) == 1 and isinstance(simulators[0], (list, tuple)):
        simulators = simulators[0]
    return simulators or None


def _report(folder: Path, path: StrPath | None) -> Path:
    page = folder / PAGE_FILE if path is None else as_path(path)
    write_report(folder, page)
    return page


class Made(Shown):
    """Hardware that was made and checked; true if it was verified."""

    core: Any

    @property
    def design(self) -> Design:
        """The design folder; a failed design is written beside a requested folder with a verified one."""
        return Design(self.core.directory)

    @property
    def checks(self) -> Checks:
        """The checks of network and hardware."""
        return Checks(self.core.checks.values())

    @property
    def verified(self) -> bool:
        """True if no check failed and a simulator ran the hardware."""
        return bool(self.core.verified)

    @property
    def verdict(self) -> str:
        """The result of all checks in one line."""
        return str(self.core.verdict)

    def __bool__(self) -> bool:
        return self.verified


@dataclass(frozen=True, eq=False, repr=False)
class Build(Made):
    """Result of `build` and `BTFClassifier.write`; true if the hardware was verified.

    `design` is the design folder, to predict, simulate, verify and place the hardware.

    Examples
    --------
    >>> import btfsynth as btf
    >>> rows, levels = [[2.5], [7.0], [9.5], [3.5]], ["low", "high", "high", "low"]
    >>> data = btf.Dataset(rows, levels, inputs=["t"]).coded()
    >>> built = btf.build(data, "level", simulators=["amaranth"])
    >>> built.verified, built.design.predict([[1.5], [8.25]]).tolist()
    (True, ['low', 'high'])
    """

    core: BuildReport
    data: Dataset

    @property
    def network(self) -> Network:
        """The network as it was trained or given."""
        return Network(self.core.origin.network)

    @property
    def run(self) -> TrainingRun | None:
        """The training; None if the network was given."""
        run, seed = self.core.origin.run, self.core.origin.seed
        return None if run is None or seed is None else TrainingRun(run, self.data, seed)

    @property
    def netlist(self) -> Netlist:
        """The netlist, with the log of its passes."""
        return replace(self.design.netlist, log=Table(map(PassRow.of, self.core.passes)))

    @property
    def accuracy(self) -> dict[str, dict[str, Accuracy]]:
        """Accuracy of the network as ``trained``, ``quantised`` (integer weights) and as ``netlist``.

        Measured on the patterns (``train``) and on the validation set (``valid``); empty if all three are
        the same network.
        """
        return {} if self.core.hardware is None else self.core.hardware.accuracy

    @property
    def labels_as_trained(self) -> dict[str, int]:
        """By data set, the number of patterns whose ``class_number`` is the class of the trained network."""
        return {} if self.core.hardware is None else self.core.hardware.labels_as_trained

    def _facts(self) -> dict[str, object]:
        cost = self.core.cost
        facts = {"name": self.data.name, "cells": cost.cells, "depth": cost.depth}
        return facts | {"folder": self.core.directory, "verdict": self.verdict}


@documented(TRAIN, HARDWARE, BUILD)
def build(
    source: Dataset | StrPath,
    folder: StrPath,
    *,
    seed: int = 1,
    network: Network | None = None,
    valid: Dataset | StrPath | None = None,
    on_event: OnEvent | None = None,
    **settings: Unpack[BuildSettings],
) -> Build:
    """Train a network, turn it into a small netlist, write the hardware and check it.

    Parameters
    ----------
    source
        A data set, a task or a file.
    folder
        Folder of the files; created if missing. A design that fails does not replace one that was verified.
    seed
        Random seed.
    network
        A trained network to use; then nothing is trained.
    valid
        Validation set: selects the best network, and its inputs are simulated as well.
    on_event
        Called with events of the training (see `train`) and a `StageBegan` for every stage.
    **settings
        See below; they include those of `train` and of `Netlist.write`.

    Raises
    ------
    UsageError
        If a setting or the data are invalid; raised before anything is trained or written.
    TrainingError, InterruptedWorkError
        If no network met the stopping rule, or on Ctrl-C; the best network is in the folder.
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> import btfsynth as btf
    >>> built = btf.build("multiplier:2", "out", simulators=["amaranth"], pipeline=2)
    >>> built.netlist.cells, built.verdict
    (8, 'verified: hardware equals the netlist; 64 of 64 targets right (100%)')
    """
    given: dict[str, Any] = dict(settings)
    require_known(build, given, TRAIN, HARDWARE, BUILD)
    on_event = listener(on_event)
    training = taken(given, *TRAIN, "topology")
    hardware = HardwareOptions(**taken(given, *HARDWARE))
    if network is not None and training:
        name = next(iter(training))
        raise UsageError(f"build: `{name}` has no effect with `network`: nothing is trained")
    asked = BuildOptions(training=train_options(seed, training), hardware=hardware, **given)
    data = as_dataset(source)
    checked = None if valid is None else as_dataset(valid).core
    if network is None:
        return Build(building.build(data.core, folder, asked, on_event, checked), data)
    core = core_of("network", network)
    file = f"{network.name}.npz"
    made = building.build_network(data.core, core, file, folder, asked, on_event, checked)
    return Build(made, data)


class FrontRow(NamedTuple):
    """A circuit on the Pareto front of cells, depth and inverters."""

    cells: int
    depth: int
    inverters: int
    verified: bool
    path: Path


@dataclass(frozen=True, eq=False, repr=False)
class Discovery(Shown):
    """Result of `discover`: the Pareto front, each circuit a checked design.

    `trials`, `exact` and `distinct` count trainings, exact trainings and distinct circuits, including those of
    earlier sessions.
    """

    core: DiscoverReport
    trials: int = field(init=False)
    exact: int = field(init=False)
    distinct: int = field(init=False)

    def __post_init__(self) -> None:
        for name in ("trials", "exact", "distinct"):
            object.__setattr__(self, name, getattr(self.core, name))

    @property
    def folder(self) -> Path:
        """Folder of the results, from which the search can be resumed."""
        return self.core.directory

    @property
    def front(self) -> Table[FrontRow]:
        """The circuits of the front, the best one by `objective` first."""
        names = FrontRow._fields[:-1]
        return Table(
            FrontRow._make((*map(entry.get, names), self.folder / entry["path"]))
            for entry in self.core.front
        )

    @property
    def best(self) -> Design:
        """The design of the best circuit; a `VerificationError` if there is none."""
        if not self.core.front:
            raise VerificationError(f"{self.core.name}: no circuit was found")
        return Design(self.front[0].path)

    def report(self, path: StrPath | None = None) -> Path:
        """Write one HTML page about the circuits; return its path.

        Raises
        ------
        OutputError
            If the page cannot be written.
        """
        return _report(self.folder, path)

    def _facts(self) -> dict[str, object]:
        counts = {"trials": self.trials, "exact": self.exact, "distinct": self.distinct}
        return {"name": self.core.name, **counts, "front": len(self.front), "folder": self.folder}


@documented(DISCOVER, TRAIN)
def discover(
    source: Dataset | StrPath,
    folder: StrPath,
    *,
    seed: int = 1,
    resume: bool = False,
    on_event: OnEvent | None = None,
    **settings: Unpack[DiscoverSettings],
) -> Discovery:
    """Search for small circuits in many trainings and keep the Pareto front of cells, depth and inverters.

    Parameters
    ----------
    source
        A Boolean data set, a task or a file.
    folder
        Folder of circuits and records, which are written as soon as they are found.
    seed
        Random seed.
    resume
        Continue the search in the folder; otherwise an earlier one is moved aside.
    on_event
        Called with a `SearchStatus` a few times per second, a `StageBegan` and a `Note`.
    **settings
        See below; settings of `train` apply to all trials.

    Raises
    ------
    UsageError
        If a setting or the data are invalid.
    DataError
        If the folder contains something else.
    InterruptedWorkError
        On the second Ctrl-C; the first one ends the search and returns what was found.

    Examples
    --------
    >>> import btfsynth as btf
    >>> found = btf.discover("multiplier:2", "found", trials=4, polish=False)
    >>> found.front[0].cells, found.best.netlist.cells
    (8, 8)
    """
    given: dict[str, Any] = dict(settings)
    require_known(discover, given, DISCOVER, TRAIN)
    on_event = listener(on_event)
    training = taken(given, *(name for name in TRAIN if name not in DISCOVER), "topology")
    asked = DiscoverOptions(training=train_options(seed, training), **given)
    return Discovery(
        run_discovery(as_dataset(source).core, folder, asked, resume=resume, on_event=on_event)
    )


class LearnerRow(NamedTuple):
    """A learner's best circuit: shares of the samples right, cells, AND nodes, whether it was chosen."""

    learner: str
    how: str
    train: float
    valid: float
    test: float | None
    cells: int | None
    ands: int | None
    won: bool


@dataclass(frozen=True, eq=False, repr=False)
class Learned(Made):
    """Result of `learn`; true if the hardware was verified."""

    core: LearnReport

    @property
    def netlist(self) -> Netlist:
        """The circuit of all outputs."""
        return Netlist(self.core.netlist)

    @property
    def scores(self) -> dict[str, Score]:
        """Shares of correct bits and patterns of the data sets ``train``, ``valid`` and ``test``."""
        return self.core.scores

    @property
    def winners(self) -> tuple[str, ...]:
        """The learner whose circuit was chosen, for each output bit."""
        return tuple(outcome.candidates[0].learner for outcome in self.core.outcomes)

    def learners(self, output: int = 0) -> Table[LearnerRow]:
        """Return the best circuit of every learner for an output bit, the baselines last.

        Raises
        ------
        UsageError
            If there is no such output.
        """
        count = len(self.core.outcomes)
        if not isinstance(output, int) or not 0 <= output < count:
            raise UsageError(f"`output`: expected 0 to {count - 1}, got {shown(output)}")
        rows = self.core.rows(output)
        return Table(LearnerRow._make(map(row.get, LearnerRow._fields)) for row in rows)

    def _facts(self) -> dict[str, object]:
        scores = {f"{name} bits": score.bits for name, score in self.scores.items()}
        return {"name": self.core.netlist.name, "cells": self.core.cost.cells, **scores}


@documented(LEARN)
def learn(
    train: Dataset | StrPath,
    folder: StrPath,
    *,
    valid: Dataset | StrPath | None = None,
    test: Dataset | StrPath | None = None,
    seed: int = 1,
    on_event: OnEvent | None = None,
    **settings: Unpack[LearnSettings],
) -> Learned:
    """Learn from samples a circuit that generalises: many learners compete, and the best on `valid` is built.

    Parameters
    ----------
    train
        Boolean samples to learn from: a data set, a task or a file.
    folder
        Folder of the hardware; created if missing.
    valid
        Validation samples that select the circuit; by default a quarter of `train`.
    test
        Test samples, used only to measure the result.
    seed
        Seed of the split and of all random starts.
    on_event
        Called with a `BetterCircuit` for every new best circuit, a `StageBegan` and a `Note`.
    **settings
        See below. `oracle` may also be a function, from ``(vectors, inputs)`` to ``(vectors, outputs)`` 0/1.

    Raises
    ------
    UsageError
        If a setting or the data are invalid.
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> import btfsynth as btf
    >>> data = btf.load("parity:8")
    >>> settings = {"trials": 1, "baselines": False, "simulators": ["amaranth"]}
    >>> made = btf.learn(data.sample(60), "out", test=data.sample(100, seed=2), **settings)
    >>> made.scores["test"].bits, made.winners
    (1.0, ('polynomial',))
    """
    given: dict[str, Any] = dict(settings)
    require_known(learn, given, LEARN)
    on_event = listener(on_event)
    oracle = given.pop("oracle") if callable(given.get("oracle")) else None
    checked, measured = (
        None if each is None else as_dataset(each, conflicts=None).core for each in (valid, test)
    )
    return Learned(
        run_learning(
            as_dataset(train, conflicts=None).core,
            folder,
            LearnOptions(seed=seed, **given),
            valid=checked,
            test=measured,
            on_event=on_event,
            oracle=oracle,
        )
    )
