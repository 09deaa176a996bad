"""From a table of numbers, words and gaps to hardware, and back to classes, on the command line."""

from __future__ import annotations

import csv
import json
import random

import numpy as np
import pytest

import btfsynth as btf

LEARN = ("--trials", "1", "--no-baselines", "--passes", "light", "--simulator", "amaranth")


def flowers(count: int, seed: int) -> str:
    """Rows of three classes, told apart by a length, a colour and an age, with some gaps and slips."""
    draw = random.Random(seed)
    rows = ["length;age;colour;kind"]
    for _ in range(count):
        length, age = draw.uniform(2, 9), draw.randrange(1, 80)
        colour = draw.choice(["red", "dark blue", "white"])
        kind = "lily" if length > 6 else "rose" if colour == "red" else "aster"
        cells = [f"{length:.2f}".replace(".", ","), str(age), colour]
        if draw.random() < 0.1:
            cells[draw.randrange(1, 3)] = draw.choice(["", "?"])
        rows.append(";".join([*cells, kind]))
    return "\n".join(rows) + "\n"


@pytest.fixture
def table(tmp_path, fast_simulator):
    (tmp_path / "flowers.csv").write_text(flowers(120, 1))
    (tmp_path / "later.csv").write_text(flowers(80, 2))
    return tmp_path


def test_a_table_is_shown_and_refused_without_a_code(cli, table):
    """Its columns, gaps and classes; where bits are needed the first cell that is none, and what to do."""
    outcome = cli("data", "flowers.csv", "--json")
    assert outcome.json["classes"] == ["aster", "lily", "rose"]
    columns = {each["name"]: each for each in outcome.json["columns"]}
    assert columns["colour"]["categories"] == ["dark blue", "red", "white"]
    assert columns["age"]["missing"] > 0
    assert columns["length"]["range"][0] > 1.9
    assert "length (1 column)" in " ".join(cli("data", "flowers.csv").stdout.split())
    for command in ("build", "train", "discover", "tune"):
        outcome = cli(command, "flowers.csv")
        assert outcome.code == 2
        assert "flowers.csv:2: column 'colour': expected a number from 0 to 1" in outcome.complaint
        assert "--code auto turns" in outcome.complaint
    assert cli("emit", "none.mig", "--data", "flowers.csv").code == 2


