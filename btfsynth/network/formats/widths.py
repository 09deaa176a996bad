"""The ``.wth`` format: the number of weight layers, then one width more, from inputs to outputs.

The file of a network of 4 inputs, two hidden layers of 4 neurons and 4 outputs is::

    3
    4 4 4 4
"""

from __future__ import annotations

from collections.abc import Sequence

from btfsynth.errors import TopologyError, plural
from btfsynth.files import StrPath, as_path, write_text
from btfsynth.network.formats.tokens import read_numbers

__all__ = ["read_widths", "write_widths"]


def read_widths(path: StrPath) -> tuple[int, ...]:
    """Read the widths of a layered network, inputs first.

    Raises
    ------
    DataError
        If the file is missing or is anything else.
    """
    path = as_path(path)
    numbers = read_numbers(path)
    (layers,) = numbers.header(["the number of weight layers"])
    if layers < 1:
        raise numbers.error("expected at least one weight layer, got 0", 0)
    found = len(numbers.tokens) - 1
    if found != layers + 1:
        raise numbers.error(
            f"expected {layers + 1} widths for {plural(layers, 'weight layer')}, got {found}",
            layers + 2,
        )
    widths = numbers.counts(1, 1, "a width")
    for index, width in enumerate(widths.tolist(), start=1):
        if width < 1:
            raise numbers.error("expected a width of at least 1, got 0", index)
    return tuple(widths.tolist())


def write_widths(path: StrPath, widths: Sequence[int]) -> None:
    """Write the widths of a layered network, inputs first.

    Raises
    ------
    TopologyError
        If there are fewer than two widths or one is not positive.
    OutputError
        If the file cannot be written.
    """
    path = as_path(path)
    if len(widths) < 2 or any(width < 1 for width in widths):
        shown = ",".join(str(width) for width in widths)
        raise TopologyError(f"widths {shown!r}: a .wth file holds at least two positive widths")
    write_text(path, f"{len(widths) - 1}\n{' '.join(str(width) for width in widths)}\n")
