"""Checks multiplier_2 in cocotb against multiplier_2_vectors.mem, which lies beside this file.

Run this file, or pytest on it; the environment variable SIM names another simulator than Icarus.
"""

import os
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import cocotb
from cocotb.triggers import Timer
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

MODULE = "multiplier_2"
SOURCES = [
    "multiplier_2.v",
]
HERE = Path(__file__).resolve().parent
VECTORS = 16
VECTOR = re.compile("1([01]{4})([01]{4})([01]{4})")
# ports and their widths, the least significant first
INPUTS = [
    ("a", 2),
    ("b", 2),
]
OUTPUTS = [
    ("p", 4),
]


class Vectors:
    """The vectors of multiplier_2_vectors.mem and those that failed; bits are text, most significant first."""

    def __init__(self):
        self.table = []
        self.failed = set()
        for line in (HERE / "multiplier_2_vectors.mem").read_text(encoding="ascii").splitlines():
            match = VECTOR.fullmatch(line)
            if match is None:
                raise ValueError(f"multiplier_2_vectors.mem: expected {VECTOR.pattern}, got {line}")
            self.table.append(match.groups())
        if len(self.table) != VECTORS:
            raise ValueError(f"multiplier_2_vectors.mem: expected {VECTORS} vectors, got {len(self.table)}")

    def inputs(self, index):
        """Return the input bits of a vector, of the last one from the end on."""
        return self.table[min(index, VECTORS - 1)][2]

    def check(self, index, got, reset=False):
        """Compare outputs with those of a vector, or with zeros after a reset."""
        care, expected, inputs = self.table[index]
        if reset:
            care, expected = "1" * len(care), "0" * len(care)
        wrong = any(c == "1" and e != g for c, e, g in zip(care, expected, got, strict=True))
        if not wrong or index in self.failed:
            return
        self.failed.add(index)
        if len(self.failed) <= 10:
            found = f"MISMATCH vector={index} inputs={inputs} care={care}"
            print(f"{found} expected={expected} got={got}", flush=True)
            if reset:
                print("ERROR: outputs are not 0 after a reset", flush=True)

    def finish(self):
        """Print the verdict and fail if any vector failed."""
        if self.failed:
            print(f"FAIL {len(self.failed)} of {VECTORS}", flush=True)
            raise AssertionError(f"{len(self.failed)} of {VECTORS} vectors failed")
        print(f"PASS {VECTORS} vectors", flush=True)


def split(bits, ports):
    """Return the value of every port, given the bits of all."""
    values, last = {}, len(bits)
    for name, width in ports:
        values[name] = int(bits[last - width : last], 2)
        last -= width
    return values


def drive(dut, bits):
    """Set the input ports."""
    for name, value in split(bits, INPUTS).items():
        dut[name].value = value


def read(dut):
    """Return the bits of the output ports, in which X and Z are possible."""
    return "".join(str(dut[name].value) for name, _ in reversed(OUTPUTS)).lower()


@cocotb.test()
async def check_vectors(dut):
    """Every vector gives the outputs it should."""
    vectors = Vectors()
    for index in range(VECTORS):
        drive(dut, vectors.inputs(index))
        await Timer(1, "step")
        vectors.check(index, read(dut))
    vectors.finish()


def run():
    """Build and simulate; return what is wrong, None if the one test above ran and passed."""
    sys.path.insert(0, str(HERE))  # the simulator imports this file from there
    folder = HERE / "sim_build"
    runner = get_runner(os.environ.get("SIM", "icarus"))
    runner.build(
        sources=[HERE / name for name in SOURCES],
        hdl_toplevel=MODULE,
        build_dir=folder,
        always=True,
    )
    results = folder / "results.xml"
    try:
        runner.test(
            hdl_toplevel=MODULE,
            test_module=Path(__file__).stem,
            build_dir=folder,
            test_dir=folder,
            results_xml=str(results),
        )
    except (RuntimeError, SystemExit) as error:  # simulators differ in how they end after a failure
        print(f"ERROR: {error}", flush=True)
    if get_results(results) == (1, 0):
        return None
    found = [str(node.get("message")) for node in ElementTree.parse(results).iter("failure")]
    return "; ".join(found) or "no test ran"


def test_design():
    """The simulation passes."""
    assert run() is None


if __name__ == "__main__":
    sys.exit(run())
