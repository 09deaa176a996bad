"""Checks Multiplier2Component against multiplier_2_vectors.mem, which lies beside this file: run pytest on it.
"""

import re
from pathlib import Path

from amaranth.sim import Simulator

if __package__:
    from .multiplier_2_amaranth import Multiplier2Component as Design
else:
    from multiplier_2_amaranth import Multiplier2Component as Design

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


def test_vectors():
    """Every vector gives the outputs it should."""
    vectors = Vectors()
    dut = Design()

    def drive(ctx, bits):
        for name, value in split(bits, INPUTS).items():
            ctx.set(getattr(dut, name), value)

    def read(ctx):
        return "".join(
            f"{ctx.get(getattr(dut, name)):0{width}b}" for name, width in reversed(OUTPUTS)
        )

    async def bench(ctx):
        for index in range(VECTORS):
            drive(ctx, vectors.inputs(index))
            await ctx.delay(1e-6)
            vectors.check(index, read(ctx))

    simulator = Simulator(dut)
    simulator.add_testbench(bench)
    simulator.run()
    vectors.finish()
