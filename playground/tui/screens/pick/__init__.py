"""Dialogs in which something is chosen from the catalog, with its knobs: data sets, tokenizers,
engines, the sampling chain, metrics, panels.

They see the catalog, which is plain data; no plugin is imported for them.
"""
