"""Make a circuit of the front into hardware and check that."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from btfsynth.dataset.dataset import Dataset
from btfsynth.discover.record import Record
from btfsynth.errors import VerificationError, plural
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.flow import count_targets, is_verified, targets_record
from btfsynth.hdl.design import write_design
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.reference import care_reference, count_wrong
from btfsynth.netlist.text import parse_netlist
from btfsynth.sim.base import CheckResult
from btfsynth.verify.simulate import simulate_design

__all__ = ["certify"]

_SIMULATORS = ("amaranth",)


def certify(dataset: Dataset, record: Record, text: str, folder: StrPath) -> dict[str, Any]:
    """Write a circuit's design folder and check it: netlist, parsed Verilog, simulated Amaranth.

    Parameters
    ----------
    dataset
        Its patterns are the vectors of every check.
    record
        The circuit and where it came from.
    text
        Its netlist.
    folder
        An empty folder.

    Returns
    -------
    The entry, as JSON values; ``entry.json`` holds the same.

    Raises
    ------
    VerificationError
        If a check fails.
    """
    folder = as_path(folder)
    netlist = parse_netlist(text)
    wrong = count_wrong(netlist, care_reference(dataset))
    checks = {
        "netlist": CheckResult("netlist", passed=dataset.n_patterns - wrong, failed=wrong),
    }
    origin = record.origin()
    targets = targets_record({"train": count_targets(netlist, dataset)})
    manifest = write_design(
        netlist,
        VectorTable.from_dataset(dataset),
        folder,
        source=dataset.source,
        data_hash=dataset.content_hash,
        provenance=_provenance(record),
        made_with=origin,
        notices=dataset.notices,
        targets=targets,
    )
    write_text(folder / f"{manifest.module}.mig", text)
    for check in simulate_design(folder, _SIMULATORS):
        checks[check.name] = check
    if not is_verified(checks, _SIMULATORS):
        failed = next(check for check in checks.values() if not check.ok)
        reason = failed.skipped or f"{plural(failed.failed, 'vector')} failed"
        raise VerificationError(f"circuit {folder.name}: {failed.name}: {reason}")
    if record.circuit is None:
        raise VerificationError(f"circuit {folder.name}: its record has none")
    cost = asdict(record.circuit.cost)
    entry = {
        "key": record.circuit.key,
        **{name.removesuffix("_cells"): count for name, count in cost.items()},
        "verified": True,
        "targets": targets["train"],
        "checks": {name: check.to_json() for name, check in checks.items()},
        "origin": origin,
    }
    write_text(folder / "entry.json", json.dumps(entry, indent=2) + "\n")
    return entry


def _provenance(record: Record) -> dict[str, str]:
    widths = ",".join(str(width) for width in record.widths or ()) or "none"
    lines = {
        "training": f"seed {record.seed}, trial {record.trial}, widths {widths}, "
        f"sigma {record.sigma:g}, beta {record.beta:g}, gamma {record.gamma:g}",
        "passes": record.passes,
    }
    if record.parent is not None:
        lines["polished"] = f"from circuit {record.parent[:8]}, attempt {record.attempt}"
    return lines
