"""A run on its way into the store, and back.

Runs in the TRAINING process, beside the session: recorder.py gathers between two steps, writer.py
writes in a thread of its own, load.py reads a run so that it can continue. Knows the run and the
store, and nothing of the processes.
"""
