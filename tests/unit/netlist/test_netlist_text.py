"""The text form: what it looks like, and every way it can be broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from btfsynth.errors import DataError
from btfsynth.netlist import text as text_module
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.text import format_netlist, parse_netlist, read_netlist
from btfsynth.ports import Port, bit_names, pin_order

FULL_ADDER = """mig 1
name "full_adder"
input "a" 1
input "b c" 2
output "s" 1
output "cout" 1
cells 3
2 4 6
2 4 7
6 9 10
drive 12 8
"""


@pytest.fixture(autouse=True, params=["line by line", "at once"])
def reading(request, monkeypatch):
    """Read small files by the kernel for large ones too."""
    if request.param == "at once":
        monkeypatch.setattr(text_module, "_FEW_CELLS", 0)


def test_the_form_is_as_documented() -> None:
    """A netlist is written line by line as the module says, and read back."""
    netlist = Netlist(
        "full_adder",
        (Port("a", 1), Port("b c", 2)),
        (Port("s", 1), Port("cout", 1)),
        np.array([[2, 4, 6], [2, 4, 7], [6, 9, 10]]),
        np.array([12, 8]),
    )
    assert format_netlist(netlist) == FULL_ADDER
    assert format_netlist(parse_netlist(FULL_ADDER)) == FULL_ADDER


def test_blank_lines_comments_and_spaces_are_passed_over() -> None:
    """Comments, indentation, carriage returns and a missing last line end do not matter."""
    loose = "# made by hand\r\n\r\n" + FULL_ADDER.replace("\n", "\r\n  # note\r\n   ").rstrip()
    assert format_netlist(parse_netlist(loose.replace("cells 3", "cells   3"))) == FULL_ADDER


def test_a_netlist_without_inputs_and_cells() -> None:
    """The smallest file: a constant."""
    netlist = parse_netlist('mig 1\noutput "y" 1\ncells 0\ndrive 1\n')
    assert (netlist.name, netlist.n_inputs, netlist.outputs.tolist()) == ("netlist", 0, [1])
    assert format_netlist(netlist) == 'mig 1\nname "netlist"\noutput "y" 1\ncells 0\ndrive 1\n'


def broken(old: str, new: str) -> str:
    assert FULL_ADDER.count(old) == 1
    return FULL_ADDER.replace(old, new)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "expected 'mig 1', got the end of the file"),
        ("mig 2\n", 1, "expected 'mig 1', got 'mig 2'"),
        ("module x;\n", 1, "expected 'mig 1', got 'module x;'"),
        (broken('name "full_adder"', "name full_adder"), 2, "expected a name as a JSON string"),
        (broken('name "full_adder"', "name [1]"), 2, "expected a name as a JSON string"),
        (broken('name "full_adder"', "name null"), 2, "expected a name as a JSON string"),
        (broken('name "full_adder"', 'name "open'), 2, "expected a name as a JSON string"),
        (broken('name "full_adder"', 'name "\\x"'), 2, "expected a name as a JSON string"),
        (broken('name "full_adder"', "name " + "[" * 100_000), 2, "expected a name"),
        (broken('name "full_adder"', 'title "x"'), 2, "expected name, input, output or cells"),
        (broken('input "a" 1', 'input "a" 0'), 3, "expected 1 to 1000000 input bits, got 0"),
        (broken('input "a" 1', 'input "a" -1'), 3, "expected a whole number, got '-1'"),
        (broken('input "a" 1', 'input "a"'), 3, "expected a whole number"),
        (broken('input "a" 1', "input 1"), 3, "expected a name as a JSON string"),
        (broken('input "b c" 2', 'input "b c" 1000000'), 4, "input bits, got 1000001"),
        (
            broken('input "b c" 2', 'input "b c" [1:0:0]'),
            4,
            "expected a whole number, got '[1:0:0]'",
        ),
        (broken('input "b c" 2', 'input "b c" [9999999999:0]'), 4, "expected a whole number"),
        (broken("cells 3", "input_pins 0 1\ncells 3"), 7, "every position from 0 to 2 once"),
        (broken("cells 3", "input_pins 0 1 1\ncells 3"), 7, "every position from 0 to 2 once"),
        (broken("cells 3", "output_pins 1 x\ncells 3"), 7, "expected a whole number, got 'x'"),
        (broken("cells 3", "cells"), 7, "expected a whole number, got ''"),
        (broken("cells 3", "cells three"), 7, "expected a whole number, got 'three'"),
        (broken("cells 3", "cells -3"), 7, "expected a whole number, got '-3'"),
        (broken("cells 3", "cells \u0663"), 7, "expected a whole number"),
        (broken("cells 3", "cells 999999999"), 7, "expected at most 50000000 cells"),
        (broken("cells 3", "cells " + "9" * 5000), 7, "expected a whole number, got '99"),
        (broken("cells 3", "cells 2"), 10, "expected 'drive' after 2 cells, got '6'"),
        (broken("cells 3", "cells 4"), 11, "expected the three literals of a cell, got 'drive"),
        (broken("2 4 6", "2 4"), 8, "expected the three literals of a cell, got '2 4'"),
        (broken("2 4 6", "2 4 6 8"), 8, "expected the three literals of a cell"),
        (broken("2 4 7", "2 4 -7"), 9, "expected a whole number, got '-7'"),
        (broken("2 4 7", "2 4 7.0"), 9, "expected a whole number, got '7.0'"),
        (broken("2 4 7", "2 4 10"), 9, "at most 9, got 10"),
        (broken("2 4 7", "2 4 99999999999"), 9, "expected a whole number, got '99999999999'"),
        (broken("drive 12 8", "drive 12"), 11, "expected 2 literals, one per output bit, got 1"),
        (
            broken("drive 12 8", "drive 12 8 2"),
            11,
            "expected 2 literals, one per output bit, got 3",
        ),
        (broken("drive 12 8", "drive 12 14"), 11, "at most 13, got 14"),
        (broken("drive 12 8", "12 8"), 11, "expected 'drive' after 3 cells, got '12'"),
        (FULL_ADDER + "\n# end\n2 4 6\n", 14, "expected the end of the file"),
        ("mig 1\x00\n", 1, "expected 'mig 1'"),
    ],
)
def test_a_broken_file_is_an_error_that_names_the_line(text: str, line: int, message: str) -> None:
    """What was expected and what came, with file and line."""
    with pytest.raises(DataError) as caught:
        parse_netlist(text, "f.mig")
    assert str(caught.value).startswith(f"f.mig:{line}: ")
    assert message in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize("lines", range(11))
def test_a_truncated_file_is_an_error_on_its_last_line(lines: int) -> None:
    """A file cut after any line says what was to follow."""
    with pytest.raises(DataError, match=r"expected .*, got the end of the file") as caught:
        parse_netlist("".join(FULL_ADDER.splitlines(keepends=True)[:lines]))
    assert caught.value.line == max(1, lines)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder and binary data are errors that name the path."""
    with pytest.raises(DataError, match=r"none\.mig: no such file"):
        read_netlist(tmp_path / "none.mig")
    with pytest.raises(DataError, match="cannot be read"):
        read_netlist(tmp_path)
    (tmp_path / "b.mig").write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(DataError, match=r"b\.mig: expected a text file .* got binary"):
        read_netlist(tmp_path / "b.mig")


