"""``btfsynth equiv``."""

from __future__ import annotations

from pathlib import Path

import click

from btfsynth.cli.options import (
    comb_option,
    json_option,
    option,
)
from btfsynth.cli.output import console, emit_json, show
from btfsynth.cli.progress import announced_compiling
from btfsynth.errors import VerificationError
from btfsynth.settings.table import PROOF_TIMEOUT


@click.command("equiv")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@option(PROOF_TIMEOUT)
@comb_option
@click.option(
    "--latency",
    is_flag=True,
    help="Fail if the latencies of A and B differ.",
)
@json_option
def command(
    a: Path, b: Path, timeout: float | None, comb: bool, latency: bool, as_json: bool
) -> None:
    """Prove that A and B compute the same on every input, or show where they differ.

    Each is a netlist (.mig, .blif, .aag, .aig, .bench, Yosys .json, structural .v), a table
    (.truth, .pla, .csv, .npz, .dat), whose don't-cares and unlisted rows may be anything, a
    design folder, whose Verilog is read, the Amaranth module of one (.py), which needs Yosys,
    or VHDL (.vhd), which needs GHDL. Ports are matched by name, those without a partner by
    order. Of registers only the function is compared, and a note says where latencies differ.
    Exits with 1 if they differ or it stays undecided, with 2 if their ports cannot be matched.

    \b
    Example:
      btfsynth equiv m3.mig m3.aig
    """  # noqa: D301
    from btfsynth.verify.compare import compare
    from btfsynth.verify.subjects import read_subject

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
            f"{a} and {b}: undecided, neither proven equal nor found different: {found.method}; "
            "a larger --timeout gives it more time"
        )
    if not found.equal:
        raise VerificationError(
            f"{a} and {b} differ: inputs {found.inputs}, a gives {found.first}, "
            f"b gives {found.second}"
        )
    if latency and not found.same_latency:
        one, other = found.latencies
        raise VerificationError(
            f"{a} and {b}: the same function, but latencies differ: {one} and {other} clocks"
        )
    if not as_json:
        show("method", found.method)
        console.print("\n[bold green]equivalent[/bold green]")
