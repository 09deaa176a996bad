"""Verilog: what writes it, and the reader of structural and combinational Verilog."""
