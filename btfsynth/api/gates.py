"""Netlists over other cells than majorities, with XORs or with AND and OR alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from btfsynth.api.netlists import Netlist, prove
from btfsynth.api.show import Equivalence, Ported, Table
from btfsynth.files import StrPath, as_path, write_bytes
from btfsynth.hdl.formats import WRITERS, get_writer
from btfsynth.netlist.gates import GateNetlist as Graph

if TYPE_CHECKING:
    from btfsynth.api.data import Dataset
    from btfsynth.api.designs import Design
    from btfsynth.fpga.lut_mapper import LutEstimate


@dataclass(frozen=True, eq=False, repr=False)
class GateNetlist(Ported):
    """A combinational netlist over the cells of a basis; complements are free.

    Made by `Netlist.to_basis` and proven equivalent.

    Examples
    --------
    >>> import btfsynth as btf
    >>> adder = btf.smallest("full_adder").netlist.to_basis("xmg")
    >>> adder
    <GateNetlist: full_adder, inputs a, b, cin, outputs s, cout, basis xmg, cells 2, depth 1>
    >>> adder.kinds, adder(a=1, b=1, cin=0).cout, bool(adder.equivalent("full_adder"))
    ({'maj': 1, 'xor3': 1}, 1, True)
    >>> adder.save("adder.blif")
    """

    core: Graph
    proof: str
    """How it was proven equivalent to the original netlist."""

    @property
    def basis(self) -> str:
        """The name of the basis: ``xmg``, ``aig``, ``xag`` or ``maj``."""
        return self.core.basis.value

    @property
    def cells(self) -> int:
        """Number of cells; inverters do not count."""
        return self.core.n_cells

    @property
    def depth(self) -> int:
        """Cells on the longest path from an input to an output."""
        return self.core.depth

    @property
    def kinds(self) -> dict[str, int]:
        """Number of cells by kind: and, or, maj, xor of two, xor3 of three."""
        return {kind: count for kind, count in self.core.kinds.items() if count}

    def __call__(self, X: ArrayLike | None = None, /, **ports: Any) -> Any:
        """Return the outputs for input vectors, as `Netlist` does."""
        return self.to_netlist()(X, **ports)

    def to_netlist(self) -> Netlist:
        """Return a netlist of majorities; an XOR becomes three cells."""
        return Netlist(self.core.expanded())

    def equivalent(
        self, other: Netlist | Dataset | Design | StrPath, timeout: float | None = None
    ) -> Equivalence:
        """Compare it with another design (see `prove`)."""
        return prove(self.to_netlist(), other, timeout)

    def luts(self) -> Table[LutEstimate]:
        """Estimate the lookup tables of four and of six inputs that it needs on an FPGA."""
        return self.to_netlist().luts()

    def to_verilog(self) -> str:
        """Return structural Verilog-2001."""
        return WRITERS["verilog"].content(self.core)[0].decode()

    def to_blif(self) -> str:
        """Return BLIF."""
        return WRITERS["blif"].content(self.core)[0].decode()

    def save(self, path: StrPath) -> None:
        """Write one file; the ending names the format: .blif, .bench, .json, .v, .py or .c; .aig too for aig.

        Raises
        ------
        UsageError
            If the format cannot hold its cells.
        """
        writer = get_writer(path)
        writer.require(self.core.basis, path)
        write_bytes(as_path(path), writer.content(self.core)[0])

    def _facts(self) -> dict[str, object]:
        labels: dict[str, Sequence[str]] = {
            "inputs": [port.label for port in self.inputs],
            "outputs": [port.label for port in self.outputs],
        }
        figures = {"basis": self.basis, "cells": self.cells, "depth": self.depth}
        return {"name": self.name, **labels, **figures}
