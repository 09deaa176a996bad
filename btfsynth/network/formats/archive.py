"""The archive of a trained network (``.npz``), and reading one from any file that holds one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from btfsynth.dataset.code import code_of_record, code_record
from btfsynth.dataset.table_code import TableCode, plain_class
from btfsynth.errors import DataError, TopologyError, UsageError
from btfsynth.files import (
    BROKEN_ARCHIVE,
    StrPath,
    as_path,
    broken_reason,
    read_archive,
    write_archive,
)
from btfsynth.network.formats.boolearn import read_network_text
from btfsynth.network.topology import Topology
from btfsynth.network.trained import TrainedNetwork
from btfsynth.ports import port_from_values, port_values_of

_FORMAT = 1
_DATA_SETS = {"inputs", "X"}
"""Arrays that an archive of patterns has."""


def save_network(network: TrainedNetwork, path: StrPath) -> None:
    """Write a network as ``.npz``, the same bytes for the same network."""
    path = as_path(path)
    if path.suffix.lower() in (".net", ".sol"):
        raise UsageError(
            f"{path}: expected a name that ends in .npz; "
            f"btfsynth.network.formats.write_network_text writes {path.suffix}"
        )
    header = {
        "format": _FORMAT,
        "name": network.name,
        "n_inputs": network.topology.n_inputs,
        "n_outputs": network.topology.n_outputs,
        "widths": network.topology.widths,
        "input_ports": [port_values_of(port) for port in network.input_ports],
        "output_ports": [port_values_of(port) for port in network.output_ports],
        "training": network.training,
    }
    if network.code is not None:
        header["code"] = code_record(network.code)
    if network.classes:
        header["classes"] = [plain_class(each) for each in network.classes]
    text = json.dumps(header, sort_keys=True)
    write_archive(
        path,
        {
            "header": np.frombuffer(text.encode(), dtype=np.uint8),
            "fanin_start": network.topology.fanin_start,
            "sources": network.topology.sources,
            "weights": network.weights,
        },
    )


def load_network(path: StrPath) -> TrainedNetwork:
    path = as_path(path)
    arrays = read_archive(path, "a network written by btfsynth")
    if _DATA_SETS & arrays.keys():
        raise DataError("expected a trained network, got an archive of patterns", path)
    try:
        header = json.loads(arrays["header"].tobytes())
        if header["format"] != _FORMAT:
            raise DataError(f"network format {header['format']!r}, expected {_FORMAT}", path)
        widths = header["widths"]
        topology = Topology(
            int(header["n_inputs"]),
            int(header["n_outputs"]),
            arrays["fanin_start"],
            arrays["sources"],
            None if widths is None else tuple(int(width) for width in widths),
        )
        return TrainedNetwork(
            name=str(header["name"]),
            topology=topology,
            weights=arrays["weights"],
            input_ports=tuple(port_from_values(port) for port in header["input_ports"]),
            output_ports=tuple(port_from_values(port) for port in header["output_ports"]),
            training=dict(header["training"]),
            code=_code(header, path),
            classes=tuple(map(plain_class, header.get("classes", ()))),
        )
    except TopologyError as error:
        raise DataError(f"not a sound network: {error}", path) from None
    except BROKEN_ARCHIVE as error:
        reason = f"{type(error).__name__}: {broken_reason(error)}"
        raise DataError(f"not a network written by btfsynth ({reason})", path) from None


def _code(header: dict[str, Any], path: Path) -> TableCode | None:
    if "code" not in header:
        return None
    try:
        return code_of_record(header["code"])[0]
    except DataError as error:
        raise DataError(f"code: {error}", path) from None


_TEXT_ENDINGS = (".net", ".sol")
_ARCHIVE_ENDING = ".npz"
_ARCHIVE_MAGIC = b"PK"


def is_network(path: StrPath) -> bool:
    """Tell whether a file is to be read as a network: by its ending, else by its first bytes."""
    path = as_path(path)
    if path.suffix.lower() in (_ARCHIVE_ENDING, *_TEXT_ENDINGS):
        return True
    try:
        with path.open("rb") as stream:
            return stream.read(len(_ARCHIVE_MAGIC)) == _ARCHIVE_MAGIC
    except OSError:
        return False  # reading it as something else says what is wrong


def read_network(path: StrPath) -> TrainedNetwork:
    """Read a network: text of boolearn where the ending is ``.net`` or ``.sol``, else an archive."""
    path = as_path(path)
    if path.suffix.lower() in _TEXT_ENDINGS:
        return read_network_text(path)
    return load_network(path)
