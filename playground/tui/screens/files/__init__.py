"""Dialogs about files: choosing a path, saving a checkpoint, exporting, and a preview.

They look at the file system, and write nothing: what was chosen is done by the lab.
"""
