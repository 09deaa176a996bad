"""Design folders, and the work that ends in them: build, discover and learn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from btfsynth.api.data import Dataset, as_dataset
from btfsynth.api.netlists import Netlist, PassRow
from btfsynth.api.settings import documented, require_known, taken
from btfsynth.api.show import Shown, Table
from btfsynth.api.training import Network, TrainingRun, train_options
from btfsynth.discover.search import DiscoverOptions, DiscoverReport
from btfsynth.discover.search import discover as run_discovery
from btfsynth.errors import UsageError, VerificationError
from btfsynth.events import OnEvent
from btfsynth.files import StrPath, as_path
from btfsynth.flow import building
from btfsynth.flow.recipe import BuildOptions
from btfsynth.flow.report import BuildReport
from btfsynth.fpga.devices import get_device
from btfsynth.fpga.flow import FpgaOptions, FpgaResult, run_fpga
from btfsynth.fpga.place import PlaceOptions
from btfsynth.hdl.design import HardwareOptions
from btfsynth.hdl.manifest import Manifest, load_manifest
from btfsynth.learn.base import LearnOptions
from btfsynth.learn.learning import learn as run_learning
from btfsynth.learn.report import LearnReport, Score
from btfsynth.netlist.text import read_netlist
from btfsynth.network.accuracy import Accuracy
from btfsynth.report.page import PAGE_FILE, write_report
from btfsynth.settings.table import BUILD, DISCOVER, HARDWARE, LEARN, TRAIN
from btfsynth.sim.base import CheckResult
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


@dataclass(frozen=True, repr=False)
class Design(Shown):
    """A folder with hardware: Verilog, VHDL, Amaranth, testbenches, test vectors and a manifest.

    Made by `Netlist.write`, `build`, `discover` and `learn`; ``Design(folder)`` opens one.

    Parameters
    ----------
    folder
        The folder.

    Raises
    ------
    DataError
        If it holds no design.

    Examples
    --------
    >>> import btfsynth as btf
    >>> design = btf.smallest("full_adder").netlist.write("adder")
    >>> design
    <Design: module full_adder, inputs a, b, cin, outputs s, cout, folder adder>
    >>> design.simulate("amaranth")["passed"].tolist()
    [8, 8]
    >>> bool(btf.prove(design, "full_adder"))
    True
    """

    folder: Path

    def __init__(self, folder: StrPath) -> None:
        object.__setattr__(self, "folder", as_path(folder))
        load_manifest(self.folder)

    @property
    def manifest(self) -> Manifest:
        """What the folder says of itself: ports, files and their hashes, how it was made."""
        return load_manifest(self.folder)

    @property
    def module(self) -> str:
        """Name of the hardware module."""
        return self.manifest.module

    @property
    def files(self) -> dict[str, Path]:
        """Paths of the files by what they are: ``verilog``, ``vhdl``, ``amaranth``, ``testbench``, ..."""
        return {role: self.folder / name for role, name in self.manifest.files.items()}

    @property
    def verilog(self) -> str:
        """Text of the Verilog module."""
        return self.files["verilog"].read_text(encoding="utf-8")

    @property
    def netlist(self) -> Netlist:
        """The netlist that the hardware was made from."""
        return Netlist(read_netlist(self.folder / f"{self.module}.mig"))

    def simulate(self, *simulators: str, timeout: float | None = None) -> Checks:
        """Simulate the hardware on its vectors; the Verilog is also parsed back and compared.

        Parameters
        ----------
        *simulators
            ``"amaranth"``, ``"icarus"``, ``"verilator"``, ``"cocotb"``, ``"ghdl"``; by default all that are
            installed and not too slow for the design. One that is missing is skipped, which its row says.
        timeout
            Seconds after which a simulator is stopped; by default they follow from the size of the design.

        Raises
        ------
        UsageError
            If a name is unknown.
        ToolError
            If a simulator fails to build or to run.
        """
        return Checks(simulate_design(self.folder, simulators or None, timeout))

    def verify(
        self, *simulators: str, mutants: int = DEFAULT_MUTANTS, timeout: float | None = None
    ) -> Links:
        """Check the folder link by link, from the hashes of its files to whether its vectors notice faults.

        Parameters
        ----------
        *simulators
            Simulators that must be there; by default those that are.
        mutants
            Faults to try at most.
        timeout
            Seconds per command of a tool, and per SAT proof.

        Raises
        ------
        UsageError
            If a name is unknown.
        """
        return Links(verify_design(self.folder, mutants, simulators or None, timeout).links)

    def fpga(
        self,
        device: str = "ice40-hx1k",
        *,
        folder: StrPath | None = None,
        freq: float | None = None,
        seed: int = 1,
        tries: int = 4,
    ) -> Fpga:
        """Map, place and route the design with Yosys and nextpnr, and write a bitstream.

        Parameters
        ----------
        device
            Such as ``"ice40-hx1k"`` or ``"ecp5-25k"``.
        folder
            Where the files go; by default ``fpga-<device>`` in the folder of the design.
        freq
            Clock to reach, in MHz.
        seed
            Seed of the placement.
        tries
            Orders of the inputs that each mapping script tries.

        Raises
        ------
        UsageError
            If the device is unknown.
        MissingToolError
            If Yosys or nextpnr is not installed.
        VerificationError
            If the design is larger than the device.
        """
        target = get_device(device)
        output = self.folder / f"fpga-{device}" if folder is None else as_path(folder)
        return Fpga(
            run_fpga(self.folder, target, FpgaOptions(PlaceOptions(seed, freq), tries), output)
        )

    def report(self, path: StrPath | None = None) -> Path:
        """Write one HTML page about the design, with a circuit to click through; return its path.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        page = self.folder / PAGE_FILE if path is None else as_path(path)
        write_report(self.folder, page)
        return page

    def _facts(self) -> dict[str, object]:
        manifest = self.manifest
        return {
            "module": manifest.module,
            "inputs": [port.label for port in manifest.input_ports],
            "outputs": [port.label for port in manifest.output_ports],
            "folder": self.folder,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Fpga(Shown):
    """A design on an FPGA; true if nothing failed.

    `luts` and `levels` are lookup tables and levels of the module alone, `fmax` the clock in MHz with
    registers around it, `case_luts` and `case_fmax` the same of a ``case`` statement of its truth table.
    """

    core: FpgaResult

    @property
    def luts(self) -> int:
        return self.core.design.mapping.counts.luts

    @property
    def levels(self) -> int:
        return self.core.design.mapping.counts.levels

    @property
    def fmax(self) -> float | None:
        return self.core.design.placed.fmax

    @property
    def case_luts(self) -> int | None:
        return None if self.core.case is None else self.core.case.mapping.counts.luts

    @property
    def case_fmax(self) -> float | None:
        return None if self.core.case is None else self.core.case.placed.fmax

    @property
    def files(self) -> dict[str, Path]:
        folder = self.core.directory or Path()
        return {role: folder / name for role, name in self.core.files.items()}

    @property
    def failure(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        return self.core.failure

    def __bool__(self) -> bool:
        return not self.failure

    def _facts(self) -> dict[str, object]:
        names = ("luts", "levels", "fmax", "case_luts", "case_fmax")
        return {"device": self.core.device.name} | {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False, repr=False)
class Build(Shown):
    """What `build` made; true if the hardware was verified.

    Examples
    --------
    >>> import btfsynth as btf
    >>> built = btf.build("full_adder", "adder", simulators=["amaranth"])
    >>> built.netlist.cells, built.checks["name"].tolist()
    (3, ['network', 'parsed_verilog', 'amaranth'])
    """

    core: BuildReport
    data: Dataset

    @property
    def design(self) -> Design:
        """The folder: beside the one asked for, if the build failed and that one holds a verified design."""
        assert self.core.directory is not None
        return Design(self.core.directory)

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
    def checks(self) -> Checks:
        """The checks of network and hardware."""
        return Checks(self.core.checks.values())

    @property
    def accuracy(self) -> dict[str, dict[str, Accuracy]]:
        """What the network as trained, with integer weights (``quantised``) and as netlist gets right.

        Of the patterns (``train``) and of the validation set; empty where all three are the same network.
        """
        return {} if self.core.hardware is None else self.core.hardware.accuracy

    @property
    def labels_as_trained(self) -> dict[str, int]:
        """On how many patterns the port with the class has the class that the network as trained gives them."""
        return {} if self.core.hardware is None else self.core.hardware.labels_as_trained

    @property
    def verified(self) -> bool:
        """True if no check failed and a simulator ran the hardware."""
        return self.core.verified

    @property
    def verdict(self) -> str:
        """What was found, in one line."""
        return self.core.verdict

    def __bool__(self) -> bool:
        return self.verified

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
    """Train a network, make it a small netlist, write the hardware and check it.

    Parameters
    ----------
    source
        A data set, a task or a file.
    folder
        Where the files go; made if it is missing. A design that fails does not replace one that was verified.
    seed
        Names the random starts.
    network
        A network to use in place of a training.
    valid
        Validation set: patterns to measure and to simulate, and to choose the best network by.
    on_event
        Called with events of the training (see `train`) and a `StageBegan` for every stage.
    **settings
        See below: those of `train` and of `Netlist.write`, and more.

    Raises
    ------
    UsageError
        If a setting or the data cannot be used; before anything is trained or written.
    TrainingError
        If no network met the stopping rule; the best one is in the folder.
    InterruptedWorkError
        On Ctrl-C; the best network is in the folder.
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> import btfsynth as btf
    >>> built = btf.build("multiplier:2", "out", simulators=["amaranth"], pipeline=2)
    >>> built.verdict
    'verified: hardware equals the netlist; 64 of 64 targets right (100%)'
    """
    given: dict[str, Any] = dict(settings)
    require_known("build", given, TRAIN, HARDWARE, BUILD)
    training = taken(given, *TRAIN, "topology")
    hardware = HardwareOptions(**taken(given, *HARDWARE))
    if network is not None and training:
        name = next(iter(training))
        raise UsageError(f"build: nothing is trained with `network`, so `{name}` has no use")
    asked = BuildOptions(training=train_options(seed, training), hardware=hardware, **given)
    data = as_dataset(source)
    checked = None if valid is None else as_dataset(valid).core
    if network is None:
        return Build(building.build(data.core, folder, asked, on_event, checked), data)
    name = f"{network.name}.npz"
    return Build(
        building.build_network(data.core, network.core, name, folder, asked, on_event, checked),
        data,
    )


class FrontRow(NamedTuple):
    """A circuit that no other beats in cells, depth and inverters."""

    cells: int
    depth: int
    inverters: int
    verified: bool
    path: Path


@dataclass(frozen=True, eq=False, repr=False)
class Discovery(Shown):
    """What `discover` found: the circuits that no other beats, each a checked design.

    Examples
    --------
    >>> import btfsynth as btf
    >>> found = btf.discover("multiplier:2", "found", trials=4, polish=False)
    >>> found.front[0].cells, found.best.netlist.cells
    (8, 8)
    """

    core: DiscoverReport

    @property
    def front(self) -> Table[FrontRow]:
        """The circuits, the best first."""
        return Table(
            FrontRow(
                entry["cells"],
                entry["depth"],
                entry["inverters"],
                entry["verified"],
                self.folder / entry["path"],
            )
            for entry in self.core.front
        )

    @property
    def best(self) -> Design:
        """The design of the first of them.

        Raises
        ------
        VerificationError
            If nothing was found.
        """
        if not self.core.front:
            raise VerificationError(f"{self.core.name}: no circuit was found")
        return Design(self.front[0].path)

    @property
    def folder(self) -> Path:
        """Where all is kept; the search can be resumed from it."""
        return self.core.directory

    @property
    def trials(self) -> int:
        """Trainings, those of earlier sessions included."""
        return self.core.trials

    @property
    def exact(self) -> int:
        """Trainings that got every target right."""
        return self.core.exact

    @property
    def distinct(self) -> int:
        """Different circuits that were found."""
        return self.core.distinct

    def report(self, path: StrPath | None = None) -> Path:
        """Write one HTML page about the circuits; return its path."""
        page = self.folder / PAGE_FILE if path is None else as_path(path)
        write_report(self.folder, page)
        return page

    def _facts(self) -> dict[str, object]:
        shown = {name: getattr(self, name) for name in ("trials", "exact", "distinct")}
        return {"name": self.core.name, **shown, "front": len(self.front), "folder": self.folder}


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
    """Search small circuits in many trainings and keep those that no other beats in cells, depth and inverters.

    Parameters
    ----------
    source
        A Boolean data set, a task or a file.
    folder
        Where circuits and records go, as soon as they are found.
    seed
        Names the random starts.
    resume
        Continue the search that the folder holds; otherwise an earlier one is moved aside.
    on_event
        Called with a `SearchStatus` a few times per second, a `StageBegan` and a `Note`.
    **settings
        See below; those of `train` then are the same in all trials.

    Raises
    ------
    UsageError
        If a setting or the data cannot be used.
    DataError
        If the folder belongs to something else.
    InterruptedWorkError
        On the second Ctrl-C; the first one ends the search and returns what was found.

    Examples
    --------
    >>> import btfsynth as btf
    >>> btf.discover("full_adder", "found", trials=2, polish=False).front[0].cells
    3
    """
    given: dict[str, Any] = dict(settings)
    require_known("discover", given, DISCOVER, TRAIN)
    training = taken(given, *(name for name in TRAIN if name not in DISCOVER), "topology")
    asked = DiscoverOptions(training=train_options(seed, training), **given)
    return Discovery(
        run_discovery(as_dataset(source).core, folder, asked, resume=resume, on_event=on_event)
    )


@dataclass(frozen=True, eq=False, repr=False)
class Learned(Shown):
    """What `learn` made; true if the hardware was verified.

    Examples
    --------
    >>> import btfsynth as btf
    >>> data = btf.load("parity:8")
    >>> made = btf.learn(data.sample(60), "out", test=data.sample(100, seed=2), trials=1,
    ...                  simulators=["amaranth"], baselines=False)
    >>> made.scores["test"].bits, made.winners
    (1.0, ('polynomial',))
    """

    core: LearnReport

    @property
    def netlist(self) -> Netlist:
        """The circuit of all outputs."""
        return Netlist(self.core.netlist)

    @property
    def design(self) -> Design:
        """The folder: beside the one asked for, if this failed and that one holds a verified design."""
        assert self.core.directory is not None
        return Design(self.core.directory)

    @property
    def scores(self) -> dict[str, Score]:
        """Shares of bits and patterns right, of the data sets ``train``, ``valid`` and ``test``."""
        return self.core.scores

    @property
    def winners(self) -> tuple[str, ...]:
        """The learner whose circuit was chosen, for each output bit."""
        return tuple(outcome.candidates[0].learner for outcome in self.core.outcomes)

    def learners(self, output: int = 0) -> Table[LearnerRow]:
        """Return the best circuit of every learner for an output bit, the baselines last."""
        rows = self.core.rows(output)
        return Table(LearnerRow._make(map(row.get, LearnerRow._fields)) for row in rows)

    @property
    def verified(self) -> bool:
        """True if no check failed and a simulator ran the hardware."""
        return self.core.verified

    @property
    def verdict(self) -> str:
        """What was found, in one line."""
        return self.core.verdict

    def __bool__(self) -> bool:
        return self.verified

    def _facts(self) -> dict[str, object]:
        scores = {f"{name} bits": score.bits for name, score in self.scores.items()}
        return {"name": self.core.netlist.name, "cells": self.core.cost.cells, **scores}


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
    """Learn a circuit that generalises from samples: many learners compete, the best on `valid` is built.

    Parameters
    ----------
    train
        Boolean samples to learn from: a data set, a task or a file.
    folder
        Where the hardware goes; made if it is missing.
    valid
        Samples to choose between circuits by; a quarter of `train` by default.
    test
        Samples to measure the result on; nothing depends on them.
    seed
        Names the split and all random starts.
    on_event
        Called with a `BetterCircuit` for every circuit better than those before, a `StageBegan`, a `Note`.
    **settings
        See below.

    Raises
    ------
    UsageError
        If a setting or the data cannot be used.
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> import btfsynth as btf
    >>> settings = {"trials": 1, "baselines": False, "simulators": ["amaranth"]}
    >>> bool(btf.learn(btf.load("majority:5").sample(24), "out", **settings))
    True
    """
    given: dict[str, Any] = dict(settings)
    require_known("learn", given, LEARN)
    asked = LearnOptions(seed=seed, **given)
    return Learned(
        run_learning(
            as_dataset(train).core,
            folder,
            asked,
            valid=None if valid is None else as_dataset(valid).core,
            test=None if test is None else as_dataset(test).core,
            on_event=on_event,
        )
    )
