"""Execution of work: worker processes of this machine, or a cluster.

Nothing here imports modules that compute, because a worker sets its number of threads before loading them.
"""
