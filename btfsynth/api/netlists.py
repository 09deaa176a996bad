"""Netlists: evaluate, optimise, compare, draw and write them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from btfsynth import __version__
from btfsynth.api.codes import Code
from btfsynth.api.data import Dataset, as_dataset, port_columns
from btfsynth.api.settings import documented, require_known, vectors
from btfsynth.api.show import Drawing, Equivalence, PassRow, Ported, PortValues, Table
from btfsynth.dataset.dataset import Dataset as Patterns
from btfsynth.dataset.dataset import InputKind
from btfsynth.errors import (
    DataError,
    InterruptedWorkError,
    UsageError,
    VerificationError,
    plural,
    shown,
)
from btfsynth.files import StrPath, as_path, write_bytes
from btfsynth.flow.patterns import Targets, count_targets, fitted
from btfsynth.flow.simplify import open_reference, optimise
from btfsynth.hdl.design import HardwareOptions
from btfsynth.hdl.formats import BACKENDS, SOFTWARE, WRITERS, get_writer, read_noted
from btfsynth.hdl.module import HardwareModule
from btfsynth.netlist.formats.nets import plain_cells
from btfsynth.netlist.hashing import compact
from btfsynth.netlist.identifiers import legal_names
from btfsynth.netlist.netlist import Netlist as Graph
from btfsynth.netlist.simulation import (
    MAX_EXHAUSTIVE_INPUTS,
    Reference,
    care_reference,
    count_wrong,
    evaluate,
)
from btfsynth.netlist.views import NetlistStatistics, statistics
from btfsynth.passes.base import Ended, Pass, ScriptResult
from btfsynth.passes.goal import wanted_goal
from btfsynth.passes.registry import parse_script
from btfsynth.ports import Port, bit_names
from btfsynth.report.schematic import Excerpt, find_outputs, format_svg
from btfsynth.settings.table import BUILD, HARDWARE, SIMPLIFY, TRAIN, Objective

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from btfsynth.api.designs import Design
    from btfsynth.api.gates import GateNetlist
    from btfsynth.api.settings import HardwareSettings
    from btfsynth.exact.synthesis import ExactResult
    from btfsynth.fpga.lut_mapper import LutEstimate
    from btfsynth.verify.subjects import Subject

_DRAWN = 300
"""Maximum number of cells of a netlist that a notebook draws by default."""


@dataclass(frozen=True, eq=False, repr=False)
class Netlist(Ported):
    """A combinational netlist: a majority-inverter graph, where AND and OR are majorities with a constant.

    Made by `Network.lower`, `read` or `smallest`.

    Examples
    --------
    >>> import btfsynth as btf
    >>> data = btf.load("multiplier:2")
    >>> mig = btf.train(data, seed=1).network.lower(data).optimize("size")
    >>> mig
    <Netlist: multiplier_2, inputs a[2], b[2], outputs p[4], cells 8, depth 3>
    >>> mig(a=3, b=2).p, mig([[1, 1, 0, 1]]).tolist(), mig.kinds
    (6, [[0, 1, 1, 0]], {'and': 7, 'or': 1, 'maj': 0})
    >>> bool(mig.equivalent(data))
    True
    """

    core: Graph
    reference: Reference | None = None
    log: Table[PassRow] = field(default_factory=Table)
    unproven: Netlist | None = None
    """A better netlist that `optimize` found but could not prove within the time limit."""
    code: Code | None = None
    """The code from rows to input bits, and from outputs to classes; None for plain bits."""

    @property
    def cells(self) -> int:
        """Number of cells; inverters do not count."""
        return self.core.n_cells

    @property
    def depth(self) -> int:
        """Cells on the longest path from an input to an output."""
        return self.cost.depth

    @property
    def inverters(self) -> int:
        """Number of signals that are used complemented."""
        return self.cost.inverters

    @property
    def kinds(self) -> dict[str, int]:
        """Number of AND, OR and majority cells."""
        cost = self.cost
        return {"and": cost.and_cells, "or": cost.or_cells, "maj": cost.maj_cells}

    @property
    def cost(self) -> NetlistStatistics:
        """Cells by kind, inverters and depth."""
        return statistics(self.core)

    def __call__(self, X: Dataset | ArrayLike | None = None, /, **ports: Any) -> Any:
        """Return the outputs for input vectors: rows of bits, or a value for each port by its name.

        Parameters
        ----------
        X
            ``(patterns, inputs)`` 0/1, or ``(inputs,)`` for a single one; or a data set, for its inputs.
        **ports
            Instead of `X`: a whole number per input port, or ``(patterns,)`` of them.

        Returns
        -------
        ``(patterns, outputs)`` uint8 0/1, or ``(outputs,)``; by ports a `PortValues`.

        Raises
        ------
        UsageError
            If shape, ports or values do not fit.
        """
        if X is not None and ports:
            raise UsageError(f"{self.name}: expected rows of bits or values by port, got both")
        if X is None:
            return self._by_ports(ports)
        if isinstance(X, Dataset):
            X = fitted(self.core, X.core).inputs
        rows = vectors(X, self.core.n_inputs)
        outputs = evaluate(self.core, np.atleast_2d(rows))
        return outputs if rows.ndim == 2 else outputs[0]

    def _by_ports(self, given: dict[str, Any]) -> PortValues:
        names = [port.name for port in self.inputs]
        if sorted(given) != sorted(names):
            raise UsageError(
                f"{self.name}: expected a value for each of {', '.join(names)}; got "
                f"{', '.join(given) or 'none'}"
            )
        single = all(np.ndim(value) == 0 for value in given.values())
        columns = [_bits(port, given[port.name]) for port in self.inputs]
        count = max((len(bits) for bits in columns), default=1)
        if any(len(bits) not in (1, count) for bits in columns):
            raise UsageError(f"{self.name}: expected the same number of values for every port")
        rows = np.hstack([np.broadcast_to(bits, (count, bits.shape[1])) for bits in columns])
        values = port_columns(self.outputs, evaluate(self.core, rows))
        return PortValues(
            {name: int(column[0]) if single else column for name, column in values.items()}
        )

    def score(self, data: Dataset | StrPath) -> Targets:
        """Count the correct targets of Boolean data.

        Raises
        ------
        UsageError
            If the number of inputs or outputs differs.
        """
        return count_targets(self.core, fitted(self.core, as_dataset(data).core))

    def optimize(
        self,
        passes: str | Sequence[str | Pass] | None = None,
        *,
        data: Dataset | StrPath | None = None,
        time_limit: float | None = None,
        objective: str | None = None,
        max_depth: int | None = None,
        effort: str = "normal",
    ) -> Netlist:
        """Return a smaller, equivalent netlist; a pass whose result cannot be proven is undone.

        A netlist made by `Network.lower` keeps the targets or the network, as selected there. Every other
        netlist keeps its function on every input vector.

        Parameters
        ----------
        passes
            A script (``"light"``, ``"fast"``, ``"size"``, ``"best"`` or ``"depth"``), passes such as
            ``"strash; resub -k 1"``, or a list of passes. None selects ``"depth"`` for an objective other than
            cells. Otherwise None selects a script by size, effort and time limit.
        data
            Boolean patterns whose targets are kept instead of the function. The outputs at don't-cares and
            unlisted vectors may change.
        time_limit
            Seconds, proof included, after which the best netlist so far is returned.
        objective
            Cost by which the best netlist of all passes is returned: ``"cells"``, ``"depth"``,
            ``"cells*depth"`` or ``"lut6"`` (6-input lookup tables). For ``"lut6"`` the passes run from several
            starts. By default the last netlist is returned or, if no passes are given, the one with the fewest
            cells. A pass makes the netlist deeper only if it saves cells.
        max_depth
            Maximum depth, reached if possible.
        effort
            ``"low"``, ``"normal"`` or ``"high"`` effort if no passes are given.

        Raises
        ------
        UsageError
            If a pass or an option of it is unknown, or the netlist misses a target of the data.
        InterruptedWorkError
            On Ctrl-C; ``error.netlist`` is the best netlist so far.

        Examples
        --------
        >>> import btfsynth as btf
        >>> mig = btf.smallest("full_adder").netlist.optimize(["strash", "inverters"])
        >>> mig.log["name"].tolist(), mig.log[-1].proof
        (['strash', 'inverters'], 'all 8 patterns')
        """
        kept = SIMPLIFY["objective"].take(objective), SIMPLIFY["max_depth"].take(max_depth)
        goal = wanted_goal(*kept)
        wanted = SIMPLIFY["effort"].take(effort)
        time_limit = TRAIN["time_limit"].take(time_limit)
        reference = self.reference if data is None else self._keeping(as_dataset(data))
        exhaustive = self.core.n_inputs <= MAX_EXHAUSTIVE_INPUTS
        wide = not (exhaustive if reference is None else reference.complete)
        passes = passes or goal.script
        steps = wanted if passes is None else _steps(passes, wide)
        deadline = None if time_limit is None else time.monotonic() + time_limit
        if goal.objective is Objective.LUT6:
            from btfsynth.flow.simplify import optimise_for_luts

            most = goal.max_depth
            result = optimise_for_luts(self.core, reference, steps, deadline, max_depth=most)
        else:
            result = optimise(self.core, reference, steps, deadline, goal=goal)
        made = self._after(result, reference, chosen=goal.objective is Objective.LUT6)
        if result.ended is Ended.USER:
            done = sum(not report.cut_short for report in result.reports)
            error = InterruptedWorkError(
                f"interrupted after {done} of {plural(result.steps, 'pass', 'passes')}; "
                "`error.netlist` is the best netlist so far"
            )
            error.netlist = made
            raise error
        return made

    def _after(self, result: ScriptResult, reference: Reference | None, chosen: bool) -> Netlist:
        # A walk over netlists of equal size ends at any of them, often at a deeper one.
        made = result.netlist
        better = not chosen and statistics(self.core).dominates(statistics(made))
        best = self.core if better else made
        log = Table((*self.log, *map(PassRow.of, result.reports)))
        left = None if result.unproven is None else Netlist(result.unproven, reference)
        return replace(self, core=best, reference=reference, log=log, unproven=left)

    def _keeping(self, data: Dataset) -> Reference:
        dataset = fitted(self.core, data.core)
        reference = care_reference(dataset)
        if wrong := count_wrong(self.core, reference):
            raise UsageError(
                f"{self.name}: is wrong on {wrong} of the {plural(dataset.n_patterns, 'pattern')} of "
                f"{dataset.source}, so these targets cannot be kept"
            )
        return reference

    def equivalent(
        self, other: Netlist | Dataset | Design | StrPath, timeout: float | None = None
    ) -> Equivalence:
        """Compare it with another design (see `prove`)."""
        return prove(self, other, timeout)

    def to_basis(
        self,
        basis: str,
        *,
        rounds: int = 24,
        seed: int = 1,
        time_limit: float | None = None,
    ) -> GateNetlist:
        """Return an equivalent netlist of other cells.

        Cones of up to four leaves become their smallest netlists. If all input vectors can be simulated,
        resubstitution and walks over netlists of equal size follow. Don't-cares are not used.

        Parameters
        ----------
        basis
            ``"xmg"`` (majority, AND, OR, XOR of two and three), ``"aig"`` (AND, OR), ``"xag"`` (AND, OR, XOR)
            or ``"maj"``.
        rounds
            Maximum number of walks, or of rounds of windows on a large netlist.
        seed
            Of the walks; the same seed gives the same netlist.
        time_limit
            Seconds for search and proof. If no time is left for the proof, the given netlist is translated cell
            by cell.

        Raises
        ------
        UsageError
            If the basis is unknown, or a number out of range.

        Examples
        --------
        >>> import btfsynth as btf
        >>> adder = btf.smallest("full_adder").netlist
        >>> [adder.to_basis(basis).cells for basis in ("maj", "xmg", "xag", "aig")]
        [3, 2, 5, 7]
        """
        from btfsynth.api.gates import GateNetlist
        from btfsynth.flow.simplify import to_basis
        from btfsynth.passes.gate_search import GateEffort

        wanted = SIMPLIFY["basis"].take(basis)
        limit = TRAIN["time_limit"].take(time_limit)
        seed = TRAIN["seed"].take(seed)
        if not isinstance(rounds, (int, np.integer)) or rounds < 0:
            raise UsageError(
                f"`rounds`: expected a whole number of at least 0, got {shown(rounds)}"
            )
        deadline = None if limit is None else time.monotonic() + limit
        found = to_basis(self.core, wanted, effort=GateEffort(int(rounds), seed, deadline))
        return GateNetlist(found.gates, found.proof)

    def cone(self, output: str) -> Netlist:
        """Return the part that an output depends on: a bit such as ``p[2]``, or a port.

        Raises
        ------
        UsageError
            If there is no such output; the message lists them.
        """
        bits = list(find_outputs(self.core, output))
        whole = [port for port in self.outputs if port.name == output]
        ports = tuple(whole or [Port(bit_names(self.outputs)[bits[0]], 1)])
        roots = self.core.outputs[bits]
        part = Graph(self.name, self.inputs, ports, self.core.fanins, roots)
        kept = self.reference and replace(
            self.reference, targets=self.reference.targets[bits], care=self.reference.care[bits]
        )
        code = self.code and replace(self.code, classes=())
        return Netlist(compact(part, part.fanins, roots), kept, code=code)

    def renamed(self, name: str) -> Netlist:
        """Return the same netlist under another name."""
        return replace(self, core=replace(self.core, name=name))

    def luts(self) -> Table[LutEstimate]:
        """Estimate the lookup tables of four and of six inputs that it needs on an FPGA.

        Examples
        --------
        >>> import btfsynth as btf
        >>> four, six = btf.smallest("full_adder").netlist.luts()
        >>> four.luts, four.levels
        (2, 1)
        """
        from btfsynth.fpga.lut_mapper import estimate

        return Table(estimate(self.core).tables)

    def to_verilog(self) -> str:
        """Return structural Verilog-2001."""
        return self._text("verilog")

    def to_vhdl(self) -> str:
        """Return structural VHDL-93."""
        return self._text("vhdl")

    def to_amaranth(self) -> str:
        """Return a Python module with an Amaranth component."""
        return self._text("amaranth")

    def to_blif(self) -> str:
        """Return BLIF."""
        return self._file("blif").decode()

    def to_aiger(self) -> str:
        """Return ASCII AIGER; `save` writes the binary form to a file that ends in .aig."""
        return self._file("aag").decode()

    def to_python(self) -> str:
        """Return a Python module with a function from ``(rows, inputs)`` to ``(rows, outputs)`` 0/1.

        Examples
        --------
        >>> import btfsynth as btf
        >>> namespace = {}
        >>> exec(btf.smallest("full_adder").netlist.to_python(), namespace)
        >>> namespace["full_adder"]([[1, 1, 0], [1, 1, 1]]).tolist()
        [[0, 1], [1, 1]]
        """
        return SOFTWARE["python"].content(self.core)[0].decode()

    def to_c(self) -> str:
        """Return a C99 function that computes 64 input vectors at once, one per bit of a word."""
        return SOFTWARE["c"].content(self.core)[0].decode()

    def _text(self, backend: str) -> str:
        names = legal_names(self.name, self.inputs, self.outputs)
        header = {"generator": f"btfsynth {__version__}"}
        return BACKENDS[backend].emit(HardwareModule(plain_cells(self.core), names, header))

    def _file(self, name: str) -> bytes:
        return WRITERS[name].content(self.core)[0]

    def save(self, path: StrPath) -> None:
        """Write one file; the ending names the format.

        Netlists: .mig, .blif, .aag, .aig, .bench, .json and .v; programs: .py and .c; tables: .truth and .pla.

        Raises
        ------
        UsageError
            If the ending is unknown.
        OutputError
            If the file cannot be written.
        """
        write_bytes(as_path(path), get_writer(path).content(self.core)[0])

    @documented(HARDWARE)
    def write(
        self,
        folder: StrPath,
        vectors: Dataset | StrPath | None = None,
        **settings: Unpack[HardwareSettings],
    ) -> Design:
        """Write a design folder: Verilog, VHDL, an Amaranth component, testbenches, vectors, a manifest.

        Parameters
        ----------
        folder
            Created if missing; files of the same names are replaced.
        vectors
            Patterns to check the hardware on; by default all input vectors, or corners and a random sample.
        **settings
            See below.

        Raises
        ------
        UsageError
            If a setting is unknown or out of range, or the vectors do not fit.
        OutputError
            If the folder cannot be written; its content is then unchanged.
        """
        from btfsynth.api.designs import Design
        from btfsynth.flow.building import emit_netlist

        dataset = None if vectors is None else as_dataset(vectors).core
        given: dict[str, Any] = dict(settings)
        require_known(Netlist.write, given, HARDWARE)
        said = () if self.code is None else (self.code.core, self.code.classes)
        emit_netlist(self.core, dataset, folder, HardwareOptions(**given), *said)
        return Design(folder)

    def draw(self, output: str | None = None) -> Drawing:
        """Draw the netlist, or the fan-in cone of an output, as a schematic.

        Raises
        ------
        UsageError
            If there is no such output; the message lists them.
        """
        netlist = plain_cells(self.core)
        return Drawing(
            format_svg(Excerpt(netlist, None if output is None else find_outputs(netlist, output)))
        )

    def _repr_svg_(self) -> str | None:
        return str(self.draw()) if self.cells <= _DRAWN else None

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "inputs": [port.label for port in self.inputs],
            "outputs": [port.label for port in self.outputs],
            "cells": self.cells,
            "depth": self.depth,
        }


def _steps(passes: Any, wide: bool) -> list[Pass]:
    """Return the passes of a script, of a single pass or of a list of either."""
    single = isinstance(passes, str) or hasattr(passes, "apply")
    steps: list[Pass] = []
    for each in [passes] if single or not isinstance(passes, Iterable) else passes:
        if isinstance(each, str):
            steps.extend(parse_script(each, wide))
        elif hasattr(each, "apply"):
            steps.append(each)
        else:
            raise UsageError(f"`passes`: expected a script, or a list of passes, got {shown(each)}")
    return steps


def _bits(port: Port, value: Any) -> NDArray[np.uint8]:
    rows = []
    for each in np.atleast_1d(np.asarray(value)).tolist():
        if not isinstance(each, int) or not 0 <= each < 1 << port.width:
            raise UsageError(
                f"port {port.name}: expected whole numbers of {plural(port.width, 'bit')}, got {shown(each)}"
            )
        rows.append([each >> bit & 1 for bit in range(port.width)])
    return np.array(rows, dtype=np.uint8).reshape(len(rows), port.width)


def read(path: StrPath, *, comb: bool = False) -> Netlist:
    """Read a netlist: .mig, BLIF, AIGER, BENCH, Yosys JSON, Verilog, PLA or a truth table.

    Parameters
    ----------
    path
        The file.
    comb
        Turn every register into an input and an output. By default registers are an error, but those of a
        Verilog pipeline become wires.

    Raises
    ------
    DataError
        If the file is malformed; the message names the line.

    Examples
    --------
    >>> import btfsynth as btf
    >>> btf.smallest("full_adder").netlist.save("adder.blif")
    >>> btf.read("adder.blif").cells
    3
    """
    try:
        design = read_noted(path, comb)
    except DataError as error:
        if as_path(path).suffix.lower() in (".csv", ".tsv", ".dat", ".npz"):
            raise DataError(
                "expected a netlist; btfsynth.load reads patterns", as_path(path)
            ) from error
        raise
    if design.dont_care is None or design.netlist.n_inputs > MAX_EXHAUSTIVE_INPUTS:
        return Netlist(design.netlist)
    return Netlist(design.netlist, open_reference(design.netlist, design.dont_care))


def prove(
    a: Netlist | Dataset | Design | StrPath,
    b: Netlist | Dataset | Design | StrPath,
    timeout: float | None = None,
) -> Equivalence:
    """Prove two designs equivalent wherever both define the output, or return a counterexample.

    Parameters
    ----------
    a, b
        Netlists, data sets, design folders, tasks or files. Ports are matched by name; the remaining ones by
        order, with a note.
    timeout
        Seconds that a SAT proof may take.

    Raises
    ------
    UsageError
        If the ports cannot be matched.
    DataError
        If a file is malformed.

    Examples
    --------
    >>> import btfsynth as btf
    >>> adder = btf.smallest("full_adder").netlist
    >>> btf.prove(adder, "full_adder")
    Equivalence(equal=True, method='the 8 input vectors with an output that matters', ...)
    """
    from btfsynth.verify.compare import compare

    timeout = BUILD["timeout"].take(timeout)
    first, second = _subject(a, timeout), _subject(b, timeout)
    found = compare(first, second, timeout)
    if found.vector is None:
        return Equivalence(found.equal, found.method, notes=found.notes)
    values = port_columns(first.input_ports, found.vector[None, :])
    inputs = {name: int(column[0]) for name, column in values.items()}
    return Equivalence(False, found.method, inputs, (found.first, found.second), found.notes)


def _subject(given: Netlist | Dataset | Design | StrPath, timeout: float | None) -> Subject:
    from btfsynth.verify.subjects import Subject, read_subject
    from btfsynth.verify.subjects import Table as Rows

    if hasattr(given, "to_netlist"):
        given = given.to_netlist()
    if isinstance(given, Netlist):
        return Subject(Path(given.name), given.core, latency=0)
    if isinstance(given, Dataset):
        return Subject(Path(given.name), None, table=Rows(given.core))
    path = given if isinstance(given, (str, PathLike)) else getattr(given, "folder", None)
    if path is None:
        raise UsageError(
            f"expected a netlist, data, a design, a task or a file, got {type(given).__name__}; "
            "`lower` makes a netlist of a network"
        )
    return read_subject(path, timeout)


class Smallest(NamedTuple):
    """The smallest netlist found, the proven lower bound on cells, and whether the two agree."""

    netlist: Netlist
    bound: int
    optimal: bool


def smallest(
    source: Dataset | StrPath,
    max_cells: int = 12,
    *,
    max_depth: int = 0,
    min_depth: bool = False,
    conflicts: int = 0,
    time_limit: float = 0.0,
) -> Smallest:
    """Find the netlist with the fewest cells for a small function, and prove by SAT that none is smaller.

    Parameters
    ----------
    source
        A function of up to 8 inputs. With more than five, only very small netlists are within reach.
        Don't-cares are used.
    max_cells
        Largest size to try.
    max_depth
        Upper limit on the depth; 0 for none.
    min_depth
        Also minimise the depth at the size found.
    conflicts, time_limit
        Maximum conflicts of the solver and seconds per size; 0 for no limit. If a size is not decided within
        these limits, the result is not ``optimal``.

    Raises
    ------
    UsageError
        If the data do not list every input vector that matters, or there are too many inputs.
    VerificationError
        If no netlist was found. The message states the proven lower bound, and the sizes that were not decided
        within the limits.
    InterruptedWorkError
        On Ctrl-C. The message states the proven lower bound so far. If only the depth was still being
        minimised, ``error.netlist`` is the smallest netlist.

    Examples
    --------
    >>> import btfsynth as btf
    >>> found = btf.smallest("full_adder")
    >>> found.netlist.cells, found.bound, found.optimal
    (3, 3, True)
    """
    from btfsynth.exact.synthesis import InterruptedSearch, Limits, exact_netlist

    timed = {"conflicts": conflicts, "time_limit": time_limit}
    _require_limits({"max_cells": max_cells, "max_depth": max_depth, **timed})
    dataset = as_dataset(source).core
    _require_all(dataset)
    wanted, care = _as_numbers(dataset, dataset.targets), _as_numbers(dataset, dataset.care_mask)

    def made(netlist: Graph) -> Netlist:
        ports = dataset.input_ports, dataset.output_ports
        own = Graph(dataset.name, *ports, netlist.fanins, netlist.outputs)
        return Netlist(own, care_reference(dataset))

    try:
        found = exact_netlist(
            wanted,
            dataset.n_inputs,
            max_cells,
            care=care,
            max_depth=max_depth,
            min_depth=min_depth,
            limits=Limits(conflicts, time_limit),
        )
    except InterruptedSearch as stopped:
        so_far = stopped.result
        error = InterruptedWorkError(
            f"{dataset.source}: interrupted; {plural(so_far.bound, 'cell')} proven necessary so far"
        )
        error.netlist = None if so_far.netlist is None else made(so_far.netlist)
        raise error from None
    if found.netlist is None:
        raise VerificationError(_not_found(dataset.source, found, max_cells, timed))
    return Smallest(made(found.netlist), found.bound, found.optimal)


def _require_limits(limits: dict[str, float]) -> None:
    for name, limit in limits.items():
        numbers = (int, float, np.number) if name == "time_limit" else (int, np.integer)
        if not isinstance(limit, numbers) or not limit >= 0:
            raise UsageError(f"`{name}`: expected a number of at least 0, got {shown(limit)}")


def _as_numbers(dataset: Patterns, columns: NDArray[Any]) -> list[int]:
    """Return the table of each output as one number, the bit of input vector `k` with weight ``2 ** k``."""
    place = 1 << dataset.input_numbers.astype(object)
    return [int((place * row).sum()) for row in columns.T.astype(int).astype(object)]


def _require_all(dataset: Patterns) -> None:
    if not dataset.says_all or dataset.input_kind is not InputKind.BOOLEAN:
        raise UsageError(
            f"{dataset.source}: expected every input vector that matters, got a sample"
        )


def _not_found(
    source: str, found: ExactResult[Any], max_cells: int, timed: dict[str, float]
) -> str:
    undecided = ", ".join(map(str, found.undecided))
    reached = " or ".join(f"`{name}`" for name, limit in timed.items() if limit)
    return (
        f"{source}: found no netlist of up to {plural(max_cells, 'cell')}; "
        f"{found.bound} are proven necessary"
        + (f"; {reached} ended the search at {undecided} cells" if undecided else "")
    )
