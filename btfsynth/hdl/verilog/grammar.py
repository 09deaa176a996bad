"""pyverilog's lexer and grammar, corrected where they misread Verilog, and extended.

Misread by pyverilog: ``^~`` as two operators, a port after ``output wire a,`` as an input, ``a[i +: n]`` as a
select of one bit more, a unary ``+`` as nothing, ``u(, a)`` as ``u(a)``, and every compiler directive as a
blank. Unknown to it: lists of assigns and of nets with values, expressions in the header's list of ports,
``defparam``, ``specify`` blocks, and most delays. Delays and ``specify`` blocks do not affect the function, so
they never reach the grammar; nor do the tables of ``primitive``, whose instances are refused.
"""

# ruff: noqa: N815, D205, D300, D400, D403 - docstrings are rules of the grammar

from __future__ import annotations

import copy
import re
import warnings
from types import FunctionType
from typing import Any

from ply.yacc import NullLogger, yacc

with warnings.catch_warnings():
    # it leaves a file open while it is imported
    warnings.simplefilter("ignore", ResourceWarning)
    from pyverilog.vparser import ast as ast  # noqa: PLC0414  for the readers too
    from pyverilog.vparser.lexer import TOKEN, VerilogLexer
    from pyverilog.vparser.parser import ParseError, VerilogParser

GATE_PRIMITIVES = ("and", "nand", "or", "nor", "xor", "xnor", "buf", "not")
"""The gates of the language itself, outputs first."""

_TIME = r"1(00?)? *[munpf]?s"
_HARMLESS = re.compile(
    r"`(celldefine|endcelldefine|resetall|nounconnected_drive|end_keywords|default_nettype +\w+"
    r"|suppress_faults|nosuppress_faults|enable_portfaults|disable_portfaults"
    r"|delay_mode_(path|unit|zero|distributed)"
    rf"|timescale\s+{_TIME}\s*/\s*{_TIME}|line +[0-9]+ +\"[^\"]*\" +[0-2]"
    r"|begin_keywords +\"[^\"]*\"|pragma +[^`]*|undef +\w+)\s*(//.*|/\*.*\*/\s*)?"
)
"""Directives without effect on the function of a circuit."""

_BEFORE_DELAYS = frozenset(
    ["ASSIGN", "EQUALS", "LE", "WIRE", "TRI", "SIGNED", "RBRACKET", "SENS_OR"]
)


_UNSUPPORTED = frozenset(
    """
    bufif0 bufif1 cmos deassign endtable event force highz0 highz1 large macromodule medium
    nmos notif0 notif1 pmos pull0 pull1 pulldown pullup rcmos realtime release repeat rnmos
    rpmos rtran rtranif0 rtranif1 small strong0 strong1 table time tran tranif0 tranif1 tri0
    tri1 triand trior trireg vectored scalared wand weak0 weak1 wor
    """.split()  # noqa: SIM905
)
"""Reserved words of Verilog that the grammar has not; it would take them for names."""


class UnsupportedError(Exception):
    """A word of Verilog that is outside the subset."""

    def __init__(self, word: str, line: int) -> None:
        super().__init__(word)
        self.word = word
        self.line = line


class DirectiveError(UnsupportedError):
    """A directive that would change the meaning of the rest of the file."""


class Indexed(ast.Node):  # type: ignore[misc]
    """An indexed part select, ``var[base +: width]``, or ``-:`` if it goes down."""

    attr_names = ()

    def __init__(self, var: Any, base: Any, width: Any, up: bool, lineno: int) -> None:
        self.var, self.base, self.width, self.up, self.lineno = var, base, width, up, lineno


class Defparam(ast.Node):  # type: ignore[misc]
    """The value of a parameter of an instance, given outside it."""

    attr_names = ()

    def __init__(self, instance: str, name: str, value: Any, lineno: int) -> None:
        self.instance, self.name, self.value, self.lineno = instance, name, value, lineno


