"""The whole chain of checks over a design folder; every link can fail.

The files against their hashes, the vectors against the function they were made from, the netlist against
the vectors, the Verilog as an independent reader understands it, its equivalence with the netlist, every
simulator there is, Yosys as a second prover of the Verilog and as the way to prove the Amaranth module, GHDL
as the way to prove the VHDL, and at last the checks themselves: faults put into the design must be noticed,
by the vectors and by the testbench.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from btfsynth.dataset.code import code_inputs, parse_code
from btfsynth.dataset.sampling import by_name
from btfsynth.dataset.tasks import is_task_spec, parse_task
from btfsynth.errors import (
    BtfsynthError,
    DataError,
    MissingToolError,
    ToolTimeoutError,
    UsageError,
    plural,
)
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import CONTROL_NAMES
from btfsynth.hdl.vectors import VectorTable
from btfsynth.hdl.verilog.read import read_verilog_netlist
from btfsynth.netlist.identifiers import cell_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.text import read_netlist
from btfsynth.ports import Port
from btfsynth.settings.table import ALL_SIMULATORS, VERIFY
from btfsynth.sim.base import CheckResult, Design, load_design, port_values
from btfsynth.sim.process import DEFAULT_TIMEOUT
from btfsynth.sim.registry import (
    SIMULATORS,
    chosen_simulators,
    get_simulator,
    time_allowed,
    too_long,
)
from btfsynth.verify.equivalence import equivalent
from btfsynth.verify.folder import (
    check_netlist_files,
    count_contradiction,
    data_contradiction,
    training_contradiction,
)
from btfsynth.verify.interface import align, with_ranges
from btfsynth.verify.links import Link, LinkResult, Verification
from btfsynth.verify.mutation import count_wrong, describe, run_mutant, score_mutants, spread
from btfsynth.verify.simulate import check_parsed, timed_out
from btfsynth.verify.synthesized import amaranth_netlist, vhdl_netlist
from btfsynth.verify.yosys import (
    MAX_CASE_INPUTS,
    Yosys,
    blif_reference,
    case_reference,
    find_yosys,
    prove,
)

DEFAULT_MUTANTS: int = VERIFY["mutants"].default
_BENCH_MUTANTS = 5
"""So many mutants go through a real simulator."""
_BENCH_SIMULATOR = "icarus"


class _SkipError(Exception):
    """Why a link has nothing to check."""


def verify_design(
    directory: StrPath,
    mutants: int = DEFAULT_MUTANTS,
    simulators: Sequence[str] | None = None,
    timeout: float | None = None,
    on_link: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Check a design folder link by link; a link that fails does not keep the next from being checked."""
    directory = as_path(directory)
    for name in simulators or ():
        if name != ALL_SIMULATORS:
            get_simulator(name)
    return _Chain(load_design(directory), mutants, simulators, timeout, on_link).run()


