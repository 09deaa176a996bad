"""The Berkeley Logic Interchange Format (University of California, Berkeley, 1992).

Covers of any width, on-set or off-set; several models, the first of which that no other model uses is flattened
through ``.subckt``; the ``.conn`` and the attributes that Yosys writes. Timing, area and a missing ``.end`` are
ignored. The ``.exdc`` of the top model gives don't-cares; those of the models it uses are ignored, because
their function is kept. Latches are an error or become ports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from btfsynth.dataset.formats.base import SourceFile, quoted
from btfsynth.errors import plural
from btfsynth.netlist.formats.cells import NEXT, cell_names, library_cell, needed_functions
from btfsynth.netlist.formats.nets import (
    Design,
    Make,
    NetTable,
    comments,
    net_names,
    plain_cells,
    token_names,
    wrapped,
)
from btfsynth.netlist.functions import build_cover, table_gate
from btfsynth.netlist.gates import AnyNetlist, read_cells
from btfsynth.netlist.identifiers import HdlNames
from btfsynth.netlist.netlist import FALSE, TRUE
from btfsynth.ports import bit_names, pin_order

_MAX_GATES = 20_000_000
_IGNORED = (
    ".area .delay .and_gate_delay .wire_load_slope .wire .input_arrival .default_input_arrival "
    ".output_required .default_output_required .input_drive .default_input_drive .output_load "
    ".default_output_load .max_input_load .default_max_input_load .attr .attrib .cname .search "
    ".latch_order .code .cycle .clock_event"
)
_REFUSED = {
    ".blackbox": "the model {} is a black box, expected one of gates",
    ".flop": "the flip-flop of {} has unsupported pins, expected .latch",
    ".mv": "{} has multi-valued variables, expected Boolean ones",
    ".table": "{} has tables of BLIF-MV, expected .names",
}
_PASSED_OVER = frozenset(_IGNORED.split())
_LATCH_TYPES = ("fe", "re", "ah", "al", "as")
_LATCH_VALUES = ("0", "1", "2", "3")


@dataclass(slots=True)
class _Gate:
    """One ``.names``: the nets it reads, the net it drives, its rows."""

    reads: tuple[str, ...]
    output: str
    line: int
    rows: list[str] = field(default_factory=list)
    value: str = ""


@dataclass(slots=True)
class _Instance:
    """One ``.subckt``: the actual net by formal name."""

    model: str
    nets: dict[str, str]
    line: int
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Latch:
    data: str
    output: str
    line: int


@dataclass(slots=True)
class _Model:
    name: str
    line: int
    inputs: dict[str, int] = field(default_factory=dict)
    clocks: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    gates: list[_Gate] = field(default_factory=list)
    instances: list[_Instance] = field(default_factory=list)
    latches: list[_Latch] = field(default_factory=list)
    dont_cares: _Model | None = None
    """The part after ``.exdc``: nets with names of outputs, 1 where these do not matter."""


def parse_blif(file: SourceFile, comb: bool = False) -> Design:
    """Read a BLIF file; latches become ports if `comb` (see `NetTable.add_register`)."""
    models = _parse(file)
    if not models:
        raise file.error("expected .model, got no statement")
    kiss = next((n for n, text in enumerate(file.lines, 1) if text.startswith(".start_kiss")), None)
    if kiss is not None and not any(model.gates or model.instances for model in models.values()):
        raise file.error(".start_kiss describes a state machine, expected its gates", kiss)
    top, *_ = tops = _tops(models)  # the first one, as ABC does
    nets = NetTable(file, comb)
    for name, line in top.inputs.items():
        nets.add_input(name, line)
    for name, line in top.outputs.items():
        nets.add_output(name, line)
    _flatten(file, models, top, nets)
    _add_dont_cares(file, top, nets)
    notes = (
        f"the model {quoted(top.name)} is read, the first of {len(tops)} that no other one uses",
    )
    name = top.name or file.function_name
    return Design(nets.build(name), notes if len(tops) > 1 else (), nets.build_open(name))


def _tops(models: dict[str, _Model]) -> list[_Model]:
    """Return the models that no other model uses, or the first model if there are none."""
    used = {instance.model for model in models.values() for instance in model.instances}
    unused = [model for name, model in models.items() if name not in used]
    return unused or [next(iter(models.values()))]


def _lines(file: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """Yield the words of every non-empty line, with continued lines joined.

    A state machine between ``.start_kiss`` and ``.end_kiss`` is skipped: the gates beside it implement it.
    """
    words: list[str] = []
    first = 0
    machine = 0
    for number, text in enumerate(file.lines, start=1):
        line = text.partition("#")[0].rstrip()
        first = first or number
        continued = line.endswith("\\")
        words.extend(line[:-1].split() if continued else line.split())
        if not continued:
            if words[:1] == [".start_kiss"]:
                machine = first
            if words and not machine:
                yield first, words
            if words[:1] == [".end_kiss"]:
                machine = 0
            words, first = [], 0
    if machine:
        raise file.error("expected .end_kiss, the file ends", machine)
    if words:
        yield first, words


def _parse(file: SourceFile) -> dict[str, _Model]:
    models: dict[str, _Model] = {}
    model: _Model | None = None
    gate: _Gate | None = None
    for number, words in _lines(file):
        keyword = words[0]
        if not keyword.startswith("."):
            if gate is None:
                raise file.error(f"expected a row only after .names, got {quoted(keyword)}", number)
            _add_row(file, gate, words, number)
            continue
        gate = None
        if keyword == ".model":
            if model is not None:
                # ABC drops such a model, others read on: whoever writes it means one of both.
                raise file.error(
                    f"expected .end of the model {quoted(model.name)} in line {model.line} before the "
                    "next .model",
                    number,
                )
            model = _Model(words[1] if len(words) > 1 else "", number)
            if model.name in models:
                raise file.error(f"the model {quoted(model.name)} is defined twice", number)
            models[model.name] = model
        elif keyword == ".end":
            model = None
        elif keyword == ".exdc" and model is not None:
            if len(words) > 1 or model.dont_cares is not None:
                raise file.error("expected .exdc once in a model, and nothing behind it", number)
            outer, model = model, _Model(model.name, model.line)
            outer.dont_cares = model.dont_cares = model
        elif keyword not in _PASSED_OVER:
            if model is None:
                if models:
                    raise file.error(f"expected .model after .end, got {quoted(keyword)}", number)
                model = models[""] = _Model("", number)  # a file may leave out the first .model
            gate = _statement(file, model, words, number)
    return models


def _statement(file: SourceFile, model: _Model, words: list[str], line: int) -> _Gate | None:
    """Add a line to a model; returns the gate that rows may follow."""
    keyword, *rest = words
    if keyword in (".inputs", ".outputs"):
        declared = model.inputs if keyword == ".inputs" else model.outputs
        for name in rest:
            if name in declared:
                raise file.error(f"{keyword}: {quoted(name)} is listed twice", line)
            declared[name] = line
    elif keyword == ".names":
        if not rest:
            raise file.error("expected the nets of a gate after .names, got none", line)
        model.gates.append(_Gate(tuple(rest[:-1]), rest[-1], line))
        return model.gates[-1]
    elif keyword == ".conn":
        if len(rest) != 2:
            raise file.error(f"expected two nets after .conn, got {len(rest)}", line)
        model.gates.append(_Gate((rest[0],), rest[1], line, ["1"], "1"))
    elif keyword == ".subckt" or (keyword == ".gate" and rest and rest[0] in cell_names()):
        model.instances.append(_instance(file, rest, line))
    elif keyword == ".param":
        if model.instances and len(rest) == 2:
            model.instances[-1].parameters[rest[0]] = rest[1]
    elif keyword == ".latch":
        model.latches.append(_latch(file, rest, line))
    elif keyword == ".clock":
        model.clocks.update(dict.fromkeys(rest, line))
    elif keyword in (".gate", ".mlatch"):
        raise file.error(
            f"the library gate {quoted(rest[0] if rest else '')} is not known, expected .names; "
            "unmap the netlist first",
            line,
        )
    elif keyword in _REFUSED:
        raise file.error(_REFUSED[keyword].format(quoted(model.name)), line)
    else:
        raise file.error(f"{quoted(keyword)} is not supported", line)
    return None


def _latch(file: SourceFile, words: Sequence[str], line: int) -> _Latch:
    """Return the latch of ``.latch input output [type control] [initial value]``."""
    nets, options = words[:2], list(words[2:])
    if len(options) in (1, 3) and options[-1] in _LATCH_VALUES:
        options.pop()
    if len(nets) < 2 or len(options) not in (0, 2) or (options and options[0] not in _LATCH_TYPES):
        raise file.error(
            f"expected .latch input output, a type ({', '.join(_LATCH_TYPES)}) with its control and an "
            f"initial value of 0 to 3 if there are any, got {quoted(' '.join(words))}",
            line,
        )
    return _Latch(words[0], words[1], line)


def _instance(file: SourceFile, words: Sequence[str], line: int) -> _Instance:
    if not words:
        raise file.error("expected a model after .subckt", line)
    nets: dict[str, str] = {}
    for word in words[1:]:
        formal, equals, actual = word.partition("=")
        if not equals or not formal or not actual:
            raise file.error(f"expected formal=actual, got {quoted(word)}", line)
        if formal in nets:
            raise file.error(f"{quoted(formal)} is connected twice", line)
        nets[formal] = actual
    return _Instance(words[0], nets, line)


def _add_row(file: SourceFile, gate: _Gate, words: Sequence[str], line: int) -> None:
    width = len(gate.reads)
    marks, value = ("", words[0]) if not width else (words[0], words[-1])
    if len(words) != (2 if width else 1):
        wanted = "inputs and output" if width else "the output alone"
        raise file.error(f"expected a row of {wanted}, got {quoted(' '.join(words))}", line)
    if len(marks) != width:
        raise file.error(
            f"expected {plural(width, 'input')} as in line {gate.line}, got {len(marks)}", line
        )
    if marks.strip("01-") or value not in ("0", "1"):
        raise file.error(
            f"expected a row of 0, 1 and - and an output of 0 or 1, got {quoted(' '.join(words))}",
            line,
        )
    if gate.rows and value != gate.value:
        raise file.error("a cover lists its on-set or its off-set, not both", line)
    gate.rows.append(marks)
    gate.value = value


def _flatten(file: SourceFile, models: dict[str, _Model], top: _Model, nets: NetTable) -> None:
    made = 0
    instances = 0
    pending: list[tuple[_Model, str, dict[str, str], int]] = [
        (top, "", {name: name for name in (*top.inputs, *top.outputs)}, 0)
    ]
    while pending:
        model, prefix, actual, depth = pending.pop()
        made += len(model.gates) + len(model.instances)
        if made > _MAX_GATES:
            raise file.error(f"expected at most {_MAX_GATES} gates when flattened", model.line)

        def name(net: str, prefix: str = prefix, actual: dict[str, str] = actual) -> str:
            return actual.get(net) or (prefix + net if prefix else net)

        for gate in model.gates:
            nets.drive(name(gate.output), map(name, gate.reads), _make(gate), gate.line)
        for latch in model.latches:
            nets.add_register(name(latch.output), name(latch.data), ".latch", latch.line)
        for instance in model.instances:
            if instance.model not in models:
                instances += 1
                _add_cell(file, nets, instance, name, f"{prefix}{instance.model} {instances} ")
                continue
            inner = _resolve(file, models, instance)
            if depth >= len(models):
                raise file.error(
                    f"the model {quoted(instance.model)} contains itself", instance.line
                )
            instances += 1
            # No name of a file holds a space: the nets of an instance never meet another's.
            bound = {formal: name(net) for formal, net in instance.nets.items()}
            pending.append((inner, f"{instance.model} {instances} ", bound, depth + 1))


def _add_dont_cares(file: SourceFile, top: _Model, nets: NetTable) -> None:
    """Add the gates of the top model's ``.exdc`` to the table, as separate nets."""
    inner = top.dont_cares
    if inner is None:
        return
    others = [one.line for one in inner.instances] + [one.line for one in inner.latches]
    if others:
        raise file.error("expected gates alone in .exdc", min(others))
    known = {*top.inputs, *(latch.output for latch in top.latches)}
    data = {latch.data for latch in top.latches} if nets.comb else set()
    for ports, wanted, what in (
        (inner.inputs, known, "input"),
        (inner.outputs, {*top.outputs, *data}, "output"),
    ):
        for port, line in ports.items():
            if port not in wanted:
                raise file.error(f".exdc: {quoted(port)} is no {what} of the model", line)

    def name(net: str) -> str:
        return net if net in known and net not in driven else f"exdc {net}"

    driven = {gate.output for gate in inner.gates}
    for gate in inner.gates:
        nets.drive(name(gate.output), map(name, gate.reads), _make(gate), gate.line)
        if gate.output in top.outputs or gate.output in data:
            nets.leave_open(gate.output, name(gate.output), gate.line)


