"""The files of the field: AIGER, BENCH, BLIF, Yosys JSON and tables, each with its reader and its writer."""
