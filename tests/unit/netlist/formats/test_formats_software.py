"""Netlists as programs in Python and C, and as tables."""

from __future__ import annotations

import shutil
import subprocess

import naive
import numpy as np
import pytest
from circuits import array_multiplier
from hypothesis import example, given, settings
from strategies import netlists

from btfsynth.errors import UsageError
from btfsynth.hdl.formats import SOFTWARE, get_writer, read_design
from btfsynth.netlist.gates import of_netlist
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import evaluate
from btfsynth.ports import Port
from btfsynth.settings.table import Basis

NASTY = '"""\nimport os */ \\'
"""What must end no text and no comment."""


def emitted(netlist, name):
    return SOFTWARE[name].content(netlist)[0].decode()


def function(text):
    """The one function of a module."""
    namespace = {}
    exec(compile(text, "module", "exec"), namespace)
    (found,) = (each for name, each in namespace.items() if callable(each))
    return found


def vectors(netlist):
    width = netlist.n_inputs
    return (np.arange(1 << width)[:, None] >> np.arange(width) & 1).astype(np.uint8)


def named(netlist, name):
    """The netlist under names that no language has."""
    inputs = [Port(name, port.width) for port in netlist.input_ports]
    outputs = [Port(name, port.width) for port in netlist.output_ports]
    return Netlist(name, tuple(inputs), tuple(outputs), netlist.fanins, netlist.outputs)


@given(netlist=netlists())
@example(netlist=Netlist("none", (), (Port("y", 2),), np.zeros((0, 3), int), np.array([0, 1])))
@settings(deadline=None, max_examples=60)
def test_python_computes_the_outputs(netlist):
    for each in (netlist, named(netlist, NASTY), named(netlist, "np")):
        compute = function(emitted(each, "python"))
        inputs = vectors(netlist)
        outputs = compute(inputs)
        assert outputs.dtype == np.uint8
        assert naive.truth_table(netlist) == outputs.tolist()
        assert np.array_equal(compute(inputs[-1]), outputs[-1])


def test_python_of_parities():
    netlist = array_multiplier(3, 3)
    gates = of_netlist(netlist, Basis.XMG)
    compute = function(emitted(gates, "python"))
    assert np.array_equal(compute(vectors(netlist) != 0), evaluate(netlist, vectors(netlist)))
    assert compute(np.zeros((0, 6))).shape == (0, 6)


@pytest.mark.parametrize("wrong", [[[0, 1]], [0, 1, 0, 1, 0, 2], np.zeros((1, 1, 6))])
def test_python_takes_rows_of_bits(wrong):
    with pytest.raises(ValueError, match="expected rows of 6 bits, 0 or 1, got"):
        function(emitted(array_multiplier(3, 3), "python"))(wrong)


MAIN = """
#include <stdio.h>
#include <inttypes.h>
int main(void)
{
    uint64_t x[INPUTS + 1], y[OUTPUTS];
    for (int bit = 0; bit < INPUTS; bit++)
        if (scanf("%" SCNx64, &x[bit]) != 1) return 1;
    FUNCTION(x, y);
    for (int bit = 0; bit < OUTPUTS; bit++) printf("%" PRIx64 "\\n", y[bit]);
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize(
    "netlist",
    [
        of_netlist(array_multiplier(3, 3), Basis.XMG),
        named(array_multiplier(2, 3), NASTY),
        Netlist("sin", (Port("x", 1),), (Port("y", 2),), np.zeros((0, 3), int), np.array([0, 1])),
    ],
    ids=["parities", "names", "constants"],
)
def test_c_computes_the_outputs(tmp_path, netlist):
    """Without a warning, for 64 vectors at once."""
    text = emitted(netlist, "c")
    name = next(line for line in text.splitlines() if line.startswith("void "))[5:].split("(")[0]
    sizes = {"FUNCTION": name, "INPUTS": netlist.n_inputs, "OUTPUTS": netlist.n_outputs}
    macros = "".join(f"#define {word} {value}\n" for word, value in sizes.items())
    (tmp_path / "m.c").write_text(text)
    (tmp_path / "main.c").write_text(f"{text}{macros}{MAIN}")
    flags = [
        "-std=c99",
        "-pedantic",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Wmissing-prototypes",
        "-Werror",
    ]
    subprocess.run(["gcc", *flags, "-c", "m.c", "-o", "m.o"], cwd=tmp_path, check=True)
    subprocess.run(["gcc", *flags[:-1], "main.c", "-o", "main"], cwd=tmp_path, check=True)
    inputs = np.resize(vectors(netlist), (64, netlist.n_inputs))
    words = (inputs.T.astype(np.uint64) << np.arange(64, dtype=np.uint64)).sum(1, dtype=np.uint64)
    given = "".join(f"{word:x}\n" for word in words.tolist())
    done = subprocess.run(
        [tmp_path / "main"], input=given, capture_output=True, text=True, check=True
    )
    found = np.array([int(line, 16) for line in done.stdout.split()], dtype=np.uint64)
    bits = (found[None, :] >> np.arange(64, dtype=np.uint64)[:, None]) & np.uint64(1)
    wanted = netlist if isinstance(netlist, Netlist) else netlist.expanded()
    assert np.array_equal(bits, evaluate(wanted, inputs))


@pytest.mark.parametrize("name", ["truth", "pla"])
def test_tables(tmp_path, name):
    """Every vector, in a format that is read as a netlist, too."""
    netlist = array_multiplier(3, 2)
    path = tmp_path / f"m.{name}"
    path.write_bytes(SOFTWARE[name].content(netlist)[0])
    back = read_design(path)
    assert np.array_equal(evaluate(back, vectors(netlist)), evaluate(netlist, vectors(netlist)))
    if name == "pla":
        assert (back.input_ports, back.output_ports) == (netlist.input_ports, netlist.output_ports)


def test_a_table_that_is_too_large():
    wide = Netlist("wide", (Port("x", 21),), (Port("y", 1),), np.zeros((0, 3), int), np.array([2]))
    with pytest.raises(UsageError, match="wide: a table has 1 to 20 inputs, the netlist has 21"):
        SOFTWARE["truth"].content(wide)


def test_endings():
    """Any case; the same bytes every time."""
    assert get_writer("a/x.PY").name == "python"
    for writer in SOFTWARE.values():
        contents = {writer.content(array_multiplier(2, 2))[0] for _ in range(2)}
        assert len(contents) == 1
