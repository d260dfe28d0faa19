"""Dialogs that choose from the catalog: data sets, tokenizers, engines, the sampling chain,
metrics, panels.

list_and_knobs.py has what they look like, picker.py the choice of one. The catalog is plain data;
no plugin is imported for a dialog.
"""
