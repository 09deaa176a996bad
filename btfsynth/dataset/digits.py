"""The 8x8 images of handwritten digits that come with scikit-learn, as a data source.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998):
1797 images of 64 grey levels from 0 to 16, ten classes. This module alone of the data layer needs
scikit-learn, and only once the images are asked for.
"""

from __future__ import annotations

import re

import numpy as np

from btfsynth.dataset.code import InputCode, code_inputs, parse_code
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.errors import MissingToolError, UsageError
from btfsynth.extras import install_command
from btfsynth.ports import Port

__all__ = ["digits"]

_IMAGES = 1797
_SIDE = 8
_GREY_LEVELS = 16
_CLASSES = 10
_DEFAULTS = {"train": "512", "seed": "1", "part": "train", "count": ""}


def digits(arguments: str | None) -> Dataset:
    """Make a part of the images from what stands after ``digits:``.

    Parameters
    ----------
    arguments
        Parts with commas: a code (``grey``, ``thermometer:K`` or ``threshold:X``), ``train=N``, ``seed=N``,
        ``part=train`` or ``part=test``, ``count=N``; None for the defaults.

    Returns
    -------
    Dataset
        One input a pixel, analog or coded; a one-hot class of ten. The first N images of a random order
        are ``train``, all others ``test``; a count takes only the first of a part.

    Raises
    ------
    UsageError
        If the arguments are wrong.
    MissingToolError
        If scikit-learn is not installed.
    """
    code, options = _options(arguments)
    count = _number(options["train"], "train", 1, _IMAGES - 1)
    seed = _number(options["seed"], "seed", 0, 10**9 - 1)
    part = options["part"]
    if part not in ("train", "test"):
        raise UsageError(f"digits: expected part=train or part=test, got part={part[:40]}")
    values, labels = _images()
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    rows = order[:count] if part == "train" else order[count:]
    given = {"train": str(count), "seed": str(seed), "part": part}
    if options["count"]:
        first = _number(options["count"], "count", 1, len(rows))
        rows = rows[:first]
        given["count"] = str(first)
    changed = [f",{key}={value}" for key, value in given.items() if value != _DEFAULTS[key]]
    dataset = Dataset(
        name="digits",
        source="".join(["digits:", "grey" if code is None else code.text, *changed]),
        inputs=values[rows],
        targets=np.eye(_CLASSES, dtype=np.uint8)[labels[rows]],
        input_ports=tuple(
            Port(f"p{row}{column}", 1) for row in range(_SIDE) for column in range(_SIDE)
        ),
        output_ports=(Port("digit", _CLASSES),),
        input_kind=InputKind.ANALOG,
        output_kind=OutputKind.LABEL,
    )
    return dataset if code is None else code_inputs(dataset, code)


def _options(arguments: str | None) -> tuple[InputCode | None, dict[str, str]]:
    """Read the parts; what is not given is as in `_DEFAULTS`."""
    code: InputCode | None = None
    given: dict[str, str] = {}
    for place, part in enumerate((arguments or "grey").lower().split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if equals and key in _DEFAULTS and key not in given:
            given[key] = value
        elif not equals and not place:
            code = _code(key)
        else:
            raise UsageError(
                f"digits: expected grey, thermometer:K or threshold:X first, then train=N, seed=N, "
                f"part=train|test and count=N once each, got {part.strip()[:40]!r}"
            )
    return code, {**_DEFAULTS, **given}


def _code(text: str) -> InputCode | None:
    if text == "grey":
        return None
    code = parse_code(text)
    if not code.trains_on_bits:
        raise UsageError(
            f"digits: expected grey, thermometer:K or threshold:X, got {text[:40]!r}; to build with binary "
            "inputs give --code"
        )
    return code


def _number(text: str, key: str, low: int, high: int) -> int:
    value = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
    if not low <= value <= high:
        raise UsageError(
            f"digits: {key}: expected a whole number from {low} to {high}, got {text[:40]!r}"
        )
    return value


def _images() -> tuple[np.ndarray, np.ndarray]:
    """Return ``(1797, 64)`` float32 grey levels over 16 and ``(1797,)`` int64 classes."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingToolError(
            "digits: the images come with scikit-learn, which is not installed; "
            + install_command("scikit-learn")
        ) from None
    bunch = load_digits()
    values = (np.asarray(bunch.data) / _GREY_LEVELS).astype(np.float32)
    return values, np.asarray(bunch.target, dtype=np.int64)
