"""Each setting described once: its check, its option, its key in a run file, its documentation."""
