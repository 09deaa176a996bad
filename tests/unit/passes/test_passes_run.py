"""Running passes: what is checked, what is thrown away, and scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pytest
from click.testing import CliRunner
from strategies import complete_reference

from btfsynth.cli.main import cli
from btfsynth.errors import UsageError
from btfsynth.netlist.builder import NetlistBuilder
from btfsynth.netlist.netlist import Netlist
from btfsynth.netlist.simulation import Reference
from btfsynth.netlist.views import statistics
from btfsynth.passes.base import PassReport, run_pass, run_passes, run_script
from btfsynth.passes.basic import FunctionalHash, Inverters, Strash, Sweep
from btfsynth.passes.registry import PASSES, SCRIPTS, format_script, parse_script
from btfsynth.passes.resubstitution import Resubstitution
from btfsynth.plugins import register, unregister
from btfsynth.ports import Port
from btfsynth.settings.table import Preserve


def xor_netlist() -> Netlist:
    """a ^ b by three cells, and by three others."""
    builder = NetlistBuilder("t", [Port("x", 2)], [Port("y", 2)])
    a, b = builder.input(0), builder.input(1)
    other = builder.or_(builder.and_(a, b ^ 1), builder.and_(a ^ 1, b))
    return builder.build([builder.xor(a, b), other])


def sample(netlist: Netlist) -> Reference:
    """The netlist's function as if its vectors were only some."""
    return replace(complete_reference(netlist), complete=False)


@dataclass(frozen=True)
class Wrong:
    """Drives every output with false."""

    name: ClassVar[str] = "wrong"
    structural: ClassVar[bool] = True

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        builder = NetlistBuilder(netlist.name, netlist.input_ports, netlist.output_ports)
        return builder.build([0] * netlist.n_outputs)


def test_a_pass_that_keeps_the_function_is_kept() -> None:
    """The new netlist, and a report of cost before and after."""
    netlist = xor_netlist()
    result, report = run_pass(FunctionalHash(), netlist, complete_reference(netlist))
    assert result.n_cells == 3
    assert report == PassReport(
        "functional_hash",
        statistics(netlist),
        statistics(result),
        report.seconds,
        "all 4 input vectors",
        True,
        report.compile_seconds,
    )
    assert report.seconds >= 0


@pytest.mark.parametrize("complete", [True, False])
def test_a_pass_that_breaks_the_function_is_thrown_away(complete: bool) -> None:
    """The netlist is as before and the report says that nothing was kept, prover or not."""
    netlist = xor_netlist()
    reference = replace(complete_reference(netlist), complete=complete)
    result, report = run_pass(Wrong(), netlist, reference, lambda old, new: True)
    assert result is netlist
    assert not report.kept
    assert report.after == report.before == statistics(netlist)


def test_a_pass_that_breaks_only_what_does_not_matter_is_kept() -> None:
    """The reference alone decides."""
    netlist = xor_netlist()
    full = complete_reference(netlist)
    reference = replace(full, preserve=Preserve.CARE, care=np.zeros_like(full.care))
    result, report = run_pass(Wrong(), netlist, reference)
    assert (result.n_cells, report.kept, report.proof) == (0, True, "all 4 patterns")


@dataclass(frozen=True)
class ByVectors:
    """Functional hashing that takes a sample for the whole."""

    name: ClassVar[str] = "by_vectors"
    structural: ClassVar[bool] = False

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        return FunctionalHash().apply(netlist, replace(reference, complete=True))


def test_on_a_sample_functional_hashing_goes_by_structure() -> None:
    """Equal signatures of a sample prove nothing."""
    netlist = xor_netlist()
    assert FunctionalHash().apply(netlist, sample(netlist)).n_cells == netlist.n_cells


