"""A folder as one self-contained HTML page, without a network or other files."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from numpy.typing import NDArray

from btfsynth import __version__
from btfsynth.errors import DataError, OutputError, percent, plural
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.hdl.manifest import MANIFEST_FILE
from btfsynth.hdl.module import port_bits
from btfsynth.hdl.templates import environment, template_folder
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.identifiers import cell_prefix
from btfsynth.netlist.netlist import Netlist
from btfsynth.ports import Port
from btfsynth.records import sub_record
from btfsynth.report.folder import DesignFolder, as_number, as_text, read_folder, records
from btfsynth.report.schematic import MAX_DRAWN
from btfsynth.report.sections import (
    chains,
    clocking,
    coverage,
    design_facts,
    design_figures,
    fpga_table,
    pass_table,
    training_text,
    verdict,
)
from btfsynth.report.summaries import (
    FRONT_FILE,
    RESULTS_FILE,
    Discovery,
    Reproduction,
    read_discovery,
    read_reproduction,
)
from btfsynth.report.svg import (
    drawing,
    element,
    frame,
    layer_maps,
    linear_axis,
    log_axis,
    points_path,
    training_curve,
)

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 900.0, 360.0, 44.0, 780.0, 28.0, 316.0
_SETS = ("train", "valid", "test")
_LINES = {
    "train": "line series-3 dotted",
    "valid": "line series-2 dotted",
    "test": "line series-1",
}


def size_front(build: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the front in the record of a learning; None if there is none or it has fewer than two circuits."""
    outputs = records(build, "outputs")
    if len(outputs) != 1:
        return None
    rows = [row for row in map(_row, records(outputs[0], "front")) if row is not None]
    if len(rows) < 2:
        return None
    sets = [name for name in _SETS if all(name in row["shares"] for row in rows)]
    shown = [
        {
            **row,
            "values": [percent(row["shares"][name]) for name in sets],
        }
        for row in rows
    ]
    return {"rows": shown, "sets": sets, "plot": _plot(rows, sets)}


