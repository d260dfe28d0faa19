"""What the screen's process and the worker's say to each other: frozen dataclasses, plain data.

The screen sends a Command and gets one Reply or a Failure, and Progress before that while a
command takes long. The worker sends nothing else: the screen asks. Both processes import these
files, which know neither of them. No file here loads pydantic, so that the screen can paint before
pydantic is loaded: a RunSpec travels as JSON text.

This file imports nothing, because the first worker is started by way of `pipe`, which must not wait
for the rest. Import each name from the file in which it lives.
"""
