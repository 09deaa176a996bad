"""Verilog: the writer, and the reader of structural and combinational Verilog."""
