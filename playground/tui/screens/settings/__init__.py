"""The settings dialog: every field of a RunSpec, and what a step will cost with them.

form.py has the settings as data, rows.py the rows as data, row_sheet.py the one widget that draws
them, run_form.py the form that the fork dialog shares, cost.py the estimate in words, and screen.py
the dialog.
"""
