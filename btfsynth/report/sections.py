"""The sections of a page as rows of text, from records that are not to be trusted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from btfsynth.errors import percent, plural
from btfsynth.flow.patterns import verified_words
from btfsynth.hdl.manifest import MANIFEST_FILE
from btfsynth.records import sub_record
from btfsynth.report.folder import (
    DesignFolder,
    as_number,
    as_text,
    interval_text,
    numbers,
    recorded_agreement,
    records,
)
from btfsynth.report.svg import element
from btfsynth.sim.registry import SIMULATORS

_COUNTED_INPUTS = 24
"""Up to this many inputs, the number of input vectors is written out."""
_BUILD_CHECKS = {
    "network": "the trained network against the patterns",
    "netlist": "the netlist against the vectors",
    "parsed_verilog": "the Verilog, read back by an independent parser, on the vectors",
    "amaranth": "the Amaranth component in its own simulator",
    "amaranth_stream": "the Amaranth stream component in its own simulator",
    "cocotb": "the Verilog under its cocotb test",
    "ghdl": "the VHDL under its testbench in GHDL",
    "icarus": "the Verilog under its testbench in Icarus Verilog",
    "labels": "the class of every pattern against the trained network",
    "verilator": "the Verilog under its testbench in Verilator",
}
_VERIFY_CHECKS = {
    **_BUILD_CHECKS,
    "files": "the files against the hashes in the manifest",
    "source": "the vectors against the function they were made from",
    "equivalence": "a proof that the Verilog equals the netlist",
    "error": "the error of the Verilog, measured again, against the exact circuit and the bound",
    "yosys": "a proof by Yosys that the Verilog equals the function",
    "amaranth_proof": "a proof that the Amaranth component equals the netlist",
    "vhdl_proof": "a proof that the VHDL equals the netlist",
    "mutation": "single faults in the netlist, which the vectors must detect",
    "testbench": "single faults in the Verilog, which the testbench must detect",
}
_FPGA_CHECKS = {
    "synthesis": "the netlist of LUTs, simulated",
    "routed": "the routed design, simulated",
}


@dataclass(frozen=True)
class Figure:
    name: str
    value: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """The verdict on a design: ``state`` is good, warn, bad or none; ``word`` and ``reason`` are shown."""

    state: str
    word: str
    reason: str


def verdict(folder: DesignFolder) -> Verdict:
    """Judge a design by all its records; one failure outweighs everything."""
    wrong = int(folder.wrong_vectors().sum())
    if wrong:
        count = plural(folder.vectors.count, "vector")
        return Verdict("bad", "failed", f"The netlist is wrong on {wrong} of {count}.")
    failed = [
        (chain["title"], row["name"])
        for chain in chains(folder)
        for row in chain["rows"]
        if row["state"] == "bad"
    ]
    if failed:
        names = ", ".join(f"{name} ({title.lower()})" for title, name in failed)
        return Verdict("bad", "failed", f"Checks that failed: {names}.")
    vectors = plural(folder.vectors.count, "vector")
    covers = f"all {vectors}" if folder.vectors.exhaustive else vectors
    if folder.verification.get("verified") is True:
        return _verified(folder, f"The whole chain of checks passed; {covers}.")
    if folder.build.get("verified") is True:
        return _verified(folder, f"Every check of the build passed on {covers}.")
    return Verdict("none", "not verified", _why_not_verified(folder, covers))


def _why_not_verified(folder: DesignFolder, covers: str) -> str:
    """Return the verdict on a design without failed checks, which may lack some."""
    rows = [row for chain in chains(folder) for row in chain["rows"]]
    if not any(row["state"] == "good" and row["name"] != "network" for row in rows):
        return f"The netlist is correct on {covers}, but no check of the hardware is recorded here."
    for targets in folder.targets.values():
        if not targets.all_right:
            missed = f"{targets.count - targets.right} of {plural(targets.count, 'target')}"
            return f"The checks of the hardware passed on {covers}, but {missed} are missed."
    return f"The checks that ran passed on {covers}, but a required check did not run."


def _verified(folder: DesignFolder, checked: str) -> Verdict:
    """Return the verdict on a design that passed its checks, with the share of targets that are right."""
    targets = folder.targets
    if not targets:
        return Verdict("good", "verified", checked)
    each = targets.get("test") or targets.get("valid") or next(iter(targets.values()))
    word = f"verified, {percent(each.right, each.count)} of targets right"
    state = "good" if all(one.all_right for one in targets.values()) else "warn"
    words = verified_words(targets)
    return Verdict(state, word, f"{words[0].upper()}{words[1:]}. {checked}")


def design_figures(folder: DesignFolder) -> list[Figure]:
    cost = folder.cost
    kinds = f"{cost.and_cells} AND, {cost.or_cells} OR, {cost.maj_cells} MAJ"
    found = [
        Figure("cells", str(cost.cells), kinds),
        Figure("depth", str(cost.depth), "cells on the critical path"),
        Figure("inverters", str(cost.inverters), "nets used complemented"),
        Figure("vectors", str(folder.vectors.count), coverage(folder)),
    ]
    network = sub_record(folder.build, "network")
    bits, right = as_number(network, "bits"), as_number(network, "bits_right")
    if bits and right is not None:
        found.append(
            Figure("network", percent(int(right), int(bits)), f"{right} of {bits} bits right")
        )
    if not network:
        for name, each in folder.targets.items():
            share = percent(each.right, each.count)
            interval = interval_text(folder.build, name)
            detail = f"{each.right} of {each.count} targets right"
            found.append(Figure(name, share, f"{detail}; {interval}" if interval else detail))
    agreed = recorded_agreement(folder.build)
    if agreed is not None:
        found.append(Figure("agreement", *agreed))
    train = sub_record(folder.build, "train")
    steps, trials = as_number(train, "iterations"), as_number(train, "trials")
    if steps is not None and trials is not None:
        found.append(Figure("iterations", str(steps), f"in {plural(int(trials), 'trial')}"))
    for name, record in folder.fpga[:1]:
        values = _fpga_values(record)
        if values["LUTs"]:
            speed = f"{values['MHz']} MHz, " if values["MHz"] else ""
            found.append(Figure("LUTs", values["LUTs"], speed + (values["device"] or name)))
    return found


def coverage(folder: DesignFolder) -> str:
    """Return words for the checked input vectors and those with don't-care outputs."""
    vectors = folder.vectors
    n_inputs = vectors.inputs.shape[1]
    counted = n_inputs <= _COUNTED_INPUTS
    every = str(1 << n_inputs) if counted else f"2^{n_inputs}"
    unlisted = (1 << n_inputs) - vectors.count
    free, those = int((~vectors.care).any(axis=1).sum()), "of those listed"
    if not unlisted:
        words = "every input vector"
    elif not folder.manifest.specified:
        words = f"of {every} input vectors"
    elif counted:
        words = "all that are given"
        # Those that are not given ask nothing of the outputs.
        free, those = free + unlisted, f"of {every} input vectors"
    else:
        words = f"all given ones of {every} input vectors, don't-care outputs for all others"
    return f"{words}; don't-care outputs for {free} {those}" if free else words