def test_on_a_sample_only_structural_passes_are_kept_without_a_prover() -> None:
    """Strash is right by construction; a pass that goes by the vectors has to be proven."""
    netlist = xor_netlist()
    assert run_pass(Strash(), netlist, sample(netlist))[1].kept
    result, report = run_pass(ByVectors(), netlist, sample(netlist))
    assert result is netlist
    assert (report.kept, report.proof) == (False, "4 vectors")


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_sample_the_prover_decides(answer: bool) -> None:
    """It is shown the netlist before and after, and its word counts for every pass."""
    netlist = xor_netlist()
    asked = []

    def prover(old: Netlist, new: Netlist) -> bool:
        asked.append((old.n_cells, new.n_cells))
        return answer

    for step in (ByVectors(), Strash()):
        result, report = run_pass(step, netlist, sample(netlist), prover)
        assert (report.kept, report.proof) == (answer, "SAT, all input vectors")
        assert (result is netlist) is not answer
    assert asked == [(6, 3), (6, 6)]


def test_the_prover_is_not_asked_where_the_reference_says_it_all() -> None:
    """A complete reference needs no proof."""

    def prover(old: Netlist, new: Netlist) -> bool:
        raise AssertionError

    netlist = xor_netlist()
    assert run_pass(FunctionalHash(), netlist, complete_reference(netlist), prover)[1].kept


def test_passes_run_one_after_the_other() -> None:
    """Each gets what the one before left; a broken one between them does no harm."""
    netlist = xor_netlist()
    result, reports = run_passes(
        [Strash(), Wrong(), FunctionalHash()],
        netlist,
        complete_reference(netlist),
    )
    assert [(report.name, report.kept, report.after.cells) for report in reports] == [
        ("strash", True, 6),
        ("wrong", False, 6),
        ("functional_hash", True, 3),
    ]
    assert result.n_cells == 3
    assert run_passes([], netlist, complete_reference(netlist)) == (netlist, ())


def test_a_script_lists_passes_with_their_options() -> None:
    """Order, short and long options, quotes, spaces and empty parts."""
    assert parse_script(" strash;; sweep ;resub -k 0 --patience '7' --divisors 9 --seed -3;") == (
        Strash(),
        Sweep(),
        Resubstitution(k=0, patience=7, divisors=9, seed=-3),
    )
    assert parse_script("functional_hash; inverters") == (FunctionalHash(), Inverters())
    assert parse_script("resub") == (Resubstitution(),)
    assert parse_script("") == ()


def test_named_scripts_stand_for_their_passes() -> None:
    """Alone and among others; every one can be read."""
    assert parse_script("fast") == parse_script(SCRIPTS["fast"])
    assert parse_script("strash; size") == (Strash(), *parse_script(SCRIPTS["size"]))
    for name in SCRIPTS:
        steps = parse_script(name)
        assert steps[0] == Strash()
        assert steps[-1] == Inverters()  # its result is not in normal form


def test_passes_are_listed_under_their_names() -> None:
    """A pass is called what it calls itself."""
    assert all(PASSES[name].name == name for name in PASSES)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("rewire", "unknown pass 'rewire'; known passes and scripts are: "),
        ("strash; Strash", "unknown pass 'Strash'"),
        (
            "fast -k 1",
            "'fast' is a script without options, got '-k 1'; options belong to its passes: ",
        ),
        ("strash; size --leaves 10", "'size' is a script without options, got '--leaves 10'"),
        (
            "resub -x 1",
            "resub: unknown option '-x'; its options are: divisors, k, leaves, max_depth, patience, seed, "
            "tries, whole",
        ),
        ("resub 5", "resub: unknown option '5'"),
        ("perturb --most 5", "perturb: --most is renamed to --max-cells"),
        ("resub k 1", "resub: unknown option 'k'"),
        ("resub -name 1", "resub: unknown option '-name'"),
        ("strash -k 1", "strash: unknown option '-k'; its options are: none"),
        ("resub -k", "resub: -k: expected a whole number, got ''"),
        ("resub -k 1 --seed", "resub: --seed: expected a whole number, got ''"),
        ("resub -k one", "resub: -k: expected a whole number, got 'one'"),
        ("resub -k 1.0", "resub: -k: expected a whole number, got '1.0'"),
        ("resub -k 3", "resub: k: expected 0 to 2, got 3"),
        ("resub --patience -1", "resub: patience: expected 0 or more, got -1"),
        ("detect --rounds -3", "detect: rounds: expected 0 or more, got -3"),
        ("resub --divisors 0", "resub: divisors: expected 1 or more, got 0"),
        ("strash 'x", 'passes "strash \'x": No closing quotation'),
    ],
)
def test_a_script_that_is_none_is_a_usage_error(script: str, message: str) -> None:
    """What is wrong, and what would be right."""
    with pytest.raises(UsageError) as caught:
        parse_script(script)
    assert message in str(caught.value)


