"""The pyverilog parser, kept quiet and off the disk, and mended where it misreads Verilog.

Its constructor writes parser tables into a folder and reports on its own grammar; neither is wanted
here. Making the tables takes about a second, once a process. It takes ``^~`` for two operators, a port
that follows ``output wire a,`` for an input, knows attributes only before declarations, and passes over all
compiler directives, macros among them.
"""

from __future__ import annotations

import copy
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
    from pyverilog.vparser.lexer import TOKEN, VerilogLexer
    from pyverilog.vparser.parser import ParseError, VerilogParser

__all__ = ["ast", "parse_verilog"]

_WHERE = re.compile(r"^.*line:([0-9]+)(?: column:[0-9]+)?: *", re.DOTALL)
_TIME = r"1(00?)? *[munpf]?s"
_HARMLESS = re.compile(
    r"`(celldefine|endcelldefine|resetall|nounconnected_drive|end_keywords|default_nettype +\w+"
    rf"|timescale +{_TIME} */ *{_TIME}|line +[0-9]+ +\"[^\"]*\" +[0-2]|begin_keywords +\"[^\"]*\""
    r"|pragma +[^`]*|undef +\w+)\s*(//.*)?"
)
"""Lines of directives that say nothing of what a circuit computes."""


class _DirectiveError(Exception):
    """A directive that would change what the rest of the file means."""

    def __init__(self, word: str, line: int) -> None:
        super().__init__(word)
        self.word = word
        self.line = line


class _Lexer(VerilogLexer):  # type: ignore[misc]
    """The same words, but ``^~`` is one operator, attributes are blanks and no directive is lost."""

    t_XNOR = r"~\^|\^~"  # noqa: N815

    @TOKEN(r"`[^\n]*\n")
    def t_DIRECTIVE(self, t: Any) -> None:  # noqa: N802
        if not _HARMLESS.fullmatch(t.value.strip()):
            raise _DirectiveError(t.value.split()[0], t.lexer.lineno)
        t.lexer.lineno += 1

    @TOKEN(r'\(\*(?!\s*\))("[^"\n]*"|[^"*]|\*(?!\)))*\*\)')  # '@(*)' is none
    def t_ATTRIBUTES(self, t: Any) -> None:  # noqa: N802
        t.lexer.lineno += t.value.count("\n")


class _QuietParser(VerilogParser):  # type: ignore[misc]
    """The same grammar without files and messages; all names of a list of ports are alike."""

    def __init__(self) -> None:
        self.lexer = _Lexer(error_func=self._lexer_error_func)
        self.lexer.build(errorlog=NullLogger())
        self.tokens = self.lexer.tokens
        self.parser = yacc(
            module=self,
            start="source_text",
            method="LALR",
            debug=False,
            write_tables=False,
            check_recursion=False,
            errorlog=NullLogger(),
        )

    def p_ioports(self, p: Any) -> None:
        "ioports : ioports COMMA ioport"  # noqa: D300, D400, D403
        port = p[3]
        if isinstance(port, str):
            port = _another(p[1][-1], port, p.lineno(3))
        p[0] = (*p[1], port)
        p.set_lineno(0, p.lineno(1))


def _another(port: Any, name: str, line: int) -> Any:
    """Return a port of another name, declared like the one before it."""
    first, second = copy.copy(port.first), copy.copy(port.second)
    for part in (first, second):
        if part is not None:
            part.name, part.lineno = name, line
    return ast.Ioport(first, second, lineno=line)


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
        return parser.parse(text + "\n")  # it takes a comment to end with its line
    except _DirectiveError as error:
        raise DataError(
            f"the directive {error.word} is not supported; run a preprocessor first, such as "
            "'iverilog -E'",
            path,
            error.line,
        ) from None
    except ParseError as error:
        message = str(error)
        where = _WHERE.match(message)
        if where is None:
            raise DataError("syntax error at end of file", path) from None
        text = " ".join(message[where.end() :].split())
        raise DataError(f"syntax error: {text}", path, int(where[1])) from None
    except RecursionError:
        raise DataError("nested too deeply for pyverilog", path) from None
