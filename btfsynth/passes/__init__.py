"""Netlist to smaller netlist: one pass a file, each checked when it runs."""
