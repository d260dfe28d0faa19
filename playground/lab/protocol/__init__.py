"""What the screen's process and the worker's say to each other: frozen dataclasses, plain data.

The screen sends a Command and gets one Reply, or a Failure; while something takes its time it
also gets Progress. Nothing else is ever sent: the screen pulls. Both processes import these
files, which know neither of them; none loads pydantic, so that the screen can paint before
pydantic is loaded: a RunSpec travels as JSON text.

This file imports nothing, and everybody imports from the file that a name lives in: the first
worker is started by way of `pipe`, which must not wait for the rest.
"""
