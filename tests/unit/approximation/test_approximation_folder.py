"""What a design folder of a search holds besides hardware: software models and pages."""

from __future__ import annotations

import base64
import re
import runpy
import subprocess
import zlib
from fractions import Fraction
from shutil import which

import numpy as np
import pytest
from circuits import array_multiplier
from naive import netlist_bits

from btfsynth.approximation.search import ApproximateOptions, approximate
from btfsynth.approximation.store import PYTHON_ROLE, model_files
from btfsynth.netlist.text import parse_netlist
from btfsynth.settings.table import Metric
from btfsynth.verify.error_metrics import Reading
from btfsynth.workers.executor import local_executor


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A 3-bit multiplier off by at most 4, and its folder."""
    folder = tmp_path_factory.mktemp("near")
    options = ApproximateOptions(bounds={Metric.WCE: Fraction(4)}, sweeps=1, jobs=1)
    report = approximate(array_multiplier(3, 3), folder, options, executor=local_executor)
    return report.front[0], folder


def product(netlist, a, b):
    bits = netlist_bits(netlist, [a >> k & 1 for k in range(3)] + [b >> k & 1 for k in range(3)])
    return sum(int(bit) << place for place, bit in enumerate(bits))


def test_the_python_model_computes_on_arrays(found):
    point, folder = found
    netlist = parse_netlist(point.netlist)
    (path,) = (folder / point.path).glob("*_model.py")
    (function,) = (f for name, f in runpy.run_path(str(path)).items() if name.endswith("_values"))
    a, b = np.arange(8), np.arange(8)[:, None]
    wanted = [[product(netlist, x, y) for x in range(8)] for y in range(8)]
    assert function(a, b).tolist() == wanted
    with pytest.raises(ValueError, match="a: expected whole numbers"):
        function(0.5, 1)
    for operands, name in (((8, 1), "a"), ((a, -1), "b"), ((a, np.uint64(1 << 63)), "b")):
        with pytest.raises(ValueError, match=f"{name}: expected numbers from 0 to 7"):
            function(*operands)
    assert function(np.zeros(0, dtype=int), a[:0]).tolist() == []
    with pytest.raises(ValueError, match="expected 2 operands"):
        function(1)


def test_operands_of_a_signed_circuit_may_be_negative(found, tmp_path):
    point, _ = found
    netlist = parse_netlist(point.netlist)
    reading = Reading.of(netlist.output_ports, signed=True)
    name, content = model_files("m", netlist, reading, {})[PYTHON_ROLE]
    (tmp_path / name).write_bytes(content)
    function = runpy.run_path(str(tmp_path / name))[f"{netlist.name}_values"]
    value = product(netlist, 7, 3)
    assert function(-1, 3) == function(7, 3) == value - 64 * (value >> 5)
    with pytest.raises(ValueError, match="b: expected numbers from -4 to 7"):
        function(0, -5)


@pytest.mark.skipif(which("cc") is None, reason="needs a C compiler")
def test_the_c_model_fills_a_table(found, tmp_path):
    point, folder = found
    netlist = parse_netlist(point.netlist)
    (path,) = (folder / point.path).glob("*_model.c")
    name = re.search(r"void (\w+)_table", path.read_text())[1]
    main = tmp_path / "main.c"
    main.write_text(
        f'#include <stdio.h>\n#include "{path}"\nint main(void) {{ static uint64_t t[64]; {name}_table(t);'
        ' for (int i = 0; i < 64; i++) printf("%d ", (int)t[i]); return 0; }\n'
    )
    program = tmp_path / "main"
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, str(main), "-o", str(program)], check=True)
    given = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    assert [int(word) for word in given.split()] == [
        product(netlist, v & 7, v >> 3) for v in range(64)
    ]


def test_the_heat_map_shows_the_error_on_every_pair_of_operands(found):
    point, folder = found
    netlist = parse_netlist(point.netlist)
    page = (folder / point.path / "error.html").read_text()
    png = base64.b64decode(re.search(r"base64,([^']+)'", page)[1])
    assert png[16:24] == b"\0\0\0\x08\0\0\0\x08"
    begin = png.index(b"IDAT") + 4
    lines = zlib.decompress(png[begin : begin + int.from_bytes(png[begin - 8 : begin - 4], "big")])
    rows = [list(lines[9 * k + 1 : 9 * k + 9]) for k in range(8)][::-1]
    off = [[abs(product(netlist, a, b) - a * b) for a in range(8)] for b in range(8)]
    assert rows == [[255 * each // point.errors.wce for each in row] for row in off]


def test_the_front_links_its_circuits(found):
    point, folder = found
    page = (folder / "index.html").read_text()
    assert f"href='{point.path}/error.html'" in page
    assert f"wce {point.errors.wce}" in page
    assert page.count("<circle") == 1
