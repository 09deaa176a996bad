"""Netlists as hardware: names, formats, testbench, test vectors, design folder."""
