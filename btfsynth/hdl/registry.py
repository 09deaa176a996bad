"""The table of backends."""

from __future__ import annotations

from types import MappingProxyType

from btfsynth.errors import UsageError
from btfsynth.hdl.amaranth import emit_amaranth
from btfsynth.hdl.base import Backend
from btfsynth.hdl.verilog.emit import emit_verilog
from btfsynth.hdl.vhdl import emit_vhdl

__all__ = [
    "BACKENDS",
    "get_backend",
]

BACKENDS = MappingProxyType(
    {
        backend.name: backend
        for backend in (
            Backend("verilog", "structural Verilog-2001", "{module}.v", emit_verilog),
            Backend("amaranth", "Amaranth component", "{module}_amaranth.py", emit_amaranth),
            Backend("vhdl", "structural VHDL-93", "{module}.vhd", emit_vhdl),
        )
    }
)


def get_backend(name: str) -> Backend:
    """Return a backend by name.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    try:
        return BACKENDS[name]
    except KeyError:
        raise UsageError(
            f"unknown backend {name!r}: expected one of {', '.join(BACKENDS)}"
        ) from None
