"""A ready/valid wrapper for a pipelined Amaranth component (Amaranth RFC 61, `amaranth.lib.stream`)."""

from __future__ import annotations

from btfsynth.hdl.amaranth import class_name
from btfsynth.hdl.base import HardwareModule
from btfsynth.hdl.templates import render

__all__ = [
    "emit_amaranth_stream",
    "stream_class_name",
]


def emit_amaranth_stream(module: HardwareModule) -> str:
    """Return a Python module with a component that puts the pipeline between two streams.

    The payloads are structures of the data ports. Whether an item is valid is known from registers alone;
    the pipeline stands still while an item at its end is not taken.

    Parameters
    ----------
    module
        A pipelined module with enable and reset; its component is imported from the file beside this one.
    """
    names = module.names
    return render(
        "amaranth/stream.py.j2",
        module=names.module,
        component=class_name(names.module),
        stream=stream_class_name(names.module),
        provenance=module.header,
        timing=module.timing,
        inputs=names.inputs,
        outputs=names.outputs,
    )


def stream_class_name(module: str) -> str:
    """Return a class name that no imported name can be equal to."""
    return class_name(module).removesuffix("Component") + "Stream"
