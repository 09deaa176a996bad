"""The whole way: patterns to a trained network, a small netlist and checked hardware."""