def training_text(folder: DesignFolder) -> str:
    """Describe the training; empty if the folder has no record of it."""
    train = sub_record(folder.build, "train")
    network = sub_record(folder.build, "network")
    if not train:
        name = as_text(network, "file")
        return f"The network was already trained: {name}." if name else ""
    widths = "-".join(f"{width:g}" for width in numbers(train.get("widths")))
    parts = [f"Widths {widths}" if widths else "A graph without layers"]
    parts += [
        f"{label} {value:g}"
        for label, value in (
            ("sigma", as_number(train, "sigma")),
            ("beta", as_number(train, "beta")),
            ("gamma", as_number(train, "gamma")),
        )
        if value is not None
    ]
    trial, seconds, gap = (as_number(train, name) for name in ("trial", "seconds", "gap"))
    step = as_number(train, "best_iteration")
    text = ", ".join(parts) + "."
    if trial is not None:
        text += f" The network is that of trial {trial}"
        text += f", stopped by rule '{as_text(train, 'stop')}'"
        text += f", at iteration {step:g}" if step is not None else ""
        text += f" at a gap of {gap:.3g}" if gap is not None else ""
        text += f"; {seconds:g} s of training in all." if seconds is not None else "."
    return text


def pass_table(folder: DesignFolder) -> dict[str, Any] | None:
    """Return the passes with the cells before and after each; None without a record."""
    rows = records(folder.build, "passes")
    before = as_number(sub_record(folder.build, "netlist"), "lowered_cells")
    if not rows or before is None:
        return None
    most = max(before, *(as_number(row, "cells") or 0 for row in rows), 1)
    shown: list[dict[str, Any]] = [
        {
            "name": "lowering",
            "kept": True,
            "before": "",
            "after": before,
            "bar": _bar(before, before, most),
            "depth": "",
            "proof": "",
            "seconds": "",
        }
    ]
    start = before
    for row in rows:
        after = as_number(row, "cells")
        if after is None:
            continue
        seconds, depth = as_number(row, "seconds"), as_number(row, "depth")
        shown.append(
            {
                "name": as_text(row, "name"),
                "kept": row.get("kept") is not False,
                "before": before,
                "after": after,
                "bar": _bar(before, after, most),
                "depth": "" if depth is None else depth,
                "proof": as_text(row, "proof"),
                "seconds": "" if seconds is None else f"{seconds:.3f}",
            }
        )
        before = after
    saved = start - before
    share = f" ({100 * saved / start:.0f} % fewer)" if saved > 0 and start else ""
    text = f"From {start} cells as lowered from the network to {before}{share}."
    return {"rows": shown, "text": text}