def _add_cell(
    file: SourceFile, nets: NetTable, instance: _Instance, name: Callable[[str], str], prefix: str
) -> None:
    pins = {formal: name(actual) for formal, actual in instance.nets.items()}
    ports = {formal.partition("[")[0] for formal in pins}
    who = f"the cell {quoted(instance.model)}"
    try:
        found = library_cell(instance.model, ports, instance.parameters)
    except ValueError as error:
        hint = "; Yosys' 'write_blif -param' writes parameters" if not instance.parameters else ""
        raise file.error(f"{who}: {error}{hint}", instance.line) from None
    if found is None:
        raise file.error(
            f"the model {quoted(instance.model)} is not defined in this file", instance.line
        )
    functions, is_flipflop = found
    if not is_flipflop:
        functions = needed_functions(functions, pins)
    elif nets.comb and "Q" not in pins:
        return  # nothing reads it
    else:
        nets.add_register(pins.get("Q", ""), prefix + NEXT, instance.model, instance.line)
    made = {one.output: pins.get(one.output, prefix + one.output) for one in functions}
    for one in functions:
        missing = [pin for pin in one.inputs if pin not in made and pin not in pins]
        if missing:
            raise file.error(f"{who}: the input {missing[0]} is not connected", instance.line)
        reads = [made.get(pin) or pins[pin] for pin in one.inputs]
        nets.drive(made[one.output], reads, table_gate(one.table), instance.line)


