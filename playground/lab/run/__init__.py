"""The parts of a run at work: set up, trained, measured, sampled, drawn.

The package runs in the TRAINING process, and in commands without a screen. Every call into a plugin
goes through guard.py. The package knows neither the store nor the pipe nor the screen. This file
imports nothing, so that a worker answers pings before the rest of the package is loaded.
"""