@dataclass(frozen=True)
class Everything:
    """A pass with options of every type."""

    name: ClassVar[str] = "everything"
    structural: ClassVar[bool] = True

    count: int = 1
    share: float = 0.5
    label: str = ""
    order: Literal["up", "down", "both"] = "up"
    by_level: bool = False

    def apply(self, netlist: Netlist, reference: Reference) -> Netlist:
        return netlist


@pytest.fixture
def everything() -> Iterator[None]:
    register("passes", "everything", Everything)
    yield
    unregister("passes", "everything")


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("options", "step"),
    [
        ("", Everything()),
        ("--count -3 --share 1e-3", Everything(count=-3, share=1e-3)),
        ("--label 'two words'", Everything(label="two words")),
        ("--by-level", Everything(by_level=True)),
        ("--by-level --order down", Everything(order="down", by_level=True)),
        ("--by-level false --order both", Everything(order="both")),
    ],
)
def test_options_are_read_by_the_type_of_their_field(options: str, step: Everything) -> None:
    """And a pass is written as the script that reads back as it."""
    assert parse_script(f"everything {options}") == (step,)
    assert parse_script(format_script([step, Sweep()])) == (step, Sweep())


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--count 0.5", "everything: --count: expected a whole number, got '0.5'"),
        ("--share half", "everything: --share: expected a number, got 'half'"),
        ("--share nan", "everything: --share: expected a number, got 'nan'"),
        ("--order sideways", "everything: --order: expected up, down or both, got 'sideways'"),
        ("--by-level maybe", "everything: --by-level: expected true or false, got 'maybe'"),
    ],
)
def test_a_value_of_another_type_is_a_usage_error(options: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_script(f"everything {options}")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("answers", "asked", "cells", "kept"),
    [
        ([True], [(6, 3)], 3, [True, True]),
        ([False, True, False], [(6, 3), (6, 6), (6, 3)], 6, [True, False]),
        ([None, True, True], [(6, 3), (6, 6), (6, 3)], 3, [True, True]),
        ([None, True, None], [(6, 3), (6, 6), (6, 3)], 6, [True, False]),
        ([None, None], [(6, 3), (6, 6)], 6, [False, False]),
    ],
)
def test_samples_are_proven_once(answers, asked, cells, kept) -> None:
    """From the first to the last; if they differ pass by pass, and so if that stays undecided."""
    netlist = xor_netlist()
    left, seen = list(answers), []

    def prover(old: Netlist, new: Netlist) -> bool | None:
        seen.append((old.n_cells, new.n_cells))
        return left.pop(0)

    result = run_script([Strash(), ByVectors()], netlist, sample(netlist), prover)
    assert not left
    assert seen == asked
    assert result.netlist.n_cells == cells
    assert [report.kept for report in result.reports] == kept
    assert ("together" in result.reports[0].proof) is (len(answers) == 1)
    assert (result.unproven is not None) is (answers[-1] is None)


def test_every_pass_and_script_is_documented() -> None:
    """The page has a row with each pass and names each script, as does the help of --passes."""
    page = (Path(__file__).parents[3] / "docs" / "discovery.md").read_text(encoding="utf-8")
    text = page.partition("## Passes")[2]
    rows = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|"))
    assert [name for name in PASSES if f"`{name}`" not in rows] == []
    assert [name for name in SCRIPTS if f"`{name}`" not in text] == []
    shown = " ".join(CliRunner().invoke(cli, ["simplify", "--help"]).output.split())
    listed = shown.partition("Optimiser passes: ")[2].partition("'build'")[0]
    assert [name for name in SCRIPTS if name not in re.findall("[a-z]+", listed)] == []
