"""Words, numbers and the syntax tree of Verilog, by pyverilog, whose own terms no message uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pyverilog.utils.op2mark import operator_mark
from pyverilog.vparser.parser import ParseError

from btfsynth.errors import DataError, UnreadError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.verilog.grammar import DirectiveError, Parser, UnsupportedError

_MARKS = {**operator_mark, "Uplus": "+"}
_REDUCTIONS = ("Uand", "Unand", "Uor", "Unor", "Uxor", "Uxnor")
_KINDS = MappingProxyType(
    {
        "Always": "an 'always' block",
        "AlwaysFF": "an 'always_ff' block",
        "AlwaysComb": "an 'always_comb' block",
        "AlwaysLatch": "an 'always_latch' block",
        "Assign": "an assign",
        "Block": "a block 'begin ... end'",
        "BlockingSubstitution": "a blocking assign '='",
        "CaseStatement": "a 'case' statement",
        "CasexStatement": "a 'casex' statement",
        "CasezStatement": "a 'casez' statement",
        "UniqueCaseStatement": "a 'unique case' statement",
        "Concat": "a concatenation",
        "LConcat": "a concatenation",
        "Cond": "the operator ?:",
        "Decl": "a declaration",
        "Defparam": "a 'defparam'",
        "DelayStatement": "a delay '#'",
        "Dimensions": "a memory",
        "Disable": "a 'disable' statement",
        "EventStatement": "a wait for an event '@'",
        "FloatConst": "a real number",
        "ForStatement": "a 'for' loop",
        "ForeverStatement": "a 'forever' loop",
        "Function": "a 'function'",
        "FunctionCall": "a call of a function",
        "GenerateStatement": "a 'generate' block",
        "Genvar": "a 'genvar'",
        "Identifier": "a name",
        "IfStatement": "an 'if' statement",
        "Indexed": "an indexed part select",
        "Initial": "an 'initial' block",
        "Inout": "an 'inout' port",
        "InstanceList": "an instance",
        "IntConst": "a number",
        "Integer": "an 'integer'",
        "Localparam": "a 'localparam'",
        "NonblockingSubstitution": "a nonblocking assign '<='",
        "ParallelBlock": "a block 'fork ... join'",
        "Parameter": "a 'parameter'",
        "Partselect": "a part select",
        "Pointer": "a bit select",
        "Real": "a 'real'",
        "Repeat": "a replication",
        "SingleStatement": "a call of a task or a delay",
        "StringConst": "a string",
        "Supply": "a 'supply0' or 'supply1' net",
        "SystemCall": "a call of a system function '$...'",
        "Task": "a 'task'",
        "Tri": "a 'tri' net",
        "WaitStatement": "a 'wait' statement",
        "WhileStatement": "a 'while' loop",
    }
)


def describe(node: Any) -> str:
    name = type(node).__name__
    if name not in _MARKS:
        return _KINDS.get(name, "a construct outside the subset")
    arity = " (reduction)" if name in _REDUCTIONS else " (unary)" if name[0] == "U" else ""
    return f"the operator {_MARKS[name]}{arity}"


def plain(name: str) -> str:
    """Return a name without the backslash of an escaped identifier, which is not part of it."""
    return name.removeprefix("\\")


# numbers: ``13``, ``4'b01_10``, ``8'shff``, ``'h1``, and ``4'b1?0?`` as ``casez`` has them

UNSIZED_WIDTH = 32
"""Bits of a number without a width."""

_MAX_WIDTH = 1_000_000
_NUMBER = re.compile(r"([0-9_]*)'([sS]?)([bodhBODH])([0-9a-fA-FxXzZ?_]+)")
_RADIX = {"b": 2, "o": 8, "d": 10, "h": 16}
_DIGIT_BITS = {"b": 1, "o": 3, "h": 4}


@dataclass(frozen=True, slots=True)
class Number:
    """A number; bits that are x or z are 0 in its value.

    `sized` if it states its width itself; `unknown` are the bits that are ``x``, `floating` those that are
    ``z`` or ``?``; `signed` if it is in two's complement.
    """

    value: int
    width: int
    signed: bool
    sized: bool
    unknown: int = 0
    floating: int = 0


def parse_number(text: str) -> Number:
    """Return the number of a text; ValueError if it does not fit its width or has digits of another base."""
    if text.replace("_", "").isdigit():
        value = _decimal(text)
        if value >> (UNSIZED_WIDTH - 1):
            raise ValueError(
                f"the constant {text} does not fit {UNSIZED_WIDTH} bits; give its width"
            )
        return Number(value, UNSIZED_WIDTH, True, False)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"expected a constant, got {text}")
    size, base, digits = match[1].replace("_", ""), match[3].lower(), match[4].replace("_", "")
    width = UNSIZED_WIDTH if not size else int(size) if len(size) < 8 else _MAX_WIDTH + 1
    if not 1 <= width <= _MAX_WIDTH:
        raise ValueError(f"the constant {text}: expected a width of 1 to {_MAX_WIDTH} bits")
    if base == "d":
        value, unknown, floating = _decimal_digits(digits, width)
    else:
        value, unknown, floating = _digits(digits, base, width)
    if value >> width:
        raise ValueError(f"the constant {text} does not fit its width")
    return Number(value, width, bool(match[2]), bool(size), unknown, floating)


def _decimal(digits: str) -> int:
    try:
        return int(digits.replace("_", ""))
    except ValueError:  # Python limits how many digits it reads
        raise ValueError(f"expected a constant, got one of {len(digits)} digits") from None


def _decimal_digits(digits: str, width: int) -> tuple[int, int, int]:
    if digits.lower() == "x":
        return 0, (1 << width) - 1, 0
    if digits.lower() in ("z", "?"):
        return 0, 0, (1 << width) - 1
    if not digits.isdigit():
        raise ValueError(f"expected a constant, got the decimal digits {digits}")
    return _decimal(digits), 0, 0


def _digits(digits: str, base: str, width: int) -> tuple[int, int, int]:
    """Return value, unknown and floating bits; a leading x or z fills the bits to its left."""
    step, digit_ones = _DIGIT_BITS[base], (1 << _DIGIT_BITS[base]) - 1
    masks = [
        "".join(f"{digit_ones:x}" if digit in kind else "0" for digit in digits)
        for kind in ("xX", "zZ?")
    ]
    plain = re.sub(r"[xXzZ?]", "0", digits)
    try:
        value = int(plain, _RADIX[base])
    except ValueError:
        raise ValueError(f"expected digits of base {_RADIX[base]}, got {digits}") from None
    unknown, floating = (int(mask, 1 << step) for mask in masks)
    if digits[0] in "xXzZ?":
        rest = ((1 << width) - 1) & ~((1 << min(width, step * len(digits))) - 1)
        if digits[0] in "xX":
            unknown |= rest
        else:
            floating |= rest
    ones = (1 << width) - 1  # a digit may say x or z of more bits than there are
    return value, unknown & ones, floating & ones


_WHERE = re.compile(r"^.*line:([0-9]+)(?: column:[0-9]+)?: *", re.DOTALL)


@cache
def _parser() -> Parser:
    return Parser()


def parse_verilog(path: StrPath) -> Any:
    path = as_path(path)
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", path) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UnreadError("expected ASCII text", path, line) from None
    parser = _parser()
    parser.lexer.start()
    try:
        return parser.parse(text + "\n")  # it takes a comment to end with its line
    except DirectiveError as error:
        raise UnreadError(
            f"the directive {error.word} is not supported; run a preprocessor first, such as "
            "'iverilog -E'",
            path,
            error.line,
        ) from None
    except UnsupportedError as error:
        raise UnreadError(f"'{error.word}' is not supported", path, error.line) from None
    except ParseError as error:
        raise _syntax_error(str(error), path, parser.lexer.lexer.lineno) from None
    except RecursionError:
        raise UnreadError("nested too deeply for pyverilog", path) from None


def _syntax_error(message: str, path: Path, line: int) -> UnreadError:
    where = _WHERE.match(message)
    if where is not None:
        text = " ".join(message[where.end() :].split())
        return UnreadError(f"syntax error: {text}", path, int(where[1]))
    if "end of input" in message:
        return UnreadError("syntax error at end of file, or no module in it", path)
    return UnreadError("syntax error: a declaration of kinds that exclude each other", path, line)
