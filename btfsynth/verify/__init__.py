"""Checks that hardware and netlists do what they should."""
