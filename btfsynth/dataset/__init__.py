"""Patterns: the built-in tasks, the files, and the data set they become."""
