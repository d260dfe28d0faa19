"""The fork dialog: one step of the run, and what is to be different from there on.

fields.py has a field for each setting that may change, screen.py the dialog around them.
"""