def test_a_name_may_hold_any_character_as_it_is() -> None:
    """Unicode line separators in a hand-written name or comment end no line."""
    text = FULL_ADDER.replace("full_adder", "\u2028 ä").replace("cells", "# a\u2028b\ncells")
    assert parse_netlist(text).name == "\u2028 ä"


def test_a_file_is_read(tmp_path: Path) -> None:
    """A netlist read from a file is the one written."""
    (tmp_path / "f.mig").write_text(FULL_ADDER)
    assert format_netlist(read_netlist(tmp_path / "f.mig")) == FULL_ADDER


def test_ranges_and_pins() -> None:
    """Ranges that do not count up from 0 and the positions in another file are written and read."""
    plain = parse_netlist(FULL_ADDER)
    assert "pins" not in format_netlist(plain)
    text = FULL_ADDER.replace('"b c" 2', '"b c" [3:4]').replace("cells", "input_pins 2 0 1\ncells")
    netlist = parse_netlist(text)
    assert netlist.input_ports[1] == Port("b c", 2, 4, -1)
    assert netlist.input_ports[1] != plain.input_ports[1]
    assert bit_names(netlist.input_ports) == ["a", "b c[4]", "b c[3]"]
    assert [port.pins for port in netlist.input_ports] == [(2,), (0, 1)]
    assert pin_order(netlist.input_ports) == [1, 2, 0]
    assert parse_netlist(format_netlist(netlist)).input_ports == netlist.input_ports
    assert "input_pins 2 0 1\n" in format_netlist(netlist)
    assert '"b c" [3:4]\n' in format_netlist(netlist)
