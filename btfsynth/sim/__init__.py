"""Simulators that run a design folder over its vectors."""
