"""The settings dialog: every field of a RunSpec, and what a step will cost with them.

form.py has the settings as data, run_form.py the rows and the form that the fork dialog shares,
cost.py the estimate in words, screen.py the dialog.
"""
