"""Checkpoints that are whole files and yet not what was written are refused in one line."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btfsynth.dataset.tasks import parse_task
from btfsynth.errors import DataError
from btfsynth.files import archive_bytes, read_archive
from btfsynth.training.session import TrainOptions, plan_for, train
from btfsynth.training.state import make_problem, make_state, state_layout

DATA = parse_task("full_adder")
OPTIONS = TrainOptions(trials=2, max_iterations=200, stop="none", seed=5)
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def resume(path: Path) -> None:
    train(DATA, OPTIONS, checkpoint_file=path, run_all=True)


def rewrite(path: Path, change: Change) -> None:
    """Change header and arrays of a checkpoint."""
    arrays: dict[str, Any] = dict(read_archive(path, "a checkpoint"))
    header = json.loads(arrays.pop("header").tobytes())
    change(header, arrays)
    packed = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    path.write_bytes(archive_bytes({"header": packed, **arrays}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("finished") / "c"
    resume(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the state of a trial that the time limit ended."""
    path = tmp_path_factory.mktemp("running") / "c"
    options = TrainOptions(trials=1, max_iterations=10**9, stop="none", seed=5, time_limit=0.2)
    train(DATA, options, checkpoint_file=path)
    return path.with_name("c.trial0").read_bytes()


def first(**values: Any) -> Change:
    return lambda header, _: header["finished"][0].update(values)


def point(**values: Any) -> Change:
    return lambda header, _: header["finished"][0]["history"][1].update(values)


def array(name: str, change: Callable[[Any], Any]) -> Change:
    return lambda _, arrays: arrays.update({name: change(arrays[name])})


FINISHED: dict[str, tuple[Change, str]] = {
    "negated weights": (array("weights_0", lambda a: -a), "as recorded, they get"),
    "double weights": (array("weights_0", lambda a: a.astype(np.float64)), "expected float32"),
    "matrix": (array("weights_1", lambda a: a[None]), "of shape"),
    "text": (array("weights_1", lambda a: np.array(["x"] * len(a))), "expected float32"),
    "not finite": (array("weights_0", lambda a: a * np.float32("nan")), "finite"),
    "no weights": (lambda _, arrays: arrays.pop("weights_0"), "weights"),
    "more arrays": (lambda _, arrays: arrays.update(zz=np.zeros(1)), "expected no array 'zz'"),
    "codes": (lambda _, arrays: arrays.update(codes_0=np.zeros(1)), "expected no array 'codes_0'"),
    "no list": (lambda header, _: header.update(finished={}), "expected a list"),
    "no trials": (lambda header, _: header.pop("finished"), "expected a list"),
    "no record": (lambda header, _: header.update(finished=[3]), "trial"),
    "twice": (lambda header, _: header["finished"].append(header["finished"][0]), "once"),
    "trial huge": (first(trial=10**30), "trial: expected a whole number"),
    "trial wide": (first(trial=99_999), "weights"),
    "trial real": (first(trial=0.5), "trial: expected a whole number"),
    "trial true": (first(trial=True), "trial: expected a whole number"),
    "steps": (first(iterations=201), "from 1 to 200"),
    "stop": (first(stop=[]), "stop"),
    "stop cut short": (first(stop="time"), "stop"),
    "gap": (first(gap="x"), "gap"),
    "gap infinite": (first(gap=float("inf")), "gap"),
    "bits": (first(bits=17), "bits"),
    "right": (first(bits_right=3), "they get"),
    "seconds": (first(seconds=-1), "seconds"),
    "digits": (first(seconds=10**400), "a whole number of 1329 bits"),
    "no history": (first(history=None), "history"),
    "history": (point(iterations=1), "iterations"),
    "share": (point(bits=1.5), "bits"),
    "best step": (first(best_iteration=201), "best_iteration"),
    "held out right": (first(valid_right=1), "valid_right"),
    "held out": (point(valid_bits=0.5), "no valid_bits"),
}
RUNNING: dict[str, tuple[Change, str]] = {
    "short": (array("w", lambda a: a[1:]), "w: expected float32"),
    "type": (array("gap_sums", lambda a: a.astype(np.float32)), "gap_sums: expected float64"),
    "negative": (array("metric", lambda a: -1 - a), "metric"),
    "missing": (lambda _, arrays: arrays.pop("sum_2"), "'sum_2' is missing"),
    "more": (lambda _, arrays: arrays.update(zz=np.zeros(1)), "'zz' is none of them"),
    "counters": (lambda header, _: header.update(counters=[1]), "expected 12 numbers"),
    "steps": (lambda header, _: header["counters"].__setitem__(0, 1.5), "whole number"),
    "spent": (lambda header, _: header["counters"].__setitem__(10, "x"), "finite number"),
    "history": (lambda header, _: header.update(history=3), "history"),
    "best": (lambda header, _: header["counters"].__setitem__(3, 17), "from -1 to 16"),
    "codes": (lambda _, arrays: arrays.update(kept_codes=np.zeros(1)), "kept_codes"),
}


