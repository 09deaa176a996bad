"""Random netlists through every netlist file and back, and files that have been damaged."""

from __future__ import annotations

from pathlib import Path

import naive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import netlists

from btfsynth.backends.interchange import WRITERS
from btfsynth.dataset.ports import Port
from btfsynth.errors import BtfsynthError
from btfsynth.frontends.registry import read_design
from btfsynth.netlist.netlist import Netlist

SHARED = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SNIPPETS = st.text(max_size=4) | st.sampled_from(
    ["-1", "99999999999", "\0", "\n", ".end\n", ".latch a b\n", "DFF(", "= a\n", "always", "1'b1",
     "[9]", "(((", ".subckt m a=a\n", "\\\n", "#", "{", "~", "i0 x\n", "\x80"]
)  # fmt: skip


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
