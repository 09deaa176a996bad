"""The whole way: patterns to a trained network, a small netlist and checked hardware."""

from btfsynth.flow.building import BuildOptions, BuildReport, Observer, build
from btfsynth.flow.emit import emit_netlist
from btfsynth.flow.records import is_verified, netlist_record, network_record, pass_records
from btfsynth.flow.simplify import simplify_netlist, simplify_network
from btfsynth.flow.vectors import hardware_vectors

__all__ = [
    "BuildOptions",
    "BuildReport",
    "Observer",
    "build",
    "emit_netlist",
    "hardware_vectors",
    "is_verified",
    "netlist_record",
    "network_record",
    "pass_records",
    "simplify_netlist",
    "simplify_network",
]
