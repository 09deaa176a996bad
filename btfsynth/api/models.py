"""Models of other libraries: as bits, as a netlist and as a design folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from btfsynth.api.codes import Code
from btfsynth.api.designs import Design
from btfsynth.api.netlists import Netlist
from btfsynth.api.settings import documented, listener, require_known, taken
from btfsynth.api.show import Shown, Table
from btfsynth.api.training import Network
from btfsynth.errors import VerificationError
from btfsynth.events import OnEvent
from btfsynth.files import StrPath
from btfsynth.flow import importing
from btfsynth.hdl.design import HardwareOptions
from btfsynth.models.compare import Comparison
from btfsynth.models.record import ImportedModel
from btfsynth.settings.table import HARDWARE, IMPORT

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from btfsynth.api.settings import ImportSettings


class Comparisons(Table[Comparison]):
    """What was compared with the library: rows, those with its label, and those within the stated rounding."""

    __slots__ = ()
    shown = ("what", "rows", "same", "near")


@dataclass(frozen=True, eq=False, repr=False)
class Imported(Shown):
    """A model of another library in bits: what `from_sklearn`, `from_xgboost` and the others give."""

    core: ImportedModel
    compared: Comparisons
    """Rows that were compared with the library's own labels."""

    @property
    def name(self) -> str:
        """Name of the function, and of the hardware module made from it."""
        return self.core.name

    @property
    def code(self) -> Code | None:
        """How rows become the bits of the inputs; None where the model reads bits."""
        return None if self.core.code is None else Code(self.core.code, self.core.classes)

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels, in the order of the number that the hardware gives."""
        return self.core.classes

    @property
    def netlist(self) -> Netlist:
        """The netlist before any pass."""
        return Netlist(self.core.netlist)

    @property
    def network(self) -> Network | None:
        """The threshold network that the model is; None if it is none."""
        return None if self.core.network is None else Network(self.core.network)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was rounded and how far, one line each."""
        return self.core.notes

    def predict(self, X: Any) -> NDArray[Any]:
        """Return what the hardware will say of rows: labels, or ``(rows, outputs)`` 0/1 without classes."""
        return np.asarray(self.core.predict(X))

    def compare(self, X: Any) -> Comparisons:
        """Compare rows with the library's own labels; a `VerificationError` shows the first that differs."""
        return Comparisons(importing.compared(self.core, X))

    @documented(IMPORT, HARDWARE)
    def write(
        self,
        folder: StrPath,
        X: Any = None,
        *,
        on_event: OnEvent | None = None,
        **settings: Unpack[ImportSettings],
    ) -> Design:
        """Make the netlist smaller, proven equal, and write a design folder that is simulated.

        Parameters
        ----------
        folder
            Made if it is missing. A design that fails does not replace one that was verified.
        X
            Rows to compare with the library first, and to simulate.
        on_event
            Called with a `StageBegan` for every stage and with the progress of the passes.
        **settings
            See below.

        Raises
        ------
        UsageError
            If a setting is unknown or out of range.
        VerificationError
            If a row has another label than the library's, or a simulator finds a fault.
        """
        given: dict[str, Any] = dict(settings)
        require_known(Imported.write, given, IMPORT, HARDWARE)
        hardware = HardwareOptions(**taken(given, *HARDWARE))
        options = importing.ImportOptions(hardware=hardware, **given)
        report = importing.import_model(
            self.core, folder, options, X=X, on_event=listener(on_event)
        )
        if not report.verified:
            raise VerificationError(f"{report.directory}: not verified; see report.json there")
        return Design(report.directory or folder)

    def _facts(self) -> dict[str, object]:
        core = self.core
        facts: dict[str, object] = {
            "name": core.name,
            "source": core.source,
            "inputs": core.netlist.n_inputs,
            "cells": core.netlist.n_cells,
        }
        return facts | ({"classes": list(map(str, core.classes))} if core.classes else {})


def imported(model: ImportedModel, X: Any) -> Imported:
    """Return a model that was compared with its library."""
    found: Sequence[Comparison] = importing.compared(model, X)
    return Imported(model, Comparisons(found))
