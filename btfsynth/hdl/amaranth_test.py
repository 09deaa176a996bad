"""A pytest file for the Amaranth component."""

from __future__ import annotations

from btfsynth.hdl.amaranth import class_name
from btfsynth.hdl.amaranth_stream import stream_class_name
from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.bench_context import bench_context
from btfsynth.hdl.templates import render

__all__ = [
    "emit_amaranth_test",
]


def emit_amaranth_test(
    module: HardwareModule, vector_count: int, vector_file: str, stream: bool = False
) -> str:
    """Return a Python module with tests that need nothing but Amaranth and pytest.

    Parameters
    ----------
    module
        What it checks; only names and timing are looked at.
    vector_count
        Number of vectors in the file.
    vector_file
        Name of the file, which lies beside the test.
    stream
        Whether there is a stream wrapper to test too (see `amaranth_stream.emit_amaranth_stream`).
    """
    names, timing = module.names, module.timing
    return render(
        "amaranth/test.py.j2",
        **bench_context(module, vector_count, vector_file),
        component=class_name(names.module),
        stream=stream_class_name(names.module) if stream else "",
        inputs=names.inputs,
        outputs=names.outputs,
        randomised=timing is not None and timing.enable,
    )