@pytest.mark.parametrize("name", FINISHED)
def test_finished_trials(tmp_path: Path, finished: bytes, name: str) -> None:
    """Types, shapes, ranges and what the weights get right are checked."""
    change, words = FINISHED[name]
    path = tmp_path / "c"
    path.write_bytes(finished)
    resume(path)
    rewrite(path, change)
    with pytest.raises(DataError) as raised:
        resume(path)
    assert words in str(raised.value)
    assert "not a checkpoint" in str(raised.value)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("name", RUNNING)
def test_running_trial(tmp_path: Path, running: bytes, name: str) -> None:
    """So is the state of a trial that was running."""
    change, words = RUNNING[name]
    path = tmp_path / "c.trial0"
    path.write_bytes(running)
    options = TrainOptions(trials=1, max_iterations=10**9, stop="none", seed=5, time_limit=0.1)
    train(DATA, options, checkpoint_file=tmp_path / "c")
    rewrite(path, change)
    with pytest.raises(DataError) as raised:
        train(DATA, options, checkpoint_file=tmp_path / "c")
    assert words in str(raised.value)


@pytest.mark.parametrize(("local", "central", "value"), [(8, 10, 99), (6, 8, 1)])
def test_structure_of_the_archive(
    tmp_path: Path, finished: bytes, local: int, central: int, value: int
) -> None:
    """So are members that are packed in an unknown way, or encrypted."""
    content = bytearray(finished)
    for signature, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        content[content.find(signature) + offset] = value
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(DataError, match="not a checkpoint"):
        resume(tmp_path / "c")


def test_damage_inside_a_packed_member(tmp_path: Path, finished: bytes) -> None:
    """What fails while a member is unpacked is one line, whatever it is packed with."""
    for packing in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        stream = io.BytesIO()
        source = zipfile.ZipFile(io.BytesIO(finished))
        with source, zipfile.ZipFile(stream, "w", packing) as target:
            for name in source.namelist():
                target.writestr(name, source.read(name))
        whole = stream.getvalue()
        for place in range(40, 120, 5):
            content = whole[:place] + b"\xff" * 8 + whole[place + 8 :]
            (tmp_path / "c").write_bytes(content)
            with pytest.raises(DataError, match="not a checkpoint"):
                resume(tmp_path / "c")


def test_array_longer_than_its_bytes(tmp_path: Path, finished: bytes) -> None:
    """A header that asks for more memory than there are bytes is refused before any is taken."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(finished)) as source, zipfile.ZipFile(stream, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "weights_0.npy":
                content = content.replace(b"'shape': (", b"'shape': (99999", 1)
            target.writestr(name, content)
    (tmp_path / "c").write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="not a checkpoint"):
        resume(tmp_path / "c")


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("full_adder", {}),
        ("multiplier:3", {"precision": 64}),
        ("autoencoder:4", {}),
    ],
)
def test_layout_is_that_of_the_state(task: str, options: dict[str, Any]) -> None:
    """The lengths that a state is checked by are those of a state that is made."""
    dataset = parse_task(task)
    plan = plan_for(dataset, TrainOptions(**options))
    topology, dtype = plan.trial_topology(0), plan.parameters.dtype
    state = make_state(make_problem(dataset, topology, 3.0, dtype), (1, 0))
    made = {name: (array.dtype, array.size) for name, array in state._asdict().items()}
    assert made == state_layout(topology, dataset.n_patterns, dtype)
