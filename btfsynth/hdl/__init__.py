"""Hardware languages: Verilog in both directions, VHDL, Amaranth, testbenches and the design folder."""
