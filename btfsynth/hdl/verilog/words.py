"""The words of Verilog for what a syntax tree holds, so that no message has those of the parser."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

__all__ = [
    "describe",
    "is_operator",
    "plain",
]

_UNARY = {
    "Uplus": "+",
    "Uminus": "-",
    "Ulnot": "!",
    "Unot": "~",
    "Uand": "&",
    "Unand": "~&",
    "Uor": "|",
    "Unor": "~|",
    "Uxor": "^",
    "Uxnor": "~^",
}
_REDUCTIONS = ("Uand", "Unand", "Uor", "Unor", "Uxor", "Uxnor")
_BINARY = {
    "Power": "**",
    "Times": "*",
    "Divide": "/",
    "Mod": "%",
    "Plus": "+",
    "Minus": "-",
    "Sll": "<<",
    "Srl": ">>",
    "Sla": "<<<",
    "Sra": ">>>",
    "LessThan": "<",
    "GreaterThan": ">",
    "LessEq": "<=",
    "GreaterEq": ">=",
    "Eq": "==",
    "NotEq": "!=",
    "Eql": "===",
    "NotEql": "!==",
    "And": "&",
    "Xor": "^",
    "Xnor": "~^",
    "Or": "|",
    "Land": "&&",
    "Lor": "||",
}
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
    """Name a construct for a message."""
    name = type(node).__name__
    if name in _REDUCTIONS:
        return f"the operator {_UNARY[name]} (reduction)"
    if name in _UNARY:
        return f"the operator {_UNARY[name]} (unary)"
    if name in _BINARY:
        return f"the operator {_BINARY[name]}"
    return _KINDS.get(name, "a construct outside the subset")


def is_operator(node: Any) -> bool:
    """Tell an operator from other constructs."""
    name = type(node).__name__
    return name in _UNARY or name in _BINARY or name == "Cond"


def plain(name: str) -> str:
    """Return a name without the backslash of an escaped identifier, which is not part of it."""
    return name.removeprefix("\\")
