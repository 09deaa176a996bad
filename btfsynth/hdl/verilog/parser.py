"""A Verilog file as pyverilog's syntax tree, with errors that name the line.

Making the parser's tables takes about a second, once a process.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from pyverilog.vparser.parser import ParseError

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.verilog.grammar import DirectiveError, Parser, UnsupportedError, ast

__all__ = [
    "ast",
    "parse_verilog",
]

_WHERE = re.compile(r"^.*line:([0-9]+)(?: column:[0-9]+)?: *", re.DOTALL)


@cache
def _parser() -> Parser:
    return Parser()


def parse_verilog(path: StrPath) -> Any:
    """Return pyverilog's syntax tree of a file.

    Raises
    ------
    DataError
        If it cannot be read or is no Verilog that the grammar knows.
    """
    path = as_path(path)
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError("expected ASCII text", path, line) from None
    parser = _parser()
    parser.lexer.start()
    try:
        return parser.parse(text + "\n")  # it takes a comment to end with its line
    except DirectiveError as error:
        raise DataError(
            f"the directive {error.word} is not supported; run a preprocessor first, such as "
            "'iverilog -E'",
            path,
            error.line,
        ) from None
    except UnsupportedError as error:
        raise DataError(f"'{error.word}' is not supported", path, error.line) from None
    except ParseError as error:
        raise _syntax_error(str(error), path, parser.lexer.lexer.lineno) from None
    except RecursionError:
        raise DataError("nested too deeply for pyverilog", path) from None


def _syntax_error(message: str, path: Path, line: int) -> DataError:
    where = _WHERE.match(message)
    if where is not None:
        text = " ".join(message[where.end() :].split())
        return DataError(f"syntax error: {text}", path, int(where[1]))
    if "end of input" in message:
        return DataError("syntax error at end of file, or no module in it", path)
    return DataError("syntax error: a declaration of kinds that exclude each other", path, line)
