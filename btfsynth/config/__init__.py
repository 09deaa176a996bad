"""One TOML file for a whole run: what it may hold, reading it and writing it."""

from btfsynth.config.runfile import RUN_FILE, RunFile, format_run_file, read_run_file
from btfsynth.config.schema import SECTIONS, Key

__all__ = ["RUN_FILE", "SECTIONS", "Key", "RunFile", "format_run_file", "read_run_file"]
