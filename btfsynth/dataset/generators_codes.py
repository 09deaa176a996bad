"""Vectors that a network has to pass through a narrow layer, or to make from codes of its own.

Elser & Lal, "Learning with Boolean threshold functions" (arXiv 2602.17493), sections on autoencoders and on
generative models.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, InputKind
from btfsynth.dataset.digits import digits
from btfsynth.dataset.generators_split import Split, read_options, whole_number
from btfsynth.errors import UsageError
from btfsynth.ports import Port

__all__ = ["autoencoder", "decoder", "digit_images"]

_MOST = 1024
_DEFAULTS = {"bits": "", "seed": "1"}
_IMAGES = "threshold:0.5"
"""A pixel is on from half its range."""


def autoencoder(arguments: str | None) -> Dataset:
    """Make vectors that are their own targets from what stands after ``autoencoder:``.

    Parameters
    ----------
    arguments
        ``K`` vectors, then with commas ``bits=N`` (K if not given), ``kind=random`` or ``kind=one-hot``
        (of K bits) and ``seed=N``.

    Returns
    -------
    Dataset
        All vectors differ.

    Raises
    ------
    UsageError
        If the arguments are wrong.
    """
    count, bits, options, source = _read("autoencoder", arguments, {"kind": "random", **_DEFAULTS})
    kind = options["kind"]
    if kind not in ("random", "one-hot"):
        raise UsageError(
            f"autoencoder:{count}: expected kind=random or kind=one-hot, got kind={kind[:40]}"
        )
    if kind == "one-hot" and bits != count:
        raise UsageError(
            f"autoencoder:{count}: one-hot vectors have as many bits as there are: expected "
            f"bits={count}, got {bits}"
        )
    vectors = (
        np.eye(count, dtype=np.uint8)
        if kind == "one-hot"
        else _vectors(count, bits, options, source)
    )
    return Dataset(
        name=f"autoencoder_{count}" + ("_one_hot" if kind == "one-hot" else ""),
        source=source,
        inputs=vectors,
        targets=vectors,
        input_ports=(Port("x", bits),),
        output_ports=(Port("y", bits),),
    )


def decoder(arguments: str | None) -> Dataset:
    """Make vectors without inputs from what stands after ``decoder:``; each finds a code of its own.

    Parameters
    ----------
    arguments
        ``K`` vectors, then with commas ``bits=N`` (K if not given), ``code=hypercube`` or ``code=one-hot``
        and ``seed=N``.

    Raises
    ------
    UsageError
        If the arguments are wrong.
    """
    defaults = {"code": "hypercube", **_DEFAULTS}
    count, bits, options, source = _read("decoder", arguments, defaults)
    code = options["code"]
    if code not in ("hypercube", "one-hot"):
        raise UsageError(
            f"decoder:{count}: expected code=hypercube or code=one-hot, got code={code[:40]}"
        )
    one_hot = code == "one-hot"
    return _generated(
        f"decoder_{count}", source, _vectors(count, bits, options, source), one_hot, Port("y", bits)
    )


def digit_images(arguments: str | None) -> Dataset:
    """Make all images of one digit without inputs from what stands after ``digit_images:``.

    They are the 8x8 images of the task ``digits``, a pixel on from half its range; a one-hot code chooses
    which of its generators makes an image.

    Parameters
    ----------
    arguments
        The digit, 0 to 9.

    Raises
    ------
    UsageError
        If it is none.
    MissingToolError
        If scikit-learn is not installed.
    """
    number = whole_number(f"digit_images:{(arguments or '')[:40]}", arguments or "", 0, 9)
    parts = [digits(f"{_IMAGES},part={part}") for part in ("train", "test")]
    images = np.concatenate([part.inputs[part.targets[:, number] == 1] for part in parts])
    side = int(images.shape[1])
    return _generated(
        f"digit_images_{number}", f"digit_images:{number}", images, True, Port("pixel", side)
    )


def _generated(
    name: str, source: str, targets: NDArray[np.uint8], one_hot: bool, port: Port
) -> Dataset:
    return Dataset(
        name=name,
        source=source,
        inputs=np.empty((len(targets), 0), dtype=np.uint8),
        targets=targets,
        input_ports=(),
        output_ports=(port,),
        input_kind=InputKind.ONE_HOT_GENERATOR if one_hot else InputKind.HYPERCUBE_GENERATOR,
    )


def _read(
    name: str, arguments: str | None, defaults: dict[str, str]
) -> tuple[int, int, dict[str, str], str]:
    """Return number of vectors, their bits, all options and the specification in its normal form."""
    size, *parts = (part.strip() for part in (arguments or "").lower().split(","))
    what = f"{name}:{size[:40]}"
    count = whole_number(what, size, 1, _MOST)
    options, _ = read_options(what, parts, defaults)
    bits = whole_number(f"{what}: bits", options["bits"] or str(count), 1, _MOST)
    options["bits"] = "" if bits == count else str(bits)
    changed = [f",{key}={options[key]}" for key in defaults if options[key] != defaults[key]]
    return count, bits, options, f"{name}:{count}{''.join(changed)}"


def _vectors(count: int, bits: int, options: dict[str, str], source: str) -> NDArray[np.uint8]:
    """Draw different vectors."""
    seed = whole_number(f"{source}: seed", options["seed"], 0, 10**9 - 1)
    if bits < 60 and count > 1 << bits:
        raise UsageError(
            f"{source}: expected at most {1 << bits} vectors of {bits} bits, got {count}"
        )
    return Split(train=count, test=0, seed=seed, part="train").vectors(bits, source)
