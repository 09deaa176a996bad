"""Random netlists through every netlist file and back, and files that have been damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import naive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import netlists

from btfsynth.errors import BtfsynthError
from btfsynth.hdl.formats import WRITERS, read_design
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.verify.compare import compare
from btfsynth.verify.subjects import Subject

SHARED = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SNIPPETS = st.text(max_size=4) | st.sampled_from(
    ["-1", "99999999999", "\0", "\n", ".end\n", ".latch a b\n", "DFF(", "= a\n", "always", "1'b1",
     "[9]", "(((", ".subckt m a=a\n", "\\\n", "#", "{", "~", "i0 x\n", "\x80"]
)  # fmt: skip


@pytest.fixture(autouse=True)
def without_yosys(monkeypatch):
    """Damaged Verilog is judged by the package's own reader, in no time."""
    monkeypatch.setattr("btfsynth.hdl.foreign.has_yosys", lambda: False)


def named(netlist: Netlist) -> Netlist:
    """The netlist with names that every format can hold."""
    inputs = [Port(f"in{k}", port.width) for k, port in enumerate(netlist.input_ports)]
    outputs = [Port(f"out{k}", port.width) for k, port in enumerate(netlist.output_ports)]
    return Netlist("circuit", tuple(inputs), tuple(outputs), netlist.fanins, netlist.outputs)


@pytest.mark.parametrize("name", WRITERS)
@given(netlist=netlists())
@SHARED
def test_round_trip(tmp_path: Path, name: str, netlist: Netlist) -> None:
    """The same ports and the same function, and the same bytes when written again."""
    netlist = named(netlist)
    writer = WRITERS[name]
    path = tmp_path / f"net{writer.ending}"
    content, notices = writer.content(netlist)
    path.write_bytes(content)
    back = read_design(path)
    assert not notices
    assert (back.input_ports, back.output_ports) == (netlist.input_ports, netlist.output_ports)
    assert naive.truth_table(back) == naive.truth_table(netlist)
    assert writer.content(netlist)[0] == content


@pytest.mark.parametrize("name", WRITERS)
@given(netlist=netlists())
@SHARED
def test_any_names(tmp_path: Path, name: str, netlist: Netlist) -> None:
    """Names of any characters, twice or more: the function comes back bit by bit."""
    writer = WRITERS[name]
    path = tmp_path / f"net{writer.ending}"
    path.write_bytes(writer.content(netlist)[0])
    back = read_design(path)
    assert naive.truth_table(back) == naive.truth_table(netlist)


@pytest.mark.parametrize("name", WRITERS)
@given(netlist=netlists(max_cells=5), data=st.data())
@settings(SHARED, max_examples=60)
def test_a_damaged_file_is_a_netlist_or_one_clear_error(
    tmp_path: Path, name: str, netlist: Netlist, data: st.DataObject
) -> None:
    """Whatever is cut out of or put into a file, no other exception comes of it."""
    writer = WRITERS[name]
    content, _ = writer.content(named(netlist))
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, min(len(content), begin + 8)))
    middle = data.draw(SNIPPETS).encode("utf-8", "surrogatepass")
    path = tmp_path / f"net{writer.ending}"
    path.write_bytes(content[:begin] + middle + content[end:])
    said = str(path)
    try:
        read_design(path)
    except BtfsynthError as error:
        said = str(error)
    assert said.startswith(str(path))
    assert "\n" not in said


@st.composite
def declared(draw: st.DrawFn, ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """The ports with ranges of any beginning and direction, their bits in any order in a file."""
    pins = iter(draw(st.permutations(range(sum(port.width for port in ports)))))
    found = []
    for port in ports:
        low, up = draw(st.integers(0, 5)), draw(st.booleans())
        own = tuple(next(pins) for _ in range(port.width))
        low += 0 if up else port.width - 1
        found.append(Port(port.name, port.width, low, 1 if up else -1, own))
    return tuple(found)


def pin_names(ports: tuple[Port, ...]) -> list[str]:
    """Names of the bits in the order of the file."""
    names = [name for port in ports for name in port.bits]
    pins = [pin for port in ports for pin in port.pins or ()]
    return [name for _, name in sorted(zip(pins, names, strict=True))] if pins else names


@pytest.mark.parametrize("name", WRITERS)
@given(data=st.data(), netlist=netlists())
@SHARED
def test_ranges_and_order(tmp_path: Path, name: str, data: st.DataObject, netlist: Netlist) -> None:
    """Bits keep their names, and their order where the format lists pins; else a note gives it."""
    netlist = named(netlist)
    netlist = replace(
        netlist,
        input_ports=data.draw(declared(netlist.input_ports)),
        output_ports=data.draw(declared(netlist.output_ports)),
    )
    writer = WRITERS[name]
    path = tmp_path / f"net{writer.ending}"
    content, notices = writer.content(netlist)
    path.write_bytes(content)
    back = read_design(path)
    moved = 0
    for ports, found in (
        (netlist.input_ports, back.input_ports),
        (netlist.output_ports, back.output_ports),
    ):
        assert sorted(pin_names(ports)) == sorted(pin_names(found))
        if name in ("verilog", "json", "mig"):
            assert ports == found
        if name in ("verilog", "json"):
            assert pin_names(found) == [bit for port in ports for bit in port.bits]
            moved += pin_names(found) != pin_names(ports)
        else:
            assert pin_names(found) == pin_names(ports)
    assert len(notices) == moved
    assert all("the order read was" in notice for notice in notices)
    assert compare(Subject(path, netlist), Subject(path, back)).equal
    assert compare(Subject(path, netlist), Subject(path, back)).notes == ()
