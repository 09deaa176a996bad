"""What is done so far, on disk: one file an experiment, written after every run."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from btfsynth.errors import DataError
from btfsynth.files import StrPath, as_path, make_folder, write_text
from btfsynth.reproduce.catalogue import Experiment, Scale
from btfsynth.reproduce.store import by_seed, problem_of_baseline, problem_of_run
from btfsynth.reproduce.record import Record

_FORMAT = 1
_FOLDER = "rows"


class Row:
    """What is known of one experiment.

    Parameters
    ----------
    experiment, scale
        What, and how far it goes.
    first_seed
        The first of its seeds.
    """

    def __init__(self, experiment: Experiment, scale: Scale, first_seed: int) -> None:
        self.experiment = experiment
        self.scale = scale
        self.first_seed = first_seed
        self.trained: dict[int, Record] = {}
        self.baselines: dict[int, Record] = {}
        self.skipped: str | None = None

    @property
    def seeds(self) -> range:
        """The seeds that the row is to have."""
        return range(self.first_seed, self.first_seed + self.scale.seeds)

    @property
    def records(self) -> list[Record]:
        """The trainings that are done, by seed."""
        return [self.trained[seed] for seed in self.seeds if seed in self.trained]

    @property
    def finished(self) -> bool:
        """Whether every seed is trained."""
        return all(seed in self.trained for seed in self.seeds)

    def to_json(self) -> dict[str, Any]:
        """Return the row as it is kept."""
        return {
            "format": _FORMAT,
            "name": self.experiment.name,
            "settings": self.experiment.settings(self.scale),
            "trained": [self.trained[seed] for seed in sorted(self.trained)],
            "baselines": [
                {"seed": seed, **self.baselines[seed]} for seed in sorted(self.baselines)
            ],
        }


class Store:
    """The folder of a reproduction.

    Parameters
    ----------
    directory
        The folder, which need not be there.
    """

    def __init__(self, directory: StrPath) -> None:
        directory = as_path(directory)
        self.directory = directory
        self._made: list[Path] = []

    def make(self) -> None:
        """Make the folder if it is not there.

        Raises
        ------
        OutputError
            If it cannot be made.
        """
        rows = self.directory / _FOLDER
        self._made = [path for path in (rows, *rows.parents) if not os.path.lexists(path)]
        make_folder(rows)

    def drop_empty(self) -> None:
        """Remove folders that `make` has made and in which nothing has come to be."""
        for folder in self._made:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()

    def path(self, name: str) -> Path:
        """Return the file of an experiment."""
        return self.directory / _FOLDER / f"{name}.json"

    def read(self, row: Row) -> None:
        """Fill a row with what is on disk.

        Raises
        ------
        DataError
            If the file is not what `write` writes, or was made with other settings.
        """
        path = self.path(row.experiment.name)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            known = (kept["format"], kept["name"]) == (_FORMAT, row.experiment.name)
            settings = kept["settings"]
            trained = by_seed(kept["trained"])
            baselines = {
                seed: {name: value for name, value in record.items() if name != "seed"}
                for seed, record in by_seed(kept["baselines"]).items()
            }
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", path) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            known = False
        if not known:
            raise DataError("not a row that 'btfsynth reproduce' has written", path)
        if settings != row.experiment.settings(row.scale):
            raise DataError(
                "was made with other settings (--quick or --full, or another version); "
                "give another folder with -o",
                path,
            )
        for kind, records in (("trained", trained), ("baselines", baselines)):
            for seed, record in records.items():
                problem = (
                    problem_of_run(row.experiment, record)
                    if kind == "trained"
                    else problem_of_baseline(record)
                )
                if problem is not None:
                    raise DataError(
                        f"not a row that 'btfsynth reproduce' has written: {kind}, seed {seed}: {problem}",
                        path,
                    )
        row.trained, row.baselines = trained, baselines

    def write(self, row: Row) -> None:
        """Keep a row.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        write_text(self.path(row.experiment.name), json.dumps(row.to_json(), indent=1) + "\n")