def _with_blanks(rule: Any) -> Any:
    """Return a rule for numbers that also takes blanks around the base, as in ``4 'b 0110``."""
    copied = FunctionType(rule.__code__, rule.__globals__, rule.__name__)
    # the line of the code, which gives the order of the rules, stays the same
    copied.__dict__["regex"] = re.sub(
        r"\[0-9\]\*'((?:\[[a-zA-Z]{2}\])+)", r"(?:[0-9][0-9_]*[ \\t]*)?'\1[ \\t]*", rule.regex
    )
    return copied


class _Lexer(VerilogLexer):  # type: ignore[misc]
    """The words of Verilog without attributes, delays and ``specify`` blocks; no directive is lost."""

    keywords = (*VerilogLexer.keywords, "DEFPARAM")
    reserved = {**VerilogLexer.reserved, "defparam": "DEFPARAM"}  # noqa: RUF012
    tokens = (*VerilogLexer.tokens, "DEFPARAM")

    t_XNOR = r"~\^|\^~"
    t_INTNUMBER_BIN = _with_blanks(VerilogLexer.t_INTNUMBER_BIN)
    t_INTNUMBER_OCT = _with_blanks(VerilogLexer.t_INTNUMBER_OCT)
    t_INTNUMBER_HEX = _with_blanks(VerilogLexer.t_INTNUMBER_HEX)
    t_INTNUMBER_DEC = _with_blanks(VerilogLexer.t_INTNUMBER_DEC)
    t_SIGNED_INTNUMBER_BIN = _with_blanks(VerilogLexer.t_SIGNED_INTNUMBER_BIN)
    t_SIGNED_INTNUMBER_OCT = _with_blanks(VerilogLexer.t_SIGNED_INTNUMBER_OCT)
    t_SIGNED_INTNUMBER_HEX = _with_blanks(VerilogLexer.t_SIGNED_INTNUMBER_HEX)
    t_SIGNED_INTNUMBER_DEC = _with_blanks(VerilogLexer.t_SIGNED_INTNUMBER_DEC)

    def start(self) -> None:
        """Begin a new text."""
        self.reset_lineno()
        self.before = ""

    def token(self) -> Any:
        """Return the next word that affects the function."""
        token = super().token()
        while token is not None:
            if token.type == "ID" and token.value == "specify":
                self._pass_to("endspecify", token.lineno)
            elif token.type == "ID" and token.value == "primitive":
                self._pass_to("endprimitive", token.lineno)  # an instance of it is refused
            elif token.type == "ID" and token.value == "specparam":
                self._pass_to(";", token.lineno)
            elif token.type == "DELAY" and self.before in _BEFORE_DELAYS:
                self._pass_delay(token.lineno)
            else:
                break
            token = super().token()
        if token is not None:
            if token.type == "ID" and token.value in _UNSUPPORTED:
                raise UnsupportedError(token.value, token.lineno)
            if "INTNUMBER" in token.type:
                token.value = "".join(token.value.split())
            is_gate = token.type == "ID" and token.value in GATE_PRIMITIVES
            self.before = "SENS_OR" if is_gate else token.type
        return token

    def _pass_to(self, last: str, line: int) -> None:
        token = super().token()
        while token is not None and token.value != last:
            token = super().token()
        if token is None:
            raise ParseError(f"line:{line}: expected {last!r} before the end of the file")

    def _pass_delay(self, line: int) -> None:
        token = super().token()
        depth = 0
        while token is not None:
            depth += (token.type == "LPAREN") - (token.type == "RPAREN")
            if depth == 0:
                return
            token = super().token()
        raise ParseError(f"line:{line}: expected the end of a delay")

    @TOKEN(r"`[^\n]*\n")
    def t_DIRECTIVE(self, t: Any) -> None:  # noqa: N802
        if not _HARMLESS.fullmatch(t.value.strip()):
            raise DirectiveError(t.value.split()[0], t.lexer.lineno)
        t.lexer.lineno += 1

    @TOKEN(r'\(\*(?!\s*\))("[^"\n]*"|[^"*]|\*(?!\)))*\*\)')  # '@(*)' is none
    def t_ATTRIBUTES(self, t: Any) -> None:  # noqa: N802
        t.lexer.lineno += t.value.count("\n")