@dataclass
class _Chain:
    """The chain while it is being checked."""

    design: Design
    mutants: int
    simulators: Sequence[str] | None
    timeout: float | None
    on_link: Callable[[str], None]
    links: list[Link] = field(default_factory=list)
    netlist: Netlist | None = None
    parsed: Netlist | None = None
    killed: tuple[Any, ...] = ()

    def run(self) -> Verification:
        self.link("files", self.files)
        self.link("source", self.source)
        self.link("netlist", self.patterns)
        self.link("parsed_verilog", lambda: self.checked(check_parsed(self.design)))
        self.link("equivalence", self.equivalence)
        for name in chosen_simulators(self.simulators, self.design.manifest):
            self.link(name, partial(self.simulated, name))
        self.link("yosys", self.yosys)
        self.link("amaranth_proof", self.amaranth)
        self.link("vhdl_proof", self.vhdl)
        self.link("mutation", self.mutation)
        self.link("testbench", self.testbench)
        return Verification(self.design.manifest.module, tuple(self.links))

    @property
    def seconds(self) -> float:
        """How long a command of a tool may take, unless it is a simulator's."""
        return DEFAULT_TIMEOUT if self.timeout is None else self.timeout

    def link(self, name: str, check: Callable[[], Link]) -> None:
        self.on_link(name)
        start = time.perf_counter()
        try:
            link = check()
        except _SkipError as reason:
            link = Link(name, LinkResult.SKIPPED, detail=str(reason))
        except ToolTimeoutError:
            link = Link(name, LinkResult.SKIPPED, detail=timed_out(self.seconds))
        except BtfsynthError as error:
            link = Link(name, LinkResult.FAILED, detail=str(error))
        seconds = time.perf_counter() - start
        self.links.append(replace(link, name=name, seconds=seconds))

    # what is in the folder

    def files(self) -> Link:
        manifest = self.design.manifest
        count = len(manifest.files)
        if not manifest.hashes:
            return _passed(plural(count, "file"), "present; the manifest has no hashes of them")
        for role, wanted in sorted(manifest.hashes.items()):
            found = hashlib.sha256(self.design.path(role).read_bytes()).hexdigest()
            if found != wanted:
                return _failed(
                    plural(count, "file"),
                    f"{manifest.files[role]} is not the file that was written with the manifest",
                    {"expected": f"sha256 {wanted[:16]}...", "got": f"{found[:16]}..."},
                )
        problem = training_contradiction(self.design)
        if problem is not None:
            return _failed(plural(count, "file"), problem, {})
        return _passed(f"{len(manifest.hashes)} of {plural(count, 'file')}", "SHA-256")

    def source(self) -> Link:
        """Make the patterns of a built-in task again."""
        manifest = self.design.manifest
        if not manifest.source or not is_task_spec(manifest.source):
            problem = data_contradiction(self.design)
            if problem is not None:
                return _failed("data hash", problem, {})
            raise _SkipError(
                f"made from {Path(manifest.source).name or 'a netlist'}, not from a built-in task"
            )
        try:
            dataset = parse_task(manifest.source)
        except UsageError:
            raise _SkipError(f"{manifest.source!r:.60} is no task that can be made again") from None
        if dataset.content_hash != manifest.data_hash:
            return _failed("data hash", f"the data hash is not that of {manifest.source}", {})
        if not manifest.specified:
            return _passed("data hash", f"{manifest.source}; the vectors are the network's")
        code = manifest.options.get("code")
        if isinstance(code, str):
            dataset = code_inputs(dataset, parse_code(code))
        inputs, outputs = self.data_ports
        dataset = by_name(dataset, inputs, outputs, manifest.name)
        wanted, vectors = VectorTable.from_dataset(dataset), self.design.vectors
        covers = _vectors(vectors)
        if wanted.inputs.shape != vectors.inputs.shape or wanted.expected.shape != (
            vectors.expected.shape
        ):
            return _failed(covers, f"expected {wanted.count} vectors of {manifest.source}", {})
        wrong = (
            (wanted.inputs != vectors.inputs).any(axis=1)
            | (wanted.expected != vectors.expected).any(axis=1)
            | (wanted.care != vectors.care).any(axis=1)
        )
        if wrong.any():
            first = int(np.argmax(wrong))
            shown = self.design.mismatch(first, wanted.expected[first])
            return _failed(
                covers,
                f"{int(wrong.sum())} vectors are not those of {manifest.source}",
                {
                    "vector": first,
                    "inputs": shown.inputs,
                    "in the file": shown.expected,
                    "expected": shown.got,
                },
            )
        return _passed(covers, f"made again from {manifest.source}")

    # the netlist and the Verilog

    def patterns(self) -> Link:
        """Check the netlist against the vectors, the counts in the manifest and its files in other formats."""
        vectors = self.design.vectors
        if not self.mig.is_file():  # of a version that wrote none with a netlist from a file
            parsed = read_verilog_netlist(*self.design.verilog_files)
            problem = count_contradiction(self.design.manifest, parsed)
            if problem is not None:
                return _failed("", f"{problem} that is in the Verilog", {})
            beside = self.compared_files(parsed, self.design.path("verilog"))
            if isinstance(beside, Link):
                return beside
            raise _SkipError(f"no {self.mig.name} in the folder")
        netlist = self.read_mig()
        got = evaluate(netlist, vectors.inputs)
        wrong = vectors.wrong(got)
        if wrong.any():
            first = int(np.argmax(wrong))
            shown = self.design.mismatch(first, got[first])
            return _failed(
                _vectors(vectors), f"{int(wrong.sum())} vectors failed", dict(vars(shown))
            )
        problem = count_contradiction(self.design.manifest, netlist)
        if problem is not None:
            return _failed(_vectors(vectors), problem, {})
        beside = self.compared_files(netlist, self.mig)
        if isinstance(beside, Link):
            return beside
        return _passed(_vectors(vectors), "; ".join([f"{netlist.n_cells} cells", *beside]))

    def compared_files(self, netlist: Netlist, path: Path) -> Sequence[str] | Link:
        """Compare files in other formats with the netlist of a file; return what to say, or the failure."""
        inputs, outputs = self.data_ports
        if netlist.input_ports == self.design.manifest.input_ports:
            netlist = replace(netlist, input_ports=inputs)
        if netlist.output_ports == self.design.manifest.output_ports:
            netlist = replace(netlist, output_ports=outputs)
        found = check_netlist_files(self.design, netlist, path, self.timeout)
        if found.problem is None:
            return found.words
        return _failed(_vectors(self.design.vectors), found.problem, dict(found.counterexample))

    @property
    def data_ports(self) -> tuple[tuple[Port, ...], ...]:
        """Inputs and outputs under the names of the data."""
        ports = (self.design.manifest.inputs, self.design.manifest.outputs)
        return tuple(tuple(port.data_port for port in own) for own in ports)

    @property
    def mig(self) -> Path:
        """The file of the netlist."""
        return self.design.directory / f"{self.design.manifest.module}.mig"

    def read_mig(self) -> Netlist:
        """Return the netlist, its ports under the names of the data; keep it under those of the hardware."""
        manifest, path = self.design.manifest, self.mig
        netlist = read_netlist(path)
        for kind, found, wanted in (
            ("inputs", netlist.input_ports, manifest.inputs),
            ("outputs", netlist.output_ports, manifest.outputs),
        ):
            if list(found) != [port.data_port for port in wanted]:
                raise DataError(f"expected the {kind} that the manifest lists", path)
        self.netlist = self.in_hardware(netlist)
        return netlist

    def in_hardware(self, netlist: Netlist) -> Netlist:
        """Return a netlist under the names of the hardware."""
        manifest = self.design.manifest
        return replace(
            netlist,
            name=manifest.module,
            input_ports=manifest.input_ports,
            output_ports=manifest.output_ports,
        )

    def cells_of(self, netlist: Netlist) -> list[str]:
        """Return the names that cells have in the files, which depend on the names of ports in the data."""
        inputs, outputs = self.data_ports
        return cell_names(replace(netlist, input_ports=inputs, output_ports=outputs))

    def checked(self, check: CheckResult) -> Link:
        covers = _vectors(self.design.vectors)
        if check.skipped is not None:
            raise _SkipError(check.skipped)
        if not check.ok:
            shown = {} if check.mismatch is None else dict(vars(check.mismatch))
            return _failed(covers, f"{check.failed} vectors failed", shown)
        return _passed(covers, check.version)

    def equivalence(self) -> Link:
        path = self.design.path("verilog")
        parsed = read_verilog_netlist(*self.design.verilog_files)
        manifest = self.design.manifest
        if (parsed.input_ports, parsed.output_ports) != (
            manifest.input_ports,
            manifest.output_ports,
        ):
            raise DataError("expected the ports that the manifest lists", path)
        self.parsed = self.in_hardware(parsed)
        if self.netlist is None:
            raise _SkipError("no netlist in the folder to compare the Verilog with")
        return self.proven(("netlist", self.netlist), ("Verilog", self.parsed))

    def proven(self, one: tuple[str, Netlist], other: tuple[str, Netlist]) -> Link:
        """Prove two netlists equal; each comes with its name."""
        found = equivalent(one[1], other[1], self.timeout)
        covers = f"all 2^{one[1].n_inputs} inputs"
        if found.counterexample is None:
            return _passed(covers, f"against the {one[0]}: {found.method}")
        manifest, vector = self.design.manifest, found.counterexample[None, :]
        shown = {"inputs": port_values(manifest.input_ports, vector[0])}
        for name, netlist in (one, other):
            bits = evaluate(netlist, vector)[0]
            shown[name] = port_values(manifest.output_ports, bits)
        return _failed(covers, f"the {other[0]} is not the {one[0]}", shown)

    # tools

    def simulated(self, name: str) -> Link:
        simulator = SIMULATORS[name]
        reason = simulator.find().reason or too_long(name, self.design)
        if reason is not None and self.simulators is None:
            raise _SkipError(reason)
        seconds = time_allowed(name, self.design) if self.timeout is None else self.timeout
        try:
            check = simulator.run(self.design, seconds)
            if check.skipped is not None and name in (self.simulators or ()):
                return _failed("", check.skipped, {})
            return self.checked(check)
        except ToolTimeoutError:
            if self.simulators is not None:
                return _failed("", timed_out(seconds), {})
            raise _SkipError(timed_out(seconds)) from None

    def amaranth(self) -> Link:
        """Prove the Amaranth module, made RTLIL and read back by way of Yosys."""
        self.yosys_found()
        wanted = ("netlist", self.netlist) if self.netlist else ("Verilog", self.parsed)
        if wanted[1] is None:
            raise _SkipError("no netlist to compare the Amaranth module with")
        timing = self.design.manifest.timing
        controls = () if timing is None else CONTROL_NAMES
        netlist = amaranth_netlist(self.design.path("amaranth"), self.seconds, controls)
        # Amaranth numbers the bits of every port from 0.
        netlist = with_ranges(netlist, wanted[1].input_ports, wanted[1].output_ports)
        netlist = align(wanted[1], netlist).netlist
        return self.proven((wanted[0], wanted[1]), ("Amaranth module", netlist))

    def vhdl(self) -> Link:
        """Prove the VHDL, synthesized by GHDL."""
        manifest = self.design.manifest
        if "vhdl" not in manifest.files:
            raise _SkipError("the design has no VHDL: it was made before there was any")
        wanted = ("netlist", self.netlist) if self.netlist else ("Verilog", self.parsed)
        if wanted[1] is None:
            raise _SkipError("no netlist to compare the VHDL with")
        controls = () if manifest.timing is None else CONTROL_NAMES
        try:
            netlist = vhdl_netlist(self.design.path("vhdl"), self.seconds, controls)
        except MissingToolError as error:
            raise _SkipError(str(error)) from None
        netlist = align(wanted[1], netlist).netlist
        return self.proven((wanted[0], wanted[1]), ("VHDL", netlist))

    def yosys_found(self) -> Yosys:
        try:
            return find_yosys()
        except MissingToolError as error:
            raise _SkipError(str(error)) from None

    def yosys(self) -> Link:
        yosys = self.yosys_found()
        manifest, vectors = self.design.manifest, self.design.vectors
        table = vectors.exhaustive and vectors.care.all()
        if table and vectors.inputs.shape[1] <= MAX_CASE_INPUTS:
            reference = case_reference(manifest, vectors)
        elif self.netlist is not None:
            reference = blif_reference(manifest, self.netlist)
        else:
            raise _SkipError("neither vectors of all inputs nor a netlist to prove against")
        proof = prove(yosys, self.design, reference, self.seconds)
        covers = f"all 2^{vectors.inputs.shape[1]} inputs"
        if proof.proven is None:
            raise _SkipError(f"Yosys {yosys.version}: no verdict; {timed_out(self.seconds)}")
        if proof.proven:
            return _passed(covers, f"against {reference.what}; Yosys {yosys.version}")
        detail = f"refuted by Yosys {yosys.version} against {reference.what}"
        return _failed(covers, detail, {"inputs": proof.inputs} if proof.inputs else {})

    # the checks themselves

    def mutation(self) -> Link:
        netlist, vectors = self.netlist or self.parsed, self.design.vectors
        if netlist is None:
            raise _SkipError("no netlist to put faults into")
        if count_wrong(netlist, vectors).any():
            return _failed("", "the design itself fails its vectors, so no fault can be told", {})
        specified = self.design.manifest.specified
        score = score_mutants(netlist, vectors, specified, self.mutants, self.timeout)
        self.killed = spread(score.killed, _BENCH_MUTANTS)
        covers = f"{score.tried} of {score.total} mutants on {_vectors(vectors)}"
        detail = (
            f"{len(score.killed)} killed, {len(score.equivalent)} equivalent, "
            f"{len(score.survived)} survived"
        )
        if score.undecided:
            detail += f", {len(score.undecided)} undecided"
        if score.unspecified:
            detail += f", {len(score.unspecified)} right on every pattern"
        figures = {"mutants": score.to_json()}
        if score.survived:
            first = score.survived[0]
            inputs = port_values(netlist.input_ports, first.inputs)
            shown = {
                "mutant": describe(netlist, first.mutant, self.cells_of(netlist)),
                "differs at": inputs,
            }
            return replace(_failed(covers, detail, shown), figures=figures)
        if not score.killed:
            return replace(_failed(covers, f"{detail}: no vector notices any", {}), figures=figures)
        return replace(_passed(covers, detail), figures=figures)

    def testbench(self) -> Link:
        """Let the testbench fail on mutants, on as many vectors as bit-parallel simulation says."""
        netlist, simulator = self.netlist or self.parsed, SIMULATORS[_BENCH_SIMULATOR]
        reason = simulator.find().reason
        if reason is not None:
            raise _SkipError(reason)
        if netlist is None or not self.killed:
            raise _SkipError("no mutant that the vectors notice")
        covers = f"{len(self.killed)} mutants in {_BENCH_SIMULATOR}"
        for mutant, wanted in self.killed:
            check = run_mutant(self.design, netlist, mutant, simulator, self.seconds)
            if check.failed != wanted:
                return _failed(
                    covers,
                    f"expected the testbench to fail on {wanted} vectors, got {check.failed}",
                    {"mutant": describe(netlist, mutant, self.cells_of(netlist))},
                )
        return _passed(covers, "the testbench fails on each, on the vectors it should")


def _passed(covers: str, detail: str) -> Link:
    return Link("", LinkResult.PASSED, covers, detail)


def _failed(covers: str, detail: str, counterexample: dict[str, Any]) -> Link:
    return Link("", LinkResult.FAILED, covers, detail, counterexample)


def _vectors(vectors: VectorTable) -> str:
    return f"{'all ' if vectors.exhaustive else ''}{vectors.count} vectors"
