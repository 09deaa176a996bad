"""Netlist files beside a design (BLIF, AIGER, BENCH, Yosys JSON), read back and compared with its netlist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from btfsynth.errors import DataError, UsageError
from btfsynth.files import StrPath, as_path
from btfsynth.hdl.writers import FOLDER_FORMATS, WRITERS
from btfsynth.netlist.netlist import Netlist
from btfsynth.sim.base import Design
from btfsynth.verify.compare import compare
from btfsynth.verify.simulate import given_up
from btfsynth.verify.subjects import Subject, read_subject

__all__ = ["FilesCheck", "check_netlist_files"]


@dataclass(frozen=True)
class FilesCheck:
    """What came of the netlist files of a design.

    Parameters
    ----------
    same
        Names of the files that are the netlist.
    undecided
        Names of those that were not compared in time, and why.
    problem
        Which file is another netlist; None if none was found.
    counterexample
        Values by port where that one differs.
    """

    same: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    problem: str | None = None
    counterexample: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """What was found where no file is wrong; empty if there are no files."""
        found = (f"the same in {', '.join(self.same)}",) if self.same else ()
        return (*found, *self.undecided)


def check_netlist_files(
    design: Design, netlist: Netlist, path: StrPath, timeout: float | None
) -> FilesCheck:
    """Read every netlist file that the manifest lists, and compare it with the netlist.

    None has registers: in the folder of a pipeline they are the netlist without these.

    Parameters
    ----------
    design
        The folder.
    netlist
        The netlist, its ports under the names of the data.
    path
        The file that it was read from, which is not read again.
    timeout
        Seconds a SAT proof may take; no limit if None.

    Raises
    ------
    DataError
        If a file cannot be read, or its ports are not those of the netlist.
    """
    same, undecided = [], []
    files = design.manifest.files
    path = as_path(path)
    for role in [name for name in FOLDER_FORMATS if name in files and files[name] != path.name]:
        file = files[role]
        names = WRITERS[role].names(netlist)
        wanted = replace(netlist, input_ports=names.inputs, output_ports=names.outputs)
        subject = read_subject(design.path(role), timeout)
        try:
            found = compare(Subject(path, wanted), subject, timeout)
        except UsageError as error:
            raise DataError(str(error), design.path(role)) from None
        if found.equal is False:
            shown = {"inputs": found.inputs, "netlist": found.first, file: found.second}
            return FilesCheck(problem=f"{file} is another netlist", counterexample=shown)
        if found.equal is None:
            undecided.append(f"{file}: {given_up(timeout or 0)}")
        else:
            same.append(file)
    return FilesCheck(tuple(same), tuple(undecided))
