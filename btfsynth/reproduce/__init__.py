"""Published experiments, run again: the catalogue, one run of each, gradient baselines, tables and curves."""
