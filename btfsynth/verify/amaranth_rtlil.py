"""Convert the Amaranth component in a file to RTLIL and print it as JSON.

Run as ``python -m btfsynth.verify.amaranth_rtlil FILE``, in a process of its own: the file is code. What it
prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from btfsynth.errors import DataError
from btfsynth.sim.amaranth_bench import load_component

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Convert the file named by the only argument; the exit code is always 0."""
    answer = {"error": "", "rtlil": ""}
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from amaranth.back import rtlil

            component = load_component(Path(arguments[0]))
            answer["rtlil"] = rtlil.convert(component, name="design", emit_src=False)
        except DataError as error:
            answer["error"] = str(error)
        except (Exception, SystemExit) as error:  # the file may raise anything
            answer["error"] = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