def _resolve(file: SourceFile, models: dict[str, _Model], instance: _Instance) -> _Model:
    inner = models[instance.model]
    for formal in instance.nets:
        if not any(formal in ports for ports in (inner.inputs, inner.outputs, inner.clocks)):
            raise file.error(
                f"the model {quoted(inner.name)} has no port {quoted(formal)}", instance.line
            )
    for formal in inner.inputs:
        if formal not in instance.nets:
            raise file.error(
                f"the input {quoted(formal)} of {quoted(inner.name)} is not connected",
                instance.line,
            )
    return inner


def _make(gate: _Gate) -> Make:
    rows, on = gate.rows, gate.value != "0"
    return lambda builder, literals: build_cover(builder, rows, on, literals)


# the writer: one ``.names`` per cell, as Yosys and ABC read it

_FORBIDDEN = ' #\\="'


def blif_names(netlist: AnyNetlist) -> HdlNames:
    return token_names(netlist, _FORBIDDEN, one_space=True)


def emit_blif(netlist: AnyNetlist, names: HdlNames, provenance: Mapping[str, str]) -> str:
    """Return the netlist as BLIF, pins in their order; complements are in the rows of the covers."""
    netlist = plain_cells(netlist)
    inputs, outputs = bit_names(names.inputs), bit_names(names.outputs)
    nets = net_names(netlist, inputs, outputs)
    lines = comments(provenance)
    lines.append(f".model {names.module}")
    lines.extend(_listed(".inputs", [inputs[bit] for bit in pin_order(names.inputs)]))
    lines.extend(_listed(".outputs", [outputs[bit] for bit in pin_order(names.outputs)]))
    for cell, (kind, read) in enumerate(read_cells(netlist)):
        lines.extend(_cell(kind, read, nets, nets[netlist.first_cell + cell]))
    for name, literal in zip(outputs, netlist.outputs.tolist(), strict=True):
        if literal in (FALSE, TRUE):
            lines.append(f".names {name}")
            lines.extend(["1"] * literal)
        elif nets[literal >> 1] != name or literal & 1:
            lines.append(f".names {nets[literal >> 1]} {name}")
            lines.append(f"{1 - (literal & 1)} 1")
    lines.append(".end")
    return "\n".join(lines) + "\n"


def _listed(keyword: str, names: Sequence[str]) -> list[str]:
    rows = [" ".join(row) for row in wrapped(names)]
    return [f"{keyword} " + " \\\n  ".join(rows)] if rows else [keyword]


def _cell(kind: str, read: Sequence[int], nets: Sequence[str], output: str) -> list[str]:
    ones = ["0" if literal & 1 else "1" for literal in read]
    lines = [f".names {' '.join(nets[literal >> 1] for literal in read)} {output}"]
    if kind == "and":
        lines.append(f"{ones[0]}{ones[1]} 1")
    elif kind == "or":
        lines.extend((f"{ones[0]}- 1", f"-{ones[1]} 1"))
    elif kind == "xor":
        odd = ("001", "010", "100", "111") if len(read) > 2 else ("01", "10")
        lines.extend(f"{row} 1" for row in odd)
    else:
        x, y, z = ones
        lines.extend((f"{x}{y}- 1", f"{x}-{z} 1", f"-{y}{z} 1"))
    return lines
