"""``btfsynth predict``."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import click

from btfsynth.cli.options import (
    file_option,
    json_option,
    load_source,
    outputs_option,
    source_argument,
)
from btfsynth.cli.output import emit_json, say, show
from btfsynth.errors import percent, plural
from btfsynth.files import write_text

_SHOWN = 20


@click.command("predict")
@click.argument("design", type=click.Path(path_type=Path))
@source_argument
@file_option("Write the predictions to FILE as CSV, a row per pattern.", "FILE.csv")
@outputs_option
@json_option
def predict_command(
    *, design: Path, source: str, path: Path | None, outputs: str | None, as_json: bool
) -> None:
    """Apply DESIGN to the rows of SOURCE, and count what it gets right.

    DESIGN is a design folder or a trained network (.npz), SOURCE a file or a task. Columns go by their names,
    in the code of the design; a file needs no column of targets. A row without a target, such as ?, is not
    counted.

    \b
    Examples:
      btfsynth predict hdl_out/patients later.csv
      btfsynth predict hdl_out/patients next.csv -o labels.csv
    """  # noqa: D301
    from btfsynth.flow.predict import load_rows, predict, read_model

    model = read_model(design)
    dataset = load_rows(model, source) if outputs is None else load_source(source, outputs, None)
    if outputs is None:
        for notice in dataset.notices:
            say(f"note: {notice}")
    found = predict(model, dataset)
    for notice in found.notices[len(dataset.notices) :]:
        say(f"note: {notice}")
    words = [str(label) for label in found.labels]
    rows = [[word] for word in words] or [list(map(str, row)) for row in found.outputs.tolist()]
    if path is not None:
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([found.names, *rows])
        write_text(path, stream.getvalue())
    unit = "class" if words else "output bit"
    if as_json:
        record: dict[str, object] = {
            "patterns": len(rows),
            "count": found.count,
            "right": found.right,
        }
        record |= {"accuracy": found.right / found.count} if found.count else {}
        emit_json({**record, "of": unit, "predicted": list(found.labels) or found.outputs.tolist()})
        return
    show("design", model.name)
    show("patterns", f"{len(rows)} of {dataset.source}")
    for place, (word, count) in enumerate(Counter(words).most_common(_SHOWN)):
        show("" if place else "predicted", f"{word}: {count}")
    if found.count:
        share = percent(found.right, found.count)
        many = plural(found.count, unit, "classes" if words else None)
        show("right", f"{found.right} of {many} ({share})")
    else:
        say("note: no target is known, so nothing is counted")
    if path is not None:
        show("written", f"to {path}")
