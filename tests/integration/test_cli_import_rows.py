"""The rows of ``btfsynth import --data``: a table with labels or without, of numbers and of bits."""

from __future__ import annotations

import json

import pytest

LEAVES = {"left_child": {"leaf_value": -1.0}, "right_child": {"leaf_value": 1.0}}
TREES = [
    {"tree_structure": {"split_index": 0, "split_feature": place, "threshold": 0.5, "decision_type": "<=",
                        **LEAVES}}
    for place in (0, 1, 1)
]  # fmt: skip
MODEL = {
    "version": "v4",
    "num_tree_per_iteration": 1,
    "objective": "binary sigmoid:1",
    "feature_names": ["a", "b"],
    "tree_info": TREES,
}


@pytest.mark.parametrize(
    "table",
    [
        "a,b\n0.25,1.5\n3,0\n0,0.75\n",
        "a,b\n0,1\n1,1\n",
        "0.25,1.5\n3,0\n",
        "a,b,species\n0.25,1.5,cat\n3,0,dog\n",
        "a,b,label\n0.25,1.5,0\n3,0,1\n",
    ],
    ids=["numbers", "bits", "no header", "species", "label"],
)
def test_the_model_tells_how_many_columns_are_inputs(cli, tmp_path, table):
    (tmp_path / "votes.json").write_text(json.dumps(MODEL))
    (tmp_path / "rows.csv").write_text(table)
    outcome = cli(
        "import", "votes.json", "--data", "rows.csv", "-o", "out", "--simulator", "amaranth",
        "--effort", "low", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["verified"]
    code = json.loads((tmp_path / "out" / "votes_code.json").read_text())
    assert [each["name"] for each in code["columns"]] == ["a", "b"]


def test_a_table_of_another_width_is_refused(cli, tmp_path):
    (tmp_path / "votes.json").write_text(json.dumps(MODEL))
    (tmp_path / "rows.csv").write_text("a\n0.5\n3.5\n")
    outcome = cli("import", "votes.json", "--data", "rows.csv", "-o", "out")
    assert outcome.code == 2
    assert "expected rows of 2 columns, got 1" in outcome.stderr
    assert not (tmp_path / "out").exists()


def test_columns_in_another_order_are_refused(cli, tmp_path):
    (tmp_path / "votes.json").write_text(json.dumps(MODEL))
    (tmp_path / "rows.csv").write_text("b,a\n1.5,0.25\n0,3\n")
    outcome = cli("import", "votes.json", "--data", "rows.csv", "-o", "out")
    assert outcome.code == 2
    assert (
        "rows.csv: expected the columns in the order of the model; column 1 is b" in outcome.stderr
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("header", "noted"), [("width,height\n", True), ("a,b\n", False), ("", False)], ids=str
)
def test_columns_of_other_names_are_noted(cli, tmp_path, header, noted):
    """They are taken by their place; without names there is nothing to compare."""
    (tmp_path / "votes.json").write_text(json.dumps(MODEL))
    (tmp_path / "rows.csv").write_text(f"{header}0.25,1.5\n3,0\n0,0.75\n")
    outcome = cli(
        "import", "votes.json", "--data", "rows.csv", "-o", "out", "--simulator", "amaranth",
        "--passes", "light",
    )  # fmt: skip
    assert outcome.code == 0, outcome.stderr
    said = "note: columns are matched by position: column 1 is width here and a in the model"
    assert (said in " ".join((outcome.stdout + outcome.stderr).split())) == noted


def test_a_file_that_no_library_reads_is_not_called_compared(cli, tmp_path):
    """LightGBM reads no JSON: the hardware is that of the integers, and nobody was asked for labels."""
    (tmp_path / "votes.json").write_text(json.dumps(MODEL))
    outcome = cli(
        "import",
        "votes.json",
        "-o",
        "out",
        "--simulator",
        "amaranth",
        "--passes",
        "light",
        "--json",
    )
    wanted = "verified: hardware equals the integers of the model; not compared with the library"
    assert outcome.json["verdict"] == wanted
    assert outcome.json["compared"] == []
