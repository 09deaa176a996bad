"""Approximate circuits: fewer cells within a proven bound of the error."""
