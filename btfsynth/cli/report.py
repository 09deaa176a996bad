"""``btfsynth report``."""

from __future__ import annotations

from pathlib import Path

import click

from btfsynth.cli.options import file_option, require_writable
from btfsynth.cli.output import show


@click.command("report")
@click.argument("directory", type=click.Path(path_type=Path))
@file_option("File of the page.  [default: DIRECTORY/report.html]")
def command(*, directory: Path, path: Path | None) -> None:
    """Show the design, the discovery or the reproduction in DIRECTORY as one HTML page.

    The page holds everything: the circuit as a schematic to work with, its truth table, how the
    training went, the weights, the passes, the checks, where it all came from. It opens
    from the disk and asks for nothing from the network. What 'btfsynth verify DIRECTORY -o
    DIRECTORY/verify.json' has found is in it as well.

    \b
    Examples:
      btfsynth report hdl_out/multiplier_3
      btfsynth report found -o front.html
      btfsynth report hdl_out/reproduce_quick
    """  # noqa: D301
    from btfsynth.report.page import PAGE_FILE, write_report

    if path is None:
        path = directory / PAGE_FILE
        if directory.is_dir():
            require_writable(path)
    write_report(directory, path)
    show("report", str(path))