def test_learnt_and_predicted(cli, table):
    """The test set is coded as the training rows, whose words and gaps it need not share."""
    learn = ("learn", "flowers.csv", "--test", "later.csv", "--code", "quantile:7,age=skip", *LEARN)
    outcome = cli(*learn, "-o", "out", "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.json["classes"] == ["aster", "lily", "rose"]
    assert outcome.json["accuracy"]["test"]["bits"] > 0.9
    verilog = (table / "out" / "flowers.v").read_text()
    assert (
        "// input colour[3]: colour is dark blue, red, white, bit 0 first; missing counts as"
        in verilog
    )
    assert "// output class_number[2]: the class: 0 is aster, 1 is lily, 2 is rose" in verilog
    assert "age" not in verilog
    manifest = json.loads((table / "out" / "manifest.json").read_text())
    assert manifest["ports"]["inputs"][1]["meaning"].startswith("colour is dark blue")
    # Columns in another order, a word nobody has seen, and no targets.
    (table / "new.csv").write_text("colour,kind,length\npink,?,8.5\nred,?,2.5\n")
    outcome = cli("predict", "out", "new.csv", "--outputs", "kind", "-o", "labels.csv")
    assert "colour: 1 unknown value, read as" in outcome.stderr
    assert "no target is known" in outcome.stderr
    with (table / "labels.csv").open() as stream:
        assert list(csv.reader(stream)) == [["kind"], ["lily"], ["rose"]]
    outcome = cli("predict", "out", "later.csv", "--json")
    assert outcome.json["count"] == 80
    assert outcome.json["accuracy"] > 0.85
    # Columns that the design has no use for, targets of one class alone, and no targets.
    (table / "some.csv").write_text("id,kind,length,colour\n7,lily,8.5,red\n8,lily,2.5,red\n")
    some = cli("predict", "out", "some.csv")
    assert (some.code, "1 of 2 classes (50.00%)" in some.stdout) == (0, True)
    assert "note: the model has no 'id': ignored" in some.stderr
    (table / "none.csv").write_text("length,age,colour\n8.5,3,red\n2.5,1375.0,red\n")
    assert cli("predict", "out", "none.csv", "-o", "labels.csv").code == 0
    assert (table / "labels.csv").read_text() == "class\nlily\nrose\n"
    # What Python says of the same rows.
    design = btf.Design(table / "out")
    assert (
        design.predict(btf.load(table / "later.csv", conflicts="keep")).tolist()
        == outcome.json["predicted"]
    )
    assert design.predict([["9.0", 3, "white"]]).tolist() == ["lily"]
    rows = np.array([[9.0, 3, "white"], [2.5, 3, "red"]], dtype=object)
    assert design.predict(rows).tolist() == ["lily", "rose"]
    new = btf.load(table / "new.csv", outputs="kind")
    assert design.predict(new).tolist() == ["lily", "rose"]
    # Rows of no known class are in the bits of the design too.
    assert cli("data", "new.csv", "--outputs", "kind", "--code-from", "out").code == 0
    # And the bits of the rows in a file.
    assert (
        cli("data", "later.csv", "--code-from", "out", "-o", "bits.csv", "--conflicts", "keep").code
        == 0
    )
    bits = btf.load(table / "bits.csv", conflicts="keep")
    assert (
        bits.X.tolist()
        == btf.load(table / "later.csv", conflicts="keep").coded(design.code).X.tolist()
    )


def test_a_code_that_may_not_fill_gaps(cli, table):
    outcome = cli("learn", "flowers.csv", "--missing", "error", *LEARN)
    assert outcome.code == 2
    assert "the code replaces none, so fill the cell first" in outcome.complaint
    assert "flowers.csv:" in outcome.complaint
    outcome = cli("data", "flowers.csv", "--code", "auto,petals=skip")
    assert (outcome.code, "no column 'petals'" in outcome.complaint) == (2, True)
    outcome = cli("data", "flowers.csv", "--code-from", "later.csv")
    assert (outcome.code, "later.csv" in outcome.complaint) == (2, True)
    (table / "odd.csv").write_text("length,colour,kind\nlong,red,rose\n2,red,rose\n3,white,fern\n")
    learnt = cli("learn", "flowers.csv", "--code", "quantile:1", *LEARN, "-o", "out")
    assert learnt.code == 0
    outcome = cli("predict", "out", "odd.csv")
    assert (outcome.code, "there is no 'age'" in outcome.complaint) == (2, True)


def test_trained_built_and_repeated(cli, tmp_path, fast_simulator):
    """A network keeps its code: building from it, and from the run file, needs no other."""
    rows = "t,k,ok\n12.5,a,no\n14,b,no\n17,a,yes\n21.5,b,no\n25,a,yes\n28,c,yes\n,c,yes\n"
    (tmp_path / "temps.csv").write_text(rows)
    assert cli("train", "temps.csv", "--code", "quantile:3", "-o", "temps.npz").code == 0
    network = btf.Network.read(tmp_path / "temps.npz")
    assert network.classes == ("no", "yes")
    assert (
        network.code.encode([[13, "a"], [22, "c"]]).tolist()
        == network.code.encode([["13", "a"], [22, "c"]]).tolist()
    )
    build = ("build", "temps.csv", "--passes", "light", "--simulator", "amaranth", "-o")
    assert cli(*build, "one", "--network", "temps.npz").code == 0
    assert btf.Design(tmp_path / "one").code == network.code
    assert cli(*build, "two", "--code", "quantile:3", "--missing", "impute").code == 0
    assert cli("build", "--config", "two/run.toml", "-o", "three").code == 0
    for name in ("temps.v", "temps_code.json", "temps.npz", "run.toml", "manifest.json"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()
    assert cli("report", "two", "-o", "two.html").code == 0
    assert "t &gt;= " in (tmp_path / "two.html").read_text()


def test_names_from_files_are_data(cli, tmp_path, fast_simulator):
    """Column names, words and classes reach HDL and HTML only as comments and text."""
    bad = "*/ endmodule <script>alert(1)</script>"
    rows = [
        ["a`b", "x;y", "z"],
        ["1.5", bad, "<b>"],
        ["2.5", "p\u2028q", "no"],
        ["3.5", bad, "<b>"],
        ["4.5", "r", "no"],
    ]
    with (tmp_path / "n.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    outcome = cli(
        "build",
        "n.csv",
        "--code",
        "auto",
        "--passes",
        "light",
        "--simulator",
        "amaranth",
        "-o",
        "n",
    )
    assert outcome.code == 0, outcome.stderr
    lines = (tmp_path / "n" / "n.v").read_text().splitlines()
    assert any("endmodule <script>" in line for line in lines)
    code = [line for line in lines if not line.startswith("//")]
    assert sum("endmodule" in line for line in code) == 1
    assert not any("<" in line for line in code)
    assert cli("report", "n", "-o", "n.html").code == 0
    assert "<script>alert" not in (tmp_path / "n.html").read_text()
    assert cli("verify", "n", "--mutants", "1", "--simulator", "amaranth").code == 0


def test_conflicts_of_data_as_the_help_says(cli, tmp_path):
    """They are shown, may not be written, and a code from the rows settles them by majority."""
    words = " ".join(cli("data", "--help").stdout.split())
    assert "keep; error with -o; majority with --code auto, quantile, tree or COLUMN=CODE" in words
    (tmp_path / "t.csv").write_text("a,b,y\n3,u,0\n3,u,1\n3,u,1\n9,v,0\n")
    outcome = cli("data", "t.csv", "--json")
    assert (outcome.code, outcome.json["patterns"]) == (0, 4)
    assert "note:" in outcome.stderr
    assert "contradicts line 2" in outcome.stderr
    outcome = cli("data", "t.csv", "-o", "u.npz")
    assert (outcome.code, "contradicts line 2" in outcome.complaint) == (2, True)
    outcome = cli("data", "t.csv", "--code", "auto", "-o", "u.csv", "--json")
    assert (outcome.code, "got the more frequent targets" in outcome.stderr) == (0, True)
    assert cli("data", "t.csv", "--code", "auto", "--conflicts", "error").code == 2