class Parser(VerilogParser):  # type: ignore[misc]
    """The grammar without files and messages.

    Its constructor would write parser tables into a folder. Rules that are None are removed.
    """

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

    # lists that may be long are lists, as tuples take quadratic time

    def p_items(self, p: Any) -> None:
        "items : items item"
        p[1].append(p[2])
        p[0] = p[1]

    def p_items_one(self, p: Any) -> None:
        "items : item"
        p[0] = [p[1]]

    def p_casecontent_statements(self, p: Any) -> None:
        "casecontent_statements : casecontent_statements casecontent_statement"
        p[1].append(p[2])
        p[0] = p[1]

    def p_casecontent_statements_one(self, p: Any) -> None:
        "casecontent_statements : casecontent_statement"
        p[0] = [p[1]]

    def p_ioports(self, p: Any) -> None:
        "ioports : ioports COMMA ioport"
        port = p[3]
        if isinstance(port, str):
            port = _another(p[1][-1], port, p.lineno(3))
        p[0] = (*p[1], port)
        p.set_lineno(0, p.lineno(1))

    def p_ports(self, p: Any) -> None:
        "ports : ports COMMA port"
        p[0] = (*p[1], p[3])
        p.set_lineno(0, p.lineno(1))

    def p_ports_one(self, p: Any) -> None:
        "ports : port"
        p[0] = (p[1],)
        p.set_lineno(0, p.lineno(1))

    def p_port(self, p: Any) -> None:
        "port : portname"
        p[0] = ast.Port(p[1], None, None, None, lineno=p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def p_port_expression(self, p: Any) -> None:
        "port : DOT ID LPAREN lvalue RPAREN"
        p[0] = ast.Port(p[2], None, None, p[4].var, lineno=p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def p_port_unnamed(self, p: Any) -> None:
        """port : lconcat
        | lpartselect
        | lpointer
        """
        p[0] = ast.Port("", None, None, p[1], lineno=p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def p_assignment(self, p: Any) -> None:
        "assignment : ASSIGN assign_list SEMICOLON"
        p[0] = ast.Decl(p[2], lineno=p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    p_assignment_delay = None

    def p_assign_list(self, p: Any) -> None:
        "assign_list : assign_list COMMA assign_one"
        p[1].append(p[3])
        p[0] = p[1]

    def p_assign_list_one(self, p: Any) -> None:
        "assign_list : assign_one"
        p[0] = [p[1]]

    def p_assign_one(self, p: Any) -> None:
        "assign_one : lvalue EQUALS rvalue"
        p[0] = ast.Assign(p[1], p[3], lineno=p.lineno(1))

    def p_standard_item(self, p: Any) -> None:
        """standard_item : decl
        | integerdecl
        | realdecl
        | parameterdecl
        | localparamdecl
        | genvardecl
        | assignment
        | defparam
        | always
        | always_ff
        | always_comb
        | always_latch
        | initial
        | instance
        | function
        | task
        """
        p[0] = p[1]
        p.set_lineno(0, p.lineno(1))

    p_declassign = p_declassign_width = None
    p_declassign_element = p_declassign_element_delay = None
    p_pragma = p_pragma_assign = p_definition_pragma = None

    def p_decl(self, p: Any) -> None:
        "decl : sigtypes declnamelist SEMICOLON"
        p[0] = self._declaration(p[1], None, p[2], p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def p_decl_width(self, p: Any) -> None:
        "decl : sigtypes width declnamelist SEMICOLON"
        p[0] = self._declaration(p[1], p[2], p[3], p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def _declaration(self, kinds: Any, width: Any, names: Any, line: int) -> Any:
        """Return a declaration; the value of a net is an assign, that of a register its first one."""
        found = []
        for (name, dimensions), value, at in names:
            entries = self.create_decl(kinds, name, width, dimensions, at)
            found.extend(entries)
            if value is not None and any(type(entry) is ast.Reg for entry in entries):
                entries[-1].value = value
            elif value is not None:
                target = ast.Lvalue(ast.Identifier(name, lineno=at), lineno=at)
                found.append(ast.Assign(target, value, lineno=at))
        return ast.Decl(tuple(found), lineno=line)

    def p_declnamelist(self, p: Any) -> None:
        "declnamelist : declnamelist COMMA declvalue"
        p[1].append(p[3])
        p[0] = p[1]

    def p_declnamelist_one(self, p: Any) -> None:
        "declnamelist : declvalue"
        p[0] = [p[1]]

    def p_declvalue(self, p: Any) -> None:
        """declvalue : declname
        | declname EQUALS rvalue
        """
        p[0] = (p[1], p[3] if len(p) > 2 else None, p.lineno(1))

    def p_defparam(self, p: Any) -> None:
        "defparam : DEFPARAM defparam_list SEMICOLON"
        p[0] = ast.Decl(p[2], lineno=p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def p_defparam_list(self, p: Any) -> None:
        """defparam_list : defparam_one
        | defparam_list COMMA defparam_one
        """
        p[0] = [p[1]] if len(p) == 2 else [*p[1], p[3]]

    def p_defparam_one(self, p: Any) -> None:
        "defparam_one : ID DOT ID EQUALS expression"
        p[0] = Defparam(p[1], p[3], p[5], p.lineno(1))

    def p_expression_uplus(self, p: Any) -> None:
        "expression : PLUS expression %prec UPLUS"
        p[0] = ast.Uplus(p[2], lineno=p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def p_lpartselect_plus(self, p: Any) -> None:
        """lpartselect : identifier LBRACKET expression PLUSCOLON expression RBRACKET
        | identifier LBRACKET expression MINUSCOLON expression RBRACKET
        """
        p[0] = Indexed(p[1], p[3], p[5], p[4] == "+:", p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def p_partselect_plus(self, p: Any) -> None:
        """partselect : identifier LBRACKET expression PLUSCOLON expression RBRACKET
        | identifier LBRACKET expression MINUSCOLON expression RBRACKET
        """
        p[0] = Indexed(p[1], p[3], p[5], p[4] == "+:", p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    p_lpartselect_minus = p_partselect_minus = None
    p_lpartselect_lpointer_plus = p_lpartselect_lpointer_minus = None
    p_partselect_pointer_plus = p_partselect_pointer_minus = None
    p_sysargs_empty = p_func_args_empty = None

    def p_instance_ports_list(self, p: Any) -> None:
        """instance_ports_list : instance_ports_list COMMA instance_port_list
        | instance_ports_list COMMA
        """
        before = p[1] or (ast.PortArg(None, None, lineno=p.lineno(2)),)
        p[0] = (*before, p[3] if len(p) > 3 else ast.PortArg(None, None, lineno=p.lineno(2)))
        p.set_lineno(0, p.lineno(2))

    p_param_args_empty = None

    def p_parameterlist_none(self, p: Any) -> None:
        "parameterlist : DELAY LPAREN RPAREN"
        p[0] = ()

    def p_param_arg_open(self, p: Any) -> None:
        "param_arg : DOT ID LPAREN RPAREN"
        p[0] = ast.ParamArg(p[2], None, lineno=p.lineno(1))
        p.set_lineno(0, p.lineno(1))

    def p_sens_empty(self, p: Any) -> None:
        "senslist : empty"
        p[0] = ast.SensList((ast.Sens(None, "none", lineno=p.lineno(1)),), lineno=p.lineno(1))

    p_if_statement_delay = p_if_statement_woelse_delay = None


def _another(port: Any, name: str, line: int) -> Any:
    """Return a port of another name, declared like the one before it."""
    first, second = copy.copy(port.first), copy.copy(port.second)
    for part in (first, second):
        if part is not None:
            part.name, part.lineno = name, line
    return ast.Ioport(first, second, lineno=line)
