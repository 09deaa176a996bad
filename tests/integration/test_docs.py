"""The documentation holds: examples run, files are read, links lead somewhere, pages are in the menu."""

from __future__ import annotations

import ast
import doctest
import html
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import click
import numpy as np
import pytest
import yaml

from btfsynth import __version__
from btfsynth.cli.main import cli
from btfsynth.dataset.load import load
from btfsynth.flow.building import build
from btfsynth.flow.report import BuildOptions
from btfsynth.hdl.formats import READERS, read_design
from btfsynth.hdl.vectors import VectorTable
from btfsynth.netlist.simulation import output_words, pack_bits, unpack_bits
from btfsynth.network.formats import read_generators, read_network_text, read_widths
from btfsynth.report.schematic import NIGHT_PAPER
from btfsynth.settings.run_file import read_run_file
from btfsynth.settings.table import SECTIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
    if "\n>>> " in page.read_text(encoding="utf-8")
]
LINKING = [
    *sorted(DOCS.rglob("*.md")),
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("*/README.md")),
]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```', re.MULTILINE | re.DOTALL)


def _files(page: Path) -> dict[str, str]:
    """Return the files that a page shows, by name."""
    return dict(_FILE.findall(page.read_text(encoding="utf-8")))


FILES = _files(DOCS / "formats.md")
ADDERS = sorted(name for name in FILES if name.startswith("adder.") and name != "adder.wth")


def _tool(name: str) -> ModuleType:
    """Return a module of ``docs/tools``."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _anchors(page: Path) -> set[str]:
    """Return what a link to a part of a page can name: its headings as GitHub and MkDocs call them."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run(page, tmp_path, monkeypatch):
    """Every >>> example gives what the page says; modules that the page shows can be imported."""
    for name, text in _files(page).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    results = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_example_of_the_readme_is_one_that_runs():
    """README has an example in Python, and the tests above run it."""
    assert ROOT / "README.md" in PAGES


def test_pages_have_links():
    """Links and headings are found, so the next test checks something."""
    assert "docs/tutorial.md" in _LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert "what-it-can-do" in _anchors(ROOT / "README.md")
    assert {ROOT / "README.md", ROOT / "hdl_out" / "README.md", *DOCS.glob("*.md")} <= set(LINKING)


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    """Every link to a file of the repository finds it, and the heading that it names."""
    for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, part = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name}: {link}"
        if part and path.suffix == ".md":
            assert part in _anchors(path), f"{page.name}: {link}"


def test_every_page_is_in_the_menu():
    """The menu of the site has every page of docs, once."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = []

    def walk(entry):
        for part in entry if isinstance(entry, list) else entry.values():
            walk(part) if isinstance(part, list | dict) else listed.append(part)

    walk(yaml.safe_load(text)["nav"])
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert pages <= set(listed)
    assert len(set(listed)) == len(listed)


def test_every_benchmark_is_on_its_page():
    """The page of the benchmarks leads to every program of the folder."""
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    programs = {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    assert set(re.findall(r"\]\(\.\./benchmarks/(\w+\.py)\)", text)) == programs != set()


def test_every_command_and_option_is_in_the_reference():
    """The page of the commands has a part for each and a row for every option."""
    text = _tool("reference").command_reference()
    parts = dict(part.split("\n", 1) for part in f"\n{text}".split("\n## ")[1:])
    context = click.Context(cli)
    assert set(parts) == set(cli.list_commands(context))
    for name, shown in parts.items():
        firsts = re.findall(r"^\| `(-[^`]*)` \|", shown, re.MULTILINE)
        flags = {word for cell in firsts for word in re.split(r"[ ,]+", cell) if word[0] == "-"}
        for parameter in cli.get_command(context, name).params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert {*parameter.opts, *parameter.secondary_opts} <= flags, name


def test_every_key_of_a_run_file_is_in_the_reference():
    """The page of the formats has a row for every key."""
    text = _tool("reference").key_reference()
    for section, keys in SECTIONS.items():
        for key in keys:
            assert f"| `{section}` | `{key}` |" in text


def test_default_settings_are_in_the_reference():
    """The page on training has a row for every task of the list, with the settings of a training."""
    tool = _tool("reference")
    text = tool.default_reference()
    assert "<!-- defaults -->" in (DOCS / "training.md").read_text(encoding="utf-8")
    assert "\n| `multiplier:2` | 4-4-4-4 | 3 | 0.6 | 0.003 | 10,000 |\n" in text
    assert all(f"\n| `{task}` |" in text for task in tool.EXAMPLES)


@pytest.mark.parametrize("name", ["rrr.svg", "stations.svg"])
def test_pictures_are_those_of_the_program(name):
    """Pictures without a training are the same bytes everywhere."""
    drawn = _tool("pictures").PICTURES[name]()
    assert drawn == (DOCS / "images" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted((DOCS / "images").glob("*.svg")), ids=lambda path: path.name
)
def test_pictures_have_colours_for_the_dark_mode(path):
    """No picture is a white slab on a dark page: its ground and its lines have other colours there."""
    text = html.unescape(path.read_text(encoding="utf-8"))
    light, _, dark = text.partition("@media(prefers-color-scheme:dark){")
    style = light + dark.partition("</style>")[2]
    dark = dark.partition("</style>")[0]
    ground = re.search(r'<rect width="[^"]+" height="[^"]+" fill="#f+"( class="p")?/?>', style)
    assert NIGHT_PAPER in dark
    if ground[1]:
        assert re.search(r"\.p[,{]", dark)
    else:
        # Whatever is filled or drawn in a colour of its own has another one in the dark.
        for kind, colour in set(re.findall(r'(fill|stroke)="(#\w+)"', style)):
            assert f'[{kind}="{colour}"]' in dark


def test_the_site_switches_its_colours():
    """The menu has a switch: colours of the system, light and dark, each leading to another."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    palette = yaml.safe_load(text)["theme"]["palette"]
    assert [entry.get("scheme") for entry in palette] == [None, "default", "slate"]
    assert all(entry["toggle"]["name"] for entry in palette)


@pytest.mark.parametrize(
    ("page", "pictures"),
    [
        (ROOT / "README.md", ["docs/images/multiplier_3.svg", "docs/images/report_m3.png"]),
        (
            DOCS / "index.md",
            ["images/multiplier_3.svg", "images/report_m3.png", "images/stations.svg"],
        ),
    ],
    ids=["README", "front page"],
)
def test_the_first_pages_show_what_the_program_writes(page, pictures, tmp_path):
    """Their Verilog is that of the command beside it, and they show a circuit and the report."""
    ((_, shown),) = _files(page).items()
    build(load("multiplier:2"), tmp_path, BuildOptions(simulators=()))
    assert shown in (tmp_path / "multiplier_2.v").read_text(encoding="utf-8")
    assert re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8")) == pictures


@pytest.mark.parametrize("name", ["training.svg", "weights.svg", "netlist.svg"])
def test_pictures_of_a_training_can_be_drawn(name):
    """Pictures of a training are drawings, and the training is one that learns the function."""
    pictures = _tool("pictures")
    ElementTree.fromstring(pictures.PICTURES[name]())
    dataset, network, _ = pictures.trained()
    assert network.vectors_right(dataset) == dataset.n_patterns


def test_pages_of_experiments_show_the_results():
    """Their tables are those of the results beside them, and no experiment is missing."""
    tool = _tool("experiments")
    record = json.loads((tool.PAGES / "results.json").read_text(encoding="utf-8"))
    assert "<!-- results -->" in (DOCS / "experiments.md").read_text(encoding="utf-8")
    assert all(f"\n| {row['title']} |" in tool.results() for row in record["rows"])
    shown = ""
    for page in tool.PAGES.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert tool.with_rows(text, record) == text, page.name
        shown += text
    for row in record["rows"]:
        assert f"\n| `{row['name']}` | {row['seeds']} |" in shown


@pytest.mark.parametrize("name", ADDERS)
def test_files_of_the_page_on_formats_are_a_full_adder(name, tmp_path):
    """Every example of patterns or of a netlist is read, and is the full adder that it says."""
    path = tmp_path / name
    path.write_text(FILES[name], encoding="utf-8")
    wanted = VectorTable.from_dataset(load("full_adder"))
    if path.suffix not in (".dat", ".csv", ".arff"):
        netlist = read_design(path)
        got = unpack_bits(output_words(netlist, pack_bits(wanted.inputs)), wanted.count)
        assert np.array_equal(got, wanted.expected)
    if path.suffix in (".dat", ".csv", ".arff", ".pla", ".truth"):
        table = VectorTable.from_dataset(load(str(path)))
        order = np.lexsort(table.inputs.T)
        assert np.array_equal(table.inputs[order], wanted.inputs)
        assert np.array_equal(table.expected[order], wanted.expected)
        assert table.care.all()


def test_the_page_on_formats_has_an_example_of_every_text_format():
    """No text format of patterns or netlists is without an example."""
    shown = {Path(name).suffix for name in FILES}
    endings = {ending for reader in READERS.values() for ending in reader.endings}
    assert endings - {".aig", ".json", ".esp", ".tt"} <= shown
    assert {".dat", ".csv", ".arff"} <= shown


def test_other_files_of_the_page_on_formats_are_read(tmp_path):
    """The examples of networks, widths, codes and settings are read as what they are."""
    paths = {name: tmp_path / name for name in FILES}
    for name, path in paths.items():
        path.write_text(FILES[name], encoding="utf-8")
    assert read_widths(paths["adder.wth"]) == (3, 4, 2)
    network = read_network_text(paths["and.sol"])
    pairs = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8)
    assert network.outputs(pairs).ravel().tolist() == [0, 0, 0, 1]
    codes, counts = read_generators(paths["codes.gen"])
    assert codes.tolist() == [[1, 0], [0, 1]]
    assert counts.tolist() == [23, 94]
    assert read_run_file(paths["run.toml"]).get("hardware", "pipeline") == 2


def _imported(text: str, package: str) -> set[str]:
    """Return the parts of btfsynth that a module of a package imports, in whatever form."""
    modules = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(name, package)
            modules += [f"{module}.{alias.name}" for alias in node.names]
    names = [module.split(".") for module in modules]
    return {each[1] for each in names if each[0] == "btfsynth" and len(each) > 1}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("from btfsynth.cli.main import cli", {"cli"}),
        ("from btfsynth import cli, errors", {"cli", "errors"}),
        ("import numpy, btfsynth.cli.main as m", {"cli"}),
        ("def f():\n    import btfsynth.cli", {"cli"}),
        ("from ..cli import main", {"cli"}),
        ("from .. import cli", {"cli"}),
        ("from . import walk", {"train"}),
        ("import btfsynth\nimport numpy.random\nfrom numpy import random", set()),
    ],
)
def test_every_form_of_an_import_is_seen(text, parts):
    """The next test overlooks none."""
    assert _imported(text, "btfsynth.train") == parts


def test_imports_go_downwards_as_contributors_are_told():
    """No folder of the package imports one that CONTRIBUTING.md has above it or beside it."""
    blocks = re.findall(r"```text\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    (rows,) = (block.splitlines() for block in blocks)
    level = {name: place for place, row in enumerate(rows) for name in row.split()}
    package = ROOT / "btfsynth"
    parts = {path for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert {path.stem for path in parts if not path.stem.startswith("__")} == set(level)
    for path in package.rglob("*.py"):
        own = path.relative_to(package).parts[0].removesuffix(".py")
        if own not in level:
            continue
        within = ".".join(path.relative_to(ROOT).parent.parts)
        for other in _imported(path.read_text(encoding="utf-8"), within) - {own, "__version__"}:
            assert level[other] > level[own], f"{path}: {other}"


def test_the_citation_says_what_the_format_asks_for():
    """CITATION.cff has the required keys of version 1.2.0, and cites the paper."""
    record = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert record["cff-version"] == "1.2.0"
    assert record["message"]
    assert (record["title"], record["version"]) == ("btfsynth", __version__)
    assert all("name" in author or "family-names" in author for author in record["authors"])
    (paper,) = record["references"]
    assert {"type", "title", "authors"} <= set(paper)
    assert paper["url"].endswith("2602.17493")
