"""Where work is run: worker processes of this machine, or a cluster of others.

Nothing here imports what computes: a worker sets its number of threads before anything else is loaded.
"""