def _bar(before: float, after: float, most: float) -> Markup:
    """Draw the cells after a pass, with those that it removed in a lighter colour behind."""
    width, height = 180.0, 12.0
    return element(
        "svg",
        element("rect", width=width * before / most, height=height, rx=2.0, class_="bar-back"),
        element("rect", width=width * after / most, height=height, rx=2.0, class_="bar"),
        width=width,
        height=height,
        aria_hidden="true",
    )


def chains(folder: DesignFolder) -> list[dict[str, Any]]:
    """Return the chains of checks recorded in the folder, each with one row per check."""
    found = []
    vectors = folder.vectors
    count = plural(vectors.count, "vector")
    covers = f"all {count}" if vectors.exhaustive else count
    rows = []
    for name, value in sub_record(folder.build, "checks").items():
        if isinstance(value, dict):
            rows.append(_build_row(name, value, covers))
    if rows:
        found.append({"title": "At the build", "rows": rows})
    links = records(folder.verification, "links")
    if links:
        title = "By verify"
        found.append({"title": title, "rows": [_link_row(link) for link in links]})
    for name, record in folder.fpga:
        rows = [
            {**_build_row(check, value, covers), "about": _FPGA_CHECKS.get(check, "")}
            for check, value in sub_record(record, "checks").items()
            if isinstance(value, dict)
        ]
        if rows:
            device = as_text(record, "device") or name
            found.append({"title": f"On {device}", "rows": rows})
    return found


def _build_row(name: str, check: Mapping[str, Any], covers: str) -> dict[str, str]:
    row = {"name": name, "covers": covers, "about": _BUILD_CHECKS.get(name, ""), "detail": ""}
    if "skipped" in check:
        return {**row, "covers": "", "detail": as_text(check, "skipped"), **_result("skipped")}
    passed, failed = as_number(check, "passed") or 0, as_number(check, "failed") or 0
    row["covers"] = f"{passed + failed:g} patterns" if name == "network" else covers
    row["detail"] = f"{passed:g} passed, {failed:g} failed"
    first = sub_record(check, "first_mismatch")
    if first:
        row["detail"] += (
            f"; first: vector {as_number(first, 'vector')}, inputs {as_text(first, 'inputs')}, "
            f"expected {as_text(first, 'expected')}, got {as_text(first, 'got')}"
        )
    # A network may be wrong where the netlist is made to keep the network.
    state = "passed" if passed and not failed else "failed"
    if name == "network" and failed:
        state = "partly"
    return {**row, **_result(state)}


def _link_row(link: Mapping[str, Any]) -> dict[str, str]:
    name = as_text(link, "name")
    shown = sub_record(link, "counterexample")
    more = "".join(f"; {key} {value}" for key, value in shown.items())
    return {
        "name": name,
        "covers": as_text(link, "covers"),
        "about": _VERIFY_CHECKS.get(name, ""),
        "detail": as_text(link, "detail") + more[:500],
        **_result(as_text(link, "result")),
    }


def _result(result: str) -> dict[str, str]:
    state, word = {
        "passed": ("good", "passed"),
        "skipped": ("none", "skipped"),
        "partly": ("none", "partly"),
    }.get(result, ("bad", "failed"))
    return {"state": state, "word": word}


def fpga_table(folder: DesignFolder) -> dict[str, Any] | None:
    """Return the figures of the FPGA runs, one row per run, without empty columns; None without any run.

    The figures are those of the design and of the case statement for comparison. Records of other programs may
    have these figures at their top level.
    """
    runs = [(name, _fpga_values(record)) for name, record in folder.fpga]
    used = [key for key in _FPGA_COLUMNS if any(values[key] for _, values in runs)]
    if not used:
        return None
    return {
        "columns": used,
        "numeric": [key for key in used if key not in ("device", "part", "proven", "tools")],
        "rows": [{"name": name, "values": values} for name, values in runs],
    }


_FPGA_COLUMNS = (
    "device", "part", "LUTs", "flip-flops", "levels", "MHz",
    "case LUTs", "case MHz", "proven", "tools",
)  # fmt: skip


