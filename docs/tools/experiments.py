"""Update tables and pictures of the published experiments from the folder of a reproduction.

    python docs/tools/experiments.py hdl_out/reproduce_full

Copies ``results.json``, ``results.csv`` and the curves into the documentation, and writes the tables of
the experiments into their pages. Check the prose beside the tables by hand.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

from btfsynth.reproduce.catalogue import choose
from btfsynth.reproduce.table import HEADINGS, SETTINGS_HEADINGS, markdown, settings_row, table_row

__all__ = ["PAGES", "results", "with_rows"]

DOCS = Path(__file__).resolve().parents[1]
PAGES = DOCS / "experiments"
"""A page each, the pictures on them, and the results."""

_COMMAND = re.compile(r"^btfsynth reproduce ((?:\w+ )+)--full", re.MULTILINE)


def results() -> str:
    """Return the committed results of all experiments as two Markdown tables."""
    return markdown(json.loads((PAGES / "results.json").read_text(encoding="utf-8")))


def with_rows(text: str, record: dict[str, Any]) -> str:
    """Return the page of some experiments with their results in its table.

    The experiments are those that the command on the page runs.

    Raises
    ------
    ValueError
        If the page has no such command or table.
    """
    command = _COMMAND.search(text)
    lines = text.splitlines(keepends=True)
    first = next((at for at, line in enumerate(lines) if line.startswith("| experiment |")), None)
    if command is None or first is None:
        raise ValueError("expected a page with a command of reproduce --full and its table")
    names = {experiment.name for experiment in choose(tuple(command.group(1).split()))}
    rows = [row for row in record["rows"] if row["name"] in names and row["seeds"]]
    columns = lines[first].strip("| \n").split(" | ")
    past = first + len(list(takewhile(lambda line: line.startswith("|"), lines[first:])))
    table = [
        columns,
        ["---"] * len(columns),
        *([_cells(row)[each] for each in columns] for row in rows),
    ]
    lines[first:past] = ["| " + " | ".join(cells) + " |\n" for cells in table]
    return "".join(lines)


def _cells(row: dict[str, Any]) -> dict[str, str]:
    """Return the cells of a row by the heading of their column."""
    cells = dict(zip(HEADINGS, table_row(row), strict=True))
    settings = dict(zip(SETTINGS_HEADINGS, settings_row(row), strict=True))
    ours = cells["ours"]
    if row["reached"] is not None:
        ours += f", goal in {row['reached']} of {row['seeds']}"
    return {
        "experiment": f"`{row['name']}`",
        "seeds": str(row["seeds"]),
        "ours": ours,
        "published": cells["published"],
        "maximum iterations": settings["maximum iterations"],
    }


def main() -> None:
    """Bring the pages up to date."""
    (folder,) = (Path(word) for word in sys.argv[1:])
    record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for name in ("results.json", "results.csv"):
        shutil.copyfile(folder / name, PAGES / name)
    for picture in PAGES.glob("*.svg"):
        shutil.copyfile(folder / "curves" / picture.name, picture)
    for page in sorted(PAGES.glob("*.md")):
        text = with_rows(page.read_text(encoding="utf-8"), record)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
