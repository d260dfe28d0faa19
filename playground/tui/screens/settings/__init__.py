"""The settings dialog: every field of a RunSpec, and what a step will cost with them.

form.py has the fields, cost.py the estimate in words, screen.py the dialog around both.
"""
