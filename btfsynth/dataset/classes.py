"""The classes of one data set in the order of another's: every file numbers those that occur in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.dataset import Dataset, OutputKind
from btfsynth.dataset.table_code import Scalar
from btfsynth.errors import UsageError, shown
from btfsynth.ports import Port


def class_places(dataset: Dataset) -> NDArray[np.intp]:
    """Return the place of each pattern's class among the classes, -1 where it does not matter."""
    single = dataset.n_outputs == 1
    places = dataset.targets[:, 0] if single else dataset.targets.argmax(axis=1)
    return np.where(dataset.care_mask.all(axis=1), places.astype(np.intp), -1)


def with_classes(
    dataset: Dataset, classes: Sequence[Scalar], output_ports: Sequence[Port], where: str
) -> Dataset:
    """Return patterns with their classes numbered as others are; plain bits stay as they are.

    Parameters
    ----------
    classes, output_ports
        Those of the other data set; one output bit for two classes, else one for each class.
    where
        Names it in messages.

    Raises
    ------
    UsageError
        If a class is none of these.
    """
    given = dataset.classes
    if not given and classes and dataset.n_outputs == 1 and len(classes) > 2:
        given = (0, 1)  # whole numbers of which no other occurs
    if not classes or not given or given == tuple(classes):
        return dataset
    order = {str(name): place for place, name in enumerate(classes)}
    strange = [name for name in given if str(name) not in order]
    used = class_places(dataset)
    for name in strange:
        if (used == given.index(name)).any():
            known = ", ".join(map(str, classes[:12])) + (", ..." if len(classes) > 12 else "")
            raise UsageError(
                f"{dataset.source}: class {shown(name, 40)} is none of those of {where}: {known}"
            )
    moved = np.array([order.get(str(name), 0) for name in given])
    places = np.where(used < 0, 0, moved[used])
    width = sum(port.width for port in output_ports)
    one_bit = width == 1
    targets = places[:, None] if one_bit else places[:, None] == np.arange(len(classes))
    return replace(
        dataset,
        targets=targets.astype(np.uint8),
        care=np.repeat((used >= 0)[:, None], width, axis=1),
        output_ports=tuple(output_ports),
        output_kind=OutputKind.BOOLEAN if one_bit else OutputKind.LABEL,
        classes=tuple(classes),
    )
