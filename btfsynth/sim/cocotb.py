"""cocotb on Icarus Verilog."""

from __future__ import annotations

import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from btfsynth.extras import install_command
from btfsynth.sim.base import DEFAULT_TIMEOUT, Availability
from btfsynth.sim.bench import run_bench
from btfsynth.sim.design import Design
from btfsynth.sim.icarus import Icarus
from btfsynth.sim.result import CheckResult

__all__ = ["Cocotb"]

_INSTALL = install_command("cocotb")
_SHARED_PYTHON = f"apt-get install libpython{sys.version_info[0]}.{sys.version_info[1]}"
_ROLES = ("verilog", "cocotb")
# What cocotb and its runner take from the environment must not change what is run.
_RUN = (
    "import os, runpy, sys; "
    "[os.environ.pop(name, None) for name in ('COCOTB_TEST_FILTER', 'GUI', 'WAVES')]; "
    "os.environ['SIM'] = 'icarus'; sys.argv.pop(0); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


@cache
def _has_shared_python() -> bool:
    """Tell whether cocotb finds the library that it loads into the simulator; Debian's Python is without."""
    try:
        from find_libpython import find_libpython
    except ImportError:  # a cocotb that does without
        return True
    return find_libpython() is not None


class Cocotb:
    """The cocotb test of a design, run by cocotb's own runner."""

    name = "cocotb"

    def find(self) -> Availability:
        """Look for cocotb, at least 2, and for Icarus."""
        try:
            version = metadata.version("cocotb")
        except metadata.PackageNotFoundError:
            return Availability(None, f"cocotb is not installed; {_INSTALL}")
        if int(version.split(".")[0]) < 2:
            return Availability(None, f"cocotb {version} is too old, 2 is needed; {_INSTALL}")
        if not _has_shared_python():
            return Availability(None, f"cocotb needs Python as a shared library; {_SHARED_PYTHON}")
        icarus = Icarus().find()
        if icarus.version is None:
            return icarus
        return Availability(f"{version}, icarus {icarus.version}", None)

    def commands(self, design: Design, workspace: Path) -> tuple[tuple[str, ...], ...]:
        """Return the commands that build and run the design, to be run in the workspace."""
        sources = [path.name for path in design.verilog_files]
        # The runner compiles them once more, but says less of what is wrong.
        compiled = ("iverilog", "-g2012", "-t", "null", "-s", design.manifest.module, *sources)
        run = (sys.executable, "-B", "-c", _RUN, design.manifest.files["cocotb"])
        return compiled, run

    def run(self, design: Design, timeout: float = DEFAULT_TIMEOUT) -> CheckResult:
        """Check the design, or say that it has no such test; it may take so many seconds."""
        if "cocotb" not in design.manifest.files:
            reason = (
                "the design has no cocotb test: it was made before there was one; make it again"
            )
            return CheckResult(self.name, skipped=reason)
        return run_bench(self, design, timeout, _ROLES)
