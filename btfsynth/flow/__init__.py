"""The whole way: patterns to a trained network, a small netlist and checked hardware."""

from btfsynth.flow.building import Observer, build, build_network
from btfsynth.flow.emit import emit_netlist
from btfsynth.flow.records import is_verified, netlist_record, network_record, pass_records
from btfsynth.flow.report import BuildOptions, BuildReport, NetworkOrigin
from btfsynth.flow.simplify import simplify_netlist, simplify_network
from btfsynth.flow.targets import Targets, count_targets, targets_record, verified_words
from btfsynth.flow.vectors import fitted, hardware_vectors

__all__ = [
    "BuildOptions",
    "BuildReport",
    "NetworkOrigin",
    "Observer",
    "Targets",
    "build",
    "build_network",
    "count_targets",
    "emit_netlist",
    "fitted",
    "hardware_vectors",
    "is_verified",
    "netlist_record",
    "network_record",
    "pass_records",
    "simplify_netlist",
    "simplify_network",
    "targets_record",
    "verified_words",
]
