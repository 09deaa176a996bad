"""The whole chain of checks over a design folder; every link can fail.

The chain: files against their hashes, vectors against their function, the netlist against the vectors, the
Verilog as read by an independent reader and its equivalence with the netlist, every installed simulator, Yosys
as a second prover of the Verilog and as a prover of the Amaranth module, GHDL as a prover of the VHDL, and
finally the checks themselves: vectors and testbench must detect injected faults.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from btfsynth.dataset.code import code_inputs, parse_code
from btfsynth.dataset.fit_code import CodeSpec
from btfsynth.dataset.patterns import by_name
from btfsynth.dataset.tasks import is_task_spec, parse_task
from btfsynth.errors import BtfsynthError, MissingToolError, ToolTimeoutError, UsageError, plural
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.manifest import CONTROL_NAMES
from btfsynth.hdl.vectors import VectorTable
from btfsynth.hdl.yosys import Yosys, find_yosys
from btfsynth.netlist.identifiers import cell_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.netlist.text import parse_netlist
from btfsynth.ports import Port
from btfsynth.process import DEFAULT_TIMEOUT
from btfsynth.settings.table import ALL_SIMULATORS, VERIFY, Metric
from btfsynth.sim.registry import (
    SIMULATORS,
    chosen_simulators,
    get_simulator,
    time_allowed,
    too_long,
)
from btfsynth.sim.simulators import CheckResult, Design, load_design, port_values
from btfsynth.verify.compare import (
    check_netlist_files,
    count_contradiction,
    data_contradiction,
    training_contradiction,
)
from btfsynth.verify.equivalence import equivalent
from btfsynth.verify.error_metrics import (
    ERROR_ROLE,
    EXACT_ROLE,
    beyond,
    measure,
    number,
    read_claim,
)
from btfsynth.verify.links import Link, LinkResult, Verification
from btfsynth.verify.mutation import describe, run_mutant, score_mutants, spread
from btfsynth.verify.simulate import check_parsed, timed_out
from btfsynth.verify.subjects import align, stored_netlist, verilog_netlist, with_ranges
from btfsynth.verify.yosys import (
    MAX_CASE_INPUTS,
    amaranth_netlist,
    blif_reference,
    case_reference,
    prove,
    vhdl_netlist,
)

DEFAULT_MUTANTS: int = VERIFY["mutants"].default
_BENCH_MUTANTS = 5
"""Mutants that go through a real simulator."""
_BENCH_SIMULATOR = "icarus"


class _SkipError(Exception):
    """Why a link has nothing to check."""


class _FailError(Exception):
    def __init__(self, link: Link) -> None:
        self.link = link


def verify_design(
    directory: StrPath,
    mutants: int = DEFAULT_MUTANTS,
    simulators: Sequence[str] | None = None,
    timeout: float | None = None,
    on_link: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Check a design folder link by link; every link is checked, even after a failure.

    Named simulators must be installed and end in time; ``all`` means all that fit the design, None those that
    are installed. `timeout` is in seconds for each command of a tool and each SAT proof; if
    None, `DEFAULT_TIMEOUT`, more for simulators of a large design, and no limit for proofs. `on_link` gets the
    name of every link before it is checked.
    """
    mutants, timeout = VERIFY["mutants"].take(mutants), VERIFY["timeout"].take(timeout)
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
        if ERROR_ROLE in self.design.manifest.files:
            self.link("error", self.error)
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
        return DEFAULT_TIMEOUT if self.timeout is None else self.timeout

    def link(self, name: str, check: Callable[[], Link]) -> None:
        self.on_link(name)
        start = time.perf_counter()
        try:
            link = check()
        except _FailError as failure:
            link = failure.link
        except _SkipError as reason:
            link = Link(name, LinkResult.SKIPPED, detail=str(reason))
        except ToolTimeoutError:
            link = Link(name, LinkResult.SKIPPED, detail=timed_out(self.seconds))
        except BtfsynthError as error:
            link = Link(name, LinkResult.FAILED, detail=str(error))
        seconds = time.perf_counter() - start
        self.links.append(replace(link, name=name, seconds=seconds))

    def files(self) -> Link:
        manifest = self.design.manifest
        count = len(manifest.files)
        if not manifest.hashes:
            return _passed(plural(count, "file"), "present; the manifest has no hashes of them")
        for role, wanted in sorted(manifest.hashes.items()):
            found = hashlib.sha256(self.design.path(role).read_bytes()).hexdigest()
            if found != wanted:
                raise _failed(
                    plural(count, "file"),
                    f"{manifest.files[role]} has changed since the manifest was written",
                    {"expected": f"sha256 {wanted[:16]}...", "got": f"{found[:16]}..."},
                )
        _require_same(training_contradiction(self.design), plural(count, "file"))
        return _passed(f"{len(manifest.hashes)} of {plural(count, 'file')}", "SHA-256")

    def source(self) -> Link:
        """Make the patterns of a built-in task again."""
        manifest = self.design.manifest
        if not manifest.source or not is_task_spec(manifest.source):
            _require_same(data_contradiction(self.design), "data hash")
            raise _SkipError(
                f"made from {Path(manifest.source).name or 'a netlist'}, not from a built-in task"
            )
        try:
            dataset = parse_task(manifest.source)
        except UsageError:
            raise _SkipError(
                f"{manifest.source!r:.60} is not a task that can be recomputed"
            ) from None
        code = manifest.options.get("code")
        chosen = None if not isinstance(code, str) else parse_code(code)
        if isinstance(chosen, CodeSpec):
            raise _SkipError(f"{manifest.source} with a code fitted to its own rows")
        if dataset.content_hash != manifest.data_hash:
            raise _failed("data hash", f"the data hash is not that of {manifest.source}")
        if not manifest.specified:
            return _passed("data hash", f"{manifest.source}; the vectors are the network's")
        if chosen is not None:
            dataset = code_inputs(dataset, chosen)
        inputs, outputs = self.data_ports
        dataset = by_name(dataset, inputs, outputs, manifest.name)
        wanted, vectors = VectorTable.from_dataset(dataset), self.design.vectors
        covers = _vectors(vectors)
        shapes = [(each.inputs.shape, each.expected.shape) for each in (wanted, vectors)]
        if shapes[0] != shapes[1]:
            raise _failed(covers, f"expected {wanted.count} vectors of {manifest.source}")
        wrong = (
            (wanted.inputs != vectors.inputs).any(axis=1)
            | (wanted.expected != vectors.expected).any(axis=1)
            | (wanted.care != vectors.care).any(axis=1)
        )
        if wrong.any():
            first = int(np.argmax(wrong))
            shown = self.design.mismatch(first, wanted.expected[first])
            raise _failed(
                covers,
                f"{int(wrong.sum())} vectors are not those of {manifest.source}",
                {
                    "vector": first,
                    "inputs": shown.inputs,
                    "in the file": shown.expected,
                    "expected": shown.got,
                },
            )
        return _passed(covers, f"recomputed from {manifest.source}")

    def patterns(self) -> Link:
        """Check the netlist against the vectors, the counts in the manifest and its files in other formats."""
        manifest, vectors = self.design.manifest, self.design.vectors
        netlist = stored_netlist(self.design.directory, manifest)
        if netlist is None:  # of a version that wrote none with a netlist from a file
            parsed = verilog_netlist(self.design.directory, manifest)
            problem = count_contradiction(manifest, parsed)
            _require_same(problem and f"{problem} that is in the Verilog")
            self.same_files(parsed, self.design.path("verilog"))
            raise _SkipError(f"no {manifest.module}.mig in the folder")
        self.netlist = self.in_hardware(netlist)
        got = evaluate(netlist, vectors.inputs)
        wrong = vectors.wrong(got)
        if wrong.any():
            first = int(np.argmax(wrong))
            shown = self.design.mismatch(first, got[first])
            raise _failed(_vectors(vectors), f"{int(wrong.sum())} vectors failed", vars(shown))
        _require_same(count_contradiction(manifest, netlist), _vectors(vectors))
        beside = self.same_files(netlist, self.design.directory / f"{manifest.module}.mig")
        return _passed(_vectors(vectors), "; ".join([f"{netlist.n_cells} cells", *beside]))

    def same_files(self, netlist: Netlist, path: Path) -> Sequence[str]:
        """Compare files in other formats with the netlist of a file; return the result in words."""
        found = check_netlist_files(self.design, netlist, path, self.timeout)
        if found.problem is not None:
            raise _failed(_vectors(self.design.vectors), found.problem, found.counterexample)
        return found.words

    @property
    def data_ports(self) -> tuple[tuple[Port, ...], ...]:
        """Inputs and outputs under the names of the data."""
        ports = (self.design.manifest.inputs, self.design.manifest.outputs)
        return tuple(tuple(port.data_port for port in own) for own in ports)

    def in_hardware(self, netlist: Netlist) -> Netlist:
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
            shown = {} if check.mismatch is None else vars(check.mismatch)
            raise _failed(covers, f"{check.failed} vectors failed", shown)
        return _passed(covers, check.version)

    def equivalence(self) -> Link:
        parsed = verilog_netlist(self.design.directory, self.design.manifest)
        self.parsed = self.in_hardware(parsed)
        if self.netlist is None:
            raise _SkipError("no netlist in the folder to compare the Verilog with")
        return self.proven(("netlist", self.netlist), ("Verilog", self.parsed))

    def proven(self, one: tuple[str, Netlist], other: tuple[str, Netlist]) -> Link:
        """Prove two named netlists equivalent."""
        found = equivalent(one[1], other[1], self.timeout)
        covers = f"all 2^{one[1].n_inputs} inputs"
        if found.counterexample is None:
            return _passed(covers, f"against the {one[0]}: {found.method}")
        manifest, vector = self.design.manifest, found.counterexample[None, :]
        shown = {"inputs": port_values(manifest.input_ports, vector[0])}
        for name, netlist in (one, other):
            bits = evaluate(netlist, vector)[0]
            shown[name] = port_values(manifest.output_ports, bits)
        raise _failed(covers, f"the {other[0]} is not the {one[0]}", shown)

    def error(self) -> Link:
        """Measure the error of the parsed Verilog against the exact netlist again."""
        exact = parse_netlist(self.design.path(EXACT_ROLE).read_text(encoding="utf-8"))
        claim = read_claim(self.design.path(ERROR_ROLE), exact)
        if self.parsed is None:
            raise _SkipError("no Verilog to measure")
        given = replace(self.parsed, input_ports=exact.input_ports, output_ports=exact.output_ports)
        covers = f"all 2^{exact.n_inputs} inputs" if claim.exhaustive else "a sample of the inputs"
        if claim.weights is not None and not claim.weights.all():
            covers = f"{np.count_nonzero(claim.weights)} of 2^{exact.n_inputs} inputs"
        errors = measure(exact, given, claim.reading, claim.weights)
        problem = claim.contradiction(errors)
        if problem is None and not claim.exhaustive and Metric.WCE in claim.bounds:
            bound = int(min(claim.bounds[Metric.WCE], claim.metrics[Metric.WCE]))
            if beyond(exact, given, claim.reading, bound, self.timeout) is not None:
                problem = f"the solver found a vector with an error above {bound}"
            covers = f"all 2^{exact.n_inputs} inputs"
        said = ", ".join(f"{m.value} {number(errors.value(m))}" for m in claim.bounds)
        said += f" ({claim.weighted})" if claim.weighted else ""
        if problem is None:
            return _passed(covers, said)
        shown = {}
        if errors.worst is not None and errors.exhaustive:
            bits = (errors.worst >> np.arange(exact.n_inputs) & 1).astype(np.uint8)
            shown["inputs"] = port_values(exact.input_ports, bits)
            for name, netlist in (("exact", exact), ("Verilog", given)):
                shown[name] = port_values(exact.output_ports, evaluate(netlist, bits[None, :])[0])
        if claim.weighted:
            problem += f" ({claim.weighted})"
        raise _failed(covers, problem, shown)

    def simulated(self, name: str) -> Link:
        simulator = SIMULATORS[name]
        reason = simulator.find().reason or too_long(name, self.design)
        if reason is not None and self.simulators is None:
            raise _SkipError(reason)
        seconds = time_allowed(name, self.design) if self.timeout is None else self.timeout
        try:
            check = simulator.run(self.design, seconds)
            if check.skipped is not None and name in (self.simulators or ()):
                raise _failed("", check.skipped)
            return self.checked(check)
        except ToolTimeoutError:
            if self.simulators is not None:
                raise _failed("", timed_out(seconds)) from None
            raise _SkipError(timed_out(seconds)) from None

    def amaranth(self) -> Link:
        """Prove the Amaranth module, made RTLIL and read back by way of Yosys."""
        self.yosys_found()
        what, wanted = self.reference("Amaranth module")
        netlist = amaranth_netlist(self.design.path("amaranth"), self.seconds, self.controls)
        # Amaranth numbers the bits of every port from 0.
        netlist = with_ranges(netlist, wanted.input_ports, wanted.output_ports)
        return self.proven((what, wanted), ("Amaranth module", align(wanted, netlist)))

    def vhdl(self) -> Link:
        if "vhdl" not in self.design.manifest.files:
            raise _SkipError("the design has no VHDL: it was made by an older version")
        what, wanted = self.reference("VHDL")
        try:
            netlist = vhdl_netlist(self.design.path("vhdl"), self.seconds, self.controls)
        except MissingToolError as error:
            raise _SkipError(str(error)) from None
        return self.proven((what, wanted), ("VHDL", align(wanted, netlist)))

    def reference(self, other: str) -> tuple[str, Netlist]:
        """Return the netlist, and its name, to compare the module in another language with."""
        if self.netlist is not None:
            return "netlist", self.netlist
        if self.parsed is not None:
            return "Verilog", self.parsed
        raise _SkipError(f"no netlist to compare the {other} with")

    @property
    def controls(self) -> Collection[str]:
        return () if self.design.manifest.timing is None else CONTROL_NAMES

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
        raise _failed(covers, detail, {"inputs": proof.inputs} if proof.inputs else {})

    def mutation(self) -> Link:
        netlist, vectors = self.netlist or self.parsed, self.design.vectors
        if netlist is None:
            raise _SkipError("no netlist to inject faults into")
        if vectors.wrong(evaluate(netlist, vectors.inputs)).any():
            raise _failed("", "the design itself fails its vectors, so faults cannot be detected")
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
            raise _failed(covers, detail, shown, figures)
        if not score.killed:
            raise _failed(covers, f"{detail}: no vector detects any", figures=figures)
        return replace(_passed(covers, detail), figures=figures)

    def testbench(self) -> Link:
        """Check that the testbench fails on mutants, on the number of vectors found by simulation."""
        netlist, simulator = self.netlist or self.parsed, SIMULATORS[_BENCH_SIMULATOR]
        reason = simulator.find().reason
        if reason is not None:
            raise _SkipError(reason)
        if netlist is None or not self.killed:
            raise _SkipError("no mutant that the vectors detect")
        covers = f"{len(self.killed)} mutants in {_BENCH_SIMULATOR}"
        for mutant, wanted in self.killed:
            check = run_mutant(self.design, netlist, mutant, simulator, self.seconds)
            if check.failed != wanted:
                raise _failed(
                    covers,
                    f"expected the testbench to fail on {wanted} vectors, got {check.failed}",
                    {"mutant": describe(netlist, mutant, self.cells_of(netlist))},
                )
        return _passed(covers, "the testbench fails on each, on the expected vectors")


def _require_same(problem: str | None, covers: str = "") -> None:
    """Fail if two files contradict each other."""
    if problem:
        raise _failed(covers, problem)


def _passed(covers: str, detail: str) -> Link:
    return Link("", LinkResult.PASSED, covers, detail)


def _failed(
    covers: str,
    detail: str,
    counterexample: Mapping[str, Any] | None = None,
    figures: Mapping[str, Any] | None = None,
) -> _FailError:
    link = Link("", LinkResult.FAILED, covers, detail, counterexample or {}, figures=figures or {})
    return _FailError(link)


def _vectors(vectors: VectorTable) -> str:
    return f"{'all ' if vectors.exhaustive else ''}{vectors.count} vectors"
