"""A run on its way into the store, and back.

Runs in the TRAINING process, beside the session: recorder.py takes note between two steps,
writer.py writes in a thread of its own, load.py reads a run so that it can go on. Knows the run and
the store, and nothing of the processes.
"""
