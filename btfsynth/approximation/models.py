"""Software models of a circuit on numbers: Python for NumPy arrays, and C.

Both contain the circuit as bit-parallel code (see `btfsynth.netlist.formats.tables`) and make a lookup table
of all input vectors from it, for use in the arithmetic of a network.
"""

from __future__ import annotations

from collections.abc import Mapping

from btfsynth.netlist.formats.tables import c_names, emit_c, emit_python, python_names
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.verify.error_metrics import Reading

MAX_TABLE_INPUTS = 20
PYTHON_ROLE, C_ROLE = "python_model", "c_model"


def model_files(
    module: str, netlist: Netlist, reading: Reading, provenance: Mapping[str, str]
) -> dict[str, tuple[str, bytes]]:
    """Return the names and content of both models by their roles in a design folder.

    Nothing for a circuit whose outputs are read as single bits or that has too many inputs for a table.
    """
    if netlist.n_inputs > MAX_TABLE_INPUTS or len(reading.ports) != len(netlist.output_ports):
        return {}
    return {
        PYTHON_ROLE: (
            f"{module}_model.py",
            _python(netlist, reading, provenance).encode(),
        ),
        C_ROLE: (f"{module}_model.c", _c(netlist, provenance).encode()),
    }


def _starts(ports: tuple[Port, ...]) -> list[tuple[int, int]]:
    """Return (first bit, width) of ports."""
    places, first = [], 0
    for port in ports:
        places.append((first, port.width))
        first += port.width
    return places


def _python(netlist: Netlist, reading: Reading, provenance: Mapping[str, str]) -> str:
    names = python_names(netlist)
    operands = ", ".join(port.name for port in netlist.input_ports)
    lines = [
        emit_python(netlist, names, provenance),
        "",
        f"_INPUTS = {_starts(netlist.input_ports)}  # first bit and width of each operand",
        f"_OUTPUTS = {[list(port) for port in reading.ports]}  # first bit, width and whether it is signed",
        "_TABLE = []",
        "",
        "",
        f"def {names.module}_values(*operands):",
        f'    """Return the results for {_plain(operands)}, whole numbers or arrays, as a ufunc does.',
        "",
        "    Negative operands count as their two's complement. Several outputs are a tuple.",
        '    """',
        "    if len(operands) != len(_INPUTS):",
        '        raise ValueError(f"expected {len(_INPUTS)} operands, got {len(operands)}")',
        "    if not _TABLE:",
        f"        numbers = np.arange(1 << {netlist.n_inputs})",
        f"        rows = numbers[:, None] >> np.arange({netlist.n_inputs}) & 1",
        f"        bits = {names.module}(rows).astype(np.int64)",
        "        for first, width, signed in _OUTPUTS:",
        "            worth = 1 << np.arange(width, dtype=np.int64)",
        "            worth[-1] *= -1 if signed else 1",
        "            _TABLE.append(bits[:, first : first + width] @ worth)",
        "    index = 0",
        "    for operand, (first, width) in zip(operands, _INPUTS):",
        "        operand = np.asarray(operand)",
        '        if operand.dtype.kind not in "bui":',
        '            raise ValueError(f"expected whole numbers, got {operand.dtype}")',
        "        index = index | (operand.astype(np.int64) & ((1 << width) - 1)) << first",
        "    found = tuple(table[index] for table in _TABLE)",
        "    return found[0] if len(found) == 1 else found",
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "".join(each if each.isalnum() or each in "_, " else "?" for each in text)


def _c(netlist: Netlist, provenance: Mapping[str, str]) -> str:
    names = c_names(netlist)
    inputs, outputs = netlist.n_inputs, netlist.n_outputs
    places = ", ".join(
        f"{port.name} << {first}" if first else port.name
        for port, (first, _) in zip(netlist.input_ports, _starts(netlist.input_ports), strict=True)
    )
    return f"""{emit_c(netlist, names, provenance)}
/*
 * Fills a table of 2^{inputs} entries: all output bits, output 0 least significant, at the index
 * {_plain(places.replace("<<", "times 2 to the"))} added up.
 */
void {names.module}_table(uint64_t *table);

void {names.module}_table(uint64_t *table)
{{
    uint64_t x[{max(1, inputs)}], y[{max(1, outputs)}];
    const uint64_t end = UINT64_C(1) << {inputs};
    for (uint64_t first = 0; first < end; first += 64) {{
        for (int bit = 0; bit < {inputs}; bit++) {{
            x[bit] = 0;
            for (int k = 0; k < 64; k++)
                x[bit] |= (((first + (uint64_t)k) >> bit) & 1) << k;
        }}
        {names.module}_words(x, y);
        for (uint64_t k = 0; k < 64 && first + k < end; k++) {{
            table[first + k] = 0;
            for (int bit = 0; bit < {outputs}; bit++)
                table[first + k] |= ((y[bit] >> k) & 1) << bit;
        }}
    }}
}}
"""
