"""Checks of hardware and netlists."""
