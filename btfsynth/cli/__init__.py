"""The command line: parses, calls, prints."""

from btfsynth.cli.main import main

__all__ = ["main"]
