"""Data sets: built-in tasks, file formats, codes of analog inputs."""
