"""The whole way: patterns to a trained network, a small netlist and checked hardware."""

from btfsynth.flow.building import build, build_network, emit_netlist
from btfsynth.flow.patterns import (
    Targets,
    count_targets,
    fitted,
    hardware_vectors,
    targets_record,
    verified_words,
)
from btfsynth.flow.report import (
    BuildOptions,
    BuildReport,
    NetworkOrigin,
    is_verified,
    netlist_record,
    network_record,
    pass_records,
)
from btfsynth.flow.simplify import simplify_netlist, simplify_network

__all__ = [
    "BuildOptions",
    "BuildReport",
    "NetworkOrigin",
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
