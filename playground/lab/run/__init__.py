"""The parts of a run at work: set up, trained, measured, sampled, drawn.

Runs in the TRAINING process, and in commands without a screen. Every call into a plugin goes
through guard.py. Knows neither the store nor the pipe, nor that there is a screen. This file
imports nothing: a worker answers pings before the rest of the package is loaded.
"""