def _fpga_values(record: Mapping[str, Any]) -> dict[str, str]:
    design, case = sub_record(record, "design") or record, sub_record(record, "case")
    flops = as_number(sub_record(design, "with_registers"), "flip_flops")
    proven = design.get("proven")
    tools = sub_record(record, "tools")
    values = {
        "device": as_text(record, "device"),
        "part": as_text(record, "part"),
        "LUTs": as_number(design, "luts"),
        "flip-flops": as_number(design, "ffs") if flops is None else flops,
        "levels": as_number(design, "levels"),
        "MHz": as_number(design, "fmax_mhz"),
        "case LUTs": as_number(case, "luts"),
        "case MHz": as_number(case, "fmax_mhz"),
        "proven": proven if isinstance(proven, bool) else None,
        "tools": ", ".join(f"{name} {as_text(tools, name)}" for name in tools)[:300],
    }
    return {key: "" if value is None else _scalar(value) for key, value in values.items()}


def _scalar(value: str | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value[:200] if isinstance(value, str) else f"{value:.6g}"


def _command(folder: DesignFolder) -> str:
    given = folder.build.get("command")
    if isinstance(given, list) and given and all(isinstance(word, str) for word in given):
        return shlex.join(given)
    return ""


_SHOWN_PORTS = 100
"""Maximum ports whose meaning is listed."""


def design_facts(folder: DesignFolder) -> list[tuple[str, str, bool]]:
    """Return the provenance of the design: name, value and whether the value is code."""
    manifest = folder.manifest
    facts: list[tuple[str, str, bool]] = []
    command = _command(folder)
    if command:
        facts.append(("command", command, True))
    facts.append(("source", manifest.source or "a netlist", False))
    if manifest.data_hash:
        facts.append(("data hash", manifest.data_hash, True))
    seed = as_number(folder.build, "seed")
    if seed is not None:
        facts.append(("seed", str(seed), False))
    facts.append(("version", f"btfsynth {manifest.version}", False))
    tools = [
        f"{as_text(link, 'name')}: {as_text(link, 'detail')}"
        for link in records(folder.verification, "links")
        if as_text(link, "name") in ("amaranth", "icarus", "verilator", "yosys")
        and as_text(link, "result") == "passed"
    ]
    if tools:
        facts.append(("tools", "; ".join(tools), False))
    renamed = [
        f"{port.name} is {port.hdl}"
        for port in (*manifest.inputs, *manifest.outputs)
        if port.name != port.hdl
    ]
    if renamed:
        facts.append(("ports in hardware", "; ".join(renamed), False))
    told = [port for port in (*manifest.inputs, *manifest.outputs) if port.meaning]
    facts += [(f"port {port.data_port.label}", port.meaning, False) for port in told[:_SHOWN_PORTS]]
    if len(told) > _SHOWN_PORTS:
        facts.append(("more ports", f"{len(told) - _SHOWN_PORTS}, in {MANIFEST_FILE}", False))
    facts += [(name, words, False) for name, words in _approximation(manifest.options)]
    options = {
        key: value
        for key, value in manifest.options.items()
        if isinstance(value, (str, int, float, list))
    }
    if options:
        listed = ", ".join(f"{key} {_option(value)}" for key, value in sorted(options.items()))
        facts.append(("settings", listed[:2000], False))
    return facts


def _approximation(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the manifest of an approximate circuit says of its size and error."""
    names = {"size": "size", "exact": "size of the exact circuit", "error": "error"}
    facts = []
    for key, name in names.items():
        values = sub_record(options, key).items()
        listed = [f"{each} {_scalar(v)}" for each, v in values if isinstance(v, (str, int, float))]
        if listed:
            facts.append((name, ", ".join(listed)[:2000]))
    return facts


def _option(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(str(item) for item in value)
    return _scalar(value)


@dataclass(frozen=True)
class Clocking:
    """Text of a page about the registers of a pipeline."""

    figure: Figure
    short: str  # what was checked of them, as the end of a sentence
    clocks: str  # the latency
    moving: str  # what they add to the function
    simulators: str  # what checked that; empty if nothing did
    counted: bool  # whether the reader of the Verilog counted them


def clocking(folder: DesignFolder) -> Clocking | None:
    """Return the timing of a design with registers; None if it has none."""
    timing = folder.manifest.timing
    if timing is None:
        return None
    passed = {
        row["name"] for chain in chains(folder) for row in chain["rows"] if row["state"] == "good"
    }
    clocks = plural(timing.latency, "clock")
    moving = ["the latency", *["reset"] * timing.reset, *["enable"] * timing.enable]
    simulators = _listed([name for name in SIMULATORS if name in passed])
    checked = "only simulated" if simulators else "neither proven nor simulated"
    return Clocking(
        Figure("latency", clocks, f"ports {', '.join(timing.controls)}"),
        f"latency {clocks}, registers {checked}",
        clocks,
        _listed(moving),
        simulators,
        "parsed_verilog" in passed,
    )


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
