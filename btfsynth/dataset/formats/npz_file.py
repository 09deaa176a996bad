"""NumPy archives: ``inputs`` and ``targets`` (or ``X`` and ``y``), and optionally all the rest.

Arrays: ``inputs``, ``targets``, ``care``, ``input_port_names``, ``input_port_widths``,
``output_port_names``, ``output_port_widths``, ``name``, ``source``, ``input_kind``,
``output_kind``, ``unlisted_dont_care``. The archive is written without dates, so that the same data
give the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from enum import Enum
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from btfsynth.dataset.columns import frame_columns
from btfsynth.dataset.dataset import Dataset, InputKind, OutputKind
from btfsynth.dataset.formats.base import (
    MAX_FILE_BYTES,
    BadValue,
    Outputs,
    SourceFile,
    analog_inputs,
    classes_of,
    identifier,
    quoted,
    read_inputs,
    read_outputs,
    require_no_table,
)
from btfsynth.dataset.patterns import with_contradiction
from btfsynth.dataset.table_code import Scalar
from btfsynth.errors import DataError
from btfsynth.files import BROKEN_ARCHIVE, archive_bytes, broken_reason, read_array
from btfsynth.ports import Port

_MAGIC = b"PK\x03\x04"
_NETWORK = {"header", "fanin_start", "sources", "weights"}
"""Arrays that a trained network has."""
_KIND = TypeVar("_KIND", bound=Enum)


def sniff(file: SourceFile) -> bool:
    return file.data.startswith(_MAGIC)


def _arrays(file: SourceFile) -> dict[str, NDArray[Any]]:
    """Return the arrays of an archive; sizes are checked before anything is allocated."""
    if not file.data:
        raise file.error("the file is empty")
    try:
        with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > MAX_FILE_BYTES:
                raise file.error(
                    f"expected arrays of at most {MAX_FILE_BYTES >> 20} MiB, got {size >> 20} MiB"
                )
            return {
                member.filename.removesuffix(".npy"): read_array(archive.read(member))
                for member in members
            }
    except BROKEN_ARCHIVE as error:
        raise file.error(
            f"expected an archive of plain NumPy arrays: {broken_reason(error)}"
        ) from None


def read(file: SourceFile) -> Dataset:
    arrays = _arrays(file)
    if arrays.keys() >= _NETWORK:
        raise file.error(
            "expected patterns, got a trained network; give it "
            "as `network`, with the patterns it learnt"
        )
    given = _matrix(file, arrays, "inputs", "X")
    inputs, input_kind, input_notes, table = _inputs_or_table(file, arrays, given)
    wanted = _matrix(file, arrays, "targets", "y")
    if len(inputs) != len(wanted):
        raise file.error(f"expected as many targets as inputs, got {len(wanted)} and {len(inputs)}")
    targets, care, output_kind, output_notes, classes = _targets(file, wanted)
    if "care" in arrays:
        listed = arrays["care"].reshape(-1, 1) if arrays["care"].ndim == 1 else arrays["care"]
        if listed.shape != targets.shape:
            raise file.error(f"expected care of shape {targets.shape}, got {listed.shape}")
        _check_bits(file, listed, "care")
        care &= listed.astype(np.bool_)
    dataset = Dataset(
        name=identifier(_text(arrays, "name") or file.function_name),
        source=file.base_name,
        inputs=inputs,
        targets=targets,
        care=care,
        input_ports=_ports(file, arrays, "input", "x", inputs.shape[1]),
        output_ports=_ports(file, arrays, "output", "y", targets.shape[1]),
        input_kind=input_kind,
        output_kind=_kind(file, arrays, "output_kind", OutputKind, output_kind),
        unlisted_dont_care=_flag(file, arrays, "unlisted_dont_care"),
        notices=(*input_notes, *output_notes),
        classes=_classes(file, arrays, targets.shape[1]) or classes,
        **table,
    )
    return with_contradiction(dataset, file.path)


def _matrix(
    file: SourceFile, arrays: dict[str, NDArray[Any]], name: str, other: str
) -> NDArray[Any]:
    """Return a matrix under either of two names; a plain list of values is one column."""
    array = arrays.get(name, arrays.get(other))
    if array is None:
        raise file.error(
            f"expected an array {name!r} or {other!r}, got: {', '.join(sorted(arrays)) or 'none'}"
        )
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or array.dtype.kind not in "biufUS":
        raise file.error(
            f"expected {name} to be a matrix of numbers, got {array.ndim} dimensions of type "
            f"{array.dtype.name}"
        )
    if not len(array):
        raise file.error(f"expected at least one pattern in {name}, got none")
    return array


_Inputs = tuple[NDArray[np.uint8] | NDArray[np.float32], InputKind, tuple[str, ...]]


def _inputs(file: SourceFile, arrays: dict[str, NDArray[Any]], given: NDArray[Any]) -> _Inputs:
    """Return the inputs with the kind given in the archive, else by their values."""
    try:
        if "input_kind" not in arrays:
            return read_inputs(given.astype(np.float64))
        kind = _kind(file, arrays, "input_kind", InputKind, InputKind.BOOLEAN)
        if kind is not InputKind.ANALOG:
            _check_bits(file, given, "inputs")
            return given.astype(np.uint8), kind, ()
        return analog_inputs(given.astype(np.float64)), kind, ()
    except BadValue as bad:
        raise _bad_value(file, given, "inputs", bad) from None


def _inputs_or_table(
    file: SourceFile, arrays: dict[str, NDArray[Any]], given: NDArray[Any]
) -> tuple[NDArray[Any], InputKind, tuple[str, ...], dict[str, Any]]:
    """Return inputs, their kind and notes; for other values, also the description of a table."""
    try:
        if given.dtype.kind in "US":
            raise file.error(
                f"expected inputs to be numbers, got text such as {quoted(str(given[0, 0]))}"
            )
        return (*_inputs(file, arrays, given), {})
    except DataError as error:
        if "input_kind" in arrays:
            raise
        columns, values = frame_columns(str(file.path), given)
        table = {"columns": tuple(columns), "not_bits": error}
        return values, InputKind.TABLE, (), table


def _targets(file: SourceFile, given: NDArray[Any]) -> Outputs:
    if given.dtype.kind in "US":
        words = [str(word) for word in given[:, 0].astype(np.str_)]
        found = classes_of(words, "targets", quoted) if given.shape[1] == 1 else None
        if found is None:
            raise file.error(
                "expected targets to be numbers, or one column of 2 to 1000 classes, got text in "
                f"{given.shape[1]} columns"
            )
        return found
    try:
        numbers = given.astype(np.float64)
        numbers[np.isnan(numbers)] = np.inf  # an archive has an array for what does not matter
        return read_outputs(numbers, "targets")
    except BadValue as bad:
        raise _bad_value(file, given, "targets", bad) from None


def _bad_value(file: SourceFile, array: NDArray[Any], name: str, bad: BadValue) -> DataError:
    expected = bad.expected.replace("0, 1 or -", "0 or 1")
    return file.error(
        f"{name}, pattern {bad.row + 1}, column {bad.column + 1}: expected {expected}, got "
        f"{array[bad.row, bad.column]}"
    )


def _check_bits(file: SourceFile, array: NDArray[Any], name: str) -> None:
    if array.dtype.kind not in "biuf" or array.ndim != 2:
        raise file.error(
            f"expected {name} to be a matrix of 0 and 1, got {array.ndim} dimensions of type "
            f"{array.dtype.name}"
        )
    bad = (array != 0) & (array != 1)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise _bad_value(file, array, name, BadValue(row, column, "0 or 1"))


def _classes(file: SourceFile, arrays: dict[str, NDArray[Any]], width: int) -> tuple[Scalar, ...]:
    """Return the names of the classes in the archive, empty if there are none."""
    if "classes" not in arrays:
        return ()
    listed = arrays["classes"]
    count = 2 if width == 1 else width
    if listed.ndim != 1 or listed.dtype.kind not in "biufU" or len(set(listed.tolist())) != count:
        raise file.error(
            f"expected the names of {count} classes, got {listed.dtype} of shape {listed.shape}"
        )
    return tuple(listed.tolist())


def _text(arrays: dict[str, NDArray[Any]], name: str) -> str:
    array = arrays.get(name)
    return str(array.reshape(-1)[0]) if array is not None and array.size else ""


def _flag(file: SourceFile, arrays: dict[str, NDArray[Any]], name: str) -> bool:
    array = arrays.get(name)
    if array is not None and array.dtype.kind not in "biuf":
        raise file.error(f"expected {name} to be 0 or 1, got type {array.dtype.name}")
    return array is not None and bool(array.any())


def _kind(
    file: SourceFile,
    arrays: dict[str, NDArray[Any]],
    name: str,
    kinds: type[_KIND],
    default: _KIND,
) -> _KIND:
    if name not in arrays:
        return default
    text = _text(arrays, name)
    for kind in kinds:
        if kind.value == text:
            return kind
    legal = ", ".join(str(kind.value) for kind in kinds)
    raise file.error(f"expected {name} to be one of: {legal}; got {quoted(text)}")


def _ports(
    file: SourceFile, arrays: dict[str, NDArray[Any]], side: str, default: str, width: int
) -> tuple[Port, ...]:
    names = arrays.get(f"{side}_port_names")
    widths = arrays.get(f"{side}_port_widths")
    if names is None and widths is None:
        return (Port(default, width),) if width else ()
    if (
        names is None
        or widths is None
        or names.ndim != 1
        or widths.shape != names.shape
        or widths.dtype.kind not in "iu"
        or names.dtype.kind != "U"
    ):
        raise file.error(f"expected one name and one whole-number width for each {side} port")
    sizes = [int(size) for size in widths]
    if any(size < 1 for size in sizes) or sum(sizes) != width:
        raise file.error(
            f"expected {side} port widths that add up to {width}, the number of columns, got "
            f"{quoted(' '.join(map(str, sizes)))}"
        )
    lows, steps = _ranges(file, arrays, side, len(sizes))
    try:
        return tuple(
            Port(str(name), size, low, step)
            for name, size, low, step in zip(names, sizes, lows, steps, strict=True)
        )
    except ValueError as error:
        raise file.error(str(error)) from None


def _ranges(
    file: SourceFile, arrays: dict[str, NDArray[Any]], side: str, count: int
) -> tuple[list[int], list[int]]:
    """Return index of the least significant bit and step of every port; 0 and 1 if the file has none."""
    found = arrays.get(f"{side}_port_ranges")
    if found is None:
        return [0] * count, [1] * count
    if found.shape != (count, 2) or found.dtype.kind not in "iu":
        raise file.error(
            f"expected {side}_port_ranges to be two whole numbers for each of {count} ports, the lowest "
            "index and 1, or -1 where indices fall"
        )
    return [int(low) for low in found[:, 0]], [int(step) for step in found[:, 1]]


def write(dataset: Dataset) -> bytes:
    require_no_table(dataset, "npz")
    arrays: dict[str, Any] = {
        "inputs": dataset.inputs,
        "targets": dataset.targets,
        "care": dataset.care_mask,
        "input_kind": dataset.input_kind.value,
        "output_kind": dataset.output_kind.value,
        "unlisted_dont_care": dataset.unlisted_dont_care,
        "name": dataset.name,
        "source": dataset.source,
    }
    if dataset.classes:
        arrays["classes"] = np.array(dataset.classes)
    for side, ports in (("input", dataset.input_ports), ("output", dataset.output_ports)):
        arrays[f"{side}_port_names"] = np.array([port.name for port in ports], dtype=np.str_)
        arrays[f"{side}_port_widths"] = np.array([port.width for port in ports], dtype=np.int64)
        if not all(port.counts_from_zero for port in ports):
            ranges = [(port.low, port.step) for port in ports]
            arrays[f"{side}_port_ranges"] = np.array(ranges, dtype=np.int64)
    return archive_bytes(arrays)
