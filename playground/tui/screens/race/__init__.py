"""The screen of a race: two runs beside each other, their losses, samples and answers to probes.

The race itself is playground/lab/race; view.py and probes.py put its state into lines.
"""
