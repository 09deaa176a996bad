"""The pyverilog parser, kept quiet and off the disk.

Its constructor writes parser tables into a folder and reports on its own grammar; neither is wanted
here. Making the tables takes about a second, once a process.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from ply.yacc import NullLogger, yacc

from btfsynth.errors import DataError

with warnings.catch_warnings():
    # it leaves a file open while it is imported
    warnings.simplefilter("ignore", ResourceWarning)
    from pyverilog.vparser import ast
    from pyverilog.vparser.lexer import VerilogLexer
    from pyverilog.vparser.parser import ParseError, VerilogParser

__all__ = ["ast", "parse_verilog"]

_WHERE = re.compile(r"^.*line:([0-9]+)(?: column:[0-9]+)?: *", re.DOTALL)


class _QuietParser(VerilogParser):  # type: ignore[misc]
    """The same grammar without files and messages."""

    def __init__(self) -> None:
        self.lexer = VerilogLexer(error_func=self._lexer_error_func)
        self.lexer.build(errorlog=NullLogger())
        self.tokens = self.lexer.tokens
        self.parser = yacc(
            module=self,
            method="LALR",
            debug=False,
            write_tables=False,
            check_recursion=False,
            errorlog=NullLogger(),
        )


@cache
def _parser() -> _QuietParser:
    return _QuietParser()


def parse_verilog(path: Path) -> Any:
    """Return pyverilog's syntax tree of a file.

    Raises
    ------
    DataError
        If it cannot be read or is no Verilog that pyverilog knows.
    """
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError("expected ASCII text", path, line) from None
    parser = _parser()
    parser.lexer.reset_lineno()
    try:
        return parser.parse(text)
    except ParseError as error:
        message = str(error)
        where = _WHERE.match(message)
        if where is None:
            raise DataError("syntax error at end of file", path) from None
        text = " ".join(message[where.end() :].split())
        raise DataError(f"syntax error: {text}", path, int(where[1])) from None
    except RecursionError:
        raise DataError("nested too deeply for pyverilog", path) from None
