"""`simplify` within a time limit, interrupted, and with a result that cannot be proven."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from functools import reduce

import pytest
from circuits import array_multiplier

from btfsynth.errors import ToolTimeoutError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.text import format_netlist, parse_netlist
from btfsynth.ports import Port
from btfsynth.verify.equivalence import equivalent

ENDLESS = "strash; resub --patience 1000000000; strash"


def saved(folder, bits):
    netlist = array_multiplier(bits, bits)
    (folder / "given.mig").write_text(format_netlist(netlist))
    return netlist


def read(path):
    return parse_netlist(path.read_text())


def test_the_best_until_the_time_limit_is_written(cli, tmp_path):
    """A pass that would never end counts with what it has; the exit code is 0 and a line says so."""
    given = saved(tmp_path, 3)
    arguments = ("simplify", "given.mig", "-o", "out.mig", "--passes", ENDLESS, "--time-limit", 3)
    compiled = cli(*arguments[:-3], "strash; resub --patience 1; strash")
    assert compiled.code == 0
    outcome = cli(*arguments, "--json")
    assert outcome.code == 0, outcome.stderr
    record = outcome.json
    assert record["ended"] == "time limit"
    assert [each["cut_short"] for each in record["passes"]] == [False, True]
    assert record["notices"] == ["the time ended after 1 of 3 passes; this is the best so far"]
    assert record["cells"] < record["cells_before"]
    assert record["unproven"] is None
    assert equivalent(given, read(tmp_path / "out.mig")).equal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_best_until_a_signal_is_written(program, tmp_path, number):
    """Within a pass; on a terminal a line says what runs, with cells and depth."""
    given = saved(tmp_path, 4)
    command = [*program, "simplify", "given.mig", "-o", "out.mig", "--passes", ENDLESS]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=theirs, env=os.environ | {"TERM": "xterm"}
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while b"resub, 2 of 3" not in said:
            said += os.read(ours, 1024)
        process.send_signal(number)
        try:
            while part := os.read(ours, 1024):
                said += part
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    assert process.returncode == 1
    text = said.decode()
    assert f"; {given.n_cells} cells, depth" in text
    assert "interrupted after 1 of 3 passes; the best netlist so far," in text
    made = read(tmp_path / "out.mig")
    assert made.n_cells <= given.n_cells
    assert equivalent(given, made).equal


@pytest.mark.parametrize("as_json", [True, False])
def test_what_cannot_be_proven_has_a_file_of_its_own(cli, tmp_path, monkeypatch, as_json):
    """The file that was asked for has the netlist that is proven; the exit code is 1."""

    def undecided(*_):
        raise ToolTimeoutError("no time")

    monkeypatch.setattr("btfsynth.flow.simplify.equivalent", undecided)
    builder = NetlistBuilder("parity", [Port("x", 17)], [Port("y", 2)])
    inputs = [builder.input(bit) for bit in range(17)]
    given = builder.build([reduce(builder.xor, inputs), reduce(builder.xor, reversed(inputs))])
    (tmp_path / "given.mig").write_text(format_netlist(given))
    arguments = ("simplify", "given.mig", "-o", "out.mig", "--passes", "strash; sat_sweep")
    outcome = cli(*arguments, *(["--json"] if as_json else []))
    assert outcome.code == 1
    unproven = read(tmp_path / "out.unproven.mig")
    assert outcome.complaint == (
        f"given.mig: {unproven.n_cells} cells that could not be proven in time are in out.unproven.mig; "
        f"the proven netlist of {given.n_cells} cells is in out.mig"
    )
    assert read(tmp_path / "out.mig").n_cells == given.n_cells
    monkeypatch.undo()
    assert equivalent(given, unproven).equal
    if as_json:
        assert outcome.json["unproven"]["cells"] == unproven.n_cells
        assert outcome.json["unproven"]["file"] == "out.unproven.mig"
        assert not any(
            each["kept"] for each in outcome.json["passes"] if each["name"] == "sat_sweep"
        )


def chain(folder):
    """Save a row of ANDs: nine inputs, eight cells, each on the longest path."""
    builder = NetlistBuilder("chain", [Port("x", 9)], [Port("y", 1)])
    netlist = builder.build([reduce(builder.and_, map(builder.input, range(9)))])
    (folder / "chain.mig").write_text(format_netlist(netlist))


def test_the_depth_is_brought_to_the_one_allowed(cli, tmp_path):
    """Eight ANDs in a row have depth 4 as a tree; less is not to be had, and the exit code says so."""
    chain(tmp_path)
    arguments = ("simplify", "chain.mig", "-o", "out.mig", "--passes", "strash", "--json")
    assert cli(*arguments).json["depth"] == 8
    limited = cli(*arguments, "--max-depth", 5)
    assert (limited.code, limited.json["cells"]) == (0, 8)
    assert limited.json["depth"] <= 5
    assert [each["name"] for each in limited.json["passes"]] == ["strash", "depth"]
    failed = cli(*arguments[:-1], "--max-depth", 3)
    assert failed.code == 1
    assert "no netlist of depth 3 or less was found; the shallowest has depth 4" in failed.stderr


def test_the_best_by_the_objective_is_written(cli, tmp_path):
    """A pass that adds cells for depth counts where depth does; else it is undone, and the report says so."""
    builder = NetlistBuilder("late", [Port("x", 6)], [Port("y", 2)])
    x = [builder.input(bit) for bit in range(6)]
    inner = builder.or_(builder.and_(x[0], x[1]), x[2])
    late = builder.and_(builder.or_(builder.and_(inner, x[3]), x[4]), x[5])
    netlist = builder.build([late, inner])
    (tmp_path / "late.mig").write_text(format_netlist(netlist))
    arguments = (
        "simplify",
        "late.mig",
        "-o",
        "out.mig",
        "--passes",
        "depth --growth 200",
        "--json",
    )
    deep = cli(*arguments, "--objective", "depth").json
    small = cli(*arguments, "--objective", "cells").json
    assert (small["cells"], small["depth"]) == (5, 5)
    assert deep["depth"] < 5 < deep["cells"]
    assert [(each["kept"], each["worse"]) for each in small["passes"]] == [(False, True)]
