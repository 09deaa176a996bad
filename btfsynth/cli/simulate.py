"""``btfsynth simulate``."""

from __future__ import annotations

from pathlib import Path

import click

from btfsynth.cli.options import json_option, option, simulator_option
from btfsynth.cli.output import check_table, console, emit_json, show_verified, why_not_verified
from btfsynth.errors import VerificationError
from btfsynth.settings.table import BUILD


@click.command("simulate")
@click.argument("directory", type=click.Path(path_type=Path))
@simulator_option
@option(BUILD["timeout"])
@json_option
def command(
    directory: Path, simulators: tuple[str, ...] | None, timeout: float | None, as_json: bool
) -> None:
    """Check the design in DIRECTORY: parse its Verilog back, simulate it, compare every vector.

    Exits with 1 and names the first wrong vector if anything differs.

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
