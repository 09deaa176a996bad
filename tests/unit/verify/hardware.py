"""Small netlists, their truth tables and design folders for the tests of hardware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from btfsynth.hdl.design import write_design
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import exhaustive_words, output_words, pack_bits, unpack_bits
from btfsynth.ports import Port


def full_adder(name: str = "full_adder") -> Netlist:
    """Sum and carry of three bits."""
    builder = NetlistBuilder(name, [Port("a", 1), Port("b", 2)], [Port("s", 2)])
    a, b, c = (builder.input(bit) for bit in range(3))
    carry = builder.maj(a, b, c)
    total = builder.maj(carry ^ 1, builder.maj(a, b, c ^ 1), c)
    return builder.build([total, carry])


def multiplier() -> Netlist:
    """Two bits times two bits."""
    builder = NetlistBuilder("multiplier", [Port("a", 2), Port("b", 2)], [Port("p", 4)])
    a0, a1, b0, b1 = (builder.input(bit) for bit in range(4))
    low, high = builder.and_(a0, b0), builder.and_(a1, b1)
    left, right = builder.and_(a0, b1), builder.and_(a1, b0)
    carry = builder.and_(left, right)
    return builder.build(
        [low, builder.xor(left, right), builder.and_(high, carry ^ 1), builder.and_(high, carry)]
    )


def vectors_of(netlist: Netlist) -> VectorTable:
    """All input vectors with what the netlist does for them."""
    count = 1 << netlist.n_inputs
    inputs = exhaustive_words(netlist.n_inputs)
    expected = unpack_bits(output_words(netlist, inputs), count)
    care = np.ones(expected.shape, dtype=np.bool_)
    return VectorTable(unpack_bits(inputs, count), expected, care, True)


def outputs_of(netlist: Netlist, inputs: np.ndarray) -> np.ndarray:
    """Outputs of a netlist, (vectors, output bits), for (vectors, input bits)."""
    return unpack_bits(output_words(netlist, pack_bits(inputs)), len(inputs))


def design(netlist: Netlist, folder: Path) -> Path:
    """The folder with the design in it."""
    folder.mkdir(exist_ok=True)
    write_design(netlist, vectors_of(netlist), folder)
    return folder


@st.composite
def netlists(draw: st.DrawFn) -> Netlist:
    """Random netlists, not folded: cells with two constants or with equal fan-in are there too."""
    widths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
    inputs = [Port(f"i{place}", width) for place, width in enumerate(widths)]
    bits = sum(widths)
    cells = []
    for cell in range(draw(st.integers(0, 12))):
        literal = st.integers(0, 2 * (1 + bits + cell) - 1)
        cells.append(draw(st.tuples(literal, literal, literal)))
    literal = st.integers(0, 2 * (1 + bits + len(cells)) - 1)
    outputs = draw(st.lists(literal, min_size=1, max_size=4))
    return Netlist(
        "random_net",
        tuple(inputs),
        (Port("y", len(outputs)),),
        np.array(cells, dtype=np.int32).reshape(-1, 3),
        np.array(outputs, dtype=np.int32),
    )


def hdl_mutants(text: str) -> list[str]:
    """The text with one operator or inverter changed at a time, in every assign."""
    mutants = []
    for place, character in enumerate(text):
        line = text[text.rfind("\n", 0, place) + 1 : place].lstrip()
        if not line.startswith("assign ") or "=" not in line:
            continue
        if character in "&|":
            other = "|" if character == "&" else "&"
            mutants.append(text[:place] + other + text[place + 1 :])
        elif character == "~":
            mutants.append(text[:place] + text[place + 1 :])
        elif character.isalpha() and text[place - 1] in " (":
            mutants.append(text[:place] + "~" + text[place:])
    return mutants
