"""Dialogs about files: choosing a path, saving a checkpoint, exporting, and a preview.

A dialog looks at the file system and writes nothing; the lab writes what was chosen.
"""
