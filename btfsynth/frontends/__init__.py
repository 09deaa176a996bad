"""Readers of the field's netlist files: each turns a file into a netlist."""