def _row(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    luts = as_number(entry, "luts")
    if luts is None or luts < 0:
        return None
    shares = {name: as_number(entry, name) for name in _SETS}
    cells = as_number(entry, "cells")
    return {
        "luts": int(luts),
        "cells": "" if cells is None else f"{cells:g}",
        "shares": {name: share for name, share in shares.items() if share is not None},
        "how": f"{as_text(entry, 'learner')}, {as_text(entry, 'how')}",
        "won": entry.get("won") is True,
    }


def _plot(rows: list[dict[str, Any]], sets: list[str]) -> Markup:
    # A constant takes no table; on a logarithmic axis it stands with one.
    places = [max(1, row["luts"]) for row in rows]
    x_axis = log_axis(places, _LEFT, _RIGHT)
    shares = [100 * row["shares"][name] for row in rows for name in sets]
    y_axis = linear_axis(min(shares, default=0), max(shares, default=100), _BOTTOM, _TOP, 6)
    parts = [
        *frame(x_axis, y_axis, "right, %", x_labels=True),
        element("text", "6-input lookup tables", x=(_LEFT + _RIGHT) / 2, y=_HEIGHT - 6,
                class_="axis-title middle"),
    ]  # fmt: skip
    for name in sets:
        points = [
            (x_axis.at(place), y_axis.at(100 * row["shares"][name]))
            for place, row in zip(places, rows, strict=True)
        ]
        parts.append(element("path", d=points_path(points), class_=_LINES[name]))
        parts.append(element("text", name, x=points[-1][0] + 6, y=points[-1][1] + 4, class_="tick"))
        parts += [
            element(
                "circle",
                element("title", f"{row['luts']} tables: {percent(row['shares'][name])} {name}"),
                cx=x, cy=y, r=6.0 if row["won"] else 2.5, class_="cloud",
            )
            for (x, y), row in zip(points, rows, strict=True)
        ]  # fmt: skip
    label = f"Accuracy of {len(rows)} circuits against their 6-input lookup tables"
    return drawing(_WIDTH, _HEIGHT, label, parts, "chart")


PAGE_FILE = "report.html"

_SHADES = 8
_SECTIONS = (
    ("summary", "Summary"),
    ("front", "Front"),
    ("circuit", "Circuit"),
    ("truth", "Truth table"),
    ("training", "Training"),
    ("sizes", "Sizes"),
    ("weights", "Weights"),
    ("passes", "Passes"),
    ("checks", "Checks"),
    ("fpga", "FPGA"),
    ("provenance", "Provenance"),
)


def write_report(directory: StrPath, path: StrPath) -> None:
    write_text(path, report_page(directory))


def report_page(directory: StrPath) -> str:
    """Return the page of a design, a discovery or a reproduction: the same text for the same files."""
    directory = as_path(directory)
    if not directory.is_dir():
        raise DataError("no such folder", directory)
    if (directory / FRONT_FILE).is_file():
        return _render(_discovery_values(read_discovery(directory)))
    if (directory / RESULTS_FILE).is_file() and not (directory / MANIFEST_FILE).exists():
        return _render_reproduction(read_reproduction(directory))
    return _render(_design_values(read_folder(directory)))


def _design_values(folder: DesignFolder) -> dict[str, Any]:
    network, text = folder.network, training_text(folder)
    curve = training_curve(
        folder.history, as_number(sub_record(folder.build, "train"), "best_iteration")
    )
    found, clocked, figures = verdict(folder), clocking(folder), design_figures(folder)
    if clocked is not None:
        found = replace(found, reason=f"{found.reason.rstrip('.')}; {clocked.short}.")
        figures.insert(2, clocked.figure)
    return {
        "kind": "Design report",
        "verdict": found,
        "figures": figures,
        "latency": clocked,
        "notices": [*folder.manifest.notices, *folder.notices],
        "front": None,
        "training": {"text": text, "curve": curve} if text or curve else None,
        "sizes": size_front(folder.build),
        "layers": () if network is None else layer_maps(network, port_bits(network.input_ports)),
        "passes": pass_table(folder),
        "chains": chains(folder),
        "verification": bool(folder.verification),
        "fpga": fpga_table(folder),
        "facts": design_facts(folder),
        "files": [
            (folder.manifest.files[role], digest)
            for role, digest in sorted(folder.manifest.hashes.items())
        ],
        **_circuits([folder], [folder.manifest.name]),
    }


def _discovery_values(found: Discovery) -> dict[str, Any]:
    """Return the values of the template; its sections are those of the best circuit."""
    best = found.designs[0]
    clocked = clocking(best)
    names = [found.name(place) for place in range(len(found.designs))]
    return {
        "kind": "Discovery report",
        "verdict": found.verdict(),
        "figures": found.figures(),
        "latency": clocked,
        "notices": list(dict.fromkeys(n for design in found.designs for n in design.notices)),
        "front": found.front(),
        "training": None,
        "sizes": None,
        "layers": (),
        "passes": None,
        "chains": [
            {**chain, "title": f"{names[place]}: {chain['title'].lower()}"}
            for place, design in enumerate(found.designs)
            for chain in chains(design)
        ],
        "fpga": None,
        "facts": design_facts(best),
        "files": [],
        **_circuits(found.designs, names),
    }


def _circuits(folders: Sequence[DesignFolder], names: Sequence[str]) -> dict[str, Any]:
    first = folders[0]
    manifest, vectors = first.manifest, first.vectors
    wrong = first.wrong_vectors()
    for folder in folders[1:]:
        wrong = wrong | folder.wrong_vectors() if len(wrong) == folder.vectors.count else wrong
    data = {
        "inputs": port_records(first.netlist.input_ports),
        "outputs": port_records(first.netlist.output_ports),
        "circuits": [
            circuit_record(folder.netlist, name)
            for folder, name in zip(folders, names, strict=True)
        ],
        "vectors": vector_record(vectors, wrong),
        "limit": MAX_DRAWN,
    }
    drawn = any(folder.netlist.n_cells <= MAX_DRAWN for folder in folders)
    return {
        "title": manifest.name,
        "lead": f"{manifest.source or 'a netlist'}: {plural(first.netlist.n_inputs, 'input')}, "
        f"{plural(first.netlist.n_outputs, 'output')}; {plural(vectors.count, 'vector')}, "
        f"{coverage(first)}.",
        "circuits": list(names),
        "inputs": first.netlist.input_ports,
        "outputs": first.netlist.output_ports,
        "vector_count": vectors.count,
        "search_example": f"{first.netlist.input_ports[0].name}=1",
        "data": htmlsafe_json_dumps(data, separators=(",", ":")),
        "kernel": _layout_kernel() if drawn else None,
    }


def _render(values: dict[str, Any]) -> str:
    shown = {
        "summary", "circuit", "truth", "checks", "provenance",
        *(name for name in ("front", "training", "sizes", "passes", "fpga") if values[name]),
    } | ({"weights"} if values["layers"] else set())  # fmt: skip
    sections = [(id_, name) for id_, name in _SECTIONS if id_ in shown]
    names = [f"wn{shade}" for shade in range(_SHADES, 0, -1)]
    names += ["w0", *(f"wp{shade}" for shade in range(1, _SHADES + 1))]
    pages = environment(template_folder() / "report", escape=True)
    style = pages.get_template("style.css.j2").render(
        shades=[
            (f"w{sign}{shade}", side, round(100 * shade / _SHADES))
            for sign, side in (("n", "fanin"), ("p", "one"))
            for shade in range(1, _SHADES + 1)
        ]
    )
    script = "\n".join(_part(name).decode() for name in ("view.js", "circuit.js", "page.js"))
    return pages.get_template("page.html.j2").render(
        **values,
        sections=sections,
        shades=names,
        style=Markup(style),  # noqa: S704  the package's own file
        script=Markup(script),  # noqa: S704  the package's own file
        kernel_interface=Markup(_part("vendor/elk-api.js").decode()),  # noqa: S704  its own too
        version=__version__,
    )


def _render_reproduction(found: Reproduction) -> str:
    sections = [("summary", "Summary"), ("results", "Results")]
    sections += [("curves", "Curves")] if found.curves else []
    sections += [("settings", "Settings"), ("provenance", "Provenance")]
    pages = environment(template_folder() / "report", escape=True)
    style = pages.get_template("style.css.j2").render(shades=[])
    return pages.get_template("reproduction.html.j2").render(
        kind="Reproduction report",
        title="The published experiments, reproduced",
        lead="Elser & Lal, Learning with Boolean threshold functions, arXiv 2602.17493: published and "
        "reproduced figures.",
        verdict=found.verdict(),
        figures=found.figures(),
        notices=found.notices,
        results=found.results,
        settings=found.settings,
        curves=found.curves,
        facts=found.facts(),
        sections=sections,
        style=Markup(style),  # noqa: S704  the package's own file
        version=__version__,
    )


def _layout_kernel() -> str:
    return base64.b64encode(_part("vendor/elk-worker.min.js.gz")).decode("ascii")


@cache
def _part(name: str) -> bytes:
    path = template_folder() / "report" / name
    try:
        return path.read_bytes()
    except OSError:
        raise OutputError(f"{path}: a part of the page is missing, reinstall btfsynth") from None


_MAX_CHARACTERS = 150_000
"""Characters of vectors in a page; more would make it slow."""


def circuit_record(netlist: Netlist, title: str) -> dict[str, Any]:
    """Return a netlist as JSON values: its literals as they are (see `btfsynth.netlist`)."""
    return {
        "title": title,
        "prefix": cell_prefix(netlist),
        "cells": netlist.fanins.ravel().tolist(),
        "drive": netlist.outputs.tolist(),
    }


def port_records(ports: Sequence[Port]) -> list[dict[str, Any]]:
    return [
        {"name": port.name, "width": port.width, "low": port.low, "step": port.step}
        for port in ports
    ]


def vector_record(vectors: VectorTable, wrong: NDArray[np.bool_]) -> dict[str, Any]:
    """Return as many vectors as fit as JSON values, failing ones first."""
    width = vectors.inputs.shape[1] + vectors.expected.shape[1] + 12
    room = max(16, _MAX_CHARACTERS // width)
    kept = np.argsort(~wrong, kind="stable")[:room]
    kept.sort()
    wanted = np.where(vectors.care[kept], vectors.expected[kept], 2).astype(np.uint8)
    return {
        "count": vectors.count,
        "exhaustive": vectors.exhaustive,
        "wrong": int(wrong.sum()),
        "numbers": None if len(kept) == vectors.count else kept.tolist(),
        "inputs": _lines(vectors.inputs[kept], "01"),
        "expected": _lines(wanted, "01-"),
    }


def _lines(rows: NDArray[np.uint8], digits: str) -> str:
    """Return rows as text, bit 0 first, a blank between rows."""
    table = np.frombuffer(digits.encode(), dtype=np.uint8)[rows]
    blanks = np.full((len(rows), 1), ord(" "), dtype=np.uint8)
    return np.hstack([table, blanks]).tobytes().decode("ascii").rstrip()
